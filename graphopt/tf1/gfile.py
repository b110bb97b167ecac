"""`tf.gfile` and `tensorflow.python.lib.io.file_io`: files, of this machine only."""

from __future__ import annotations

import glob as std_glob
import os
import shutil
from collections.abc import Iterator
from typing import Any

from graphopt.errors import AlreadyExistsError, NotFoundError, OpError


def _missing(path: Any) -> OpError:
    return NotFoundError(None, None, f"{os.fspath(path)}; No such file or directory")


def GFile(name: Any, mode: str = "r") -> Any:
    """Open a file, as Python's `open` does.

    Args:
      name: the path. mode: 'r', 'w' or 'a', with 'b' for bytes.

    Raises:
      tf.errors.NotFoundError: when the file, or the folder to write it to, is missing.

    >>> with tf.gfile.GFile("notes.txt", "w") as f:
    ...     _ = f.write("hello")
    >>> with tf.gfile.GFile("notes.txt") as f:
    ...     f.read()
    'hello'
    """
    try:
        return open(name, mode, encoding=None if "b" in mode else "utf-8")
    except FileNotFoundError:
        raise _missing(name) from None


FastGFile = GFile
Open = GFile


def Exists(filename: Any) -> bool:
    """Return True when the file or folder exists."""
    return os.path.exists(filename)


def IsDirectory(dirname: Any) -> bool:
    """Return True when the path is a folder."""
    return os.path.isdir(dirname)


def MakeDirs(dirname: Any) -> None:
    """Make a folder, and those above it; it may be there."""
    os.makedirs(dirname, exist_ok=True)


def MkDir(dirname: Any) -> None:
    """Make a folder.

    Raises:
      tf.errors.NotFoundError: when the folder above it is missing. tf.errors.AlreadyExistsError: when it is there.
    """
    try:
        os.mkdir(dirname)
    except FileNotFoundError:
        raise _missing(dirname) from None
    except FileExistsError:
        raise AlreadyExistsError(None, None, f"{os.fspath(dirname)}; File exists") from None


def Remove(filename: Any) -> None:
    """Delete a file.

    Raises:
      tf.errors.NotFoundError: when it is missing.
    """
    try:
        os.remove(filename)
    except FileNotFoundError:
        raise _missing(filename) from None


def DeleteRecursively(dirname: Any) -> None:
    """Delete a folder with what is in it.

    Raises:
      tf.errors.NotFoundError: when it is missing.
    """
    if not os.path.exists(dirname):
        raise _missing(dirname)
    shutil.rmtree(dirname)


def Copy(oldpath: Any, newpath: Any, overwrite: bool = False) -> None:
    """Copy a file.

    Raises:
      tf.errors.NotFoundError: when it is missing. tf.errors.AlreadyExistsError: when the new one is there, unless `overwrite`.
    """
    _check_free(newpath, overwrite)
    try:
        shutil.copyfile(oldpath, newpath)
    except FileNotFoundError:
        raise _missing(oldpath) from None


def Rename(oldname: Any, newname: Any, overwrite: bool = False) -> None:
    """Rename a file or folder.

    Raises:
      tf.errors.NotFoundError: when it is missing. tf.errors.AlreadyExistsError: when the new name is taken, unless `overwrite`.
    """
    _check_free(newname, overwrite)
    try:
        os.replace(oldname, newname)
    except FileNotFoundError:
        raise _missing(oldname) from None


def _check_free(path: Any, overwrite: bool) -> None:
    if os.path.exists(path) and not overwrite:
        raise AlreadyExistsError(None, None, f"{os.fspath(path)}; file already exists")


def Glob(filename: Any) -> list[str]:
    """Return the paths that match a pattern, sorted."""
    return sorted(std_glob.glob(os.fspath(filename)))


def ListDirectory(dirname: Any) -> list[str]:
    """Return the names in a folder, sorted.

    Raises:
      tf.errors.NotFoundError: when it is missing.
    """
    try:
        return sorted(os.listdir(dirname))
    except FileNotFoundError:
        raise _missing(dirname) from None


def Walk(top: Any, in_order: bool = True) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield (folder, folders in it, files in it) for a folder and those below it."""
    return os.walk(top, topdown=in_order)


def Stat(filename: Any) -> os.stat_result:
    """Return the size and times of a file."""
    return os.stat(filename)


def read_file_to_string(filename: Any, binary_mode: bool = False) -> Any:
    """Return what a file holds."""
    with GFile(filename, "rb" if binary_mode else "r") as file:
        return file.read()


def write_string_to_file(filename: Any, file_content: Any) -> None:
    """Write a file of the given text or bytes."""
    with GFile(filename, "wb" if isinstance(file_content, bytes) else "w") as file:
        file.write(file_content)
