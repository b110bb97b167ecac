"""Schedules in pieces, in the manner of optax: steps by factors, curves through points, one-cycle schedules.

Values may be of any sign, so that a schedule serves every hyper-parameter. The calculation is done in float64; `schedule_base` says which
type the result has. Unless it is said otherwise, a constructor raises TypeError for an argument that is no number, and ValueError for NaN
and for a number of steps that is not positive.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from graphopt.errors import ArgumentError
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ops.elementwise import add, divide, floor, greater_equal, maximum, multiply, select, subtract
from graphopt.train.keras.schedule_base import (
    MODULE,
    ArgumentsSchedule,
    as_type_of,
    check_not_negative,
    check_number,
    check_positive,
    in_float64,
    is_symbolic,
    widened,
)
from graphopt.train.keras.serialization import register
from graphopt.train.keras.transition_schedules import cosine_between


@register(MODULE)
class PiecewiseScale(ArgumentsSchedule):
    """Multiply the value by a factor at each boundary: from step ``b`` on, that step included, by all factors of boundaries up to ``b``.

    `PiecewiseConstantDecay` changes one step later, and takes values in place of factors.

    Args:
      init_value: the value before the first boundary. boundaries_and_scales: a dictionary from steps to factors, or pairs of them; the
        factors are not negative. name: name of the operation.

    Raises:
      ValueError: also for a negative factor.

    Example:
      >>> schedule = tf.keras.optimizers.schedules.PiecewiseScale(1.0, {5: 0.5, 10: 0.5})
      >>> tf.Session().run([schedule(4), schedule(5), schedule(10)])
      [np.float64(1.0), np.float64(0.5), np.float64(0.25)]

    Source: ``optax.piecewise_constant_schedule``.
    """

    arguments = ("init_value", "boundaries_and_scales", "name")

    def __init__(self, init_value: Any, boundaries_and_scales: Any = None, name: str | None = None) -> None:
        self.init_value = check_number("init_value", init_value)
        self.boundaries_and_scales = _check_scales(boundaries_and_scales)
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        with name_scope(self.name, "PiecewiseScale"):
            given, value = widened(step), widened(self.init_value)
            for boundary, scale in self.boundaries_and_scales:
                value = select(greater_equal(given, in_float64(boundary)), multiply(value, in_float64(scale)), value)
            return as_type_of(value, self.init_value)


def _check_scales(given: Any) -> list[tuple[Any, Any]]:
    """Return pairs of a boundary and a factor, the smallest boundary first."""
    pairs: Iterable[Any] = given.items() if isinstance(given, Mapping) else given or ()
    checked = [(check_not_negative("boundary", boundary), check_not_negative("scale", scale)) for boundary, scale in pairs]
    if any(is_symbolic(boundary) for boundary, _ in checked):
        return checked
    return sorted(checked, key=lambda pair: float(pair[0]))


@register(MODULE)
class PiecewiseInterpolate(ArgumentsSchedule):
    """Go from value to value, each the one before times a factor, in straight lines or along half cosines.

    Args:
      interpolate_type: ``"linear"`` or ``"cosine"``. init_value: the value at step 0.
      boundaries_and_scales: a dictionary from steps to factors, or pairs of them: where each value is reached, and by what it is the one
        before multiplied. The factors are not negative. name: name of the operation.

    Raises:
      ValueError: also for another type of interpolation and for a negative factor.

    Example:
      >>> schedule = tf.keras.optimizers.schedules.PiecewiseInterpolate("linear", 1.0, {4: 0.5, 8: 0.0})
      >>> tf.Session().run([schedule(2), schedule(4), schedule(6)])
      [np.float64(0.75), np.float64(0.5), np.float64(0.25)]

    Source: ``optax.piecewise_interpolate_schedule``.
    """

    arguments = ("interpolate_type", "init_value", "boundaries_and_scales", "name")

    def __init__(self, interpolate_type: str, init_value: Any, boundaries_and_scales: Any = None, name: str | None = None) -> None:
        if interpolate_type not in _BETWEEN:
            raise ArgumentError(f"`interpolate_type` must be either 'cosine' or 'linear'. Received: {interpolate_type!r}")
        self.interpolate_type = interpolate_type
        self.init_value = check_number("init_value", init_value)
        self.boundaries_and_scales = _check_scales(boundaries_and_scales)
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        with name_scope(self.name, "PiecewiseInterpolate"):
            points = [(np.array(0.0), widened(self.init_value))]
            for boundary, scale in self.boundaries_and_scales:
                points.append((in_float64(boundary), multiply(points[-1][1], in_float64(scale))))
            return as_type_of(_through(widened(step), points, self.interpolate_type), self.init_value)


def _on_line(start: Tensor, end: Tensor, part: Tensor) -> Tensor:
    value: Tensor = add(start, multiply(subtract(end, start), part))
    return value


def _on_cosine(start: Tensor, end: Tensor, part: Tensor) -> Tensor:
    return cosine_between(part, start, end, 1.0, 1.0)


_BETWEEN: dict[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {"linear": _on_line, "cosine": _on_cosine}


def _through(step: Tensor, points: Sequence[tuple[Any, Tensor]], kind: str) -> Tensor:
    """Return the value at a step on the curve through points (step, value), the first at step 0; the last value holds on."""
    value = points[0][1]
    for (low, start), (high, end) in pairwise(points):
        length = maximum(subtract(widened(high), low), 1)
        value = select(greater_equal(step, low), _BETWEEN[kind](start, end, divide(subtract(step, low), length)), value)
    last, end = points[-1]
    result: Tensor = select(greater_equal(step, last), end, value)
    return result


@register(MODULE)
class LinearOneCycle(ArgumentsSchedule):
    """Go in straight lines up to `peak_value`, down again, and further down.

    From ``peak_value/div_factor`` to `peak_value` in the part `pct_start` of the steps, back until the part `pct_final`, and to
    ``peak_value/(div_factor final_div_factor)`` at the end.

    Args:
      transition_steps: length of the whole. peak_value: the highest value. pct_start, pct_final: parts of the whole, from 0 to 1.
      div_factor, final_div_factor: see above, positive. name: name of the operation.

    Raises:
      ValueError: also for parts that are not growing from 0 to 1.

    Example:
      >>> schedule = tf.keras.optimizers.schedules.LinearOneCycle(transition_steps=20, peak_value=1.0)
      >>> [round(value.item(), 6) for value in tf.Session().run([schedule(0), schedule(6), schedule(17), schedule(20)])]
      [0.04, 1.0, 0.04, 4e-06]

    Source: ``optax.linear_onecycle_schedule``; https://arxiv.org/abs/1708.07120.
    """

    arguments = ("transition_steps", "peak_value", "pct_start", "pct_final", "div_factor", "final_div_factor", "name")

    def __init__(
        self,
        transition_steps: Any,
        peak_value: Any,
        pct_start: Any = 0.3,
        pct_final: Any = 0.85,
        div_factor: Any = 25.0,
        final_div_factor: Any = 1e4,
        name: str | None = None,
    ) -> None:
        self.transition_steps = check_positive("transition_steps", transition_steps)
        self.peak_value = check_number("peak_value", peak_value)
        self.pct_start, self.pct_final = _check_parts(pct_start=pct_start, pct_final=pct_final)
        self.div_factor = check_positive("div_factor", div_factor)
        self.final_div_factor = check_positive("final_div_factor", final_div_factor)
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        with name_scope(self.name, "LinearOneCycle"):
            low, peak, final = _cycle_values(self)
            middle = [(_whole_part(self, self.pct_start), peak), (_whole_part(self, self.pct_final), low)]
            points = [(np.array(0.0), low), *middle, (in_float64(self.transition_steps), final)]
            return as_type_of(_through(widened(step), points, "linear"), self.peak_value)


@register(MODULE)
class CosineOneCycle(ArgumentsSchedule):
    """Go along half a cosine up to `peak_value`, and along another down.

    From ``peak_value/div_factor`` to `peak_value` in the part `pct_start` of the steps, then to
    ``peak_value/(div_factor final_div_factor)`` at the end.

    Args:
      transition_steps: length of the whole. peak_value: the highest value. pct_start: a part of the whole, from 0 to 1.
      div_factor, final_div_factor: see above, positive. name: name of the operation.

    Raises:
      ValueError: also for a part that is not from 0 to 1.

    Example:
      >>> schedule = tf.keras.optimizers.schedules.CosineOneCycle(transition_steps=20, peak_value=1.0)
      >>> [round(value.item(), 6) for value in tf.Session().run([schedule(0), schedule(3), schedule(6), schedule(20)])]
      [0.04, 0.52, 1.0, 4e-06]

    Source: ``optax.cosine_onecycle_schedule``; https://arxiv.org/abs/1708.07120.
    """

    arguments = ("transition_steps", "peak_value", "pct_start", "div_factor", "final_div_factor", "name")

    def __init__(
        self,
        transition_steps: Any,
        peak_value: Any,
        pct_start: Any = 0.3,
        div_factor: Any = 25.0,
        final_div_factor: Any = 1e4,
        name: str | None = None,
    ) -> None:
        self.transition_steps = check_positive("transition_steps", transition_steps)
        self.peak_value = check_number("peak_value", peak_value)
        (self.pct_start,) = _check_parts(pct_start=pct_start)
        self.div_factor = check_positive("div_factor", div_factor)
        self.final_div_factor = check_positive("final_div_factor", final_div_factor)
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        with name_scope(self.name, "CosineOneCycle"):
            low, peak, final = _cycle_values(self)
            points = [(np.array(0.0), low), (_whole_part(self, self.pct_start), peak), (in_float64(self.transition_steps), final)]
            return as_type_of(_through(widened(step), points, "cosine"), self.peak_value)


def _check_parts(**parts: Any) -> list[Any]:
    """Return parts of the whole, which must grow from 0 to 1."""
    known = [value for name, value in parts.items() if not is_symbolic(check_number(name, value))]
    if any(after < before for before, after in zip([0, *known], [*known, 1], strict=True)):
        given = ", ".join(f"{name}={value}" for name, value in parts.items())
        raise ArgumentError(f"The parts of a one-cycle schedule must be sorted and from 0 to 1. Received: {given}")
    return list(parts.values())


def _cycle_values(cycle: Any) -> tuple[Tensor, Tensor, Tensor]:
    """Return the lowest value on the way up, the peak and the last value."""
    peak = widened(cycle.peak_value)
    low = divide(peak, in_float64(cycle.div_factor))
    return low, peak, divide(low, in_float64(cycle.final_div_factor))


def _whole_part(cycle: Any, part: Any) -> Any:
    """Return the last whole step in a part of the cycle."""
    if is_symbolic(part) or is_symbolic(cycle.transition_steps):
        return floor(multiply(widened(part), in_float64(cycle.transition_steps)))
    return np.array(float(int(part * cycle.transition_steps)))
