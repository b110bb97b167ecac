"""Training that is stopped and goes on in a new session is training that was never stopped, bit for bit."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.checkpoints import atomic_file
from graphopt.train.checkpoints.background import BackgroundWriter

BATCHES = np.random.default_rng(0).normal(size=(8, 16, 5)).astype(np.float32)


def train(folder: Path, last_step: int, *, fail_at: int | None = None) -> dict[str, Any]:
    """Train until a step, from the checkpoint of the folder; return the state at the end."""
    with tf.Graph().as_default():
        tf.set_random_seed(7)
        x = tf.placeholder(tf.float32, [None, 5])
        w = tf.get_variable("w", [5, 3])
        step = tf.train.get_or_create_global_step()
        hidden = tf.nn.dropout(tf.nn.tanh(tf.matmul(x, w)), keep_prob=0.5)
        train_op = tf.contrib.layers.optimize_loss(
            tf.reduce_mean(tf.square(hidden - 1.0)),
            step,
            0.1,
            "Adam",
            gradient_noise_scale=0.01,
            learning_rate_decay_fn=lambda rate, step: tf.train.exponential_decay(rate, step, 3, 0.5),
        )
        hooks = [tf.train.StopAtStepHook(last_step=last_step)]
        with tf.train.MonitoredTrainingSession(checkpoint_dir=str(folder), hooks=hooks, save_checkpoint_steps=2) as session:
            while not session.should_stop():
                at = int(session.run_without_hooks(step))
                if at == fail_at:
                    raise OSError("the machine went away")
                session.run(train_op, {x: BATCHES[at]})
            return {name: np.array(cell.value) for name, cell in session.session.store.cells.items()}


def assert_same(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert first.keys() == second.keys()
    for name in first:
        assert first[name].tobytes() == second[name].tobytes(), name


@pytest.mark.parametrize("stop", [1, 4, 7])
def test_a_stop_changes_nothing(tmp_path: Path, stop: int) -> None:
    whole = train(tmp_path / "whole", 8)
    train(tmp_path / "parts", stop)
    assert_same(train(tmp_path / "parts", 8), whole)


def test_a_failure_goes_on_from_the_last_checkpoint(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", 8)
    with pytest.raises(OSError, match="the machine went away"):
        train(tmp_path / "parts", 8, fail_at=5)
    assert_same(train(tmp_path / "parts", 8), whole)


# --- what was being written when a session ended ----------------------------------------------------------------------------


class Held:
    """Keeps the checkpoint that a session writes when it fails from being finished before the session waits for it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, error: OSError | None = None) -> None:
        self.is_holding, self.waited, self.error = False, False, error
        self.may_go_on, self.has_begun = threading.Event(), threading.Event()
        monkeypatch.setattr(atomic_file, "sync", self._sync)
        wait = BackgroundWriter.wait
        monkeypatch.setattr(BackgroundWriter, "wait", lambda writer: (self._release(writer), wait(writer))[1])

    def _sync(self, _: int) -> None:
        if self.is_holding:
            self.has_begun.set()
            assert self.may_go_on.wait(60)
            if self.error is not None:
                raise self.error

    def _release(self, writer: BackgroundWriter) -> None:
        if self.is_holding and writer.is_writing:
            self.waited = True
            self.may_go_on.set()


def fail(folder: Path, held: Held) -> None:
    """Fail while a checkpoint is being written."""
    step = tf.train.get_or_create_global_step()
    count = tf.assign_add(step, 1)
    hooks = [tf.train.CheckpointSaverHook(str(folder), save_steps=1, scaffold=(scaffold := tf.train.Scaffold()))]
    creator = tf.train.ChiefSessionCreator(scaffold)
    with tf.train.MonitoredSession(creator, hooks) as session:
        hooks[0]._saver_of_graph().wait()
        held.is_holding = True
        session.run(count)
        assert held.has_begun.wait(60)
        raise OSError("the machine went away")


def test_a_session_that_fails_waits_for_what_it_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    held = Held(monkeypatch)
    with pytest.raises(OSError, match="the machine went away"):
        fail(tmp_path, held)
    assert held.waited
    assert tf.train.latest_checkpoint(tmp_path) == str(tmp_path / "model.ckpt-1")


def test_what_goes_wrong_then_does_not_hide_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    held = Held(monkeypatch, OSError(28, "No space left on device"))
    with pytest.raises(OSError, match="the machine went away"):
        fail(tmp_path, held)
    assert held.waited
    (record,) = [record for record in caplog.records if record.levelname == "ERROR"]
    assert record.getMessage().startswith(
        f"A checkpoint was not written: No space left on device while writing {tmp_path}/model.ckpt-1.npz"
    )
    held.is_holding = False
    assert tf.train.latest_checkpoint(tmp_path) == str(tmp_path / "model.ckpt-0")


def test_a_session_that_a_hook_refuses_waits_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Refuses(tf.train.SessionRunHook):
        def after_create_session(self, session: Any, coord: Any) -> None:
            self.session = session
            assert held.has_begun.wait(60)
            raise ValueError("not this one")

    held = Held(monkeypatch)
    held.is_holding = True
    tf.train.get_or_create_global_step()
    refuses = Refuses()
    hooks = [tf.train.CheckpointSaverHook(str(tmp_path), save_steps=1, saver=tf.train.Saver()), refuses]
    with pytest.raises(ValueError, match="not this one"):
        tf.train.MonitoredSession(hooks=hooks)
    assert held.waited and tf.train.latest_checkpoint(tmp_path) == str(tmp_path / "model.ckpt-0")
    with pytest.raises(RuntimeError, match="closed Session"):
        refuses.session.run([])
