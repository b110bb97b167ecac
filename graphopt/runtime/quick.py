"""The short way of a run: when nothing has changed since the last one, a single call into machine code does it all."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphopt.ir.node import Node
from graphopt.runtime.store import Cell, Store

# About how long many steps go on before Python looks whether Ctrl-C was pressed.
_SECONDS_AT_ONCE = 0.1


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
        self._steps_at_once = 1
        self._getters: list[Callable[[], Any]] = []
        self._function, self._frame = entry.function, entry.frame_address

    def run(self, feeds: Sequence[Any]) -> list[Any] | None:
        """Return the fetched values and keep the new state, or None when this run has to go the long way. Nothing has changed then."""
        store = self._store
        # The step's memory may be waited for: who holds it runs this very executable, which never calls Python, and needs no other lock.
        with store.lock, self._running:
            if (store.readers and self._has_updates) or (store.changes != self._seen and not self._arm()):
                return None
            if self._function(self._frame, *feeds):
                return None
            return [get() for get in self._getters]

    def run_steps(self, feeds: Sequence[tuple[Node, Any]], steps: int) -> tuple[int, list[Any]] | None:
        """Run many steps and return how many were done, with an array of each fetched value for all of them; None as `run` does.

        Ctrl-C comes between two steps, some time later.

        Args:
          feeds: each fed input with the array of its values, one row for each step. steps: how many.
        """
        store = self._store
        with store.lock, self._running:
            if (store.readers and self._has_updates) or (store.changes != self._seen and not self._arm()):
                return None
            sources = [None if node is None else self._entry.value_of(node) for node in self._outputs]
            if not all([source is None or source.flags.c_contiguous for source in sources]):
                return None
            results = [None if source is None else np.empty((steps, *source.shape), source.dtype) for source in sources]
            done = 0
            while done < steps:
                wanted = min(self._steps_at_once, steps - done)
                start = time.perf_counter()
                rest = [(node, array[done : done + wanted]) for node, array in feeds]
                kept = [(source, result[done:]) for source, result in zip(sources, results, strict=True) if result is not None]
                ran = self._entry.run_steps(rest, kept, wanted)
                done += ran
                if ran < wanted:
                    break
                self._steps_at_once = max(1, int(ran * _SECONDS_AT_ONCE / (time.perf_counter() - start)))
            return done, results

    def bare_call(self, feeds: Sequence[Any]) -> Callable[[], Any] | None:
        """Return a function that runs the machine code and fetches nothing, for benchmarks; None when the state isn't as it needs it."""
        with self._store.lock:
            if self._store.changes != self._seen and not self._arm():
                return None
        function, frame = self._function, self._frame
        return lambda: function(frame, *feeds)

    def _arm(self) -> bool:
        """Give the present state's addresses to the entry and lend the cells its places; False when the state isn't as it needs it."""
        # First, so that nobody goes on with addresses of before when this is interrupted half-way.
        self._store.changes += 1
        values = [
            np.int64(0) if c.value is None and s.kind == "counter" else c.value
            for c, s in zip(self._cells, self._entry.states, strict=True)
        ]
        # Put away until all is done, so that an interrupt never leaves those of other arrays.
        getters, self._getters = self._getters, []
        if not self._entry.arm(values):
            return False
        for state, cell in zip(self._entry.states, self._cells, strict=True):
            if state.slot is not None and state.source is not None:
                cell.lend(state.slot)
        if self._entry.has_moved or not getters:
            getters = [_getter(None if node is None else self._entry.value_of(node)) for node in self._outputs]
        self._getters = getters
        self._seen = self._store.changes
        return True


def _getter(value: Any) -> Callable[[], Any]:
    if value is None:
        return lambda: None
    if value.ndim == 0:
        return lambda: value[()]
    return lambda: value.copy()
