"""Mathematical functions of numbers and vectors, written in LLVM's intermediate representation.

``MATH[name](function, x)`` writes the call of a function into the function that is being written and returns the result. float is
computed by formulas of our own, with fused multiply-adds, which give the same bits for every number of lanes and on every processor.
half is computed as float. double is left to the C library, lane by lane, but for ``sqrt`` and ``rsqrt`` and for what is around the
library's ``exp`` and ``log1p`` in ``sigmoid`` and ``softplus``.

Infinities, NaN, denormal operands and results and the sign of zero are right. The errors of float, in numbers from the correctly rounded
one, are the worst of all 2**32 operands as ``tests/native/exhaustive_math.py`` found them, with the share of results that are not the
correctly rounded ones:

========  =====  ========    ========  =====  ========
function  worst  of all      function  worst  of all
========  =====  ========    ========  =====  ========
exp       1      0.25 %      sin       2      1.03 %
expm1     2      0.36 %      cos       2      1.10 %
sigmoid   2      2.92 %      tan       3      -
log       1      1.69 %      asin      2      -
log1p     2      1.00 %      acos      1      -
softplus  2      2.57 %      atan      1      4.13 %
tanh      2      3.91 %      erf       1      0.71 %
sinh      2      0.44 %      erfc      1      0.16 %
cosh      1      1.01 %      rsqrt     1      12.95 %
========  =====  ========    ========  =====  ========

The shares marked - were not counted; ``tan``, ``asin`` and ``acos`` are known from samples of every exponent alone. ``sqrt`` is
correctly rounded; ``pow`` and ``atan2`` were at most 1 off in 20 and 10 million random pairs.
"""

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
