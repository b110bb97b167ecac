"""Mathematical functions of vectors, written in LLVM's intermediate representation."""

from __future__ import annotations

from collections.abc import Mapping

from graphopt.backends.native.math import error_function, exponential, hyperbolic, inverse, logarithm, power, trigonometric
from graphopt.backends.native.math.lanes import Lanes
from graphopt.backends.native.math.registry import VectorFunction, library, vector_function


def _rsqrt(x: Lanes) -> Lanes:
    return 1.0 / x.sqrt()


MATH: Mapping[str, VectorFunction] = {
    "exp": vector_function("exp", exponential.exp_single, library("exp")),
    "expm1": vector_function("expm1", exponential.expm1_single, library("expm1")),
    "sigmoid": vector_function("sigmoid", exponential.sigmoid_single, exponential.sigmoid_double),
    "log": vector_function("log", logarithm.log_single, library("log")),
    "log1p": vector_function("log1p", logarithm.log1p_single, library("log1p")),
    "softplus": vector_function("softplus", logarithm.softplus_single, logarithm.softplus_double),
    "tanh": vector_function("tanh", hyperbolic.tanh_single, library("tanh")),
    "sinh": vector_function("sinh", hyperbolic.sinh_single, library("sinh")),
    "cosh": vector_function("cosh", hyperbolic.cosh_single, library("cosh")),
    "erf": vector_function("erf", error_function.erf_single, library("erf")),
    "erfc": vector_function("erfc", error_function.erfc_single, library("erfc")),
    "sin": vector_function("sin", trigonometric.sin_single, library("sin")),
    "cos": vector_function("cos", trigonometric.cos_single, library("cos")),
    "tan": vector_function("tan", trigonometric.tan_single, library("tan")),
    "asin": vector_function("asin", inverse.asin_single, library("asin")),
    "acos": vector_function("acos", inverse.acos_single, library("acos")),
    "atan": vector_function("atan", inverse.atan_single, library("atan")),
    "atan2": vector_function("atan2", inverse.atan2_single, library("atan2")),
    "pow": vector_function("pow", power.pow_single, library("pow")),
    "sqrt": vector_function("sqrt", Lanes.sqrt, Lanes.sqrt, inline_double=True),
    "rsqrt": vector_function("rsqrt", _rsqrt, _rsqrt, inline_double=True),
}
