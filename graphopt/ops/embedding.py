"""Embeddings: rows of a table, or of a table in several parts, at given ids."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphopt.errors import ArgumentError, ArgumentTypeError, ShapeError
from graphopt.ops.array import concat, identity, reshape, shape_op, size_op
from graphopt.ops.broadcast import reduce_sum_op
from graphopt.ops.composing import scope, to_symbol
from graphopt.ops.elementwise import (
    cast,
    divide,
    floordiv,
    floormod,
    greater,
    less,
    maximum,
    multiply,
    ones_as,
    select,
    sqrt,
    square,
    subtract,
)
from graphopt.ops.indexing import gather_op
from graphopt.ops.partition import dynamic_partition, dynamic_stitch
from graphopt.ops.segment import segment_mean, segment_sum
from graphopt.ops.sequence import range_

Transform = Callable[[Any], Any]


def embedding_lookup(params: Any, ids: Any, *, partition_strategy: str = "mod", max_norm: Any = None, name: str | None = None) -> Any:
    """Return the rows of a table at the given ids.

    Args:
      params: a table, or a list with the parts of one.
      ids: integers of any shape.
      partition_strategy: how rows lie in the parts: ``"mod"`` (row i in part i mod n) or ``"div"`` (one run of rows after the other).
      max_norm: rows longer than this are scaled down to it.
      name: name of the scope.

    Returns:
      The rows, of shape ``ids.shape + params.shape[1:]``.

    Raises:
      ValueError: without parts, or for another strategy.
    """
    if params is None:
        raise ArgumentError("params must be specified")
    parts = list(params) if isinstance(params, (list, tuple)) else [params]
    if not parts:
        raise ArgumentError("Need at least one param")
    with scope(name or "embedding_lookup", *parts, ids) as entered:
        wanted = to_symbol(ids, None, "ids", *parts)
        if len(parts) == 1:
            return identity(_clipped(gather_op(parts[0], wanted), wanted, max_norm), name=entered)
        return _from_parts(parts, wanted, partition_strategy, max_norm, entered)


def _from_parts(parts: list[Any], ids: Any, strategy: str, max_norm: Any, name: str | None) -> Any:
    flat = reshape(ids, [-1])
    assigned, rows = _places(parts, flat, strategy)
    assigned = cast(assigned, np.int32)
    origins = dynamic_partition(range_(0, size_op(flat)), assigned, len(parts))
    found = [gather_op(part, own) for part, own in zip(parts, dynamic_partition(rows, assigned, len(parts)), strict=True)]
    joined = dynamic_stitch(origins, found)
    tail = found[0].tensor_type.shape
    if tail is not None and None not in tail[1:] and ids.tensor_type.is_static:
        shape: Any = np.array([*ids.tensor_type.shape, *tail[1:]], np.int32)
    else:
        shape = concat([shape_op(ids), shape_op(found[0])[1:]], 0)
    return _clipped(reshape(joined, shape, name=None if max_norm is not None else name), ids, max_norm)


def _places(parts: list[Any], flat: Any, strategy: str) -> tuple[Any, Any]:
    """Return for each id the part it lies in, and its row there."""
    count = len(parts)
    if strategy == "mod":
        return floormod(flat, count), floordiv(flat, count)
    if strategy != "div":
        raise ArgumentError(f"Unrecognized partition strategy: {strategy}")
    sizes = [part.shape[0] for part in parts]
    if any(size is None or getattr(size, "value", size) is None for size in sizes):
        raise ShapeError("The parts of an embedding must have a known number of rows for the strategy 'div'.")
    least, extra = divmod(sum(int(size) for size in sizes), count)
    # The first `extra` parts hold one row more than the others.
    assigned = maximum(floordiv(flat, least + 1), floordiv(subtract(flat, extra), max(least, 1)))
    rows = select(less(assigned, extra), floormod(flat, least + 1), floormod(subtract(flat, extra), max(least, 1)))
    return assigned, rows


def _clipped(rows: Any, ids: Any, max_norm: Any) -> Any:
    if max_norm is None:
        return rows
    rank, own = rows.tensor_type.rank, ids.tensor_type.rank
    if rank is None or own is None:
        raise ShapeError("The ranks of params and ids must be known to clip the rows by max_norm.")
    total = reduce_sum_op(square(rows), axis=tuple(range(own, rank)), keepdims=True)
    # The root of a sum that is not 0, so that its gradient is finite.
    is_positive = greater(total, 0)
    norm = select(is_positive, sqrt(select(is_positive, total, ones_as(total))), total)
    return divide(multiply(rows, max_norm), maximum(norm, max_norm))


def embedding_lookup_sparse(params: Any, sp_ids: Any, sp_weights: Any, *, partition_strategy: str = "mod", combiner: str = "mean",
                            max_norm: Any = None, name: str | None = None) -> Any:  # fmt: skip
    """Return for each row of sparse ids the combined rows of a table.

    Args:
      params: a table, or a list with the parts of one.
      sp_ids: sparse ids: an object with `indices` (sorted, ``[n, 2]``) and `values`. Every row has at least one.
      sp_weights: the same with weights, or None for weights of 1.
      combiner: ``"sum"``, ``"mean"`` (divided by the sum of the weights) or ``"sqrtn"`` (by the root of the sum of their squares).
      partition_strategy, max_norm: as for `embedding_lookup`.
      name: name of the scope.

    Raises:
      TypeError: when the ids or weights are not sparse. ValueError: for another combiner.
    """
    if combiner not in ("mean", "sqrtn", "sum"):
        raise ArgumentError("combiner must be one of 'mean', 'sqrtn' or 'sum'")
    for what, given in (("sp_ids", sp_ids), ("sp_weights", sp_weights)):
        if not hasattr(given, "dense_shape") and not (given is None and what == "sp_weights"):
            raise ArgumentTypeError(f"{what} must be SparseTensor")
    with scope(name or "embedding_lookup_sparse", sp_ids.values):
        segments = cast(sp_ids.indices[:, 0], np.int32)
        rows = embedding_lookup(params, sp_ids.values, partition_strategy=partition_strategy, max_norm=max_norm)
        if sp_weights is None:
            return _combined(rows, segments, combiner)
        return _weighted(rows, segments, sp_weights.values, combiner)


def _combined(rows: Any, segments: Any, combiner: str) -> Any:
    if combiner == "mean":
        return segment_mean(rows, segments)
    total = segment_sum(rows, segments)
    if combiner == "sum":
        return total
    counts = segment_sum(cast(ones_as(segments), rows.dtype), segments)
    return divide(total, _beside(sqrt(counts), rows))


def _weighted(rows: Any, segments: Any, weights: Any, combiner: str) -> Any:
    own = cast(weights, rows.dtype)
    total = segment_sum(multiply(rows, _beside(own, rows)), segments)
    if combiner == "sum":
        return total
    norm = segment_sum(own, segments) if combiner == "mean" else sqrt(segment_sum(square(own), segments))
    return divide(total, _beside(norm, rows))


def _beside(vector: Any, rows: Any) -> Any:
    """Return one number for each row in a shape that broadcasts with the rows."""
    rank = rows.tensor_type.rank
    if rank is None:
        raise ShapeError("The rank of params must be known.")
    return reshape(vector, [-1] + [1] * (rank - 1))
