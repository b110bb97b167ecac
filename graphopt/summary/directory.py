"""The log directory: made when it is missing, with errors that say what is wrong with it; who else writes there."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import time
import warnings
from pathlib import Path
from typing import IO, Any

from graphopt.errors import (
    ArgumentTypeError,
    FailedPreconditionError,
    NotFoundError,
    OpError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnknownError,
    user_location,
)

try:
    import fcntl
except ImportError:  # not on Windows: there a second writer isn't noticed
    fcntl = None  # type: ignore[assignment]

EVENT_FILES = "*tfevents*"
# So many of the newest files are asked whether somebody writes them.
_ASKED = 16
_CLASSES: dict[int, type[OpError]] = {
    errno.EEXIST: FailedPreconditionError,
    errno.ENOTDIR: FailedPreconditionError,
    errno.ENOENT: NotFoundError,
    errno.EACCES: PermissionDeniedError,
    errno.EPERM: PermissionDeniedError,
    errno.EROFS: PermissionDeniedError,
    errno.ENOSPC: ResourceExhaustedError,
    errno.EDQUOT: ResourceExhaustedError,
}


def to_path(logdir: Any) -> Path:
    """Return a log directory as a path.

    Raises:
      TypeError: when it is none.
    """
    try:
        return Path(os.fsdecode(os.fspath(logdir)))
    except TypeError:
        raise ArgumentTypeError(f"A log directory must be a path, got {logdir!r} of {type(logdir)}.") from None


def prepare(folder: Path) -> None:
    """Make a log directory.

    Raises:
      FailedPreconditionError: when a file is in the way. PermissionDeniedError, NotFoundError, UnknownError: when it can't be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise os_error(error, f"The log directory '{folder}' can't be made") from None


def os_error(error: OSError, what: str) -> OpError:
    """Return a failure of the file system as the error that says what could not be done, and where the user asked for it."""
    why = "is not a directory" if error.errno in (errno.EEXIST, errno.ENOTDIR) else (error.strerror or str(error)).lower()
    subject = f"'{error.filename}' " if error.filename and error.errno in (errno.EEXIST, errno.ENOTDIR) else ""
    kind = _CLASSES.get(error.errno or 0, UnknownError)
    return kind(None, None, f"{what}: {subject}{why}.\n  at {user_location()}")


def new_file(folder: Path, stem: str, ending: str) -> IO[bytes]:
    """Open a new file named ``<stem>.<seconds since 1970>.<host><ending>``, with a number before the ending if there is one of that name.

    Raises:
      PermissionDeniedError, ResourceExhaustedError, UnknownError: when it can't be made.
    """
    name = f"{stem}.{int(time.time()):010d}.{socket.gethostname()}"
    number = 0
    while True:
        path = folder / f"{name}{f'.{number}' if number else ''}{ending}"
        try:
            return path.open("xb", buffering=1 << 16)
        except FileExistsError:
            number += 1
        except OSError as error:
            raise os_error(error, f"No file can be made in the log directory '{folder}'") from None


def claim(file: IO[bytes]) -> None:
    """Mark a file as being written, until it is closed or the process ends."""
    if fcntl is not None:
        with contextlib.suppress(OSError):  # some network drives have no locks
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def warn_of_other_writers(folder: Path, stacklevel: int) -> None:
    """Warn when somebody, in this process or another, is writing an event file in the directory now."""
    for path in sorted(folder.glob(EVENT_FILES), reverse=True)[:_ASKED]:
        if is_being_written(path):
            message = (
                f"Two writers write to the log directory '{folder}' (the other one: {path.name}). Their curves will be drawn as one; "
                "close the first writer, or give each a directory of its own."
            )
            warnings.warn(message, stacklevel=stacklevel + 1)
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
