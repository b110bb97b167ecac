"""When are two values the same: bit for bit, or within the rounding of their element type."""

from __future__ import annotations

from typing import Any

import numpy as np

# Relative tolerance of two ways to compute one thing in an element type, by the bytes of one element.
TOLERANCE = {2: 1e-2, 4: 2e-5, 8: 1e-11}


def has_same_bits(a: Any, b: Any) -> bool:
    """Return True when two arrays have the same element type, shape and bits. All NaNs are one; 0.0 and -0.0 differ.

    >>> has_same_bits(np.float32(0.0), np.float32(-0.0)), has_same_bits([np.nan], [np.nan])
    (False, True)
    """
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype != y.dtype or x.shape != y.shape:
        return False
    if x.dtype.kind != "f":
        return bool(np.array_equal(x, y))
    return bool(np.all((np.isnan(x) & np.isnan(y)) | ((x == y) & (np.signbit(x) == np.signbit(y)))))


def is_close(a: Any, b: Any, *, tolerance: float | None = None, scale: float = 1.0) -> bool:
    """Return True when two arrays agree but for rounding; NaNs and infinities must stand in the same places.

    Args:
      a, b: arrays of one element type and shape.
      tolerance: relative to each element of `b`; by default that of the element type.
      scale: size below which the error is absolute: that of the numbers that were added up.
    """
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype != y.dtype or x.shape != y.shape:
        return False
    if x.dtype.kind != "f":
        return bool(np.array_equal(x, y))
    if tolerance is None:
        tolerance = TOLERANCE[x.dtype.itemsize]
    finite = np.isfinite(x) & np.isfinite(y)
    if not np.all(finite | (np.isnan(x) & np.isnan(y)) | (x == y)):
        return False
    near, far = x[finite].astype(np.float64), y[finite].astype(np.float64)
    return bool(np.all(np.abs(near - far) <= tolerance * np.maximum(np.abs(far), scale)))


def units_apart(a: Any, b: Any) -> float:
    """Return by how many units in the last place of `b` two arrays differ at most; infinity where NaN, infinity, type or shape differ.

    >>> units_apart(np.float32(1.0000001), np.float32(1.0)), units_apart([1.0], [np.nan])
    (1.0, inf)
    """
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype != y.dtype or x.shape != y.shape:
        return np.inf
    if x.dtype.kind != "f":
        return 0.0 if np.array_equal(x, y) else np.inf
    finite = np.isfinite(x) & np.isfinite(y)
    if not np.all(finite | (np.isnan(x) & np.isnan(y)) | (x == y)):
        return np.inf
    near, far = x[finite], y[finite]
    apart = np.abs(near.astype(np.float64) - far.astype(np.float64)) / np.spacing(np.abs(far)).astype(np.float64)
    return float(apart.max(initial=0.0))


def difference(a: Any, b: Any) -> str:
    """Return a short account of how two values differ, for messages."""
    x, y = np.asarray(a), np.asarray(b)
    if x.dtype != y.dtype or x.shape != y.shape:
        return f"{x.dtype}{list(x.shape)} is not {y.dtype}{list(y.shape)}"
    if x.ndim == 0:
        return f"{x[()]!r} is not {y[()]!r}"
    for index in np.ndindex(x.shape):
        if not has_same_bits(x[index], y[index]):
            return f"{x[index]!r} at {list(index)} is not {y[index]!r}"
    return "no difference"
