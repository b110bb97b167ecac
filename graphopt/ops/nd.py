"""Index vectors: gather_nd, scatter_nd, and writing elements of variables."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import shapes
from graphopt.errors import ArgumentError, ShapeError, invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.rules import shape_from
from graphopt.ir.samples import case, values
from graphopt.ir.types import StaticOperand, TensorType
from graphopt.ops.array import ARRAY, concat, reshape, shape_of, shape_op, squeeze_op
from graphopt.ops.broadcast import broadcast_to
from graphopt.ops.composing import scope, shape_operand, to_symbol
from graphopt.ops.elementwise import cast
from graphopt.ops.sequence import range_

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
        raise invalid_argument(f"indices[{where}] = {rows[bad].tolist()} does not index into {what}shape {list(shape)}")
    return tuple([indices[..., i] for i in range(depth)])


def _gather_nd_kernel(xp: Any, params: Any, indices: Any) -> Any:
    index = to_nd_index(indices, np.shape(params), "param ")
    return params[index] if index else xp.array(xp.broadcast_to(params, np.shape(indices)[:-1] + np.shape(params)))


def _gather_nd_rows(g: Any, out: Any, params: Any, indices: Any) -> Any:
    shape, own = params.tensor_type.shape, indices.tensor_type.shape
    if shape is None or None in shape[1:] or own is None or len(own) != 2 or own[1] != 1:
        return None
    return g, squeeze_op(indices, axis=(-1,)), shape_of(params)


gather_nd_op = define_op(
    "gather_nd(params: any, indices: index)",
    infer=_gather_nd_type, kernel=_gather_nd_kernel,
    vjp=(lambda g, out, params, indices: scatter_nd_op(indices, g, shape_of(params)), None), sparse_vjp=_gather_nd_rows,
    fallible=True, linear_in=("params",), tf_name="GatherNd",
    samples=[case("f32[2]", values([[5]], "i32"), error="indices[0] = [5] does not index into param shape [2]"),
             case("f64[4,3]", values([[0, 1], [3, 2], [0, 1]], "i32")), case("f64[3,2]", values([[[0], [1]], [[2], [2]]], "i64")),
             case("f32[2]", values([1], "i32"))],
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


scatter_nd_op: OpDef = define_op(
    "scatter_nd(indices: index, updates: num, shape: static index)",
    infer=_scatter_nd_type, kernel=_scatter_nd_kernel, vjp=(None, lambda g, out, indices, updates, shape: gather_nd_op(g, indices), None),
    fallible=True, linear_in=("updates",), tf_name="ScatterNd",
    samples=[case(values([[5]], "i32"), "f32[1]", values([2], "i32"), error="indices[0] = [5] does not index into shape [2]"),
             case(values([[1], [3], [1]], "i32"), "f64[3,2]", values([4, 2], "i32")),
             case(values([[0, 1], [2, 0]], "i64"), "f64[2]", values([3, 2], "i64"))],
    doc="Return zeros of a shape with updates added where index vectors say.", ref=f"{ARRAY}/scatter_nd",
)  # fmt: skip


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

    return define_op(f"{name}(x: any, indices: index, updates: same(x))", infer=_written_type, kernel=kernel, vjp=NOT_DIFFERENTIABLE,
                     fallible=True, overwrites="x",
                     tf_name=f"Pure{name.title().replace('_', '')}", samples=[case("f32[5,2]", values([[1], [4], [1]], "i32"), "f32[3,2]"),
                                                                                 case("f64[4]", values([[[1], [1]]], "i64"), "f64[1,2]")],
                                                                                 doc=doc)  # fmt: skip


nd_update = _nd_write(
    "nd_update", None, "Return x with the elements or slices that index vectors name replaced; of repeated ones the last holds."
)
nd_add = _nd_write("nd_add", "add", "Return x with updates added where index vectors say; repeated ones add up.")
nd_subtract = _nd_write("nd_subtract", "subtract", "Return x with updates subtracted where index vectors say; repeated ones add up.")


def _nd_variable(name: str, tf_name: str, pure: OpDef, doc: str) -> OpDef:
    return define_op(f"{name}(ref: ref, indices: index, updates: same(ref))", infer=_written_type, vjp=NOT_DIFFERENTIABLE, tf_name=tf_name,
                     doc=doc,
                     discharge=lambda ctx, ref, indices, updates: ctx.set(ref, pure(ctx.get(ref), indices, updates)),
                     ref=f"{ARRAY}/{name}")  # fmt: skip


scatter_nd_update = _nd_variable("scatter_nd_update", "ScatterNdUpdate", nd_update, "Replace elements or slices of a variable.")
scatter_nd_add = _nd_variable("scatter_nd_add", "ScatterNdAdd", nd_add, "Add to elements or slices of a variable.")
scatter_nd_sub = _nd_variable("scatter_nd_sub", "ScatterNdSub", nd_subtract, "Subtract from elements or slices of a variable.")
