"""Writing on a thread: what is added waits in a bounded queue until the thread takes it."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any, Protocol


# How often at most the file is flushed, in seconds.
_SHORTEST = 0.05


class File(Protocol):
    """What the thread writes to."""

    def write(self, items: Sequence[Any]) -> None:
        """Append what was added."""

    def flush(self) -> None:
        """Hand it to the operating system."""

    def close(self) -> None:
        """Close."""


class Background:
    """Writes to a file on a thread, which begins when there is something to write.

    The thread is woken when the queue is half full, or when something has waited for `flush_secs`. Who finds the queue full, because more
    comes than the thread gets done, writes what waits himself: changing to the thread and back would take longer.

    Args:
      file: where to write. max_queue: how many items may wait (0: any number). flush_secs: how long they may, in seconds.

    Attributes:
      error: why writing failed, or None. After a failure everything added is dropped.
    """

    def __init__(self, file: File, max_queue: int, flush_secs: float) -> None:
        self._file = file
        self._limit = max_queue if max_queue > 0 else 1 << 62
        self._wake_at = (max_queue + 1) // 2 if max_queue > 0 else 1000
        self._flush_secs = max(float(flush_secs), _SHORTEST)
        self._waiting: deque[Any] = deque()
        self._has_work = threading.Condition(threading.Lock())
        self._writing = threading.Lock()
        self._flushed = time.monotonic()
        self._is_awake = False
        self._is_closed = False
        self._thread: threading.Thread | None = None
        self.error: OSError | None = None

    def add(self, item: Any) -> None:
        """Put an item into the queue."""
        waiting = self._waiting
        waiting.append(item)  # atomic: no lock is needed where nobody has to be woken
        if self._thread is None or len(waiting) >= self._wake_at:
            self._wake()

    def _wake(self) -> None:
        if not self._is_awake:
            with self._has_work:
                if self._thread is None and not self._is_closed:
                    self._thread = threading.Thread(target=self._work, name="graphopt-summaries", daemon=True)
                    self._thread.start()
                if len(self._waiting) >= self._wake_at:
                    self._is_awake = True
                    self._has_work.notify()
        if len(self._waiting) >= self._limit:
            self._write(flush=False)

    def _work(self) -> None:
        while True:
            with self._has_work:
                while len(self._waiting) < self._wake_at and not self._is_closed and (left := self._time_left()) > 0:
                    self._is_awake = False
                    self._has_work.wait(left)
                if self._is_closed:
                    return
            self._write(flush=self._time_left() <= 0)

    def _time_left(self) -> float:
        return self._flushed + self._flush_secs - time.monotonic()

    def _write(self, *, flush: bool) -> None:
        """Write what waits. The file's lock is taken first, so that two who write keep the order."""
        with self._writing:
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            try:
                if self.error is None and batch:
                    self._file.write(batch)
                if self.error is None and flush:
                    self._file.flush()
            except OSError as error:
                self.error = error
            if flush:
                self._flushed = time.monotonic()

    def flush(self) -> None:
        """Write what waits, and hand it to the operating system."""
        self._write(flush=True)

    def close(self) -> None:
        """Write what waits, end the thread and close the file. Closing twice is allowed."""
        with self._has_work:
            if self._is_closed:
                return
            self._is_closed = True
            self._has_work.notify_all()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()
        self._write(flush=True)
        try:
            self._file.close()
        except OSError as error:
            self.error = self.error or error
