"""Shapes and layout: reshape, transpose, stack, concat, slices, fills."""
# Long because: one block per op; helpers of one op stand beside it.

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.errors import ArgumentError, ShapeError, invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.rules import shape_from
from graphopt.ir.samples import case, values
from graphopt.ir.types import StaticOperand, TensorType
from graphopt.ops.elementwise import zeros_as
from graphopt.shapes import Shape

ARRAY = "https://www.tensorflow.org/versions/r1.15/api_docs/python/tf"

# --- facts about shapes --------------------------------------------------------------------------------------------------

shape_op = define_op(
    "shape(x: any; dtype = None) ->",
    infer=lambda x, dtype: TensorType(dtype or dtypes.int32, (x.rank,)),
    kernel=lambda xp, x, dtype: np.array(np.shape(x), (dtype or dtypes.int32).np),
    value_from_types=lambda x, dtype: np.array(x.shape, (dtype or dtypes.int32).np) if x.is_static else None,
    vjp=NOT_DIFFERENTIABLE, tf_name="Shape", samples=[case("f32[2,3]"), case("f32[]", dtype=dtypes.int64)],
    doc="Return the shape as a vector.", ref=f"{ARRAY}/shape",
)  # fmt: skip

size_op = define_op(
    "size(x: any; dtype = None) ->",
    infer=lambda x, dtype: TensorType(dtype or dtypes.int32, ()),
    kernel=lambda xp, x, dtype: (dtype or dtypes.int32).np_type(np.size(x)),
    value_from_types=lambda x, dtype: np.array(shapes.num_elements(x.shape), (dtype or dtypes.int32).np) if x.is_static else None,
    vjp=NOT_DIFFERENTIABLE, tf_name="Size", samples=[case("f32[2,3]"), case("f32[]")],
    doc="Return the number of elements.", ref=f"{ARRAY}/size",
)  # fmt: skip

rank = define_op(
    "rank(x: any) ->",
    infer=lambda x: TensorType(dtypes.int32, ()),
    kernel=lambda xp, x: np.int32(np.ndim(x)),
    value_from_types=lambda x: None if x.shape is None else np.array(len(x.shape), np.int32),
    vjp=NOT_DIFFERENTIABLE, tf_name="Rank", samples=[case("f32[2,3]"), case("f32[]")],
    doc="Return the number of dimensions.", ref=f"{ARRAY}/rank",
)  # fmt: skip

# --- the same elements in another shape --------------------------------------------------------------------------------


def _reshape_type(x: TensorType, shape: StaticOperand) -> TensorType:
    value = shape.value
    if value is None:
        return TensorType(x.dtype, shape_from(shape))
    if shape.type.rank != 1:
        raise ShapeError(f"Shape must be rank 1 but is rank {shape.type.rank}")
    if sum(size == -1 for size in value) > 1:
        raise ShapeError(f"Only one input size may be -1, got {list(value)}")
    count = shapes.num_elements(x.shape)
    if -1 not in value:
        return TensorType(x.dtype, _fill_unknown(value, count))
    known = [size for size in value if size != -1]
    inferred = None
    if count is not None and None not in known:
        inferred = _infer_size(x, value, count, int(np.prod([k for k in known if k is not None], dtype=np.int64)))
    return TensorType(x.dtype, tuple([inferred if size == -1 else size for size in value]))


def _fill_unknown(value: Any, count: int | None) -> Shape:
    wanted = shapes.num_elements(value)
    if count is not None and wanted is not None and count != wanted:
        raise ShapeError(f"Cannot reshape a tensor with {count} elements to shape {shapes.format_shape(value)} ({wanted} elements)")
    if value.count(None) == 1 and count is not None:
        rest = int(np.prod([v for v in value if v is not None], dtype=np.int64))
        return tuple([count // rest if v is None and rest else v for v in value])
    return tuple(value)


def _infer_size(x: TensorType, value: Any, count: int, rest: int) -> int:
    if rest == 0 or count % rest:
        if rest == 0 and count == 0:
            return 0
        raise ShapeError(
            f"Dimension size must be evenly divisible by {rest} but is {count}: cannot reshape {x} to {shapes.format_shape(value)}"
        )
    return count // rest


def _reshape_kernel(xp: Any, x: Any, shape: Any) -> Any:
    sizes = tuple(np.asarray(shape).tolist())
    try:
        return xp.reshape(x, sizes)
    except ValueError:
        wanted = int(np.prod([s for s in sizes if s != -1], dtype=np.int64))
        if -1 in sizes:
            message = f"Input to reshape is a tensor with {np.size(x)} values, but the requested shape requires a multiple of {wanted}"
        else:
            message = f"Input to reshape is a tensor with {np.size(x)} values, but the requested shape has {wanted}"
        raise invalid_argument(message) from None


reshape_op: OpDef = define_op(
    "reshape(x: any, shape: static index)",
    infer=_reshape_type,
    kernel=_reshape_kernel,
    vjp=(lambda g, out, x, shape: reshape_op(g, shape_of(x)), None),
    fallible=lambda x, shape: not (x.is_static and shape.is_static),
    view_of="x",
    linear_in=("x",),
    tf_name="Reshape",
    samples=[
        case("f32[2,6]", values([3, 4], "i32")),
        case("f64[4]", values([-1, 2], "i64")),
        case("f32[]", values([1, 1], "i32")),
        case("f32[1]", values(np.zeros(0), "i32")),
    ],
    doc="Return the same elements in another shape; one size may be -1.",
    ref=f"{ARRAY}/reshape",
)


def shape_of(x: Any) -> Any:
    """Return the shape of `x`: its static sizes where all are known, else the op that finds them at run time."""
    t = x.tensor_type
    return np.array(t.shape, np.int32) if t.is_static else shape_op(x)


def reshape(x: Any, shape: Any, name: str | None = None) -> Any:
    """Return the elements of `x` in another shape.

    Args:
      x: any tensor. shape: integers (one may be -1), or an integer vector. name: name of the operation.
    """
    if isinstance(shape, (list, tuple)) and not shape:
        shape = np.zeros(0, np.int32)
    return reshape_op(x, shape, name=name)


def _transpose_type(x: TensorType, perm: tuple[int, ...] | None) -> TensorType:
    if x.shape is None:
        return TensorType(x.dtype, None if perm is None else (None,) * len(perm))
    order = tuple(range(len(x.shape)))[::-1] if perm is None else perm
    if sorted(order) != list(range(len(x.shape))):
        raise ShapeError(f"Dimension must be {len(order)} but is {len(x.shape)}: {list(order)} is not a permutation of the axes")
    return TensorType(x.dtype, tuple([x.shape[i] for i in order]))


def _inverse(perm: tuple[int, ...] | None) -> tuple[int, ...] | None:
    return None if perm is None else tuple(int(i) for i in np.argsort(perm))


transpose_op: OpDef = define_op(
    "transpose(x: any; perm = None)",
    infer=_transpose_type,
    kernel=lambda xp, x, perm: xp.transpose(x, perm),
    vjp=lambda g, out, x, perm: transpose_op(g, perm=_inverse(perm)),
    view_of="x",
    linear_in=("x",),
    tf_name="Transpose",
    default_name="transpose",
    samples=[case("f32[2,3]"), case("f64[2,3,4]", perm=(1, 2, 0))],
    doc="Permute the axes (reverse them when perm is None).",
    ref=f"{ARRAY}/transpose",
)


def _expand_shape(x: TensorType, axis: int) -> TensorType:
    if x.shape is None:
        return x
    if not -len(x.shape) - 1 <= axis <= len(x.shape):
        raise ShapeError(f"dim {axis} not in the interval [{-len(x.shape) - 1}, {len(x.shape)}]")
    at = axis + len(x.shape) + 1 if axis < 0 else axis
    return TensorType(x.dtype, (*x.shape[:at], 1, *x.shape[at:]))


expand_dims_op = define_op(
    "expand_dims(x: any; axis)",
    infer=_expand_shape, kernel=lambda xp, x, axis: xp.expand_dims(x, axis), vjp=lambda g, out, x, axis: reshape_op(g, shape_of(x)),
    view_of="x", linear_in=("x",), tf_name="ExpandDims", samples=[case("f32[2,3]", axis=1), case("f64[]", axis=-1)],
    doc="Insert an axis of size 1.", ref=f"{ARRAY}/expand_dims",
)  # fmt: skip


def _squeeze_type(x: TensorType, axis: tuple[int, ...] | None) -> TensorType:
    if x.shape is None:
        return x
    if axis is None:
        return TensorType(x.dtype, None if None in x.shape else tuple([d for d in x.shape if d != 1]))
    dropped = {shapes.normalize_axis(a, len(x.shape)) for a in axis}
    for a in dropped:
        if x.shape[a] not in (1, None):
            raise ShapeError(f"Can not squeeze dim[{a}], expected a dimension of 1, got {x.shape[a]}")
    return TensorType(x.dtype, tuple([d for i, d in enumerate(x.shape) if i not in dropped]))


def _squeeze_kernel(xp: Any, x: Any, axis: tuple[int, ...] | None) -> Any:
    try:
        return xp.squeeze(x, axis)
    except ValueError:
        raise invalid_argument(f"Can not squeeze dims {axis} of a tensor of shape {list(np.shape(x))}: expected sizes of 1") from None


squeeze_op = define_op(
    "squeeze(x: any; axis = None)",
    infer=_squeeze_type,
    kernel=_squeeze_kernel,
    vjp=lambda g, out, x, axis: reshape_op(g, shape_of(x)),
    fallible=lambda x, axis: not x.is_static,
    view_of="x",
    linear_in=("x",),
    tf_name="Squeeze",
    samples=[case("f32[1,3,1]"), case("f64[1,3,1]", axis=(-1,))],
    doc="Remove axes of size 1 (all of them when axis is None).",
    ref=f"{ARRAY}/squeeze",
)

identity = define_op(
    "identity(x: any) -> like(x)",
    kernel=lambda xp, x: x,
    vjp=lambda g, out, x: g,
    view_of="x",
    passes_slices=True,
    linear_in=("x",),
    tf_name="Identity",
    samples=[case("f32[2]"), case("i32[]")],
    doc="Return the operand.",
    ref=f"{ARRAY}/identity",
)

stop_gradient = define_op(
    "stop_gradient(x: any) -> like(x)",
    kernel=lambda xp, x: x, vjp=NOT_DIFFERENTIABLE, view_of="x", tf_name="StopGradient", samples=[case("f32[2]", differentiable=False)],
    doc="Return the operand; no gradient flows through.", ref=f"{ARRAY}/stop_gradient",
)  # fmt: skip

# --- joining and splitting -----------------------------------------------------------------------------------------------


def _stack_type(*xs: TensorType, axis: int) -> TensorType:
    if not xs:
        raise ArgumentError("Must provide at least one tensor")
    merged = xs[0].shape
    for x in xs[1:]:
        merged = shapes.merge_shapes(merged, x.shape)
    if merged is None:
        return TensorType(xs[0].dtype, None)
    if not -len(merged) - 1 <= axis <= len(merged):
        raise ShapeError(f"axis = {axis} not in [{-len(merged) - 1}, {len(merged) + 1})")
    at = axis + len(merged) + 1 if axis < 0 else axis
    return TensorType(xs[0].dtype, (*merged[:at], len(xs), *merged[at:]))


def _stack_kernel(xp: Any, *xs: Any, axis: int) -> Any:
    try:
        return xp.stack(xs, axis)
    except ValueError:
        raise invalid_argument(f"Shapes of all inputs must match: values have shapes {[list(np.shape(x)) for x in xs]}") from None


stack_op = define_op(
    "stack(*xs: any; axis = 0)",
    infer=_stack_type, kernel=_stack_kernel, vjp=lambda g, out, *xs, axis: unstack_op(g, num=len(xs), axis=axis),
    fallible=lambda *xs, axis: not all(x.is_static for x in xs), tf_name="Pack", default_name="stack",
    samples=[case("f32[2,3]", "f32[2,3]", axis=1), case("i32[]", "i32[]"), case("f64[2]", "f64[2]", axis=-1)],
    doc="Join tensors of one shape along a new axis.", ref=f"{ARRAY}/stack",
)  # fmt: skip


def stack(xs: Any, axis: int = 0, name: str | None = None) -> Any:
    """Return the tensors of a list joined along a new axis.

    Args:
      xs: tensors of one shape. axis: where the new axis stands. name: name of the operation.
    """
    return stack_op(*xs, axis=axis, name=name)


def _unstack_type(x: TensorType, num: int, axis: int) -> tuple[TensorType, ...]:
    if x.shape is None:
        return (TensorType(x.dtype, None),) * num
    at = shapes.normalize_axis(axis, len(x.shape))
    if x.shape[at] not in (num, None):
        raise ShapeError(f"Dimension must be {num} but is {x.shape[at]}")
    return (TensorType(x.dtype, x.shape[:at] + x.shape[at + 1 :]),) * num


def _unstack_kernel(xp: Any, x: Any, num: int, axis: int) -> Any:
    if np.shape(x)[axis] != num:
        raise invalid_argument(f"Input shape axis {axis} must equal {num}, got shape {list(np.shape(x))}")
    return tuple([xp.take(x, i, axis) for i in range(num)])


unstack_op: OpDef = define_op(
    "unstack(x: any; num, axis = 0) -> many()",
    infer=_unstack_type, kernel=_unstack_kernel,
    vjp=lambda g, out, x, num, axis: stack([zeros_as(o) if d is None else d for d, o in zip(g, out, strict=True)], axis=axis),
    fallible=lambda x, num, axis: not x.is_static, tf_name="Unpack", default_name="unstack",
    samples=[case("f32[2,3]", num=2), case("f64[2,3]", num=3, axis=-1),
             case("f32[2,3]", num=3, error="Input shape axis 0 must equal 3, got shape [2, 3]")],
    doc="Split along an axis into tensors without that axis.", ref=f"{ARRAY}/unstack",
)  # fmt: skip


def _concat_type(*xs: TensorType, axis: int) -> TensorType:
    if not xs:
        raise ArgumentError("Must provide at least one tensor")
    known = [x.shape for x in xs if x.shape is not None]
    if not known:
        return TensorType(xs[0].dtype, None)
    if not known[0]:
        raise ShapeError("Can't concatenate scalars (use tf.stack instead)")
    at = shapes.normalize_axis(axis, len(known[0]), "concat axis")
    merged: Shape = (*known[0][:at], 0, *known[0][at + 1 :])
    for s in known[1:]:
        if len(s) != len(known[0]):
            raise ShapeError(f"Shapes must be equal rank, but are {len(known[0])} and {len(s)}")
        merged = shapes.merge_shapes(merged, (*s[:at], 0, *s[at + 1 :]))
    sizes = [None if x.shape is None else x.shape[at] for x in xs]
    total = None if None in sizes else sum(s for s in sizes if s is not None)
    return TensorType(xs[0].dtype, (*(merged or ())[:at], total, *(merged or ())[at + 1 :]))


def _concat_vjp(g: Any, out: Any, *xs: Any, axis: int) -> Any:
    if len(xs) == 1:
        return (g,)
    sizes = [x.tensor_type.shape[axis] if x.tensor_type.shape is not None else None for x in xs]
    if None not in sizes:
        return split_sizes(g, sizes=tuple(sizes), axis=axis)
    return concat_gradient(g, *xs, axis=axis)


def _concat_gradient_kernel(xp: Any, g: Any, *xs: Any, axis: int) -> Any:
    return tuple(xp.split(g, np.cumsum([np.shape(x)[axis] for x in xs])[:-1].tolist(), axis))


concat_gradient = define_op(
    "concat_gradient(g: any, *xs: same(g); axis) -> many()",
    infer=lambda g, *xs, axis: tuple(xs),
    kernel=_concat_gradient_kernel,
    vjp=lambda gs, outs, g, *xs, axis: (
        concat([zeros_as(o) if d is None else d for d, o in zip(gs, outs, strict=True)], axis),
        *[None] * len(xs),
    ),
    view_of="g",
    tf_name="ConcatGrad",
    samples=[case("f32[2,5]", "f32[2,2]", "f32[2,3]", axis=1)],
    doc="Split a gradient like the operands of a concat.",
)


def _concat_kernel(xp: Any, *xs: Any, axis: int) -> Any:
    try:
        return xp.concatenate(xs, axis)
    except ValueError:
        raise invalid_argument(f"ConcatOp : Dimensions of inputs should match: shapes {[list(np.shape(x)) for x in xs]}") from None


concat_op = define_op(
    "concat(*xs: any; axis)",
    infer=_concat_type, kernel=_concat_kernel, vjp=_concat_vjp,
    fallible=lambda *xs, axis: not all(x.is_static for x in xs), tf_name="ConcatV2", default_name="concat",
    samples=[case("f32[2,3]", "f32[2,1]", axis=1), case("f64[2]", "f64[0]", "f64[1]", axis=0), case("i32[1,2]", "i32[3,2]", axis=-2)],
    doc="Join tensors along an axis they have.", ref=f"{ARRAY}/concat",
)  # fmt: skip


def concat(xs: Any, axis: int, name: str | None = None) -> Any:
    """Return the tensors of a list joined along `axis`.

    Args:
      xs: tensors that agree in all other axes. axis: the axis. name: name of the operation.
    """
    if not isinstance(xs, (list, tuple)):
        xs = [xs]
    if len(xs) == 1:
        return identity(xs[0], name=name)
    return concat_op(*xs, axis=int(axis), name=name)


def _split_type(x: TensorType, sizes: tuple[int, ...], axis: int) -> tuple[TensorType, ...]:
    if x.shape is None:
        return (TensorType(x.dtype, None),) * len(sizes)
    at = shapes.normalize_axis(axis, len(x.shape), "split_dim")
    total = x.shape[at]
    if -1 in sizes and total is not None:
        sizes = tuple([total - sum(s for s in sizes if s != -1) if s == -1 else s for s in sizes])
    if total is not None and sum(sizes) != total:
        raise ShapeError(f"Determined shape must match: split sizes {list(sizes)} sum to {sum(sizes)}, the dimension is {total}")
    return tuple([TensorType(x.dtype, (*x.shape[:at], None if s == -1 else s, *x.shape[at + 1 :])) for s in sizes])


def _split_kernel(xp: Any, x: Any, sizes: tuple[int, ...], axis: int) -> Any:
    total = np.shape(x)[axis]
    sizes = tuple([total - sum(s for s in sizes if s != -1) if s == -1 else s for s in sizes])
    if sum(sizes) != total:
        raise invalid_argument(f"Determined shape must match: split sizes {list(sizes)} do not sum to {total}")
    return tuple(xp.split(x, np.cumsum(sizes)[:-1].tolist(), axis))


split_sizes = define_op(
    "split(x: any; sizes, axis = 0) -> many()",
    infer=_split_type, kernel=_split_kernel,
    vjp=lambda g, out, x, sizes, axis: concat([zeros_as(o) if d is None else d for d, o in zip(g, out, strict=True)], axis),
    fallible=lambda x, sizes, axis: not x.is_static, view_of="x", tf_name="SplitV", default_name="split",
    samples=[case("f32[2,6]", sizes=(2, 4), axis=1), case("f64[4]", sizes=(1, 1, 2)), case("f32[3,2]", sizes=(1, -1))],
    doc="Split along an axis into parts of the given sizes.", ref=f"{ARRAY}/split",
)  # fmt: skip
