"""Small fixed inputs. Values have three decimals, so that a failing case can be typed in by hand."""

from __future__ import annotations

import numpy as np

Array = np.ndarray


def normal(*shape: int, seed: int = 1, dtype: str = "float32", scale: float = 1.0) -> Array:
    """Values of both signs, none of them zero."""
    values = np.round(np.random.RandomState(seed).randn(*shape) * scale, 3)
    return np.where(values == 0.0, 0.125, values).astype(dtype)


def positive(*shape: int, seed: int = 2, dtype: str = "float32", low: float = 0.1, high: float = 3.0) -> Array:
    return np.round(np.random.RandomState(seed).uniform(low, high, shape), 3).astype(dtype)


def unit(*shape: int, seed: int = 3, dtype: str = "float32") -> Array:
    """Values inside (-0.9, 0.9)."""
    return np.round(np.random.RandomState(seed).uniform(-0.9, 0.9, shape), 3).astype(dtype)


def integers(*shape: int, low: int = -4, high: int = 5, seed: int = 4, dtype: str = "int32") -> Array:
    return np.random.RandomState(seed).randint(low, high, shape).astype(dtype)


def booleans(*shape: int, seed: int = 5) -> Array:
    return np.random.RandomState(seed).rand(*shape) > 0.5


def one_hot(rows: int, classes: int, seed: int = 6, dtype: str = "float32") -> Array:
    return np.eye(classes, dtype=dtype)[np.random.RandomState(seed).randint(0, classes, rows)]


def probabilities(rows: int, classes: int, seed: int = 7, dtype: str = "float32") -> Array:
    values = np.random.RandomState(seed).uniform(0.1, 1.0, (rows, classes))
    return (values / values.sum(1, keepdims=True)).astype(dtype)


def spd(n: int, *batch: int, seed: int = 8, dtype: str = "float64") -> Array:
    """Well conditioned symmetric positive definite matrices."""
    a = np.random.RandomState(seed).randn(*batch, n, n)
    return np.round(a @ np.swapaxes(a, -1, -2) / n + 2.0 * np.eye(n), 3).astype(dtype)


def dominant(n: int, *batch: int, seed: int = 9, dtype: str = "float64") -> Array:
    """Well conditioned matrices without symmetry."""
    return np.round(np.random.RandomState(seed).randn(*batch, n, n) + 3.0 * np.eye(n), 3).astype(dtype)


INF = float("inf")
NAN = float("nan")
FINITE = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 1.5, -1.5, 2.5, -2.5, 1e-6, -1e-6, 3.7, -3.7], "float32")
SPECIAL = np.array([0.0, -0.0, 1.0, -1.0, INF, -INF, NAN, 0.5, -0.5, 2.0, -2.0, 1e-6, -1e-6, 30.0, -30.0, 3.7], "float32")
NO_NAN = np.array([0.0, -0.0, 1.0, -1.0, INF, -INF, 0.25, 0.5, -0.5, 2.0, -2.0, 1e-6, -1e-6, 30.0, -30.0, 3.7], "float32")
