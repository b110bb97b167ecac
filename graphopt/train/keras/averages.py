"""Moving averages of variables in Keras's optimizers."""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError
from graphopt.graph.operation import Tensor
from graphopt.graph.variables import Variable
from graphopt.ops.elementwise import add, cast, equal, floormod, multiply, select, subtract

STARTS = ("weights", "zeros")


def check_averages(momentum: Any, overwrite_frequency: Any, start: str) -> None:
    """Raise a ValueError unless the arguments of moving averages are what they must be."""
    is_number = isinstance(momentum, numbers.Real) and not isinstance(momentum, bool)
    if is_number and not 0 <= momentum <= 1:
        raise ArgumentError(f"`ema_momentum` must be in the range [0, 1]. Received: ema_momentum={momentum}")
    is_count = isinstance(overwrite_frequency, numbers.Integral) and not isinstance(overwrite_frequency, bool)
    if overwrite_frequency and not (is_count and overwrite_frequency >= 1):
        raise ArgumentError(
            f"`ema_overwrite_frequency` must be an integer >= 1 or None. Received: ema_overwrite_frequency={overwrite_frequency}"
        )
    if start not in STARTS:
        raise ArgumentError(f"ema_start must be one of {', '.join(map(repr, STARTS))}, got {start!r}.")


def average_scalars(momentum: Tensor, iterations: Variable, start: str) -> Tensor:
    """Return how much of the averages this step keeps, a float64 scalar: nothing in the first step when they start from zeros."""
    if start == "weights":
        return momentum
    kept: Tensor = select(equal(iterations.value(), np.array(0, iterations.dtype.np)), np.float64(0.0), momentum)
    return kept


def record_averages(pairs: Sequence[tuple[Variable, Variable]], momentum: Tensor, iterations: Variable, frequency: int | None) -> None:
    """Record ``average = momentum average + (1 - momentum) w`` and, every so many steps, ``w = average``.

    Args:
      pairs: variables with their averages. momentum: a float64 scalar. iterations: the number of steps before this one.
      frequency: after how many steps the variables are overwritten; None or 0: never.
    """
    types = dict.fromkeys(variable.dtype for variable, _ in pairs)
    rest = subtract(np.float64(1.0), momentum)
    keep, take = {t: cast(momentum, t) for t in types}, {t: cast(rest, t) for t in types}
    for variable, average in pairs:
        kind = variable.dtype
        average.assign(add(multiply(average.value(), keep[kind]), multiply(variable.value(), take[kind])))
    if not frequency:
        return
    steps = add(cast(iterations.value(), dtypes.int64), np.int64(1))
    is_time = equal(floormod(steps, np.int64(frequency)), np.int64(0))
    for variable, average in pairs:
        variable.assign(select(is_time, average.value(), variable.value()))
