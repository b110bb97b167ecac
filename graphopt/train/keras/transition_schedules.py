"""One transition from a value to another, alone or after a warm-up, in the manner of optax.

In the formulas `s` is the step. Values may be of any sign, so that a schedule serves every hyper-parameter. The calculation is done in
float64; `schedule_base` says which type the result has. Unless it is said otherwise, a constructor raises TypeError for an argument that
is no number, and ValueError for NaN and for a number of steps that is not positive.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from graphopt.errors import ArgumentError
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ops.elementwise import add, less, maximum, minimum, multiply, power, select, subtract
from graphopt.train.keras.schedule_base import (
    MODULE,
    ArgumentsSchedule,
    as_type_of,
    check_not_negative,
    check_number,
    check_positive,
    in_float64,
    is_symbolic,
    since,
    warmed_up,
    widened,
)
from graphopt.train.keras.serialization import register
from graphopt.train.schedules import cosine_decay, exponential_decay, polynomial_decay


@register(MODULE)
class ConstantSchedule(ArgumentsSchedule):
    """Hold one value.

    Args:
      value: the value. name: name of the operation.

    Example:
      >>> tf.Session().run(tf.keras.optimizers.schedules.ConstantSchedule(0.5)(7)).item()
      0.5

    Source: ``optax.constant_schedule``.
    """

    arguments = ("value", "name")

    def __init__(self, value: Any, name: str | None = None) -> None:
        self.value = check_number("value", value)
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        with name_scope(self.name, "ConstantSchedule"):
            return as_type_of(widened(self.value), self.value)


@register(MODULE)
class PolynomialSchedule(ArgumentsSchedule):
    """Go from `init_value` to `end_value`: ``(init - end)(1 - (s-B)/T)^power + end`` for s from B to B+T.

    Args:
      init_value: the value up to step B. end_value: the value from step B+T on. power: the exponent. transition_steps: T.
      transition_begin: B, not negative. name: name of the operation.

    Example:
      >>> schedule = tf.keras.optimizers.schedules.PolynomialSchedule(1.0, 0.0, power=2, transition_steps=10, transition_begin=5)
      >>> tf.Session().run(schedule(10)).item()
      0.25

    Source: ``optax.polynomial_schedule``.
    """

    arguments: ClassVar[tuple[str, ...]] = ("init_value", "end_value", "power", "transition_steps", "transition_begin", "name")

    def __init__(
        self, init_value: Any, end_value: Any, power: Any, transition_steps: Any, transition_begin: Any = 0, name: str | None = None
    ) -> None:
        self.init_value = check_number("init_value", init_value)
        self.end_value = check_number("end_value", end_value)
        self.power = check_number("power", power)
        self.transition_steps = check_positive("transition_steps", transition_steps)
        self.transition_begin = check_not_negative("transition_begin", transition_begin)
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        with name_scope(self.name, type(self).__name__):
            given = since(widened(step), self.transition_begin)
            decayed = polynomial_decay(in_float64(self.init_value), given, self.transition_steps, self.end_value, self.power)
            return as_type_of(decayed, self.init_value)


@register(MODULE)
class LinearSchedule(PolynomialSchedule):
    """Go from `init_value` to `end_value` in a straight line.

    Args:
      init_value: the value up to step `transition_begin`. end_value: the value `transition_steps` steps later.
      transition_steps: length of the line. transition_begin: where it begins, not negative. name: name of the operation.

    Example:
      >>> tf.Session().run(tf.keras.optimizers.schedules.LinearSchedule(1.0, 0.0, transition_steps=4)(1)).item()
      0.75

    Source: ``optax.linear_schedule``.
    """

    arguments = ("init_value", "end_value", "transition_steps", "transition_begin", "name")

    def __init__(self, init_value: Any, end_value: Any, transition_steps: Any, transition_begin: Any = 0, name: str | None = None) -> None:
        super().__init__(init_value, end_value, 1.0, transition_steps, transition_begin, name)


@register(MODULE)
class ExponentialSchedule(ArgumentsSchedule):
    """Decay by a factor in every `transition_steps` steps: ``init decay_rate^((s-B)/T)`` from step B on, as far as `end_value`.

    Args:
      init_value: the value up to step B. transition_steps: T. decay_rate: the factor, not 0. transition_begin: B, not negative.
      staircase: round (s-B)/T down. end_value: with a decay rate below 1 the value is never below, with another never above.
      name: name of the operation.

    Raises:
      ValueError: also when `decay_rate` is 0.

    Example:
      >>> schedule = tf.keras.optimizers.schedules.ExponentialSchedule(1.0, 10, 0.5, transition_begin=5, end_value=0.1)
      >>> tf.Session().run([schedule(5), schedule(15), schedule(95)])
      [np.float64(1.0), np.float64(0.5), np.float64(0.1)]

    Source: ``optax.exponential_decay``.
    """

    arguments = ("init_value", "transition_steps", "decay_rate", "transition_begin", "staircase", "end_value", "name")

    def __init__(
        self,
        init_value: Any,
        transition_steps: Any,
        decay_rate: Any,
        transition_begin: Any = 0,
        staircase: bool = False,
        end_value: Any = None,
        name: str | None = None,
    ) -> None:
        self.init_value = check_number("init_value", init_value)
        self.transition_steps = check_positive("transition_steps", transition_steps)
        self.decay_rate = _check_decay_rate(decay_rate)
        self.transition_begin = check_not_negative("transition_begin", transition_begin)
        self.staircase = staircase
        self.end_value = None if end_value is None else check_number("end_value", end_value)
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        with name_scope(self.name, "ExponentialSchedule"):
            given = since(widened(step), self.transition_begin)
            return as_type_of(_exponential(given, self, self.init_value), self.init_value)


def _check_decay_rate(value: Any) -> Any:
    if not is_symbolic(check_number("decay_rate", value)) and value == 0:
        raise ArgumentError("Argument `decay_rate` must not be 0. Received: decay_rate=0")
    return value


def _exponential(elapsed: Tensor, options: Any, start: Any) -> Tensor:
    """Return the exponential decay from `start` that a schedule's attributes describe."""
    decayed = exponential_decay(in_float64(start), elapsed, options.transition_steps, options.decay_rate, options.staircase)
    if options.end_value is None:
        return decayed
    end = in_float64(options.end_value)
    is_falling = less(widened(options.decay_rate), 1)
    bounded: Tensor = select(is_falling, maximum(decayed, end), minimum(decayed, end))
    return bounded


@register(MODULE)
class CosineSchedule(ArgumentsSchedule):
    """Decay along a power of half a cosine: ``init ((1-α) ((1 + cos(π s/decay_steps)) / 2)^exponent + α)``, with s at most `decay_steps`.

    Args:
      init_value: the value at step 0. decay_steps: see above. alpha: the part of it that is left at the end. exponent: see above.
      name: name of the operation.

    Example:
      >>> tf.Session().run(tf.keras.optimizers.schedules.CosineSchedule(1.0, 10, exponent=2.0)(5)).round(6).item()
      0.25

    Source: ``optax.cosine_decay_schedule``; https://arxiv.org/abs/1608.03983.
    """

    arguments = ("init_value", "decay_steps", "alpha", "exponent", "name")

    def __init__(self, init_value: Any, decay_steps: Any, alpha: Any = 0.0, exponent: Any = 1.0, name: str | None = None) -> None:
        self.init_value = check_number("init_value", init_value)
        self.decay_steps = check_positive("decay_steps", decay_steps)
        self.alpha = check_number("alpha", alpha)
        self.exponent = check_number("exponent", exponent)
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        with name_scope(self.name, "CosineSchedule"):
            start = widened(self.init_value)
            end = multiply(start, in_float64(self.alpha))
            return as_type_of(cosine_between(widened(step), start, end, self.decay_steps, self.exponent), self.init_value)


def cosine_between(step: Tensor, start: Any, end: Any, steps: Any, exponent: Any) -> Tensor:
    """Return the value on half a cosine from `start` to `end`."""
    # Rounding must not carry the half wave below 0, where a power is no number.
    half = maximum(cosine_decay(np.array(1.0), step, steps), 0)
    value: Tensor = add(multiply(subtract(widened(start), in_float64(end)), power(half, in_float64(exponent))), in_float64(end))
    return value


@register(MODULE)
class WarmupConstant(ArgumentsSchedule):
    """Go in a straight line from `init_value` to `peak_value` in `warmup_steps` steps, and stay there.

    Args:
      init_value: the value at step 0. peak_value: the value from step `warmup_steps` on. warmup_steps: not negative.
      name: name of the operation.

    Example:
      >>> tf.Session().run(tf.keras.optimizers.schedules.WarmupConstant(0.0, 1.0, warmup_steps=4)(1)).item()
      0.25

    Source: ``optax.warmup_constant_schedule``, which stays at `init_value` when there are no warm-up steps.
    """

    arguments: ClassVar[tuple[str, ...]] = ("init_value", "peak_value", "warmup_steps", "name")

    def __init__(self, init_value: Any, peak_value: Any, warmup_steps: Any, name: str | None = None) -> None:
        self.init_value = check_number("init_value", init_value)
        self.peak_value = check_number("peak_value", peak_value)
        self.warmup_steps = check_not_negative("warmup_steps", warmup_steps)
        self.name = name

    def __call__(self, step: Any) -> Tensor:
        with name_scope(self.name, type(self).__name__):
            given, start, peak, length = (widened(v) for v in (step, self.init_value, self.peak_value, self.warmup_steps))
            return as_type_of(warmed_up(given, start, peak, length, self._after(since(given, length), peak)), self.init_value)

    def _after(self, elapsed: Tensor, peak: Tensor) -> Tensor:
        """Return the value so many steps after the warm-up."""
        return peak


@register(MODULE)
class WarmupCosineDecay(WarmupConstant):
    """Go in a straight line from `init_value` to `peak_value`, then along half a cosine to `end_value`.

    Args:
      init_value: the value at step 0. peak_value: the value at step `warmup_steps`. warmup_steps: not negative.
      decay_steps: length of the whole, warm-up and cosine, above `warmup_steps`. end_value: the value from then on.
      exponent: the half cosine is raised to it. name: name of the operation.

    Raises:
      ValueError: also when `decay_steps` is not above `warmup_steps`.

    Example:
      >>> schedule = tf.keras.optimizers.schedules.WarmupCosineDecay(0.0, 0.1, warmup_steps=10, decay_steps=30, end_value=0.01)
      >>> [round(value.item(), 6) for value in tf.Session().run([schedule(5), schedule(10), schedule(20), schedule(30)])]
      [0.05, 0.1, 0.055, 0.01]

    Source: ``optax.warmup_cosine_decay_schedule``.
    """

    arguments = ("init_value", "peak_value", "warmup_steps", "decay_steps", "end_value", "exponent", "name")

    def __init__(
        self,
        init_value: Any,
        peak_value: Any,
        warmup_steps: Any,
        decay_steps: Any,
        end_value: Any = 0.0,
        exponent: Any = 1.0,
        name: str | None = None,
    ) -> None:
        super().__init__(init_value, peak_value, warmup_steps, name)
        self.decay_steps = check_positive("decay_steps", decay_steps)
        if not (is_symbolic(decay_steps) or is_symbolic(warmup_steps)) and decay_steps <= warmup_steps:
            raise ArgumentError(
                "`decay_steps` counts the warm-up and must be above `warmup_steps`. "
                f"Received: decay_steps={decay_steps}, warmup_steps={warmup_steps}"
            )
        self.end_value = check_number("end_value", end_value)
        self.exponent = check_number("exponent", exponent)

    def _after(self, elapsed: Tensor, peak: Tensor) -> Tensor:
        steps = subtract(widened(self.decay_steps), in_float64(self.warmup_steps))
        return cosine_between(elapsed, peak, self.end_value, steps, self.exponent)


@register(MODULE)
class WarmupExponentialDecay(WarmupConstant):
    """Go in a straight line from `init_value` to `peak_value`, then decay as `ExponentialSchedule` from there.

    Args:
      init_value: the value at step 0. peak_value: the value at step `warmup_steps`. warmup_steps: not negative.
      transition_steps, decay_rate, transition_begin, staircase, end_value: see `ExponentialSchedule`; its steps are counted from the end
        of the warm-up. name: name of the operation.

    Example:
      >>> schedule = tf.keras.optimizers.schedules.WarmupExponentialDecay(0.0, 1.0, 10, transition_steps=5, decay_rate=0.5)
      >>> tf.Session().run([schedule(5), schedule(10), schedule(20)])
      [np.float64(0.5), np.float64(1.0), np.float64(0.25)]

    Source: ``optax.warmup_exponential_decay_schedule``.
    """

    arguments = (
        *("init_value", "peak_value", "warmup_steps", "transition_steps", "decay_rate"),
        *("transition_begin", "staircase", "end_value", "name"),
    )

    def __init__(
        self,
        init_value: Any,
        peak_value: Any,
        warmup_steps: Any,
        transition_steps: Any,
        decay_rate: Any,
        transition_begin: Any = 0,
        staircase: bool = False,
        end_value: Any = None,
        name: str | None = None,
    ) -> None:
        super().__init__(init_value, peak_value, warmup_steps, name)
        self.transition_steps = check_positive("transition_steps", transition_steps)
        self.decay_rate = _check_decay_rate(decay_rate)
        self.transition_begin = check_not_negative("transition_begin", transition_begin)
        self.staircase = staircase
        self.end_value = None if end_value is None else check_number("end_value", end_value)

    def _after(self, elapsed: Tensor, peak: Tensor) -> Tensor:
        return _exponential(since(elapsed, self.transition_begin), self, peak)
