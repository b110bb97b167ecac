"""sin, cos and tan.

The argument's magnitude less a multiple of pi/2, which is taken in three parts, is in ``[-pi/4, pi/4]``; there are polynomials (Remez's
algorithm for the relative error in 120 bits, one coefficient after the other rounded to float and the rest fitted again). Arguments too
large for three parts go to the C library, one at a time.
"""

from __future__ import annotations

import math

from graphopt.backends.native.math.exponential import ROUNDER
from graphopt.backends.native.math.lanes import Lanes
from graphopt.backends.native.math.registry import library, with_rare_case

# pi / 2, a float after the other.
_HALF_PI = (1.57079637050628662109375, -4.37113900018624283e-8, -1.71512449517e-15)
_LARGE = 2.0**16
# Puts an integer's second bit where the sign is.
_SIGN_SHIFT = 30
# sin(r) = r + r**3 * (...), relative error 2**-27.9.
_SIN = (-0.16666655242443085, 0.008332188241183758, -0.00019518101180437952)
# cos(r) = 1 - r**2 / 2 + r**4 * (...), relative error 2**-33.
_COS = (1.0, -0.5, 0.04166664555668831, -0.0013887309469282627, 2.4432347345282324e-05)
# tan(r) = r + r**3 * (...), relative error 2**-29.5.
_TAN = (0.33333349227905273, 0.13332673907279968, 0.05405915528535843, 0.021284742280840874, 0.010831622406840324, 9.259024227503687e-05,
        0.00437562633305788)  # fmt: skip


def _reduced(magnitude: Lanes) -> tuple[Lanes, Lanes]:
    """Return the number of quarter turns, in the lowest bits of an integer, and what is left of the angle."""
    shifted = magnitude.fma(2 / math.pi, ROUNDER)
    turns = shifted - ROUNDER
    rest = magnitude
    for part in _HALF_PI:
        rest = turns.fma(-part, rest)
    return shifted.bits(), rest


def _sine_in_quarter(quarter: Lanes, r: Lanes) -> Lanes:
    """Return ``sin(quarter * pi / 2 + r)``, but for the sign where the quarter's second bit is set."""
    square = r * r
    return square.polynomial(_COS).where((quarter & 1).differs(0), r.odd_polynomial(square, _SIN))


def sin_single(x: Lanes) -> Lanes:
    """Return the sine."""
    magnitude = abs(x)
    quarter, r = _reduced(magnitude)
    usual = _sine_in_quarter(quarter, r).flipped_where((quarter << _SIGN_SHIFT) ^ x.bits())
    return with_rare_case(magnitude >= _LARGE, "sin_large", library("sin"), usual, x)


def cos_single(x: Lanes) -> Lanes:
    """Return the cosine."""
    magnitude = abs(x)
    quarter, r = _reduced(magnitude)
    quarter = quarter + 1
    usual = _sine_in_quarter(quarter, r).flipped_where(quarter << _SIGN_SHIFT)
    return with_rare_case(magnitude >= _LARGE, "cos_large", library("cos"), usual, x)


def tan_single(x: Lanes) -> Lanes:
    """Return the tangent."""
    magnitude = abs(x)
    quarter, r = _reduced(magnitude)
    tangent = r.odd_polynomial(r * r, _TAN)
    usual = (-1.0 / tangent).where((quarter & 1).differs(0), tangent).flipped_where(x.bits())
    return with_rare_case(magnitude >= _LARGE, "tan_large", library("tan"), usual, x)
