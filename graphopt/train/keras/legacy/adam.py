"""Adam and its relatives: Adamax and Nadam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.operation import Tensor
from graphopt.graph.variables import Variable
from graphopt.ops import training_legacy
from graphopt.ops.elementwise import add, cast, divide, multiply, power, sqrt, subtract
from graphopt.ops.update_rule import Rule
from graphopt.train.hyper import takes_step
from graphopt.train.keras.legacy.rule import RuleOptimizer
from graphopt.train.keras.legacy.sgd import MODULE
from graphopt.train.keras.serialization import register
from graphopt.train.optimizers.registry import registered

EPSILON = 1e-7


class _Moments(RuleOptimizer):
    """An optimizer with averages of gradients and of their squares."""

    def _set_hypers(self, learning_rate: Any, decay: Any, beta_1: Any, beta_2: Any, epsilon: Any) -> None:
        self._set_hyper("learning_rate", learning_rate)
        self._set_hyper("decay", decay)
        self._set_hyper("beta_1", beta_1)
        self._set_hyper("beta_2", beta_2)
        self._set_hyper("epsilon", EPSILON if epsilon is None else epsilon)

    def _slots_of_rule(self) -> list[str]:
        return ["m", "v"]

    def _steps(self, ahead: float) -> Tensor:
        """Return the number of steps made, plus some, as a float64 scalar."""
        steps: Tensor = add(cast(self.iterations.value(), dtypes.float64), ahead)
        return steps

    def _rest(self, name: str) -> Tensor:
        """Return 1 - β."""
        rest: Tensor = subtract(1.0, self._hyper_tensor(name))
        return rest

    def _correction(self, name: str) -> Tensor:
        """Return 1 - βᵗ, t the number of this step, from 1."""
        correction: Tensor = subtract(1.0, power(self._hyper_tensor(name), self._steps(1.0)))
        return correction

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        hypers = {name: self._serialize_hyperparameter(name) for name in ("learning_rate", "decay", "beta_1", "beta_2", "epsilon")}
        return {**super().get_config(), **hypers}


@registered("keras.optimizers.legacy.Adam", sparse="as dense", learning_rate=0.1)
@register(MODULE)
class Adam(_Moments):
    """Adam: ``m += (g - m)(1-β1); v += (g² - v)(1-β2); w -= lr √(1-β2ᵗ)/(1-β1ᵗ) m / (√v + ε)``; with amsgrad the largest v so far.

    Sparse rows: a row without a gradient follows its momentum, as with a dense gradient of zeros.

    Args:
      learning_rate, beta_1, beta_2, epsilon: numbers, scalar tensors or variables, schedules, or functions without arguments.
      amsgrad: see above. name: scope of what is recorded and of the slots. kwargs: see `Optimizer`.

    Raises:
      TypeError, ValueError: for what these can't be.

    Source: ``tf_keras/optimizers/legacy/adam.py`` (2.15), https://arxiv.org/abs/1412.6980, with ε as "epsilon hat". An epsilon of 0 is 0.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.keras.optimizers.legacy.Adam(0.1).minimize(lambda: tf.reduce_sum(w * w), [w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     print(session.run(step), session.run(w).round(3))
      1 [ 0.9 -1.9]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: Any = EPSILON,
        amsgrad: bool = False,
        name: str | None = "Adam",
        **kwargs: Any,
    ) -> None:
        super().__init__(name, **kwargs)
        self._set_hypers(kwargs.get("lr", learning_rate), self._initial_decay, beta_1, beta_2, epsilon)
        self.amsgrad = amsgrad

    @property
    def _rule(self) -> Rule:
        return training_legacy.amsgrad if self.amsgrad else training_legacy.adam

    def _slots_of_rule(self) -> list[str]:
        return ["m", "v", "vhat"] if self.amsgrad else ["m", "v"]

    def _scalars(self) -> dict[str, Tensor]:
        corrected = divide(multiply(self._rate(), sqrt(self._correction("beta_2"))), self._correction("beta_1"))
        epsilon = self._hyper_tensor("epsilon")
        return {"lr": corrected, "rest_1": self._rest("beta_1"), "rest_2": self._rest("beta_2"), "epsilon": epsilon}

    def set_weights(self, weights: Sequence[Any], session: Any = None) -> None:
        """Give `weights` values, in their order; a list of Keras 1, which has three slots of each variable, loses the third.

        Args:
          weights: arrays or numbers. session: the session they belong to (the default session by default).
        """
        expected = len(self.weights)
        has_unused = len(weights) == 3 * ((expected - 1) // 2) + 1
        super().set_weights(weights[:expected] if has_unused else weights, session)

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        return {**super().get_config(), "amsgrad": self.amsgrad}


@registered("keras.optimizers.legacy.Adamax", sparse="only rows", learning_rate=0.1)
@register(MODULE)
class Adamax(_Moments):
    """Adamax: ``m += (g - m)(1-β1); v = max(β2 v, |g|); w -= lr/(1-β1ᵗ) m / (v + ε)``.

    Sparse rows: only they, and their averages, change.

    Args:
      learning_rate, beta_1, beta_2, epsilon: numbers, scalar tensors or variables, schedules, or functions without arguments.
      name: scope of what is recorded and of the slots. kwargs: see `Optimizer`.

    Raises:
      TypeError, ValueError: for what these can't be.

    Source: ``tf_keras/optimizers/legacy/adamax.py`` (2.15), https://arxiv.org/abs/1412.6980, section 7.1.

    Example:
      >>> tf.keras.optimizers.legacy.Adamax(0.1).get_config()["beta_2"]
      0.999
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: Any = EPSILON,
        name: str | None = "Adamax",
        **kwargs: Any,
    ) -> None:
        super().__init__(name, **kwargs)
        self._set_hypers(kwargs.get("lr", learning_rate), self._initial_decay, beta_1, beta_2, epsilon)

    @property
    def _rule(self) -> Rule:
        return training_legacy.adamax

    def _scalars(self) -> dict[str, Tensor]:
        return {
            "lr": divide(self._rate(), self._correction("beta_1")),
            "rest_1": self._rest("beta_1"),
            "beta_2": self._hyper_tensor("beta_2"),
            "epsilon": self._hyper_tensor("epsilon"),
        }


@registered("keras.optimizers.legacy.Nadam", sparse="only rows", learning_rate=0.1)
@register(MODULE)
class Nadam(_Moments):
    """Adam with Nesterov's momentum, after the schedule ``μᵗ = β1 (1 - 0.5 · 0.96^(t decay))``, decay 0.004.

    ``w -= lr (μᵗ⁺¹ m / (1 - P μᵗ⁺¹) + (1 - μᵗ) g / (1 - P)) / (√(v / (1 - β2ᵗ)) + ε)``, P the product of all μ up to this step. P is
    kept in float64 and moves on once a step. Sparse rows: only they move; the averages of all rows decay.

    Args:
      learning_rate, beta_1, beta_2, epsilon: numbers, scalar tensors or variables, or functions without arguments.
      name: scope of what is recorded and of the slots. kwargs: see `Optimizer`; `schedule_decay` (or `decay`) is the schedule's decay.

    Raises:
      TypeError, ValueError: for what these can't be, and for a schedule as the learning rate.

    Source: ``tf_keras/optimizers/legacy/nadam.py`` (2.15), http://cs229.stanford.edu/proj2015/054_report.pdf.

    Example:
      >>> tf.keras.optimizers.legacy.Nadam(0.1).get_config()["decay"]
      0.004
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: Any = EPSILON,
        name: str | None = "Nadam",
        **kwargs: Any,
    ) -> None:
        if "decay" in kwargs and "schedule_decay" in kwargs:
            raise ArgumentError("For Nadam `decay` and `schedule_decay` mean the same: give one of them.")
        decay = kwargs.pop("schedule_decay", kwargs.pop("decay", 0.004))
        rate = kwargs.get("lr", learning_rate)
        self._refuse_schedule(rate)
        super().__init__(name, **kwargs, decay=decay)
        self._set_hypers(rate, decay, beta_1, beta_2, epsilon)

    def _refuse_schedule(self, rate: Any) -> None:
        if callable(rate) and takes_step(rate):
            raise ArgumentError(
                "The Nadam optimizer does not support tf.keras.optimizers.LearningRateSchedules as the learning rate: its momentum has a "
                "schedule of its own. Give a number, a variable or a function without arguments."
            )

    def _check_change(self, name: str, value: Any) -> None:
        if name == "learning_rate":
            self._refuse_schedule(value)

    @property
    def _rule(self) -> Rule:
        return training_legacy.nadam

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        state = self._state_in(get_default_graph())
        if "momentum_cache" not in state.own and var_list:
            state.own["momentum_cache"] = self.add_weight("momentum_cache", (), dtypes.float64, np.float64(1.0), trainable=False)
            state.weights.append(state.own["momentum_cache"])
        super()._create_slots(var_list)

    @property
    def _cache(self) -> Variable:
        """The product of the momenta of all steps made."""
        return self._state_in(get_default_graph()).own["momentum_cache"]

    def _momentum_at(self, ahead: float) -> Tensor:
        exponent = multiply(self._hyper_tensor("decay"), self._steps(ahead))
        falling = power(convert_to_tensor(np.float64(0.96)), exponent)
        momentum: Tensor = multiply(self._hyper_tensor("beta_1"), subtract(1.0, multiply(falling, 0.5)))
        return momentum

    def _product(self) -> Tensor:
        """Return the product of all momenta, this step's included."""
        product: Tensor = multiply(self._cache.value(), self._momentum_at(1.0))
        return product

    def _rate(self) -> Tensor:
        return self._hyper_tensor("learning_rate")

    def _scalars(self) -> dict[str, Tensor]:
        now, following, product = self._momentum_at(1.0), self._momentum_at(2.0), self._product()
        return {
            "lr": self._rate(),
            "rest_1": self._rest("beta_1"),
            "rest_2": self._rest("beta_2"),
            "gradient_share": divide(subtract(1.0, now), subtract(1.0, product)),
            "average_share": divide(following, subtract(1.0, multiply(product, following))),
            "correction": self._correction("beta_2"),
            "epsilon": self._hyper_tensor("epsilon"),
        }

    def _prepare(self, var_list: Sequence[Variable]) -> dict[Any, dict[str, Any]]:
        apply_state = super()._prepare(var_list)
        # Once a step, after all that reads what it was.
        self._cache.assign(self._product())
        return apply_state
