"""asin, acos, atan and atan2.

Polynomials: Remez's algorithm for the relative error in 120 bits, one coefficient after the other rounded to float and the rest fitted
again. What a result is subtracted from, pi or pi/2, is taken in two parts.
"""

from __future__ import annotations

import math

from graphopt.backends.native.math.lanes import Lanes

_PI_HIGH = 3.1415927410125732421875
_PI_LOW = math.pi - _PI_HIGH
# asin(x) = x + x**3 * (...) up to 1/2, relative error 2**-27.6.
_ASIN = (0.16666752099990845, 0.07495306432247162, 0.04546976834535599, 0.024180812761187553, 0.04216631501913071)
# atan(x) = x + x**3 * (...) up to 1, relative error 2**-28.5.
_ATAN = (-0.33333298563957214, 0.1999852955341339, -0.1426403969526291, 0.10951144993305206, -0.08400464802980423, 0.057907238602638245,
         -0.03112819418311119, 0.010888127610087395, -0.001787725486792624)  # fmt: skip


def _asin_of_smaller(magnitude: Lanes, outer: Lanes) -> Lanes:
    """Return asin, or in the lanes of the mask, where it is above 1/2, ``asin(sqrt((1 - magnitude) / 2))``."""
    square = ((1 - magnitude) * 0.5).where(outer, magnitude * magnitude)
    return square.sqrt().where(outer, magnitude).odd_polynomial(square, _ASIN)


def asin_single(x: Lanes) -> Lanes:
    """Return the arc sine: above 1/2 as ``pi/2 - 2 * asin(sqrt((1 - x) / 2))``."""
    magnitude = abs(x)
    outer = magnitude > 0.5
    part = _asin_of_smaller(magnitude, outer)
    return (part.fma(-2, _PI_HIGH / 2) + _PI_LOW / 2).where(outer, part).with_sign(x)


def acos_single(x: Lanes) -> Lanes:
    """Return the arc cosine: ``pi/2 - asin(x)``, ``2 * asin(sqrt((1 - x) / 2))`` above 1/2, and pi less that below -1/2."""
    magnitude = abs(x)
    outer = magnitude > 0.5
    part = _asin_of_smaller(magnitude, outer)
    part = (part + part).where(outer, part)
    signed = part.flipped_where(x.bits() ^ x.bits().constant(0).where(outer, -1))
    left = x < 0
    base = x.constant(_PI_HIGH).where(left, 0).where(outer, _PI_HIGH / 2)
    low = x.constant(_PI_LOW).where(left, 0).where(outer, _PI_LOW / 2)
    return (base + signed) + low


def _atan_up_to_one(ratio: Lanes) -> Lanes:
    return ratio.odd_polynomial(ratio * ratio, _ATAN)


def atan_single(x: Lanes) -> Lanes:
    """Return the arc tangent: above 1 as ``pi/2 - atan(1 / x)``."""
    magnitude = abs(x)
    steep = magnitude > 1
    part = _atan_up_to_one((1.0 / magnitude).where(steep, magnitude))
    return ((_PI_HIGH / 2 - part) + _PI_LOW / 2).where(steep, part).with_sign(x)


def atan2_single(y: Lanes, x: Lanes) -> Lanes:
    """Return the angle of the point (x, y): the arc tangent of the smaller over the larger coordinate, turned to where the point is."""
    up, along = abs(y), abs(x)
    steep = up > along
    larger, smaller = up.where(steep, along), along.where(steep, up)
    # The quotient of two infinities counts as 1, that of two zeros as 0.
    of_equals = x.constant(1).where(larger > 0, 0)
    ratio = of_equals.where(smaller.equals(larger), smaller / larger)
    left = x.bits() < 0
    turned = x.bits() ^ x.bits().constant(-1).where(steep, 0)
    signed = _atan_up_to_one(ratio).flipped_where(turned)
    base = x.constant(_PI_HIGH / 2).where(steep, x.constant(_PI_HIGH).where(left, 0))
    low = x.constant(_PI_LOW / 2).where(steep, x.constant(_PI_LOW).where(left, 0))
    return ((base + signed) + low).with_sign(y)
