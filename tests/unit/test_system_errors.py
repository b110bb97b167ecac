"""Failures of the file system become errors that name the path; a file is replaced whole or not at all."""

import errno
import os
from pathlib import Path
from typing import IO

import pytest

import graphopt as tf
from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.system_errors import failing_as, system_error, to_path, write_whole


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOENT, tf.errors.NotFoundError),
        (errno.EACCES, tf.errors.PermissionDeniedError),
        (errno.EROFS, tf.errors.PermissionDeniedError),
        (errno.EISDIR, tf.errors.FailedPreconditionError),
        (errno.ENOTDIR, tf.errors.FailedPreconditionError),
        (errno.ENOSPC, tf.errors.ResourceExhaustedError),
        (errno.EFBIG, tf.errors.ResourceExhaustedError),
        (errno.EIO, tf.errors.UnknownError),
    ],
)
def test_kinds(number: int, kind: type[Exception]) -> None:
    with (
        pytest.raises(kind, match=r"'a.csv' can't be written: .*\.\n  at .*test_system_errors\.py:\d+"),
        failing_as("'a.csv' can't be written"),
    ):
        raise OSError(number, os.strerror(number))


def test_an_error_without_a_number() -> None:
    assert str(system_error(OSError("strange"), "it failed")).startswith("it failed: strange.\n  at ")


def test_paths(tmp_path: Path) -> None:
    assert to_path(b"a/b", "A file") == to_path(Path("a/b"), "A file") == Path("a/b")
    with pytest.raises(ArgumentTypeError, match="A file must be a path, got 3 of"):
        to_path(3, "A file")
    with pytest.raises(ArgumentError, match="A file must be a path, but no file can have a NUL character in its name"):
        to_path("a\0", "A file")


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    path, link = tmp_path / "file", tmp_path / "link"
    path.write_text("old")
    path.chmod(0o640)
    link.symlink_to(path)

    def half(file: IO[bytes]) -> None:
        file.write(b"ne")
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.raises(tf.errors.ResourceExhaustedError, match=r"'.*link' can't be written: no space left on device"):
        write_whole(link, half)
    assert (path.read_text(), sorted(tmp_path.iterdir())) == ("old", [path, link])
    write_whole(link, lambda file: file.write(b"new"))
    assert (path.read_text(), link.is_symlink(), path.stat().st_mode & 0o777) == ("new", True, 0o640)
    assert sorted(tmp_path.iterdir()) == [path, link]


def test_what_is_no_plain_file_is_written_to(tmp_path: Path) -> None:
    write_whole(Path("/dev/null"), lambda file: file.write(b"gone"))
    with pytest.raises(tf.errors.FailedPreconditionError, match=r"'.*' can't be written: is a directory"):
        write_whole(tmp_path, lambda file: file.write(b"x"))
    with pytest.raises(tf.errors.NotFoundError, match=r"'.*b' can't be written: no such file or directory"):
        write_whole(tmp_path / "a" / "b", lambda file: file.write(b"x"))
