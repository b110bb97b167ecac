"""The values of a session's variables and random counters.

A run works on a snapshot. It may write a variable where it stands only while it is the only one that looks at the store; otherwise its
new values replace the old arrays, which other runs go on reading.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphopt.backends.numpy_plan.source import aligned_bytes


class Cell:
    """One piece of state: an aligned array, or a NumPy scalar for rank 0; None while it is uninitialised.

    Args:
      store: the store it belongs to, which notices every new value. value: the first value.
    """

    __slots__ = ("_place", "_store", "_value")

    def __init__(self, store: Store, value: Any = None) -> None:
        self._store = store
        self._value: Any = value
        self._place: Any = None

    @property
    def value(self) -> Any:
        """The value."""
        return self._value if self._place is None else self._place[()]

    @value.setter
    def value(self, value: Any) -> None:
        self._value, self._place = value, None
        self._store.changes += 1

    def lend(self, place: Any) -> None:
        """Let a scalar's value be what stands in an array of rank 0, where native steps update it."""
        self._place = place


class Store:
    """All state of one session, by name.

    Args:
      born: values that need no initializer, by name; looked at when state is first asked for.

    Attributes:
      lock: held while state is committed, and during a run that writes in place.
      readers: how many runs hold a snapshot.
      layout: a number that changes whenever a variable's memory moves.
      changes: a number that changes whenever a cell is given a value, other than by a native step in the memory it was lent.
      signatures: what was compiled for this store; it has the operations' drawn seeds in it.
    """

    def __init__(self, born: Mapping[str, Any] | None = None) -> None:
        self.lock = threading.RLock()
        self._born: Mapping[str, Any] = {} if born is None else born
        self.readers = 0
        self.cells: dict[str, Cell] = {}
        self.layout = 0
        self.changes = 0
        self._together: dict[str, tuple[str, ...]] = {}
        self._memory: dict[tuple[str, ...], tuple[Any, list[Any]]] = {}
        self._entropy: dict[str, int] = {}
        self.signatures: weakref.WeakSet[Any] = weakref.WeakSet()

    def cell(self, name: str) -> Cell:
        """Return the cell of a variable or counter, made when it is first asked for."""
        found = self.cells.get(name)
        if found is None:
            found = self.cells.setdefault(name, Cell(self, self._born.get(name)))
        return found

    def commit(self, cell: Cell, value: Any, *, alone: bool) -> None:
        """Give a cell a new value; call it with the lock held.

        Args:
          cell: the cell. value: a scalar or an array the caller gives away.
          alone: no other run looks at the old array, so that its memory may be kept.
        """
        old = cell.value
        if not isinstance(value, np.ndarray) or value.ndim == 0:
            cell.value = value[()] if isinstance(value, np.ndarray) else value
        elif alone and isinstance(old, np.ndarray) and old.shape == value.shape and old.dtype == value.dtype and old.dtype.kind != "O":
            np.copyto(old, value)
        else:
            cell.value = owned(value)
            self.layout += 1

    def put_together(self, names: tuple[str, ...], sizes: Sequence[int]) -> Any:
        """Move variables side by side into one piece of memory, and return it; call it with the lock held and no other run.

        Args:
          names: the variables. sizes: the bytes each takes.

        Returns:
          The memory as a flat array, or None when some of them already stand together with others.
        """
        if any(self._together.get(name, names) != names for name in names):
            return None
        cells = [self.cells[name] for name in names]
        known = self._memory.get(names)
        if known is not None and all([cell.value is place for cell, place in zip(cells, known[1], strict=True)]):
            return known[0]
        memory = aligned_bytes(sum(sizes))
        memory[:] = 0
        offset = 0
        places = []
        for name, cell, size in zip(names, cells, sizes, strict=True):
            old = cell.value
            place = memory[offset : offset + old.nbytes].view(old.dtype).reshape(old.shape)
            np.copyto(place, old)
            cell.value = place
            places.append(place)
            offset += size
            self._together[name] = names
        self.layout += 1
        self._memory[names] = (memory.view(places[0].dtype), places)
        return self._memory[names][0]

    def uninitialized(self, names: Iterable[str]) -> list[str]:
        """Return those of the names that have no value."""
        return [name for name in names if self.cell(name).value is None]

    def entropy(self, name: str) -> int:
        """Return a random number that belongs to an operation for as long as the session lives."""
        if name not in self._entropy:
            self._entropy[name] = int.from_bytes(np.random.default_rng().bytes(7), "little") + 1
        return self._entropy[name]

    def drawn_seeds(self) -> dict[str, int]:
        """Return the random numbers that `entropy` gave, by the operation's name."""
        return dict(self._entropy)

    def restore_seeds(self, seeds: Mapping[str, int]) -> None:
        """Give operations the random numbers that another session drew for them; what was compiled with others is compiled anew."""
        if any([self._entropy.get(name, seed) != seed for name, seed in seeds.items()]):
            for signature in list(self.signatures):
                signature.forget()
        self._entropy.update(seeds)


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
