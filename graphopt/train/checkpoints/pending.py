"""Writes that are under way in this process, by folder: whoever reads a folder, or writes there next, waits for them.

They are kept for the whole process, because folders are: a session that failed may have left a write behind that the next one,
which knows nothing of it, would meet half done.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict


class PendingWrite:
    """One write to a folder, from when it is announced until it is done or given up.

    The thread that does it enters the object as a ``with`` block; in there nothing of this module waits.

    Args:
      folder: the folder; an empty text for the working directory.

    Attributes:
      folder: its real path.
    """

    def __init__(self, folder: str) -> None:
        self.folder = real_folder(folder)
        self._done = threading.Event()

    def __enter__(self) -> PendingWrite:
        _own.depth = _depth() + 1
        return self

    def __exit__(self, *exception: object) -> None:
        _own.depth = max(0, _depth() - 1)  # a fork inside begins at 0
        self.end()

    def begin(self) -> None:
        """Announce it, as soon as no other is under way in the folder.

        The caller sees to it that it ends, also where this is interrupted.
        """
        while True:
            with _registry.lock:
                others = _others(self.folder)
                if not others:
                    _registry.writes[self.folder].append(self)
                    return
            for other in others:
                other.wait()

    def end(self) -> None:
        """Let the others go on; the second time, or where it was not begun, does nothing."""
        with _registry.lock:
            if self in _registry.writes[self.folder]:
                _registry.writes[self.folder].remove(self)
            if not _registry.writes[self.folder]:
                del _registry.writes[self.folder]
        self._done.set()

    def wait(self) -> None:
        """Wait until it is done."""
        self._done.wait()


class _Registry:
    def __init__(self) -> None:
        # Reentrant: a signal's handler may save while this very thread looks at the registry.
        self.lock = threading.RLock()
        self.writes: defaultdict[str, list[PendingWrite]] = defaultdict(list)


_registry = _Registry()
_own = threading.local()


def _depth() -> int:
    depth: int = getattr(_own, "depth", 0)
    return depth


def _forget() -> None:
    """Begin anew in a forked process: the threads that write are its parent's."""
    _registry.__init__()  # type: ignore[misc]
    _own.depth = 0


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


def real_folder(folder: str) -> str:
    """Return the one path of a folder, the working directory for an empty text."""
    return os.path.realpath(folder or ".")


def wait_for_writes(folder: str) -> None:
    """Wait until no write to a folder is under way in this process. What went wrong is told by whoever began the write.

    Args:
      folder: the folder; an empty text for the working directory.
    """
    if not _registry.writes:
        return
    path = real_folder(folder)
    with _registry.lock:
        others = _others(path)
    for other in others:
        other.wait()


def _others(path: str) -> list[PendingWrite]:
    """Return what is to be waited for: nothing, in a thread that is itself writing, so that no two wait for each other."""
    return [] if _depth() else list(_registry.writes.get(path, ()))
