"""Ctrl-C comes between runs, not in the middle of one: a run that writes variables is finished first.

A second Ctrl-C does not wait (a Python function of the user may hang); then the run may stay half done.
"""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any

_MAIN = threading.main_thread().ident


class DeferredInterrupt:
    """A ``with`` block in which the first Ctrl-C is kept back until the end. Outside of the main thread it does nothing."""

    __slots__ = ("_frame", "_is_pending", "_previous")

    def __enter__(self) -> DeferredInterrupt:
        self._is_pending = False
        self._frame: FrameType | None = None
        # Signals arrive in the main thread only, and a handler that Python did not set can't be put back.
        self._previous: Any = None
        if threading.get_ident() == _MAIN and callable(signal.getsignal(signal.SIGINT)):
            self._previous = signal.signal(signal.SIGINT, self._keep_back)
        return self

    def _keep_back(self, number: int, frame: FrameType | None) -> None:
        if self._is_pending:
            self._previous(number, frame)
        self._is_pending, self._frame = True, frame

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._previous is not None:
            signal.signal(signal.SIGINT, self._previous)
            if self._is_pending and kind is None:
                self._previous(signal.SIGINT, self._frame)
