"""Sorting, searching, counting, and tensors divided among several: outputs here often have a size that only the values know."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, ShapeError, invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, define_op
from graphopt.ir.samples import case, values
from graphopt.ir.types import TensorType
from graphopt.ops.array import ARRAY, reshape, shape_of, shape_op
from graphopt.ops.broadcast import reduce_sum_op
from graphopt.ops.composing import scope, to_symbol
from graphopt.ops.elementwise import cast, not_equal, zeros_as
from graphopt.ops.indexing import gather_op
from graphopt.ops.picking import take_along
from graphopt.ops.reduce import reduce_prod_op, to_axes
from graphopt.ops.sequence import range_

# --- sorting ---------------------------------------------------------------------------------------------------------------


def _argsort_kernel(xp: Any, x: Any, axis: int, descending: bool) -> Any:
    """Equal elements keep their order, also when the largest come first."""
    if not descending:
        return xp.argsort(x, axis, kind="stable").astype(np.int32)
    last = np.shape(x)[axis] - 1
    return (last - xp.flip(xp.argsort(xp.flip(x, axis), axis, kind="stable"), axis)).astype(np.int32)


def _argsort_type(x: TensorType, axis: int, descending: bool) -> TensorType:
    if x.shape is not None:
        if not x.shape:
            raise ShapeError("Shape must be at least rank 1 but is rank 0")
        shapes.normalize_axis(axis, len(x.shape))
    return TensorType(dtypes.int32, x.shape)


argsort_op = define_op(
    "argsort(x: num; axis = -1, descending = False)",
    infer=_argsort_type, kernel=_argsort_kernel, vjp=NOT_DIFFERENTIABLE, tf_name="ArgSort", default_name="argsort", public_name="argsort",
    samples=[case("f32[2,4]"), case(values([1.0, 3.0, 3.0, 2.0]), descending=True), case("i32[4,2]", axis=0)],
    doc="Return the places of the elements in sorted order; equal ones keep theirs.", ref=f"{ARRAY}/argsort",
)  # fmt: skip


def _is_descending(direction: str) -> bool:
    if direction not in ("ASCENDING", "DESCENDING"):
        raise ArgumentError(f"Direction should be one of ASCENDING or DESCENDING, got {direction!r}")
    return direction == "DESCENDING"


def argsort(x: Any, *, axis: int = -1, direction: str = "ASCENDING", name: str | None = None) -> Any:
    """Return the places of the elements of `x` in sorted order along `axis`.

    Args:
      x: numbers. axis: an int. direction: "ASCENDING" or "DESCENDING". name: name of the operation.

    Raises:
      ValueError: for another direction.
    """
    return argsort_op(x, axis=int(axis), descending=_is_descending(direction), name=name)


def sort(x: Any, *, axis: int = -1, direction: str = "ASCENDING", name: str | None = None) -> Any:
    """Return the elements of `x` sorted along `axis`.

    Args:
      x: numbers. axis: an int. direction: "ASCENDING" or "DESCENDING". name: name of the operation.

    Raises:
      ValueError: for another direction.
    """
    label = name or "sort"
    x = to_symbol(x, None, f"{label}/values")
    order = argsort_op(x, axis=int(axis), descending=_is_descending(direction), name=f"{label}/order")
    return take_along(x, order, axis=int(axis), name=label)


def _searchsorted_type(rows: TensorType, wanted: TensorType, side: str, dtype: DType) -> TensorType:
    if rows.shape is not None and wanted.shape is not None:
        shapes.merge_shapes(rows.shape[:-1], wanted.shape[:-1])
    return TensorType(dtype, wanted.shape)


def _searchsorted_kernel(xp: Any, rows: Any, wanted: Any, side: str, dtype: DType) -> Any:
    flat, queries = rows.reshape(math.prod(rows.shape[:-1]), rows.shape[-1]), wanted.reshape(math.prod(wanted.shape[:-1]), wanted.shape[-1])
    found = [xp.searchsorted(row, query, side) for row, query in zip(flat, queries, strict=True)]
    return xp.array(found, dtype.np).reshape(wanted.shape)


searchsorted_op = define_op(
    "searchsorted(rows: num, wanted: same(rows); side = 'left', dtype)",
    infer=_searchsorted_type, kernel=_searchsorted_kernel, vjp=NOT_DIFFERENTIABLE, host_only=True, tf_name="SearchSorted",
    default_name="searchsorted",
    samples=[case(values([[1.0, 3.0, 3.0, 5.0], [0.0, 2.0, 4.0, 6.0]]), "f32[2,3]", dtype=dtypes.int32),
             case(values([1, 2, 2], "i32"), "i32[4]", side="right", dtype=dtypes.int64)],
    doc="Return where elements would have to stand in sorted rows.", ref=f"{ARRAY}/searchsorted",
)  # fmt: skip

# --- distinct elements -------------------------------------------------------------------------------------------------------


def _vector(x: TensorType) -> None:
    if x.shape is not None and len(x.shape) != 1:
        raise ShapeError(f"Shape must be rank 1 but is rank {len(x.shape)}")


def _unique_type(x: TensorType, dtype: DType) -> tuple[TensorType, ...]:
    _vector(x)
    return (TensorType(x.dtype, (None,)), TensorType(dtype, (None,) if x.shape is None else x.shape), TensorType(dtype, (None,)))


def _unique_kernel(xp: Any, x: Any, dtype: DType) -> Any:
    """Distinct elements in the order in which they first come; NumPy sorts them, so the order is put back."""
    _, first, inverse, counts = np.unique(x, return_index=True, return_inverse=True, return_counts=True)
    order = np.argsort(first, kind="stable")
    rank = np.empty_like(order)
    rank[order] = np.arange(order.size)
    return x[first[order]], rank[inverse.reshape(-1)].astype(dtype.np), counts[order].astype(dtype.np)


unique_op = define_op(
    "unique(x: any; dtype) -> many()",
    infer=lambda x, dtype: _unique_type(x, dtype)[:2], kernel=lambda xp, x, dtype: _unique_kernel(xp, x, dtype)[:2], host_only=True,
    tf_name="Unique",
    samples=[case(values([4, 1, 4, 2, 1], "i32"), dtype=dtypes.int32),
             case(values([0.5, 0.5], "f64"), dtype=dtypes.int64, differentiable=False)],
    doc="Return the distinct elements of a vector in order of first appearance, and for each element its number among them.",
    ref=f"{ARRAY}/unique",
)  # fmt: skip

unique_with_counts_op = define_op(
    "unique_with_counts(x: any; dtype) -> many()",
    infer=_unique_type, kernel=_unique_kernel, host_only=True, tf_name="UniqueWithCounts",
    samples=[case(values([4, 1, 4, 2, 1], "i64"), dtype=dtypes.int32)],
    doc="Return the distinct elements of a vector, for each element its number among them, and how often each comes.",
    ref=f"{ARRAY}/unique_with_counts",
)  # fmt: skip

# --- one tensor among several, several in one ------------------------------------------------------------------------------------


def _partition_type(data: TensorType, partitions: TensorType, num: int) -> tuple[TensorType, ...]:
    if num < 1:
        raise ArgumentError(f"num_partitions must be at least 1, got {num}")
    if data.shape is None or partitions.shape is None:
        return (TensorType(data.dtype, None),) * num
    rank = len(partitions.shape)
    if not shapes.is_compatible(data.shape[:rank], partitions.shape):
        raise ShapeError(f"data.shape must start with partitions.shape, got data.shape = {shapes.format_shape(data.shape)}, "
                         f"partitions.shape = {shapes.format_shape(partitions.shape)}")  # fmt: skip
    return (TensorType(data.dtype, (None, *data.shape[rank:])),) * num


def _partition_kernel(xp: Any, data: Any, partitions: Any, num: int) -> Any:
    if partitions.size and (partitions.min() < 0 or partitions.max() >= num):
        flat = partitions.reshape(-1)
        bad = int(np.flatnonzero((flat < 0) | (flat >= num))[0])
        raise invalid_argument(f"partitions[{bad}] = {flat[bad]} is not in [0, {num})")
    return tuple([data[partitions == i] for i in range(num)])


def _partition_vjp(g: Any, out: Any, data: Any, partitions: Any, num: int) -> Any:
    place = reshape(range_(0, reduce_prod_op(shape_op(partitions), axis=None, keepdims=False)), shape_of(partitions))
    places = dynamic_partition_op(place, partitions, num=num)
    grads = [zeros_as(o) if d is None else d for d, o in zip(g, out, strict=True)]
    return (reshape(dynamic_stitch_op(*places, *grads, count=num), shape_of(data)), None)


dynamic_partition_op = define_op(
    "dynamic_partition(data: any, partitions: i32; num) -> many()",
    infer=_partition_type, kernel=_partition_kernel, vjp=_partition_vjp, host_only=True, fallible=True, tf_name="DynamicPartition",
    samples=[case("f32[2]", values([0, 2], "i32"), num=2, error="partitions[1] = 2 is not in [0, 2)"),
             case("f64[5,2]", values([2, 0, 2, 0, 0], "i32"), num=3), case("f64[2,3]", values([[0, 1, 0], [1, 1, 0]], "i32"), num=2)],
    doc="Divide elements among several tensors by their partition number.", ref=f"{ARRAY}/dynamic_partition",
)  # fmt: skip


def _stitch_type(*parts: TensorType, count: int) -> TensorType:
    indices, data = parts[:count], parts[count:]
    if not indices or len(indices) != len(data):
        raise ArgumentError(f"dynamic_stitch needs as many indices as data, got {len(indices)} and {len(data)}")
    rest: Any = None
    for i, d in zip(indices, data, strict=True):
        if i.shape is None or d.shape is None:
            continue
        if not shapes.is_compatible(d.shape[: len(i.shape)], i.shape):
            raise ShapeError(f"data shape {shapes.format_shape(d.shape)} must start with indices shape {shapes.format_shape(i.shape)}")
        rest = shapes.merge_shapes(rest, d.shape[len(i.shape) :])
    return TensorType(data[0].dtype, None if rest is None else (None, *rest))


def _stitch_kernel(xp: Any, *parts: Any, count: int) -> Any:
    indices, data = parts[:count], parts[count:]
    size = max([int(i.max()) + 1 for i in indices if i.size], default=0)
    result = np.zeros((size, *data[0].shape[indices[0].ndim :]), data[0].dtype)
    for i, d in zip(indices, data, strict=True):
        if i.size and i.min() < 0:
            raise invalid_argument(f"indices[{int(np.flatnonzero(i.reshape(-1) < 0)[0])}] is out of range")
        result[i] = d
    return result


dynamic_stitch_op = define_op(
    "dynamic_stitch(*parts: each; count)",
    infer=_stitch_type, kernel=_stitch_kernel,
    vjp=lambda g, out, *parts, count: (*[None] * count, *[gather_op(g, i, axis=0) for i in parts[:count]]),
    host_only=True, fallible=True, tf_name="DynamicStitch",
    samples=[case(values([-1], "i32"), "f32[1]", count=1, error="indices[0] is out of range"),
             case(values([0, 3], "i32"), values([1, 2], "i32"), "f64[2,2]", "f64[2,2]", count=2),
             case(values(1, "i32"), values([[0, 2]], "i32"), "f64[]", "f64[1,2]", count=2)],
    doc="Put data at indices, several tensors into one; of repeated places the last holds.", ref=f"{ARRAY}/dynamic_stitch",
)  # fmt: skip


def dynamic_partition(data: Any, partitions: Any, num_partitions: int, *, name: str | None = None) -> list[Any]:
    """Return the elements of `data` divided among `num_partitions` tensors.

    Args:
      data: any tensor. partitions: int32,
      a partition number for each element or slice. num_partitions: an int. name: name of the operation.
    """
    parts = dynamic_partition_op(data, partitions, num=int(num_partitions), name=name)
    return list(parts) if isinstance(parts, tuple) else [parts]


def dynamic_stitch(indices: Any, data: Any, *, name: str | None = None) -> Any:
    """Return one tensor with each of `data` at the places given by its `indices`.

    Args:
      indices: a list of int32 tensors. data: a list of tensors, each as large as its indices and more. name: name of the operation.
    """
    label = name or "DynamicStitch"
    places, parts = list(indices), list(data)
    places = [to_symbol(i, dtypes.int32, f"{label}/indices", *places, *parts) for i in places]
    parts = [to_symbol(d, None, f"{label}/data", *places) for d in parts]
    result = dynamic_stitch_op(*places, *parts, count=len(places), name=label)
    return _with_known_rows(result, [place.builder.static_value(place) for place in places])


def _with_known_rows(result: Any, places: list[Any]) -> Any:
    """Tell a recorded result how many rows constant places give it."""
    rows = [place for part in places if part is not None for place in (part if isinstance(part, tuple) else (part,))]
    is_known = all(part is not None for part in places) and None not in rows
    if is_known and hasattr(result, "set_shape") and result.tensor_type.shape is not None:
        result.set_shape((max(rows, default=-1) + 1, *result.tensor_type.shape[1:]))
    return result


# --- counting ------------------------------------------------------------------------------------------------------------------


def _bincount_kernel(xp: Any, x: Any, *weights: Any, minlength: int, maxlength: int | None, dtype: DType) -> Any:
    flat = x.reshape(-1)
    if flat.size and flat.min() < 0:
        raise invalid_argument("Input arr must be non-negative!")
    size = max(int(flat.max()) + 1 if flat.size else 0, minlength)
    size = size if maxlength is None else min(size, maxlength)
    kept = flat < size
    amounts = weights[0].reshape(-1)[kept] if weights and weights[0].size else None
    result = np.zeros(size, dtype.np)
    np.add.at(result, flat[kept], dtype.np_type(1) if amounts is None else amounts.astype(dtype.np))
    return result


bincount_op = define_op(
    "bincount(x: index, *weights: num; minlength = 0, maxlength = None, dtype)",
    infer=lambda x, *weights, minlength, maxlength, dtype: TensorType(dtype, (None,)), kernel=_bincount_kernel, host_only=True,
    fallible=True, vjp=NOT_DIFFERENTIABLE,
    tf_name="Bincount", default_name="bincount",
    samples=[case(values([-1], "i32"), dtype=dtypes.int32, error="Input arr must be non-negative!"),
             case(values([1, 3, 3, 0, 3], "i32"), dtype=dtypes.int32),
                                                          case(values([1, 3, 0], "i32"), "f32[3]", minlength=6, maxlength=3,
                                                               dtype=dtypes.float32)],
    doc="Count how often each number comes, or add up its weights.", ref=f"{ARRAY}/math/bincount",
)  # fmt: skip


def count_nonzero(x: Any, *, axis: Any = None, keepdims: bool = False, dtype: Any = dtypes.int64, name: str | None = None) -> Any:
    """Return how many elements of `x` are not zero (strings: not empty) over `axis`.

    Args:
      x: any tensor. axis: an int, a list, or None for all axes. keepdims: keep the axes with size 1. dtype: element type of the result.
      name: scope of the operations.
    """
    with scope(name or "count_nonzero", x):
        x = to_symbol(x)
        counted = x if x.dtype.is_bool else not_equal(x, np.array(b"" if x.dtype is dtypes.string else 0, x.dtype.np))
        return cast(reduce_sum_op(cast(counted, dtypes.int64), axis=to_axes(axis), keepdims=bool(keepdims)), dtype)
