"""What goes wrong with a log directory or a file, and what a writer refuses."""

import errno
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import graphopt as tf
from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.runtime.profile import RunMetadata
from graphopt.summary import directory

Value = tf.Summary.Value


def scalar(number: float, tag: str = "loss") -> Any:
    return tf.Summary(value=[Value(tag=tag, simple_value=number)])


def test_two_writers_on_one_directory(tmp_path: Path) -> None:
    first = tf.summary.FileWriter(tmp_path)
    with pytest.warns(UserWarning, match="Two writers write to the log directory") as caught:
        second = tf.summary.FileWriter(tmp_path)
    assert caught[0].filename == __file__
    first.close()
    second.close()
    tf.summary.FileWriter(tmp_path).close()  # one after the other is fine


def test_a_writer_of_another_process_is_noticed(tmp_path: Path) -> None:
    text = "import sys, graphopt as tf; w = tf.summary.FileWriter(sys.argv[1]); print('open', flush=True); sys.stdin.read()"
    with subprocess.Popen([sys.executable, "-c", text, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.warns(UserWarning, match="Two writers write to the log directory"):
            tf.summary.FileWriter(tmp_path).close()
        process.communicate()


def test_where_there_are_no_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(directory, "fcntl", None)
    tf.summary.FileWriter(tmp_path).close()
    assert not directory.is_being_written(next(tmp_path.iterdir()))


def test_a_file_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(
            tf.errors.FailedPreconditionError, match=r"The log directory '.*' can't be made: '.*' is not a directory"
        ) as caught:
            tf.summary.FileWriter(folder)
        assert f"at {__file__}:" in caught.value.message


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.EACCES, tf.errors.PermissionDeniedError),
        (errno.EROFS, tf.errors.PermissionDeniedError),
        (errno.ENOSPC, tf.errors.ResourceExhaustedError),
        (errno.EIO, tf.errors.UnknownError),
    ],
)
def test_a_directory_that_cannot_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]) -> None:
    def refuse(*arguments: Any, **more: Any) -> Any:
        raise OSError(number, "refused")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(kind, match=r"No file can be made in the log directory '.*': refused"):
        tf.summary.FileWriter(tmp_path)
    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(kind, match=r"The log directory '.*' can't be made: refused"):
        tf.summary.FileWriter(tmp_path / "new")


@pytest.mark.parametrize(
    ("use", "kind", "text"),
    [
        (lambda w: w.add_summary("text"), ArgumentTypeError, "add_summary takes a Summary or its bytes, got 'text'"),
        (lambda w: w.add_summary(3), ArgumentTypeError, "add_summary takes a Summary or its bytes, got 3"),
        (lambda w: w.add_summary(b"\xff"), ValueError, "Error parsing message"),
        (lambda w: w.add_summary(tf.Summary(), "x"), ValueError, "invalid literal"),
        (lambda w: w.add_event(3), ArgumentTypeError, "<class 'int'> is not a valid proto: add_event takes an Event"),
        (
            lambda w: w.add_graph(3),
            ArgumentTypeError,
            "The passed graph must be an instance of `Graph` or the deprecated `GraphDef`, got 3",
        ),
        (lambda w: w.add_graph(None), ArgumentTypeError, "The passed graph must be an instance of `Graph`"),
        (lambda w: w.add_graph(tf.Graph(), graph_def=3), ArgumentError, "Please pass only graph, or graph_def"),
        (lambda w: w.add_meta_graph(3), ArgumentTypeError, "meta_graph_def must be type MetaGraphDef, saw type: <class 'int'>"),
    ],
)
def test_refused(tmp_path: Path, use: Any, kind: type[Exception], text: str) -> None:
    with tf.summary.FileWriter(tmp_path) as writer, pytest.raises(kind, match=text):
        use(writer)


def test_a_tag_of_run_metadata_is_used_once(tmp_path: Path) -> None:
    with tf.summary.FileWriter(tmp_path) as writer:
        writer.add_run_metadata(RunMetadata(), "t")
        with pytest.raises(ArgumentError, match="The provided tag was already used for this event type"):
            writer.add_run_metadata(RunMetadata(), "t")


def test_no_directory() -> None:
    with pytest.raises(ArgumentTypeError, match="A log directory must be a path, got None of"):
        tf.summary.FileWriter(None)
    with pytest.raises(ArgumentError, match="A log directory must be a path, but no file can have a NUL character in its name"):
        tf.summary.FileWriter("a\0b")
