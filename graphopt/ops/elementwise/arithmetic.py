"""Arithmetic, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import shapes
from graphopt.errors import invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.samples import arg, case, values
from graphopt.ir.types import TensorType
from graphopt.ops.elementwise.choice import select, zeros_as
from graphopt.ops.elementwise.common import BINARY, COMPARABLE, MATH, UNARY, unary, works_on_integers
from graphopt.ops.elementwise.comparison import greater_equal, less_equal

add = define_op(
    "add(x: joinable, y: same(x)) -> broadcast(x, y)",
    kernel=lambda xp, x, y: xp.add(x, y),
    vjp=(lambda g, out, x, y: g, lambda g, out, x, y: g),
    ufunc="add", correctly_rounded=True, scalar="{x} + {y}", tf_name="Add", commutative=True, linear_in=("x", "y"), samples=COMPARABLE,
    doc="Return x + y, element by element (strings are joined).", ref=f"{MATH}/add",
)  # fmt: skip

subtract = define_op(
    "subtract(x: num, y: same(x)) -> broadcast(x, y)",
    kernel=lambda xp, x, y: xp.subtract(x, y),
    vjp=(lambda g, out, x, y: g, lambda g, out, x, y: negative(g)),
    ufunc="subtract", correctly_rounded=True, scalar="{x} - {y}", tf_name="Sub", linear_in=("x", "y"), samples=COMPARABLE,
    doc="Return x - y, element by element.", ref=f"{MATH}/subtract",
)  # fmt: skip

multiply: OpDef = define_op(
    "multiply(x: num, y: same(x)) -> broadcast(x, y)",
    kernel=lambda xp, x, y: xp.multiply(x, y),
    vjp=(lambda g, out, x, y: multiply(g, y), lambda g, out, x, y: multiply(g, x)),
    ufunc="multiply", correctly_rounded=True, scalar="{x} * {y}", tf_name="Mul", commutative=True, samples=COMPARABLE,
    doc="Return x * y, element by element.", ref=f"{MATH}/multiply",
)  # fmt: skip

divide: OpDef = define_op(
    "divide(x: float, y: same(x)) -> broadcast(x, y)",
    kernel=lambda xp, x, y: xp.divide(x, y),
    vjp=(lambda g, out, x, y: divide(g, y), lambda g, out, x, y: multiply(g, divide(divide(negative(x), y), y))),
    ufunc="divide", correctly_rounded=True, scalar="{x} / {y}", tf_name="RealDiv", linear_in=("x",), samples=BINARY,
    doc="Return x / y, element by element, for floating point operands.", ref=f"{MATH}/divide",
)  # fmt: skip

negative: OpDef = unary(
    "negative",
    lambda xp, x: xp.negative(x),
    lambda g, out, x: negative(g),
    tf_name="Neg",
    kind="num",
    ufunc="negative",
    correctly_rounded=True,
    scalar="-{x}",
    linear=True,
    samples=[*UNARY, case("i32[3]")],
    doc="Return -x.",
)

absolute = unary(
    "absolute",
    lambda xp, x: xp.absolute(x),
    lambda g, out, x: multiply(g, sign(x)),
    tf_name="Abs",
    kind="num",
    ufunc="absolute",
    correctly_rounded=True,
    scalar="abs({x})",
    samples=[*UNARY, case("i32[3]")],
    doc="Return the absolute value; its gradient is the sign.",
    ref=f"{MATH}/abs",
)

sign: OpDef = unary(
    "sign",
    lambda xp, x: xp.sign(x),
    lambda g, out, x: zeros_as(g),
    tf_name="Sign",
    kind="num",
    ufunc="sign",
    correctly_rounded=True,
    scalar="sign({x})",
    samples=[*UNARY, case("i32[3]")],
    doc="Return -1, 0 or 1 by the sign of x.",
)

square: OpDef = unary(
    "square",
    lambda xp, x: xp.multiply(x, x),
    lambda g, out, x: multiply(g, multiply(x, 2)),
    tf_name="Square",
    kind="num",
    ufunc="square",
    correctly_rounded=True,
    scalar="{x} * {x}",
    samples=[*UNARY, case("i32[3]")],
    doc="Return x * x.",
)


def _check_divisor(y: Any) -> None:
    if y.dtype.kind in "iu" and not np.all(y):
        raise invalid_argument("Integer division by zero")


def _floor_divide(xp: Any, x: Any, y: Any) -> Any:
    _check_divisor(y)
    return xp.floor_divide(x, y)


def _floor_mod(xp: Any, x: Any, y: Any) -> Any:
    _check_divisor(y)
    return xp.mod(x, y)


def _truncate_divide(xp: Any, x: Any, y: Any) -> Any:
    _check_divisor(y)
    quotient = xp.abs(x) // xp.abs(y)
    return xp.where((x < 0) != (y < 0), -quotient, quotient).astype(x.dtype)


_WHOLE_DIVISOR = [case(arg("i32[3,4]", -9, 9), arg("i32[4]", 1, 5)), case(values([7, -7], "i64"), values([[3], [-3]], "i64")),
                  case(arg("f32[3]", -9, 9), arg("f32[3]", 1, 5))]  # fmt: skip

floordiv = define_op(
    "floordiv(x: num, y: same(x)) -> broadcast(x, y)",
    kernel=_floor_divide,
    vjp=NOT_DIFFERENTIABLE,
    fallible=works_on_integers,
    tf_name="FloorDiv",
    default_name="floordiv",
    samples=_WHOLE_DIVISOR,
    doc="Return x / y rounded towards minus infinity.",
    ref=f"{MATH}/floordiv",
)

floormod = define_op(
    "floormod(x: num, y: same(x)) -> broadcast(x, y)",
    kernel=_floor_mod,
    vjp=(lambda g, out, x, y: g, lambda g, out, x, y: multiply(g, negative(floordiv(x, y)))),
    fallible=works_on_integers, tf_name="FloorMod", samples=_WHOLE_DIVISOR,
    doc="Return the remainder of the division rounded towards minus infinity.", ref=f"{MATH}/floormod",
)  # fmt: skip

truncatediv = define_op(
    "truncatediv(x: int, y: same(x)) -> broadcast(x, y)",
    kernel=_truncate_divide, vjp=NOT_DIFFERENTIABLE, fallible=True, tf_name="TruncateDiv", samples=_WHOLE_DIVISOR[:2],
    doc="Return x / y rounded towards zero.", ref="https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/truncatediv",
)  # fmt: skip

maximum = define_op(
    "maximum(x: num, y: same(x)) -> broadcast(x, y)",
    kernel=lambda xp, x, y: xp.maximum(x, y),
    vjp=(
        lambda g, out, x, y: select(greater_equal(x, y), g, zeros_as(g)),
        lambda g, out, x, y: select(greater_equal(x, y), zeros_as(g), g),
    ),
    ufunc="maximum",
    correctly_rounded=True,
    scalar="maximum({x}, {y})",
    tf_name="Maximum",
    commutative=False,
    samples=COMPARABLE,
    doc="Return the larger of x and y (NaN when either is). At ties the gradient goes to x.",
    ref=f"{MATH}/maximum",
)

minimum = define_op(
    "minimum(x: num, y: same(x)) -> broadcast(x, y)",
    kernel=lambda xp, x, y: xp.minimum(x, y),
    vjp=(lambda g, out, x, y: select(less_equal(x, y), g, zeros_as(g)), lambda g, out, x, y: select(less_equal(x, y), zeros_as(g), g)),
    ufunc="minimum", correctly_rounded=True, scalar="minimum({x}, {y})", tf_name="Minimum", samples=COMPARABLE,
    doc="Return the smaller of x and y (NaN when either is). At ties the gradient goes to x.", ref=f"{MATH}/minimum",
)  # fmt: skip

squared_difference = define_op(
    "squared_difference(x: num, y: same(x)) -> broadcast(x, y)",
    kernel=lambda xp, x, y: xp.square(xp.subtract(x, y)),
    vjp=(lambda g, out, x, y: multiply(multiply(g, 2), subtract(x, y)), lambda g, out, x, y: multiply(multiply(g, -2), subtract(x, y))),
    expand=lambda x, y: square(subtract(x, y)),
    tf_name="SquaredDifference", commutative=True, samples=BINARY, doc="Return (x - y)**2.", ref=f"{MATH}/squared_difference",
)  # fmt: skip


def _div_no_nan(xp: Any, x: Any, y: Any) -> Any:
    return xp.where(y == 0, xp.zeros_like(y), xp.divide(x, xp.where(y == 0, xp.ones_like(y), y)))


div_no_nan: OpDef = define_op(
    "div_no_nan(x: float, y: same(x)) -> broadcast(x, y)",
    kernel=_div_no_nan,
    vjp=(lambda g, out, x, y: div_no_nan(g, y), lambda g, out, x, y: multiply(g, div_no_nan(div_no_nan(negative(x), y), y))),
    scalar="({x} / {y} if {y} != 0 else 0)", tf_name="DivNoNan", default_name="div_no_nan", samples=BINARY,
    doc="Return x / y, and 0 where y is 0.", ref=f"{MATH}/divide_no_nan",
)  # fmt: skip


def _add_n_type(*xs: TensorType) -> TensorType:
    merged = xs[0].shape
    for x in xs[1:]:
        merged = shapes.merge_shapes(merged, x.shape)
    return TensorType(xs[0].dtype, merged)


def _add_n_kernel(xp: Any, *xs: Any) -> Any:
    total = xs[0] if len(xs) > 1 else xp.array(xs[0])[()]
    for i, x in enumerate(xs[1:], start=1):
        if np.shape(x) != np.shape(xs[0]):
            sizes = f"Input 0: {list(np.shape(xs[0]))} != input {i}: {list(np.shape(x))}"
            raise invalid_argument(f"Inputs to operation AddN must have the same size and shape.  {sizes}")
        total = xp.add(total, x)
    return total


def _add_n_expand(*xs: Any) -> Any:
    total = xs[0]
    for x in xs[1:]:
        total = add(total, x)
    return total


add_n_op = define_op(
    "add_n(*xs: num)", infer=_add_n_type, kernel=_add_n_kernel, vjp=lambda g, out, *xs: (g,) * len(xs), expand=_add_n_expand,
    tf_name="AddN", linear_in=("xs",), fallible=lambda *xs: not all(x.is_static for x in xs),
    samples=[case("f32[2,3]", "f32[2,3]", "f32[2,3]"), case("f64[2]"), case("i32[2]", "i32[2]"),
             case("f32[2]", "f32[1]", error="must have the same size and shape")],
    doc="Add tensors of one shape, from left to right.", ref=f"{MATH}/add_n",
)  # fmt: skip


def add_n(xs: Any, name: str | None = None) -> Any:
    """Return the sum of a list of tensors of one shape and element type."""
    return add_n_op(*xs, name=name)
