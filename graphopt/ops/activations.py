"""Activation functions of neural networks, element by element."""

from __future__ import annotations

from typing import Any

from graphopt.ir.opdef import OpDef, define_op
from graphopt.ir.samples import SPECIAL, case, values
from graphopt.ops.array import concat
from graphopt.ops.composing import scope
from graphopt.ops.elementwise import (
    absolute,
    add,
    divide,
    exp,
    expm1,
    greater,
    less,
    log1p,
    logical_and,
    maximum,
    minimum,
    multiply,
    negative,
    select,
    sigmoid,
    square,
    zeros_as,
)

NN = "https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/nn"

# Klambauer et al., Self-Normalizing Neural Networks (2017): the fixed point of mean 0 and variance 1.
SELU_SCALE = 1.0507009873554804934193349852946
SELU_SCALE_ALPHA = 1.7580993408473768599402175208123

_SAMPLES = [case("f32[3,4]"), case("f64[]"), case("f64[3]"), case("f32[0,2]"), case(values(SPECIAL), differentiable=False)]
_WHOLE = [case("i32[3]")]


def _activation(signature: str, *, whole: bool = False, **block: Any) -> OpDef:
    name = signature.partition("(")[0]
    return define_op(signature, samples=_SAMPLES + _WHOLE if whole else _SAMPLES, ref=f"{NN}/{name}", **block)


# The rules look at the result, not the operand, so that the operand's memory can be used again.

relu = _activation(
    "relu(x: num) -> like(x)",
    kernel=lambda xp, x: xp.maximum(x, x.dtype.type(0)),
    vjp=lambda g, out, x: select(greater(out, 0), g, zeros_as(g)),
    expand=lambda x: maximum(x, 0), buffered="maximum({x}, 0, out={out})", scalar="maximum({x}, 0)", tf_name="Relu", whole=True,
    doc="Return max(x, 0); the gradient at 0 is 0.",
)  # fmt: skip

relu6 = _activation(
    "relu6(x: num) -> like(x)",
    kernel=lambda xp, x: xp.minimum(xp.maximum(x, x.dtype.type(0)), x.dtype.type(6)),
    vjp=lambda g, out, x: select(logical_and(greater(out, 0), less(out, 6)), g, zeros_as(g)),
    expand=lambda x: minimum(maximum(x, 0), 6), scalar="minimum(maximum({x}, 0), 6)", tf_name="Relu6", whole=True,
    doc="Return min(max(x, 0), 6); the gradient at 0 and 6 is 0.",
)  # fmt: skip


def _leaky(xp: Any, x: Any, alpha: float) -> Any:
    return xp.where(x > 0, x, x * x.dtype.type(alpha))


leaky_relu_op = _activation(
    "leaky_relu(x: float; alpha = 0.2) -> like(x)",
    kernel=_leaky,
    vjp=lambda g, out, x, alpha: select(greater(x, 0), g, multiply(g, alpha)),
    expand=lambda x, alpha: select(greater(x, 0), x, multiply(x, alpha)),
    scalar="({x} if {x} > 0 else {alpha} * {x})", tf_name="LeakyRelu", doc="Return x where it is positive and alpha * x elsewhere.",
)  # fmt: skip


def leaky_relu(x: Any, *, alpha: Any = 0.2, name: str | None = None) -> Any:
    """Return `x` where it is positive and `alpha` times `x` elsewhere.

    Args:
      x: floats of any shape. alpha: a number, or a tensor that broadcasts with `x`. name: name of the operation.
    """
    if hasattr(alpha, "builder"):
        return select(greater(x, 0), x, multiply(x, alpha), name=name or "LeakyRelu")
    return leaky_relu_op(x, alpha=float(alpha), name=name)


def _negative_part(xp: Any, x: Any) -> Any:
    # exp of the positive elements would overflow, and they are not used.
    return xp.expm1(xp.minimum(x, x.dtype.type(0)))


elu = _activation(
    "elu(x: float) -> like(x)",
    kernel=lambda xp, x: xp.where(x < 0, _negative_part(xp, x), x),
    vjp=lambda g, out, x: select(less(out, 0), multiply(g, add(out, 1)), g),
    expand=lambda x: select(less(x, 0), expm1(minimum(x, 0)), x), scalar="(expm1({x}) if {x} < 0 else {x})", tf_name="Elu",
    doc="Return exp(x) - 1 where x is negative and x elsewhere.",
)  # fmt: skip

selu = _activation(
    "selu(x: float) -> like(x)",
    kernel=lambda xp, x: xp.where(x < 0, x.dtype.type(SELU_SCALE_ALPHA) * _negative_part(xp, x), x.dtype.type(SELU_SCALE) * x),
    vjp=lambda g, out, x: select(less(out, 0), multiply(g, add(out, SELU_SCALE_ALPHA)), multiply(g, SELU_SCALE)),
    expand=lambda x: select(less(x, 0), multiply(expm1(minimum(x, 0)), SELU_SCALE_ALPHA), multiply(x, SELU_SCALE)),
    scalar=f"({SELU_SCALE_ALPHA!r} * expm1({{x}}) if {{x}} < 0 else {SELU_SCALE!r} * {{x}})", tf_name="Selu",
    doc="Return the scaled exponential linear unit, which keeps mean 0 and variance 1.",
)  # fmt: skip


def _softplus(xp: Any, x: Any) -> Any:
    # log(1 + exp(x)) with exp(-|x|), so that nothing overflows and small values stay exact.
    return xp.maximum(x, x.dtype.type(0)) + xp.log1p(xp.exp(-xp.abs(x)))


softplus = _activation(
    "softplus(x: float) -> like(x)",
    kernel=_softplus, vjp=lambda g, out, x: multiply(g, sigmoid(x)),
    expand=lambda x: add(maximum(x, 0), log1p(exp(negative(absolute(x))))),
    scalar="softplus({x})", tf_name="Softplus",
    doc="Return log(1 + exp(x)) without overflow.",
)  # fmt: skip

softsign = _activation(
    "softsign(x: float) -> like(x)",
    kernel=lambda xp, x: x / (xp.abs(x) + x.dtype.type(1)),
    vjp=lambda g, out, x: divide(g, square(add(absolute(x), 1))),
    expand=lambda x: divide(x, add(absolute(x), 1)), scalar="{x} / (abs({x}) + 1)", tf_name="Softsign", doc="Return x / (|x| + 1).",
)  # fmt: skip

# --- made of others --------------------------------------------------------------------------------------------------


def log_sigmoid(x: Any, *, name: str | None = None) -> Any:
    """Return log(sigmoid(x)) without overflow.

    Args:
      x: floats of any shape. name: name of the operation.
    """
    with scope(name or "LogSigmoid", x) as entered:
        return negative(softplus(negative(x)), name=entered)


def swish(x: Any, *, name: str | None = None) -> Any:
    """Return x * sigmoid(x).

    Args:
      x: floats of any shape. name: name of the operation.
    """
    with scope(name or "swish", x) as entered:
        return multiply(x, sigmoid(x), name=entered)


def crelu(x: Any, *, axis: int = -1, name: str | None = None) -> Any:
    """Return relu of `x` and of -`x`, joined along `axis`, which doubles.

    Args:
      x: numbers of any shape but a scalar. axis: the axis that doubles. name: name of the operation.
    """
    with scope(name or "CRelu", x) as entered:
        return relu(concat([x, negative(x)], axis), name=entered)
