"""Stopping threads together, and handing on the first error of one."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any

from graphopt.errors import ArgumentTypeError, GraphStateError, OutOfRangeError

_LOG = logging.getLogger("graphopt")


class Coordinator:
    """Tells threads when to stop, waits for them, and raises the first error that one of them reported.

    Args:
      clean_stop_exception_types: exceptions that mean the end of the work and no failure (OutOfRangeError by default).

    Source: tensorflow/python/training/coordinator.py (r1.15).

    Example:
      >>> import threading
      >>> coordinator, done = tf.train.Coordinator(), []
      >>> def work():
      ...     with coordinator.stop_on_exception():
      ...         while not coordinator.should_stop():
      ...             done.append(len(done))
      ...             if len(done) == 3:
      ...                 coordinator.request_stop()
      >>> thread = threading.Thread(target=work)
      >>> thread.start()
      >>> coordinator.join([thread])
      >>> done
      [0, 1, 2]
    """

    def __init__(self, clean_stop_exception_types: Any = None) -> None:
        clean = (OutOfRangeError,) if clean_stop_exception_types is None else tuple(clean_stop_exception_types)
        self._clean_stop_exception_types: tuple[type[BaseException], ...] = clean
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._joined = False
        self._threads: set[threading.Thread] = set()

    @property
    def joined(self) -> bool:
        """Whether `join` has returned."""
        return self._joined

    def request_stop(self, ex: Any = None) -> None:
        """Ask all threads to stop.

        Args:
          ex: an exception, or what ``sys.exc_info()`` gave; the first one reported is raised by `join`.

        Raises:
          TypeError: for anything else. The exception itself, when the threads were already joined.
        """
        error = _exception_of(ex)
        with self._lock:
            if isinstance(error, self._clean_stop_exception_types):
                error = None
            if self._joined:
                # The threads are gone and `join` has returned: nobody else would ever hear of it.
                if error is not None:
                    raise error
                return
            if not self._stop.is_set():
                if error is not None:
                    _LOG.info("Error reported to Coordinator: %s, %s", type(error), error)
                    self._error = error
                self._stop.set()

    def clear_stop(self) -> None:
        """Forget that anybody asked to stop."""
        with self._lock:
            self._joined = False
            self._error = None
            self._stop.clear()

    def should_stop(self) -> bool:
        """Return True when somebody has asked to stop."""
        return self._stop.is_set()

    def wait_for_stop(self, timeout: float | None = None) -> bool:
        """Wait until somebody asks to stop, at most `timeout` seconds; return whether somebody did."""
        return self._stop.wait(timeout)

    @contextlib.contextmanager
    def stop_on_exception(self) -> Iterator[None]:
        """Report an exception of the ``with`` block, and ask all threads to stop; it goes no further."""
        try:
            yield
        except BaseException as error:
            self.request_stop(ex=error)

    def register_thread(self, thread: threading.Thread) -> None:
        """Add a thread to those that `join` waits for."""
        with self._lock:
            self._threads.add(thread)

    def join(
        self, threads: Iterable[threading.Thread] | None = None, stop_grace_period_secs: float = 120, ignore_live_threads: bool = False
    ) -> None:
        """Wait for the threads: until somebody asks to stop, and then for a while.

        Args:
          threads: beside those that were registered.
          stop_grace_period_secs: how many seconds the threads have to stop once they were asked.
          ignore_live_threads: only log which threads are still running afterwards.

        Raises:
          RuntimeError: when a thread is still running afterwards. What a thread has reported.
        """
        with self._lock:
            waited_for = self._threads | set(threads or ())
        _wait_for(waited_for, lambda: self.wait_for_stop(0.0), None)
        _wait_for(waited_for, lambda: False, time.monotonic() + stop_grace_period_secs)
        stragglers = [thread.name for thread in waited_for if thread.is_alive()]
        with self._lock:
            self._joined = True
            self._threads = set()
            if self._error is not None:
                raise self._error
            if stragglers and not ignore_live_threads:
                raise GraphStateError(f"Coordinator stopped with threads still running: {' '.join(stragglers)}")
        if stragglers:
            _LOG.info("Coordinator stopped with threads still running: %s", " ".join(stragglers))

    def raise_requested_exception(self) -> None:
        """Raise what a thread has reported; nothing happens when none has."""
        with self._lock:
            if self._error is not None:
                raise self._error


def _wait_for(threads: Iterable[threading.Thread], is_over: Any, deadline: float | None) -> None:
    """Wait until no thread runs, `is_over()`, or the clock shows `deadline`."""
    while any(thread.is_alive() for thread in threads) and not is_over():
        if deadline is not None and time.monotonic() >= deadline:
            return
        for thread in threads:
            thread.join(0.02)


def _exception_of(ex: Any) -> BaseException | None:
    if ex is None or isinstance(ex, BaseException):
        return ex
    if isinstance(ex, tuple) and len(ex) == 3 and isinstance(ex[1], BaseException):
        trace: TracebackType | None = ex[2]
        return ex[1].with_traceback(trace)
    raise ArgumentTypeError(f"request_stop takes an exception or what sys.exc_info() gives, got {ex!r}.")
