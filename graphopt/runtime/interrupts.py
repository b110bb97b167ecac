"""Ctrl-C comes between runs, not in the middle of one: a run that writes variables is finished first.

A second Ctrl-C does not wait (a Python function of the user may hang); then the run may stay half done.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # (typeshed has no stub of CPython's C module)
import threading
from types import FrameType, TracebackType
from typing import Any

_MAIN = threading.main_thread().ident
_get_ident = threading.get_ident
# The C functions under `signal.signal`: the wrapper looks up enums, which takes five microseconds of every run.
_get_handler, _set_handler = _signal.getsignal, _signal.signal
_SIGINT = int(_signal.SIGINT)


class DeferredInterrupt:
    """A ``with`` block in which the first Ctrl-C is kept back until the end. Outside of the main thread it does nothing."""

    __slots__ = ("_frame", "_is_pending", "_previous")

    def __enter__(self) -> DeferredInterrupt:
        self._is_pending = False
        self._frame: FrameType | None = None
        self._previous: Any = None
        # Signals arrive in the main thread only, and a handler that Python did not set can't be put back.
        if _get_ident() == _MAIN and callable(_get_handler(_SIGINT)):
            self._previous = _set_handler(_SIGINT, self._keep_back)
        return self

    def _keep_back(self, number: int, frame: FrameType | None) -> None:
        if self._is_pending:
            self._previous(number, frame)
        self._is_pending, self._frame = True, frame

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        if self._previous is not None:
            _set_handler(_SIGINT, self._previous)
            if self._is_pending and kind is None:
                self._previous(_SIGINT, self._frame)
