"""Reading a log directory and writing tables: what the file system refuses is an error or a warning that names the path."""

import errno
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import graphopt as tf
from graphopt.errors import ArgumentTypeError
from graphopt.summary import summary_iterator, tables

Value = tf.Summary.Value


@pytest.fixture
def log(tmp_path: Path) -> Any:
    for name in ("a", "b"):
        with tf.summary.FileWriter(tmp_path / "logs" / name) as writer:
            writer.add_summary(tf.Summary(value=[Value(tag="loss", simple_value=0.5)]), 1)
    return tf.summary.read(tmp_path / "logs")


def refusing(path: Path, real: Callable[..., Any]) -> Callable[..., Any]:
    """A function of the system that may not look at a path."""

    def call(given: Any = ".", *arguments: Any, **more: Any) -> Any:
        if Path(os.fspath(given)) == path:
            raise PermissionError(errno.EACCES, "Permission denied", os.fspath(given))
        return real(given, *arguments, **more)

    return call


WRITES = {
    "csv": lambda log, path: log.to_csv(path),
    "json": lambda log, path: log.to_json(path),
    **({"parquet": lambda log, path: log.to_parquet(path)} if importlib.util.find_spec("pyarrow") else {}),
}


@pytest.mark.parametrize("kind", WRITES)
def test_tables_that_cannot_be_written(kind: str, log: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = WRITES[kind]
    with pytest.raises(tf.errors.NotFoundError, match=r"'.*missing/t' can't be written: no such file or directory") as caught:
        write(log, tmp_path / "missing" / "t")
    assert f"at {__file__}:" in str(caught.value)
    with pytest.raises(tf.errors.FailedPreconditionError, match=r"'.*' can't be written: is a directory"):
        write(log, tmp_path)
    (tmp_path / "file").write_text("kept")
    with pytest.raises(tf.errors.FailedPreconditionError, match=r"'.*file/t' can't be written: '.*' is not a directory"):
        write(log, tmp_path / "file" / "t")
    with pytest.raises(ArgumentTypeError, match="A file must be a path, got 3 of"):
        write(log, 3)
    monkeypatch.setattr(Path, "open", refusing(tmp_path / "file", lambda *_, **__: (_ for _ in ()).throw(OSError(errno.ENOSPC, "full"))))
    with pytest.raises(tf.errors.ResourceExhaustedError, match=r"'.*file' can't be written: full"):
        write(log, tmp_path / "file")
    monkeypatch.undo()
    assert (tmp_path / "file").read_text() == "kept"
    write(log, str(tmp_path / "file"))
    assert (tmp_path / "file").stat().st_size > 50
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "logs"]


def test_the_file_is_open_when_pyarrow_writes(log: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Arrow:
        """Stands for pyarrow and pyarrow.parquet."""

        @staticmethod
        def string() -> None: ...
        def __getattr__(self, name: str) -> Any:
            return self

        def __call__(self, *given: Any) -> Any:
            return given

        def write_table(self, table: Any, file: Any) -> None:
            file.write(b"PAR1")

    monkeypatch.setattr(tables, "load", lambda *_: Arrow())
    log.to_parquet(tmp_path / "t")
    assert (tmp_path / "t").read_bytes() == b"PAR1"


def test_a_folder_that_cannot_be_looked_into(log: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = tmp_path / "logs"
    monkeypatch.setattr(os, "scandir", refusing(logs / "a", os.scandir))
    with pytest.warns(UserWarning, match=r"The folder '.*/a' is left out: permission denied\.") as caught:
        assert tf.summary.read(logs).runs == ["b"]
    assert caught[0].filename == __file__
    monkeypatch.setattr(os, "scandir", refusing(logs, os.scandir))
    with pytest.raises(tf.errors.PermissionDeniedError, match=r"The log directory '.*/logs' can't be read: permission denied"):
        tf.summary.read(logs)


def test_a_path_that_cannot_be_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(tf.errors.UnknownError, match=r"'.*' can't be read: file name too long"):
        tf.summary.read(tmp_path / ("a" * 300))
    monkeypatch.setattr(Path, "is_file", refusing(tmp_path, Path.is_file))
    with pytest.raises(tf.errors.PermissionDeniedError, match=r"'.*' can't be read: permission denied"):
        tf.summary.read(tmp_path)


@pytest.mark.parametrize("name", ["events.out.tfevents.1.host", "summaries.1.host.jsonl"])
def test_a_file_that_cannot_be_read(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / name
    path.write_bytes(b"")
    monkeypatch.setattr(Path, "read_bytes", refusing(path, Path.read_bytes))
    with pytest.raises(tf.errors.PermissionDeniedError, match=r"'.*' can't be read: permission denied"):
        tf.summary.read(tmp_path)


def test_where_nothing_is(tmp_path: Path) -> None:
    with pytest.raises(tf.errors.NotFoundError, match="There is no log directory"):
        tf.summary.read(tmp_path / "missing")
    (tmp_path / "notes.txt").write_text("of another program")
    with pytest.raises(tf.errors.NotFoundError, match="There is no event file and no file of JSON lines in"):
        tf.summary.read(tmp_path)
    with pytest.warns(UserWarning, match="is read up to byte 0, 0 records: the"):
        assert tf.summary.read(tmp_path / "notes.txt").tags()["scalars"] == []


def test_the_events_of_a_file(tmp_path: Path) -> None:
    with tf.summary.FileWriter(tmp_path) as writer:
        for step in range(3):
            writer.add_summary(tf.Summary(value=[Value(tag="loss", simple_value=step)]), step)
    path = Path(writer.get_filename())
    assert [(event.step, event.summary.value[0].simple_value) for event in list(summary_iterator(path))[1:]] == [
        (0, 0.0),
        (1, 1.0),
        (2, 2.0),
    ]
    path.write_bytes(path.read_bytes()[:-3])
    events = summary_iterator(str(path))
    assert [next(events).step for _ in range(3)] == [0, 0, 1]
    with pytest.raises(
        tf.errors.DataLossError, match=r"'.*' is broken at byte \d+, after 3 events: the last record is cut off\."
    ) as caught:
        next(events)
    assert f"at {__file__}:" in str(caught.value)
    with pytest.raises(tf.errors.NotFoundError, match=r"'.*missing' can't be read: no such file or directory"):
        summary_iterator(tmp_path / "missing")
    with pytest.raises(ArgumentTypeError, match="An event file must be a path, got None of"):
        summary_iterator(None)
