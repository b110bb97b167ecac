"""Regularizers and initializers of `tf.contrib.layers`."""

from __future__ import annotations

import logging
import math
import numbers
from collections.abc import Callable
from typing import Any

from graphopt import dtypes
from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.scopes import name_scope
from graphopt.ops.elementwise import absolute, add_n, multiply
from graphopt.ops.random import random_uniform, truncated_normal
from graphopt.ops.reduce import l2_loss, reduce_sum

_LOG = logging.getLogger("graphopt")

Regularizer = Callable[..., Any]

# --- regularizers ------------------------------------------------------------------------------------------------------


def l1_regularizer(scale: float, scope: str | None = None) -> Regularizer:
    """Return a function of weights: scale times the sum of their absolute values (None for a scale of 0).

    Raises:
      ValueError: for an int, or a number below 0.

    >>> with tf.Session() as sess:
    ...     sess.run(tf.contrib.layers.l1_regularizer(0.5)(tf.constant([1.0, -3.0]))).item()
    2.0
    """
    return _scaled(scale, scope, "l1_regularizer", lambda weights: reduce_sum(absolute(weights)))


def l2_regularizer(scale: float, scope: str | None = None) -> Regularizer:
    """Return a function of weights: scale times half the sum of their squares (None for a scale of 0).

    Raises:
      ValueError: for an int, or a number below 0.
    """
    return _scaled(scale, scope, "l2_regularizer", l2_loss)


def _scaled(scale: Any, scope: str | None, default_scope: str, penalty: Callable[[Any], Any]) -> Regularizer:
    _check_scale(scale, "scale")
    if isinstance(scale, numbers.Real):
        if scale < 0.0:
            raise ArgumentError(f"Setting a scale less than 0 on a regularizer: {scale:g}")
        if scale == 0.0:
            _LOG.info("Scale of 0 disables regularizer.")
            return lambda weights, name=None: None

    def regularizer(weights: Any, name: str | None = None) -> Any:
        with name_scope(scope, default_scope, [weights]) as entered:
            values = convert_to_tensor(weights)
            factor = convert_to_tensor(scale, values.dtype, name="scale")
            return multiply(factor, penalty(values), name=entered)

    return regularizer


def _check_scale(scale: Any, name: str) -> None:
    if isinstance(scale, numbers.Integral):
        raise ArgumentError(f"{name} cannot be an integer: {scale}")


def l1_l2_regularizer(scale_l1: float = 1.0, scale_l2: float = 1.0, scope: str | None = None) -> Regularizer:
    """Return a function of weights: the sum of an `l1_regularizer` and an `l2_regularizer`.

    Raises:
      ValueError: for an int, or a number below 0.
    """
    _check_scale(scale_l1, "scale_l1")
    _check_scale(scale_l2, "scale_l2")
    own = scope or "l1_l2_regularizer"
    if scale_l1 == 0.0:
        return l2_regularizer(scale_l2, own)
    if scale_l2 == 0.0:
        return l1_regularizer(scale_l1, own)
    both = sum_regularizer([l1_regularizer(scale_l1), l2_regularizer(scale_l2)], scope=own)
    return both if both is not None else lambda weights, name=None: None


def sum_regularizer(regularizer_list: Any, scope: str | None = None) -> Regularizer | None:
    """Return a function of weights: the sum of several regularizers; None when there are none."""
    given = [r for r in regularizer_list if r is not None]
    if not given:
        return None

    def regularizer(weights: Any, name: str | None = None) -> Any:
        with name_scope(scope, "sum_regularizer", [weights]) as entered:
            terms = [term for term in (r(weights) for r in given) if term is not None]
            return add_n(terms, name=entered) if terms else None

    return regularizer


def apply_regularization(regularizer: Regularizer, weights_list: Any = None) -> Any:
    """Return the sum of a regularizer over weights, and enter it in REGULARIZATION_LOSSES.

    Args:
      regularizer: a function of weights that gives a scalar or None. weights_list: by default the collection WEIGHTS.

    Raises:
      ValueError: without weights, or for a regularizer whose result is no scalar.
    """
    weights = weights_list or get_default_graph().get_collection(GraphKeys.WEIGHTS)
    if not weights:
        raise ArgumentError("No weights to regularize.")
    with name_scope("get_regularization_penalty", values=weights) as scope:
        penalties = [regularizer(w) for w in weights]
        penalties = [convert_to_tensor(0.0 if p is None else p) for p in penalties]
        for penalty in penalties:
            if penalty.tensor_type.rank != 0:
                raise ArgumentError(f"regularizer must return a scalar Tensor instead of a Tensor with rank {penalty.tensor_type.rank}.")
        total = add_n(penalties, name=scope)
    get_default_graph().add_to_collection(GraphKeys.REGULARIZATION_LOSSES, total)
    return total


# --- initializers ------------------------------------------------------------------------------------------------------

# What a normal variable cut at two standard deviations loses in variance.
_TRUNCATION = 1.3


def xavier_initializer(uniform: bool = True, seed: int | None = None, dtype: Any = dtypes.float32) -> Callable[..., Any]:
    """Return an initializer that keeps the scale of gradients about equal in all layers (Glorot and Bengio 2010)."""
    return variance_scaling_initializer(factor=1.0, mode="FAN_AVG", uniform=uniform, seed=seed, dtype=dtype)


xavier_initializer_conv2d = xavier_initializer


def variance_scaling_initializer(factor: float = 2.0, mode: str = "FAN_IN", uniform: bool = False, seed: int | None = None,
                                 dtype: Any = dtypes.float32) -> Callable[..., Any]:  # fmt: skip
    """Return an initializer of random numbers with variance factor / n, n the number of inputs, outputs or their mean.

    Args:
      factor: a number. mode: "FAN_IN", "FAN_OUT" or "FAN_AVG". uniform: uniform instead of truncated normal numbers.
      seed: op seed. dtype: a floating point type.

    Raises:
      TypeError: for another type or mode.
    """
    _check_floating(dtype)
    if mode not in ("FAN_IN", "FAN_OUT", "FAN_AVG"):
        raise ArgumentTypeError(f"Unknown mode {mode} [FAN_IN, FAN_OUT, FAN_AVG]")

    def initializer(shape: Any, dtype: Any = dtype, partition_info: Any = None) -> Any:
        _check_floating(dtype)
        n = _fan(list(shape), mode)
        if uniform:
            limit = math.sqrt(3.0 * factor / n)
            return random_uniform(shape, -limit, limit, dtype=dtype, seed=seed)
        return truncated_normal(shape, 0.0, math.sqrt(_TRUNCATION * factor / n), dtype=dtype, seed=seed)

    return initializer


def _check_floating(dtype: Any) -> None:
    if not dtypes.as_dtype(dtype).is_floating:
        raise ArgumentTypeError("Cannot create initializer for non-floating point type.")


def _fan(shape: list[int], mode: str) -> float:
    """Return the number of inputs, outputs or their mean of a kernel ``[..., in, out]``."""
    field = float(math.prod(shape[:-2]))
    inputs = field * (float(shape[-2]) if len(shape) > 1 else float(shape[-1]) if shape else 1.0)
    outputs = field * (float(shape[-1]) if shape else 1.0)
    return {"FAN_IN": inputs, "FAN_OUT": outputs, "FAN_AVG": (inputs + outputs) / 2.0}[mode]
