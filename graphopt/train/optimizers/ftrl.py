"""FTRL-proximal."""

from __future__ import annotations

from typing import Any, ClassVar

from graphopt.errors import ArgumentError
from graphopt.ops import training
from graphopt.ops.update_rule import Rule
from graphopt.train.hyper import NON_NEGATIVE, check_learning_rate
from graphopt.train.optimizers.registry import registered
from graphopt.train.optimizers.rule import Hyper, RuleOptimizer, Slot, check_start

_SHRINKAGE = "_l2_shrinkage_regularization_strength"


@registered("train.FtrlOptimizer", sparse="only rows", learning_rate=0.5)
class FtrlOptimizer(RuleOptimizer):
    """FTRL-proximal, which makes weights exactly 0 by an L1 penalty.

    ``n' = n + g²; z += g̃ - (n'ᵖ - nᵖ)/lr w; w = (sign(z) l1 - z) / (n'ᵖ/lr + 2 l2) where |z| > l1, else 0``,
    with ``p = -learning_rate_power`` and ``g̃ = g + 2 l2_shrinkage w``.

    Args:
      learning_rate: a number or scalar tensor, above 0. learning_rate_power: at most 0.
      initial_accumulator_value: what `n` starts from, from 0 on.
      l1_regularization_strength, l2_regularization_strength: penalties, from 0 on.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and the slots.
      accum_name, linear_name: names of the slots, in place of `name`.
      l2_shrinkage_regularization_strength: a penalty on the size of the weights themselves, from 0 on.

    Raises:
      ValueError: for a value out of its range.

    Source: tensorflow/python/training/ftrl.py (r1.15), https://www.eecs.tufts.edu/~dsculley/papers/ad-click-prediction.pdf.

    Example:
      >>> w = tf.Variable([0.5, 0.001])
      >>> step = tf.train.FtrlOptimizer(0.1, l1_regularization_strength=0.1).apply_gradients([(tf.constant([1.0, 0.01]), w)])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(2))
      [0.24 0.  ]
    """

    def __init__(
        self,
        learning_rate: Any,
        learning_rate_power: Any = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: Any = 0.0,
        l2_regularization_strength: Any = 0.0,
        use_locking: bool = False,
        name: str = "Ftrl",
        accum_name: str | None = None,
        linear_name: str | None = None,
        l2_shrinkage_regularization_strength: Any = 0.0,
    ) -> None:
        super().__init__(use_locking, name)
        check_start("initial_accumulator_value", initial_accumulator_value)
        _check_not_negative("initial_accumulator_value", initial_accumulator_value)
        if _is_number(learning_rate_power) and learning_rate_power > 0.0:
            raise ArgumentError(f"learning_rate_power {learning_rate_power:f} needs to be negative or zero")
        _check_not_negative("l1_regularization_strength", l1_regularization_strength)
        _check_not_negative("l2_regularization_strength", l2_regularization_strength)
        _check_not_negative("l2_shrinkage_regularization_strength", l2_shrinkage_regularization_strength)
        self._learning_rate = check_learning_rate(learning_rate)
        self._learning_rate_power = learning_rate_power
        self._initial_accumulator_value = initial_accumulator_value
        self._l1_regularization_strength = l1_regularization_strength
        self._l2_regularization_strength = l2_regularization_strength
        self._l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength
        self._accum_name = accum_name
        self._linear_name = linear_name

    hypers: ClassVar[tuple[Hyper, ...]] = (
        Hyper("lr", "_learning_rate", "_learning_rate_tensor", "learning_rate", NON_NEGATIVE),
        Hyper("l1", "_l1_regularization_strength", "_l1_regularization_strength_tensor", "l1_regularization_strength"),
        Hyper("l2", "_l2_regularization_strength", "_l2_regularization_strength_tensor", "l2_regularization_strength"),
        Hyper("l2_shrinkage", _SHRINKAGE, f"{_SHRINKAGE}_tensor", "l2_shrinkage_regularization_strength"),
        Hyper("lr_power", "_learning_rate_power", "_learning_rate_power_tensor", "learning_rate_power"),
    )

    @property
    def rule(self) -> Rule:
        """The update rule: the plain one without shrinkage."""
        given = self._l2_shrinkage_regularization_strength
        return training.ftrl if _is_number(given) and given <= 0.0 else training.ftrl_shrinkage

    def read_hypers(self) -> tuple[Hyper, ...]:
        """Return those of the hyper-parameters that the rule reads: the plain one no shrinkage."""
        return tuple([hyper for hyper in self.hypers if hyper.given != _SHRINKAGE or self.rule is training.ftrl_shrinkage])

    def slots(self) -> tuple[Slot, ...]:
        """Return the slots: the sum of squared gradients, and the linear term."""
        return Slot("accum", self._initial_accumulator_value, self._accum_name), Slot("linear", 0.0, self._linear_name)

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The hyper-parameters as they were given, by name."""
        return super().hyper_parameters | {"initial_accumulator_value": self._initial_accumulator_value}


def _is_number(value: Any) -> bool:
    return not hasattr(value, "builder") and not callable(value)


def _check_not_negative(name: str, value: Any) -> None:
    if _is_number(value) and value < 0.0:
        raise ArgumentError(f"{name} {value:f} needs to be positive or zero")
