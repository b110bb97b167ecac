"""Choice by a condition, casts and fills, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.dtypes import DType
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.samples import arg, case
from graphopt.ir.types import TensorType
from graphopt.ops.elementwise.common import MATH


def _select_type(condition: TensorType, x: TensorType, y: TensorType) -> TensorType:
    return TensorType(x.dtype, shapes.broadcast_shapes(condition.shape, shapes.broadcast_shapes(x.shape, y.shape)))


def _emit_select(node: Any) -> str:
    condition, x, y = node.inputs
    start = "{out}.fill({y})" if y.shape == () else "copyto({out}, {y})"
    if condition.shape == x.shape == node.shape:
        if x.dtype.is_floating and y.is_scalar_constant(0.0):
            # The bits of a number times True or False: right for infinity and NaN too, and up to 25 times as fast on a random condition.
            bits = f"i{x.dtype.size}"
            return f"multiply({{x}}.view({bits!r}), {{condition}}, out={{out}}.view({bits!r}))"
        # putmask is the fastest masked copy, but repeats values of another shape.
        return f"({start}, putmask({{out}}, {{condition}}, {{x}}))"
    return f"({start}, copyto({{out}}, {{x}}, where={{condition}}))"


select: OpDef = define_op(
    "select(condition: bool, x: any, y: same(x))",
    infer=_select_type,
    kernel=lambda xp, condition, x, y: xp.where(condition, x, y),
    vjp=(None, lambda g, out, c, x, y: select(c, g, zeros_as(g)), lambda g, out, c, x, y: select(c, zeros_as(g), g)),
    buffered=_emit_select, scalar="({x} if {condition} else {y})", tf_name="Select", linear_in=("x", "y"),
    samples=[case("bool[3,4]", "f32[3,4]", "f32[3,4]"), case("bool[3,1]", "f64[4]", "f64[3,4]"), case("bool[]", "i32[2]", "i32[2]")],
    doc="Return x where the condition holds and y elsewhere, with broadcasting.", ref="https://numpy.org/doc/stable/reference/generated/numpy.where.html",
)  # fmt: skip


def _cast_kernel(xp: Any, x: Any, dtype: DType) -> Any:
    if dtype.is_integer and x.dtype.kind == "f":
        # Out of range floats are undefined in C; send NaN to the smallest value as x86 does, without a warning.
        with np.errstate(invalid="ignore"):
            return x.astype(dtype.np)
    return x.astype(dtype.np)


cast_op = define_op(
    "cast(x: any; dtype) -> like_as(x, dtype)",
    kernel=_cast_kernel,
    vjp=lambda g, out, x, dtype: cast(g, x.dtype),
    buffered="copyto({out}, {x}, 'unsafe')",
    scalar="({dtype}){x}",
    tf_name="Cast",
    linear_in=("x",),
    samples=[
        case("f32[3]", dtype=dtypes.float64),
        case("f64[2]", dtype=dtypes.float16, differentiable=False),
        case("i32[3]", dtype=dtypes.float32),
        case("bool[3]", dtype=dtypes.int32),
        case(arg("f32[4]", -9, 9), dtype=dtypes.int32),
    ],
    doc="Convert to another element type; floats are cut off towards zero.",
    ref="https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/dtypes/cast",
)


def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """Return `x` with another element type; `x` itself when it has that type already.

    Args:
      x: a tensor. dtype: the element type wanted. name: name of the operation.
    """
    wanted = dtypes.as_dtype(dtype)
    if hasattr(x, "builder") and x.dtype is wanted:
        return x
    return cast_op(x, dtype=wanted, name=name)


zeros_as: OpDef = define_op(
    "zeros_like(x: any) -> like(x)",
    kernel=lambda xp, x: xp.zeros(x.shape, x.dtype), vjp=NOT_DIFFERENTIABLE, tf_name="ZerosLike", default_name="zeros_like",
    value_from_types=lambda x: np.zeros((), x.dtype.np) if x.shape == () else None,
    samples=[case("f32[3,4]"), case("i64[2]")], doc="Return zeros of the same type and shape.", ref=f"{MATH}/../zeros_like",
)  # fmt: skip

ones_as = define_op(
    "ones_like(x: any) -> like(x)",
    kernel=lambda xp, x: xp.ones(x.shape, x.dtype), vjp=NOT_DIFFERENTIABLE, tf_name="OnesLike", default_name="ones_like",
    value_from_types=lambda x: np.ones((), x.dtype.np) if x.shape == () else None,
    samples=[case("f32[3,4]"), case("i64[2]")], doc="Return ones of the same type and shape.", ref=f"{MATH}/../ones_like",
)  # fmt: skip
