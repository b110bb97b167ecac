"""Pooling: the largest element or the mean of each window, and the gradients."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt.errors import ShapeError, first_line, invalid_argument
from graphopt.ir.opdef import OpDef, define_op
from graphopt.ir.samples import case, values
from graphopt.ir.types import StaticOperand, TensorType
from graphopt.ops.activations import NN
from graphopt.ops.array import shape_of
from graphopt.ops.elementwise import zeros_as
from graphopt.ops.windows import (
    Axis,
    blank,
    cropped,
    from_last,
    grid_of,
    image_shape,
    laid_out,
    output_size,
    padded,
    taps,
    to_format,
    to_last,
    to_padding,
    to_pair,
)

_ATTRIBUTES = "ksize, strides, padding = 'VALID', data_format = 'NHWC'"
_ONE = (1, 1)

Grid = tuple[Axis, Axis]


def _pool_type(x: TensorType, ksize: Any, strides: Any, padding: Any, data_format: str) -> TensorType:
    n, height, width, channels = image_shape(x.shape, data_format)
    out = [output_size(s, ksize[i], strides[i], 1, padding, i) for i, s in enumerate((height, width))]
    return TensorType(x.dtype, laid_out(n, out[0], out[1], channels, data_format))


def _grid(image: Any, ksize: Any, strides: Any, padding: Any) -> Grid:
    try:
        return grid_of(image, ksize, strides, _ONE, padding)
    except ShapeError as error:
        raise invalid_argument(f"Computed output size would be negative: {first_line(error)}") from None


def _lowest(dtype: Any) -> Any:
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


# --- the largest element -------------------------------------------------------------------------------------------------


def _max_kernel(xp: Any, x: Any, ksize: Any, strides: Any, padding: Any, data_format: str) -> Any:
    image = to_last(x, data_format)
    grid = _grid(image.shape[1:3], ksize, strides, padding)
    source = padded(image, grid, _lowest(x.dtype))
    result = np.full((image.shape[0], grid[0].out, grid[1].out, image.shape[3]), _lowest(x.dtype), x.dtype)
    for _, _, index in taps(grid):
        np.maximum(result, source[index], out=result)
    return from_last(result, data_format)


def _first_largest(source: Any, largest: Any, grid: Grid) -> Any:
    """Yield, element by element of the window, its index and where it is the window's first largest element (always the same array)."""
    is_open, hit = np.ones(largest.shape, np.bool_), np.empty(largest.shape, np.bool_)
    for _, _, index in taps(grid):
        np.equal(source[index], largest, out=hit)
        np.logical_and(hit, is_open, out=hit)
        np.not_equal(is_open, hit, out=is_open)
        yield index, hit


def _as_bits(x: Any) -> Any:
    # Whole numbers of the same bytes: times True or False they give the number or 0, also for infinity and NaN,
    # and that is five times as fast as `where`.
    return x.view(f"i{x.dtype.itemsize}")


def _max_gradient_kernel(xp: Any, x: Any, out: Any, g: Any, ksize: Any, strides: Any, padding: Any, data_format: str) -> Any:
    image, largest, gradient = to_last(x, data_format), to_last(out, data_format), to_last(g, data_format)
    grid = _grid(image.shape[1:3], ksize, strides, padding)
    source = padded(image, grid, _lowest(x.dtype))
    result = np.zeros(source.shape, g.dtype)
    bits, result_bits = _as_bits(gradient), _as_bits(result)
    are_apart = strides[0] >= ksize[0] and strides[1] >= ksize[1]
    for index, hit in _first_largest(source, largest, grid):
        if are_apart:
            np.multiply(bits, hit, out=result_bits[index])
        else:
            result[index] += np.multiply(bits, hit).view(g.dtype)
    return np.ascontiguousarray(from_last(cropped(result, grid), data_format))


def _max_pick_kernel(xp: Any, x: Any, out: Any, h: Any, ksize: Any, strides: Any, padding: Any, data_format: str) -> Any:
    image, largest, values_there = to_last(x, data_format), to_last(out, data_format), to_last(h, data_format)
    grid = _grid(image.shape[1:3], ksize, strides, padding)
    source, there = padded(image, grid, _lowest(x.dtype)), _as_bits(padded(values_there, grid))
    result = np.zeros(largest.shape, h.dtype)
    result_bits = _as_bits(result)
    for index, hit in _first_largest(source, largest, grid):
        # One element of each window counts, so the sum of bits is that element.
        result_bits += np.multiply(there[index], hit)
    return from_last(result, data_format)


_POOLED = [case("f32[2,4,5,2]", ksize=(2, 2), strides=(2, 2)), case("f64[1,5,5,2]", ksize=(3, 2), strides=(2, 1), padding="SAME"),
           case("f64[1,2,4,4]", ksize=(2, 2), strides=(1, 2), data_format="NCHW"),
           case("f32[0,4,4,1]", ksize=(2, 2), strides=(2, 2))]  # fmt: skip
_TIES = case(values(np.ones((1, 3, 3, 1)), "f64"), ksize=(2, 2), strides=(1, 1), differentiable=False)

max_pool_op = define_op(
    f"max_pool(x: num; {_ATTRIBUTES})",
    infer=_pool_type, kernel=_max_kernel, vjp=lambda g, out, x, **attributes: max_pool_gradient(x, out, g, **attributes),
    fallible=lambda x, **attributes: not x.is_static, tf_name="MaxPool",
    samples=[*_POOLED, _TIES, case("i32[1,4,4,1]", ksize=(2, 2), strides=(2, 2), padding="SAME")],
    doc="Return the largest element of each window; at ties the gradient goes to the first.", ref=f"{NN}/max_pool",
)  # fmt: skip


def _max_gradient_vjp(h: Any, out: Any, x: Any, pooled: Any, g: Any, **attributes: Any) -> Any:
    return zeros_as(x), zeros_as(pooled), max_pool_pick(x, pooled, h, **attributes)


def _max_pick_vjp(g: Any, out: Any, x: Any, pooled: Any, h: Any, **attributes: Any) -> Any:
    return zeros_as(x), zeros_as(pooled), max_pool_gradient(x, pooled, g, **attributes)


_IMAGE = values(np.arange(16.0).reshape(1, 4, 4, 1), "f64")
_LARGEST = values([[[[5.0], [7.0]], [[13.0], [15.0]]]], "f64")
_HALVES: dict[str, Any] = {"ksize": (2, 2), "strides": (2, 2)}


# Which element is the largest does not change with a small step, so both are linear in their last operand and constant in the others.
max_pool_gradient: OpDef = define_op(
    f"max_pool_gradient(x: float, pooled: same(x), g: same(x); {_ATTRIBUTES})",
    infer=lambda x, pooled, g, **attributes: x, kernel=_max_gradient_kernel, vjp=_max_gradient_vjp, linear_in=("g",),
    tf_name="MaxPoolGrad", samples=[case(_IMAGE, _LARGEST, "f64[1,2,2,1]", differentiable=False, **_HALVES)],
    doc="Return the gradient of max_pool: each window's gradient at its first largest element.",
)  # fmt: skip

max_pool_pick: OpDef = define_op(
    f"max_pool_pick(x: float, pooled: same(x), h: same(x); {_ATTRIBUTES})",
    infer=lambda x, pooled, h, **attributes: pooled, kernel=_max_pick_kernel, vjp=_max_pick_vjp, linear_in=("h",),
    tf_name="MaxPoolGradGrad", samples=[case(_IMAGE, _LARGEST, "f64[1,4,4,1]", differentiable=False, **_HALVES)],
    doc="Return for each window the element of h that stands where x is largest: the gradient of max_pool_gradient.",
)  # fmt: skip

# --- the mean ------------------------------------------------------------------------------------------------------------


def _elements(axis: Axis) -> Any:
    """Return for each window along an axis how many of its elements lie inside the image: padding does not count."""
    first = np.arange(axis.out) * axis.stride - axis.before
    return np.minimum(first + axis.kernel, axis.size) - np.maximum(first, 0)


def _counts(grid: Grid, dtype: Any) -> Any:
    return (_elements(grid[0])[:, None, None] * _elements(grid[1])[None, :, None]).astype(dtype)


def _mean_kernel(xp: Any, x: Any, ksize: Any, strides: Any, padding: Any, data_format: str) -> Any:
    image = to_last(x, data_format)
    grid = _grid(image.shape[1:3], ksize, strides, padding)
    source = padded(image, grid)
    result = np.zeros((image.shape[0], grid[0].out, grid[1].out, image.shape[3]), x.dtype)
    for _, _, index in taps(grid):
        result += source[index]
    return from_last(result / _counts(grid, x.dtype), data_format)


def _mean_gradient_kernel(xp: Any, sizes: Any, g: Any, ksize: Any, strides: Any, padding: Any, data_format: str) -> Any:
    grid = _grid(image_shape(tuple(np.asarray(sizes).tolist()), data_format)[1:3], ksize, strides, padding)
    share = to_last(g, data_format) / _counts(grid, g.dtype)
    result = blank(share.shape[0], share.shape[3], grid, g.dtype)
    for _, _, index in taps(grid):
        result[index] += share
    return np.ascontiguousarray(from_last(cropped(result, grid), data_format))


def _mean_gradient_type(sizes: StaticOperand, g: TensorType, ksize: Any, strides: Any, padding: Any, data_format: str) -> TensorType:
    if sizes.value is not None and len(sizes.value) != 4:
        raise ShapeError(f"orig_input_shape must hold 4 values, but got {sizes.value}")
    return TensorType(g.dtype, (None,) * 4 if sizes.value is None else tuple(sizes.value))


avg_pool_op = define_op(
    f"avg_pool(x: float; {_ATTRIBUTES})",
    infer=_pool_type, kernel=_mean_kernel, vjp=lambda g, out, x, **attributes: avg_pool_gradient(shape_of(x), g, **attributes),
    fallible=lambda x, **attributes: not x.is_static, linear_in=("x",), tf_name="AvgPool", samples=_POOLED,
    doc="Return the mean of each window; padding does not count.", ref=f"{NN}/avg_pool",
)  # fmt: skip

avg_pool_gradient: OpDef = define_op(
    f"avg_pool_gradient(input_sizes: static index, g: float; {_ATTRIBUTES})",
    infer=_mean_gradient_type, kernel=_mean_gradient_kernel,
    vjp=lambda h, out, sizes, g, **attributes: (None, avg_pool_op(h, **attributes)), linear_in=("g",), tf_name="AvgPoolGrad",
    samples=[case(values([1, 5, 5, 2], "i32"), "f64[1,3,5,2]", ksize=(3, 2), strides=(2, 1), padding="SAME"),
             case(values([1, 2, 4, 4], "i32"), "f64[1,2,3,2]", ksize=(2, 2), strides=(1, 2), data_format="NCHW")],
    doc="Return the gradient of avg_pool: each window's gradient shared by its elements.",
)  # fmt: skip

# --- for users -----------------------------------------------------------------------------------------------------------


def _attributes(ksize: Any, strides: Any, padding: Any, data_format: str | None) -> dict[str, Any]:
    layout = to_format(data_format)
    sizes, steps = to_pair(ksize, "ksize", layout), to_pair(strides, "strides", layout)
    return {"ksize": sizes, "strides": steps, "padding": to_padding(padding, layout), "data_format": layout}


def max_pool(x: Any, *, ksize: Any, strides: Any, padding: Any = "VALID", data_format: str | None = None, name: str | None = None) -> Any:
    """Return the largest element of each window.

    Args:
      x: images ``[batch, height, width, channels]`` (``[batch, channels, height, width]`` for "NCHW").
      ksize: size of a window: a number, two, or four in the order of the layout. strides: between windows, like `ksize`.
      padding: ``"SAME"`` or ``"VALID"``. data_format: ``"NHWC"`` or ``"NCHW"``. name: name of the operation.
    """
    return max_pool_op(x, name=name, **_attributes(ksize, strides, padding, data_format))


def avg_pool(x: Any, *, ksize: Any, strides: Any, padding: Any = "VALID", data_format: str | None = None, name: str | None = None) -> Any:
    """Return the mean of each window; padding does not count.

    Args: those of `max_pool`.
    """
    return avg_pool_op(x, name=name, **_attributes(ksize, strides, padding, data_format))
