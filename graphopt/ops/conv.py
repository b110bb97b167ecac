"""Convolution in two dimensions, its two gradients (each of which is a convolution again), and what is made of them.

The kernels copy windows into the rows of a matrix and multiply: nearly all time is spent in one matrix product. The copy is made for
a few images at a time, so that it stays in the processor's cache.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt.errors import ShapeError, first_line, invalid_argument
from graphopt.ir.opdef import OpDef, define_op
from graphopt.ir.samples import case, values
from graphopt.ir.types import StaticOperand, TensorType
from graphopt.ops.activations import NN
from graphopt.ops.array import expand_dims_op, shape_of, squeeze_op
from graphopt.ops.composing import scope
from graphopt.ops.windows import (
    Axis,
    blank,
    cropped,
    format_sizes,
    from_last,
    grid_of,
    image_shape,
    laid_out,
    merged,
    output_size,
    padded,
    taps,
    to_format,
    to_last,
    to_padding,
    to_pair,
    windows,
)

_CACHE_BYTES = 4 << 20
_MIN_CHANNELS = 16

Grid = tuple[Axis, Axis]

# --- kernels: channels last, filters [height, width, in, out] ----------------------------------------------------------------


def _wide(x: Any) -> Any:
    # There is no fast matrix product of float16.
    return x.astype(np.float32) if x.dtype == np.float16 else x


def _images_at_once(grid: Grid, channels: int, itemsize: int) -> int:
    rows, columns = grid
    bytes_each = rows.out * columns.out * rows.kernel * columns.kernel * channels * itemsize
    return max(1, _CACHE_BYTES // max(bytes_each, 1))


def _correlate(x: Any, w: Any, grid: Grid) -> Any:
    """Return the sum of products of each window and each filter."""
    rows, columns = grid
    n, _, _, channels = x.shape
    length, filters = rows.kernel * columns.kernel * channels, w.shape[3]
    view, matrix = windows(padded(x, grid), grid), w.reshape(length, filters)
    step, spots = _images_at_once(grid, channels, x.itemsize), rows.out * columns.out
    result = np.empty((n * spots, filters), x.dtype)
    for first in range(0, n, step):
        part = view[first : first + step]
        np.matmul(part.reshape(part.shape[0] * spots, length), matrix, out=result[first * spots : (first + step) * spots])
    return result.reshape(n, rows.out, columns.out, filters)


def _correlate_filter(x: Any, g: Any, grid: Grid) -> Any:
    """Return the gradient of `_correlate` for the filters: windows times gradients, summed over all windows."""
    rows, columns = grid
    n, _, _, channels = x.shape
    length, filters = rows.kernel * columns.kernel * channels, g.shape[3]
    view = windows(padded(x, grid), grid)
    step, spots = _images_at_once(grid, channels, x.itemsize), rows.out * columns.out
    gradients = g.reshape(n * spots, filters)
    result = np.zeros((length, filters), x.dtype)
    for first in range(0, n, step):
        part = view[first : first + step]
        result += np.matmul(part.reshape(part.shape[0] * spots, length).T, gradients[first * spots : (first + step) * spots])
    return result.reshape(rows.kernel, columns.kernel, channels, filters)


def _correlate_input(w: Any, g: Any, grid: Grid) -> Any:
    """Return the gradient of `_correlate` for the images."""
    if grid[0].stride == grid[1].stride == 1 and w.shape[2] >= _MIN_CHANNELS:
        return _correlate(g, np.ascontiguousarray(w[::-1, ::-1].transpose(0, 1, 3, 2)), (_turned(grid[0]), _turned(grid[1])))
    n, rows, columns, filters = g.shape
    result = blank(n, w.shape[2], grid, g.dtype)
    gradients = g.reshape(n * rows * columns, filters)
    for i, j, index in taps(grid):
        result[index] += np.matmul(gradients, w[i, j].T).reshape(n, rows, columns, w.shape[2])
    return cropped(result, grid)


def _turned(axis: Axis) -> Axis:
    """Return the windows over the gradients that reach each element of the image (stride 1)."""
    reach = (axis.kernel - 1) * axis.dilation
    before = reach - axis.before
    return Axis(axis.out, axis.kernel, 1, axis.dilation, before, axis.size + reach - axis.out - before, axis.size)


# --- conv2d --------------------------------------------------------------------------------------------------------------

_ATTRIBUTES = "strides = (1, 1), padding = 'SAME', dilations = (1, 1), data_format = 'NHWC'"


def _filter_shape(shape: Any) -> tuple[int | None, int | None, int | None, int | None]:
    return image_shape(shape, "NHWC")


def _conv_type(x: TensorType, w: TensorType, strides: Any, padding: Any, dilations: Any, data_format: str) -> TensorType:
    n, height, width, channels = image_shape(x.shape, data_format)
    rows, columns, inputs, filters = _filter_shape(w.shape)
    if channels is not None and inputs is not None and channels != inputs:
        raise ShapeError(f"Dimensions must be equal, but are {channels} and {inputs}")
    out = [output_size(s, k, strides[i], dilations[i], padding, i) for i, (s, k) in enumerate(((height, rows), (width, columns)))]
    return TensorType(x.dtype, laid_out(n, out[0], out[1], filters, data_format))


def _conv_kernel(xp: Any, x: Any, w: Any, strides: Any, padding: Any, dilations: Any, data_format: str) -> Any:
    image = to_last(_wide(x), data_format)
    if image.shape[3] != w.shape[2]:
        raise invalid_argument(f"input depth must be evenly divisible by filter depth: {image.shape[3]} vs {w.shape[2]}")
    grid = _checked_grid(image.shape[1:3], w.shape[:2], strides, dilations, padding)
    return from_last(_correlate(image, _wide(w), grid), data_format).astype(x.dtype, copy=False)


def _checked_grid(image: Any, kernel: Any, strides: Any, dilations: Any, padding: Any) -> Grid:
    try:
        return grid_of(image, kernel, strides, dilations, padding)
    except ShapeError as error:
        raise invalid_argument(f"Computed output size would be negative: {first_line(error)}") from None


def _conv_vjp(g: Any, out: Any, x: Any, w: Any, **attributes: Any) -> Any:
    return conv2d_backprop_input(shape_of(x), w, g, **attributes), conv2d_backprop_filter(x, shape_of(w), g, **attributes)


def _is_dynamic(*types: Any, **attributes: Any) -> bool:
    return not all(t.is_static for t in types)


conv2d_op = define_op(
    f"conv2d(x: float, w: same(x); {_ATTRIBUTES})",
    infer=_conv_type, kernel=_conv_kernel, vjp=_conv_vjp, fallible=_is_dynamic, linear_in=("x", "w"), rounding="sum", tf_name="Conv2D",
    samples=[case("f32[2,5,6,2]", "f32[3,3,2,3]"), case("f64[1,5,4,2]", "f64[2,3,2,2]", strides=(2, 1), padding="VALID"),
             case("f64[1,6,6,1]", "f64[2,2,1,2]", dilations=(2, 1)),
             case("f64[1,2,4,5]", "f64[3,2,2,2]", strides=(2, 2), data_format="NCHW"),
             case("f64[1,3,3,17]", "f64[2,2,17,1]", padding="VALID"),
             case("f64[1,3,4,1]", "f64[2,2,1,1]", padding=((1, 0), (2, 1))), case("f32[0,4,4,1]", "f32[3,3,1,2]")],
    doc="Return the sum of products of each filter and each window of the images.", ref=f"{NN}/conv2d",
)  # fmt: skip

# --- its gradient for the images -----------------------------------------------------------------------------------------


def _input_type(sizes: StaticOperand, w: TensorType, g: TensorType, strides: Any, padding: Any, dilations: Any,
                data_format: str) -> TensorType:  # fmt: skip
    n, height, width, channels = image_shape(_four(sizes, "input_sizes"), data_format)
    batch, out_rows, out_columns, filters = image_shape(g.shape, data_format)
    rows, columns, inputs, outputs = _filter_shape(w.shape)
    merged(filters, outputs, "channels of out_backprop and of the filter")
    for i, (size, kernel, out) in enumerate(((height, rows, out_rows), (width, columns, out_columns))):
        _check_out(output_size(size, kernel, strides[i], dilations[i], padding, i), out, i)
    depth = merged(channels, inputs, "channels of the input and of the filter")
    return TensorType(g.dtype, laid_out(merged(n, batch, "batch"), height, width, depth, data_format))


def _four(sizes: StaticOperand, what: str) -> tuple[int | None, ...]:
    if sizes.value is None:
        return (None,) * 4
    if not isinstance(sizes.value, tuple) or len(sizes.value) != 4:
        raise ShapeError(f"{what} must hold 4 values, but got {sizes.value}")
    return sizes.value


def _check_out(expected: int | None, found: int | None, axis: int) -> None:
    if expected is not None and found is not None and expected != found:
        raise ShapeError(f"Size of out_backprop doesn't match computed: actual = {found}, computed = {expected}, spatial_dim: {axis + 1}")


def _input_kernel(xp: Any, sizes: Any, w: Any, g: Any, strides: Any, padding: Any, dilations: Any, data_format: str) -> Any:
    gradient = to_last(_wide(g), data_format)
    n, height, width, channels = image_shape(tuple(np.asarray(sizes).tolist()), data_format)
    grid = _checked_grid((height, width), w.shape[:2], strides, dilations, padding)
    expected = (n, grid[0].out, grid[1].out, w.shape[3])
    if gradient.shape != expected or channels != w.shape[2]:
        found, wanted = (format_sizes(gradient), format_sizes(w)), np.asarray(sizes).tolist()
        raise invalid_argument(
            f"Conv2DBackpropInput: out_backprop of shape {found[0]} and filter of shape {found[1]} don't match input sizes {wanted}"
        )
    return np.ascontiguousarray(from_last(_correlate_input(_wide(w), gradient, grid), data_format)).astype(g.dtype, copy=False)


conv2d_backprop_input: OpDef = define_op(
    f"conv2d_backprop_input(input_sizes: static index, w: float, g: same(w); {_ATTRIBUTES})",
    infer=_input_type, kernel=_input_kernel,
    vjp=lambda h, out, sizes, w, g, **attributes: (
        None, conv2d_backprop_filter(h, shape_of(w), g, **attributes), conv2d_op(h, w, **attributes)),
    fallible=_is_dynamic, linear_in=("w", "g"), rounding="sum", tf_name="Conv2DBackpropInput",
    samples=[case(values([2, 5, 6, 2], "i32"), "f32[3,3,2,3]", "f32[2,5,6,3]"),
             case(values([1, 5, 4, 2], "i32"), "f64[2,3,2,2]", "f64[1,2,2,2]", strides=(2, 1), padding="VALID"),
             case(values([1, 6, 6, 1], "i32"), "f64[2,2,1,2]", "f64[1,6,6,2]", dilations=(2, 1)),
             case(values([1, 2, 4, 5], "i32"), "f64[3,2,2,2]", "f64[1,2,2,3]", strides=(2, 2), data_format="NCHW"),
             case(values([1, 3, 3, 17], "i32"), "f64[2,2,17,1]", "f64[1,2,2,1]", padding="VALID")],
    doc="Return the gradient of a convolution for its images; also the transposed convolution.", ref=f"{NN}/conv2d_transpose",
)  # fmt: skip

# --- its gradient for the filters ----------------------------------------------------------------------------------------


def _filter_type(x: TensorType, sizes: StaticOperand, g: TensorType, strides: Any, padding: Any, dilations: Any,
                 data_format: str) -> TensorType:  # fmt: skip
    batch, height, width, channels = image_shape(x.shape, data_format)
    n, out_rows, out_columns, filters = image_shape(g.shape, data_format)
    rows, columns, inputs, outputs = _four(sizes, "filter_sizes")
    merged(batch, n, "batch")
    for i, (size, kernel, out) in enumerate(((height, rows, out_rows), (width, columns, out_columns))):
        _check_out(output_size(size, kernel, strides[i], dilations[i], padding, i), out, i)
    return TensorType(x.dtype, (rows, columns, merged(inputs, channels, "channels of the input and of the filter"),
                                merged(outputs, filters, "channels of out_backprop and of the filter")))  # fmt: skip


def _filter_kernel(xp: Any, x: Any, sizes: Any, g: Any, strides: Any, padding: Any, dilations: Any, data_format: str) -> Any:
    image, gradient = to_last(_wide(x), data_format), to_last(_wide(g), data_format)
    shape = tuple(np.asarray(sizes).tolist())
    grid = _checked_grid(image.shape[1:3], shape[:2], strides, dilations, padding)
    if gradient.shape != (image.shape[0], grid[0].out, grid[1].out, shape[3]) or image.shape[3] != shape[2]:
        found = format_sizes(gradient), format_sizes(image)
        raise invalid_argument(
            f"Conv2DBackpropFilter: out_backprop of shape {found[0]} and input of shape {found[1]} don't match filter sizes {list(shape)}"
        )
    return _correlate_filter(image, gradient, grid).astype(x.dtype, copy=False)


conv2d_backprop_filter: OpDef = define_op(
    f"conv2d_backprop_filter(x: float, filter_sizes: static index, g: same(x); {_ATTRIBUTES})",
    infer=_filter_type, kernel=_filter_kernel,
    vjp=lambda h, out, x, sizes, g, **attributes: (
        conv2d_backprop_input(shape_of(x), h, g, **attributes), None, conv2d_op(x, h, **attributes)),
    fallible=_is_dynamic, linear_in=("x", "g"), rounding="sum", tf_name="Conv2DBackpropFilter",
    samples=[case("f32[2,5,6,2]", values([3, 3, 2, 3], "i32"), "f32[2,5,6,3]"),
             case("f64[1,5,4,2]", values([2, 3, 2, 2], "i32"), "f64[1,2,2,2]", strides=(2, 1), padding="VALID"),
             case("f64[1,6,6,1]", values([2, 2, 1, 2], "i32"), "f64[1,6,6,2]", dilations=(2, 1)),
             case("f64[1,2,4,5]", values([3, 2, 2, 2], "i32"), "f64[1,2,2,3]", strides=(2, 2), data_format="NCHW")],
    doc="Return the gradient of a convolution for its filters.", ref=f"{NN}/conv2d_backprop_filter",
)  # fmt: skip

# --- for users -----------------------------------------------------------------------------------------------------------


def conv2d(x: Any, w: Any, *, strides: Any = 1, padding: Any = "SAME", dilations: Any = 1, data_format: str | None = None,
           name: str | None = None) -> Any:  # fmt: skip
    """Return the convolution of images and filters (the filters are not turned over).

    Args:
      x: images ``[batch, height, width, in]``, or ``[batch, in, height, width]`` for "NCHW".
      w: filters ``[height, width, in, out]``. strides: between windows: a number, two, or four in the order of the layout.
      padding: ``"SAME"``, ``"VALID"`` or four pairs. dilations: between the elements of a window, like `strides`.
      data_format: ``"NHWC"`` or ``"NCHW"``. name: name of the operation.
    """
    return conv2d_op(x, w, name=name, **attributes_of(strides, padding, dilations, data_format))


def conv2d_transpose(x: Any, w: Any, *, output_shape: Any, strides: Any, padding: Any = "SAME", dilations: Any = 1,
                     data_format: str | None = None, name: str | None = None) -> Any:  # fmt: skip
    """Return the transposed convolution: the gradient of `conv2d` for its images.

    Args:
      x: images with the filters' last size as channels. w: filters ``[height, width, out, in]``.
      output_shape: the shape of the result: integers or an integer vector. The other arguments are those of `conv2d`.
    """
    attributes = attributes_of(strides, padding, dilations, data_format)
    return conv2d_backprop_input(output_shape, w, x, name=name or "conv2d_transpose", **attributes)


def attributes_of(strides: Any, padding: Any, dilations: Any, data_format: str | None) -> dict[str, Any]:
    """Return the attributes of the convolutions; ValueError for arguments that don't fit."""
    layout = to_format(data_format)
    return {"strides": to_pair(strides, "strides", layout), "padding": to_padding(padding, layout),
            "dilations": to_pair(1 if dilations is None else dilations, "dilations", layout), "data_format": layout}  # fmt: skip


def conv1d(x: Any, w: Any, *, stride: Any = 1, padding: Any = "SAME", dilation: Any = 1, is_channels_first: bool = False,
           name: str | None = None) -> Any:  # fmt: skip
    """Return the convolution of sequences and filters: a `conv2d` with images of height 1.

    Args:
      x: sequences ``[batch, length, in]`` (or ``[batch, in, length]``). w: filters ``[length, in, out]``.
      stride: between windows. padding: ``"SAME"`` or ``"VALID"``. dilation: between the elements of a window.
      is_channels_first: the layout of `x`. name: name of the operation.
    """
    axis, layout = (2, "NCHW") if is_channels_first else (1, "NHWC")
    with scope(name or "conv1d", x, w):
        image, filters = expand_dims_op(x, axis=axis), expand_dims_op(w, axis=0)
        attributes = attributes_of((1, int(stride)), padding, (1, int(dilation)), layout)
        return squeeze_op(conv2d_op(image, filters, **attributes), axis=(axis,), name="Squeeze")
