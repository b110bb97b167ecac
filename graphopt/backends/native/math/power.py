"""pow, computed in double.

Polynomials: Remez's algorithm for the relative error in 120 bits, rounded to double.
"""

from __future__ import annotations

import math

from graphopt.backends.native.math.lanes import Lanes

_MANTISSA_BITS = 52
# Added to a number below 2**51 it leaves the nearest integer in the sum's lowest bits.
_ROUNDER = 1.5 * 2.0**_MANTISSA_BITS
# sqrt(1/2), and 2**52, in whose lowest bits a whole number can be put.
_ROOT_BITS = 0x3FE6A09E667F3BCD
_WHOLE_BITS = (1023 + _MANTISSA_BITS) << _MANTISSA_BITS
# 2**f up to 1/2 in size, relative error 2**-34.3.
_EXP2 = (1.0, 0.693147180705028, 0.2402265106742441, 0.055504103645805505, 0.009618037991782727, 0.001333393585670113,
         0.00015466803257577915, 1.5196050415460084e-05)  # fmt: skip
# log2((1 + s) / (1 - s)) = s * (...) in powers of s**2, up to sqrt(1/2) for the fraction, relative error 2**-45.
_LOG2 = (2.88539008177785, 0.9617966941135495, 0.5770779422916341, 0.4122092606785939, 0.3199053262512392, 0.2829058344167727)
# 2 to the power of more overflows float, to the power of less is 0.
_LIMIT = 200.0


def exp2_of_double(x: Lanes) -> Lanes:
    """Return 2**x for doubles of less than 1000 in size, exact enough for float; NaN for the NaN of a float, whose lowest bits are 0."""
    shifted = x + _ROUNDER
    fraction = x - (shifted - _ROUNDER)
    return (fraction.polynomial(_EXP2).bits() + (shifted.bits() << _MANTISSA_BITS)).bits()


def log2_of_double(x: Lanes) -> Lanes:
    """Return the binary logarithm of positive, finite and normal doubles, exact enough for float after multiplication by 100."""
    # The exponent is kept positive, because processors lack signed shifts and conversions of 64 bits.
    biased = x.bits() + ((1023 << _MANTISSA_BITS) - _ROOT_BITS)
    exponent = (biased.shifted_right(_MANTISSA_BITS) | _WHOLE_BITS).bits() - (2.0**_MANTISSA_BITS + 1023)
    fraction = ((biased & ((1 << _MANTISSA_BITS) - 1)) + _ROOT_BITS).bits()
    s = (fraction - 1) / (fraction + 1)
    return s.fma((s * s).polynomial(_LOG2), exponent)


def _magnitude(x: Lanes, y: Lanes) -> Lanes:
    """Return ``|x|**y``; the product of a zero and an infinity is for the caller."""
    base = abs(x)
    wide = base.rounded_to("double")
    logarithm = log2_of_double(wide).where(base < math.inf, wide).unless(base.equals(0), -math.inf)
    exponent = (logarithm * y.rounded_to("double")).at_least(-_LIMIT).at_most(_LIMIT)
    return exp2_of_double(exponent).rounded_to("float").unless(base.equals(1), 1)


def pow_single(x: Lanes, y: Lanes) -> Lanes:
    """Return x**y with the C standard's special cases."""
    half = y * 0.5
    floor = y.floor()
    odd = floor.equals(y) & half.floor().differs(half)
    magnitude = _magnitude(x, y)
    signed = (-magnitude).where(odd & (x.bits() < 0), magnitude)
    # A negative number has no power that is not whole; minus infinity has.
    impossible = (x < 0) & (x > -math.inf) & floor.differs(y)
    return signed.unless(impossible, math.nan).unless(y.equals(0), 1).unless(x.equals(1), 1)
