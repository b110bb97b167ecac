"""Clipping of tensors and of lists of gradients, with TensorFlow's behaviour at NaN, infinity and zero.

Sparse rows stay sparse: what is clipped are their values, repeated rows not added up first.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphopt import shapes
from graphopt.errors import ArgumentTypeError, ShapeError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.indexed_slices import IndexedSlices, map_values
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ops.array import identity, size_op
from graphopt.ops.elementwise import (
    add,
    add_n,
    cast,
    divide,
    greater,
    maximum,
    minimum,
    multiply,
    ones_as,
    rsqrt,
    select,
    sqrt,
    square,
    subtract,
)
from graphopt.ops.reduce import l2_loss, reduce_sum
from graphopt.shapes import TensorShape


def clip_by_value(t: Any, clip_value_min: Any, clip_value_max: Any, name: str | None = None) -> Any:
    """Return ``max(min(t, clip_value_max), clip_value_min)``.

    NaN stays NaN. The gradient is 1 inside and at both bounds, 0 outside.

    Args:
      t: a tensor or `IndexedSlices`. clip_value_min, clip_value_max: scalars, or tensors that broadcast to `t`.
      name: name of the operation.

    Raises:
      ValueError: when a bound would make the result larger than `t`.

    Example:
      >>> tf.Session().run(tf.clip_by_value([-2.0, 0.5, 9.0], -1.0, 1.0))
      array([-1. ,  0.5,  1. ], dtype=float32)
    """
    with name_scope(name, "clip_by_value") as scope:

        def clip(given: Any) -> Any:
            values = convert_to_tensor(given, name="t")
            below = minimum(values, clip_value_max)
            _check_same_shape(values, below)
            clipped = maximum(below, clip_value_min, name=scope)
            _check_same_shape(values, clipped)
            return clipped

        return map_values(clip, t)


def _check_same_shape(values: Tensor, clipped: Tensor) -> None:
    own, other = values.tensor_type.shape, clipped.tensor_type.shape
    if not shapes.is_compatible(own, other):
        raise ShapeError(f"Shapes {TensorShape(own)} and {TensorShape(other)} are incompatible")


def clip_by_norm(t: Any, clip_norm: Any, axes: Any = None, name: str | None = None) -> Any:
    """Return `t` scaled down so that its norm is at most `clip_norm`: ``t clip_norm / max(‖t‖, clip_norm)``.

    A NaN makes everything NaN; an infinite element becomes NaN and the finite ones 0. Zeros stay zeros, and so does their gradient.

    Args:
      t: a tensor or `IndexedSlices`. clip_norm: a scalar above 0. axes: the axes over which a norm is taken (all by default).
      name: name of the operation.

    Example:
      >>> tf.Session().run(tf.clip_by_norm([3.0, 4.0], 1.0))
      array([0.6, 0.8], dtype=float32)
    """
    with name_scope(name, "clip_by_norm") as scope:

        def clip(given: Any) -> Any:
            values = convert_to_tensor(given, name="t")
            squares = reduce_sum(multiply(values, values), axis=axes, keepdims=True)
            # The root is taken of a safe value where the sum is 0, so that its gradient there is 0 and not NaN.
            is_positive = greater(squares, 0)
            norm = select(is_positive, sqrt(select(is_positive, squares, ones_as(squares))), squares)
            scaled = multiply(values, clip_norm)
            _check_same_shape(values, scaled)
            return identity(divide(scaled, maximum(norm, clip_norm)), name=scope)

        return map_values(clip, t)


def global_norm(t_list: Sequence[Any], name: str | None = None) -> Tensor:
    """Return the norm of all tensors taken together: ``√(Σ ‖t‖²)``.

    Args:
      t_list: a list or tuple of tensors, `IndexedSlices` (whose values count, repeated rows each) and None (which counts nothing).
      name: name of the operation.

    Raises:
      TypeError: when `t_list` is no list or tuple, or the element types are not one floating point type.

    Example:
      >>> tf.Session().run(tf.global_norm([tf.constant([3.0]), None, tf.constant([[4.0]])])).item()
      5.0
    """
    _check_sequence(t_list)
    with name_scope(name, "global_norm"):
        halves = [l2_loss(v) for v in _values(t_list) if v is not None]
        total = add_n(halves) if halves else convert_to_tensor(0.0)
        norm: Tensor = sqrt(multiply(total, 2), name="global_norm")
    return norm


def _check_sequence(t_list: Any) -> None:
    if isinstance(t_list, (str, bytes)) or not isinstance(t_list, Sequence):
        raise ArgumentTypeError(f"t_list should be a sequence, got {t_list!r}")


def _values(t_list: Sequence[Any]) -> list[Any]:
    items = [t.values if isinstance(t, IndexedSlices) else t for t in t_list]
    return [None if t is None else convert_to_tensor(t, name=f"t_{i}") for i, t in enumerate(items)]


def clip_by_global_norm(t_list: Sequence[Any], clip_norm: Any, use_norm: Any = None, name: str | None = None) -> tuple[list[Any], Any]:
    """Scale all tensors by one factor so that their global norm is at most `clip_norm`.

    Each becomes ``t clip_norm min(1/norm, 1/clip_norm)``; where the norm is infinite or NaN, each becomes NaN.

    Args:
      t_list: a list or tuple of tensors, `IndexedSlices` and None.
      clip_norm: a scalar above 0. use_norm: the norm, when you have it already. name: name of the operations.

    Returns:
      The list of clipped tensors, with `IndexedSlices` and None where they were, and the norm before.

    Raises:
      TypeError: when `t_list` is no list or tuple.

    Example:
      >>> clipped, norm = tf.clip_by_global_norm([tf.constant([3.0, 4.0]), None], 1.0)
      >>> tf.Session().run({"clipped": clipped[0], "norm": norm})
      {'clipped': array([0.6, 0.8], dtype=float32), 'norm': np.float32(5.0)}
    """
    _check_sequence(t_list)
    norm = global_norm(t_list, name) if use_norm is None else convert_to_tensor(use_norm)
    with name_scope(name, "clip_by_global_norm") as scope:
        one = convert_to_tensor(np.array(1, norm.dtype.np))
        finite = multiply(minimum(divide(one, norm), divide(one, clip_norm)), clip_norm)
        # norm - norm is 0 where the norm is finite and NaN elsewhere.
        scale = add(finite, subtract(norm, norm))
        clipped = [None if v is None else identity(multiply(v, scale), name=f"{scope}_{i}") for i, v in enumerate(_values(t_list))]
    pairs = zip(t_list, clipped, strict=True)
    restored = [t.with_values(c) if isinstance(t, IndexedSlices) and c is not None else c for t, c in pairs]
    return restored, norm


def clip_by_average_norm(t: Any, clip_norm: Any, name: str | None = None) -> Tensor:
    """Return `t` scaled down so that its norm divided by its number of elements is at most `clip_norm`.

    Args:
      t: a tensor. clip_norm: a scalar above 0. name: name of the operation.

    Example:
      >>> tf.Session().run(tf.clip_by_average_norm([3.0, 4.0], 0.5))
      array([0.6, 0.8], dtype=float32)
    """
    with name_scope(name, "clip_by_average_norm") as scope:
        values = convert_to_tensor(t, name="t")
        count = cast(size_op(values), values.dtype)
        inverse_norm = rsqrt(reduce_sum(square(values)))
        limit = divide(ones_as(inverse_norm), clip_norm)
        clipped: Tensor = identity(multiply(multiply(values, clip_norm), minimum(multiply(inverse_norm, count), limit)), name=scope)
    return clipped
