"""`tf.gfile`, `file_io` and `tf.compat`."""

import importlib
from pathlib import Path

import pytest

import graphopt as tf
from graphopt.tf1 import stand_in


def test_files(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    tf.gfile.MakeDirs(folder)
    tf.gfile.MakeDirs(folder)
    with tf.gfile.Open(folder / "text", "w") as file:
        file.write("ä\n")
    with tf.gfile.FastGFile(folder / "bytes", "wb") as file:
        file.write(b"\0")
    with tf.gfile.GFile(str(folder / "text"), "r") as file:
        assert file.read() == "ä\n"
    assert tf.gfile.ListDirectory(folder) == ["bytes", "text"]
    assert tf.gfile.Glob(str(folder / "t*")) == [str(folder / "text")]
    assert tf.gfile.IsDirectory(folder) and tf.gfile.Exists(folder / "text") and not tf.gfile.Exists(folder / "none")
    assert tf.gfile.Stat(folder / "bytes").st_size == 1
    tf.gfile.Copy(folder / "text", folder / "copy")
    tf.gfile.Copy(folder / "text", folder / "copy", overwrite=True)
    tf.gfile.Rename(folder / "copy", folder / "moved")
    tf.gfile.Remove(folder / "moved")
    assert [sorted(names) for _, _, names in tf.gfile.Walk(tmp_path)] == [[], [], ["bytes", "text"]]
    tf.gfile.MkDir(tmp_path / "c")
    tf.gfile.DeleteRecursively(tmp_path / "a")
    assert tf.gfile.ListDirectory(tmp_path) == ["c"]


def test_missing_files(tmp_path: Path) -> None:
    gone = tmp_path / "gone" / "file"
    for call in (
        lambda: tf.gfile.GFile(gone),
        lambda: tf.gfile.MkDir(gone),
        lambda: tf.gfile.Remove(gone),
        lambda: tf.gfile.DeleteRecursively(gone),
        lambda: tf.gfile.ListDirectory(gone),
        lambda: tf.gfile.Copy(gone, tmp_path / "x"),
        lambda: tf.gfile.Rename(gone, tmp_path / "x"),
    ):
        with pytest.raises(tf.errors.NotFoundError, match="gone/file; No such file or directory"):
            call()


def test_files_that_are_there(tmp_path: Path) -> None:
    (tmp_path / "one").touch()
    (tmp_path / "two").touch()
    with pytest.raises(tf.errors.AlreadyExistsError, match="two; file already exists"):
        tf.gfile.Copy(tmp_path / "one", tmp_path / "two")
    with pytest.raises(tf.errors.AlreadyExistsError, match="two; file already exists"):
        tf.gfile.Rename(tmp_path / "one", tmp_path / "two")
    with pytest.raises(tf.errors.AlreadyExistsError, match="one; File exists"):
        tf.gfile.MkDir(tmp_path / "one")


def test_file_io(tmp_path: Path) -> None:
    with stand_in.standing_in(force=True):
        file_io = importlib.import_module("tensorflow.python.lib.io.file_io")
        file_io.write_string_to_file(tmp_path / "a", "text")
        file_io.write_string_to_file(tmp_path / "b", b"bytes")
        assert file_io.read_file_to_string(tmp_path / "a") == "text"
        assert file_io.read_file_to_string(tmp_path / "b", binary_mode=True) == b"bytes"
        assert file_io.file_exists(tmp_path / "a")
        assert importlib.import_module("tensorflow.io.gfile").listdir(tmp_path) == ["a", "b"]


def test_text_and_bytes() -> None:
    assert tf.compat.as_bytes("ä") == tf.compat.as_bytes("ä".encode()) == "ä".encode()
    assert tf.compat.as_text(b"x") == tf.compat.as_str("x") == tf.compat.as_str_any(b"x") == "x"
    assert tf.compat.as_str_any(3) == "3"
    assert tf.compat.path_to_str(Path("a")) == "a"
    with pytest.raises(TypeError, match="Expected binary or unicode string, got 3"):
        tf.compat.as_bytes(3)
    with pytest.raises(TypeError, match="Expected binary or unicode string, got 3"):
        tf.compat.as_text(3)
