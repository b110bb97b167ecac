"""Optimizers that divide by an average of squared gradients: RMSprop, Adagrad, Adadelta."""

from __future__ import annotations

from typing import Any

from graphopt.errors import ArgumentError
from graphopt.graph.initializers import Constant
from graphopt.graph.operation import Tensor
from graphopt.ops import training_legacy
from graphopt.ops.elementwise import subtract
from graphopt.ops.update_rule import Rule
from graphopt.train.hyper import check_number
from graphopt.train.keras.legacy.adam import EPSILON
from graphopt.train.keras.legacy.rule import RuleOptimizer
from graphopt.train.keras.legacy.sgd import MODULE, MomentumSwitch
from graphopt.train.keras.legacy.weights import CounterMayBeMissing
from graphopt.train.keras.serialization import register
from graphopt.train.optimizers.registry import registered

_RULES = {
    (False, False): (training_legacy.rmsprop, ["rms"]),
    (False, True): (training_legacy.centered_rmsprop, ["rms", "mg"]),
    (True, False): (training_legacy.rmsprop_momentum, ["rms", "momentum"]),
    (True, True): (training_legacy.centered_rmsprop_momentum, ["rms", "momentum", "mg"]),
}


@registered("keras.optimizers.legacy.RMSprop", sparse="as dense", learning_rate=0.01)
@register(MODULE)
class RMSprop(CounterMayBeMissing, MomentumSwitch):
    """RMSprop: ``s += (g² - s)(1-ρ); w -= lr g / (√s + ε)``; with momentum ``m = μ m + lr g / √(s + ε); w -= m``.

    Centered it keeps ``b += (g - b)(1-ρ)`` too, and s - b² stands in the root. Where ε stands depends on the momentum, as in Keras.
    Sparse rows: without momentum they do what a dense gradient would; with it only they, and their averages, change.

    Args:
      learning_rate, rho, momentum, epsilon: numbers, scalar tensors or variables, schedules, or functions without arguments. With the
        number 0 as the momentum there is no slot for it.
      centered: see above. name: scope of what is recorded and of the slots. kwargs: see `Optimizer`.

    Raises:
      TypeError, ValueError: for what these can't be.

    Source: ``tf_keras/optimizers/legacy/rmsprop.py`` (2.15),
    https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf.

    Example:
      >>> tf.keras.optimizers.legacy.RMSprop(0.1, centered=True).get_config()["rho"]
      0.9
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: Any = 0.9,
        momentum: Any = 0.0,
        epsilon: Any = EPSILON,
        centered: bool = False,
        name: str | None = "RMSprop",
        **kwargs: Any,
    ) -> None:
        super().__init__(name, **kwargs)
        self._set_hyper("learning_rate", kwargs.get("lr", learning_rate))
        self._set_hyper("decay", self._initial_decay)
        self._set_hyper("rho", rho)
        self._set_momentum(momentum)
        self._set_hyper("epsilon", EPSILON if epsilon is None else epsilon)
        self.centered = centered

    @property
    def _rule(self) -> Rule:
        return _RULES[self._momentum, bool(self.centered)][0]

    def _slots_of_rule(self) -> list[str]:
        return _RULES[self._momentum, bool(self.centered)][1]

    def _scalars(self) -> dict[str, Tensor]:
        return {
            "lr": self._rate(),
            "rest": subtract(1.0, self._hyper_tensor("rho")),
            "momentum": self._hyper_tensor("momentum"),
            "epsilon": self._hyper_tensor("epsilon"),
        }

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        names = ("learning_rate", "decay", "rho", "momentum", "epsilon")
        return {**super().get_config(), **{name: self._serialize_hyperparameter(name) for name in names}, "centered": self.centered}


@registered("keras.optimizers.legacy.Adagrad", sparse="only rows", learning_rate=0.5)
@register(MODULE)
class Adagrad(CounterMayBeMissing, RuleOptimizer):
    """Adagrad: ``a += g²; w -= lr g / (√a + ε)``.

    Sparse rows: only they, and their sums, change.

    Args:
      learning_rate, epsilon: numbers, scalar tensors or variables, schedules, or functions without arguments.
      initial_accumulator_value: what each a starts from, a number that is not negative.
      name: scope of what is recorded and of the slots. kwargs: see `Optimizer`.

    Raises:
      TypeError, ValueError: for what these can't be.

    Source: ``tf_keras/optimizers/legacy/adagrad.py`` (2.15), https://jmlr.org/papers/v12/duchi11a.html.

    Example:
      >>> tf.keras.optimizers.legacy.Adagrad(0.1).get_config()["initial_accumulator_value"]
      0.1
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: Any = EPSILON,
        name: str | None = "Adagrad",
        **kwargs: Any,
    ) -> None:
        if check_number(initial_accumulator_value, "initial_accumulator_value") < 0.0:
            raise ArgumentError(f"initial_accumulator_value must be non-negative: {initial_accumulator_value}")
        super().__init__(name, **kwargs)
        self._set_hyper("learning_rate", kwargs.get("lr", learning_rate))
        self._set_hyper("decay", self._initial_decay)
        self._set_hyper("epsilon", EPSILON if epsilon is None else epsilon)
        self._initial_accumulator_value = float(initial_accumulator_value)

    @property
    def _rule(self) -> Rule:
        return training_legacy.adagrad

    def _slots_of_rule(self) -> list[str]:
        return ["accumulator"]

    def _slot_initializer(self, slot_name: str) -> Any:
        return Constant(self._initial_accumulator_value)

    def _scalars(self) -> dict[str, Tensor]:
        return {"lr": self._rate(), "epsilon": self._hyper_tensor("epsilon")}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        hypers = {name: self._serialize_hyperparameter(name) for name in ("learning_rate", "decay", "epsilon")}
        return {**super().get_config(), **hypers, "initial_accumulator_value": self._initial_accumulator_value}


@registered("keras.optimizers.legacy.Adadelta", sparse="only rows", learning_rate=10.0)
@register(MODULE)
class Adadelta(CounterMayBeMissing, RuleOptimizer):
    """Adadelta: ``a += (g² - a)(1-ρ); u = √(x+ε) / √(a+ε) g; w -= lr u; x += (u² - x)(1-ρ)``.

    Sparse rows: only they, and their averages, change.

    Args:
      learning_rate, rho, epsilon: numbers, scalar tensors or variables, schedules, or functions without arguments.
      name: scope of what is recorded and of the slots. kwargs: see `Optimizer`.

    Raises:
      TypeError, ValueError: for what these can't be.

    Source: ``tf_keras/optimizers/legacy/adadelta.py`` (2.15), https://arxiv.org/abs/1212.5701.

    Example:
      >>> tf.keras.optimizers.legacy.Adadelta(1.0).get_config()["rho"]
      0.95
    """

    def __init__(
        self, learning_rate: Any = 0.001, rho: Any = 0.95, epsilon: Any = EPSILON, name: str | None = "Adadelta", **kwargs: Any
    ) -> None:
        super().__init__(name, **kwargs)
        self._set_hyper("learning_rate", kwargs.get("lr", learning_rate))
        self._set_hyper("decay", self._initial_decay)
        self._set_hyper("rho", rho)
        self._set_hyper("epsilon", EPSILON if epsilon is None else epsilon)

    @property
    def _rule(self) -> Rule:
        return training_legacy.adadelta

    def _slots_of_rule(self) -> list[str]:
        return ["accum_grad", "accum_var"]

    def _scalars(self) -> dict[str, Tensor]:
        return {"lr": self._rate(), "rest": subtract(1.0, self._hyper_tensor("rho")), "epsilon": self._hyper_tensor("epsilon")}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        names = ("learning_rate", "decay", "rho", "epsilon")
        return {**super().get_config(), **{name: self._serialize_hyperparameter(name) for name in names}}
