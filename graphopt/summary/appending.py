"""Appending to a file of a log directory through whatever happens to it: a full disk, a deleted file, a deleted directory.

What the system refuses is kept and tried again, so that nothing is lost when there is room again. A file that somebody deleted is made
anew, with its directory. Training goes on either way; what happened is said once, by the next call that can warn.
"""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from graphopt.system_errors import reason

# So many bytes are written at once.
_AT_ONCE = 1 << 16
# How often at most it is looked whether the file is still there, and a write that failed is tried again, in seconds.
_SECONDS = 1.0
# So many bytes are kept while nothing can be written.
_MOST_KEPT = 1 << 26


class AppendingFile:
    """A new file to which blocks are appended, each whole or not at all.

    Args:
      make: makes the file, opened unbuffered. head: returns the blocks that every new file begins with.

    Attributes:
      path: where the file is. problem: why nothing can be written now, or None.
      is_forgotten: nobody closes it any more, so that a deleted directory stays deleted, as that of a temporary run.
      is_parents: the file is that of the process that this one was forked from, so that this one makes a file of its own.
      news: what the user is to be told, in order.

    Raises:
      OSError: when the file can't be made.

    Example:
      >>> import pathlib
      >>> file = AppendingFile(lambda: open("blocks", "wb", buffering=0), lambda: [b"head "])
      >>> file.append([b"one ", b"two"])
      >>> file.close()
      >>> pathlib.Path("blocks").read_bytes()
      b'head one two'
    """

    def __init__(self, make: Callable[[], IO[bytes]], head: Callable[[], Sequence[bytes]] = lambda: ()) -> None:
        self._make = make
        self._head = head
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        # What was written since the file was seen in its place: it goes to the next one when the file turns out to be gone.
        self._unseen: list[bytes] = []
        self._dropped = 0
        self._tried = 0.0
        self.problem: OSError | None = None
        self.is_forgotten = False
        self.is_parents = False
        self.news: deque[str] = deque()
        self._open()

    def _open(self) -> None:
        self._file = self._make()
        self.path = Path(self._file.name).absolute()  # the program may go to another directory
        self._end = 0
        self._seen = time.monotonic()
        self._waiting[:0] = self._head()

    # --- appending ---------------------------------------------------------------------------------------------------

    def append(self, blocks: Sequence[bytes]) -> None:
        """Append blocks."""
        size = sum(map(len, blocks))
        if self.problem is not None and self._waiting_bytes + size > _MOST_KEPT:
            self._dropped += len(blocks)
            return
        self._waiting += blocks
        self._waiting_bytes += size
        if self._waiting_bytes >= _AT_ONCE:
            self._try(is_urgent=False)

    def flush(self) -> None:
        """Hand what was appended to the operating system."""
        self._try(is_urgent=True)

    def close(self) -> None:
        """Write what waits, if that is possible, and close the file."""
        self._try(is_urgent=True)
        if self.problem is not None:
            self._dropped += len(self._waiting)
        self._tell_what_is_lost()
        with contextlib.suppress(OSError):
            self._file.close()

    def fork(self) -> None:
        """Begin anew in a forked process: what waits is written by its parent, and the file is the parent's."""
        self._waiting, self._waiting_bytes, self._unseen, self._dropped = [], 0, [], 0
        self.problem = None
        self.is_parents = True

    def _tell_what_is_lost(self) -> None:
        if self._dropped:
            self.news.append(f"{self._dropped} summaries for '{self.path}' are lost: they could not be written.")
            self._dropped = 0

    def _try(self, *, is_urgent: bool) -> None:
        if self.is_parents and not self._waiting:
            return
        now = time.monotonic()
        if self.problem is not None and not is_urgent and now - self._tried < _SECONDS:
            return
        self._tried = now
        try:
            if is_urgent or self.is_parents or self.problem is not None or now - self._seen >= _SECONDS:
                self._look()
            self._write()
        except OSError as error:
            self._note(error)
        else:
            if self.problem is not None:
                self.problem = None
                self._tell_what_is_lost()

    def _note(self, error: OSError) -> None:
        if self.problem is None:
            self.news.append(
                f"Summaries can't be written to '{self.path}': {reason(error)}. They are kept, and tried again until the writer is closed."
            )
        self.problem = error

    def _write(self) -> None:
        """Write what waits; after a failure the file ends where it ended before."""
        data = b"".join(self._waiting)
        written = 0
        try:
            with memoryview(data) as view:
                while written < len(data):
                    written += self._file.write(view[written:]) or 0
        except OSError:
            if written:
                with contextlib.suppress(OSError):
                    self._file.truncate(self._end)
                    self._file.seek(self._end)
            raise
        self._end += written
        self._unseen += self._waiting
        self._waiting, self._waiting_bytes = [], 0

    # --- whether the file is still there -----------------------------------------------------------------------------

    def _look(self) -> None:
        """Make the file anew if it isn't in its place any more, and there is something for it."""
        if self._is_there():
            self._unseen.clear()
            self._seen = time.monotonic()
            return
        if self.is_parents or self._was_written_before():
            self._unseen.clear()
        if not self._waiting and not self._unseen:
            return
        if self.is_forgotten and not self.is_parents:
            raise FileNotFoundError(errno.ENOENT, "it was deleted", str(self.path))
        self._make_anew()

    def _make_anew(self) -> None:
        gone, old, unseen = self.path, self._file, self._unseen
        self._waiting[:0] = unseen
        self._unseen = []
        try:
            self._open()
        except OSError:
            self._unseen = unseen
            del self._waiting[: len(unseen)]
            raise
        with contextlib.suppress(OSError):
            old.close()
        self._waiting_bytes = sum(map(len, self._waiting))
        if self.is_parents:
            self.is_parents = False
            return
        self.news.append(f"'{gone}' was deleted or moved while it was being written: from here on summaries go to '{self.path}'.")

    def _was_written_before(self) -> bool:
        """Tell whether all that was written was there when the file was deleted: this changes the inode, but not what it holds."""
        status = os.fstat(self._file.fileno())
        return status.st_ctime_ns > status.st_mtime_ns

    def _is_there(self) -> bool:
        if self.is_parents:
            return False
        try:
            there, ours = os.stat(self.path), os.fstat(self._file.fileno())
        except (FileNotFoundError, NotADirectoryError):
            return False
        return (there.st_dev, there.st_ino) == (ours.st_dev, ours.st_ino)
