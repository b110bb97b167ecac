"""Elementwise arithmetic, comparison, logic and casts."""
# Long because: one block per op, and this family has the most ops.

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.dtypes import DType
from graphopt.errors import invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.samples import SPECIAL, arg, case, values
from graphopt.ir.types import TensorType
from graphopt.ops import special

MATH = "https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/math"

UNARY = [case("f32[3,4]"), case("f64[]"), case("f32[0,2]"), case(values(SPECIAL), differentiable=False)]
POSITIVE = [case(arg("f32[3,4]", 0.1, 3.0)), case(arg("f64[]", 0.1, 3.0)), case("f32[0,2]"), case(values(SPECIAL), differentiable=False)]
INSIDE_ONE = [case(arg("f32[3,4]", -0.9, 0.9)), case(arg("f64[2]", -0.9, 0.9)), case(values(SPECIAL), differentiable=False)]
BINARY = [case("f32[3,4]", "f32[4]"), case("f64[2,1]", "f64[1,3]"), case("f32[]", "f32[2,2]"), case("f32[0,2]", "f32[2]"),
          case(values([SPECIAL]), values([[v] for v in SPECIAL]), differentiable=False)]  # fmt: skip
WHOLE = [case("i32[3,4]", "i32[4]"), case("i64[2,1]", "i64[1,3]")]
COMPARABLE = [*BINARY, *WHOLE]


def _unary(
    name: str,
    kernel: Any,
    vjp: Any,
    *,
    tf_name: str,
    kind: str = "float",
    result: str = "like(x)",
    samples: Any = UNARY,
    ufunc: str | None = None,
    scalar: str | None = None,
    doc: str,
    ref: str = "",
    linear: bool = False,
    correctly_rounded: bool = False,
) -> OpDef:
    return define_op(f"{name}(x: {kind}) -> {result}", kernel=kernel, vjp=vjp, tf_name=tf_name, samples=samples, ufunc=ufunc,
                     scalar=scalar, doc=doc, ref=ref or f"{MATH}/{name}", linear_in=("x",) if linear else (),
                     correctly_rounded=correctly_rounded)  # fmt: skip


# --- arithmetic --------------------------------------------------------------------------------------------------------

add = define_op(
    "add(x: any, y: same(x)) -> broadcast(x, y)",
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

multiply = define_op(
    "multiply(x: num, y: same(x)) -> broadcast(x, y)",
    kernel=lambda xp, x, y: xp.multiply(x, y),
    vjp=(lambda g, out, x, y: multiply(g, y), lambda g, out, x, y: multiply(g, x)),
    ufunc="multiply", correctly_rounded=True, scalar="{x} * {y}", tf_name="Mul", commutative=True, samples=COMPARABLE,
    doc="Return x * y, element by element.", ref=f"{MATH}/multiply",
)  # fmt: skip

divide = define_op(
    "divide(x: float, y: same(x)) -> broadcast(x, y)",
    kernel=lambda xp, x, y: xp.divide(x, y),
    vjp=(lambda g, out, x, y: divide(g, y), lambda g, out, x, y: multiply(g, divide(divide(negative(x), y), y))),
    ufunc="divide", correctly_rounded=True, scalar="{x} / {y}", tf_name="RealDiv", linear_in=("x",), samples=BINARY,
    doc="Return x / y, element by element, for floating point operands.", ref=f"{MATH}/divide",
)  # fmt: skip


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


def _divides_integers(x: Any, y: Any) -> bool:
    return bool(x.dtype.is_integer)


_WHOLE_DIVISOR = [case(arg("i32[3,4]", -9, 9), arg("i32[4]", 1, 5)), case(values([7, -7], "i64"), values([[3], [-3]], "i64")),
                  case(arg("f32[3]", -9, 9), arg("f32[3]", 1, 5))]  # fmt: skip

floordiv = define_op(
    "floordiv(x: num, y: same(x)) -> broadcast(x, y)",
    kernel=_floor_divide,
    vjp=NOT_DIFFERENTIABLE,
    fallible=_divides_integers,
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
    fallible=_divides_integers, tf_name="FloorMod", samples=_WHOLE_DIVISOR,
    doc="Return the remainder of the division rounded towards minus infinity.", ref=f"{MATH}/floormod",
)  # fmt: skip

truncatediv = define_op(
    "truncatediv(x: int, y: same(x)) -> broadcast(x, y)",
    kernel=_truncate_divide, vjp=NOT_DIFFERENTIABLE, fallible=True, tf_name="TruncateDiv", samples=_WHOLE_DIVISOR[:2],
    doc="Return x / y rounded towards zero.", ref="https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/truncatediv",
)  # fmt: skip


def _pow(xp: Any, x: Any, y: Any) -> Any:
    if y.dtype.kind in "iu" and np.any(y < 0):
        raise invalid_argument("Integers to negative integer powers are not allowed")
    return xp.power(x, y)


def _pow_gradient_of_exponent(g: Any, out: Any, x: Any, y: Any) -> Any:
    # log(x) only where x > 0: elsewhere the gradient is 0, and never NaN from log of the other branch.
    is_positive = greater(x, 0)
    return multiply(multiply(g, out), select(is_positive, log(select(is_positive, x, ones_as(x))), zeros_as(x)))


power = define_op(
    "power(x: num, y: same(x)) -> broadcast(x, y)",
    kernel=_pow,
    vjp=(lambda g, out, x, y: multiply(multiply(g, y), power(x, subtract(y, 1))), _pow_gradient_of_exponent),
    fallible=_divides_integers, buffered=lambda node: None if node.dtype.is_integer else "power({x}, {y}, {out})", tf_name="Pow",
    samples=[case(arg("f32[3,4]", 0.1, 2.0), "f32[4]"), case(arg("f64[]", 0.1, 2.0), "f64[2]"),
             case(values([SPECIAL]), values([[v] for v in SPECIAL]), differentiable=False), case(arg("i32[3]", 0, 4), arg("i32[3]", 0, 4))],
    public_name="pow", doc="Return x to the power y.", ref=f"{MATH}/pow",
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

atan2 = define_op(
    "atan2(y: float, x: same(y)) -> broadcast(y, x)",
    kernel=lambda xp, y, x: xp.arctan2(y, x),
    vjp=(
        lambda g, out, y, x: multiply(g, divide(x, add(square(x), square(y)))),
        lambda g, out, y, x: multiply(g, divide(negative(y), add(square(x), square(y)))),
    ),
    ufunc="arctan2",
    scalar="atan2({y}, {x})",
    tf_name="Atan2",
    samples=BINARY,
    doc="Return the angle of the point (x, y).",
    ref=f"{MATH}/atan2",
)


def _div_no_nan(xp: Any, x: Any, y: Any) -> Any:
    return xp.where(y == 0, xp.zeros_like(y), xp.divide(x, xp.where(y == 0, xp.ones_like(y), y)))


div_no_nan = define_op(
    "div_no_nan(x: float, y: same(x)) -> broadcast(x, y)",
    kernel=_div_no_nan,
    vjp=(lambda g, out, x, y: div_no_nan(g, y), lambda g, out, x, y: multiply(g, div_no_nan(div_no_nan(negative(x), y), y))),
    tf_name="DivNoNan", default_name="div_no_nan", samples=BINARY, doc="Return x / y, and 0 where y is 0.", ref=f"{MATH}/divide_no_nan",
)  # fmt: skip

# --- functions of one operand ---------------------------------------------------------------------------------------------

negative = _unary("negative", lambda xp, x: xp.negative(x), lambda g, out, x: negative(g), tf_name="Neg", kind="num", ufunc="negative", correctly_rounded=True,
                  scalar="-{x}", linear=True, samples=[*UNARY, case("i32[3]")], doc="Return -x.")  # fmt: skip
absolute = _unary(
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
sign = _unary(
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
square = _unary(
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
sqrt = _unary(
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
rsqrt = _unary(
    "rsqrt",
    lambda xp, x: xp.divide(x.dtype.type(1), xp.sqrt(x)),
    lambda g, out, x: multiply(multiply(g, -0.5), multiply(out, multiply(out, out))),
    tf_name="Rsqrt",
    scalar="1 / sqrt({x})",
    samples=POSITIVE,
    doc="Return 1 / sqrt(x).",
)
reciprocal = _unary("reciprocal", lambda xp, x: xp.divide(x.dtype.type(1), x), lambda g, out, x: multiply(negative(g), multiply(out, out)),
                    tf_name="Reciprocal", scalar="1 / {x}", samples=POSITIVE, doc="Return 1 / x.")  # fmt: skip
exp = _unary(
    "exp", lambda xp, x: xp.exp(x), lambda g, out, x: multiply(g, out), tf_name="Exp", ufunc="exp", scalar="exp({x})", doc="Return e**x."
)
expm1 = _unary(
    "expm1",
    lambda xp, x: xp.expm1(x),
    lambda g, out, x: multiply(g, exp(x)),
    tf_name="Expm1",
    ufunc="expm1",
    scalar="expm1({x})",
    doc="Return e**x - 1, exact for small x.",
)
log = _unary(
    "log",
    lambda xp, x: xp.log(x),
    lambda g, out, x: divide(g, x),
    tf_name="Log",
    ufunc="log",
    scalar="log({x})",
    samples=POSITIVE,
    doc="Return the natural logarithm.",
)
log1p = _unary(
    "log1p",
    lambda xp, x: xp.log1p(x),
    lambda g, out, x: divide(g, add(x, 1)),
    tf_name="Log1p",
    ufunc="log1p",
    scalar="log1p({x})",
    samples=POSITIVE,
    doc="Return log(1 + x), exact for small x.",
)
sin = _unary(
    "sin",
    lambda xp, x: xp.sin(x),
    lambda g, out, x: multiply(g, cos(x)),
    tf_name="Sin",
    ufunc="sin",
    scalar="sin({x})",
    doc="Return the sine.",
)
cos = _unary(
    "cos",
    lambda xp, x: xp.cos(x),
    lambda g, out, x: negative(multiply(g, sin(x))),
    tf_name="Cos",
    ufunc="cos",
    scalar="cos({x})",
    doc="Return the cosine.",
)
tan = _unary(
    "tan",
    lambda xp, x: xp.tan(x),
    lambda g, out, x: multiply(g, add(square(out), 1)),
    tf_name="Tan",
    ufunc="tan",
    scalar="tan({x})",
    samples=INSIDE_ONE,
    doc="Return the tangent.",
)
asin = _unary(
    "asin",
    lambda xp, x: xp.arcsin(x),
    lambda g, out, x: multiply(g, rsqrt(subtract(1.0, square(x)))),
    tf_name="Asin",
    ufunc="arcsin",
    scalar="asin({x})",
    samples=INSIDE_ONE,
    doc="Return the inverse sine.",
)
acos = _unary(
    "acos",
    lambda xp, x: xp.arccos(x),
    lambda g, out, x: negative(multiply(g, rsqrt(subtract(1.0, square(x))))),
    tf_name="Acos",
    ufunc="arccos",
    scalar="acos({x})",
    samples=INSIDE_ONE,
    doc="Return the inverse cosine.",
)
atan = _unary(
    "atan",
    lambda xp, x: xp.arctan(x),
    lambda g, out, x: divide(g, add(square(x), 1)),
    tf_name="Atan",
    ufunc="arctan",
    scalar="atan({x})",
    doc="Return the inverse tangent.",
)
sinh = _unary(
    "sinh",
    lambda xp, x: xp.sinh(x),
    lambda g, out, x: multiply(g, cosh(x)),
    tf_name="Sinh",
    ufunc="sinh",
    scalar="sinh({x})",
    doc="Return the hyperbolic sine.",
)
cosh = _unary(
    "cosh",
    lambda xp, x: xp.cosh(x),
    lambda g, out, x: multiply(g, sinh(x)),
    tf_name="Cosh",
    ufunc="cosh",
    scalar="cosh({x})",
    doc="Return the hyperbolic cosine.",
)
tanh = _unary(
    "tanh",
    lambda xp, x: xp.tanh(x),
    lambda g, out, x: multiply(g, subtract(1.0, square(out))),
    tf_name="Tanh",
    ufunc="tanh",
    scalar="tanh({x})",
    doc="Return the hyperbolic tangent.",
)
erf = _unary(
    "erf",
    special.erf,
    lambda g, out, x: multiply(g, multiply(2.0 / math.sqrt(math.pi), exp(negative(square(x))))),
    tf_name="Erf",
    scalar="erf({x})",
    doc="Return the error function.",
)
erfc = _unary(
    "erfc",
    special.erfc,
    lambda g, out, x: multiply(g, multiply(-2.0 / math.sqrt(math.pi), exp(negative(square(x))))),
    tf_name="Erfc",
    scalar="erfc({x})",
    doc="Return 1 - erf(x), exact for large x.",
)
lgamma = _unary(
    "lgamma",
    special.lgamma,
    lambda g, out, x: multiply(g, digamma(x)),
    tf_name="Lgamma",
    samples=POSITIVE,
    doc="Return the logarithm of the absolute value of the gamma function.",
)
digamma = _unary(
    "digamma",
    special.digamma,
    lambda g, out, x: multiply(g, polygamma(x, order=1)),
    tf_name="Digamma",
    samples=POSITIVE,
    doc="Return the derivative of lgamma.",
)
polygamma = define_op(
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
floor = _unary(
    "floor",
    lambda xp, x: xp.floor(x),
    NOT_DIFFERENTIABLE,
    tf_name="Floor",
    ufunc="floor",
    scalar="floor({x})",
    doc="Round towards minus infinity.",
)
ceil = _unary(
    "ceil",
    lambda xp, x: xp.ceil(x),
    NOT_DIFFERENTIABLE,
    tf_name="Ceil",
    ufunc="ceil",
    scalar="ceil({x})",
    doc="Round towards plus infinity.",
)
rint = _unary(
    "rint",
    lambda xp, x: xp.rint(x),
    NOT_DIFFERENTIABLE,
    tf_name="Rint",
    ufunc="rint",
    scalar="rint({x})",
    doc="Round to the nearest integer, halves to even.",
)
round_ = _unary(
    "round",
    lambda xp, x: xp.rint(x) if x.dtype.kind == "f" else x,
    NOT_DIFFERENTIABLE,
    tf_name="Round",
    kind="num",
    doc="Round to the nearest integer, halves to even.",
)


def _sigmoid(xp: Any, x: Any) -> Any:
    # 1 / (1 + exp(-x)) with exp(-|x|), so that nothing overflows.
    decayed = xp.exp(-xp.abs(x))
    one = x.dtype.type(1)
    return xp.where(x >= 0, one, decayed) / (one + decayed)


sigmoid = _unary(
    "sigmoid",
    _sigmoid,
    lambda g, out, x: multiply(g, multiply(out, subtract(1.0, out))),
    tf_name="Sigmoid",
    scalar="1 / (1 + exp(-{x}))",
    doc="Return 1 / (1 + exp(-x)).",
)

is_nan = _unary(
    "is_nan",
    lambda xp, x: xp.isnan(x),
    NOT_DIFFERENTIABLE,
    tf_name="IsNan",
    result="bool_like(x)",
    ufunc="isnan",
    scalar="isnan({x})",
    doc="Return where x is NaN.",
)
is_inf = _unary(
    "is_inf",
    lambda xp, x: xp.isinf(x),
    NOT_DIFFERENTIABLE,
    tf_name="IsInf",
    result="bool_like(x)",
    ufunc="isinf",
    scalar="isinf({x})",
    doc="Return where x is infinite.",
)
is_finite = _unary(
    "is_finite",
    lambda xp, x: xp.isfinite(x),
    NOT_DIFFERENTIABLE,
    tf_name="IsFinite",
    result="bool_like(x)",
    ufunc="isfinite",
    scalar="isfinite({x})",
    doc="Return where x is neither NaN nor infinite.",
)

# --- comparison and logic ------------------------------------------------------------------------------------------------


def _comparison(name: str, ufunc: str, symbol: str, tf_name: str, doc: str, kind: str = "num", commutative: bool = False) -> OpDef:
    return define_op(
        f"{name}(x: {kind}, y: same(x)) -> bool_broadcast(x, y)",
        kernel=lambda xp, x, y: getattr(xp, ufunc)(x, y),
        vjp=NOT_DIFFERENTIABLE,
        ufunc=ufunc,
        scalar=f"{{x}} {symbol} {{y}}",
        tf_name=tf_name,
        samples=COMPARABLE,
        commutative=commutative,
        doc=doc,
        ref=f"{MATH}/{name}",
    )


equal = _comparison("equal", "equal", "==", "Equal", "Return where x equals y.", "any", commutative=True)
not_equal = _comparison("not_equal", "not_equal", "!=", "NotEqual", "Return where x differs from y.", "any", commutative=True)
less = _comparison("less", "less", "<", "Less", "Return where x is smaller than y.")
less_equal = _comparison("less_equal", "less_equal", "<=", "LessEqual", "Return where x is at most y.")
greater = _comparison("greater", "greater", ">", "Greater", "Return where x is larger than y.")
greater_equal = _comparison("greater_equal", "greater_equal", ">=", "GreaterEqual", "Return where x is at least y.")

_TRUTH = [case("bool[3,4]", "bool[4]"), case("bool[]", "bool[2]")]
logical_and = define_op(
    "logical_and(x: bool, y: bool) -> broadcast(x, y)",
    kernel=lambda xp, x, y: xp.logical_and(x, y),
    vjp=NOT_DIFFERENTIABLE,
    ufunc="logical_and",
    scalar="{x} & {y}",
    tf_name="LogicalAnd",
    commutative=True,
    samples=_TRUTH,
    doc="Return where both are true.",
    ref=f"{MATH}/logical_and",
)
logical_or = define_op(
    "logical_or(x: bool, y: bool) -> broadcast(x, y)",
    kernel=lambda xp, x, y: xp.logical_or(x, y),
    vjp=NOT_DIFFERENTIABLE,
    ufunc="logical_or",
    scalar="{x} | {y}",
    tf_name="LogicalOr",
    commutative=True,
    samples=_TRUTH,
    doc="Return where either is true.",
    ref=f"{MATH}/logical_or",
)
logical_not = define_op(
    "logical_not(x: bool) -> like(x)",
    kernel=lambda xp, x: xp.logical_not(x),
    vjp=NOT_DIFFERENTIABLE,
    ufunc="logical_not",
    scalar="~{x}",
    tf_name="LogicalNot",
    samples=[case("bool[3]")],
    doc="Return where x is false.",
    ref=f"{MATH}/logical_not",
)

bitwise_and = define_op(
    "bitwise_and(x: int, y: same(x)) -> broadcast(x, y)",
    kernel=lambda xp, x, y: xp.bitwise_and(x, y),
    vjp=NOT_DIFFERENTIABLE,
    ufunc="bitwise_and",
    scalar="{x} & {y}",
    tf_name="BitwiseAnd",
    commutative=True,
    samples=WHOLE,
    doc="Return the bits set in both.",
    ref="TensorFlow bitwise_ops.cc",
)
bitwise_or = define_op(
    "bitwise_or(x: int, y: same(x)) -> broadcast(x, y)",
    kernel=lambda xp, x, y: xp.bitwise_or(x, y),
    vjp=NOT_DIFFERENTIABLE,
    ufunc="bitwise_or",
    scalar="{x} | {y}",
    tf_name="BitwiseOr",
    commutative=True,
    samples=WHOLE,
    doc="Return the bits set in either.",
    ref="TensorFlow bitwise_ops.cc",
)
bitwise_xor = define_op(
    "bitwise_xor(x: int, y: same(x)) -> broadcast(x, y)",
    kernel=lambda xp, x, y: xp.bitwise_xor(x, y),
    vjp=NOT_DIFFERENTIABLE,
    ufunc="bitwise_xor",
    scalar="{x} ^ {y}",
    tf_name="BitwiseXor",
    commutative=True,
    samples=WHOLE,
    doc="Return the bits set in one.",
    ref="TensorFlow bitwise_ops.cc",
)
invert = define_op(
    "invert(x: int) -> like(x)",
    kernel=lambda xp, x: xp.invert(x),
    vjp=NOT_DIFFERENTIABLE,
    ufunc="invert",
    scalar="~{x}",
    tf_name="Invert",
    samples=[case("i32[3]")],
    doc="Return the bits flipped.",
    ref="TensorFlow bitwise_ops.cc",
)

# --- choice and casts ------------------------------------------------------------------------------------------------------


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


select = define_op(
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


zeros_as = define_op(
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


def _add_n_type(*xs: TensorType) -> TensorType:
    merged = xs[0].shape
    for x in xs[1:]:
        merged = shapes.merge_shapes(merged, x.shape)
    return TensorType(xs[0].dtype, merged)


def _add_n_kernel(xp: Any, *xs: Any) -> Any:
    total = xs[0] if len(xs) > 1 else xp.array(xs[0])[()]
    for x in xs[1:]:
        total = xp.add(total, x)
    return total


def _add_n_expand(*xs: Any) -> Any:
    total = xs[0]
    for x in xs[1:]:
        total = add(total, x)
    return total


add_n_op = define_op(
    "add_n(*xs: num)", infer=_add_n_type, kernel=_add_n_kernel, vjp=lambda g, out, *xs: (g,) * len(xs), expand=_add_n_expand,
    tf_name="AddN", linear_in=("xs",), samples=[case("f32[2,3]", "f32[2,3]", "f32[2,3]"), case("f64[2]"), case("i32[2]", "i32[2]")],
    doc="Add tensors of one shape, from left to right.", ref=f"{MATH}/add_n",
)  # fmt: skip


def add_n(xs: Any, name: str | None = None) -> Any:
    """Return the sum of a list of tensors of one shape and element type."""
    return add_n_op(*xs, name=name)
