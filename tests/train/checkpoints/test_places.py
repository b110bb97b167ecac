"""Where checkpoints are written: relative paths, long and odd names, steps of every kind; Ctrl-C while one is written."""

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.checkpoints import saver as saver_module
from graphopt.train.checkpoints.pending import PendingWrite, wait_for_writes


@pytest.fixture
def w() -> Any:
    return tf.get_variable("w", initializer=1.0)


@pytest.fixture
def session(w: Any) -> Iterator[Any]:
    with tf.Session() as session:
        session.run(w.initializer)
        yield session


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Let no checkpoint be written before the event is set."""
    may_write = threading.Event()
    write = saver_module.write_archive

    def write_later(*arguments: Any) -> None:
        assert may_write.wait(60)
        write(*arguments)

    monkeypatch.setattr(saver_module, "write_archive", write_later)
    return may_write


@pytest.mark.parametrize("relative_paths", [False, True])
def test_the_program_may_go_to_another_directory_while_it_writes(
    tmp_path: Path, session: Any, monkeypatch: pytest.MonkeyPatch, held: threading.Event, relative_paths: bool
) -> None:
    logs, other = tmp_path / "here" / "logs", tmp_path / "other"
    logs.mkdir(parents=True)
    other.mkdir()
    saver = tf.train.Saver(max_to_keep=2, save_relative_paths=relative_paths)
    for step in range(4):
        monkeypatch.chdir(logs.parent)
        held.clear()
        assert saver.save(session, "logs/m", step, wait=False) == f"logs/m-{step}"
        monkeypatch.chdir(other)
        held.set()
        saver.wait()
    assert sorted(path.name for path in logs.iterdir()) == ["checkpoint", "m-2.npz", "m-3.npz"] and not list(other.iterdir())
    assert tf.train.latest_checkpoint(logs) == str(logs / "m-3")
    assert tf.train.get_checkpoint_state(logs).all_model_checkpoint_paths == [str(logs / "m-2"), str(logs / "m-3")]
    assert saver.last_checkpoints == ["logs/m-2", "logs/m-3"]


@pytest.mark.parametrize(
    "name", ["a space", "hö-雪-🎈", "100% %s %d", "two\nlines", "quotes\"'\\", "a" * 250, "[a]*?", "tab\t;#", "~", "events.npz"]
)
def test_odd_folders(tmp_path: Path, session: Any, w: Any, name: str) -> None:
    folder = tmp_path / name
    folder.mkdir()
    saver = tf.train.Saver(max_to_keep=2)
    for step in range(4):
        saver.save(session, f"{folder}//m", step)
    session.run(w.assign(5.0))
    assert tf.train.Saver().restore_latest(session, f"{folder}/") == f"{folder}//m-3"
    assert session.run(w) == 1.0
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint", "m-2.npz", "m-3.npz"]


@pytest.mark.parametrize("name", ["n" * 251, "ü" * 125])
def test_names_as_long_as_the_system_allows(tmp_path: Path, session: Any, name: str) -> None:
    path = tf.train.Saver().save(session, tmp_path / name)
    assert tf.train.latest_checkpoint(tmp_path) == path == str(tmp_path / name)
    assert {entry.name for entry in tmp_path.iterdir()} == {"checkpoint", f"{name}.npz"}
    with pytest.raises(tf.errors.UnknownError, match=r"File name too long while writing .*\(ENAMETOOLONG\)"):
        tf.train.Saver().save(session, tmp_path / f"{name}nn")


@pytest.mark.parametrize(
    ("step", "ending"),
    [(2**40, "1099511627776"), (-3, "-3"), (np.int64(5), "5"), (np.uint64(2**63), "9223372036854775808"), (np.array(9), "9"), (True, "1")],
)
def test_steps_of_every_kind(tmp_path: Path, session: Any, step: Any, ending: str) -> None:
    path = tf.train.Saver().save(session, tmp_path / "m", step)
    assert path == f"{tmp_path}/m-{ending}" and tf.train.latest_checkpoint(tmp_path) == path


def test_ctrl_c_while_a_thread_is_started_loses_nobody(
    tmp_path: Path, session: Any, monkeypatch: pytest.MonkeyPatch, held: threading.Event
) -> None:
    start = threading.Thread.start

    def start_and_interrupt(thread: threading.Thread) -> None:
        start(thread)
        os.kill(os.getpid(), signal.SIGINT)

    saver = tf.train.Saver()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(threading.Thread, "start", start_and_interrupt)
        saver.save(session, tmp_path / "m", 1, wait=False)
    found: list[Any] = []
    reader = threading.Thread(target=lambda: found.append(tf.train.latest_checkpoint(tmp_path)))
    reader.start()
    reader.join(0.05)
    assert reader.is_alive() and not found  # it waits for what is being written
    held.set()
    reader.join()
    assert found == [str(tmp_path / "m-1")]
    saver.wait()
    tf.train.Saver().save(session, tmp_path / "other", write_state=False)


def test_ctrl_c_while_a_write_is_announced_keeps_nobody_waiting(tmp_path: Path, session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = PendingWrite.begin

    def begin_and_interrupt(write: PendingWrite) -> None:
        begin(write)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(PendingWrite, "begin", begin_and_interrupt)
        tf.train.Saver().save(session, tmp_path / "m")
    wait_for_writes(str(tmp_path))
    assert tf.train.Saver().save(session, tmp_path / "m") is not None


def test_ctrl_c_in_the_middle_of_a_file_leaves_the_one_before(
    tmp_path: Path, session: Any, w: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    saver = tf.train.Saver()
    saver.save(session, tmp_path / "m")
    session.run(w.assign(2.0))

    def interrupted(file: Any, *_: Any) -> None:
        file.write(b"half")
        os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(saver_module, "write_archive", interrupted)
        saver.save(session, tmp_path / "m")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "m.npz"]
    saver.restore(session, tmp_path / "m")
    assert session.run(w) == 1.0 and session.store.readers == 0
