"""Picking and placing elements by index: slice, gather with batches, gather_nd, scatter_nd, where, masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.errors import ArgumentError, ShapeError, invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.rules import shape_from
from graphopt.ir.samples import arg, case, values
from graphopt.ir.types import StaticOperand, TensorType
from graphopt.ops.array import ARRAY, concat, reshape, shape_of, shape_op, squeeze_op
from graphopt.ops.broadcast import broadcast_to
from graphopt.ops.composing import scope, shape_operand, to_symbol
from graphopt.ops.elementwise import cast, select
from graphopt.ops.indexing import gather_op
from graphopt.ops.layout import place_op
from graphopt.ops.sequence import range_
from graphopt.ops.checks import check_indices

# --- slice -----------------------------------------------------------------------------------------------------------------


def _slice_type(x: TensorType, begin: StaticOperand, size: StaticOperand) -> TensorType:
    counts = [operand.type.shape[0] for operand in (begin, size) if operand.type.shape]
    rank = len(x.shape) if x.shape is not None else next((c for c in counts if c is not None), None)
    if rank is None:
        return TensorType(x.dtype, None)
    for count in counts:
        if count not in (rank, None):
            raise ShapeError(f"Shape must be rank {count} but is rank {rank}")
    first = begin.value if isinstance(begin.value, tuple) else (None,) * rank
    wanted = size.value if isinstance(size.value, tuple) else (None,) * rank
    known = x.shape if x.shape is not None else (None,) * rank
    return TensorType(x.dtype, tuple([_slice_size(i, d, b, s) for i, (d, b, s) in enumerate(zip(known, first, wanted, strict=True))]))


def _slice_size(axis: int, whole: int | None, begin: int | None, size: int | None) -> int | None:
    if begin is not None and (begin < 0 or (whole is not None and begin > whole)):
        raise ShapeError(f"Expected begin[{axis}] in [0, {whole}], but got {begin}")
    if size == -1:
        return None if whole is None or begin is None else whole - begin
    if size is not None and (size < -1 or (whole is not None and size + (begin or 0) > whole)):
        raise ShapeError(f"Expected size[{axis}] in [0, {None if whole is None else whole - (begin or 0)}], but got {size}")
    return size


def _slice_kernel(xp: Any, x: Any, begin: Any, size: Any) -> Any:
    first, counts = np.asarray(begin).tolist(), np.asarray(size).tolist()
    index = []
    for axis, (whole, b, s) in enumerate(zip(np.shape(x), first, counts, strict=True)):
        if not 0 <= b <= whole:
            raise invalid_argument(f"Expected begin[{axis}] in [0, {whole}], but got {b}")
        if not (s == -1 or 0 <= s <= whole - b):
            raise invalid_argument(f"Expected size[{axis}] in [0, {whole - b}], but got {s}")
        index.append(slice(b, None if s == -1 else b + s))
    return x[tuple(index)]


slice_op = define_op(
    "slice(x: any, begin: static index, size: static same(begin))",
    infer=_slice_type, kernel=_slice_kernel, vjp=(lambda g, out, x, begin, size: place_op(g, x, begin), None, None), fallible=True, view_of="x", linear_in=("x",),
    tf_name="Slice", samples=[case("f64[4,3]", values([1, 0], "i32"), values([2, -1], "i32")), case("f32[3]", values([3], "i64"), values([0], "i64"))],
    doc="Return the part that begins at `begin` and is `size` large (-1: up to the end).", ref=f"{ARRAY}/slice",
)  # fmt: skip

# --- gather with batch axes ------------------------------------------------------------------------------------------------


def _batch_gather_type(params: TensorType, indices: TensorType, axis: int, batch_dims: int) -> TensorType:
    if params.shape is None or indices.shape is None:
        return TensorType(params.dtype, None)
    if not batch_dims <= axis < len(params.shape):
        raise ShapeError(f"batch_dims ({batch_dims}) must be less than or equal to axis ({axis})")
    batch = shapes.merge_shapes(params.shape[:batch_dims], indices.shape[:batch_dims]) or ()
    return TensorType(params.dtype, batch + params.shape[batch_dims:axis] + indices.shape[batch_dims:] + params.shape[axis + 1 :])


def _batch_index(params_shape: Any, indices: Any, axis: int, batch_dims: int) -> tuple[Any, ...]:
    """Return the index that picks from params; its parts broadcast to batch axes, axes between, axes of the indices."""
    between = axis - batch_dims
    picked = np.ndim(indices) - batch_dims
    total = axis + picked
    parts = []
    for i in range(axis):
        sizes = [1] * total
        sizes[i] = params_shape[i]
        parts.append(np.arange(params_shape[i]).reshape(sizes))
    shape = np.shape(indices)
    parts.append(np.reshape(indices, shape[:batch_dims] + (1,) * between + shape[batch_dims:]))
    return tuple(parts)


def _batch_gather_kernel(xp: Any, params: Any, indices: Any, axis: int, batch_dims: int) -> Any:
    check_indices(indices, params.shape[axis])
    return params[_batch_index(params.shape, indices, axis, batch_dims)]


def _batch_scatter_kernel(xp: Any, g: Any, params: Any, indices: Any, axis: int, batch_dims: int) -> Any:
    result = np.zeros(np.shape(params), g.dtype)
    np.add.at(result, _batch_index(np.shape(params), indices, axis, batch_dims), g)
    return result


batch_gather_op = define_op(
    "batch_gather(params: any, indices: index; axis, batch_dims)",
    infer=_batch_gather_type, kernel=_batch_gather_kernel, vjp=(lambda g, out, params, indices, **at: batch_gather_gradient(g, params, indices, **at), None),
    fallible=True, linear_in=("params",), tf_name="GatherV2",
    samples=[case("f64[2,3,2]", values([[0, 2], [1, 1]], "i32"), axis=1, batch_dims=1), case("f64[2,3,4]", values([[0, 2], [1, 1]], "i64"), axis=2, batch_dims=1)],
    doc="Return slices along an axis, each batch element with its own indices.", ref=f"{ARRAY}/gather",
)  # fmt: skip

batch_gather_gradient = define_op(
    "batch_gather_gradient(g: num, params: any, indices: index; axis, batch_dims)",
    infer=lambda g, params, indices, axis, batch_dims: TensorType(g.dtype, params.shape), kernel=_batch_scatter_kernel,
    vjp=(lambda h, out, g, params, indices, **at: batch_gather_op(h, indices, **at), None, None), linear_in=("g",), tf_name="GatherGrad",
    samples=[case("f64[2,2,2]", "f64[2,3,2]", values([[0, 2], [1, 1]], "i32"), axis=1, batch_dims=1)], doc="Add up the gradients of slices gathered with batch axes.",
)  # fmt: skip


def gather_batches(params: Any, indices: Any, *, axis: int, batch_dims: int, name: str | None = None) -> Any:
    """Return the slices of `params` along `axis`; the first `batch_dims` axes of params and indices go together.

    Args:
      params: a tensor of known rank. indices: integers in [0, params.shape[axis]). axis: at least `batch_dims`. name: name of the operation.

    Raises:
      ValueError: when axis or batch_dims doesn't fit the shapes.
    """
    params, indices = to_symbol(params, None, None, indices), to_symbol(indices, None, None, params)
    lead = batch_dims + indices.tensor_type.rank if batch_dims < 0 and indices.tensor_type.rank is not None else batch_dims
    rank = params.tensor_type.rank
    at = axis if rank is None else shapes.normalize_axis(axis, rank)
    if lead == 0:
        return gather_op(params, indices, axis=at, name=name)
    return batch_gather_op(params, indices, axis=at, batch_dims=lead, name=name or "GatherV2")


# --- along an axis -----------------------------------------------------------------------------------------------------------


def _along_scatter_kernel(xp: Any, g: Any, x: Any, indices: Any, axis: int) -> Any:
    result = np.zeros(np.shape(x), g.dtype)
    index: list[Any] = [
        np.arange(d).reshape([-1 if j == i else 1 for j in range(np.ndim(indices))]) for i, d in enumerate(np.shape(indices))
    ]
    index[axis] = indices
    np.add.at(result, tuple(index), g)
    return result


take_along = define_op(
    "take_along(x: any, indices: index; axis = -1)",
    infer=lambda x, indices, axis: TensorType(x.dtype, indices.shape), kernel=lambda xp, x, indices, axis: xp.take_along_axis(x, indices, axis),
    vjp=(lambda g, out, x, indices, axis: take_along_gradient(g, x, indices, axis=axis), None), linear_in=("x",), tf_name="TakeAlong",
    samples=[case("f64[2,3]", values([[0, 2, 2], [1, 0, 1]], "i32")), case("f64[3]", values([2, 0], "i64"))],
    doc="Return for each index the element at that place along an axis.", ref="https://numpy.org/doc/stable/reference/generated/numpy.take_along_axis.html",
)  # fmt: skip

take_along_gradient = define_op(
    "take_along_gradient(g: num, x: any, indices: index; axis = -1)",
    infer=lambda g, x, indices, axis: TensorType(g.dtype, x.shape), kernel=_along_scatter_kernel,
    vjp=(lambda h, out, g, x, indices, axis: take_along(h, indices, axis=axis), None, None), linear_in=("g",), tf_name="TakeAlongGrad",
    samples=[case("f64[2,3]", "f64[2,3]", values([[0, 2, 2], [1, 0, 1]], "i32"))], doc="Add up the gradients of elements taken along an axis.",
)  # fmt: skip

# --- gather_nd and scatter_nd --------------------------------------------------------------------------------------------------


def _depth_of(indices: TensorType, rank: int | None) -> int | None:
    if indices.shape is None:
        return None
    if not indices.shape:
        raise ShapeError("Shape must be at least rank 1 but is rank 0")
    depth = indices.shape[-1]
    if depth is not None and rank is not None and depth > rank:
        raise ShapeError(
            f"indices.shape[-1] must be <= params.rank, but saw indices shape: {shapes.format_shape(indices.shape)} and params rank {rank}"
        )
    return depth


def _gather_nd_type(params: TensorType, indices: TensorType) -> TensorType:
    depth = _depth_of(indices, params.rank)
    if params.shape is None or indices.shape is None or depth is None:
        return TensorType(params.dtype, None)
    return TensorType(params.dtype, indices.shape[:-1] + params.shape[depth:])


def to_nd_index(indices: Any, shape: Any, what: str) -> tuple[Any, ...]:
    """Return the NumPy index of a tensor of index vectors.

    Raises:
      InvalidArgumentError: when one lies outside of `shape`.
    """
    depth = np.shape(indices)[-1]
    limits = np.array(shape[:depth])
    if indices.size and depth and (indices.min() < 0 or np.any(indices >= limits)):
        rows = np.reshape(indices, (-1, depth))
        bad = int(np.flatnonzero(np.any((rows < 0) | (rows >= limits), axis=1))[0])
        where = ",".join(map(str, np.unravel_index(bad, np.shape(indices)[:-1]))) if np.ndim(indices) > 1 else ""
        raise invalid_argument(f"indices[{where}] = {rows[bad].tolist()} does not index into {what} shape {list(shape)}")
    return tuple([indices[..., i] for i in range(depth)])


def _gather_nd_kernel(xp: Any, params: Any, indices: Any) -> Any:
    index = to_nd_index(indices, np.shape(params), "param")
    return params[index] if index else xp.array(xp.broadcast_to(params, np.shape(indices)[:-1] + np.shape(params)))


gather_nd_op = define_op(
    "gather_nd(params: any, indices: index)",
    infer=_gather_nd_type, kernel=_gather_nd_kernel, vjp=(lambda g, out, params, indices: scatter_nd_op(indices, g, shape_of(params)), None),
    fallible=True, linear_in=("params",), tf_name="GatherNd",
    samples=[case("f64[4,3]", values([[0, 1], [3, 2], [0, 1]], "i32")), case("f64[3,2]", values([[[0], [1]], [[2], [2]]], "i64")), case("f32[2]", values([1], "i32"))],
    doc="Return the elements or slices that index vectors (the last axis of the indices) name.", ref=f"{ARRAY}/gather_nd",
)  # fmt: skip


def _scatter_nd_type(indices: TensorType, updates: TensorType, shape: StaticOperand) -> TensorType:
    target = shape_from(shape)
    depth = _depth_of(indices, None if target is None else len(target))
    if target is not None and depth is not None and indices.shape is not None:
        check_updates(updates, indices.shape[:-1] + target[depth:])
    return TensorType(updates.dtype, target)


def check_updates(updates: TensorType, expected: tuple[int | None, ...]) -> None:
    """Raise ValueError unless updates can have the shape that indices and target ask for."""
    if not shapes.is_compatible(updates.shape, expected):
        raise ShapeError(f"The shape of updates must be {shapes.format_shape(expected)}, but is {shapes.format_shape(updates.shape)}")


def _scatter_nd_kernel(xp: Any, indices: Any, updates: Any, shape: Any) -> Any:
    result = np.zeros(tuple(np.asarray(shape).tolist()), updates.dtype)
    index = to_nd_index(indices, result.shape, "")
    if not index:  # empty index vectors all name the whole target
        return result + np.sum(updates, axis=tuple(range(np.ndim(indices) - 1)), dtype=updates.dtype)
    np.add.at(result, index, updates)
    return result


scatter_nd_op = define_op(
    "scatter_nd(indices: index, updates: num, shape: static index)",
    infer=_scatter_nd_type, kernel=_scatter_nd_kernel, vjp=(None, lambda g, out, indices, updates, shape: gather_nd_op(g, indices), None),
    fallible=True, linear_in=("updates",), tf_name="ScatterNd",
    samples=[case(values([[1], [3], [1]], "i32"), "f64[3,2]", values([4, 2], "i32")), case(values([[0, 1], [2, 0]], "i64"), "f64[2]", values([3, 2], "i64"))],
    doc="Return zeros of a shape with updates added where index vectors say.", ref=f"{ARRAY}/scatter_nd",
)  # fmt: skip


def slice_(x: Any, begin: Any, size: Any, name: str | None = None) -> Any:
    """Return the part of `x` that begins at `begin` and is `size` large; a size of -1 goes up to the end.

    Args:
      x: any tensor. begin, size: an integer for each axis. name: name of the operation.
    """
    return slice_op(x, shape_operand(begin) if not hasattr(begin, "builder") else begin, _size_operand(size), name=name)


def _size_operand(size: Any) -> Any:
    if hasattr(size, "builder") or (isinstance(size, (list, tuple)) and any(hasattr(s, "builder") for s in size)):
        return size
    return np.array([int(s) for s in np.reshape(size, -1)] if isinstance(size, np.ndarray) else [int(s) for s in size], np.int32)


def gather_nd(params: Any, indices: Any, *, batch_dims: int = 0, name: str | None = None) -> Any:
    """Return the elements or slices of `params` that the index vectors in the last axis of `indices` name.

    Args:
      params: a tensor. indices: integers. batch_dims: how many first axes of both go together. name: name of the operation.

    Raises:
      InvalidArgumentError: at run time, for an index out of range.
    """
    if batch_dims == 0:
        return gather_nd_op(params, indices, name=name)
    with scope(name or "GatherNd", params, indices) as entered:
        params, indices = to_symbol(params, None, None, indices), to_symbol(indices, None, None, params)
        if indices.tensor_type.rank is None or not 0 < batch_dims < indices.tensor_type.rank:
            raise ArgumentError(f"batch_dims = {batch_dims} must be less than rank(indices) = {indices.tensor_type.rank}")
        return gather_nd_op(params, concat([*_batch_coordinates(indices, batch_dims), indices], -1), name=entered)


def _batch_coordinates(indices: Any, batch_dims: int) -> list[Any]:
    """Return for each batch axis its own coordinate, as large as `indices` with one element in the last axis."""
    rank, sizes = indices.tensor_type.rank, shape_op(indices)
    target = concat([sizes[: rank - 1], np.array([1], np.int32)], 0)
    coordinates = []
    for axis in range(batch_dims):
        steps = reshape(range_(0, sizes[axis]), [-1 if i == axis else 1 for i in range(rank)])
        coordinates.append(cast(broadcast_to(steps, target), indices.dtype))
    return coordinates


def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Any:
    """Return zeros of `shape` with `updates` added where the index vectors in the last axis of `indices` say.

    Args:
      indices: integers. updates: numbers. shape: an integer vector. name: name of the operation.
    """
    indices = to_symbol(indices, None, None, updates)
    target = shape if hasattr(shape, "builder") else shape_operand(shape)
    return scatter_nd_op(indices, updates, target, name=name)


# --- writing into variables ----------------------------------------------------------------------------------------------------


def _written_type(x: TensorType, indices: TensorType, updates: TensorType) -> TensorType:
    depth = _depth_of(indices, x.rank)
    if x.shape is not None and indices.shape is not None and depth is not None:
        check_updates(updates, indices.shape[:-1] + x.shape[depth:])
    return x


def _nd_write(name: str, numpy_at: str | None, doc: str) -> OpDef:
    def kernel(xp: Any, x: Any, indices: Any, updates: Any) -> Any:
        result = np.array(x)
        index = to_nd_index(indices, result.shape, "")
        if numpy_at is None:
            result[index] = updates
        else:
            getattr(np, numpy_at).at(result, index, updates)
        return result

    return define_op(f"{name}(x: any, indices: index, updates: same(x))", infer=_written_type, kernel=kernel, vjp=NOT_DIFFERENTIABLE, fallible=True, overwrites="x",
                     tf_name=f"Pure{name.title().replace('_', '')}", samples=[case("f32[5,2]", values([[1], [4], [1]], "i32"), "f32[3,2]"),
                                                                                 case("f64[4]", values([[[1], [1]]], "i64"), "f64[1,2]")], doc=doc)  # fmt: skip


nd_update = _nd_write(
    "nd_update", None, "Return x with the elements or slices that index vectors name replaced; of repeated ones the last holds."
)
nd_add = _nd_write("nd_add", "add", "Return x with updates added where index vectors say; repeated ones add up.")
nd_subtract = _nd_write("nd_subtract", "subtract", "Return x with updates subtracted where index vectors say; repeated ones add up.")


def _nd_variable(name: str, tf_name: str, pure: OpDef, doc: str) -> OpDef:
    return define_op(f"{name}(ref: ref, indices: index, updates: same(ref))", infer=_written_type, vjp=NOT_DIFFERENTIABLE, tf_name=tf_name, doc=doc,
                     discharge=lambda ctx, ref, indices, updates: ctx.set(ref, pure(ctx.get(ref), indices, updates)), ref=f"{ARRAY}/{name}")  # fmt: skip


scatter_nd_update = _nd_variable("scatter_nd_update", "ScatterNdUpdate", nd_update, "Replace elements or slices of a variable.")
scatter_nd_add = _nd_variable("scatter_nd_add", "ScatterNdAdd", nd_add, "Add to elements or slices of a variable.")
scatter_nd_sub = _nd_variable("scatter_nd_sub", "ScatterNdSub", nd_subtract, "Subtract from elements or slices of a variable.")

# --- where and masks -------------------------------------------------------------------------------------------------------------

where_op = define_op(
    "where(condition: any)",
    infer=lambda condition: TensorType(dtypes.int64, (None, condition.rank)), kernel=lambda xp, condition: np.argwhere(condition), host_only=True, vjp=NOT_DIFFERENTIABLE,
    tf_name="Where", samples=[case("bool[3,4]"), case(values([0.0, 2.0, 0.0, -1.0])), case(values(True, "bool"))],
    doc="Return the places of true (or not zero) elements, one row each, in order.", ref=f"{ARRAY}/where",
)  # fmt: skip


def choose(condition: Any, x: Any, y: Any, name: str | None = None) -> Any:
    """Return elements of `x` where the condition holds, of `y` elsewhere.

    Args:
      condition: bool, of the shape of x and y, or a scalar, or a vector that chooses whole rows.
      x, y: tensors of one type and shape. name: name of the operation.

    Raises:
      ValueError: when the shapes don't fit (there is no broadcasting).
    """
    condition, x = to_symbol(condition, dtypes.bool_, None, x, y), to_symbol(x, getattr(y, "dtype", None), None, condition, y)
    y = to_symbol(y, x.dtype, None, condition, x)
    shape, rank = shapes.merge_shapes(x.tensor_type.shape, y.tensor_type.shape), condition.tensor_type.rank
    if shape is not None and rank == 1 and len(shape) > 1:
        shapes.merge_shapes(condition.tensor_type.shape, shape[:1])
        condition = reshape(condition, [-1] + [1] * (len(shape) - 1))
    elif rank != 0:
        shapes.merge_shapes(condition.tensor_type.shape, shape)
    return select(condition, x, y, name=name)


def boolean_mask(x: Any, mask: Any, *, axis: int = 0, name: str | None = None) -> Any:
    """Return the elements or slices of `x` where `mask` is true, along one new axis in place of the masked ones.

    Args:
      x: any tensor. mask: bool, of known rank of at least 1; its shape is that of x from `axis` on. axis: a non-negative int.
      name: scope of the operations.

    Raises:
      ValueError: when the mask has rank 0 or unknown, or its shape doesn't fit.

    Example:
      >>> y = tf.boolean_mask([1, 2, 3], [True, False, True])
      >>> tf.Session().run(y).tolist()
      [1, 3]
    """
    with scope(name or "boolean_mask", x, mask):
        x, mask = to_symbol(x, None, None, mask), to_symbol(mask, dtypes.bool_, None, x)
        known, hits = x.tensor_type.shape, mask.tensor_type.shape
        if hits is None:
            raise ArgumentError(
                "Number of mask dimensions must be specified, even if some dimensions are None.  E.g. shape=[None] is ok, but shape=None is not."
            )
        if not hits:
            raise ArgumentError("mask cannot be scalar.")
        if known is not None and not shapes.is_compatible(known[axis : axis + len(hits)], hits):
            raise ShapeError(f"Shapes {shapes.format_tf(known[axis : axis + len(hits)])} and {shapes.format_tf(hits)} are incompatible")
        # Reshaped even where the mask is a vector: so the gradient is dense, as in TensorFlow.
        flat = reshape(x, _merged_shape(x, axis, len(hits)))
        places = squeeze_op(where_op(reshape(mask, [-1])), axis=(1,))
        return gather_op(flat, places, axis=axis, name="GatherV2")


def _merged_shape(x: Any, axis: int, count: int) -> Any:
    """Return the shape of `x` with `count` axes from `axis` on made one."""
    known = x.tensor_type.shape
    if known is not None and known.count(None) == sum(d is None for d in known[axis : axis + count]):
        merged = -1 if None in known[axis : axis + count] else int(np.prod(known[axis : axis + count]))
        return np.array([*known[:axis], merged, *known[axis + count :]], np.int32)
    sizes = shape_op(x)
    return concat([sizes[:axis], np.array([-1], np.int32), sizes[axis + count :]], 0)
