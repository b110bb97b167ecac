"""log, log1p and softplus.

``log(x) = k * ln 2 + log1p(f)`` with ``x = 2**k * (1 + f)`` and f in ``[-1/3, 1/3]``. Polynomial: Remez's algorithm for the relative error
in 120 bits, one coefficient after the other rounded to float and the rest fitted again.
"""

from __future__ import annotations

import math

from graphopt.backends.native.math.exponential import MANTISSA_BITS, ONE_BITS, exp_of_negative_magnitude
from graphopt.backends.native.math.lanes import Lanes
from graphopt.backends.native.math.registry import library

_LN2 = math.log(2)
_SMALLEST_NORMAL = 2.0**-126
_TWO_THIRDS_BITS = 0x3F2AAAAB
_EXPONENT_BITS = -0x800000
# log1p(f) = f + f**2 * (...), relative error 2**-27.7.
_LOG1P = (-0.5, 0.3333321511745453, -0.2499980628490448, 0.2001042664051056, -0.16680191457271576, 0.1400572657585144, -0.1218755766749382,
          0.13984668254852295, -0.12879739701747894)  # fmt: skip


def _log1p_near_zero(f: Lanes) -> Lanes:
    return (f * f).fma(f.polynomial(_LOG1P), f)


def log_single(x: Lanes) -> Lanes:
    """Return the natural logarithm."""
    tiny = x < _SMALLEST_NORMAL
    bits = (x * 2.0**MANTISSA_BITS).where(tiny, x).bits()
    exponent = (bits - _TWO_THIRDS_BITS) & _EXPONENT_BITS
    f = (bits - exponent).bits() - 1
    k = exponent.to_float().fma(2.0**-MANTISSA_BITS, x.constant(-MANTISSA_BITS).where(tiny, 0))
    result = k.fma(_LN2, _log1p_near_zero(f)).where(x < math.inf, x)
    return result.unless(x < 0, math.nan).unless(x.equals(0), -math.inf)


def _log1p_finite(x: Lanes) -> Lanes:
    """Return ``log(1 + x)`` for finite x above -1; the exponent of ``1 + x`` is what x and 1 are both scaled by before they are added."""
    bits = (x + 1).bits()
    # -k as an exponent: (TWO_THIRDS - bits) rounded up to a whole one.
    lower = (bits.constant(_TWO_THIRDS_BITS - _EXPONENT_BITS - 1) - bits) & _EXPONENT_BITS
    quarter = (lower + (ONE_BITS + (2 << MANTISSA_BITS))).bits()
    # The differences, rather than sums, keep the sign of -0.
    f = (x.bits() + lower).bits() - quarter.fma(-0.25, 1)
    minus_k = lower.to_float() * 2.0**-MANTISSA_BITS
    return (-minus_k).fma(_LN2, _log1p_near_zero(f))


def log1p_single(x: Lanes) -> Lanes:
    """Return ``log(1 + x)``, exact for small x."""
    result = _log1p_finite(x).where(x < math.inf, x)
    return result.unless(x < -1, math.nan).unless(x.equals(-1), -math.inf)


def softplus_single(x: Lanes) -> Lanes:
    """Return ``log(1 + exp(x))`` as ``max(x, 0) + log1p(exp(-|x|))``."""
    return x.at_least(0) + _log1p_finite(exp_of_negative_magnitude(x))


def softplus_double(x: Lanes) -> Lanes:
    """Return the same for double, with the C library's exp and log1p."""
    return x.at_least(0) + library("log1p")(library("exp")(-abs(x)))
