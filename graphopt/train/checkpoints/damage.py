"""How checkpoints complain: errors that name the file and the part of it, and warnings at the user's line."""

from __future__ import annotations

import errno
import os
import warnings

from graphopt.errors import (
    DataLossError,
    NotFoundError,
    OpError,
    PermissionDeniedError,
    ResourceExhaustedError,
    UnknownError,
    lines,
    user_location,
)

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)


def damaged(file: str, part: str, what: str) -> DataLossError:
    """Return the error for a file that isn't what was written.

    Args:
      file: its path. part: the member, tensor or block. what: what is wrong with it.
    """
    rule = f"The checkpoint file {file} is damaged at {part}: {what}."
    return DataLossError(None, None, lines(rule, "Restore an older checkpoint; Saver.restore_latest finds the newest one that is whole."))


def system_error(error: OSError, file: str, doing: str) -> OpError:
    """Return the run-time error for one of the operating system.

    Args:
      error: what the system said. file: the file. doing: "writing" or "reading".
    """
    said = f"{error.strerror or error} while {doing} {file}"
    if error.errno in _FULL:
        return ResourceExhaustedError(None, None, lines(f"{said}.", "Nothing is lost: the checkpoints written before are as they were."))
    if error.errno in _FORBIDDEN:
        return PermissionDeniedError(None, None, f"{said}.")
    if error.errno == errno.ENOENT:
        return NotFoundError(None, None, f"{said}.")
    return UnknownError(None, None, f"{said} ({errno.errorcode.get(error.errno or 0, 'no code')}).")


def warn(message: str) -> None:
    """Warn of something at the user's line."""
    where = user_location()
    warnings.warn_explicit(message, UserWarning, where.filename, where.line)


def text_of(path: object) -> str:
    """Return a path as text: of text, bytes or an `os.PathLike`."""
    return os.fsdecode(path)  # type: ignore[arg-type]
