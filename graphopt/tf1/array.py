"""TensorFlow 1's shapes, constants, slices, gathers and rearrangements: its names, argument orders and deprecated aliases."""
# Long because: one function for each public name, each a line or two.

from __future__ import annotations

import builtins
from typing import Any, NamedTuple

import numpy as np

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from graphopt.graph import variables
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.operation import Tensor
from graphopt.ops import array, broadcast, elementwise, indexing, layout, matrix, nd, padding, partition, picking, sequence
from graphopt.ops.composing import shape_operand
from graphopt.shapes import TensorShape, as_shape, broadcast_shapes
from graphopt.tf1.arguments import known, renamed

newaxis = None

# --- constants -------------------------------------------------------------------------------------------------------------------


def zeros(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """Return zeros (False, empty strings).

    Args:
      shape: ints, an integer vector or a TensorShape. dtype: element type. name: name of the operation.

    Example:
      >>> tf.Session().run(tf.zeros([2, 1])).tolist()
      [[0.0], [0.0]]
    """
    return _filled(shape, 0, dtypes.as_dtype(dtype), name or "zeros")


def ones(shape: Any, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """Return ones (True).

    Args:
      shape: ints, an integer vector or a TensorShape. dtype: element type. name: name of the operation.
    """
    return _filled(shape, 1, dtypes.as_dtype(dtype), name or "ones")


def _filled(shape: Any, value: int, dtype: DType, name: str) -> Tensor:
    if dtype is dtypes.string and value:
        raise DTypeError("tf.ones has no strings")
    return broadcast.fill(shape_operand(shape), np.array(b"" if dtype is dtypes.string else value, dtype.np), name=name)


def fill(dims: Any, value: Any, name: str | None = None) -> Tensor:
    """Return a tensor of one repeated value.

    Args:
      dims: its shape. value: a scalar. name: name of the operation.
    """
    return broadcast.fill(shape_operand(dims), value, name=name)


def zeros_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """Return zeros with the shape of `tensor` and, unless `dtype` is given, its element type.

    Args:
      tensor: any tensor. dtype: element type. name: name of the operation. optimize: without effect.
    """
    return _filled_like(tensor, 0, dtype, name or "zeros_like")


def ones_like(tensor: Any, dtype: Any = None, name: str | None = None, optimize: bool = True) -> Tensor:
    """Return ones with the shape of `tensor` and, unless `dtype` is given, its element type.

    Args:
      tensor: any tensor. dtype: element type. name: name of the operation. optimize: without effect.
    """
    return _filled_like(tensor, 1, dtype, name or "ones_like")


def _filled_like(tensor: Any, value: int, dtype: Any, name: str) -> Tensor:
    x = convert_to_tensor(tensor, name="tensor")
    wanted = x.dtype if dtype is None else dtypes.as_dtype(dtype)
    if wanted is x.dtype and wanted is not dtypes.string:
        return (elementwise.ones_as if value else elementwise.zeros_as)(x, name=name)
    return _filled(array.shape_of(x), value, wanted, name)


def one_hot(indices: Any, depth: Any, on_value: Any = None, off_value: Any = None, axis: int | None = None, dtype: Any = None,
            name: str | None = None) -> Tensor:  # fmt: skip
    """Return `on_value` where the new axis equals the index and `off_value` elsewhere.

    Args:
      indices: integers; one out of range gives `off_value` alone. depth: size of the new axis.
      on_value, off_value: scalars, 1 and 0 by default. axis: where the new axis stands, last by default.
      dtype: element type, that of the values or float32 by default. name: name of the operation.

    Raises:
      TypeError: when the element types of the values and `dtype` differ.

    Example:
      >>> tf.Session().run(tf.one_hot([1, 0], 2)).tolist()
      [[0.0, 1.0], [1.0, 0.0]]
    """
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    on: Any = None if on_value is None else convert_to_tensor(on_value, name="on_value", preferred_dtype=wanted)
    off: Any = None if off_value is None else convert_to_tensor(off_value, name="off_value", preferred_dtype=wanted)
    for value, what in ((on, "on_value"), (off, "off_value")):
        if value is not None and wanted is not None and value.dtype is not wanted:
            raise DTypeError(f"dtype {value.dtype} of {what} does not match dtype parameter {wanted}")
    if on is not None and off is not None and on.dtype is not off.dtype:
        raise DTypeError(f"dtype {on.dtype} of on_value does not match dtype {off.dtype} of off_value")
    element = wanted or next((v.dtype for v in (on, off) if v is not None), dtypes.float32)
    on = np.array(1, element.np) if on is None else on
    off = np.array(0, element.np) if off is None else off
    return indexing.one_hot_op(indices, depth, on, off, axis=-1 if axis is None else int(axis), name=name)


def eye(num_rows: Any, num_columns: Any = None, batch_shape: Any = None, dtype: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """Return a matrix, or a batch of them, with ones on the diagonal.

    Args:
      num_rows, num_columns: sizes (columns: as many as rows by default). batch_shape: sizes of the axes before.
      dtype: element type. name: scope of the operations.
    """
    return matrix.eye(num_rows, num_columns, batch_shape=batch_shape, dtype=dtype, name=name)


def range(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str = "range") -> Tensor:
    """Return numbers from `start` (0 when only one bound is given) up to `limit` without it.

    Args:
      start, limit, delta: numeric scalars. dtype: element type, the widest of theirs by default. name: name of the operation.

    Raises:
      ValueError: when delta is 0 or leads away from the limit.

    Example:
      >>> tf.Session().run(tf.range(2, 8, 3)).tolist()
      [2, 5]
    """
    return sequence.range_(start, limit, delta, dtype, name=name)


def linspace(start: Any, stop: Any, num: Any, name: str | None = None) -> Tensor:
    """Return `num` evenly spaced numbers from `start` to `stop`, both included."""
    return sequence.linspace_op(start, stop, num, name=name)


lin_space = linspace


def meshgrid(*args: Any, **kwargs: Any) -> list[Tensor]:
    """Return coordinate tensors of a grid, one for each vector.

    Args:
      args: vectors. indexing: "xy" (the default) or "ij". name: scope of the operations.

    Raises:
      TypeError: for another keyword. ValueError: for another indexing.
    """
    for word in kwargs:
        if word not in ("indexing", "name"):
            raise ArgumentTypeError(f"'{word}' is an invalid keyword argument for this function")
    return sequence.meshgrid(*args, **kwargs)


def sequence_mask(lengths: Any, maxlen: Any = None, dtype: Any = dtypes.bool_, name: str | None = None) -> Tensor:
    """Return a mask whose last axis is true up to each length.

    Args:
      lengths: integers. maxlen: size of the last axis, the longest length by default. dtype: element type. name: scope.
    """
    return sequence.sequence_mask(lengths, maxlen, dtype=dtype, name=name)


# --- shapes --------------------------------------------------------------------------------------------------------------------------


def shape(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """Return the shape as an integer vector."""
    return array.shape_op(input, dtype=dtypes.as_dtype(out_type), name=name)


def size(input: Any, name: str | None = None, out_type: Any = dtypes.int32) -> Tensor:
    """Return the number of elements."""
    return array.size_op(input, dtype=dtypes.as_dtype(out_type), name=name)


def rank(input: Any, name: str | None = None) -> Tensor:
    """Return the number of dimensions."""
    return array.rank(input, name=name)


def reshape(tensor: Any, shape: Any, name: str | None = None) -> Tensor:
    """Return the same elements in another shape.

    Args:
      tensor: any tensor. shape: ints, one of which may be -1, or an integer vector. name: name of the operation.

    Raises:
      ValueError: when the number of elements is known to differ (InvalidArgumentError when only the run knows).

    Example:
      >>> tf.Session().run(tf.reshape([1, 2, 3, 4], [2, -1])).tolist()
      [[1, 2], [3, 4]]
    """
    if isinstance(shape, TensorShape):
        shape = shape_operand(shape)
    return array.reshape(tensor, shape, name=name)


def expand_dims(input: Any, axis: Any = None, name: str | None = None, dim: Any = None) -> Tensor:
    """Return `input` with an axis of size 1 inserted.

    Args:
      input: any tensor. axis: where the axis stands. name: name of the operation. dim: former name of `axis`.

    Raises:
      ValueError: without an axis, or with both names of it.
    """
    at = renamed("axis", axis, "dim", dim)
    if at is None:
        raise ArgumentError("Must specify an axis argument to tf.expand_dims()")
    return array.expand_dims_op(input, axis=_one(known(at, "axis")), name=name)


def _one(axis: Any) -> int:
    return int(np.asarray(axis).reshape(()))


def squeeze(input: Any, axis: Any = None, name: str | None = None, squeeze_dims: Any = None) -> Tensor:
    """Return `input` without axes of size 1.

    Args:
      input: any tensor. axis: which ones, an int or a list; all by default. name: name of the operation.
      squeeze_dims: former name of `axis`.

    Raises:
      ValueError: when an axis is known to have another size.
    """
    at = renamed("axis", axis, "squeeze_dims", squeeze_dims)
    axes = () if at is None else tuple(int(a) for a in np.reshape(at, -1))
    return array.squeeze_op(input, axis=axes or None, name=name)


def broadcast_to(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """Return `input` repeated along axes of size 1 until it has the shape."""
    return broadcast.broadcast_to(input, shape_operand(shape), name=name)


def broadcast_static_shape(shape_x: Any, shape_y: Any) -> TensorShape:
    """Return the static shape of an elementwise result; ValueError when the shapes don't fit."""
    return TensorShape(broadcast_shapes(as_shape(shape_x).raw, as_shape(shape_y).raw))


def identity(input: Any, name: str | None = None) -> Tensor:
    """Return the operand as a new operation."""
    return array.identity(input, name=name)


def identity_n(input: Any, name: str | None = None) -> list[Tensor]:
    """Return the tensors of a list as results of one new operation."""
    results = layout.identity_n(*input, name=name)
    return builtins.list(results)


def stop_gradient(input: Any, name: str | None = None) -> Tensor:
    """Return the operand; no gradient flows through."""
    return array.stop_gradient(input, name=name)


# --- joining and splitting -----------------------------------------------------------------------------------------------------------


def concat(values: Any, axis: Any, name: str = "concat") -> Tensor:
    """Return tensors joined along an axis they have.

    Args:
      values: a list of tensors, or one tensor. axis: the axis. name: name of the operation.

    Raises:
      ValueError: when other axes differ.

    Example:
      >>> tf.Session().run(tf.concat([[1, 2], [3]], 0)).tolist()
      [1, 2, 3]
    """
    return array.concat(values, _one(known(axis, "axis")), name=name)


def stack(values: Any, axis: int = 0, name: str = "stack") -> Tensor:
    """Return tensors of one shape joined along a new axis.

    Args:
      values: a list of tensors. axis: where the new axis stands. name: name of the operation.

    Raises:
      ValueError: when the shapes differ, or the axis doesn't exist.

    Example:
      >>> tf.Session().run(tf.stack([1, 2])).tolist()
      [1, 2]
    """
    if axis == 0 and not _has_symbols(values):
        return convert_to_tensor(values, name=name)
    if hasattr(values, "builder"):
        values = unstack(values)
    return array.stack(values, axis=int(axis), name=name)


def _has_symbols(values: Any) -> bool:
    if isinstance(values, (list, tuple)):
        return any(_has_symbols(v) for v in values)
    return hasattr(values, "builder")


def unstack(value: Any, num: int | None = None, axis: int = 0, name: str = "unstack") -> list[Tensor]:
    """Return the slices along an axis, without that axis.

    Args:
      value: any tensor. num: how many there are, where the shape doesn't say. axis: an int. name: name of the operation.

    Raises:
      ValueError: when the number is not known, or differs from `num`.

    Example:
      >>> [t.shape.as_list() for t in tf.unstack(tf.zeros([2, 3]))]
      [[3], [3]]
    """
    x = convert_to_tensor(value)
    if num is None and x.tensor_type.shape is not None:
        known_rank = len(x.tensor_type.shape)
        if not -known_rank <= axis < known_rank:
            raise ArgumentError(f"axis = {axis} not in [{-known_rank}, {known_rank})")
        num = x.tensor_type.shape[axis]
    if num is None:
        raise ArgumentError(f"Cannot infer num from shape {x.shape}")
    return builtins.list(array.unstack_op(x, num=int(num), axis=int(axis), name=name))


def split(value: Any, num_or_size_splits: Any, axis: Any = 0, num: int | None = None, name: str = "split") -> list[Tensor]:
    """Return parts of `value` along an axis.

    Args:
      value: any tensor. num_or_size_splits: a number of equal parts, or a list of sizes (one may be -1).
      axis: the axis. num: without effect. name: name of the operation.

    Raises:
      ValueError: when the parts don't add up.

    Example:
      >>> [t.shape.as_list() for t in tf.split(tf.zeros([2, 6]), 3, axis=1)]
      [[2, 2], [2, 2], [2, 2]]
    """
    sizes, at = known(num_or_size_splits, "num_or_size_splits"), _one(known(axis, "axis"))
    if np.ndim(sizes) == 0:
        return builtins.list(layout.split_even(value, num=int(sizes), axis=at, name=name))
    if sum(int(s) == -1 for s in sizes) > 1:
        raise ShapeError("There can only be one -1 in the split sizes")
    return builtins.list(array.split_sizes(value, sizes=tuple(int(s) for s in sizes), axis=at, name=name))


# --- picking ---------------------------------------------------------------------------------------------------------------------------


def gather(
    params: Any, indices: Any, validate_indices: Any = None, name: str | None = None, axis: Any = None, batch_dims: int = 0
) -> Tensor:
    """Return the slices of `params` at indices along an axis.

    Args:
      params: a tensor of rank 1 or more. indices: integers. validate_indices: without effect. name: name of the operation.
      axis: the axis, `batch_dims` by default. batch_dims: how many first axes of both go together.

    Raises:
      InvalidArgumentError: at run time, for an index out of range.

    Example:
      >>> tf.Session().run(tf.gather([10, 20, 30], [2, 0])).tolist()
      [30, 10]
    """
    at = batch_dims if axis is None else _one(known(axis, "axis"))
    if batch_dims != 0:
        return picking.gather_batches(params, indices, axis=at, batch_dims=batch_dims, name=name)
    return indexing.gather(params, indices, axis=at, name=name or "GatherV2")


def gather_nd(params: Any, indices: Any, name: str | None = None, batch_dims: int = 0) -> Tensor:
    """Return the elements or slices that the index vectors in the last axis of `indices` name.

    Args:
      params: a tensor. indices: integers. name: name of the operation. batch_dims: how many first axes of both go together.

    Raises:
      InvalidArgumentError: at run time, for an index out of range.
    """
    return nd.gather_nd(params, indices, batch_dims=batch_dims, name=name)


def slice(input_: Any, begin: Any, size: Any, name: str | None = None) -> Tensor:
    """Return the part that begins at `begin` and is `size` large (-1: up to the end)."""
    return picking.slice_(input_, begin, size, name=name)


def strided_slice(input_: Any, begin: Any, end: Any, strides: Any = None, begin_mask: int = 0, end_mask: int = 0, ellipsis_mask: int = 0,
                  new_axis_mask: int = 0, shrink_axis_mask: int = 0, var: Any = None, name: str | None = None) -> Tensor:  # fmt: skip
    """Return a slice with begin, end and stride for each axis.

    Args:
      input_: any tensor. begin, end, strides: an integer for each axis (strides: 1 by default).
      begin_mask, end_mask: bits of axes that start at their beginning and run to their end.
      ellipsis_mask, new_axis_mask, shrink_axis_mask: bits of entries that stand for ``...``, a new axis, and one index.
      var: without effect. name: name of the operation.
    """
    if strides is None:
        strides = elementwise.ones_as(convert_to_tensor(begin)) if hasattr(begin, "builder") else np.ones(len(begin), np.int32)
    return indexing.strided_slice_op(input_, begin, end, strides, begin_mask=begin_mask, end_mask=end_mask, ellipsis_mask=ellipsis_mask,
                                     new_axis_mask=new_axis_mask, shrink_axis_mask=shrink_axis_mask,
                                     name=name or "StridedSlice")  # fmt: skip


def boolean_mask(tensor: Any, mask: Any, name: str = "boolean_mask", axis: Any = None) -> Tensor:
    """Return the elements or slices of `tensor` where `mask` is true.

    Args:
      tensor: any tensor. mask: bool, of known rank. name: scope of the operations. axis: where the mask starts, 0 by default.

    Raises:
      ValueError: when the mask is a scalar, or its shape doesn't fit.
    """
    return picking.boolean_mask(tensor, mask, axis=0 if axis is None else _one(known(axis, "axis")), name=name)


def scatter_nd(indices: Any, updates: Any, shape: Any, name: str | None = None) -> Tensor:
    """Return zeros of a shape with updates added where index vectors say."""
    return nd.scatter_nd(indices, updates, shape, name=name)


def scatter_nd_update(ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None) -> Tensor:
    """Replace elements or slices of a variable; return its new value."""
    return variables.scatter_nd_update(ref, indices, updates, name=name)


def scatter_nd_add(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Add to elements or slices of a variable; return its new value."""
    return variables.scatter_nd_add(ref, indices, updates, name=name)


def scatter_nd_sub(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Subtract from elements or slices of a variable; return its new value."""
    return variables.scatter_nd_sub(ref, indices, updates, name=name)


# --- rearranging -----------------------------------------------------------------------------------------------------------------------


def transpose(a: Any, perm: Any = None, name: str = "transpose", conjugate: bool = False) -> Tensor:
    """Return `a` with its axes permuted (reversed by default).

    Args:
      a: any tensor. perm: the axes in their new order. name: name of the operation. conjugate: without effect.

    Raises:
      ValueError: when `perm` is no permutation of the axes.
    """
    order = None if perm is None else tuple(int(p) for p in np.reshape(known(perm, "perm"), -1))
    return array.transpose_op(a, perm=order, name=name)


def tile(input: Any, multiples: Any, name: str | None = None) -> Tensor:
    """Return `input` repeated along each axis."""
    return layout.tile(input, multiples, name=name)


def pad(tensor: Any, paddings: Any, mode: str = "CONSTANT", name: str | None = None, constant_values: Any = 0) -> Tensor:
    """Return `tensor` with a border.

    Args:
      tensor: any tensor. paddings: for each axis how many elements come before and after.
      mode: "CONSTANT", "REFLECT" or "SYMMETRIC". name: name of the operation. constant_values: a scalar for "CONSTANT".

    Raises:
      ValueError: for an unknown mode, or paddings of the wrong shape.

    Example:
      >>> tf.Session().run(tf.pad([1, 2], [[1, 0]])).tolist()
      [0, 1, 2]
    """
    return padding.pad(tensor, paddings, mode=mode, constant_values=constant_values, name=name)


def reverse(tensor: Any, axis: Any, name: str | None = None) -> Tensor:
    """Return `tensor` with the order along the given axes reversed."""
    return layout.reverse_op(tensor, axis=tuple(int(a) for a in np.reshape(known(axis, "axis"), -1)), name=name)


reverse_v2 = reverse


def reverse_sequence(input: Any, seq_lengths: Any, seq_axis: int | None = None, batch_axis: int | None = None, name: str | None = None,
                     seq_dim: int | None = None, batch_dim: int | None = None) -> Tensor:  # fmt: skip
    """Return `input` with the first elements of each row reversed, as many as the row's length says.

    Args:
      input: any tensor. seq_lengths: a length for each batch element. seq_axis: the axis to reverse along.
      batch_axis: the axis of batch elements, 0 by default. name: name of the operation. seq_dim, batch_dim: former names.

    Raises:
      ValueError: when an axis is given under both names, or `seq_axis` under none.
    """
    along, batch = renamed("seq_axis", seq_axis, "seq_dim", seq_dim), renamed("batch_axis", batch_axis, "batch_dim", batch_dim)
    if along is None:
        raise ArgumentError("reverse_sequence needs a seq_axis")
    return layout.reverse_sequence_op(input, seq_lengths, seq_axis=int(along), batch_axis=int(batch or 0), name=name)


def roll(input: Any, shift: Any, axis: Any, name: str | None = None) -> Tensor:
    """Return `input` with elements moved along axes; what leaves at one end comes back at the other."""
    return layout.roll_op(input, shift, axis=tuple(int(a) for a in np.reshape(known(axis, "axis"), -1)), name=name)


def space_to_depth(input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC") -> Tensor:
    """Return blocks of height and width moved into the channels.

    Args:
      input: images. block_size: side of a block. name: name of the operation. data_format: "NHWC" or "NCHW".
    """
    return _with_channels_last(layout.space_to_depth_op, input, block_size, name, data_format)


def depth_to_space(input: Any, block_size: int, name: str | None = None, data_format: str = "NHWC") -> Tensor:
    """Return parts of the channels moved into blocks of height and width. Arguments as for `space_to_depth`."""
    return _with_channels_last(layout.depth_to_space_op, input, block_size, name, data_format)


def _with_channels_last(op: Any, x: Any, block_size: int, name: str | None, data_format: str) -> Tensor:
    if data_format == "NHWC":
        return op(x, block_size=int(block_size), name=name)
    if data_format != "NCHW":
        raise ArgumentError(f"data_format must be NHWC or NCHW, got {data_format!r}")
    moved = op(array.transpose_op(x, perm=(0, 2, 3, 1)), block_size=int(block_size))
    return array.transpose_op(moved, perm=(0, 3, 1, 2), name=name or op.tf_name)


def bitcast(input: Any, type: Any, name: str | None = None) -> Tensor:
    """Return the same bits read as another element type."""
    return layout.bitcast_op(input, dtype=dtypes.as_dtype(type), name=name)


# --- sorting, dividing, distinct elements ------------------------------------------------------------------------------------------------


def sort(values: Any, axis: int = -1, direction: str = "ASCENDING", name: str | None = None) -> Tensor:
    """Return the elements sorted along an axis.

    Args:
      values: numbers. axis: an int. direction: "ASCENDING" or "DESCENDING". name: name of the operation.

    Raises:
      ValueError: for another direction.
    """
    return partition.sort(values, axis=axis, direction=direction, name=name)


def argsort(values: Any, axis: int = -1, direction: str = "ASCENDING", stable: bool = False, name: str | None = None) -> Tensor:
    """Return the places of the elements in sorted order; equal ones always keep theirs.

    Args:
      values: numbers. axis: an int. direction: "ASCENDING" or "DESCENDING". stable: without effect. name: name of the operation.

    Raises:
      ValueError: for another direction.
    """
    return partition.argsort(values, axis=axis, direction=direction, name=name)


def searchsorted(sorted_sequence: Any, values: Any, side: str = "left", out_type: Any = dtypes.int32, name: str | None = None) -> Tensor:
    """Return where values would have to stand in sorted rows.

    Args:
      sorted_sequence: sorted along its last axis. values: numbers. side: "left" or "right" of equal ones.
      out_type: int32 or int64. name: name of the operation.

    Raises:
      ValueError: for another side.
    """
    if side not in ("left", "right"):
        raise ArgumentError(f"side must be either 'right' or 'left'.  Saw: {side}.")
    return partition.searchsorted_op(sorted_sequence, values, side=side, dtype=dtypes.as_dtype(out_type), name=name)


class Unique(NamedTuple):
    """What `unique` gives: distinct elements, and for each element its number among them."""

    y: Tensor
    idx: Tensor


class UniqueWithCounts(NamedTuple):
    """What `unique_with_counts` gives: as `Unique`, and how often each distinct element comes."""

    y: Tensor
    idx: Tensor
    count: Tensor  # type: ignore[assignment]


def unique(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> Unique:
    """Return the distinct elements of a vector in order of first appearance, and for each element its number among them."""
    return Unique(*partition.unique_op(x, dtype=dtypes.as_dtype(out_idx), name=name))


def unique_with_counts(x: Any, out_idx: Any = dtypes.int32, name: str | None = None) -> UniqueWithCounts:
    """Return what `unique` does, and how often each distinct element comes."""
    return UniqueWithCounts(*partition.unique_with_counts_op(x, dtype=dtypes.as_dtype(out_idx), name=name))


def dynamic_partition(data: Any, partitions: Any, num_partitions: int, name: str | None = None) -> list[Tensor]:
    """Return elements divided among several tensors by their partition number.

    Args:
      data: any tensor. partitions: int32. num_partitions: how many tensors. name: name of the operation.

    Raises:
      InvalidArgumentError: at run time, for a partition number out of range.
    """
    return partition.dynamic_partition(data, partitions, num_partitions, name=name)


def dynamic_stitch(indices: Any, data: Any, name: str | None = None) -> Tensor:
    """Return one tensor with each of `data` at the places its `indices` say; of repeated places the last holds."""
    return partition.dynamic_stitch(indices, data, name=name)
