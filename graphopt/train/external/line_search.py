"""A line search for the strong Wolfe conditions: enough lower, and flat enough."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

# Nocedal and Wright's constants for quasi-Newton directions.
_ENOUGH_LOWER = 1e-4
_FLAT_ENOUGH = 0.9
_GROWTH = 2.0
# How near to an end of the bracket a trial may lie, as a share of its width.
_MARGIN = 0.1


class Point(NamedTuple):
    """A vector with the function's value and gradient there."""

    x: np.ndarray
    value: float
    gradient: np.ndarray

    @property
    def is_finite(self) -> bool:
        """Whether value and gradient are finite."""
        return math.isfinite(self.value) and bool(np.all(np.isfinite(self.gradient)))


class _Trial(NamedTuple):
    """A point on the line: the step length, the value, the slope along the line."""

    length: float
    value: float
    slope: float
    point: Point


def strong_wolfe(evaluate: Callable[[np.ndarray], Point], here: Point, direction: np.ndarray, first: float, most: int) -> Point | None:
    """Return a point along a direction that satisfies the strong Wolfe conditions, or the best lower one; None when none is lower.

    A trial where value or gradient are not finite counts as too far.

    Args:
      evaluate: gives value and gradient at a vector. here: the point to start from. direction: one in which the value falls.
      first: the step length to try first. most: how many evaluations at most.

    Source: Nocedal and Wright, Numerical Optimization (2nd edition), algorithms 3.5 and 3.6.

    >>> point = strong_wolfe(lambda x: Point(x, float(x @ x), 2 * x), Point(np.ones(1), 1.0, np.full(1, 2.0)), np.full(1, -2.0), 1.0, 20)
    >>> abs(point.x.item()) < 0.5
    True
    """
    start = _Trial(0.0, here.value, float(here.gradient @ direction), here)
    line = _Line(evaluate, start, direction, most)
    low, high, length = start, None, first
    while line.left > 0:
        trial = line.at(length)
        if line.is_too_high(trial) or (low is not start and trial.value >= low.value):
            high = trial
        elif abs(trial.slope) <= -_FLAT_ENOUGH * start.slope:
            return trial.point
        elif trial.slope * (1.0 if high is None else high.length - low.length) >= 0:
            low, high = trial, low
        else:
            low = trial
        length = low.length * _GROWTH if high is None else _between(low, high)
        if length == low.length:
            break
    return low.point if low.length > 0 else None


class _Line:
    """The function along a line from a start."""

    def __init__(self, evaluate: Callable[[np.ndarray], Point], start: _Trial, direction: np.ndarray, most: int) -> None:
        self._evaluate = evaluate
        self._start = start
        self._direction = direction
        self.left = most

    def at(self, length: float) -> _Trial:
        """Return the trial of a step length."""
        self.left -= 1
        point = self._evaluate(self._start.point.x + length * self._direction)
        value = point.value if point.is_finite else math.inf
        slope = float(point.gradient @ self._direction) if point.is_finite else math.inf
        return _Trial(length, value, slope, point)

    def is_too_high(self, trial: _Trial) -> bool:
        """Tell whether a trial isn't enough lower than the start."""
        return not trial.value <= self._start.value + _ENOUGH_LOWER * trial.length * self._start.slope


def _between(low: _Trial, high: _Trial) -> float:
    """Return the step length to try inside a bracket: the minimum of the cubic through both ends, kept away from them."""
    width = high.length - low.length
    found = _cubic_minimum(low, high) if math.isfinite(high.value) else math.nan
    share = (found - low.length) / width if width and math.isfinite(found) else 0.5
    return low.length + min(max(share, _MARGIN), 1.0 - _MARGIN) * width


def _cubic_minimum(low: _Trial, high: _Trial) -> float:
    """Return where the cubic with both ends' values and slopes has its minimum; NaN where it has none."""
    width = high.length - low.length
    if width == 0:
        return math.nan
    first = low.slope + high.slope - 3 * (low.value - high.value) / (low.length - high.length)
    inside = first * first - low.slope * high.slope
    if inside < 0:
        return math.nan
    second = math.copysign(math.sqrt(inside), width)
    divisor = high.slope - low.slope + 2 * second
    return high.length - width * (high.slope + second - first) / divisor if divisor else math.nan
