"""FTRL-Proximal."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from graphopt.errors import ArgumentError, GraphStateError
from graphopt.graph.initializers import Constant
from graphopt.graph.operation import Tensor
from graphopt.graph.variables import Variable
from graphopt.ops import training
from graphopt.ops.elementwise import add, divide, multiply
from graphopt.ops.update_rule import Rule
from graphopt.train.hyper import NON_NEGATIVE, NON_POSITIVE, Range, check_number
from graphopt.train.keras.legacy.hypers import HyperAttributes, is_number
from graphopt.train.keras.legacy.rule import RuleOptimizer
from graphopt.train.keras.legacy.sgd import MODULE
from graphopt.train.keras.serialization import register
from graphopt.train.optimizers.registry import registered

_STRENGTHS = ("l1_regularization_strength", "l2_regularization_strength", "l2_shrinkage_regularization_strength", "beta")


@registered("keras.optimizers.legacy.Ftrl", sparse="only rows", learning_rate=1.0)
@register(MODULE)
class Ftrl(RuleOptimizer):
    """FTRL-Proximal: ``n' = n + g²; z += g - (n'ᵖ - nᵖ)/lr w; w = (sign(z) l1 - z)/(n'ᵖ/lr + 2 l2)`` where |z| > l1, else 0.

    p = -learning_rate_power; l2 stands for ``l2_regularization_strength + beta / (2 lr)``; with shrinkage ``g + 2 shrinkage w`` stands
    in place of g in z. Sparse rows: only they change; the others keep their weights.

    Args:
      learning_rate, learning_rate_power, l1_regularization_strength, l2_regularization_strength, l2_shrinkage_regularization_strength,
        beta: numbers, scalar tensors or variables, schedules, or functions without arguments; the power is 0 or less.
      initial_accumulator_value: what each n starts from, a number that is not negative.
      name: scope of what is recorded and of the slots. kwargs: see `Optimizer`.

    Raises:
      TypeError, ValueError: for what these can't be. A run raises InvalidArgumentError where the rate is not positive.

    Source: ``tf_keras/optimizers/legacy/ftrl.py`` (2.15), https://research.google.com/pubs/archive/41159.pdf.

    Example:
      >>> tf.keras.optimizers.legacy.Ftrl(0.1, beta=1.0).get_config()["learning_rate_power"]
      -0.5
    """

    ranges: ClassVar[dict[str, Range]] = {
        **HyperAttributes.ranges,
        **dict.fromkeys(_STRENGTHS, NON_NEGATIVE),
        "learning_rate_power": NON_POSITIVE,
    }

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: Any = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: Any = 0.0,
        l2_regularization_strength: Any = 0.0,
        name: str | None = "Ftrl",
        l2_shrinkage_regularization_strength: Any = 0.0,
        beta: Any = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(name, **kwargs)
        start = check_number(initial_accumulator_value, "initial_accumulator_value")
        strengths = (l1_regularization_strength, l2_regularization_strength, l2_shrinkage_regularization_strength, beta)
        for what, value in (("initial_accumulator_value", start), *zip(_STRENGTHS, strengths, strict=True)):
            if isinstance(value, int | float) and value < 0:
                raise ArgumentError(f"`{what}` needs to be positive or zero. Received: {what}={value}.")
        if isinstance(learning_rate_power, int | float) and learning_rate_power > 0:
            raise ArgumentError(f"`learning_rate_power` needs to be negative or zero. Received: learning_rate_power={learning_rate_power}.")
        self._set_hyper("learning_rate", kwargs.get("lr", learning_rate))
        self._set_hyper("decay", self._initial_decay)
        self._set_hyper("learning_rate_power", learning_rate_power)
        for what, value in zip(_STRENGTHS, strengths, strict=True):
            self._set_hyper(what, value)
        self._initial_accumulator_value = start
        shrinkage = l2_shrinkage_regularization_strength
        self._shrinks = not is_number(shrinkage) or float(shrinkage) > 0

    def _check_change(self, name: str, value: Any) -> None:
        if name != "l2_shrinkage_regularization_strength" or self._shrinks or (is_number(value) and float(value) == 0):
            return
        if any(state.has_updates for _, state in self._known_states()):
            raise GraphStateError(
                f"{name} can't be set to {value!r}: the updates of {self._name} were recorded without shrinkage. "
                "Give the constructor one that is not 0, or a variable: that one may be set to 0 and back."
            )
        self._shrinks = True

    def _unread(self) -> set[str]:
        return set() if self._shrinks else {"l2_shrinkage_regularization_strength"}

    @property
    def _rule(self) -> Rule:
        return training.ftrl_shrinkage if self._shrinks else training.ftrl

    def _slots_of_rule(self) -> list[str]:
        return ["accumulator", "linear"]

    def _slot_initializer(self, slot_name: str) -> Any:
        return Constant(self._initial_accumulator_value) if slot_name == "accumulator" else "zeros"

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        for var in var_list:  # here Keras goes variable by variable
            super()._create_slots([var])

    def _scalars(self) -> dict[str, Tensor]:
        rate = self._rate()
        merged = add(self._hyper_tensor("l2_regularization_strength"), divide(self._hyper_tensor("beta"), multiply(rate, 2.0)))
        return {
            "lr": rate,
            "l1": self._hyper_tensor("l1_regularization_strength"),
            "l2": merged,
            "l2_shrinkage": self._hyper_tensor("l2_shrinkage_regularization_strength"),
            "lr_power": self._hyper_tensor("learning_rate_power"),
        }

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        names = ("learning_rate", "decay", "learning_rate_power", *_STRENGTHS)
        hypers = {name: self._serialize_hyperparameter(name) for name in names}
        return {**super().get_config(), **hypers, "initial_accumulator_value": self._initial_accumulator_value}
