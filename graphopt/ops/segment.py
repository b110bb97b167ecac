"""Sums, means, products and extremes over segments: rows that share an id."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import shapes
from graphopt.errors import ShapeError, invalid_argument
from graphopt.ir.opdef import OpDef, define_op
from graphopt.ir.samples import case, values
from graphopt.ir.types import StaticOperand, TensorType
from graphopt.ops.array import ARRAY, concat, rank, reshape, shape_op
from graphopt.ops.broadcast import fill
from graphopt.ops.composing import scope, to_symbol
from graphopt.ops.elementwise import cast, divide, equal, greater_equal, maximum, ones_as, select, sqrt, subtract, zeros_as
from graphopt.ops.indexing import gather_op

_UFUNCS = {"sum": np.add, "prod": np.multiply, "max": np.maximum, "min": np.minimum}


def _neutral(kind: str, dtype: Any) -> Any:
    """Return what an empty segment gives."""
    if kind in ("sum", "prod"):
        return dtype.type(kind == "prod")
    info = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
    return info.min if kind == "max" else info.max


def _combine(kind: str, data: Any, ids: Any, size: int, empty: Any) -> Any:
    """Combine rows of `data` with the same id by sorting them into runs: far faster than ``ufunc.at`` for wide rows."""
    result = np.full((size, *data.shape[1:]), empty, data.dtype)
    if not ids.size:
        return result
    if np.any(ids[1:] < ids[:-1]):
        order = np.argsort(ids, kind="stable")
        ids, data = ids[order], data[order]
    starts = np.flatnonzero(np.concatenate([[True], ids[1:] != ids[:-1]]))
    result[ids[starts]] = _UFUNCS[kind].reduceat(data, starts, axis=0, dtype=data.dtype)
    return result


# --- sorted ids ------------------------------------------------------------------------------------------------------------


def _sorted_type(data: TensorType, ids: TensorType) -> TensorType:
    if ids.shape is not None and len(ids.shape) != 1:
        raise ShapeError(f"Shape must be rank 1 but is rank {len(ids.shape)}")
    if data.shape is None:
        return TensorType(data.dtype, None)
    if not data.shape:
        raise ShapeError("Shape must be at least rank 1 but is rank 0")
    if ids.shape is not None:
        shapes.merge_shapes(data.shape[:1], ids.shape)
    return TensorType(data.dtype, (None, *data.shape[1:]))


def _check_sorted(data: Any, ids: Any) -> int:
    if ids.size != data.shape[0]:
        raise invalid_argument("segment_ids should be the same size as dimension 0 of input.")
    if np.any(ids[1:] < ids[:-1]):
        raise invalid_argument("segment ids are not increasing")
    if ids.size and ids[0] < 0:
        raise invalid_argument("segment ids must be >= 0")
    return int(ids[-1]) + 1 if ids.size else 0


def _sorted_kernel(kind: str) -> Any:
    def kernel(xp: Any, data: Any, ids: Any) -> Any:
        size = _check_sorted(data, ids)
        return _combine(kind, data, ids, size, data.dtype.type(kind == "prod"))

    return kernel


def _mean_kernel(xp: Any, data: Any, ids: Any) -> Any:
    size = _check_sorted(data, ids)
    counts = np.maximum(np.bincount(ids, minlength=size), 1).astype(data.dtype)
    total = _combine("sum", data, ids, size, data.dtype.type(0))
    return (total / counts.reshape(-1, *[1] * (data.ndim - 1))).astype(data.dtype)


def _as_rows(counts: Any, data: Any) -> Any:
    """Return a vector shaped so that it goes along the first axis of `data`."""
    rank = data.tensor_type.rank
    if rank is not None:
        return reshape(counts, [-1] + [1] * (rank - 1))
    ones = ones_as(shape_op(data)[1:])
    return reshape(counts, concat([np.array([-1], np.int32), ones], 0))


def _mean_vjp(g: Any, out: Any, data: Any, ids: Any) -> Any:
    counts = segment_sum(cast(ones_as(ids), data.dtype), ids)
    return (gather_op(divide(g, _as_rows(maximum(counts, 1.0), data)), ids, axis=0), None)


def _extreme_vjp(total: Any, pick: Any) -> Any:
    """Return the gradient rule of a segment extreme: ties share it equally, as in TensorFlow."""

    def rule(g: Any, out: Any, data: Any, ids: Any, *size: Any) -> Any:
        hits = equal(pick(out, ids), data)
        counts = total(cast(hits, data.dtype), ids, *size)
        shared = pick(divide(g, maximum(counts, 1.0)), ids)
        return (select(hits, shared, zeros_as(shared)), None, *[None] * len(size))

    return rule


_UNORDERED = case("f32[3]", values([1, 0, 2], "i32"), error="segment ids are not increasing")
_SORTED = [
    _UNORDERED,
    case("f64[5,2]", values([0, 0, 2, 2, 3], "i32")),
    case("f64[3]", values([0, 1, 1], "i64")),
    case("i32[3]", values([0, 0, 1], "i32")),
]


def _sorted(name: str, kernel: Any, vjp: Any, tf_name: str, doc: str) -> OpDef:
    return define_op(f"{name}(data: num, ids: index)", infer=_sorted_type, kernel=kernel, vjp=vjp, host_only=True, fallible=True,
                     tf_name=tf_name,
                     samples=_SORTED if vjp is not None else [case("i32[3]", values([0, 0, 1], "i32"))], doc=doc,
                     ref=f"{ARRAY}/math/{name}")  # fmt: skip


segment_sum = _sorted("segment_sum", _sorted_kernel("sum"), lambda g, out, data, ids: (gather_op(g, ids, axis=0), None), "SegmentSum",
                      "Return the sum of each segment; ids are sorted.")  # fmt: skip
segment_mean = _sorted("segment_mean", _mean_kernel, _mean_vjp, "SegmentMean", "Return the mean of each segment; ids are sorted.")
segment_prod = _sorted("segment_prod", _sorted_kernel("prod"), None, "SegmentProd", "Return the product of each segment; ids are sorted.")


def _pick(rows: Any, ids: Any) -> Any:
    return gather_op(rows, ids, axis=0)


segment_max = _sorted("segment_max", _sorted_kernel("max"), _extreme_vjp(lambda *a: segment_sum(*a), _pick), "SegmentMax",
                      "Return the largest element of each segment; ids are sorted.")  # fmt: skip
segment_min = _sorted("segment_min", _sorted_kernel("min"), _extreme_vjp(lambda *a: segment_sum(*a), _pick), "SegmentMin",
                      "Return the smallest element of each segment; ids are sorted.")  # fmt: skip

# --- ids in any order ------------------------------------------------------------------------------------------------------


def _unsorted_type(data: TensorType, ids: TensorType, num_segments: StaticOperand) -> TensorType:
    if isinstance(num_segments.value, int) and num_segments.value < 0:
        raise ShapeError(f"Dimension size, given by scalar input 2, must be non-negative but is {num_segments.value}")
    if data.shape is None or ids.shape is None:
        return TensorType(data.dtype, None)
    rank = len(ids.shape)
    if not shapes.is_compatible(data.shape[:rank], ids.shape):
        raise ShapeError(
            f"data.shape = {shapes.format_shape(data.shape)} does not start with segment_ids.shape = {shapes.format_shape(ids.shape)}"
        )
    return TensorType(data.dtype, (num_segments.value, *data.shape[rank:]))


def _unsorted_kernel(kind: str) -> Any:
    def kernel(xp: Any, data: Any, ids: Any, num_segments: Any) -> Any:
        size = int(num_segments)
        if data.shape[: ids.ndim] != ids.shape:
            raise invalid_argument(f"data.shape = {list(data.shape)} does not start with segment_ids.shape = {list(ids.shape)}")
        flat = ids.reshape(-1)
        rows = data.reshape(flat.size, *data.shape[ids.ndim :])
        if flat.size and flat.max() >= size:
            bad = int(np.flatnonzero(flat >= size)[0])
            where = ",".join(map(str, np.unravel_index(bad, ids.shape)))
            raise invalid_argument(f"segment_ids[{where}] = {flat[bad]} is out of range [0, {size})")
        if flat.size and flat.min() < 0:  # rows of a negative id are left out
            flat, rows = flat[flat >= 0], rows[flat >= 0]
        return _combine(kind, rows, flat, size, _neutral(kind, data.dtype))

    return kernel


def gather_or_zero(rows: Any, ids: Any) -> Any:
    """Return the rows at `ids`, and zeros where an id is negative."""
    picked = gather_op(rows, maximum(ids, 0), axis=0)
    kept = greater_equal(ids, 0)
    if picked.tensor_type.rank is not None and ids.tensor_type.rank is not None:
        extra = picked.tensor_type.rank - ids.tensor_type.rank
        ones: Any = np.ones(extra, np.int32) if extra else None
    else:
        ones = fill(reshape(subtract(rank(picked), rank(ids)), [1]), np.int32(1))
    kept = kept if ones is None else reshape(kept, concat([shape_op(ids), ones], 0))
    return select(kept, picked, zeros_as(picked))


_OUTSIDE = case("f32[1]", values([4], "i32"), values(4, "i32"), error="segment_ids[0] = 4 is out of range [0, 4)")
_UNSORTED = [
    _OUTSIDE,
    case("f64[5,2]", values([2, 0, 2, 1, 0], "i32"), values(4, "i32")),
    case("f64[2,3]", values([[0, 1, 2], [2, -1, 0]], "i64"), values(3, "i32")),
]


_EMPTY = [case("i32[3]", values([1, 0, 1], "i32"), values(3, "i32"))]
_FULL = [case("f64[5,2]", values([2, 0, 2, 1, 0], "i32"), values(3, "i32")), *_EMPTY]


def _unsorted(name: str, kind: str, vjp: Any, tf_name: str, doc: str) -> OpDef:
    samples = _UNSORTED if kind == "sum" else _FULL if vjp is not None else _EMPTY
    return define_op(f"{name}(data: num, ids: index, num_segments: static index)", infer=_unsorted_type, kernel=_unsorted_kernel(kind),
                     vjp=vjp, fallible=True,
                     linear_in=("data",) if kind == "sum" else (), rounding="sum" if kind in ("sum", "prod") else "exact", tf_name=tf_name,
                     samples=samples, doc=doc,
                     ref=f"{ARRAY}/math/{name}")  # fmt: skip


unsorted_segment_sum = _unsorted("unsorted_segment_sum", "sum",
                                 lambda g, out, data, ids, num_segments: (gather_or_zero(g, ids), None, None), "UnsortedSegmentSum",
                                 "Return the sum of the rows of each id; rows of a negative id are left out.")  # fmt: skip
unsorted_segment_prod = _unsorted(
    "unsorted_segment_prod", "prod", None, "UnsortedSegmentProd", "Return the product of the rows of each id."
)
unsorted_segment_max = _unsorted("unsorted_segment_max", "max", _extreme_vjp(lambda *a: unsorted_segment_sum(*a), gather_or_zero),
                                 "UnsortedSegmentMax",
                                 "Return the largest element of each id; the type's lowest number where there is none.")  # fmt: skip
unsorted_segment_min = _unsorted("unsorted_segment_min", "min", _extreme_vjp(lambda *a: unsorted_segment_sum(*a), gather_or_zero),
                                 "UnsortedSegmentMin",
                                 "Return the smallest element of each id; the type's highest number where there is none.")  # fmt: skip


def _counts(data: Any, ids: Any, num_segments: Any) -> Any:
    """Return how many rows each id has, at least 1, shaped to go along the first axis of the result."""
    counts = unsorted_segment_sum(cast(ones_as(ids), data.dtype), ids, num_segments)
    rank, own = data.tensor_type.rank, ids.tensor_type.rank
    extra = 0 if rank is None or own is None else rank - own
    return reshape(maximum(counts, 1.0), [-1] + [1] * extra)


def unsorted_segment_mean(data: Any, ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """Return the mean of the rows of each id; 0 where there is none.

    Args:
      data: floating point numbers of known rank. ids: integers. num_segments: number of rows of the result. name: scope of the operations.
    """
    with scope(name or "UnsortedSegmentMean", data, ids) as entered:
        data, ids = to_symbol(data, None, None, ids), to_symbol(ids, None, None, data)
        return divide(unsorted_segment_sum(data, ids, num_segments), _counts(data, ids, num_segments), name=entered)


def unsorted_segment_sqrt_n(data: Any, ids: Any, num_segments: Any, name: str | None = None) -> Any:
    """Return the sum of the rows of each id divided by the square root of their number.

    Args:
      data: floating point numbers of known rank. ids: integers. num_segments: number of rows of the result. name: scope of the operations.
    """
    with scope(name or "UnsortedSegmentSqrtN", data, ids) as entered:
        data, ids = to_symbol(data, None, None, ids), to_symbol(ids, None, None, data)
        return divide(unsorted_segment_sum(data, ids, num_segments), sqrt(_counts(data, ids, num_segments)), name=entered)
