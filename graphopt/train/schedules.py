"""Learning-rate decays: functions of the rate and the global step that give a tensor.

In the formulas `s` is the global step in the rate's element type, `D` the number of decay steps. The result has the element type of the
rate (float32 for a Python number); plain numbers take that type in full precision.
"""
# Long because: one function per schedule of TensorFlow 1, each with its formula and an example.

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ops.elementwise import (
    absolute,
    add,
    cast,
    ceil,
    cos,
    divide,
    equal,
    exp,
    floor,
    greater,
    greater_equal,
    log,
    maximum,
    minimum,
    multiply,
    negative,
    ones_as,
    power,
    select,
    sqrt,
    subtract,
    zeros_as,
)
from graphopt.ops.random import random_normal


class _Start(NamedTuple):
    """What every schedule starts from."""

    rate: Tensor
    step: Tensor
    scope: str

    @property
    def dtype(self) -> DType:
        """The element type of the result."""
        return self.rate.dtype

    def of(self, value: Any) -> Any:
        """Return an argument in the rate's element type."""
        return _as(value, self.rate.dtype)


def _as(value: Any, dtype: DType) -> Any:
    if hasattr(value, "builder"):
        return cast(convert_to_tensor(value), dtype)
    return np.array(value, dtype.np)


@contextlib.contextmanager
def _schedule(learning_rate: Any, global_step: Any, name: str | None, default_name: str, missing: str) -> Iterator[_Start]:
    """Enter the scope of a schedule; yields the rate and the step as tensors of one element type."""
    if global_step is None:
        raise ArgumentError(missing)
    with name_scope(name, default_name, [learning_rate, global_step]) as scope:
        rate = convert_to_tensor(learning_rate, name="learning_rate")
        step = cast(convert_to_tensor(global_step, name="global_step"), rate.dtype)
        yield _Start(rate, step, scope)


def exponential_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False, name: str | None = None
) -> Tensor:
    """Return ``lr rate^(s/D)``.

    Args:
      learning_rate: the rate at step 0. global_step: the step. decay_steps: D. decay_rate: what the rate is multiplied by in D steps.
      staircase: round s/D down. name: name of the operation.

    Raises:
      ValueError: without a global step.

    Example:
      >>> tf.Session().run(tf.train.exponential_decay(1.0, 6, decay_steps=3, decay_rate=0.5)).item()
      0.25
    """
    missing = "global_step is required for exponential_decay."
    with _schedule(learning_rate, global_step, name, "ExponentialDecay", missing) as start:
        parts = _parts(start, decay_steps, staircase)
        result: Tensor = multiply(start.rate, power(start.of(decay_rate), parts), name=start.scope)
    return result


def _parts(start: _Start, decay_steps: Any, staircase: bool) -> Any:
    """Return s/D, rounded down for a staircase."""
    fraction = divide(start.step, start.of(decay_steps))
    return floor(fraction) if staircase else fraction


def natural_exp_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False, name: str | None = None
) -> Tensor:
    """Return ``lr exp(-rate s/D)``.

    Args:
      learning_rate: the rate at step 0. global_step: the step. decay_steps: D. decay_rate: how fast it decays.
      staircase: round s/D down. name: name of the operation.

    Raises:
      ValueError: without a global step.

    Example:
      >>> tf.Session().run(tf.train.natural_exp_decay(1.0, 0, 3, 0.5)).item()
      1.0
    """
    missing = "global_step is required for natural_exp_decay."
    with _schedule(learning_rate, global_step, name, "NaturalExpDecay", missing) as start:
        exponent = multiply(negative(convert_to_tensor(start.of(decay_rate))), _parts(start, decay_steps, staircase))
        result: Tensor = multiply(start.rate, exp(exponent), name=start.scope)
    return result


def inverse_time_decay(
    learning_rate: Any, global_step: Any, decay_steps: Any, decay_rate: Any, staircase: bool = False, name: str | None = None
) -> Tensor:
    """Return ``lr / (1 + rate s/D)``.

    Args:
      learning_rate: the rate at step 0. global_step: the step. decay_steps: D. decay_rate: how fast it decays.
      staircase: round s/D down. name: name of the operation.

    Raises:
      ValueError: without a global step.

    Example:
      >>> tf.Session().run(tf.train.inverse_time_decay(1.0, 4, decay_steps=2, decay_rate=0.5)).item()
      0.5
    """
    missing = "global_step is required for inverse_time_decay."
    with _schedule(learning_rate, global_step, name, "InverseTimeDecay", missing) as start:
        denominator = add(multiply(_parts(start, decay_steps, staircase), start.of(decay_rate)), 1)
        result: Tensor = divide(start.rate, denominator, name=start.scope)
    return result


def polynomial_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    end_learning_rate: Any = 0.0001,
    power: Any = 1.0,
    cycle: bool = False,
    name: str | None = None,
) -> Tensor:
    """Return ``(lr - end)(1 - s/D)^power + end``, with s at most D.

    Args:
      learning_rate: the rate at step 0. global_step: the step. decay_steps: D. end_learning_rate: the rate from step D on.
      power: the exponent.
      cycle: after D steps begin again from a lower rate: in place of stopping, D becomes its first multiple that is not below s.
      name: name of the operation.

    Raises:
      ValueError: without a global step.

    Example:
      >>> tf.Session().run(tf.train.polynomial_decay(1.0, 5, decay_steps=10, end_learning_rate=0.0)).item()
      0.5
    """
    missing = "global_step is required for polynomial_decay."
    with _schedule(learning_rate, global_step, name, "PolynomialDecay", missing) as start:
        steps, end = convert_to_tensor(start.of(decay_steps)), start.of(end_learning_rate)
        if cycle:
            step, steps = start.step, multiply(steps, _cycles(start.step, steps))
        else:
            step = minimum(start.step, steps)
        rest = subtract(1, divide(step, steps))
        result: Tensor = add(multiply(subtract(start.rate, end), _power(rest, start.of(power))), end, name=start.scope)
    return result


def _power(base: Any, exponent: Any) -> Any:
    return power(base, exponent)


def _cycles(step: Any, steps: Any) -> Any:
    """Return the number of cycles begun: 1 at step 0."""
    return select(equal(step, 0), ones_as(step), ceil(divide(step, steps)))


def piecewise_constant(x: Any, boundaries: Sequence[Any], values: Sequence[Any], name: str | None = None) -> Tensor:
    """Return ``values[0]`` up to and with ``boundaries[0]``, ``values[1]`` up to and with ``boundaries[1]``, ..., ``values[-1]`` beyond.

    Args:
      x: a scalar, as a rule the global step. boundaries: growing numbers of the type of `x`. values: one more number, of one type.
      name: name of the operation.

    Raises:
      ValueError: when lengths or types don't fit.

    Example:
      >>> step = tf.placeholder(tf.int64, [])
      >>> rate = tf.train.piecewise_constant(step, [10, 20], [1.0, 0.5, 0.25])
      >>> [tf.Session().run(rate, {step: s}).item() for s in (10, 11, 30)]
      [1.0, 0.5, 0.25]
    """
    if len(boundaries) != len(values) - 1:
        raise ArgumentError("The length of boundaries should be 1 less than the length of values")
    with name_scope(name, "PiecewiseConstant", [x, *boundaries, *values]):
        given = convert_to_tensor(x)
        limits = [_as_boundary(convert_to_tensor(b), given.dtype) for b in boundaries]
        choices = [convert_to_tensor(v) for v in values]
        for choice in choices[1:]:
            if choice.dtype is not choices[0].dtype:
                raise ArgumentError(f"Values must have elements all with the same dtype ({choices[0].dtype} vs {choice.dtype}).")
        result = choices[0]
        # From the left: each limit that has been passed replaces what was chosen before. The last choice takes TensorFlow's name.
        for i, (limit, choice) in enumerate(zip(limits, choices[1:], strict=True)):
            result = select(greater(given, limit), choice, result, name="case/cond/Merge" if i == len(limits) - 1 else None)
    return result


piecewise_constant_decay = piecewise_constant


def _as_boundary(boundary: Tensor, dtype: DType) -> Tensor:
    if boundary.dtype is dtypes.int32 and dtype is dtypes.int64:
        widened: Tensor = cast(boundary, dtype)
        return widened
    if boundary.dtype is not dtype:
        raise ArgumentError(f"Boundaries ({boundary.dtype}) must have the same dtype as x ({dtype}).")
    return boundary


def _half_cosine(fraction: Any, factor: Any = None) -> Any:
    """Return ``factor (1 + cos(π fraction)) / 2``."""
    wave = add(cos(multiply(fraction, math.pi, name="mul")), 1)
    half = multiply(wave, 0.5, name="mul")
    return half if factor is None else multiply(half, factor)


def _raised(cosine: Any, alpha: Any) -> Any:
    """Return ``(1 - alpha) cosine + alpha``."""
    return add(multiply(cosine, subtract(1, convert_to_tensor(alpha)), name="mul"), alpha)


def cosine_decay(learning_rate: Any, global_step: Any, decay_steps: Any, alpha: Any = 0.0, name: str | None = None) -> Tensor:
    """Return ``lr ((1-α) (1 + cos(π s/D)) / 2 + α)``, with s at most D.

    Args:
      learning_rate: the rate at step 0. global_step: the step. decay_steps: D. alpha: the part of the rate that is left at the end.
      name: name of the operation.

    Raises:
      ValueError: without a global step.

    Source: https://arxiv.org/abs/1608.03983.

    Example:
      >>> tf.Session().run(tf.train.cosine_decay(1.0, 5, decay_steps=10)).round(3).item()
      0.5
    """
    with _schedule(learning_rate, global_step, name, "CosineDecay", "cosine decay requires global_step") as start:
        steps = start.of(decay_steps)
        cosine = _half_cosine(divide(minimum(start.step, steps), steps))
        result: Tensor = multiply(start.rate, _raised(cosine, start.of(alpha)))
    return result


def cosine_decay_restarts(
    learning_rate: Any,
    global_step: Any,
    first_decay_steps: Any,
    t_mul: Any = 2.0,
    m_mul: Any = 1.0,
    alpha: Any = 0.0,
    name: str | None = None,
) -> Tensor:
    """Return a cosine decay that starts anew, each time `t_mul` as long and from a rate `m_mul` times as high.

    With `i` restarts so far and `f` the part of the current period that is over: ``lr ((1-α) m_mulⁱ (1 + cos(π f)) / 2 + α)``.

    Args:
      learning_rate: the rate at step 0. global_step: the step. first_decay_steps: length of the first period.
      t_mul, m_mul: see above. alpha: the part of the rate that is left at the end of a period. name: name of the operation.

    Raises:
      ValueError: without a global step.

    Source: https://arxiv.org/abs/1608.03983.

    Example:
      >>> tf.Session().run(tf.train.cosine_decay_restarts(1.0, 10, first_decay_steps=10)).item()
      1.0
    """
    with _schedule(learning_rate, global_step, name, "SGDRDecay", "cosine decay restarts requires global_step") as start:
        fraction = divide(start.step, start.of(first_decay_steps))
        restarts, fraction = _period(fraction, t_mul, start)
        cosine = _half_cosine(fraction, _power(convert_to_tensor(start.of(m_mul)), restarts))
        result: Tensor = multiply(start.rate, _raised(cosine, start.of(alpha)), name=start.scope)
    return result


def _period(fraction: Any, t_mul: Any, start: _Start) -> tuple[Any, Any]:
    """Return the number of restarts, and the part of the current period that is over."""
    growth = convert_to_tensor(start.of(t_mul))
    is_known = not hasattr(t_mul, "builder")
    if is_known and t_mul == 1.0:
        return _even_period(fraction)
    if is_known:
        return _growing_period(fraction, growth)
    # The growth is known at run time only: choose then, and keep the other formula from dividing by zero.
    is_even = equal(growth, 1)
    even = _even_period(fraction)
    growing = _growing_period(fraction, select(is_even, add(ones_as(growth), 1), growth))
    return select(is_even, even[0], growing[0]), select(is_even, even[1], growing[1])


def _even_period(fraction: Any) -> tuple[Any, Any]:
    restarts = floor(fraction)
    return restarts, subtract(fraction, restarts)


def _growing_period(fraction: Any, growth: Any) -> tuple[Any, Any]:
    shrink = subtract(1, growth)
    restarts = floor(divide(log(subtract(1, multiply(fraction, shrink))), log(growth)))
    # The quotient of logarithms may be rounded to just below a whole number where a period begins: see whether the next one has begun.
    _, next_start = _length_and_start(add(restarts, 1), growth, shrink)
    has_begun = greater_equal(fraction, multiply(next_start, subtract(1, _rounding(growth, shrink))))
    restarts = add(restarts, select(has_begun, ones_as(restarts), zeros_as(restarts)))
    length, start = _length_and_start(restarts, growth, shrink)
    return restarts, maximum(divide(subtract(fraction, start), length), 0)


def _length_and_start(restarts: Any, growth: Any, shrink: Any) -> tuple[Any, Any]:
    """Return how long the period after so many restarts is, and when it begins, in first periods."""
    length = _power(growth, restarts)
    return length, divide(subtract(1, length), shrink)


def _rounding(growth: Any, shrink: Any) -> Any:
    """Return how wrong the start of a period may be, relative to it: 1 - growth and 1 - growthⁱ lose digits where growth is near 1."""
    return multiply(add(absolute(divide(growth, shrink)), 1), 4 * float(np.finfo(growth.dtype.np).eps))


def linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    num_periods: Any = 0.5,
    alpha: Any = 0.0,
    beta: Any = 0.001,
    name: str | None = None,
) -> Tensor:
    """Return ``lr ((α + (D-s)/D) (1 + cos(2π num_periods s/D)) / 2 + β)``, with s at most D.

    Args:
      learning_rate: the rate at step 0. global_step: the step. decay_steps: D. num_periods, alpha, beta: see the formula.
      name: name of the operation.

    Raises:
      ValueError: without a global step.

    Source: https://arxiv.org/abs/1709.07417.

    Example:
      >>> tf.Session().run(tf.train.linear_cosine_decay(1.0, 10, decay_steps=10)).round(4).item()
      0.0010000000474974513
    """
    with _schedule(learning_rate, global_step, name, "LinearCosineDecay", "linear cosine decay requires global_step") as start:
        linear, cosine = _linear_and_cosine(start, decay_steps, num_periods)
        factor = add(multiply(add(linear, start.of(alpha)), cosine, name="mul"), start.of(beta))
        result: Tensor = multiply(start.rate, factor, name=start.scope)
    return result


def _linear_and_cosine(start: _Start, decay_steps: Any, num_periods: Any) -> tuple[Any, Any]:
    steps = start.of(decay_steps)
    step = minimum(start.step, steps)
    linear = divide(subtract(steps, step), steps)
    turns = multiply(divide(step, steps), multiply(convert_to_tensor(start.of(num_periods)), 2), name="mul")
    return linear, _half_cosine(turns)


def noisy_linear_cosine_decay(
    learning_rate: Any,
    global_step: Any,
    decay_steps: Any,
    initial_variance: Any = 1.0,
    variance_decay: Any = 0.55,
    num_periods: Any = 0.5,
    alpha: Any = 0.0,
    beta: Any = 0.001,
    name: str | None = None,
) -> Tensor:
    """Return `linear_cosine_decay` with normal noise of variance ``initial_variance / (1+s)^variance_decay`` on the linear term.

    Args:
      learning_rate: the rate at step 0. global_step: the step. decay_steps: D.
      initial_variance, variance_decay: of the noise, which is fresh in every run. num_periods, alpha, beta: see `linear_cosine_decay`.
      name: name of the operation.

    Raises:
      ValueError: without a global step.

    Source: https://arxiv.org/abs/1709.07417.

    Example:
      >>> rate = tf.train.noisy_linear_cosine_decay(1.0, 0, decay_steps=10, initial_variance=0.0)
      >>> tf.Session().run(rate).round(3).item()
      1.0010000467300415
    """
    missing = "noisy linear cosine decay requires global_step"
    with _schedule(learning_rate, global_step, name, "NoisyLinearCosineDecay", missing) as start:
        linear, cosine = _linear_and_cosine(start, decay_steps, num_periods)
        step = minimum(start.step, start.of(decay_steps))
        variance = divide(start.of(initial_variance), _power(add(step, 1), start.of(variance_decay)))
        noise = multiply(random_normal([], dtype=start.dtype), sqrt(variance))
        factor = add(multiply(add(add(linear, noise), start.of(alpha)), cosine, name="mul"), start.of(beta))
        result: Tensor = multiply(start.rate, factor, name=start.scope)
    return result


def sgdr_decay(
    learning_rate: Any, global_step: Any, initial_period_steps: Any, t_mul: Any = 2.0, m_mul: Any = 1.0, name: str | None = None
) -> Tensor:
    """Return `cosine_decay_restarts` down to 0 (``tf.contrib.training.sgdr_decay``).

    Args:
      learning_rate: the rate at step 0. global_step: the step. initial_period_steps: length of the first period.
      t_mul, m_mul: how much longer and higher each period is than the one before. name: name of the operation.

    Raises:
      ValueError: without a global step.

    Example:
      >>> tf.Session().run(tf.contrib.training.sgdr_decay(1.0, 5, initial_period_steps=10)).round(3).item()
      0.5
    """
    return cosine_decay_restarts(learning_rate, global_step, initial_period_steps, t_mul, m_mul, 0.0, name)
