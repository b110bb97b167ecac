"""Broadcasting and its gradient, the sum; fills."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.errors import ShapeError, first_line, invalid_argument
from graphopt.ir.opdef import OpDef, define_op
from graphopt.ir.rules import shape_from
from graphopt.ir.samples import case, values
from graphopt.ir.types import StaticOperand, TensorType
from graphopt.ops.array import ARRAY, reshape_op, shape_of
from graphopt.ops.elementwise import cast, zeros_as

# --- the sum, and broadcasting back ----------------------------------------------------------------------------------------


# NumPy's stubs want keywords for these arguments, which are slower than positions.
_add_reduce: Any = np.add.reduce


def _sum_kernel(xp: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    if xp is not np:
        return xp.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype)
    if _is_column_sum(x, axis, keepdims):
        return _ones(x.shape[0], x.dtype).dot(x)
    return _add_reduce(x, axis, x.dtype, None, keepdims)


def _sum_into(out: Any, x: Any, axis: Any, keepdims: bool) -> None:
    if _is_column_sum(x, axis, keepdims):
        _ones(x.shape[0], x.dtype).dot(x, out)
    else:
        _add_reduce(x, axis, None, out, keepdims)


def _is_column_sum(x: Any, axis: Any, keepdims: bool) -> bool:
    # A product with ones adds rows of a matrix more than twice as fast as a reduction does.
    return axis == (0,) and not keepdims and x.ndim == 2 and x.dtype.char in "fd" and x.shape[0] > 0


@functools.lru_cache(maxsize=256)
def _ones(count: int, dtype: Any) -> Any:
    ones_vector = np.ones(count, dtype)
    ones_vector.flags.writeable = False
    return ones_vector


reduce_sum_op = define_op(
    "reduce_sum(x: num; axis = None, keepdims = False) -> reduced(x, axis, keepdims)",
    kernel=_sum_kernel,
    vjp=lambda g, out, x, axis, keepdims: broadcast_back(g, x, axis=axis, keepdims=keepdims),
    into=_sum_into,
    reduction="sum",
    rounding="sum",
    linear_in=("x",),
    tf_name="Sum",
    samples=[
        case("f32[2,3,4]", axis=(1,)),
        case("f64[2,3]", keepdims=True),
        case("f32[0,2]", axis=(0,)),
        case("i32[3]"),
        case("f32[2,3]", axis=(-1, 0)),
    ],
    doc="Return the sum over axes (all of them when axis is None).",
    ref=f"{ARRAY}/math/reduce_sum",
)


def kept_shape(shape: Any, axis: Any) -> tuple[int, ...]:
    """Return `shape` with size 1 along the reduced axes."""
    if axis is None:
        return (1,) * len(shape)
    dropped = {shapes.normalize_axis(a, len(shape)) for a in axis}
    return tuple([1 if i in dropped else d for i, d in enumerate(shape)])


def _broadcast_back_kernel(xp: Any, g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    return xp.broadcast_to(xp.reshape(g, kept_shape(np.shape(x), axis)), np.shape(x))


def _broadcast_back_expand(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    shape = x.tensor_type.shape
    kept = g if g.tensor_type.shape == () else reshape_op(g, np.array(kept_shape(shape, axis), np.int32))
    return kept if kept.tensor_type.shape == shape else broadcast_to(kept, np.array(shape, np.int32))


broadcast_back: OpDef = define_op(
    "broadcast_back(g: any, x: any; axis = None, keepdims = False)",
    infer=lambda g, x, axis, keepdims: TensorType(g.dtype, x.shape),
    kernel=_broadcast_back_kernel,
    expand=_broadcast_back_expand,
    vjp=(lambda h, out, g, x, axis, keepdims: reduce_sum_op(h, axis=axis, keepdims=keepdims), None),
    view_of="g",
    linear_in=("g",),
    tf_name="BroadcastTo",
    default_name="Tile",
    samples=[case("f32[2,4]", "f32[2,3,4]", axis=(1,)), case("f64[1,1]", "f64[2,3]", keepdims=True), case("f32[]", "f32[2]")],
    doc="Repeat g, the gradient of a reduction of x, along the reduced axes.",
)

# --- broadcasting ------------------------------------------------------------------------------------------------------


def _broadcast_to_type(x: TensorType, shape: StaticOperand) -> TensorType:
    target = shape_from(shape)
    result = shapes.broadcast_shapes(x.shape, target)
    if target is not None and result is not None and len(result) != len(target):
        raise ShapeError(f"Cannot broadcast {x} to {shapes.format_shape(target)}")
    return TensorType(x.dtype, target)


def _broadcast_to_kernel(xp: Any, x: Any, shape: Any) -> Any:
    try:
        return xp.broadcast_to(x, tuple(np.asarray(shape).tolist()))
    except ValueError:
        raise invalid_argument(f"Incompatible shapes: {list(np.shape(x))} vs. {np.asarray(shape).tolist()}") from None


broadcast_to = define_op(
    "broadcast_to(x: any, shape: static index)",
    infer=_broadcast_to_type, kernel=_broadcast_to_kernel, vjp=(lambda g, out, x, shape: sum_like(g, x), None),
    fallible=lambda x, shape: not (x.is_static and shape.is_static), view_of="x", linear_in=("x",), tf_name="BroadcastTo",
    samples=[case("f32[3,1]", values([2, 3, 4], "i32")), case("f64[]", values([2], "i32"))],
    doc="Repeat along axes of size 1 until the shape is reached.", ref=f"{ARRAY}/broadcast_to",
)  # fmt: skip


def _summed_axes(source: tuple[int, ...], target: tuple[int, ...]) -> tuple[int, ...]:
    """Return the axes along which `target` was repeated to `source`; ShapeError when it can't have been."""
    extra = len(source) - len(target)
    before = (1,) * extra + target
    if extra < 0 or any(t not in (s, 1) for s, t in zip(source, before, strict=True)):
        raise ShapeError(f"Cannot sum elements of shape {list(source)} to the shape {list(target)}")
    return tuple([i for i, (s, t) in enumerate(zip(source, before, strict=True)) if i < extra or s != t])


def _sum_like_type(x: TensorType, y: TensorType) -> TensorType:
    if x.is_static and y.is_static:
        _summed_axes(x.shape, y.shape)  # type: ignore[arg-type]
    return TensorType(x.dtype, y.shape)


def _sum_like_kernel(xp: Any, x: Any, y: Any) -> Any:
    try:
        axes = _summed_axes(np.shape(x), np.shape(y))
    except ShapeError as error:
        raise invalid_argument(first_line(error)) from None
    return xp.reshape(xp.sum(x, axis=axes, dtype=x.dtype), np.shape(y)) if axes else x


def _sum_like_expand(x: Any, y: Any) -> Any:
    source, target = x.tensor_type.shape, y.tensor_type.shape
    axes = _summed_axes(source, target)
    summed = reduce_sum_op(x, axis=axes, keepdims=False) if axes else x
    return summed if summed.tensor_type.shape == target else reshape_op(summed, np.array(target, np.int32))


sum_like: OpDef = define_op(
    "sum_like(x: num, y: any)",
    infer=_sum_like_type, kernel=_sum_like_kernel, expand=_sum_like_expand, fallible=lambda x, y: not (x.is_static and y.is_static),
    vjp=(lambda g, out, x, y: broadcast_to(g, shape_of(x)), None), view_of="x", linear_in=("x",), tf_name="Sum", default_name="Sum",
    samples=[case("f32[2,3,4]", "f32[3,1]"), case("f64[2,3]", "f64[2,3]"), case("f32[2]", "f32[]"), case("i32[2,3]", "f32[3]"),
             case("f32[2,1]", "f32[2,3]", error="Cannot sum elements of shape [2, 1] to the shape [2, 3]")],
    doc="Sum x over the axes along which y was broadcast to its shape: the gradient of broadcasting.",
)  # fmt: skip

# --- filling -------------------------------------------------------------------------------------------------------------


def _fill_type(shape: StaticOperand, x: TensorType) -> TensorType:
    if x.shape not in ((), None):
        raise ShapeError(f"Shape must be rank 0 but is rank {len(x.shape or ())}: fill repeats one value, got {x}")
    return TensorType(x.dtype, shape_from(shape))


fill = define_op(
    "fill(shape: static index, x: any)",
    infer=_fill_type,
    kernel=lambda xp, shape, x: xp.full(tuple(np.asarray(shape).tolist()), x, object if isinstance(x, bytes) else x.dtype),
    vjp=(None, lambda g, out, shape, x: sum_like(g, x)),
    linear_in=("x",),
    tf_name="Fill",
    samples=[case(values([2, 3], "i32"), "f32[]"), case(values([0], "i64"), "i32[]")],
    doc="Return a tensor of one repeated value.",
    ref=f"{ARRAY}/fill",
)


def zeros(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Any:
    """Return zeros (False, empty strings).

    Args:
      shape: integers or an integer vector. dtype: element type. name: name of the operation.
    """
    return _filled(shape, 0, dtype, name or "zeros")


def ones(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Any:
    """Return ones (True).

    Args:
      shape: integers or an integer vector. dtype: element type. name: name of the operation.
    """
    return _filled(shape, 1, dtype, name or "ones")


def _filled(shape: Any, value: int, dtype: Any, name: str) -> Any:
    element = dtypes.as_dtype(dtype)
    scalar = np.array(b"" if element is dtypes.string else value, element.np)
    if not hasattr(shape, "builder"):
        shape = np.array([], np.int32) if not _holds_symbols(shape) and np.size(shape) == 0 else shape
    return fill(shape, scalar, name=name)


def _holds_symbols(shape: Any) -> bool:
    return isinstance(shape, (list, tuple)) and any(hasattr(size, "builder") for size in shape)


def zeros_like(x: Any, dtype: Any = None, name: str | None = None) -> Any:
    """Return zeros with the shape of `x` and, unless `dtype` is given, its element type.

    Args:
      x: any tensor. dtype: the element type. name: name of the operation.
    """
    zero = zeros_as(x, name=name)
    return zero if dtype is None else cast(zero, dtype)
