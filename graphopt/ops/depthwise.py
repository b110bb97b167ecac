"""Depthwise convolution: every channel has filters of its own. Its gradients, and the separable convolution."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt.errors import ShapeError, invalid_argument
from graphopt.ir.opdef import OpDef, define_op
from graphopt.ir.samples import case, values
from graphopt.ir.types import StaticOperand, TensorType
from graphopt.ops.activations import NN
from graphopt.ops.array import shape_of
from graphopt.ops.composing import scope
from graphopt.ops.conv import attributes_of, conv2d
from graphopt.ops.windows import blank, cropped, from_last, grid_of, image_shape, laid_out, output_size, padded, taps, to_last

_ATTRIBUTES = "strides = (1, 1), padding = 'SAME', dilations = (1, 1), data_format = 'NHWC'"


def _product(a: int | None, b: int | None) -> int | None:
    return None if a is None or b is None else a * b


def _depthwise_type(x: TensorType, w: TensorType, strides: Any, padding: Any, dilations: Any, data_format: str) -> TensorType:
    n, height, width, channels = image_shape(x.shape, data_format)
    rows, columns, inputs, multiplier = image_shape(w.shape, "NHWC")
    if channels is not None and inputs is not None and channels != inputs:
        raise ShapeError(f"Dimensions must be equal, but are {channels} and {inputs}")
    out = [output_size(s, k, strides[i], dilations[i], padding, i) for i, (s, k) in enumerate(((height, rows), (width, columns)))]
    return TensorType(x.dtype, laid_out(n, out[0], out[1], _product(inputs if channels is None else channels, multiplier), data_format))


def _depthwise_kernel(xp: Any, x: Any, w: Any, strides: Any, padding: Any, dilations: Any, data_format: str) -> Any:
    image = to_last(x, data_format)
    if image.shape[3] != w.shape[2]:
        raise invalid_argument(f"input and filter must have the same depth: {image.shape[3]} vs {w.shape[2]}")
    grid = grid_of(image.shape[1:3], w.shape[:2], strides, dilations, padding)
    source, (_, _, channels, multiplier) = padded(image, grid), w.shape
    result = np.zeros((image.shape[0], grid[0].out, grid[1].out, channels, multiplier), x.dtype)
    for i, j, index in taps(grid):
        result += source[index][..., None] * w[i, j]
    return from_last(result.reshape(*result.shape[:3], channels * multiplier), data_format)


def _split_channels(g: Any, channels: int, multiplier: int) -> Any:
    return g.reshape(*g.shape[:3], channels, multiplier)


def _depthwise_input_kernel(xp: Any, sizes: Any, w: Any, g: Any, strides: Any, padding: Any, dilations: Any, data_format: str) -> Any:
    grid = grid_of(image_shape(tuple(np.asarray(sizes).tolist()), data_format)[1:3], w.shape[:2], strides, dilations, padding)
    gradient = _split_channels(to_last(g, data_format), w.shape[2], w.shape[3])
    result = blank(gradient.shape[0], w.shape[2], grid, g.dtype)
    for i, j, index in taps(grid):
        result[index] += (gradient * w[i, j]).sum(-1)
    return np.ascontiguousarray(from_last(cropped(result, grid), data_format))


def _depthwise_filter_kernel(xp: Any, x: Any, sizes: Any, g: Any, strides: Any, padding: Any, dilations: Any, data_format: str) -> Any:
    image, shape = to_last(x, data_format), tuple(np.asarray(sizes).tolist())
    grid = grid_of(image.shape[1:3], shape[:2], strides, dilations, padding)
    gradient, source = _split_channels(to_last(g, data_format), shape[2], shape[3]), padded(image, grid)
    result = np.zeros(shape, x.dtype)
    for i, j, index in taps(grid):
        result[i, j] = (source[index][..., None] * gradient).sum((0, 1, 2))
    return result


def _sizes_type(sizes: StaticOperand, g: TensorType) -> TensorType:
    if sizes.value is not None and len(sizes.value) != 4:
        raise ShapeError(f"Sizes must hold 4 values, but got {sizes.value}")
    return TensorType(g.dtype, (None,) * 4 if sizes.value is None else tuple(sizes.value))


def _is_dynamic(*types: Any, **attributes: Any) -> bool:
    return not all(t.is_static for t in types)


depthwise_conv2d_op = define_op(
    f"depthwise_conv2d(x: float, w: same(x); {_ATTRIBUTES})",
    infer=_depthwise_type, kernel=_depthwise_kernel,
    vjp=lambda g, out, x, w, **attributes: (
        depthwise_backprop_input(shape_of(x), w, g, **attributes), depthwise_backprop_filter(x, shape_of(w), g, **attributes)),
    fallible=_is_dynamic, linear_in=("x", "w"), tf_name="DepthwiseConv2dNative", default_name="depthwise",
    samples=[case("f32[2,5,4,2]", "f32[3,3,2,2]"), case("f64[1,5,4,2]", "f64[2,2,2,1]", strides=(2, 2), padding="VALID"),
             case("f64[1,5,5,1]", "f64[2,2,1,2]", dilations=(2, 2)), case("f64[1,2,3,4]", "f64[2,2,2,2]", data_format="NCHW")],
    doc="Return the convolution of each channel with its own filters.", ref=f"{NN}/depthwise_conv2d",
)  # fmt: skip

depthwise_backprop_input: OpDef = define_op(
    f"depthwise_backprop_input(input_sizes: static index, w: float, g: same(w); {_ATTRIBUTES})",
    infer=lambda sizes, w, g, **attributes: _sizes_type(sizes, g), kernel=_depthwise_input_kernel,
    vjp=lambda h, out, sizes, w, g, **attributes: (
        None, depthwise_backprop_filter(h, shape_of(w), g, **attributes), depthwise_conv2d_op(h, w, **attributes)),
    fallible=_is_dynamic, linear_in=("w", "g"), tf_name="DepthwiseConv2dNativeBackpropInput",
    samples=[case(values([1, 5, 4, 2], "i32"), "f64[2,2,2,2]", "f64[1,2,2,4]", strides=(2, 2), padding="VALID"),
             case(values([1, 2, 3, 4], "i32"), "f64[2,2,2,1]", "f64[1,2,3,4]", data_format="NCHW")],
    doc="Return the gradient of a depthwise convolution for its images.",
)  # fmt: skip

depthwise_backprop_filter: OpDef = define_op(
    f"depthwise_backprop_filter(x: float, filter_sizes: static index, g: same(x); {_ATTRIBUTES})",
    infer=lambda x, sizes, g, **attributes: _sizes_type(sizes, g), kernel=_depthwise_filter_kernel,
    vjp=lambda h, out, x, sizes, g, **attributes: (
        depthwise_backprop_input(shape_of(x), h, g, **attributes), None, depthwise_conv2d_op(x, h, **attributes)),
    fallible=_is_dynamic, linear_in=("x", "g"), rounding="sum", tf_name="DepthwiseConv2dNativeBackpropFilter",
    samples=[case("f64[1,5,4,2]", values([2, 2, 2, 2], "i32"), "f64[1,2,2,4]", strides=(2, 2), padding="VALID"),
             case("f64[1,2,3,4]", values([2, 2, 2, 1], "i32"), "f64[1,2,3,4]", data_format="NCHW")],
    doc="Return the gradient of a depthwise convolution for its filters.",
)  # fmt: skip


def depthwise_conv2d(x: Any, w: Any, *, strides: Any = 1, padding: Any = "SAME", dilations: Any = 1, data_format: str | None = None,
                     name: str | None = None) -> Any:  # fmt: skip
    """Return the convolution of each channel of `x` with its own filters.

    Args:
      x: images ``[batch, height, width, in]``. w: filters ``[height, width, in, multiplier]``.
      The other arguments are those of `conv2d`.

    Returns:
      Images with ``in * multiplier`` channels.
    """
    return depthwise_conv2d_op(x, w, name=name, **attributes_of(strides, padding, dilations, data_format))


def separable_conv2d(x: Any, depthwise_filter: Any, pointwise_filter: Any, *, strides: Any = 1, padding: Any = "SAME", dilations: Any = 1,
                     data_format: str | None = None, name: str | None = None) -> Any:  # fmt: skip
    """Return a depthwise convolution followed by one with filters of size 1.

    Args:
      x: images. depthwise_filter: ``[height, width, in, multiplier]``. pointwise_filter: ``[1, 1, in * multiplier, out]``.
      The other arguments are those of `conv2d`.
    """
    with scope(name or "separable_conv2d", x, depthwise_filter, pointwise_filter) as entered:
        between = depthwise_conv2d(x, depthwise_filter, strides=strides, padding=padding, dilations=dilations, data_format=data_format)
        return conv2d(between, pointwise_filter, padding="VALID", data_format=data_format, name=entered)
