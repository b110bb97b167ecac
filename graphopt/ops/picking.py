"""Picking and placing elements by index: slice, gather with batches, where, masks."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.errors import ArgumentError, ShapeError, invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.samples import case, values
from graphopt.ir.types import StaticOperand, TensorType
from graphopt.ops.array import ARRAY, concat, reshape, shape_op, squeeze_op
from graphopt.ops.checks import check_indices
from graphopt.ops.composing import scope, shape_operand, symbolic_dtype, to_symbol
from graphopt.ops.elementwise import select
from graphopt.ops.indexing import gather_op
from graphopt.ops.padding import place_op
from graphopt.ops.reduce import reduce_prod

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
    infer=_slice_type, kernel=_slice_kernel, vjp=(lambda g, out, x, begin, size: place_op(g, x, begin), None, None), fallible=True,
    view_of="x", linear_in=("x",),
    tf_name="Slice", samples=[case("f64[4,3]", values([1, 0], "i32"), values([2, -1], "i32")),
                              case("f32[3]", values([3], "i64"), values([0], "i64"))],
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
    infer=_batch_gather_type, kernel=_batch_gather_kernel,
    vjp=(lambda g, out, params, indices, **at: batch_gather_gradient(g, params, indices, **at), None),
    fallible=True, linear_in=("params",), tf_name="GatherV2",
    samples=[case("f32[1,2]", values([[2]], "i32"), axis=1, batch_dims=1, error="indices[0,0] = 2 is not in [0, 2)"),
             case("f64[2,3,2]", values([[0, 2], [1, 1]], "i32"), axis=1, batch_dims=1),
             case("f64[2,3,4]", values([[0, 2], [1, 1]], "i64"), axis=2, batch_dims=1)],
    doc="Return slices along an axis, each batch element with its own indices.", ref=f"{ARRAY}/gather",
)  # fmt: skip

batch_gather_gradient: OpDef = define_op(
    "batch_gather_gradient(g: num, params: any, indices: index; axis, batch_dims)",
    infer=lambda g, params, indices, axis, batch_dims: TensorType(g.dtype, params.shape), kernel=_batch_scatter_kernel,
    vjp=(lambda h, out, g, params, indices, **at: batch_gather_op(h, indices, **at), None, None), linear_in=("g",), tf_name="GatherGrad",
    samples=[case("f64[2,2,2]", "f64[2,3,2]", values([[0, 2], [1, 1]], "i32"), axis=1, batch_dims=1)],
    doc="Add up the gradients of slices gathered with batch axes.",
)  # fmt: skip


def gather_batches(params: Any, indices: Any, *, axis: int, batch_dims: int, name: str | None = None) -> Any:
    """Return the slices of `params` along `axis`; the first `batch_dims` axes of params and indices go together.

    Args:
      params: a tensor of known rank. indices: integers in [0,
                                                            params.shape[axis]). axis: at least `batch_dims`. name: name of the operation.

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
    infer=lambda x, indices, axis: TensorType(x.dtype, indices.shape),
    kernel=lambda xp, x, indices, axis: xp.take_along_axis(x, indices, axis),
    vjp=(lambda g, out, x, indices, axis: take_along_gradient(g, x, indices, axis=axis), None), linear_in=("x",), tf_name="TakeAlong",
    samples=[case("f64[2,3]", values([[0, 2, 2], [1, 0, 1]], "i32")), case("f64[3]", values([2, 0], "i64"))],
    doc="Return for each index the element at that place along an axis.",
    ref="https://numpy.org/doc/stable/reference/generated/numpy.take_along_axis.html",
)  # fmt: skip

take_along_gradient: OpDef = define_op(
    "take_along_gradient(g: num, x: any, indices: index; axis = -1)",
    infer=lambda g, x, indices, axis: TensorType(g.dtype, x.shape), kernel=_along_scatter_kernel,
    vjp=(lambda h, out, g, x, indices, axis: take_along(h, indices, axis=axis), None, None), linear_in=("g",), tf_name="TakeAlongGrad",
    samples=[case("f64[2,3]", "f64[2,3]", values([[0, 2, 2], [1, 0, 1]], "i32"))],
    doc="Add up the gradients of elements taken along an axis.",
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


# --- where and masks -------------------------------------------------------------------------------------------------------------

where_op = define_op(
    "where(condition: any)",
    infer=lambda condition: TensorType(dtypes.int64, (None, condition.rank)), kernel=lambda xp, condition: np.argwhere(condition),
    host_only=True, vjp=NOT_DIFFERENTIABLE,
    tf_name="Where", samples=[case("bool[3,4]"), case(values([0.0, 2.0, 0.0, -1.0])), case(values(True, "bool"))],
    doc="Return the places of true (or not zero) elements, one row each, in order.", ref=f"{ARRAY}/where",
)  # fmt: skip


def _same_shape_kernel(xp: Any, x: Any, y: Any) -> Any:
    if np.shape(x) != np.shape(y):
        raise invalid_argument(f"Inputs to where must have the same shape: {list(np.shape(x))} vs. {list(np.shape(y))}")
    return x


shaped_like = define_op(
    "shaped_like(x: any, y: each)",
    infer=lambda x, y: TensorType(x.dtype, shapes.merge_shapes(x.shape, y.shape)),
    kernel=_same_shape_kernel,
    # With static shapes inference has compared them.
    expand=lambda x, y: x,
    vjp=(lambda g, out, x, y: g, None),
    fallible=lambda x, y: not (x.is_static and y.is_static),
    view_of="x",
    linear_in=("x",),
    tf_name="ShapedLike",
    samples=[case("f64[2,3]", "i32[2,3]"), case("f32[]", "f32[]")],
    doc="Return x; raise unless it has the shape of y.",
)


def _of_same_shape(x: Any, y: Any) -> Any:
    both_known = x.tensor_type.is_static and y.tensor_type.is_static
    return x if both_known else shaped_like(x, y)


def choose(condition: Any, x: Any, y: Any, name: str | None = None) -> Any:
    """Return elements of `x` where the condition holds, of `y` elsewhere.

    Args:
      condition: bool, of the shape of x and y, or a scalar, or a vector that chooses whole rows.
      x, y: tensors of one type and shape. name: name of the operation.

    Raises:
      ValueError: when the shapes don't fit (there is no broadcasting).
    """
    condition, x = to_symbol(condition, dtypes.bool_, None, x, y), to_symbol(x, symbolic_dtype(y), None, condition, y)
    y = to_symbol(y, x.dtype, None, condition, x)
    shape, rank = shapes.merge_shapes(x.tensor_type.shape, y.tensor_type.shape), condition.tensor_type.rank
    if shape is not None and rank == 1 and len(shape) > 1:
        shapes.merge_shapes(condition.tensor_type.shape, shape[:1])
        condition = reshape(condition, [-1] + [1] * (len(shape) - 1))
    elif rank != 0:
        shapes.merge_shapes(condition.tensor_type.shape, shape)
        condition = _of_same_shape(condition, x) if rank is not None else condition
    return select(condition, x, _of_same_shape(y, x), name=name)


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
                "Number of mask dimensions must be specified, even if some dimensions are None.  "
                "E.g. shape=[None] is ok, but shape=None is not."
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
    rest = None if known is None else (*known[:axis], *known[axis + count :])
    if known is not None and rest is not None and None not in rest and 0 not in rest:
        merged = -1 if None in known[axis : axis + count] else int(np.prod(known[axis : axis + count]))
        return np.array([*known[:axis], merged, *known[axis + count :]], np.int32)
    # Not -1: beside an axis of size 0 it would say nothing.
    sizes = shape_op(x)
    return concat([sizes[:axis], reduce_prod(sizes[axis : axis + count], axis=[0], keepdims=True), sizes[axis + count :]], 0)
