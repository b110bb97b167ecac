"""Schedule-free optimizers, as optax defines them: an average takes the place of a decaying learning rate."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.scopes import init_scope
from graphopt.graph.variables import Variable, assign, group
from graphopt.ops import training_modern
from graphopt.ops.elementwise import cast, equal, logical_not, maximum, minimum, power, select
from graphopt.ops.step_rule import StepRule
from graphopt.train.hyper import Range, takes_step
from graphopt.train.optimizers.modern.base import CountingOptimizer, bias_correction, check_whole_number
from graphopt.train.optimizers.modern.guards import write_only_if
from graphopt.train.optimizers.registry import registered

ABOVE_0_BELOW_1 = Range(low=0.0, high=1.0, open_low=True, open_high=True, words="more than 0 and less than 1")


class ScheduleFree(CountingOptimizer):
    """What schedule-free optimizers share.

    The variables hold y, at which gradients are taken; the slot ``z`` makes the steps of the optimizer inside; x, their average, is
    what to evaluate and to keep: `evaluation_value` gives it, and `swap_to_evaluation` puts it into the variables.
    """

    ranges: ClassVar[Mapping[str, Range]] = {"b1": ABOVE_0_BELOW_1}
    own: ClassVar[Mapping[str, Any]] = {
        "is_evaluating": np.bool_(False),
        "largest_rate": np.float64(0.0),
        "weight_sum": np.float64(0.0),
    }

    def __init__(self, name: str, warmup_steps: int | None, mask: Any, **given: Any) -> None:
        super().__init__(name, **given)
        self.decays = mask
        self._warmup_steps = 0 if warmup_steps is None else check_whole_number(warmup_steps, "warmup_steps", 1)
        self._known: list[Variable] = []

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        super()._create_slots(var_list)
        self._known += [v for v in var_list if not any([v is known for known in self._known])]

    @property
    def _is_evaluating(self) -> Variable:
        return self._own("is_evaluating")

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars; the weight of a step in the average grows with the largest rate so far."""
        largest, total = self._own("largest_rate"), self._own("weight_sum")
        rate = h.learning_rate * self._warmth(t - 1)
        self._new_largest = maximum(largest.value(), self._rate_of_weight(h, t))
        weight = power(self._new_largest, h.weight_lr_power)
        self._new_total = total.value() + weight
        is_none = equal(self._new_total, np.float64(0.0))
        share = select(is_none, np.float64(0.0), weight / select(is_none, np.float64(1.0), self._new_total))
        return vars(h) | {"is_first": self._is_first_number(), "weight": share, "lr": rate, "decay": rate * h.weight_decay}

    def _warmth(self, count: Any) -> Any:
        if not self._warmup_steps:
            return np.float64(1.0)
        return minimum(count, np.float64(self._warmup_steps)) / np.float64(self._warmup_steps)

    def _rate_of_weight(self, h: SimpleNamespace, t: Any) -> Any:
        """Return the learning rate that the average is weighted with: that of the next count, as optax has it."""
        given = self._given["learning_rate"]
        is_schedule = callable(given) and not isinstance(given, Tensor | Variable) and takes_step(given)
        rate = cast(convert_to_tensor(given(self._counted + np.int64(1))), dtypes.float64) if is_schedule else h.learning_rate
        return rate * self._warmth(t)

    def _own_updates(self) -> Iterable[Any]:
        largest, total = self._own("largest_rate"), self._own("weight_sum")
        return assign(largest, self._new_largest), assign(total, self._new_total)

    # --- evaluation --------------------------------------------------------------------------------------------------------

    def evaluation_value(self, variable: Variable) -> Tensor:
        """Return the value to evaluate a variable with, a tensor of its shape and element type: x, whatever the variable holds now.

        Raises:
          ValueError: for a variable that this optimizer does not train.
        """
        z = self.get_slot(variable, "z")
        if z is None:
            raise ArgumentError(f"{self._name} does not train {variable.op.name}: call minimize or apply_gradients first.")
        b1: Any = self._state_in(get_default_graph()).hypers["b1"].in_type(z.dtype)
        value = cast(variable.value(), z.dtype)
        averaged = cast((value - z.value() * (1 - b1)) / b1, variable.dtype)
        stands = self._is_evaluating.value() | equal(self.count.value(), np.int64(0))
        chosen: Tensor = select(stands, variable.value(), averaged)
        return chosen

    def swap_to_evaluation(self) -> Operation:
        """Return an operation that puts the values to evaluate with into the variables, and keeps those to train with.

        Record it before variables are initialized: it keeps the training values in variables of its own. A second run changes nothing.
        Train only after `swap_to_training`.
        """
        variables = self._trained()
        with init_scope():
            kept = [self._zeros_slot(v, "training_value", self._name) for v in variables]
        with write_only_if(logical_not(self._is_evaluating.value())):
            values = [self.evaluation_value(v) for v in variables]
            copies = [assign(slot, v.value()) for slot, v in zip(kept, variables, strict=True)]
            with get_default_graph().control_dependencies(copies):
                swapped = [assign(v, value) for v, value in zip(variables, values, strict=True)]
                return group(*swapped, assign(self._is_evaluating, np.bool_(True)), name=f"{self._name}/swap_to_evaluation")

    def swap_to_training(self) -> Operation:
        """Return an operation that puts the values to train with back into the variables, bit for bit. A second run changes nothing."""
        variables = self._trained()
        with init_scope():
            kept = [self._zeros_slot(v, "training_value", self._name) for v in variables]
        with write_only_if(self._is_evaluating.value()):
            swapped = [assign(v, slot.value()) for slot, v in zip(kept, variables, strict=True)]
            return group(*swapped, assign(self._is_evaluating, np.bool_(False)), name=f"{self._name}/swap_to_training")

    def _trained(self) -> list[Variable]:
        found = [v for v in self._known if v.graph is get_default_graph().root]
        if not found:
            raise ArgumentError(f"{self._name} trains no variable of this graph yet: call minimize or apply_gradients first.")
        return found


@registered("optimizers.ScheduleFreeSGD", sparse="as dense", learning_rate=0.1)
class ScheduleFreeSGD(ScheduleFree):
    """Gradient descent without a schedule: ``z -= lr (g + λ w); x = (1-c) x + c z; w = β1 x + (1-β1) z``.

    Args:
      learning_rate, b1, weight_lr_power: numbers, scalar tensors, schedules of the number of updates, or functions. A step's weight c
        in the average grows with the largest rate so far to the power of weight_lr_power.
      warmup_steps: number of steps in which the rate rises from 0, or None. weight_decay: λ, or None.
      mask: which variables decay (all by default). name: name of the training operation and the slots.

    Source: Defazio et al. 2024, https://arxiv.org/abs/2405.15682; optax.contrib.schedule_free_sgd.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> optimizer = tf.optimizers.ScheduleFreeSGD(0.25)
      >>> step = optimizer.minimize(tf.reduce_sum(w * w))
      >>> evaluate, train = optimizer.swap_to_evaluation(), optimizer.swap_to_training()
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     for _ in range(2):
      ...         session.run(step)
      ...     print(session.run(w).round(4), session.run(optimizer.evaluation_value(w)).round(4))
      ...     session.run(evaluate)
      ...     print(session.run(w).round(4))
      ...     session.run(train)
      [ 0.3625 -0.725 ] [ 0.375 -0.75 ]
      [ 0.375 -0.75 ]
    """

    def __init__(
        self,
        learning_rate: Any = 1.0,
        warmup_steps: int | None = None,
        b1: Any = 0.9,
        weight_decay: Any = None,
        weight_lr_power: Any = 2.0,
        name: str = "ScheduleFreeSGD",
        *,
        mask: Any = None,
    ) -> None:
        given = {"learning_rate": learning_rate, "b1": b1, "weight_lr_power": weight_lr_power}
        decay = 0.0 if weight_decay is None else weight_decay
        super().__init__(name, warmup_steps, mask, **given, weight_decay=decay)

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule."""
        return training_modern.schedule_free_sgd


@registered("optimizers.ScheduleFreeAdamW", sparse="as dense", learning_rate=0.1)
class ScheduleFreeAdamW(ScheduleFree):
    """AdamW without a schedule: ``z -= lr (g / (√v̂ + ε) + λ w); x = (1-c) x + c z; w = β1 x + (1-β1) z``.

    Args:
      learning_rate, b1, b2, eps, weight_decay, weight_lr_power: numbers, scalar tensors, schedules of the number of updates, or
        functions. A step's weight c in the average grows with the largest rate so far to the power of weight_lr_power.
      warmup_steps: number of steps in which the rate rises from 0, or None.
      mask: which variables decay (all by default). name: name of the training operation and the slots.

    Source: Defazio et al. 2024, https://arxiv.org/abs/2405.15682; optax.contrib.schedule_free_adamw.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> optimizer = tf.optimizers.ScheduleFreeAdamW(0.1)
      >>> step = optimizer.minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(optimizer.evaluation_value(w)).round(3))
      [ 0.9 -1.9]
    """

    def __init__(
        self,
        learning_rate: Any = 0.0025,
        warmup_steps: int | None = None,
        b1: Any = 0.9,
        b2: Any = 0.999,
        eps: Any = 1e-8,
        weight_decay: Any = 0.0,
        weight_lr_power: Any = 2.0,
        name: str = "ScheduleFreeAdamW",
        *,
        mask: Any = None,
    ) -> None:
        given = {"learning_rate": learning_rate, "b1": b1, "b2": b2, "eps": eps, "weight_decay": weight_decay}
        super().__init__(name, warmup_steps, mask, **given, weight_lr_power=weight_lr_power)

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule."""
        return training_modern.schedule_free_adamw

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars."""
        return super().scalars(h, t) | {"v_scale": bias_correction(h.b2, t)}
