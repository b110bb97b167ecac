"""Special functions NumPy does not have, by their classical approximations."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

_ERF = np.vectorize(math.erf, otypes=[np.float64])
_ERFC = np.vectorize(math.erfc, otypes=[np.float64])


def _lgamma_scalar(x: float) -> float:
    if math.isnan(x):
        return x
    if math.isinf(x) or (x <= 0 and x == math.floor(x)):
        return math.inf
    return math.lgamma(x)


_LGAMMA = np.vectorize(_lgamma_scalar, otypes=[np.float64])


def _by_element(function: Any, x: Any) -> Any:
    return function(np.asarray(x, np.float64)).astype(x.dtype) if x.size else np.array(x)


def erf(xp: Any, x: Any) -> Any:
    """Return the error function in double precision, rounded to the operand's type."""
    return _by_element(_ERF, x)[()]


def erfc(xp: Any, x: Any) -> Any:
    """Return the complementary error function in double precision, rounded to the operand's type."""
    return _by_element(_ERFC, x)[()]


def lgamma(xp: Any, x: Any) -> Any:
    """Return log|gamma(x)| in double precision, rounded to the operand's type."""
    return _by_element(_LGAMMA, x)[()]


def _shift_up(x: np.ndarray[Any, Any], term: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Move the argument above 10 by the recurrence, collecting ``term`` at each step."""
    total = np.zeros_like(x)
    for _ in range(10):
        small = x < 10
        total = total + np.where(small, term(np.where(small, x, 1.0)), 0.0)
        x = np.where(small, x + 1, x)
    return x, total


def digamma(xp: Any, x: Any) -> Any:
    """Return the derivative of lgamma: recurrence up to 10, asymptotic series, reflection below 0 (Abramowitz and Stegun 6.3)."""
    wide = np.asarray(x, np.float64)
    reflected = wide < 0
    argument = np.where(reflected, 1 - wide, wide)
    argument, shifted = _shift_up(argument, lambda v: -1 / v)
    inverse = 1 / (argument * argument)
    series = inverse * (1 / 12 - inverse * (1 / 120 - inverse * (1 / 252 - inverse * (1 / 240 - inverse / 132))))
    result = np.log(argument) - 0.5 / argument - series + shifted
    result = np.where(reflected, result - np.pi / np.tan(np.pi * wide), result)
    result = np.where((wide <= 0) & (wide == np.floor(wide)), np.nan, result)
    return result.astype(x.dtype)[()]


# Bernoulli numbers B2, B4, ... of the asymptotic series.
_BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730)
_FARTHEST = -1000.0


def polygamma(xp: Any, x: Any, order: int) -> Any:
    """Return the derivative of digamma of the given order, 1 or more: recurrence up to 10, asymptotic series (Abramowitz and Stegun 6.4).

    NaN at the poles (0 and the negative integers) and below -1000.
    """
    wide = np.asarray(x, np.float64)
    is_defined = (wide >= _FARTHEST) & ((wide > 0) | (wide != np.floor(wide)))
    z = np.where(is_defined, wide, 10.0)
    total = np.zeros_like(z)
    while np.any(small := z < 10):
        total = total + np.where(small, np.where(small, z, 1.0) ** -(order + 1), 0.0)
        z = np.where(small, z + 1, z)
    total = math.factorial(order) * total + math.factorial(order - 1) / z**order + math.factorial(order) / 2 / z ** (order + 1)
    for k, bernoulli in enumerate(_BERNOULLI, start=1):
        total = total + bernoulli * math.factorial(2 * k + order - 1) / math.factorial(2 * k) / z ** (2 * k + order)
    result = np.where(is_defined, total if order % 2 else -total, np.nan)
    return result.astype(x.dtype)[()]
