"""The log directory: made when it is missing, with errors that say what is wrong with it; who else writes there."""

from __future__ import annotations

import contextlib
import re
import socket
import time
import warnings
from pathlib import Path
from typing import IO, Any

from graphopt import system_errors
from graphopt.errors import user_location
from graphopt.system_errors import failing_as

try:
    import fcntl
except ImportError:  # not on Windows: there a second writer isn't noticed
    fcntl = None  # type: ignore[assignment]

EVENT_FILES = "*tfevents*"
# So many of the newest files are asked whether somebody writes them.
_ASKED = 16


def to_path(logdir: Any) -> Path:
    """Return a log directory as a path.

    Raises:
      TypeError: when it is none. ValueError: when no directory can have this name.
    """
    return system_errors.to_path(logdir, "A log directory")


def prepare(folder: Path) -> None:
    """Make a log directory.

    Raises:
      FailedPreconditionError: when a file is in the way. PermissionDeniedError, NotFoundError, UnknownError: when it can't be made.
    """
    with failing_as(f"The log directory '{folder}' can't be made"):
        folder.mkdir(parents=True, exist_ok=True)


def new_file(folder: Path, stem: str, ending: str) -> IO[bytes]:
    """Open a new file named ``<stem>.<seconds since 1970>.<host><ending>``, which sorts behind the files that are there.

    Readers, TensorBoard too, take the files of a run by name. So the seconds are later ones than those of the files before, also when
    several are made in one second or the clock was put back. The directory is made when it is missing; the file is not buffered.

    Raises:
      OSError: when it can't be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    while True:
        seconds = max(int(time.time()), _last_seconds(folder, stem) + 1)
        with contextlib.suppress(FileExistsError):  # another process was quicker
            return (folder / f"{stem}.{seconds:010d}.{socket.gethostname()}{ending}").open("xb", buffering=0)


def _last_seconds(folder: Path, stem: str) -> int:
    """Return the latest time in the names of a directory's files of one stem; 0 where there is none."""
    pattern = re.compile(rf"{re.escape(stem)}\.(\d{{1,10}})\.")
    return max((int(found[1]) for path in folder.iterdir() if (found := pattern.match(path.name))), default=0)


def warn_user(message: str) -> None:
    """Warn of something at the user's line."""
    where = user_location()
    warnings.warn_explicit(message, UserWarning, where.filename, where.line)


def claim(file: IO[bytes]) -> None:
    """Mark a file as being written, until it is closed or the process ends."""
    if fcntl is not None:
        with contextlib.suppress(OSError):  # some network drives have no locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def warn_of_other_writers(folder: Path) -> None:
    """Warn when somebody, in this process or another, is writing an event file in the directory now."""
    for path in sorted(folder.glob(EVENT_FILES), reverse=True)[:_ASKED]:
        if is_being_written(path):
            warn_user(
                f"Two writers write to the log directory '{folder}' (the other one: {path.name}). Their curves will be drawn as one; "
                "close the first writer, or give each a directory of its own."
            )
            return


def is_being_written(path: Path) -> bool:
    """Return whether a writer, in this process or another, has the file open."""
    if fcntl is None:
        return False
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
