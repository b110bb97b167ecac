"""Borders: constant or mirrored, and the cut that undoes them."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt.errors import ArgumentError, ShapeError, invalid_argument
from graphopt.ir.opdef import OpDef, define_op
from graphopt.ir.samples import case, values
from graphopt.ir.types import StaticOperand, TensorType
from graphopt.ops.array import ARRAY
from graphopt.ops.broadcast import reduce_sum_op
from graphopt.ops.elementwise import subtract
from graphopt.ops.indexing import strided_slice_op
from graphopt.shapes import Shape

# --- pad -------------------------------------------------------------------------------------------------------------------


def _padded(x: TensorType, paddings: StaticOperand) -> Shape:
    rows = paddings.type.shape
    if rows is not None and len(rows) != 2:
        raise ShapeError(f"Shape must be rank 2 but is rank {len(rows)}")
    if rows is not None and rows[1] not in (2, None):
        raise ShapeError(f"Dimension must be 2 but is {rows[1]}")
    rank = len(x.shape) if x.shape is not None else rows[0] if rows is not None else None
    if rank is None:
        return None
    if rows is not None and rows[0] not in (rank, None):
        raise ShapeError(f"Shape must be rank {rows[0]} but is rank {rank}")
    if paddings.value is None or x.shape is None:
        return (None,) * rank
    pairs = zip(paddings.value[0::2], paddings.value[1::2], strict=True)
    return tuple([None if d is None or a is None or b is None else _padded_size(d, a, b) for d, (a, b) in zip(x.shape, pairs, strict=True)])


def _padded_size(size: int, before: int, after: int) -> int:
    if before < 0 or after < 0:
        raise ShapeError(f"Paddings must be non-negative: {before}, {after}")
    return size + before + after


def _widths(x: Any, paddings: Any) -> list[list[int]]:
    widths: list[list[int]] = np.asarray(paddings).tolist()
    if len(widths) != np.ndim(x):
        raise invalid_argument(f"The first dimension of paddings must be the rank of inputs {np.ndim(x)}, got {len(widths)}")
    for before, after in widths:
        if before < 0 or after < 0:
            raise invalid_argument(f"Paddings must be non-negative: {before} {after}")
    return widths


def _pad_kernel(xp: Any, x: Any, paddings: Any, fill: Any) -> Any:
    fill = b"" if fill is None and x.dtype.kind == "O" else 0 if fill is None else fill
    widths = _widths(x, paddings)
    return xp.pad(x, widths, mode="constant", constant_values=fill) if widths else x


def _cut(g: Any, x: Any, paddings: Any) -> Any:
    """Return the part of `g` that lies over `x`."""
    begin = strided_slice_op(
        paddings,
        np.array([0, 0], np.int32),
        np.array([0, 1], np.int32),
        np.array([1, 1], np.int32),
        begin_mask=1,
        end_mask=1,
        shrink_axis_mask=2,
    )
    return cut_op(g, x, begin)


def _cut_kernel(xp: Any, g: Any, x: Any, begin: Any) -> Any:
    return g[tuple([slice(b, b + d) for b, d in zip(np.asarray(begin).tolist(), np.shape(x), strict=True)])]


def _place_kernel(xp: Any, h: Any, g: Any, begin: Any) -> Any:
    first = np.asarray(begin).tolist()
    return xp.pad(h, [(b, d - b - e) for b, d, e in zip(first, np.shape(g), np.shape(h), strict=True)]) if first else h


cut_op = define_op(
    "cut(g: any, x: any, begin: index)",
    infer=lambda g, x, begin: TensorType(g.dtype, x.shape), kernel=_cut_kernel,
    vjp=(lambda h, out, g, x, begin: place_op(h, g, begin), None, None),
    view_of="g", linear_in=("g",), tf_name="Slice",
    samples=[case("f64[4,3]", "f64[2,1]", values([1, 2], "i32")), case("f64[]", "f64[]", values(np.zeros(0), "i32"))],
    doc="Return the part of g that begins at the given place and is as large as x.",
)  # fmt: skip

place_op: OpDef = define_op(
    "place(h: any, g: any, begin: index)",
    infer=lambda h, g, begin: TensorType(h.dtype, g.shape), kernel=_place_kernel,
    vjp=(lambda k, out, h, g, begin: cut_op(k, h, begin), None, None),
    view_of="h", linear_in=("h",), tf_name="Pad",
    samples=[case("f64[2,1]", "f64[4,3]", values([1, 2], "i32")), case("f64[]", "f64[]", values(np.zeros(0), "i32"))],
    doc="Return zeros as large as g with h placed at the given beginning.",
)  # fmt: skip

pad_op = define_op(
    "pad(x: any, paddings: static index)",
    infer=lambda x, paddings: TensorType(x.dtype, _padded(x, paddings)), kernel=lambda xp, x, paddings: _pad_kernel(xp, x, paddings, None),
    vjp=(lambda g, out, x, paddings: _cut(g, x, paddings), None), fallible=True, view_of="x", linear_in=("x",), tf_name="Pad",
    samples=[case("f64[2,3]", values([[1, 0], [2, 1]], "i32")), case("i32[2]", values([[0, 2]], "i64"))], doc="Surround with zeros.",
    ref=f"{ARRAY}/pad",
)  # fmt: skip


def _total(x: Any) -> Any:
    return reduce_sum_op(x, axis=None, keepdims=False)


pad_value_op = define_op(
    "pad_value(x: any, paddings: static index, constant_values: same(x))",
    infer=lambda x, paddings, constant_values: TensorType(x.dtype, _padded(x, paddings)), kernel=_pad_kernel,
    vjp=(lambda g, out, x, paddings, constant_values: _cut(g, x, paddings), None,
         lambda g, out, x, paddings, constant_values: subtract(_total(g), _total(_cut(g, x, paddings)))),
    fallible=True, view_of="x", tf_name="PadV2",
    samples=[case("f64[2,3]", values([[1, 0], [2, 1]], "i32"), values(3.0, "f64"))],
    doc="Surround with a given value.", ref=f"{ARRAY}/pad",
)  # fmt: skip


def _mirror_index(size: int, before: int, after: int, mode: str) -> Any:
    """Return which element stands at each place of a padded axis."""
    if max(before, after) > size - (mode == "reflect"):
        rule = "less than" if mode == "reflect" else "no greater than"
        raise invalid_argument(f"paddings must be {rule} the dimension size: {before}, {after} for a dimension of {size}")
    return np.pad(np.arange(size), (before, after), mode=mode)  # type: ignore[call-overload]


def _mirror_kernel(xp: Any, x: Any, paddings: Any, mode: str) -> Any:
    for axis, (before, after) in enumerate(_widths(x, paddings)):
        if before or after:
            x = xp.take(x, _mirror_index(np.shape(x)[axis], before, after, mode), axis)
    return x


def _mirror_gradient_kernel(xp: Any, g: Any, x: Any, paddings: Any, mode: str) -> Any:
    for axis, (before, after) in enumerate(_widths(x, paddings)):
        if before or after:
            index = _mirror_index(np.shape(x)[axis], before, after, mode)
            hits = (index[None, :] == np.arange(np.shape(x)[axis])[:, None]).astype(g.dtype)
            g = xp.moveaxis(xp.tensordot(hits, g, ([1], [axis])), 0, axis)
    return g


mirror_pad_gradient = define_op(
    "mirror_pad_gradient(g: float, x: any, paddings: index; mode)",
    infer=lambda g, x, paddings, mode: TensorType(g.dtype, x.shape), kernel=_mirror_gradient_kernel,
    vjp=(lambda h, out, g, x, paddings, mode: mirror_pad_op(h, paddings, mode=mode), None, None), view_of="g", linear_in=("g",),
    tf_name="MirrorPadGrad",
    samples=[case("f64[4,7]", "f64[2,3]", values([[1, 1], [2, 2]], "i32"), mode="reflect")],
    doc="Add up what a mirrored element was copied to.",
)  # fmt: skip

mirror_pad_op: OpDef = define_op(
    "mirror_pad(x: any, paddings: static index; mode)",
    infer=lambda x, paddings, mode: TensorType(x.dtype, _padded(x, paddings)), kernel=_mirror_kernel,
    vjp=(lambda g, out, x, paddings, mode: mirror_pad_gradient(g, x, paddings, mode=mode), None), fallible=True, view_of="x",
    linear_in=("x",), tf_name="MirrorPad",
    samples=[case("f64[2,3]", values([[1, 1], [2, 2]], "i32"), mode="reflect"),
             case("f64[2,3]", values([[2, 1], [3, 0]], "i32"), mode="symmetric")],
    doc="Surround with the tensor's own mirror image, without its edge (reflect) or with it (symmetric).", ref=f"{ARRAY}/pad",
)  # fmt: skip


def pad(x: Any, paddings: Any, *, mode: str = "CONSTANT", constant_values: Any = 0, name: str | None = None) -> Any:
    """Return `x` with a border.

    Args:
      x: any tensor. paddings: for each axis how many elements come before and after.
      mode: "CONSTANT", "REFLECT" or "SYMMETRIC", in either case. constant_values: a scalar for "CONSTANT". name: name of the operation.

    Raises:
      ValueError: for an unknown mode.
    """
    kind = mode.upper()
    if kind == "CONSTANT":
        if not hasattr(constant_values, "builder") and np.ndim(constant_values) == 0 and constant_values == 0:
            return pad_op(x, paddings, name=name)
        return pad_value_op(x, paddings, constant_values, name=name)
    if kind not in ("REFLECT", "SYMMETRIC"):
        raise ArgumentError(f"Unknown padding mode: {mode}")
    return mirror_pad_op(x, paddings, mode=kind.lower(), name=name)
