"""The short way of a run: when nothing has changed since the last one, a single call into machine code does it all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphopt.ir.node import Node
from graphopt.runtime.store import Cell, Store


class QuickRun:
    """Runs of one executable that is native from end to end.

    The addresses of the state stay in the machine's hands from run to run, and so do the values of scalar variables: a cell lends its
    value's place. Whoever gives a cell a new value is noticed by the store's number of changes, and the addresses are taken anew.

    Args:
      store: the session's state. entry: the way into the step. running: the lock of the step's memory.
      outputs: the node of each fetched value, None for an operation.
      has_updates: whether a run changes state.
    """

    def __init__(self, store: Store, entry: Any, running: Any, outputs: Sequence[Node | None], has_updates: bool) -> None:
        self._store = store
        self._entry = entry
        self._running = running
        self._outputs = outputs
        self._has_updates = has_updates
        self._cells: list[Cell] = [store.cell(state.name) for state in entry.states]
        self._seen = -1
        self._getters: list[Callable[[], Any]] = []
        self._function, self._frame = entry.function, entry.frame_address

    def run(self, feeds: Sequence[Any]) -> list[Any] | None:
        """Return the fetched values and keep the new state, or None when this run has to go the long way. Nothing has changed then."""
        store = self._store
        with store.lock:
            if (store.readers and self._has_updates) or not self._running.acquire(False):
                return None
            try:
                if store.changes != self._seen and not self._arm():
                    return None
                if self._function(self._frame, *feeds):
                    return None
                return [get() for get in self._getters]
            finally:
                self._running.release()

    def run_steps(self, feeds: Sequence[tuple[Node, Any]], steps: int) -> tuple[int, list[Any]] | None:
        """Run many steps and return how many were done, with an array of each fetched value for all of them; None as `run` does.

        Args:
          feeds: each fed input with the array of its values, one row for each step. steps: how many.
        """
        store = self._store
        with store.lock:
            if (store.readers and self._has_updates) or not self._running.acquire(False):
                return None
            try:
                if store.changes != self._seen and not self._arm():
                    return None
                kept: list[tuple[Any, Any]] = []
                results: list[Any] = []
                for node in self._outputs:
                    if node is None:
                        results.append(None)
                        continue
                    source = self._entry.value_of(node)
                    results.append(np.empty((steps, *source.shape), source.dtype))
                    kept.append((source, results[-1]))
                return self._entry.run_steps(feeds, kept, steps), results
            finally:
                self._running.release()

    def _arm(self) -> bool:
        values = [
            np.int64(0) if c.value is None and s.kind == "counter" else c.value
            for c, s in zip(self._cells, self._entry.states, strict=True)
        ]
        if not self._entry.arm(values):
            return False
        for state, cell in zip(self._entry.states, self._cells, strict=True):
            if state.slot is not None and state.source is not None:
                cell.lend(state.slot)
        self._store.changes += 1
        self._seen = self._store.changes
        self._getters = [_getter(None if node is None else self._entry.value_of(node)) for node in self._outputs]
        return True


def _getter(value: Any) -> Callable[[], Any]:
    if value is None:
        return lambda: None
    if value.ndim == 0:
        return lambda: value[()]
    return lambda: value.copy()
