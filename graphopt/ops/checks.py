"""Checks that kernels of several families share."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt.errors import invalid_argument


def check_indices(indices: Any, limit: int) -> None:
    """Raise InvalidArgumentError unless every index is in [0, limit)."""
    if indices.size and (indices.min() < 0 or indices.max() >= limit):
        flat = indices.reshape(-1)
        bad = int(np.flatnonzero((flat < 0) | (flat >= limit))[0])
        at = ",".join(map(str, np.unravel_index(bad, indices.shape))) if indices.ndim else ""
        where = f"indices[{at}]" if indices.ndim else "indices"
        raise invalid_argument(f"{where} = {flat[bad]} is not in [0, {limit})")
