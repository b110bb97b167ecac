"""Box and Muller's transform: two uniforms to two normals, for vectors of them.

Logarithm, sine and cosine are needed for numbers of known ranges alone, and are accurate to about one unit in the last place of double
precision there. Source: fdlibm (Sun Microsystems, 1993), ``e_log.c``, ``k_sin.c``, ``k_cos.c``.
"""

from __future__ import annotations

import math

import numpy as np

from graphopt.backends.native.emitter import Function, Module, Value, constant, element_of, with_element
from graphopt.backends.native.math.lanes import Lanes

_LEAST = {"float": float(np.float32(1e-7)), "double": 1e-7}  # TensorFlow raises a uniform to this before it takes the log
_LOG = (0.6666666666666735130, 0.3999999999940941908, 0.2857142874366239149, 0.2222219843214978396, 0.1818357216161805012,
        0.1531383769920937332, 0.1479819860511658591)  # fmt: skip
_SIN = (-1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04, 2.75573137070700676789e-06,
        -2.50507602534068634195e-08, 1.58969099521155010221e-10)  # fmt: skip
_COS = (4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05, -2.75573143513906633035e-07,
        2.08757232129817482790e-09, -1.13596475577881948265e-11)  # fmt: skip
_LN2 = (6.93147180369123816490e-01, 1.90821492927058770002e-10)  # the first has zeros at its end
_HALF_PI = (1.57079632673412561417e00, 6.07710050650619224932e-11)
_BITS_OF_ROOT_HALF = 0x3FE6A09E667F3BCD
_TO_INTEGER = 6755399441055744.0  # 1.5 * 2**52: added to a small number it leaves the number, rounded, in the last bits


def normal_pair(function: Function, first: Value, second: Value, element: str) -> tuple[Value, Value]:
    """Return the normals that two uniforms make.

    Args:
      function: the kernel. first, second: vectors of doubles of [0, 1). element: ``float`` or ``double``, the precision of the result.
    """
    name = f"normal_pair_{element}"
    result = with_element(first.type, element)
    both = f"{{ {result}, {result} }}"
    if not function.module.has(name):
        _emit_pair(function.module, name, first.type, element, both)
    pair = function.call(name, both, first, second)
    return tuple(function.value(result, f"extractvalue {pair}, {i}") for i in range(2))  # type: ignore[return-value]


def _emit_pair(module: Module, name: str, type_: str, element: str, result: str) -> None:
    function = module.function(name, ((type_, "first"), (type_, "second")), result, attributes="nounwind")
    first, second = (Lanes(function, parameter) for parameter in function.parameters)
    log = _rounded(_log(first.at_least(_LEAST[element])), element)
    radius = (log * -2.0).sqrt()
    angle = _rounded(second * (2 * math.pi), element)
    values = [radius * _rounded(part, element) for part in _sin_cos(_rounded(angle, "double"))]
    made = Value("undef", result)
    for i, value in enumerate(values):
        made = function.value(result, f"insertvalue {made}, {value.value}, {i}")
    function.ret(made)


def _rounded(x: Lanes, element: str) -> Lanes:
    return x if element_of(x.type) == element else x.rounded_to(element)


def _log(x: Lanes) -> Lanes:
    """Return the logarithm of normal numbers above 0: of m times 2**e, with m around 1, as ``e ln 2 + log m``."""
    function = x.function
    bits = x.bits()
    exponent = (bits - _BITS_OF_ROOT_HALF) >> 52
    f = (bits - (exponent << 52)).bits() - 1.0
    s = f / (f + 2.0)
    z = s * s
    r = z * z.polynomial(_LOG)
    half = f * f * 0.5
    shifted = Lanes(function, constant(exponent.type, 0x4338000000000000)) + exponent
    e = shifted.bits() - _TO_INTEGER
    low = s * (half + r) + e * _LN2[1]
    return e * _LN2[0] - ((half - low) - f)


def _sin_cos(x: Lanes) -> tuple[Lanes, Lanes]:
    """Return sine and cosine of numbers from 0 to 2 pi: those of the rest beside a multiple of pi / 2, exchanged and negated."""
    shifted = x * (2 / math.pi) + _TO_INTEGER
    quarter, n = shifted.bits(), shifted - _TO_INTEGER
    y = x - n * _HALF_PI[0] - n * _HALF_PI[1]
    z = y * y
    sin = z * y * z.polynomial(_SIN) + y
    half = z * 0.5
    w = 1.0 - half
    cos = w + ((1.0 - w) - half + z * z * z.polynomial(_COS))
    is_odd = (quarter & 1).equals(1)
    sine, cosine = cos.where(is_odd, sin), sin.where(is_odd, cos)
    sign = 1 << 63
    negative_sine = (quarter << 62) & sign
    negative_cosine = ((quarter + 1) << 62) & sign
    return (sine.bits() ^ negative_sine).bits(), (cosine.bits() ^ negative_cosine).bits()
