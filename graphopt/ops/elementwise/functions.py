"""Roots, powers, logarithms, trigonometry, special functions and rounding, element by element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphopt.errors import invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.samples import SPECIAL, arg, case, values
from graphopt.ops import special
from graphopt.ops.elementwise.arithmetic import add, divide, multiply, negative, square, subtract
from graphopt.ops.elementwise.choice import ones_as, select, zeros_as
from graphopt.ops.elementwise.common import BINARY, INSIDE_ONE, MATH, POSITIVE, unary, works_on_integers
from graphopt.ops.elementwise.comparison import greater

sqrt = unary(
    "sqrt",
    lambda xp, x: xp.sqrt(x),
    lambda g, out, x: divide(multiply(g, 0.5), out),
    tf_name="Sqrt",
    ufunc="sqrt",
    correctly_rounded=True,
    scalar="sqrt({x})",
    samples=POSITIVE,
    doc="Return the square root; its gradient at 0 is infinite.",
)

rsqrt = unary(
    "rsqrt",
    lambda xp, x: xp.divide(x.dtype.type(1), xp.sqrt(x)),
    lambda g, out, x: multiply(multiply(g, -0.5), multiply(out, multiply(out, out))),
    tf_name="Rsqrt",
    scalar="1 / sqrt({x})",
    samples=POSITIVE,
    doc="Return 1 / sqrt(x).",
)

reciprocal = unary("reciprocal", lambda xp, x: xp.divide(x.dtype.type(1), x), lambda g, out, x: multiply(negative(g), multiply(out, out)),
                    tf_name="Reciprocal", scalar="1 / {x}", samples=POSITIVE, doc="Return 1 / x.")  # fmt: skip

exp = unary("exp", lambda xp, x: xp.exp(x), lambda g, out, x: multiply(g, out), tf_name="Exp", ufunc="exp", scalar="exp({x})",
            rounding="function", doc="Return e**x.")  # fmt: skip

expm1 = unary(
    "expm1",
    lambda xp, x: xp.expm1(x),
    lambda g, out, x: multiply(g, exp(x)),
    tf_name="Expm1",
    ufunc="expm1",
    scalar="expm1({x})",
    rounding="function",
    doc="Return e**x - 1, exact for small x.",
)

log = unary(
    "log",
    lambda xp, x: xp.log(x),
    lambda g, out, x: divide(g, x),
    tf_name="Log",
    ufunc="log",
    scalar="log({x})",
    rounding="function",
    samples=POSITIVE,
    doc="Return the natural logarithm.",
)

log1p = unary(
    "log1p",
    lambda xp, x: xp.log1p(x),
    lambda g, out, x: divide(g, add(x, 1)),
    tf_name="Log1p",
    ufunc="log1p",
    scalar="log1p({x})",
    rounding="function",
    samples=POSITIVE,
    doc="Return log(1 + x), exact for small x.",
)


def _pow(xp: Any, x: Any, y: Any) -> Any:
    if y.dtype.kind in "iu" and np.any(y < 0):
        raise invalid_argument("Integers to negative integer powers are not allowed")
    return xp.power(x, y)


def _pow_gradient_of_exponent(g: Any, out: Any, x: Any, y: Any) -> Any:
    # log(x) only where x > 0: elsewhere the gradient is 0, and never NaN from log of the other branch.
    is_positive = greater(x, 0)
    return multiply(multiply(g, out), select(is_positive, log(select(is_positive, x, ones_as(x))), zeros_as(x)))


power: OpDef = define_op(
    "power(x: num, y: same(x)) -> broadcast(x, y)",
    kernel=_pow,
    vjp=(lambda g, out, x, y: multiply(multiply(g, y), power(x, subtract(y, 1))), _pow_gradient_of_exponent),
    fallible=works_on_integers, buffered=lambda node: None if node.dtype.is_integer else "power({x}, {y}, {out})",
    scalar=lambda node: None if node.dtype.is_integer else "pow({x}, {y})", rounding="function", tf_name="Pow",
    samples=[case(arg("f32[3,4]", 0.1, 2.0), "f32[4]"), case(arg("f64[]", 0.1, 2.0), "f64[2]"),
             case(values([SPECIAL]), values([[v] for v in SPECIAL]), differentiable=False), case(arg("i32[3]", 0, 4), arg("i32[3]", 0, 4))],
    public_name="pow", doc="Return x to the power y.", ref=f"{MATH}/pow",
)  # fmt: skip

sin = unary(
    "sin",
    lambda xp, x: xp.sin(x),
    lambda g, out, x: multiply(g, cos(x)),
    tf_name="Sin",
    ufunc="sin",
    scalar="sin({x})",
    rounding="function",
    doc="Return the sine.",
)

cos: OpDef = unary(
    "cos",
    lambda xp, x: xp.cos(x),
    lambda g, out, x: negative(multiply(g, sin(x))),
    tf_name="Cos",
    ufunc="cos",
    scalar="cos({x})",
    rounding="function",
    doc="Return the cosine.",
)

tan = unary(
    "tan",
    lambda xp, x: xp.tan(x),
    lambda g, out, x: multiply(g, add(square(out), 1)),
    tf_name="Tan",
    ufunc="tan",
    scalar="tan({x})",
    rounding="function",
    samples=INSIDE_ONE,
    doc="Return the tangent.",
)

asin = unary(
    "asin",
    lambda xp, x: xp.arcsin(x),
    lambda g, out, x: multiply(g, rsqrt(subtract(1.0, square(x)))),
    tf_name="Asin",
    ufunc="arcsin",
    scalar="asin({x})",
    rounding="function",
    samples=INSIDE_ONE,
    doc="Return the inverse sine.",
)

acos = unary(
    "acos",
    lambda xp, x: xp.arccos(x),
    lambda g, out, x: negative(multiply(g, rsqrt(subtract(1.0, square(x))))),
    tf_name="Acos",
    ufunc="arccos",
    scalar="acos({x})",
    rounding="function",
    samples=INSIDE_ONE,
    doc="Return the inverse cosine.",
)

atan = unary(
    "atan",
    lambda xp, x: xp.arctan(x),
    lambda g, out, x: divide(g, add(square(x), 1)),
    tf_name="Atan",
    ufunc="arctan",
    scalar="atan({x})",
    rounding="function",
    doc="Return the inverse tangent.",
)

atan2 = define_op(
    "atan2(y: float, x: same(y)) -> broadcast(y, x)",
    kernel=lambda xp, y, x: xp.arctan2(y, x),
    vjp=(
        lambda g, out, y, x: multiply(g, divide(x, add(square(x), square(y)))),
        lambda g, out, y, x: multiply(g, divide(negative(y), add(square(x), square(y)))),
    ),
    ufunc="arctan2",
    scalar="atan2({y}, {x})",
    rounding="function",
    tf_name="Atan2",
    samples=BINARY,
    doc="Return the angle of the point (x, y).",
    ref=f"{MATH}/atan2",
)

sinh = unary(
    "sinh",
    lambda xp, x: xp.sinh(x),
    lambda g, out, x: multiply(g, cosh(x)),
    tf_name="Sinh",
    ufunc="sinh",
    scalar="sinh({x})",
    rounding="function",
    doc="Return the hyperbolic sine.",
)

cosh: OpDef = unary(
    "cosh",
    lambda xp, x: xp.cosh(x),
    lambda g, out, x: multiply(g, sinh(x)),
    tf_name="Cosh",
    ufunc="cosh",
    scalar="cosh({x})",
    rounding="function",
    doc="Return the hyperbolic cosine.",
)

tanh = unary(
    "tanh",
    lambda xp, x: xp.tanh(x),
    lambda g, out, x: multiply(g, subtract(1.0, square(out))),
    tf_name="Tanh",
    ufunc="tanh",
    scalar="tanh({x})",
    rounding="function",
    doc="Return the hyperbolic tangent.",
)


def _sigmoid(xp: Any, x: Any) -> Any:
    # 1 / (1 + exp(-x)) with exp(-|x|), so that nothing overflows.
    decayed = xp.exp(-xp.abs(x))
    one = x.dtype.type(1)
    return xp.where(x >= 0, one, decayed) / (one + decayed)


sigmoid = unary(
    "sigmoid",
    _sigmoid,
    lambda g, out, x: multiply(g, multiply(out, subtract(1.0, out))),
    tf_name="Sigmoid",
    scalar="sigmoid({x})",
    rounding="function",
    doc="Return 1 / (1 + exp(-x)).",
)

erf = unary(
    "erf",
    special.erf,
    lambda g, out, x: multiply(g, multiply(2.0 / math.sqrt(math.pi), exp(negative(square(x))))),
    tf_name="Erf",
    scalar="erf({x})",
    rounding="function",
    doc="Return the error function.",
)

erfc = unary(
    "erfc",
    special.erfc,
    lambda g, out, x: multiply(g, multiply(-2.0 / math.sqrt(math.pi), exp(negative(square(x))))),
    tf_name="Erfc",
    scalar="erfc({x})",
    rounding="function",
    doc="Return 1 - erf(x), exact for large x.",
)

lgamma = unary(
    "lgamma",
    special.lgamma,
    lambda g, out, x: multiply(g, digamma(x)),
    tf_name="Lgamma",
    rounding="function",
    samples=POSITIVE,
    doc="Return the logarithm of the absolute value of the gamma function.",
)

digamma: OpDef = unary(
    "digamma",
    special.digamma,
    lambda g, out, x: multiply(g, polygamma(x, order=1)),
    tf_name="Digamma",
    rounding="function",
    samples=POSITIVE,
    doc="Return the derivative of lgamma.",
)

polygamma: OpDef = define_op(
    "polygamma(x: float; order) -> like(x)",
    kernel=special.polygamma,
    vjp=lambda g, out, x, order: multiply(g, polygamma(x, order=order + 1)),
    tf_name="Polygamma",
    samples=[
        case(arg("f32[3,4]", 0.1, 3.0), order=1),
        case(arg("f64[4]", -3.0, 3.0), order=2),
        case(values([0.0, -2.0, 1e30, float("nan"), -2.5], "f64"), order=1, differentiable=False),
    ],
    doc="Return the derivative of digamma of the given order, 1 or more; NaN at the poles.",
    ref=f"{MATH}/polygamma",
)

floor = unary(
    "floor",
    lambda xp, x: xp.floor(x),
    NOT_DIFFERENTIABLE,
    tf_name="Floor",
    ufunc="floor",
    scalar="floor({x})",
    doc="Round towards minus infinity.",
)

ceil = unary(
    "ceil",
    lambda xp, x: xp.ceil(x),
    NOT_DIFFERENTIABLE,
    tf_name="Ceil",
    ufunc="ceil",
    scalar="ceil({x})",
    doc="Round towards plus infinity.",
)

rint = unary(
    "rint",
    lambda xp, x: xp.rint(x),
    NOT_DIFFERENTIABLE,
    tf_name="Rint",
    ufunc="rint",
    scalar="rint({x})",
    doc="Round to the nearest integer, halves to even.",
)

round_ = unary(
    "round",
    lambda xp, x: xp.rint(x) if x.dtype.kind == "f" else x,
    NOT_DIFFERENTIABLE,
    tf_name="Round",
    kind="num",
    scalar=lambda node: "rint({x})" if node.dtype.is_floating else "{x}",
    doc="Round to the nearest integer, halves to even.",
)
