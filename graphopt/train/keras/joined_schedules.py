"""Schedules made of schedules: joins, and a warm-up in front of any of them.

The result has the type of the schedule's result, the first one's where there are several.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Self

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ops.elementwise import add, cast, less, maximum, select, subtract
from graphopt.train.keras.schedule_base import (
    MODULE,
    ArgumentsSchedule,
    as_type_of,
    check_not_negative,
    check_number,
    check_positive,
    check_sorted,
    in_float64,
    is_symbolic,
    since,
    warmed_up,
    widened,
)
from graphopt.train.keras.serialization import register, revived
from graphopt.train.keras.transition_schedules import WarmupCosineDecay


class NestingSchedule(ArgumentsSchedule):
    """A schedule with schedules among its arguments; its configuration describes them too."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return a schedule from what `get_config` gave; `config` stays as it is."""
        return cls(**revived(config, MODULE, None))


def _check_schedule(name: str, value: Any) -> Any:
    """Return a schedule, another function of the step, or a number, which stands for a constant."""
    if callable(value):
        return value
    if isinstance(value, str | Mapping) or value is None:
        raise ArgumentTypeError(f"`{name}` must be a schedule, a function of the step or a number. Received: {value!r}")
    return check_number(name, value)


def _value_at(schedule: Any, step: Any) -> Tensor:
    return convert_to_tensor(schedule(step)) if callable(schedule) else as_type_of(widened(schedule), schedule)


def _counted_from(step: Any, boundary: Any) -> Tensor:
    """Return the steps since a boundary, 0 before it: as integers where both are, since a schedule of the user's may need them."""
    given = convert_to_tensor(step if is_symbolic(step) else np.asarray(step))
    if given.dtype.is_integer and isinstance(boundary, int | np.integer):
        steps: Tensor = maximum(subtract(cast(given, dtypes.int64), np.array(boundary, np.int64)), np.array(0, np.int64))
        return steps
    return since(widened(given), boundary)


def _joined(step: Any, schedules: Sequence[Any], boundaries: Sequence[Any]) -> Tensor:
    """Return what the schedule gives in whose range the step lies; in the type of the first."""
    given = widened(step)
    first = _value_at(schedules[0], step)
    value = widened(first)
    for boundary, schedule in zip(boundaries, schedules[1:], strict=True):
        value = select(less(given, in_float64(boundary)), value, widened(_value_at(schedule, _counted_from(step, boundary))))
    return as_type_of(value, first)


@register(MODULE)
class JoinedSchedules(NestingSchedule):
    """Use one schedule after the other; each counts its steps from where it begins.

    Args:
      schedules: schedules, functions of the step, or numbers. boundaries: the steps at which the second, the third ... begins, sorted.
      name: name of the operation.

    Raises:
      ValueError: when there is not one boundary fewer than schedules, or they are not sorted. TypeError: for something that is no
        schedule.

    Example:
      >>> schedules = tf.keras.optimizers.schedules
      >>> schedule = schedules.JoinedSchedules([1.0, schedules.LinearSchedule(1.0, 0.0, 10)], boundaries=[5])
      >>> tf.Session().run([schedule(4), schedule(5), schedule(10)])
      [np.float64(1.0), np.float64(1.0), np.float64(0.5)]

    Source: ``optax.join_schedules``.
    """

    arguments = ("schedules", "boundaries", "name")

    def __init__(self, schedules: Iterable[Any], boundaries: Iterable[Any], name: str | None = None) -> None:
        self.schedules = [_check_schedule(f"schedules[{i}]", schedule) for i, schedule in enumerate(schedules)]
        self.boundaries = check_sorted("boundaries", list(boundaries))
        if len(self.boundaries) != len(self.schedules) - 1:
            raise ArgumentError(
                "JoinedSchedules needs one boundary between every two schedules. "
                f"Received: {len(self.schedules)} schedules and {len(self.boundaries)} boundaries."
            )
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        with name_scope(self.name, "JoinedSchedules"):
            return _joined(step, self.schedules, self.boundaries)


@register(MODULE)
class SGDRSchedule(ArgumentsSchedule):
    """Use one `WarmupCosineDecay` after the other.

    Args:
      cosine_kwargs: for each cycle the arguments of `WarmupCosineDecay` as a dictionary; its `decay_steps` say when the next begins.
      name: name of the operation.

    Raises:
      ValueError: without a cycle, and as `WarmupCosineDecay`.

    Example:
      >>> cycle = {"init_value": 0.0, "peak_value": 1.0, "warmup_steps": 2, "decay_steps": 10}
      >>> schedule = tf.keras.optimizers.schedules.SGDRSchedule([cycle, dict(cycle, peak_value=0.5)])
      >>> tf.Session().run([schedule(2), schedule(10), schedule(12)])
      [np.float64(1.0), np.float64(0.0), np.float64(0.5)]

    Source: ``optax.sgdr_schedule``; https://arxiv.org/abs/1608.03983.
    """

    arguments = ("cosine_kwargs", "name")

    def __init__(self, cosine_kwargs: Iterable[Mapping[str, Any]], name: str | None = None) -> None:
        self.cosine_kwargs = [dict(kwargs) for kwargs in cosine_kwargs]
        if not self.cosine_kwargs:
            raise ArgumentError("SGDRSchedule needs at least one cycle in `cosine_kwargs`.")
        self._cycles = [WarmupCosineDecay(**kwargs) for kwargs in self.cosine_kwargs]
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        with name_scope(self.name, "SGDRSchedule"):
            lengths = [cycle.decay_steps for cycle in self._cycles[:-1]]
            return _joined(step, self._cycles, list(accumulate(lengths, _sum)))


def _sum(a: Any, b: Any) -> Any:
    return add(widened(a), in_float64(b)) if is_symbolic(a) or is_symbolic(b) else a + b


@register(MODULE)
class WarmUp(NestingSchedule):
    """Put a warm-up in front of any schedule: ``initial_value + (first - initial_value)(s/warmup_steps)^power``, then the schedule.

    `first` is the schedule's value at its step 0, which comes after the warm-up.

    Args:
      schedule: a schedule, a function of the step, or a number. warmup_steps: length of the warm-up, not negative.
      power: the exponent, positive. initial_value: the value at step 0. name: name of the operation.

    Raises:
      ValueError: when `power` is not positive, or the steps are negative. TypeError: for something that is no schedule.

    Example:
      >>> schedules = tf.keras.optimizers.schedules
      >>> schedule = schedules.WarmUp(schedules.CosineDecay(1.0, decay_steps=10), warmup_steps=4)
      >>> [round(value.item(), 3) for value in tf.Session().run([schedule(1), schedule(4), schedule(9), schedule(14)])]
      [0.25, 1.0, 0.5, 0.0]

    Source: https://arxiv.org/abs/1706.02677, section 2.2.
    """

    arguments = ("schedule", "warmup_steps", "power", "initial_value", "name")

    def __init__(self, schedule: Any, warmup_steps: Any, power: Any = 1.0, initial_value: Any = 0.0, name: str | None = None) -> None:
        self.schedule = _check_schedule("schedule", schedule)
        self.warmup_steps = check_not_negative("warmup_steps", warmup_steps)
        self.power = check_positive("power", power)
        self.initial_value = check_number("initial_value", initial_value)
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        with name_scope(self.name, "WarmUp"):
            given, start, length = widened(step), widened(self.initial_value), widened(self.warmup_steps)
            # During the warm-up the schedule stands at its step 0.
            scheduled = _value_at(self.schedule, _counted_from(step, self.warmup_steps))
            after = widened(scheduled)
            return as_type_of(warmed_up(given, start, after, length, after, in_float64(self.power)), scheduled)
