"""Normalisation: moments, batch normalisation, unit length, local response."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.errors import ShapeError
from graphopt.ir.opdef import OpDef, define_op
from graphopt.ir.samples import case
from graphopt.ir.types import TensorType
from graphopt.ops.array import reshape_op, size_op, squeeze_op, stop_gradient
from graphopt.ops.broadcast import reduce_sum_op
from graphopt.ops.composing import scope
from graphopt.ops.elementwise import (
    add,
    cast,
    divide,
    maximum,
    multiply,
    negative,
    power,
    rsqrt,
    square,
    squared_difference,
    subtract,
    zeros_as,
)
from graphopt.ops.reduce import reduce_mean_op, to_axes

# --- moments ---------------------------------------------------------------------------------------------------------


def moments(x: Any, axes: Any, *, keepdims: bool = False, name: str | None = None) -> tuple[Any, Any]:
    """Return mean and variance of `x` over `axes`.

    The variance takes the mean as given (no gradient flows through it): that part of its gradient is 0 anyway.

    Args:
      x: floats (float16 is averaged in float32). axes: an axis or a list of axes. keepdims: keep them with size 1.
      name: name of the scope.
    """
    with scope(name or "moments", x):
        return _moments(x, to_axes(axes), keepdims)


def _moments(x: Any, over: Any, keepdims: bool) -> tuple[Any, Any]:
    wide = cast(x, dtypes.float32) if x.dtype is dtypes.float16 else x
    mean = reduce_mean_op(wide, axis=over, keepdims=True, name="mean")
    variance = reduce_mean_op(squared_difference(wide, stop_gradient(mean)), axis=over, keepdims=True, name="variance")
    if not keepdims:
        mean, variance = squeeze_op(mean, axis=over), squeeze_op(variance, axis=over)
    return cast(mean, x.dtype), cast(variance, x.dtype)


# --- batch normalisation ---------------------------------------------------------------------------------------------


def batch_normalization(x: Any, mean: Any, variance: Any, *, offset: Any, scale: Any, epsilon: Any, name: str | None = None) -> Any:
    """Return (x - mean) / sqrt(variance + epsilon) * scale + offset, with everything that does not depend on `x` computed first.

    Args:
      x: floats. mean, variance: tensors that broadcast with `x`. offset, scale: the same, or None.
      epsilon: added to the variance. name: name of the operation.
    """
    with scope(name or "batchnorm", x, mean, variance):
        factor = rsqrt(add(variance, epsilon))
        if scale is not None:
            factor = multiply(factor, scale)
        shift = negative(multiply(mean, factor)) if offset is None else subtract(offset, multiply(mean, factor))
        return add(multiply(x, cast(factor, x.dtype)), cast(shift, x.dtype), name="add_1")


def _channels(x: TensorType, axis: int) -> int:
    if x.shape is None:
        raise ShapeError("Inputs of batch normalization must have a known rank")
    return shapes.normalize_axis(axis, len(x.shape))


def _batch_norm_type(x: TensorType, scale: TensorType, offset: TensorType, axis: int, epsilon: float) -> tuple[TensorType, ...]:
    at = _channels(x, axis)
    merged: shapes.Shape = (x.shape or ())[at : at + 1]
    for operand in (scale, offset):
        if operand.shape is not None and len(operand.shape) != 1:
            raise ShapeError(f"Shape must be rank 1 but is rank {len(operand.shape)}")
        merged = shapes.merge_shapes(merged, operand.shape)
    whole = (*(x.shape or ())[:at], *(merged or ()), *(x.shape or ())[at + 1 :])
    vector = TensorType(x.dtype, merged)
    return TensorType(x.dtype, whole), vector, vector


def _other_axes(rank: int, axis: int) -> tuple[int, ...]:
    return tuple(i for i in range(rank) if i != axis % rank)


def _batch_norm_kernel(xp: Any, x: Any, scale: Any, offset: Any, axis: int, epsilon: float) -> Any:
    axes = _other_axes(x.ndim, axis)
    kept = [1 if i in axes else d for i, d in enumerate(x.shape)]
    # Not xp.mean, which warns of an empty batch.
    count = x.dtype.type(np.prod([x.shape[i] for i in axes], dtype=np.int64))
    mean = xp.sum(x, axis=axes, keepdims=True) / count
    centered = x - mean
    variance = xp.sum(centered * centered, axis=axes, keepdims=True) / count
    factor = xp.reshape(scale, kept) / xp.sqrt(variance + x.dtype.type(epsilon))
    return centered * factor + xp.reshape(offset, kept), xp.reshape(mean, -1), xp.reshape(variance, -1)


def _batch_norm_expand(x: Any, scale: Any, offset: Any, axis: int, epsilon: float) -> Any:
    rank = x.tensor_type.rank
    axes = _other_axes(rank, axis)
    mean = reduce_mean_op(x, axis=axes, keepdims=False)
    centered = subtract(x, beside(mean, rank, axis))
    variance = reduce_mean_op(square(centered), axis=axes, keepdims=False)
    factor = multiply(scale, rsqrt(add(variance, epsilon)))
    return add(multiply(centered, beside(factor, rank, axis)), beside(offset, rank, axis)), mean, variance


def beside(vector: Any, rank: int, axis: int) -> Any:
    """Return a vector of one value a channel in a shape that broadcasts with the tensor."""
    behind = rank - 1 - axis % rank
    return reshape_op(vector, np.array([-1] + [1] * behind, np.int32)) if behind else vector


def _count(x: Any, vector: Any) -> Any:
    """Return how many elements a channel has: a number where it is known, else a scalar tensor."""
    t = x.tensor_type
    if t.is_static and vector.tensor_type.is_static:
        return float(np.prod(t.shape, dtype=np.int64)) / max(float(vector.tensor_type.shape[0]), 1.0)
    return divide(cast(size_op(x), t.dtype), cast(size_op(vector), t.dtype))


def _batch_norm_vjp(g: Any, out: Any, x: Any, scale: Any, offset: Any, axis: int, epsilon: float) -> Any:
    to_x, to_scale, to_offset = [], None, None
    rank, (of_y, of_mean, of_variance), (_, mean, variance) = x.tensor_type.rank, g, out
    axes, count = _other_axes(rank, axis), _count(x, mean)
    inverse = rsqrt(add(variance, epsilon))
    centered = subtract(x, beside(mean, rank, axis))
    if of_y is not None:
        unit = multiply(centered, beside(inverse, rank, axis))
        to_offset = reduce_sum_op(of_y, axis=axes, keepdims=False)
        to_scale = reduce_sum_op(multiply(of_y, unit), axis=axes, keepdims=False)
        common = add(beside(divide(to_offset, count), rank, axis), multiply(unit, beside(divide(to_scale, count), rank, axis)))
        to_x.append(multiply(subtract(of_y, common), beside(multiply(scale, inverse), rank, axis)))
    if of_mean is not None:
        to_x.append(add(zeros_as(x), beside(divide(of_mean, count), rank, axis)))
    if of_variance is not None:
        to_x.append(multiply(centered, beside(divide(multiply(of_variance, 2.0), count), rank, axis)))
    total = to_x[0]
    for part in to_x[1:]:
        total = add(total, part)
    return total, to_scale, to_offset


batch_norm_op = define_op(
    "batch_norm(x: float, scale: same(x), offset: same(x); axis = -1, epsilon = 0.001) -> many()",
    infer=_batch_norm_type, kernel=_batch_norm_kernel, vjp=_batch_norm_vjp, expand=_batch_norm_expand, tf_name="FusedBatchNorm",
    samples=[case("f32[8,3]", "f32[3]", "f32[3]"), case("f64[6,2]", "f64[2]", "f64[2]"),
             case("f64[3,2,4]", "f64[2]", "f64[2]", axis=1, epsilon=0.1), case("f32[0,2]", "f32[2]", "f32[2]", differentiable=False),
             case("f64[2,3,2,2]", "f64[2]", "f64[2]", axis=3)],
    doc="Normalise each channel to mean 0 and variance 1, then scale and shift it; return the result, the mean and the variance.",
    ref="Ioffe and Szegedy, Batch Normalization (2015)",
)  # fmt: skip


def batch_norm(x: Any, *, scale: Any, offset: Any, axis: int = -1, epsilon: float = 0.001, name: str | None = None) -> tuple[Any, Any, Any]:
    """Normalise `x` by its own mean and variance over all axes but one.

    Args:
      x: floats of known rank. scale, offset: one value for each channel. axis: the axis of the channels.
      epsilon: added to the variance. name: name of the operation.

    Returns:
      The normalised tensor, the mean and the (population) variance of each channel.
    """
    y, mean, variance = batch_norm_op(x, scale, offset, axis=int(axis), epsilon=float(epsilon), name=name)
    return y, mean, variance


def unbiased(variance: Any, x: Any) -> Any:
    """Return the variance of the population that `x` is a sample of: times n / (n - 1) for n elements a channel.

    Args:
      variance: one value for each channel. x: the tensor it was measured on.
    """
    count = _count(x, variance)
    if isinstance(count, float):
        return multiply(variance, count / max(count - 1.0, 1.0))
    return multiply(variance, divide(count, maximum(subtract(count, 1.0), 1.0)))


# --- unit length and local response ----------------------------------------------------------------------------------


def l2_normalize(x: Any, *, axis: Any = None, epsilon: float = 1e-12, name: str | None = None) -> Any:
    """Return `x` divided by its Euclidean norm over `axis`; a norm below sqrt(epsilon) counts as that.

    Args:
      x: floats. axis: an axis, a list, or None for all. epsilon: smallest sum of squares. name: name of the operation.
    """
    with scope(name or "l2_normalize", x) as entered:
        total = reduce_sum_op(square(x), axis=to_axes(axis), keepdims=True)
        return multiply(x, rsqrt(maximum(total, epsilon)), name=entered)


def _window_sum_kernel(xp: Any, x: Any, radius: int) -> Any:
    size = x.shape[-1]
    reach = min(radius, size)
    padded = xp.pad(x, [(0, 0)] * (x.ndim - 1) + [(reach, reach)])
    total = padded[..., :size]
    for shift in range(1, 2 * reach + 1):
        total = total + padded[..., shift : shift + size]
    return total


window_sum: OpDef = define_op(
    "window_sum(x: float; radius) -> like(x)",
    kernel=_window_sum_kernel, vjp=lambda g, out, x, radius: window_sum(g, radius=radius), linear_in=("x",), tf_name="WindowSum",
    samples=[case("f32[2,7]", radius=2), case("f64[3]", radius=5), case("f64[2,2,4]", radius=1)],
    doc="Return the sum over the neighbours up to a distance along the last axis; nothing is added beyond its ends.",
)  # fmt: skip


def local_response_normalization(
    x: Any, *, depth_radius: int = 5, bias: float = 1.0, alpha: float = 1.0, beta: float = 0.5, name: str | None = None
) -> Any:
    """Return `x` / (bias + alpha * sum of squares of the near channels) ** beta.

    Args:
      x: floats, channels last. depth_radius: how many channels on each side are near. bias, alpha, beta: numbers.
      name: name of the operation.
    """
    with scope(name or "LRN", x) as entered:
        near = window_sum(square(x), radius=int(depth_radius))
        return divide(x, power(add(multiply(near, float(alpha)), float(bias)), float(beta)), name=entered)
