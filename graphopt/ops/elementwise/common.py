"""What the elementwise families share: sample calls, and the block of a function of one operand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphopt.ir.opdef import OpDef, define_op
from graphopt.ir.samples import SPECIAL, arg, case, values

MATH = "https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/math"

UNARY = [case("f32[3,4]"), case("f64[]"), case("f32[0,2]"), case(values(SPECIAL), differentiable=False)]
POSITIVE = [case(arg("f32[3,4]", 0.1, 3.0)), case(arg("f64[]", 0.1, 3.0)), case("f32[0,2]"), case(values(SPECIAL), differentiable=False)]
INSIDE_ONE = [case(arg("f32[3,4]", -0.9, 0.9)), case(arg("f64[2]", -0.9, 0.9)), case(values(SPECIAL), differentiable=False)]
BINARY = [case("f32[3,4]", "f32[4]"), case("f64[2,1]", "f64[1,3]"), case("f32[]", "f32[2,2]"), case("f32[0,2]", "f32[2]"),
          case(values([SPECIAL]), values([[v] for v in SPECIAL]), differentiable=False)]  # fmt: skip
WHOLE = [case("i32[3,4]", "i32[4]"), case("i64[2,1]", "i64[1,3]")]
COMPARABLE = [*BINARY, *WHOLE]


def unary(
    name: str,
    kernel: Any,
    vjp: Any,
    *,
    tf_name: str,
    kind: str = "float",
    result: str = "like(x)",
    samples: Any = UNARY,
    ufunc: str | None = None,
    scalar: str | Callable[..., str | None] | None = None,
    doc: str,
    ref: str = "",
    linear: bool = False,
    correctly_rounded: bool = False,
    rounding: str = "exact",
) -> OpDef:
    """Define a function of one operand.

    Args:
      name, kernel, vjp, tf_name, samples, ufunc, scalar, doc, correctly_rounded, rounding: as for `define_op`.
      kind: the kind of the operand. result: the rule of the result's type.
      ref: where it is described; by default TensorFlow's page of that name. linear: whether it is linear in its operand.
    """
    return define_op(f"{name}(x: {kind}) -> {result}", kernel=kernel, vjp=vjp, tf_name=tf_name, samples=samples, ufunc=ufunc,
                     scalar=scalar, doc=doc, ref=ref or f"{MATH}/{name}", linear_in=("x",) if linear else (),
                     correctly_rounded=correctly_rounded, rounding=rounding)  # fmt: skip


def works_on_integers(x: Any, y: Any) -> bool:
    """Return True for integer operands, which some functions can't be defined for everywhere."""
    return bool(x.dtype.is_integer)
