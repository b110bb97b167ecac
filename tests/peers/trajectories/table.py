"""The table of recorded trajectories, which the `cases_*.py` fill; their tolerances."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trajectories.case import MATRIX, VECTOR, Case

CASES: dict[str, Case] = {}

FLOAT32 = 4e-6
FLOAT16 = 4e-3
ROUNDED = 1e-5  # where the peer rounds hyper-parameters to float32


def add(peer: str, cls: str, label: str, kwargs: Mapping[str, Any], **fields: Any) -> None:
    name = f"{peer}/{cls}/{label}"
    assert name not in CASES, name
    CASES[name] = Case(name, peer, cls, kwargs, **fields)


def add_f5(peer: str, cls: str, kwargs: Mapping[str, Any], matrix: bool = False, **fields: Any) -> None:
    """Adds a case on the fixed gradients of `F5` or `F5_MATRIX`, in arguments as users write them."""
    data, shapes = ("f5 matrix", MATRIX) if matrix else ("f5", VECTOR)
    label = ",".join(f"{name}={value}" for name, value in kwargs.items())
    add(peer, cls, f"{data} {label}".strip(), kwargs, data=data, shapes=shapes, steps=5, **fields)
