"""Picking elements: slices with Python's syntax, gather, one-hot."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.errors import ArgumentTypeError, ShapeError, invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.samples import arg, case, values
from graphopt.ir.types import StaticOperand, TensorType
from graphopt.ops.array import ARRAY, reshape, shape_of, stack
from graphopt.ops.checks import check_indices

# --- slices with begin, end, strides ------------------------------------------------------------------------------------------


def to_index(
    begin: Any, end: Any, strides: Any, begin_mask: int, end_mask: int, ellipsis_mask: int, new_axis_mask: int, shrink_axis_mask: int
) -> tuple[Any, ...]:
    """Return the NumPy index that a strided slice with TensorFlow's masks stands for.

    Args:
      begin, end, strides: one entry for each part of the index.
      begin_mask, end_mask: bits of the parts whose begin or end is left out. ellipsis_mask: the bit of the part that is ``...``.
      new_axis_mask: bits of the parts that add an axis. shrink_axis_mask: bits of the parts that are one position.
    """
    index: list[Any] = []
    for i, (first, last, step) in enumerate(zip(begin, end, strides, strict=True)):
        bit = 1 << i
        if ellipsis_mask & bit:
            index.append(Ellipsis)
        elif new_axis_mask & bit:
            index.append(None)
        elif shrink_axis_mask & bit:
            index.append(first)
        else:
            index.append(slice(None if begin_mask & bit else first, None if end_mask & bit else last, step))
    return tuple(index)


def _sliced_shape(x: TensorType, index: tuple[Any, ...]) -> Any:
    if x.shape is None:
        return None
    consumed = sum(item is not None and item is not Ellipsis for item in index)
    if consumed > len(x.shape):
        raise ShapeError(f"Index out of range using input dim {len(x.shape)}; input has only {len(x.shape)} dims")
    if Ellipsis not in index:
        index = (*index, Ellipsis)
    result: list[int | None] = []
    axis = 0
    for item in index:
        if item is Ellipsis:
            skipped = len(x.shape) - consumed
            result.extend(x.shape[axis : axis + skipped])
            axis += skipped
        elif item is None:
            result.append(1)
        else:
            result.extend(_sliced_size(x.shape[axis], item, axis))
            axis += 1
    return tuple(result)


def _sliced_size(size: int | None, item: Any, axis: int) -> list[int | None]:
    if isinstance(item, slice):
        if size is None or UNKNOWN in (item.start, item.stop, item.step):
            return [None]
        return [len(range(*item.indices(size)))]
    if size is not None and item is not UNKNOWN and not -size <= item < size:
        raise ShapeError(f"slice index {item} of dimension {axis} out of bounds")
    return []


class _Unknown:
    """An index that is not known while recording."""

    def __repr__(self) -> str:
        return "?"


UNKNOWN: Any = _Unknown()


def _known(operand: StaticOperand) -> Any:
    if operand.value is None:
        count = operand.type.shape[0] if operand.type.shape else None
        return None if count is None else (UNKNOWN,) * count
    return tuple([UNKNOWN if v is None else v for v in operand.value])


def _strided_slice_type(x: TensorType, begin: StaticOperand, end: StaticOperand, strides: StaticOperand, **masks: int) -> TensorType:
    first, last, step = _known(begin), _known(end), _known(strides)
    if first is None or last is None or step is None:
        return TensorType(x.dtype, None)
    if 0 in [s for s in step if s is not UNKNOWN]:
        raise ShapeError("strides[i] must be non-zero")
    return TensorType(x.dtype, _sliced_shape(x, to_index(first, last, step, **masks)))


def _lists(begin: Any, end: Any, strides: Any) -> tuple[list[int], list[int], list[int]]:
    return np.asarray(begin).tolist(), np.asarray(end).tolist(), np.asarray(strides).tolist()


def _strided_slice_kernel(xp: Any, x: Any, begin: Any, end: Any, strides: Any, **masks: int) -> Any:
    try:
        return x[to_index(*_lists(begin, end, strides), **masks)]
    except IndexError as error:
        raise invalid_argument(f"slice index out of bounds: {error}") from None


_MASKS = "begin_mask = 0, end_mask = 0, ellipsis_mask = 0, new_axis_mask = 0, shrink_axis_mask = 0"


def _is_fallible_slice(x: TensorType, begin: Any, end: Any, strides: Any, **masks: int) -> bool:
    return not x.is_static or masks["shrink_axis_mask"] != 0


strided_slice_op = define_op(
    f"strided_slice(x: any, begin: static index, end: static same(begin), strides: static same(begin); {_MASKS})",
    infer=_strided_slice_type,
    kernel=_strided_slice_kernel,
    vjp=lambda g, out, x, begin, end, strides, **masks: (
        strided_slice_gradient(shape_of(x), begin, end, strides, g, **masks),
        None,
        None,
        None,
    ),
    fallible=_is_fallible_slice,
    view_of="x",
    tf_name="StridedSlice",
    default_name="strided_slice",
    samples=[
        case("f32[4,5]", values([1, 0], "i32"), values([3, 4], "i32"), values([1, 2], "i32")),
        case(
            "f64[4,5]", values([-1, 0], "i32"), values([0, 0], "i32"), values([1, -1], "i32"), shrink_axis_mask=1, begin_mask=2, end_mask=2
        ),
        case("f32[2,3]", values([0, 0], "i32"), values([0, 0], "i32"), values([1, 1], "i32"), ellipsis_mask=1, new_axis_mask=2),
    ],
    doc="Return a slice with begin, end and stride for each axis, and masks for what Python's syntax leaves out.",
    ref=f"{ARRAY}/strided_slice",
)


def _slice_gradient_kernel(xp: Any, shape: Any, begin: Any, end: Any, strides: Any, g: Any, **masks: int) -> Any:
    result = xp.zeros(tuple(np.asarray(shape).tolist()), g.dtype)
    result[to_index(*_lists(begin, end, strides), **masks)] = g
    return result


strided_slice_gradient: OpDef = define_op(
    "strided_slice_gradient(shape: static index, begin: static same(shape), end: static same(shape), strides: static same(shape), "
    f"g: any; {_MASKS})",
    infer=lambda shape, begin, end, strides, g, **masks: TensorType(g.dtype, shape.value if isinstance(shape.value, tuple) else None),
    kernel=_slice_gradient_kernel,
    vjp=lambda h, out, shape, begin, end, strides, g, **masks: (None, None, None, None, strided_slice_op(h, begin, end, strides, **masks)),
    linear_in=("g",),
    tf_name="StridedSliceGrad",
    samples=[case(values([4, 5], "i32"), values([1, 0], "i32"), values([3, 4], "i32"), values([1, 2], "i32"), "f64[2,2]")],
    doc="Return zeros of the given shape with g where the slice was taken.",
)


def slice_with_python_syntax(x: Any, key: Any, name: str | None = None) -> Any:
    """Return ``x[key]`` for ints, tensors, slices, ``...`` and ``None`` (``tf.newaxis``).

    Args:
      x: a tensor. key: one index or a tuple of them. name: name of the operation.

    Raises:
      TypeError: for an index of another kind.
    """
    items = key if isinstance(key, (tuple, list)) else (key,)
    begin: list[Any] = []
    end: list[Any] = []
    strides: list[Any] = []
    masks = {"begin_mask": 0, "end_mask": 0, "ellipsis_mask": 0, "new_axis_mask": 0, "shrink_axis_mask": 0}
    for i, item in enumerate(items):
        first, last, step, flags = _parse_index(item)
        for flag in flags:
            masks[flag] |= 1 << i
        begin.append(first)
        end.append(last)
        strides.append(step)
    return strided_slice_op(x, _vector(begin), _vector(end), _vector(strides), name=name or "strided_slice", **masks)


def _parse_index(item: Any) -> tuple[Any, Any, Any, list[str]]:
    if isinstance(item, slice):
        flags = [flag for flag, bound in (("begin_mask", item.start), ("end_mask", item.stop)) if bound is None]
        return (_bound(item.start), _bound(item.stop), 1 if item.step is None else _bound(item.step), flags)
    if item is Ellipsis:
        return 0, 0, 1, ["ellipsis_mask"]
    if item is None:
        return 0, 0, 1, ["new_axis_mask"]
    index = _bound(item)
    if hasattr(index, "builder"):
        return index, index + 1, 1, ["shrink_axis_mask"]
    return index, index + 1, 1, ["shrink_axis_mask"]


def _bound(value: Any) -> Any:
    if value is None:
        return 0
    if hasattr(value, "builder"):
        return value
    try:
        return value.__index__()
    except AttributeError:
        raise ArgumentTypeError(
            "Only integers, slices (`:`), ellipsis (`...`), tf.newaxis (`None`) and scalar tf.int32/tf.int64 tensors are valid indices, "
            f"got {value!r}"
        ) from None


def _vector(items: list[Any]) -> Any:
    if any(hasattr(item, "builder") for item in items):
        symbol = next(item for item in items if hasattr(item, "builder"))
        return stack([item if hasattr(item, "builder") else np.array(item, symbol.dtype.np) for item in items])
    return np.array(items, np.int32)


# --- gather ----------------------------------------------------------------------------------------------------------------


def _gather_type(params: TensorType, indices: TensorType, axis: int) -> TensorType:
    if params.shape is None or indices.shape is None:
        return TensorType(params.dtype, None)
    if not params.shape:
        raise ShapeError("Shape must be at least rank 1 but is rank 0")
    at = shapes.normalize_axis(axis, len(params.shape))
    return TensorType(params.dtype, params.shape[:at] + indices.shape + params.shape[at + 1 :])


def _gather_kernel(xp: Any, params: Any, indices: Any, axis: int) -> Any:
    check_indices(indices, params.shape[axis])
    return xp.take(params, indices, axis)


def _gather_vjp(g: Any, out: Any, params: Any, indices: Any, axis: int) -> Any:
    return (gather_gradient(g, params, indices, axis=axis), None)


def _gather_rows(g: Any, out: Any, params: Any, indices: Any, axis: int) -> Any:
    shape = params.tensor_type.shape
    if axis != 0 or shape is None or None in shape[1:]:
        return None
    return reshape(g, [-1, *shape[1:]]), reshape(indices, [-1]), shape_of(params)


gather_op = define_op(
    "gather(params: any, indices: index; axis = 0)",
    infer=_gather_type,
    kernel=_gather_kernel,
    vjp=_gather_vjp,
    sparse_vjp=_gather_rows,
    fallible=True,
    linear_in=("params",),
    tf_name="GatherV2",
    default_name="Gather",
    samples=[case("f32[5,2]", arg("i32[3]", 0, 5)), case("f64[3,4]", arg("i64[2,2]", 0, 4), axis=1), case("f64[5]", arg("i32[]", 0, 5))],
    doc="Return the slices of params at the given indices along an axis.",
    ref=f"{ARRAY}/gather",
)


def _gather_gradient_kernel(xp: Any, g: Any, params: Any, indices: Any, axis: int) -> Any:
    result = np.zeros(np.shape(params), g.dtype)
    at = axis % result.ndim
    moved = np.moveaxis(result, at, 0)
    grads = np.moveaxis(g.reshape(*result.shape[:at], -1, *result.shape[at + 1 :]), at, 0)
    np.add.at(moved, indices.reshape(-1), grads)
    return result


gather_gradient = define_op(
    "gather_gradient(g: any, params: any, indices: index; axis = 0)",
    infer=lambda g, params, indices, axis: TensorType(g.dtype, params.shape), kernel=_gather_gradient_kernel,
    vjp=lambda h, out, g, params, indices, axis: (gather_op(h, indices, axis=axis), None, None), linear_in=("g",), tf_name="GatherGrad",
    samples=[case("f64[3,2]", "f64[5,2]", arg("i32[3]", 0, 5)), case("f64[3,2,2]", "f64[3,4]", arg("i64[2,2]", 0, 4), axis=1)],
    doc="Add up the gradients of gathered slices, as large as params.",
)  # fmt: skip


def gather(params: Any, indices: Any, *, axis: int = 0, name: str | None = None) -> Any:
    """Return the slices of `params` at `indices` along `axis`.

    Args:
      params: a tensor of rank 1 or more. indices: integers in [0, params.shape[axis]). axis: an int. name: name of the operation.

    Raises:
      InvalidArgumentError: at run time, for an index out of range.
    """
    return gather_op(params, indices, axis=int(axis), name=name)


# --- one-hot -------------------------------------------------------------------------------------------------------------------


def _one_hot_type(indices: TensorType, depth: StaticOperand, on: TensorType, off: TensorType, axis: int) -> TensorType:
    if indices.shape is None:
        return TensorType(on.dtype, None)
    at = len(indices.shape) if axis == -1 else axis
    return TensorType(on.dtype, (*indices.shape[:at], depth.value, *indices.shape[at:]))


def _one_hot_kernel(xp: Any, indices: Any, depth: Any, on: Any, off: Any, axis: int) -> Any:
    hits = np.expand_dims(indices, axis) == np.arange(depth).reshape(
        [-1 if i == axis % (indices.ndim + 1) else 1 for i in range(indices.ndim + 1)]
    )
    return xp.where(hits, on, off)


one_hot_op = define_op(
    "one_hot(indices: int, depth: static index, on: any, off: same(on); axis = -1)",
    infer=_one_hot_type,
    kernel=_one_hot_kernel,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="OneHot",
    default_name="one_hot",
    samples=[
        case(values([0, 2, -1, 7], "i32"), values(3, "i32"), values(1.0), values(0.0)),
        case(arg("i64[2,2]", 0, 3), values(3, "i32"), values(1, "i32"), values(0, "i32"), axis=0),
    ],
    doc="Return `on` where the new axis equals the index and `off` elsewhere; an index out of range gives `off` alone.",
    ref=f"{ARRAY}/one_hot",
)


def one_hot(
    indices: Any,
    depth: Any,
    *,
    on_value: Any = None,
    off_value: Any = None,
    axis: int | None = None,
    dtype: Any = None,
    name: str | None = None,
) -> Any:
    """Return one-hot vectors.

    Args:
      indices: integers. depth: length of the new axis. on_value, off_value: what stands at and beside the index (1 and 0).
      axis: where the new axis goes (last by default). dtype: element type (float32 by default). name: name of the operation.
    """
    wanted = dtypes.as_dtype(dtype) if dtype is not None else None
    if wanted is None:
        given = on_value if on_value is not None else off_value
        wanted = (
            given.dtype
            if hasattr(given, "builder")
            else dtypes.float32
            if given is None
            else dtypes.as_dtype(np.asarray(given).dtype)
            if isinstance(given, np.generic)
            else _natural(given)
        )
    on = np.array(1, wanted.np) if on_value is None else on_value if hasattr(on_value, "builder") else np.array(on_value, wanted.np)
    off = np.array(0, wanted.np) if off_value is None else off_value if hasattr(off_value, "builder") else np.array(off_value, wanted.np)
    return one_hot_op(indices, depth, on, off, axis=-1 if axis is None else int(axis), name=name)


def _natural(value: Any) -> Any:
    return dtypes.bool_ if isinstance(value, bool) else dtypes.int32 if isinstance(value, int) else dtypes.float32
