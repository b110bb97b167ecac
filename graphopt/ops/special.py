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
    """Move the argument above 6 by the recurrence, collecting ``term`` at each step."""
    total = np.zeros_like(x)
    for _ in range(6):
        small = x < 6
        total = total + np.where(small, term(np.where(small, x, 1.0)), 0.0)
        x = np.where(small, x + 1, x)
    return x, total


def digamma(xp: Any, x: Any) -> Any:
    """Return the derivative of lgamma: recurrence up to 6, asymptotic series, reflection below 0 (Abramowitz and Stegun 6.3)."""
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


def trigamma(xp: Any, x: Any) -> Any:
    """Return the derivative of digamma: recurrence up to 6, asymptotic series, reflection below 0 (Abramowitz and Stegun 6.4)."""
    wide = np.asarray(x, np.float64)
    reflected = wide < 0
    argument = np.where(reflected, 1 - wide, wide)
    argument, shifted = _shift_up(argument, lambda v: 1 / (v * v))
    inverse = 1 / (argument * argument)
    series = inverse / argument * (1 / 6 - inverse * (1 / 30 - inverse * (1 / 42 - inverse / 30)))
    result = 1 / argument + inverse / 2 + series + shifted
    result = np.where(reflected, (np.pi / np.sin(np.pi * wide)) ** 2 - result, result)
    return result.astype(x.dtype)[()]
