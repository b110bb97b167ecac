"""Failures of the file system, as errors that say what could not be done, with which path, and where the user asked for it."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from graphopt.errors import (
    ArgumentError,
    ArgumentTypeError,
    FailedPreconditionError,
    NotFoundError,
    OpError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnknownError,
    user_location,
)

_CLASSES: dict[int, type[OpError]] = {
    errno.EEXIST: FailedPreconditionError,
    errno.ENOTDIR: FailedPreconditionError,
    errno.EISDIR: FailedPreconditionError,
    errno.ENOENT: NotFoundError,
    errno.EACCES: PermissionDeniedError,
    errno.EPERM: PermissionDeniedError,
    errno.EROFS: PermissionDeniedError,
    errno.ENOSPC: ResourceExhaustedError,
    errno.EDQUOT: ResourceExhaustedError,
    errno.EFBIG: ResourceExhaustedError,
}
_IN_THE_WAY = (errno.EEXIST, errno.ENOTDIR)


def to_path(given: Any, what: str) -> Path:
    """Return what a user gave as a path.

    Args:
      given: text, bytes or an `os.PathLike`. what: what it should be, such as "A log directory", for the errors.

    Raises:
      TypeError: when it is no path. ValueError: when no file can have this name.

    Example:
      >>> to_path(b"logs/first", "A log directory").name
      'first'
    """
    try:
        text = os.fsdecode(os.fspath(given))
    except TypeError:
        raise ArgumentTypeError(f"{what} must be a path, got {given!r} of {type(given)}.") from None
    if "\0" in text:
        raise ArgumentError(f"{what} must be a path, but no file can have a NUL character in its name: {text!r}.")
    return Path(text)


def reason(error: OSError) -> str:
    """Return what the system said, in words.

    >>> reason(OSError(errno.ENOSPC, "No space left on device"))
    'no space left on device'
    """
    if error.errno in _IN_THE_WAY:
        return f"'{error.filename}' is not a directory" if error.filename else "is not a directory"
    return (error.strerror or str(error)).lower()


def system_error(error: OSError, what: str) -> OpError:
    """Return a failure of the file system as the error that says what could not be done, and where the user asked for it.

    Args:
      error: what the system said. what: what could not be done, with the path, such as "'a.csv' can't be written".

    >>> type(system_error(OSError(errno.EACCES, "Permission denied"), "'a.csv' can't be written")).__name__
    'PermissionDeniedError'
    """
    kind = _CLASSES.get(error.errno or 0, UnknownError)
    return kind(None, None, f"{what}: {reason(error)}.\n  at {user_location()}")


@contextlib.contextmanager
def failing_as(what: str) -> Iterator[None]:
    """Raise failures of the file system inside a ``with`` block as errors that say what could not be done.

    Args:
      what: what could not be done, with the path.

    Raises:
      NotFoundError, PermissionDeniedError, ResourceExhaustedError, FailedPreconditionError, UnknownError: by what the system said.

    Example:
      >>> with failing_as("'missing.csv' can't be read"):
      ...     open("missing.csv")
      Traceback (most recent call last):
        ...
      graphopt.errors.NotFoundError: 'missing.csv' can't be read: no such file or directory.
        at ...
    """
    try:
        yield
    except OSError as error:
        raise system_error(error, what) from None


def write_whole(path: Path, write: Callable[[IO[bytes]], Any]) -> None:
    """Write a file so that there is the old one or the whole new one at any time.

    Args:
      path: the file; a link is followed, and what is no plain file (a pipe, a terminal) is written to as it is.
      write: is given the open file.

    Raises:
      NotFoundError, PermissionDeniedError, ResourceExhaustedError, FailedPreconditionError, UnknownError: when it can't be written.

    Example:
      >>> write_whole(Path("numbers.txt"), lambda file: file.write(b"1 2 3"))
      >>> Path("numbers.txt").read_text()
      '1 2 3'
    """
    with failing_as(f"'{path}' can't be written"):
        target = Path(os.path.realpath(path))
        if (target.exists() and not target.is_file()) or not os.access(target.parent, os.W_OK):
            with target.open("wb") as file:
                write(file)
            return
        part = target.with_name(f".{target.name[:100]}.{os.urandom(4).hex()}.part")
        try:
            with part.open("xb") as file:
                write(file)
            if target.exists():
                part.chmod(target.stat().st_mode & 0o777)
            part.replace(target)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink(missing_ok=True)
            raise
