"""Writing behind the training's back: one thread, one checkpoint at a time, and no error that is lost."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable

from graphopt.runtime.interrupts import DeferredInterrupt


class BackgroundWriter:
    """Does one piece of work at a time in a thread of its own.

    An error of a piece of work is raised by the next `start`, by `wait`, or, when neither comes, printed when the writer is collected or
    the process ends. The process doesn't end before the work is done.

    Example:
      >>> from graphopt.train.checkpoints.background import BackgroundWriter
      >>> writer, done = BackgroundWriter(), []
      >>> writer.start(lambda: done.append(1))
      >>> writer.wait()
      >>> done
      [1]
    """

    def __init__(self) -> None:
        self._work = _Work()
        weakref.finalize(self, _report, self._work)

    @property
    def is_writing(self) -> bool:
        """Whether a piece of work is under way."""
        thread = self._work.thread
        return thread is not None and thread.is_alive()

    def start(self, work: Callable[[], None]) -> None:
        """Begin a piece of work, after the one before is done.

        Args:
          work: a function without arguments.

        Raises:
          Exception: what the piece of work before raised; then this one is not begun.
        """
        self.wait()
        # Not a daemon: the interpreter waits for it at its end.
        thread = threading.Thread(target=self._work.run, args=(work,), name="graphopt checkpoint writer")
        # Ctrl-C must not come between the two: nobody would wait for the thread.
        with DeferredInterrupt():
            thread.start()
            self._work.thread = thread

    def wait(self) -> None:
        """Wait until nothing is under way; raise what went wrong."""
        self._work.join()
        error, self._work.error = self._work.error, None
        if error is not None:
            raise error


class _Work:
    """What thread and writer share; the thread keeps no writer alive."""

    def __init__(self) -> None:
        self.thread: threading.Thread | None = None
        self.error: BaseException | None = None

    def run(self, work: Callable[[], None]) -> None:
        try:
            work()
        except BaseException as error:
            self.error = error

    def join(self) -> None:
        if self.thread is not None and self.thread is not threading.current_thread():
            self.thread.join()
            self.thread = None


def _report(work: _Work) -> None:
    work.join()
    if work.error is not None:
        sys.stderr.write(f"graphopt: a checkpoint was not written: {work.error}\n")
