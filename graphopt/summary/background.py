"""Writing on a thread: what is added waits in a bounded queue until the thread takes it."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol

# How often at most the file is flushed, in seconds.
_SHORTEST = 0.05
# How many items wait before the thread is woken where any number may: so many are written at little cost for each.
_MANY = 512


class File(Protocol):
    """What the thread writes to. It deals with failures of the file system itself."""

    def write(self, items: Sequence[Any]) -> None:
        """Append what was added."""

    def flush(self) -> None:
        """Hand it to the operating system."""

    def close(self) -> None:
        """Close."""

    def fork(self) -> None:
        """Begin anew in a forked process, whose parent writes what waits."""


class Background:
    """Writes to a file on a thread, which begins when there is something to write.

    The thread is woken when the queue is full, or when something has waited for `flush_secs`. Who finds the queue full while the thread
    is being woken, because more comes than it gets done, writes what waits himself: changing to the thread and back would take longer.

    Args:
      file: where to write. max_queue: how many items may wait (0: any number). flush_secs: how long they may, in seconds.
    """

    def __init__(self, file: File, max_queue: int, flush_secs: float) -> None:
        self._file = file
        self._limit = max_queue if max_queue > 0 else _MANY
        self._flush_secs = max(float(flush_secs), _SHORTEST)
        self._waiting: deque[Any] = deque()
        self._more = 0
        self._is_closed = False
        self._is_finished = False
        self._begin()
        _all.add(self)

    def _begin(self) -> None:
        # Both may be entered again: a forgotten writer may be collected, and so closed, on this very thread.
        self._has_work = threading.Condition(threading.RLock())
        self._writing = threading.RLock()
        self._flushed = time.monotonic()
        self._is_awake = False
        self._thread: threading.Thread | None = None

    def fork(self) -> None:
        """Begin anew in a forked process: thread and locks are its parent's, and the parent writes what waits."""
        self._waiting.clear()
        self._more = 0
        self._begin()
        self._file.fork()

    def add(self, item: Any, weight: int = 1) -> None:
        """Put an item into the queue, which counts as so many."""
        waiting = self._waiting
        waiting.append(item)  # atomic: no lock is needed where nobody has to be woken
        self._more += weight - 1
        if self._thread is None or self._is_full():
            self._wake()

    def _is_full(self) -> bool:
        # How much heavier than their number the items are is counted without a lock: it is seldom wrong, and then only says when to wake.
        return len(self._waiting) + self._more >= self._limit

    def _wake(self) -> None:
        if self._is_awake:
            self._write(flush=False)
            return
        with self._has_work:
            if self._thread is None and not self._is_closed:
                self._thread = threading.Thread(target=self._work, name="graphopt-summaries", daemon=True)
                self._thread.start()
            if self._is_full():
                self._is_awake = True
                self._has_work.notify()

    def _work(self) -> None:
        while not self._is_closed:
            with self._has_work:
                while not self._is_full() and not self._is_closed and (left := self._time_left()) > 0:
                    self._is_awake = False
                    self._has_work.wait(left)
            self._write(flush=self._time_left() <= 0)
        self._finish()

    def _time_left(self) -> float:
        return self._flushed + self._flush_secs - time.monotonic()

    def _write(self, *, flush: bool) -> None:
        """Write what waits. The file's lock is taken first, so that two who write keep the order."""
        with self._writing:
            self._more = 0
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            if batch:
                self._file.write(batch)
            if flush:
                self._file.flush()
                self._flushed = time.monotonic()

    def flush(self) -> None:
        """Write what waits, and hand it to the operating system."""
        self._write(flush=True)

    def close(self) -> None:
        """Write what waits, end the thread and close the file. Closing twice is allowed."""
        with self._has_work:
            self._is_closed = True
            self._has_work.notify_all()
        if self._thread is None:
            self._finish()
        elif self._thread is not threading.current_thread():
            self._thread.join()

    def _finish(self) -> None:
        with self._writing:
            if self._is_finished:
                return
            self._is_finished = True
            self._write(flush=True)
            self._file.close()


_all: weakref.WeakSet[Background] = weakref.WeakSet()


def _fork() -> None:
    for background in list(_all):
        background.fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fork)
