"""The values of a session's variables and random counters.

A run works on a snapshot. It may write a variable where it stands only while it is the only one that looks at the store; otherwise its
new values replace the old arrays, which other runs go on reading.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

import numpy as np

from graphopt.backends.numpy_plan.source import aligned_bytes


class Cell:
    """One piece of state: an aligned array, or a NumPy scalar for rank 0; None while it is uninitialised."""

    __slots__ = ("value",)

    def __init__(self, value: Any = None) -> None:
        self.value = value


class Store:
    """All state of one session, by name.

    Attributes:
      lock: held while state is committed, and during a run that writes in place.
      readers: how many runs hold a snapshot.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.readers = 0
        self.cells: dict[str, Cell] = {}
        self._entropy: dict[str, int] = {}

    def cell(self, name: str) -> Cell:
        """Return the cell of a variable or counter, made when it is first asked for."""
        found = self.cells.get(name)
        if found is None:
            found = self.cells.setdefault(name, Cell())
        return found

    def uninitialized(self, names: Iterable[str]) -> list[str]:
        """Return those of the names that have no value."""
        return [name for name in names if self.cell(name).value is None]

    def entropy(self, name: str) -> int:
        """Return a random number that belongs to an operation for as long as the session lives."""
        if name not in self._entropy:
            self._entropy[name] = int.from_bytes(np.random.default_rng().bytes(7), "little") + 1
        return self._entropy[name]


def owned(value: Any) -> Any:
    """Return a value in the form a cell keeps it: a scalar as it is, an array as aligned memory of its own."""
    if not isinstance(value, np.ndarray):
        return value
    if value.ndim == 0:
        return value[()]
    if value.dtype.kind == "O":
        return value.copy()
    memory = aligned_bytes(value.nbytes).view(value.dtype).reshape(value.shape)
    np.copyto(memory, value)
    return memory
