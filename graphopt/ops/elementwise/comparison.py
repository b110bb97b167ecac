"""Comparison, logic and bits, element by element."""

from __future__ import annotations

from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.samples import case
from graphopt.ops.elementwise.common import COMPARABLE, MATH, WHOLE, unary

is_nan = unary(
    "is_nan",
    lambda xp, x: xp.isnan(x),
    NOT_DIFFERENTIABLE,
    tf_name="IsNan",
    result="bool_like(x)",
    ufunc="isnan",
    scalar="isnan({x})",
    doc="Return where x is NaN.",
)

is_inf = unary(
    "is_inf",
    lambda xp, x: xp.isinf(x),
    NOT_DIFFERENTIABLE,
    tf_name="IsInf",
    result="bool_like(x)",
    ufunc="isinf",
    scalar="isinf({x})",
    doc="Return where x is infinite.",
)

is_finite = unary(
    "is_finite",
    lambda xp, x: xp.isfinite(x),
    NOT_DIFFERENTIABLE,
    tf_name="IsFinite",
    result="bool_like(x)",
    ufunc="isfinite",
    scalar="isfinite({x})",
    doc="Return where x is neither NaN nor infinite.",
)


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

less_equal: OpDef = _comparison("less_equal", "less_equal", "<=", "LessEqual", "Return where x is at most y.")

greater = _comparison("greater", "greater", ">", "Greater", "Return where x is larger than y.")

greater_equal: OpDef = _comparison("greater_equal", "greater_equal", ">=", "GreaterEqual", "Return where x is at least y.")

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
