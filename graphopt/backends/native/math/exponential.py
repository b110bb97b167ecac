"""exp, expm1, sigmoid and what they are made of.

``exp(x) = 2**n * exp(r)`` with ``n = rint(x / ln 2)`` and ``r = x - n * ln 2`` in ``[-ln 2 / 2, ln 2 / 2]``; ``ln 2`` is taken in two
parts, of which the first has so few bits that ``x - n * LN2_HIGH`` is exact (W. Cody and W. Waite, Software Manual for the Elementary
Functions, 1980). Polynomials: Remez's algorithm for the relative error in 120 bits, one coefficient after the other rounded to float
and the rest fitted again.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from graphopt.backends.native.emitter import constant, lanes_of
from graphopt.backends.native.math.lanes import Lanes
from graphopt.backends.native.math.registry import library

LOG2_E = 1 / math.log(2)
LN2_HIGH = 355 / 512
LN2_LOW = math.log(2) - LN2_HIGH
# Added to a number below 2**22 it leaves the nearest integer in the sum's lowest bits.
ROUNDER = 1.5 * 2**23
ONE_BITS = 0x3F800000
MANTISSA_BITS = 23

# exp(r) = 1 + r + r**2 * (...), relative error 2**-28.2.
_EXP = (1.0, 1.0, 0.4999999403953552, 0.1666652113199234, 0.04166826605796814, 0.00836868491023779, 0.0013820972526445985)
# expm1(r) = r + r**2 * (...), relative error 2**-26.1.
EXPM1 = (0.4999999701976776, 0.1666654646396637, 0.04166743531823158, 0.00836626160889864, 0.0013870657421648502)
# exp(x) is less than half of the smallest number here, and infinite there.
_LOWEST, _HIGHEST = -104.0, 89.0


def reduced(x: Lanes, scale: float = 1.0) -> tuple[Lanes, Lanes, Lanes]:
    """Return what `x` is reduced to: n in the lowest bits of a number, n itself, and r.

    Args:
      x: numbers of float of at most 100 in size. scale: a power of two; then ``x * scale`` is reduced, and r comes divided by it.
    """
    shifted = x.fma(LOG2_E * scale, ROUNDER)
    n = shifted - ROUNDER
    return shifted, n, n.fma(-LN2_LOW / scale, n.fma(-LN2_HIGH / scale, x))


def power_of_two(shifted: Lanes, doublings: int = 0) -> Lanes:
    """Return ``2**(n + doublings)``, which must be neither too small nor too large, for the n in the lowest bits of `shifted`."""
    return ((shifted.bits() << MANTISSA_BITS) + (ONE_BITS + (doublings << MANTISSA_BITS))).bits()


def expm1_near_zero(r: Lanes, coefficients: Sequence[float] = EXPM1) -> Lanes:
    """Return ``exp(r) - 1`` for ``r`` in ``[-ln 2 / 2, ln 2 / 2]``."""
    return (r * r).fma(r.polynomial(coefficients), r)


def _scaled(x: Lanes, shifted: Lanes, n: Lanes) -> Lanes:
    """Return ``x * 2**n``, rounded once, for x near 1 and n from -150 to 128."""
    function, lanes = x.function, lanes_of(x.type)
    if "+avx512vl" in function.module.host.features.split(",") and lanes in (4, 8, 16):
        every_lane = constant("i16" if lanes == 16 else "i8", -1)
        rounding = (constant("i32", 4),) if lanes == 16 else ()
        name = f"llvm.x86.avx512.mask.scalef.ps.{lanes * 32}"
        return Lanes(function, function.call(name, x.type, x.value, n.value, x.value, every_lane, *rounding))
    # A single factor of 2**n may be too small or too large, so there are two; multiplied by them NaN stays NaN.
    bits = shifted.bits()
    half = bits >> 1
    first, second = (((part << MANTISSA_BITS) + ONE_BITS).bits() for part in (half, bits - half))
    return x * first * second


def exp_within(x: Lanes, doublings: int = 0) -> Lanes:
    """Return ``2**doublings * exp(x)`` for x from -104 to 89 (and NaN for NaN)."""
    shifted, n, r = reduced(x)
    if doublings:
        shifted, n = shifted + float(doublings), n + float(doublings)
    return _scaled(r.polynomial(_EXP), shifted, n)


def exp_of_small(x: Lanes) -> Lanes:
    """Return ``exp(x)`` for x from -80 to 80 (and NaN for NaN)."""
    shifted, _, r = reduced(x)
    return r.polynomial(_EXP) * power_of_two(shifted)


def exp_single(x: Lanes) -> Lanes:
    """Return e**x."""
    return exp_within(x.at_least(_LOWEST).at_most(_HIGHEST))


def exp_of_negative_magnitude(x: Lanes) -> Lanes:
    """Return ``exp(-|x|)``."""
    return exp_within((-abs(x)).at_least(_LOWEST))


def expm1_single(x: Lanes) -> Lanes:
    """Return e**x - 1, exact for small x."""
    shifted, _, r = reduced(x.at_least(-17.5).at_most(_HIGHEST))
    # Half of the result, because 2**n itself overflows for the largest x.
    half_scale = power_of_two(shifted, -1)
    half = half_scale.fma(expm1_near_zero(r), half_scale - 0.5)
    return x.where(abs(x) < 2.0**-25, half + half)


def sigmoid_single(x: Lanes) -> Lanes:
    """Return ``1 / (1 + exp(-x))`` by ``exp(-|x|)``, so that nothing overflows and small results keep their digits."""
    decayed = exp_of_negative_magnitude(x)
    return decayed.unless(x >= 0, 1) / (decayed + 1)


def sigmoid_double(x: Lanes) -> Lanes:
    """Return the same for double, with the C library's exp."""
    decayed = library("exp")(-abs(x))
    return decayed.unless(x >= 0, 1) / (decayed + 1)
