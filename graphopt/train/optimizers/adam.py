"""Adam."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.graph.graph import get_default_graph
from graphopt.graph.variables import Variable, group
from graphopt.ops import training
from graphopt.ops.elementwise import cast, multiply
from graphopt.ops.update_rule import Rule
from graphopt.train.hyper import NON_NEGATIVE, check_learning_rate, takes_step
from graphopt.train.optimizers.registry import registered
from graphopt.train.optimizers.rule import Hyper, RuleOptimizer, Slot


@registered("train.AdamOptimizer", sparse="as dense", learning_rate=0.1)
class AdamOptimizer(RuleOptimizer):
    """Adam: ``m += (g - m)(1-β1); v += (g² - v)(1-β2); w -= lr √(1-β2ᵗ)/(1-β1ᵗ) m / (√v + ε)``.

    ε is the paper's "epsilon hat": it is added after the bias correction. A sparse gradient decays `m` and `v` of all rows and moves
    all rows, as a dense gradient of zeros there would.

    Args:
      learning_rate, beta1, beta2, epsilon: numbers, scalar tensors, variables, or functions without arguments.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and the slots.

    Source: tensorflow/python/training/adam.py (r1.15), https://arxiv.org/abs/1412.6980.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.train.AdamOptimizer(0.1).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.9 -1.9]
    """

    hypers: ClassVar[tuple[Hyper, ...]] = (
        Hyper("lr", "_lr", "_lr_t", "learning_rate", NON_NEGATIVE),
        Hyper("beta1", "_beta1", "_beta1_t", "beta1"),
        Hyper("beta2", "_beta2", "_beta2_t", "beta2"),
        Hyper("epsilon", "_epsilon", "_epsilon_t", "epsilon"),
    )

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        super().__init__(use_locking, name)
        self._lr = check_learning_rate(learning_rate)
        self._beta1 = beta1
        self._beta2 = beta2
        self._epsilon = epsilon

    @property
    def rule(self) -> Rule:
        """The update rule."""
        return training.adam

    def slots(self) -> tuple[Slot, ...]:
        """Return the slots: averages of the gradients and of their squares."""
        return Slot("m"), Slot("v")

    def _get_beta_accumulators(self) -> tuple[Variable | None, Variable | None]:
        """Return the variables that hold β1ᵗ and β2ᵗ."""
        graph = get_default_graph()
        return self._get_non_slot_variable("beta1_power", graph), self._get_non_slot_variable("beta2_power", graph)

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        self._create_power("beta1_power", self._beta1, var_list)
        self._create_power("beta2_power", self._beta2, var_list)
        super()._create_slots(var_list)

    def _create_power(self, name: str, beta: Any, var_list: Sequence[Variable]) -> None:
        """Make the variable that holds βᵗ. It starts from β as it was given: of a schedule, its value in the first step."""
        # float32 as in TensorFlow, but not for float64 variables, whose steps would lose half of their digits.
        dtype = dtypes.float64 if any(v.dtype is dtypes.float64 for v in var_list) else dtypes.float32
        start = beta(np.int64(0)) if callable(beta) and takes_step(beta) else beta
        is_symbol = hasattr(start() if callable(start) else start, "builder")
        self._create_non_slot_variable(start, name, min(var_list, key=lambda v: v.name), None if is_symbol else dtype)

    def _operands(self, dtype: DType) -> dict[str, Any]:
        beta1_power, beta2_power = self._get_beta_accumulators()
        return super()._operands(dtype) | {"beta1_power": self._power(beta1_power, dtype), "beta2_power": self._power(beta2_power, dtype)}

    def _power(self, power: Any, dtype: DType) -> Any:
        key = (power.name, dtype)
        if key not in self._casts:
            self._casts[key] = cast(power.value(), dtype)
        return self._casts[key]

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        powers = self._get_beta_accumulators()
        with get_default_graph().control_dependencies(update_ops):
            updates = [
                power.assign(multiply(power.value(), self._hyper(hyper, power.dtype)))
                for power, hyper in zip(powers, self.hypers[1:3], strict=True)
                if power is not None
            ]
        return group(*update_ops, *updates, name=name_scope)
