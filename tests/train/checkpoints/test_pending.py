"""Writes that are under way: whoever reads a folder, or writes there next, waits for them."""

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import graphopt as tf
from graphopt.train.checkpoints import atomic_file, pending

PATIENCE = 60
ROOT = Path(__file__).parents[3]


@pytest.fixture
def w() -> Any:
    return tf.get_variable("w", initializer=1.0)


@pytest.fixture
def session(w: Any) -> Iterator[Any]:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        yield session


class Held:
    """Keeps checkpoints from being brought to the disk until it is told to go on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.has_begun, self.may_go_on = threading.Event(), threading.Event()
        monkeypatch.setattr(atomic_file, "sync", self._sync)

    def _sync(self, _: int) -> None:
        self.has_begun.set()
        assert self.may_go_on.wait(PATIENCE)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    made = Held(monkeypatch)
    yield made
    made.may_go_on.set()


class Waiting(threading.Thread):
    """Calls a function in a thread, and knows when it waits for a write."""

    def __init__(self, function: Callable[[], Any], monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self.function, self.waits, self.result = function, threading.Event(), None
        wait = pending.PendingWrite.wait
        monkeypatch.setattr(pending.PendingWrite, "wait", lambda write: (self.waits.set(), wait(write)))
        self.start()
        assert self.waits.wait(PATIENCE)

    def run(self) -> None:
        self.result = self.function()


def _saved_by_another(session: Any, folder: Path) -> Any:
    saver = tf.train.Saver()
    return lambda: saver.save(session, folder / "other", 5, latest_filename="others")


READERS: dict[str, Callable[[Any, Path], Callable[[], Any]]] = {
    "latest_checkpoint": lambda _, folder: lambda: tf.train.latest_checkpoint(folder),
    "get_checkpoint_state": lambda _, folder: lambda: tf.train.get_checkpoint_state(folder).model_checkpoint_path,
    "load_variable": lambda _, folder: lambda: tf.train.load_variable(folder / "m-2", "w").item(),
    "restore": lambda session, folder: (lambda saver: lambda: saver.restore(session, folder / "m-2"))(tf.train.Saver()),
    "restore_latest": lambda session, folder: (lambda saver: lambda: saver.restore_latest(session, folder))(tf.train.Saver()),
    "save": _saved_by_another,
}


@pytest.mark.parametrize("reader", READERS)
def test_readers_wait_for_what_is_being_written(
    tmp_path: Path, session: Any, held: Held, monkeypatch: pytest.MonkeyPatch, reader: str
) -> None:
    saver = tf.train.Saver()
    held.may_go_on.set()
    saver.save(session, tmp_path / "m", 1)
    held.may_go_on.clear()
    link = tmp_path.with_name(f"{tmp_path.name}-link")
    link.symlink_to(tmp_path)
    path = saver.save(session, tmp_path / "m", 2, wait=False)
    # By another name of the folder, so that it is known for the same one.
    thread = Waiting(READERS[reader](session, link), monkeypatch)
    assert thread.is_alive() and not tf.train.checkpoint_exists(path)
    held.may_go_on.set()
    thread.join(PATIENCE)
    expected = {"load_variable": 1.0, "restore": None, "save": str(link / "other-5")}
    assert thread.result == expected.get(reader, path)
    saver.close()
    assert not pending._registry.writes


def test_other_folders_are_read_at_once(tmp_path: Path, session: Any, held: Held) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with tf.train.Saver() as saver:
        saver.save(session, tmp_path / "a" / "m", wait=False)
        assert held.has_begun.wait(PATIENCE)
        assert tf.train.latest_checkpoint(tmp_path / "b") is None
        held.may_go_on.set()
    assert tf.train.latest_checkpoint(tmp_path / "a") == str(tmp_path / "a" / "m")


def test_the_thread_that_writes_does_not_wait_for_itself(tmp_path: Path, session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    monkeypatch.setattr(atomic_file, "sync", lambda _: found.append(tf.train.latest_checkpoint(tmp_path)))
    with tf.train.Saver() as saver:
        saver.save(session, tmp_path / "m", 1, wait=False)
    saver.save(session, tmp_path / "m", 2)
    first = str(tmp_path / "m-1")
    assert found == [None, None, first, first]


@pytest.mark.parametrize("wait", [True, False])
def test_a_write_that_fails_keeps_nobody_waiting(tmp_path: Path, session: Any, monkeypatch: pytest.MonkeyPatch, wait: bool) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(atomic_file, "sync", fail)
    saver = tf.train.Saver()
    with pytest.raises(tf.errors.ResourceExhaustedError, match="No space left on device"):
        saver.save(session, tmp_path / "m", wait=wait)
        assert tf.train.latest_checkpoint(tmp_path) is None
        saver.wait()
    assert not pending._registry.writes


def test_a_write_that_can_not_begin_keeps_nobody_waiting(tmp_path: Path, session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    with pytest.raises(RuntimeError, match="can't start new thread"):
        tf.train.Saver().save(session, tmp_path / "m", wait=False)
    monkeypatch.undo()
    assert not pending._registry.writes and tf.train.latest_checkpoint(tmp_path) is None


def test_a_forked_process_does_not_wait_for_its_parents_writes(tmp_path: Path) -> None:
    write = pending.PendingWrite(str(tmp_path))
    write.begin()
    before = pending._registry
    kept = (before.lock, before.writes)
    try:
        pending._forget()  # what a forked process does first; a fork of the tests' own process, which has threads, might hang
        assert tf.train.latest_checkpoint(tmp_path) is None
        write.end()
        assert not pending._registry.writes
    finally:
        before.lock, before.writes = kept
    write.end()
    assert not pending._registry.writes and os.path.isdir(tmp_path)


FORKING = """
import os, sys, threading
import graphopt as tf
from graphopt.train.checkpoints import atomic_file
folder, parent, may_go_on, sync = sys.argv[1], os.getpid(), threading.Event(), atomic_file.sync
atomic_file.sync = lambda descriptor: (os.getpid() == parent and may_go_on.wait(60), sync(descriptor))
w = tf.get_variable("w", initializer=1.0)
with tf.Session() as session:
    session.run(w.initializer)
    saver = tf.train.Saver()
    saver.save(session, f"{folder}/m", 1, wait=False)
    process = os.fork()
    if process == 0:
        # The parent's write never ends here, and its session and Saver are no rivals.
        assert tf.train.latest_checkpoint(folder) is None
        saver.wait()
        path = tf.train.Saver().save(session, f"{folder}/m", 2)
        os._exit(0 if tf.train.latest_checkpoint(folder) == path else 1)
    _, status = os.waitpid(process, 0)
    may_go_on.set()
    saver.close()
    assert status == 0 and tf.train.checkpoint_exists(f"{folder}/m-1"), status
"""


def test_a_process_forked_while_its_parent_writes_reads_and_writes(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "GRAPHOPT_BACKEND": "numpy"}
    command = [sys.executable, "-c", FORKING, str(tmp_path)]
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0 and result.stderr == ""
