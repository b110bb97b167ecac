"""Clipping at a norm that follows the norms seen so far."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.indexed_slices import map_values
from graphopt.graph.initializers import Zeros
from graphopt.graph.operation import Tensor, user_location
from graphopt.graph.summaries import scalar
from graphopt.graph.variable_scope import get_variable, variable_scope
from graphopt.ops.elementwise import add, cast, divide, exp, less, log, maximum, minimum, multiply, ones_as, select, sqrt, square, subtract
from graphopt.train.averages import assign_moving_average
from graphopt.train.clip import global_norm
from graphopt.train.stages import Pairs
from graphopt.train.unknown_arguments import naming_nearest


class AdaptiveClipping:
    """A function of pairs (gradient, variable) that scales all gradients down when their norm is unusually large.

    Attributes:
      settings: the arguments of `adaptive_clipping_fn`. stage_name: what it does, in a few words. location: where it was made.
    """

    stage_name = "clip adaptively"

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.location = user_location()

    def __call__(self, grads_and_vars: Pairs) -> Pairs:
        """Return the pairs with every gradient multiplied by one factor; None stays None, sparse rows stay sparse."""
        of = self.settings
        pairs = list(grads_and_vars)
        norm = global_norm([gradient for gradient, _ in pairs])
        max_norm, log_mean = _adaptive_max_norm(norm, of["std_factor"], of["decay"], of["global_step"], of["epsilon"], of["name"])
        if of["report_summary"]:
            scalar("global_norm/adaptive_max_gradient_norm", max_norm)
        factor = select(less(norm, max_norm), ones_as(norm), divide(exp(log_mean), norm))
        if of["static_max_norm"] is not None:
            factor = minimum(divide(_number(of["static_max_norm"], norm), norm), factor)
        return [(map_values(lambda values: multiply(values, factor), gradient), v) for gradient, v in pairs]


@naming_nearest
def adaptive_clipping_fn(
    std_factor: Any = 2.0,
    decay: Any = 0.95,
    static_max_norm: Any = None,
    global_step: Any = None,
    report_summary: bool = False,
    epsilon: float = 1e-8,
    name: str | None = None,
) -> AdaptiveClipping:
    """Return a function that clips gradients whose global norm is far above what it has been.

    The logarithm of the norm is averaged, as is its square; the largest norm allowed is ``exp(mean + std_factor std)``. Gradients beyond
    it are scaled to the norm ``exp(mean)``.

    Args:
      std_factor: how many standard deviations of the log norm are allowed above its mean.
      decay: of the moving averages. With a global step `n` it is at most ``n / (n + 1)``, so that they adapt faster at first.
      static_max_norm: a largest norm besides, or None. global_step: the variable that counts the steps, or None.
      report_summary: record the largest norm allowed as a summary. epsilon: keeps the logarithm and the root away from 0.
      name: scope of the averages.

    Returns:
      A function of pairs (gradient, variable), for the argument `clip_gradients` of `optimize_loss`.

    Source: tensorflow/contrib/layers/python/layers/optimizers.py (r1.15).

    Example:
      >>> w = tf.Variable(10.0)
      >>> clip = tf.contrib.layers.adaptive_clipping_fn()
      >>> train_op = tf.contrib.layers.optimize_loss(tf.abs(w * 5.0), None, 0.1, "SGD", clip_gradients=clip)
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     print(session.run(train_op))
      ...     print(session.run(w).round(4))
      50.0
      9.8916
    """
    return AdaptiveClipping(
        {
            "std_factor": std_factor,
            "decay": decay,
            "static_max_norm": static_max_norm,
            "global_step": global_step,
            "report_summary": report_summary,
            "epsilon": epsilon,
            "name": name,
        }
    )


def _adaptive_max_norm(norm: Tensor, std_factor: Any, decay: Any, global_step: Any, epsilon: Any, name: str | None) -> tuple[Any, Any]:
    """Return the largest norm allowed and the mean of the log norm, both after this run's update."""
    with variable_scope(name, "AdaptiveMaxNorm", [norm]):
        log_norm = log(add(norm, _number(epsilon, norm)))
        if global_step is not None:
            steps = cast(convert_to_tensor(global_step), dtypes.float64 if norm.dtype is dtypes.float64 else dtypes.float32)
            decay = minimum(divide(steps, add(steps, 1)), decay)
        mean = _moving_average("mean", log_norm, decay)
        square_mean = _moving_average("sq_mean", square(log_norm), decay)
        variance = subtract(square_mean, square(mean))
        std = sqrt(maximum(variance, _number(epsilon, norm)))
        return exp(add(mean, multiply(std, _number(std_factor, norm)))), mean


def _moving_average(name: str, value: Tensor, decay: Any) -> Tensor:
    average = get_variable(name, value.get_shape(), value.dtype, Zeros(), trainable=False)
    return assign_moving_average(average, value, decay, zero_debias=False)


def _number(value: Any, like: Any) -> Any:
    return value if hasattr(value, "builder") else np.array(value, like.dtype.np)
