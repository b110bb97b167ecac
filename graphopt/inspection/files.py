"""Writing the files of inspection: what the system refuses becomes an error that says what would be right."""

from __future__ import annotations

from typing import Any

from graphopt.errors import ArgumentError, FailedPreconditionError, NotFoundError, lines, user_location
from graphopt.system_errors import to_path, write_whole


def write_text(path: Any, text: str) -> None:
    """Write a text file, whole or not at all.

    Args:
      path: text or an `os.PathLike`. text: what stands in it.

    Raises:
      TypeError: when `path` is no path. ValueError: when it is empty, or no file can have this name.
      tf.errors.OpError: when it can't be written: `NotFoundError` without its folder, `FailedPreconditionError` for a folder,
        `PermissionDeniedError`, `ResourceExhaustedError` when the disk is full.
    """
    if path in ("", b""):
        raise ArgumentError("The path of a file is needed, got an empty one.")
    file = to_path(path, "The path of a file")
    where = f"at {user_location()}"
    if file.is_dir():
        hint = f"Name a file in it, such as {str(file / 'graph.html')!r}."
        raise FailedPreconditionError(None, None, lines(f"{str(file)!r} can't be written: it is a folder.", hint, where))
    if not file.parent.exists():
        hint = "Make the folder first, or name another."
        raise NotFoundError(None, None, lines(f"{str(file)!r} can't be written: there is no folder {str(file.parent)!r}.", hint, where))
    # A name may hold characters that UTF-8 has no code for: half of a surrogate pair.
    data = text.encode("utf-8", errors="replace")
    write_whole(file, lambda opened: opened.write(data))
