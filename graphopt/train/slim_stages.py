"""What `slim` and `contrib.training` do to pairs (gradient, variable) between the gradients and the update.

A gradient is a tensor, sparse rows, which stay sparse, or None.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.indexed_slices import IndexedSlices, map_values
from graphopt.graph.operation import Tensor, user_location
from graphopt.graph.scopes import name_scope
from graphopt.graph.summaries import histogram, scalar
from graphopt.ops.elementwise import multiply
from graphopt.train.clip import clip_by_norm, global_norm
from graphopt.train.stages.stage import Pairs, Stage, Step, clipping_stage, location_of, stage

_LOG = logging.getLogger("graphopt")

Transform = Callable[[Pairs], Pairs]


def clip_gradient_norms(gradients_to_variables: Iterable[tuple[Any, Any]], max_norm: Any) -> Pairs:
    """Scale each gradient down so that its own norm is at most `max_norm`; see `clip_by_norm`.

    Args:
      gradients_to_variables: pairs (gradient, variable); sparse rows stay sparse, None stays None. max_norm: a scalar above 0.

    >>> [(clipped, _)] = clip_gradient_norms([(tf.constant([3.0, 4.0]), None)], 1.0)
    >>> tf.Session().run(clipped)
    array([0.6, 0.8], dtype=float32)
    """
    return [(None if gradient is None else clip_by_norm(gradient, max_norm), v) for gradient, v in gradients_to_variables]


def clip_gradient_norms_fn(max_norm: Any) -> Transform:
    """Return `clip_gradient_norms` with a norm as a function of the pairs: for `transform_grads_fn`, and for `clip_gradients`.

    Args:
      max_norm: a scalar above 0.

    >>> clip_gradient_norms_fn(5.0)([(None, "v")])
    [(None, 'v')]
    """
    return _ClipNorms(max_norm)


class _ClipNorms:
    """`clip_gradient_norms` with a norm, and what inspection shows of it."""

    stage_name = "clip each gradient by norm"

    def __init__(self, max_norm: Any) -> None:
        self.settings = {"max_norm": max_norm}
        self.location = user_location()

    def __call__(self, gradients_to_variables: Pairs) -> Pairs:
        return clip_gradient_norms(gradients_to_variables, self.settings["max_norm"])


def multiply_gradients(grads_and_vars: Any, gradient_multipliers: Any) -> Pairs:
    """Multiply the gradients of some variables.

    Args:
      grads_and_vars: a list of pairs (gradient, variable).
      gradient_multipliers: a dict of numbers or scalar tensors by variable, or by the variable's name without ``:0``.

    Raises:
      ValueError: for pairs that are no list, multipliers that are empty or no dict, and a multiplier of a gradient that is None.

    >>> w = tf.get_variable("w", [])
    >>> [(gradient, _)] = multiply_gradients([(tf.constant(2.0), w)], {"w": 3.0})
    >>> tf.Session().run(gradient).item()
    6.0
    """
    if not isinstance(grads_and_vars, list):
        raise ArgumentError("`grads_and_vars` must be a list.")
    if not gradient_multipliers:
        raise ArgumentError("`gradient_multipliers` is empty.")
    if not isinstance(gradient_multipliers, dict):
        raise ArgumentError("`gradient_multipliers` must be a dict.")
    return [(_multiplied(gradient, v, gradient_multipliers), v) for gradient, v in grads_and_vars]


def _multiplied(gradient: Any, v: Any, multipliers: Mapping[Any, Any]) -> Any:
    key = v if v in multipliers else v.op.name
    if key not in multipliers:
        return gradient
    if gradient is None:
        raise ArgumentError(f"Requested multiple of `None` gradient. The loss does not depend on {v.op.name}.")
    return map_values(lambda values: multiply(values, convert_to_tensor(multipliers[key], dtype=values.dtype)), gradient)


def add_gradients_summaries(grads_and_vars: Iterable[tuple[Any, Any]]) -> list[Tensor]:
    """Record for each gradient a histogram ``<variable>_gradient`` and the summary of its norm ``<variable>_gradient_norm``.

    Args:
      grads_and_vars: pairs (gradient, variable). Of sparse rows the values count; what has no gradient is logged.

    >>> w = tf.get_variable("w", [])
    >>> [summary.op.name for summary in add_gradients_summaries([(tf.constant(2.0), w)])]
    ['w_gradient', 'w_gradient_norm']
    """
    return _summaries(grads_and_vars, "_")


def add_slim_gradients_summaries(grads_and_vars: Iterable[tuple[Any, Any]]) -> list[Tensor]:
    """Record for each gradient a histogram ``<variable>/gradient`` and the summary of its norm ``<variable>/gradient_norm``.

    Args:
      grads_and_vars: pairs (gradient, variable). Of sparse rows the values count; what has no gradient is logged.

    >>> w = tf.get_variable("w", [])
    >>> [summary.op.name for summary in add_slim_gradients_summaries([(tf.constant(2.0), w)])]
    ['w/gradient', 'w/gradient_norm']
    """
    return _summaries(grads_and_vars, "/")


def _summaries(pairs: Iterable[tuple[Any, Any]], separator: str) -> list[Tensor]:
    made = []
    for gradient, v in pairs:
        if gradient is None:
            _LOG.info("Var %s has no gradient", v.op.name)
            continue
        values = gradient.values if isinstance(gradient, IndexedSlices) else gradient
        made.append(histogram(f"{v.op.name}{separator}gradient", values))
        made.append(scalar(f"{v.op.name}{separator}gradient_norm", global_norm([values])))
    return made


def transform_stage(function: Transform) -> Stage:
    """Return the stage of a user's function of the pairs.

    Raises:
      TypeError: for what can't be called.
    """
    if not callable(function):
        raise ArgumentTypeError(f"transform_grads_fn must be a function of the pairs (gradient, variable), got {function!r}.")
    name = getattr(function, "stage_name", None) or f"transform by {getattr(function, '__name__', repr(function))}"
    settings = getattr(function, "settings", {})
    return Stage(name, settings, lambda pairs, _: function(pairs), location_of(function), clips=True)


def multiplier_stage(multipliers: Mapping[Any, Any]) -> Stage:
    """Return the stage that multiplies the gradients of some variables."""
    keys = multipliers if isinstance(multipliers, Mapping) else {}
    shown = {key if isinstance(key, str) else key.op.name: value for key, value in keys.items()}
    return stage("multiply gradients", _scoped("multiply_grads", lambda pairs: multiply_gradients(pairs, multipliers)), multipliers=shown)


def clip_stage(max_norm: Any) -> Stage:
    """Return the stage that clips each gradient by its own norm."""
    clip = _scoped("clip_grads", lambda pairs: clip_gradient_norms(pairs, max_norm))
    return clipping_stage(_ClipNorms.stage_name, clip, max_norm=max_norm)


def _scoped(scope: str, function: Transform) -> Callable[[Pairs, Step], Pairs]:
    def in_scope(pairs: Pairs, step: Step) -> Pairs:
        with name_scope(scope):
            return function(pairs)

    return in_scope
