"""Elements moved around: tile, reverse, roll, blocks of space and depth, bits as another type."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, ShapeError, invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.samples import case, values
from graphopt.ir.types import StaticOperand, TensorType
from graphopt.ops.array import ARRAY, concat
from graphopt.ops.elementwise import negative, zeros_as

# --- tile ------------------------------------------------------------------------------------------------------------------


def _tile_type(x: TensorType, multiples: StaticOperand) -> TensorType:
    count = multiples.type.shape[0] if multiples.type.shape else None
    if x.shape is None:
        return TensorType(x.dtype, None if count is None else (None,) * count)
    if count is not None and count != len(x.shape):
        raise ShapeError(f"Shape must be rank {count} but is rank {len(x.shape)}")
    if multiples.value is None:
        return TensorType(x.dtype, (None,) * len(x.shape))
    if any(m is not None and m < 0 for m in multiples.value):
        raise ShapeError(f"Expected multiples >= 0, but got {list(multiples.value)}")
    return TensorType(x.dtype, tuple([None if d is None or m is None else d * m for d, m in zip(x.shape, multiples.value, strict=True)]))


def _tile_kernel(xp: Any, x: Any, multiples: Any) -> Any:
    counts = np.asarray(multiples).tolist()
    if len(counts) != np.ndim(x):
        raise invalid_argument(f"Expected multiples argument to be a vector of length {np.ndim(x)} but got length {len(counts)}")
    return xp.tile(x, counts)


def _tile_gradient_kernel(xp: Any, g: Any, x: Any, multiples: Any) -> Any:
    sizes = [size for pair in zip(np.asarray(multiples).tolist(), np.shape(x), strict=True) for size in pair]
    return xp.sum(xp.reshape(g, sizes), axis=tuple(range(0, len(sizes), 2)), dtype=g.dtype) if sizes else g


tile_gradient = define_op(
    "tile_gradient(g: num, x: any, multiples: index)",
    infer=lambda g, x, multiples: TensorType(g.dtype, x.shape), kernel=_tile_gradient_kernel,
    vjp=(lambda h, out, g, x, multiples: tile_op(h, multiples), None, None), view_of="g", linear_in=("g",), tf_name="TileGrad",
    samples=[case("f64[4,9]", "f64[2,3]", values([2, 3], "i32")), case("f64[0]", "f64[2]", values([0], "i32"))],
    doc="Add up the repetitions of a tile, into the shape of x.",
)  # fmt: skip

tile_op: OpDef = define_op(
    "tile(x: any, multiples: static index)",
    infer=_tile_type, kernel=_tile_kernel, vjp=(lambda g, out, x, multiples: tile_gradient(g, x, multiples), None),
    fallible=lambda x, multiples: x.shape is None,
    linear_in=("x",), tf_name="Tile", public_name="tile",
    samples=[case("f64[2,3]", values([2, 3], "i32")), case("f32[3]", values([0], "i64")), case("f32[]", values(np.zeros(0), "i32"))],
    doc="Repeat along each axis.", ref=f"{ARRAY}/tile",
)  # fmt: skip


def tile(x: Any, multiples: Any, name: str | None = None) -> Any:
    """Return `x` repeated `multiples[i]` times along each axis i.

    Args:
      x: any tensor. multiples: an integer for each axis. name: name of the operation.
    """
    if isinstance(multiples, (list, tuple)) and not multiples:
        multiples = np.zeros(0, np.int32)
    return tile_op(x, multiples, name=name)


# --- reverse and roll ----------------------------------------------------------------------------------------------------------


def _reverse_type(x: TensorType, axis: tuple[int, ...]) -> TensorType:
    if x.shape is not None:
        places = [shapes.normalize_axis(a, len(x.shape)) for a in axis]
        if len(set(places)) < len(places):
            raise ShapeError(f"axis {list(axis)} names an axis more than once")
    return x


reverse_op: OpDef = define_op(
    "reverse(x: any; axis)",
    infer=_reverse_type, kernel=lambda xp, x, axis: xp.flip(x, axis) if axis else x, vjp=lambda g, out, x, axis: reverse_op(g, axis=axis),
    view_of="x", linear_in=("x",),
    tf_name="ReverseV2", samples=[case("f64[2,3]", axis=(0,)), case("f32[2,3,4]", axis=(-1, 1)), case("i32[3]", axis=())],
    doc="Reverse the order along axes.", ref=f"{ARRAY}/reverse",
)  # fmt: skip


def _reverse_sequence_type(x: TensorType, seq_lengths: TensorType, seq_axis: int, batch_axis: int) -> TensorType:
    if x.shape is None:
        return x
    seq, batch = shapes.normalize_axis(seq_axis, len(x.shape), "seq_dim"), shapes.normalize_axis(batch_axis, len(x.shape), "batch_dim")
    if seq == batch:
        raise ShapeError(f"batch_dim == seq_dim == {seq}")
    rows = None if seq_lengths.shape is None else shapes.merge_shapes((x.shape[batch],), seq_lengths.shape)
    return TensorType(x.dtype, x.shape[:batch] + rows + x.shape[batch + 1 :] if rows is not None else x.shape)


def _reverse_sequence_kernel(xp: Any, x: Any, seq_lengths: Any, seq_axis: int, batch_axis: int) -> Any:
    size, batch = np.shape(x)[seq_axis], np.shape(x)[batch_axis]
    if np.size(seq_lengths) != batch:
        raise invalid_argument(f"Length of seq_lengths != input.dims({batch_axis}), ({np.size(seq_lengths)} vs. {batch})")
    if np.any(seq_lengths < 0) or np.any(seq_lengths > size):
        raise invalid_argument(f"seq_lens out of range: every length must be in [0, {size}]")
    place = xp.arange(size)[None, :]
    lengths = xp.reshape(seq_lengths, (-1, 1))
    index = xp.where(place < lengths, lengths - 1 - place, place)
    seq, lead = seq_axis % np.ndim(x), batch_axis % np.ndim(x)
    if seq < lead:
        index = index.T
    return xp.take_along_axis(x, xp.reshape(index, [d if i in (seq, lead) else 1 for i, d in enumerate(np.shape(x))]), seq)


reverse_sequence_op: OpDef = define_op(
    "reverse_sequence(x: any, seq_lengths: index; seq_axis, batch_axis = 0)",
    infer=_reverse_sequence_type, kernel=_reverse_sequence_kernel,
    vjp=lambda g, out, x, seq_lengths, **axes: (reverse_sequence_op(g, seq_lengths, **axes), None), fallible=True, linear_in=("x",),
    tf_name="ReverseSequence",
    samples=[case("f32[1,2]", values([3], "i32"), seq_axis=1, error="seq_lens out of range"),
             case("f64[2,3,4]", values([2, 3], "i32"), seq_axis=1), case("f64[3,2]", values([1, 3], "i64"), seq_axis=0, batch_axis=1)],
    doc="Reverse the first elements of each row: as many as the row's length says.", ref=f"{ARRAY}/reverse_sequence",
)  # fmt: skip


def _roll_kernel(xp: Any, x: Any, shift: Any, axis: tuple[int, ...]) -> Any:
    return xp.roll(x, tuple(np.asarray(shift).reshape(-1).tolist()), axis)


roll_op: OpDef = define_op(
    "roll(x: any, shift: index; axis)",
    infer=lambda x, shift, axis: x, kernel=_roll_kernel, vjp=lambda g, out, x, shift, axis: (roll_op(g, negative(shift), axis=axis), None),
    linear_in=("x",), tf_name="Roll",
    samples=[case("f64[4,2]", values(1, "i32"), axis=(0,)), case("f32[3,4]", values([1, -2], "i32"), axis=(0, 1))],
    doc="Move elements along axes; what leaves at one end comes back at the other.", ref=f"{ARRAY}/roll",
)  # fmt: skip

# --- space and depth -----------------------------------------------------------------------------------------------------------


def _depth_type(x: TensorType, block_size: int) -> TensorType:
    if x.shape is None:
        return TensorType(x.dtype, (None,) * 4)
    batch, height, width, depth = _four(x.shape)
    for size in (height, width):
        if size is not None and size % block_size:
            raise ShapeError(f"Dimension size must be evenly divisible by {block_size} but is {size}")
    return TensorType(
        x.dtype, (batch, _over(height, block_size), _over(width, block_size), None if depth is None else depth * block_size**2)
    )


def _space_type(x: TensorType, block_size: int) -> TensorType:
    if x.shape is None:
        return TensorType(x.dtype, (None,) * 4)
    batch, height, width, depth = _four(x.shape)
    if depth is not None and depth % block_size**2:
        raise ShapeError(f"Dimension size must be evenly divisible by {block_size**2} but is {depth}")
    return TensorType(x.dtype, (batch, *[None if d is None else d * block_size for d in (height, width)], _over(depth, block_size**2)))


def _four(shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
    if len(shape) != 4:
        raise ShapeError(f"Shape must be rank 4 but is rank {len(shape)}")
    return shape


def _over(size: int | None, factor: int) -> int | None:
    return None if size is None else size // factor


def _space_to_depth(xp: Any, x: Any, block_size: int) -> Any:
    n, h, w, c = np.shape(x)
    if h % block_size or w % block_size:
        raise invalid_argument(f"Image height {h} and width {w} should be divisible by block_size: {block_size}")
    split = xp.reshape(x, (n, h // block_size, block_size, w // block_size, block_size, c))
    return xp.reshape(xp.transpose(split, (0, 1, 3, 2, 4, 5)), (n, h // block_size, w // block_size, c * block_size**2))


def _depth_to_space(xp: Any, x: Any, block_size: int) -> Any:
    n, h, w, c = np.shape(x)
    if c % block_size**2:
        raise invalid_argument(f"Input depth dimension {c} should be divisible by: {block_size**2}")
    split = xp.reshape(x, (n, h, w, block_size, block_size, c // block_size**2))
    return xp.reshape(xp.transpose(split, (0, 1, 3, 2, 4, 5)), (n, h * block_size, w * block_size, c // block_size**2))


space_to_depth_op = define_op(
    "space_to_depth(x: any; block_size)",
    infer=_depth_type, kernel=_space_to_depth, vjp=lambda g, out, x, block_size: depth_to_space_op(g, block_size=block_size), view_of="x",
    linear_in=("x",),
    fallible=lambda x, block_size: not x.is_static, tf_name="SpaceToDepth", samples=[case("f64[1,4,6,2]", block_size=2)],
    doc="Move blocks of height and width into the last axis.", ref=f"{ARRAY}/space_to_depth",
)  # fmt: skip

depth_to_space_op: OpDef = define_op(
    "depth_to_space(x: any; block_size)",
    infer=_space_type, kernel=_depth_to_space, vjp=lambda g, out, x, block_size: space_to_depth_op(g, block_size=block_size), view_of="x",
    linear_in=("x",),
    fallible=lambda x, block_size: not x.is_static, tf_name="DepthToSpace", samples=[case("f64[1,2,3,8]", block_size=2)],
    doc="Move parts of the last axis into blocks of height and width.", ref=f"{ARRAY}/depth_to_space",
)  # fmt: skip

# --- even parts ----------------------------------------------------------------------------------------------------------------


def _even_type(x: TensorType, num: int, axis: int) -> tuple[TensorType, ...]:
    if num < 1:
        raise ArgumentError(f"Number of ways to split should be > 0, but got {num}")
    if x.shape is None:
        return (x,) * num
    at = shapes.normalize_axis(axis, len(x.shape), "split_dim")
    size = x.shape[at]
    if size is not None and size % num:
        raise ShapeError(f"Dimension size must be evenly divisible by {num} but is {size}")
    return (TensorType(x.dtype, (*x.shape[:at], _over(size, num), *x.shape[at + 1 :])),) * num


def _even_kernel(xp: Any, x: Any, num: int, axis: int) -> Any:
    size = np.shape(x)[axis]
    if size % num:
        message = "Number of ways to split should evenly divide the split dimension"
        raise invalid_argument(f"{message}, but got split_dim {axis} (size = {size}) and num_split {num}")
    return tuple(xp.split(x, num, axis))


split_even = define_op(
    "split_even(x: any; num, axis = 0) -> many()",
    infer=_even_type, kernel=_even_kernel,
    vjp=lambda g, out, x, num, axis: concat([zeros_as(o) if d is None else d for d, o in zip(g, out, strict=True)], axis),
    fallible=lambda x, num, axis: not x.is_static, view_of="x", tf_name="Split", default_name="split", public_name="split",
    samples=[case("f64[2,6]", num=2, axis=1), case("f32[3]", num=3), case("f64[2,2]", num=1, axis=-1)],
    doc="Split along an axis into equal parts.", ref=f"{ARRAY}/split",
)  # fmt: skip

# --- several at once -----------------------------------------------------------------------------------------------------------

# The results are copies: memory that several results share with several operands is more than `view_of` can say.
identity_n = define_op(
    "identity_n(*xs: each) -> many()",
    infer=lambda *xs: tuple(xs), kernel=lambda xp, *xs: tuple([xp.array(x) for x in xs]), vjp=lambda g, out, *xs: tuple(g),
    tf_name="IdentityN",
    samples=[case("f64[2,3]", "i32[3]"), case("f32[]")], doc="Return the operands.", ref=f"{ARRAY}/identity_n",
)  # fmt: skip

# --- bits ------------------------------------------------------------------------------------------------------------------------


def _bitcast_type(x: TensorType, dtype: DType) -> TensorType:
    if x.dtype is dtypes.string or dtype is dtypes.string or dtypes.bool_ in (x.dtype, dtype):
        raise ShapeError(f"Cannot bitcast from {x.dtype.name} to {dtype.name}")
    if x.shape is None or x.dtype.size == dtype.size:
        return TensorType(dtype, x.shape)
    if x.dtype.size > dtype.size:
        return TensorType(dtype, (*x.shape, x.dtype.size // dtype.size))
    ratio = dtype.size // x.dtype.size
    if not x.shape or x.shape[-1] not in (ratio, None):
        raise ShapeError(f"Cannot bitcast due to shape: the last dimension must be {ratio} to go from {x.dtype.name} to {dtype.name}")
    return TensorType(dtype, x.shape[:-1])


def _bitcast_kernel(xp: Any, x: Any, dtype: DType) -> Any:
    if x.dtype.itemsize == dtype.size:
        return x.view(dtype.np)
    if x.dtype.itemsize > dtype.size:
        return xp.reshape(x, (*np.shape(x), 1)).view(dtype.np)
    return xp.ascontiguousarray(x).view(dtype.np)[..., 0]


bitcast_op = define_op(
    "bitcast(x: any; dtype)",
    infer=_bitcast_type, kernel=_bitcast_kernel, vjp=NOT_DIFFERENTIABLE, view_of="x", fallible=lambda x, dtype: not x.is_static,
    tf_name="Bitcast",
    samples=[case("f32[3]", dtype=dtypes.int32), case("f64[2]", dtype=dtypes.uint8), case("i16[3,2]", dtype=dtypes.float32)],
    doc="Read the same bits as another element type.", ref=f"{ARRAY}/bitcast",
)  # fmt: skip
