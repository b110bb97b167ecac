"""Disks that are full, folders that can't be written, damaged files, and writing behind the training's back."""

import errno
import gc
import os
import resource
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.checkpoints import atomic_file
from graphopt.train.checkpoints.background import BackgroundWriter


@pytest.fixture
def w() -> Any:
    return tf.get_variable("w", initializer=1.0)


@pytest.fixture
def session(w: Any) -> Any:
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        yield session


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def failing(number: int, calls: int = 0) -> Callable[..., None]:
    """Return a function that fails as the system does, after a number of calls."""
    done = []

    def fail(*_: Any) -> None:
        done.append(1)
        if len(done) > calls:
            raise OSError(number, os.strerror(number))

    return fail


# --- the disk --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "kind", "text"),
    [
        (
            errno.ENOSPC,
            tf.errors.ResourceExhaustedError,
            r"No space left on device while writing .*m-2\.npz.*\n.*Nothing is lost: the checkpoints",
        ),
        (errno.EACCES, tf.errors.PermissionDeniedError, r"Permission denied while writing .*m-2\.npz"),
        (errno.EIO, tf.errors.UnknownError, r"Input/output error while writing .*m-2\.npz \(EIO\)"),
        (errno.ENOENT, tf.errors.NotFoundError, r"No such file or directory while writing .*m-2\.npz"),
    ],
)
@pytest.mark.parametrize("wait", [True, False])
def test_a_disk_that_fails_leaves_what_was_there(
    tmp_path: Path, session: Any, w: Any, monkeypatch: pytest.MonkeyPatch, number: int, kind: Any, text: str, wait: bool
) -> None:
    saver = tf.train.Saver(max_to_keep=1)
    first = saver.save(session, tmp_path / "m", 1)
    session.run(w.assign(2.0))
    monkeypatch.setattr(atomic_file, "sync", failing(number))
    with pytest.raises(kind, match=text):
        saver.save(session, tmp_path / "m", 2, wait=wait)
        saver.wait()
    monkeypatch.undo()
    assert names(tmp_path) == ["checkpoint", "m-1.npz"]
    assert saver.restore_latest(session, tmp_path) == first and session.run(w) == 1.0
    saver.save(session, tmp_path / "m", 3)
    assert names(tmp_path) == ["checkpoint", "m-3.npz"]


def test_a_file_that_may_grow_no_further_is_not_left_half_written(tmp_path: Path, session: Any) -> None:
    tf.get_variable("large", initializer=np.zeros(100_000, np.float32))
    session.run(tf.global_variables_initializer())
    saver = tf.train.Saver()
    first = saver.save(session, tmp_path / "m", 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    try:
        with pytest.raises(tf.errors.ResourceExhaustedError, match=r"File too large while writing .*m-2\.npz"):
            saver.save(session, tmp_path / "m", 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert names(tmp_path) == ["checkpoint", "m-1.npz"] and saver.restore_latest(session, tmp_path) == first


def test_a_full_disk_at_the_state_file_loses_nothing(tmp_path: Path, session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    saver = tf.train.Saver(max_to_keep=1)
    saver.save(session, tmp_path / "m", 1)
    monkeypatch.setattr(atomic_file, "sync", failing(errno.ENOSPC, 1))
    with pytest.raises(tf.errors.ResourceExhaustedError, match=r"No space left on device while writing .*checkpoint"):
        saver.save(session, tmp_path / "m", 2)
    monkeypatch.undo()
    assert names(tmp_path) == ["checkpoint", "m-1.npz", "m-2.npz"]
    assert tf.train.latest_checkpoint(tmp_path) == str(tmp_path / "m-1")
    saver.save(session, tmp_path / "m", 3)
    assert names(tmp_path) == ["checkpoint", "m-3.npz"]


def test_a_file_that_can_not_be_deleted_is_told(tmp_path: Path, session: Any) -> None:
    saver = tf.train.Saver(max_to_keep=1)
    saver.save(session, tmp_path / "m", 1)
    (tmp_path / "m-1.npz").unlink()
    (tmp_path / "m-1.npz").mkdir()
    with pytest.warns(UserWarning, match=r"The old checkpoint .*m-1 was not deleted: "):
        saver.save(session, tmp_path / "m", 2)


def test_a_checkpoint_may_not_be_called_as_the_state_file(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match=r"Save path '.*/checkpoint' conflicts with path used for checkpoint state"):
        tf.train.update_checkpoint_state(tmp_path, str(tmp_path / "checkpoint"))


# --- damage ----------------------------------------------------------------------------------------------------------------


def three(folder: Path, session: Any, w: Any) -> tf.train.Saver:
    saver = tf.train.Saver()
    for step in (1, 2, 3):
        session.run(w.assign(float(step)))
        saver.save(session, folder / "m", step)
    return saver


def flip(file: Path, at: int) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[:at] + bytes([whole[at] ^ 16]) + whole[at + 1 :])


def test_the_newest_that_is_whole_is_restored(tmp_path: Path, session: Any, w: Any) -> None:
    three(tmp_path, session, w)
    file = tmp_path / "m-3.npz"
    flip(file, file.read_bytes().index(b"PK\1\2") - 2)  # the value itself
    assert tf.train.latest_checkpoint(tmp_path) == str(tmp_path / "m-3")
    with pytest.raises(tf.errors.DataLossError, match=r"m-3\.npz is damaged at member 'variables/w\.npy': its checksum is"):
        tf.train.Saver().restore(session, tmp_path / "m-3")
    assert session.run(w) == 3.0
    saver = tf.train.Saver(max_to_keep=2)
    with pytest.warns(UserWarning, match=r"The checkpoint .*m-3 is passed over: .*m-3\.npz is damaged at member 'variables/w\.npy'"):
        assert saver.restore_latest(session, tmp_path) == str(tmp_path / "m-2")
    assert session.run(w) == 2.0
    saver.save(session, tmp_path / "m", 4)
    assert names(tmp_path) == ["checkpoint", "m-3.npz", "m-4.npz"]


@pytest.mark.parametrize("harm", ["cut", "gone", "other"])
def test_the_latest_is_the_newest_that_seems_whole(tmp_path: Path, session: Any, w: Any, harm: str) -> None:
    three(tmp_path, session, w)
    file = tmp_path / "m-3.npz"
    if harm == "cut":
        file.write_bytes(file.read_bytes()[:-30])
    elif harm == "gone":
        file.unlink()
    else:
        file.write_text("hello")
    text = r"The checkpoint .*m-3 is passed over: (its files are gone|.*is damaged at its directory)"
    with pytest.warns(UserWarning, match=text):
        assert tf.train.latest_checkpoint(tmp_path) == str(tmp_path / "m-2")
    with pytest.warns(UserWarning, match=text):
        assert tf.train.Saver().restore_latest(session, tmp_path) == str(tmp_path / "m-2")
    assert session.run(w) == 2.0


def test_when_nothing_is_whole_training_does_not_begin_anew(tmp_path: Path, session: Any, w: Any) -> None:
    saver = three(tmp_path, session, w)
    assert saver.restore_latest(session, tmp_path / "empty") is None
    for step in (1, 2, 3):
        (tmp_path / f"m-{step}.npz").write_text("hello")
    with pytest.warns(UserWarning, match="passed over"), pytest.raises(tf.errors.DataLossError, match=r"m-1\.npz is damaged"):
        saver.restore_latest(session, tmp_path)
    for step in (1, 2, 3):
        (tmp_path / f"m-{step}.npz").unlink()
    with pytest.warns(UserWarning, match="its files are gone"):
        assert saver.restore_latest(session, tmp_path) is None
    assert session.run(w) == 3.0


def test_another_graph_is_no_damage(tmp_path: Path, session: Any, w: Any) -> None:
    three(tmp_path, session, w)
    with tf.Graph().as_default(), tf.Session() as other:
        tf.get_variable("v", initializer=1.0)
        with pytest.raises(tf.errors.NotFoundError, match="Key v not found in checkpoint"):
            tf.train.Saver().restore_latest(other, tmp_path)


# --- behind the training's back --------------------------------------------------------------------------------------------


def test_training_goes_on_while_a_checkpoint_is_written(tmp_path: Path, session: Any, w: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    may_go_on = threading.Event()
    monkeypatch.setattr(atomic_file, "sync", lambda descriptor: may_go_on.wait(60))
    with tf.train.Saver() as saver:
        path = saver.save(session, tmp_path / "m", 1, wait=False)
        session.run(w.assign(5.0))
        assert not tf.train.checkpoint_exists(path) and saver.last_checkpoints == []
        may_go_on.set()
    assert tf.train.load_variable(path, "w") == 1.0
    assert tf.train.latest_checkpoint(tmp_path) == path and saver.last_checkpoints == [path]


def test_an_error_surfaces_at_the_next_save(tmp_path: Path, session: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    saver = tf.train.Saver()
    monkeypatch.setattr(atomic_file, "sync", failing(errno.ENOSPC))
    saver.save(session, tmp_path / "m", 1, wait=False)
    with pytest.raises(tf.errors.ResourceExhaustedError, match="No space left on device"):
        saver.save(session, tmp_path / "m", 2)
    monkeypatch.undo()
    saver.save(session, tmp_path / "m", 3)
    saver.close()
    assert names(tmp_path) == ["checkpoint", "m-3.npz"]


def test_a_restore_waits_for_what_is_being_written(tmp_path: Path, session: Any, w: Any) -> None:
    saver = tf.train.Saver()
    saver.save(session, tmp_path / "m", wait=False)
    session.run(w.assign(5.0))
    saver.wait()
    saver.restore(session, tmp_path / "m")
    assert session.run(w) == 1.0


def test_an_error_nobody_waits_for_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    writer = BackgroundWriter()
    writer.start(failing(errno.ENOSPC))
    del writer
    gc.collect()
    assert capsys.readouterr().err == "graphopt: a checkpoint was not written: [Errno 28] No space left on device\n"


def test_one_piece_of_work_at_a_time() -> None:
    writer, order, may_go_on = BackgroundWriter(), [], threading.Event()
    writer.start(lambda: (may_go_on.wait(60), order.append(1)))
    assert writer.is_writing
    may_go_on.set()
    writer.start(lambda: order.append(2))
    writer.wait()
    assert order == [1, 2] and not writer.is_writing
