"""Decays for `AddSignOptimizer` and `PowerSignOptimizer`: functions that make functions of the global step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from graphopt import dtypes
from graphopt.errors import ArgumentError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.operation import Tensor
from graphopt.ops.elementwise import add, cast, cos, divide, floormod, greater_equal, minimum, multiply, select, subtract, zeros_as
from graphopt.train.hyper import POSITIVE, check_number

SignDecay = Callable[[Any], Tensor]


def get_linear_decay_fn(decay_steps: int) -> SignDecay:
    """Return a function of the global step `s` that gives ``1 - min(s, D)/D``, a float64 scalar.

    Args:
      decay_steps: D, the number of steps until the decay is 0.

    Raises:
      ValueError: for a number of steps that is not above 0; by the function, without a global step.

    Source: tensorflow/contrib/opt/python/training/sign_decay.py (r1.15).

    Example:
      >>> decay = tf.contrib.opt.get_linear_decay_fn(4)
      >>> tf.Session().run([decay(1), decay(9)])
      [np.float64(0.75), np.float64(0.0)]
    """
    steps = check_number(decay_steps, "decay_steps", POSITIVE)

    def linear_decay_fn(global_step: Any) -> Tensor:
        decay: Tensor = subtract(1.0, divide(_until(global_step, steps, "linear_decay"), steps))
        return decay

    return linear_decay_fn


def get_cosine_decay_fn(decay_steps: int, num_periods: float = 0.5, zero_after: float | None = None) -> SignDecay:
    """Return a function of the global step `s` that gives ``(1 + cos(2π n min(s, D)/D)) / 2``, a float64 scalar.

    Args:
      decay_steps: D, the number of steps after which it stays as it is. num_periods: n, the number of periods in these.
      zero_after: the number of periods after which the decay is 0 (never by default).

    Raises:
      ValueError: for a number of steps that is not above 0; by the function, without a global step.

    Source: tensorflow/contrib/opt/python/training/sign_decay.py (r1.15).

    Example:
      >>> decay = tf.contrib.opt.get_cosine_decay_fn(4)
      >>> tf.Session().run([decay(0), decay(2), decay(4)])
      [np.float64(1.0), np.float64(0.5), np.float64(0.0)]
    """
    steps = check_number(decay_steps, "decay_steps", POSITIVE)

    def cosine_decay_fn(global_step: Any) -> Tensor:
        fraction = multiply(divide(_until(global_step, steps, "cosine_decay"), steps), 2.0 * num_periods)
        return _zero_from(None if zero_after is None else 2.0 * zero_after, fraction, _half_cosine(fraction))

    return cosine_decay_fn


def get_restart_decay_fn(decay_steps: int, num_periods: int = 1, zero_after: float | None = None) -> SignDecay:
    """Return a function of the global step `s` that gives ``(1 + cos(π f)) / 2``, ``f = (n min(s, D) mod D) / D``, a float64 scalar.

    These are n half cosines from 1 to 0, with restarts.

    Args:
      decay_steps: D, the number of steps after which it stays as it is, at a restart. num_periods: n, the number of restarts in these.
      zero_after: the number of restarts after which the decay is 0 (never by default).

    Raises:
      ValueError: for a number of steps that is not above 0; by the function, without a global step.

    Source: tensorflow/contrib/opt/python/training/sign_decay.py (r1.15).

    Example:
      >>> decay = tf.contrib.opt.get_restart_decay_fn(4, num_periods=2)
      >>> tf.Session().run([decay(1), decay(2)])
      [np.float64(0.5), np.float64(1.0)]
    """
    steps = check_number(decay_steps, "decay_steps", POSITIVE)

    def restart_decay_fn(global_step: Any) -> Tensor:
        done = multiply(_until(global_step, steps, "restart_decay"), float(num_periods))
        return _zero_from(zero_after, divide(done, steps), _half_cosine(divide(floormod(done, steps), steps)))

    return restart_decay_fn


def _until(global_step: Any, steps: float, name: str) -> Any:
    """Return the step as float64, no more than `steps`."""
    if global_step is None:
        raise ArgumentError(f"global_step is required for {name}.")
    return minimum(cast(convert_to_tensor(global_step), dtypes.float64), steps)


def _half_cosine(fraction: Any) -> Any:
    return multiply(add(cos(multiply(fraction, math.pi)), 1.0), 0.5)


def _zero_from(end: float | None, done: Any, decay: Any) -> Tensor:
    """Return the decay, and 0 from `end` on."""
    ended: Tensor = decay if end is None else select(greater_equal(done, end), zeros_as(decay), decay)
    return ended
