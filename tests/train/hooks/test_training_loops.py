"""The loops of slim and contrib.training, and evaluation, beyond what tf_slim was recorded doing."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf

learning, training = tf.contrib.slim.learning, tf.contrib.training


def train_op() -> Any:
    w = tf.get_variable("w", initializer=[3.0, 4.0])
    return learning.create_train_op(tf.nn.l2_loss(w), tf.train.GradientDescentOptimizer(0.5))


def test_a_loop_goes_on_where_it_ended(tmp_path: Path) -> None:
    losses = []
    for steps in (2, 4):
        with tf.Graph().as_default():
            losses.append(float(learning.train(train_op(), str(tmp_path), number_of_steps=steps)))
    assert losses == [12.5 / 4.0, 12.5 / 64.0]
    assert sorted(path.stem for path in tmp_path.glob("*.npz")) == ["model.ckpt-0", "model.ckpt-2", "model.ckpt-4"]


def test_a_loop_needs_no_folder(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "graphopt")
    tf.summary.scalar("s", 1.0)
    assert learning.train(train_op(), None, number_of_steps=4, log_every_n_steps=2) == 12.5 / 64.0
    assert [record.getMessage()[:26] for record in caplog.records if "loss" in record.getMessage()] == [
        "global step 2: loss = 3.12",
        "global step 4: loss = 0.19",
    ]


def test_a_loop_ends_with_its_data() -> None:
    op = train_op()
    left = [1.0, 2.0]

    def step_fn(session: Any, train_op: Any, global_step: Any, kwargs: Any) -> Any:
        if not left:
            raise tf.errors.OutOfRangeError(None, None, "no more batches")
        return learning.train_step(session, train_op, global_step, {}) if left.pop() else None

    assert learning.train(op, None, step_fn) == 3.125


def test_a_loop_initialises_and_wraps_as_it_is_told() -> None:
    op = train_op()
    w = tf.trainable_variables()[0]
    start = w.assign([1.0, 0.0])
    wrapped: list[Any] = []

    def wrap(session: Any) -> Any:
        wrapped.append(session)
        return session

    loss = learning.train(op, None, number_of_steps=1, init_fn=lambda session: session.run(start), session_wrapper=wrap)
    assert loss == 0.5 and len(wrapped) == 1


def test_a_loop_traces(tmp_path: Path) -> None:
    learning.train(train_op(), str(tmp_path), number_of_steps=3, trace_every_n_steps=2)
    # Whether to trace is asked before the step: at 0 and 2.
    assert sorted(path.name for path in tmp_path.glob("tf_trace*")) == ["tf_trace-1.json", "tf_trace-3.json"]
    assert json.loads((tmp_path / "tf_trace-1.json").read_text())["traceEvents"]
    tf.summary.FileWriterCache.clear()


def test_a_loop_refuses(tmp_path: Path) -> None:
    op = train_op()
    with pytest.raises(ValueError, match="train_op cannot be None"):
        learning.train(None, str(tmp_path))
    with pytest.raises(ValueError, match="Cannot provide summary_op because logdir=None"):
        learning.train(op, None, summary_op=tf.constant("a"))
    with pytest.raises(ValueError, match="`number_of_steps` must be either None or a positive number"):
        learning.train(op, None, number_of_steps=0)


def test_the_other_loop_refuses() -> None:
    with pytest.raises(ValueError, match="logdir cannot be None when save_summaries_steps is not None"):
        training.train(train_op(), None)
    with pytest.raises(ValueError, match="logdir cannot be None when save_checkpoint_secs is not None"):
        training.train(tf.constant(1.0), None, save_summaries_steps=None)


def test_the_other_loop_without_a_folder() -> None:
    hooks = [tf.train.StopAtStepHook(last_step=2)]
    assert training.train(train_op(), None, hooks=hooks, save_summaries_steps=None, save_checkpoint_secs=None) == 3.125


@pytest.mark.parametrize("shape", ["one", "list", "dict"])
def test_evaluation(shape: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "graphopt")
    count = tf.Variable(0.0, collections=[tf.GraphKeys.LOCAL_VARIABLES], trainable=False)
    add = count.assign_add(1.0)
    ops = {"one": add, "list": [add], "dict": {"add": add}}[shape]
    hooks = [training.StopAfterNEvalsHook(40)]
    assert training.evaluate_once(None, eval_ops=ops, final_ops=[count], hooks=hooks) == [np.float32(40.0)]
    assert [record.getMessage() for record in caplog.records if "Evaluation [" in record.getMessage()][:2] == [
        "Evaluation [4/40]",
        "Evaluation [8/40]",
    ]


def test_every_new_checkpoint_is_evaluated(tmp_path: Path) -> None:
    w = tf.get_variable("w", initializer=1.0)
    total = tf.Variable(0.0, collections=[tf.GraphKeys.LOCAL_VARIABLES], trainable=False)
    add, double = total.assign_add(w), w.assign(2.0 * w)
    saver = tf.train.Saver()
    writing = tf.Session()
    writing.run(tf.global_variables_initializer())
    seen: list[Any] = []

    class Trains(tf.train.SessionRunHook):
        def end(self, session: Any) -> None:
            seen.append(float(session.run(total)))
            writing.run(double)
            saver.save(writing, str(tmp_path / "model.ckpt"), global_step=len(seen))

    saver.save(writing, str(tmp_path / "model.ckpt"), global_step=0)
    hooks = [training.StopAfterNEvalsHook(3), Trains()]
    arguments: dict[str, Any] = {"eval_ops": add, "final_ops": total, "hooks": hooks, "eval_interval_secs": 0}
    assert training.evaluate_repeatedly(str(tmp_path), max_number_of_evaluations=3, **arguments) == 12.0
    assert seen == [3.0, 6.0, 12.0]
    assert training.evaluate_repeatedly(str(tmp_path / "empty"), timeout=0, **arguments) is None


def test_final_values_alone() -> None:
    assert training.evaluate_once(None, final_ops=tf.constant(3.0)) == 3.0


def test_evaluating_without_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "graphopt")
    step = training.get_or_create_eval_step()
    assert training.get_or_create_eval_step() is step
    left = [1, 2, 3]

    def take() -> Any:
        if not left:
            raise tf.errors.OutOfRangeError(None, None, "the end")
        return np.float32(left.pop())

    batch = tf.py_func(take, [], tf.float32)
    training.evaluate_once(None, eval_ops=batch, hooks=[training.StopAfterNEvalsHook(3), training.StopAfterNEvalsHook(None)])
    assert "Evaluation [3]" in caplog.text


def test_evaluation_refuses() -> None:
    with pytest.raises(ValueError, match="One of log_dir and summary_writer should be used"):
        training.SummaryAtEndHook()
    for _ in range(2):
        tf.add_to_collection(tf.GraphKeys.EVAL_STEP, tf.constant(1))
    with pytest.raises(ValueError, match=r"Multiple tensors added to tf.GraphKeys.EVAL_STEP"):
        training.get_or_create_eval_step()


def test_summaries_at_the_end_without_any(tmp_path: Path) -> None:
    training.evaluate_once(None, hooks=[training.SummaryAtEndHook(str(tmp_path))])
    tf.summary.FileWriterCache.clear()
    assert len(list(tmp_path.glob("events.*"))) == 1


# --- what fails -------------------------------------------------------------------------------------------------------------------


def test_a_loop_that_fails_waits_for_its_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    op = train_op()
    saver = tf.train.Saver()
    wait, close = saver.wait, tf.Session.close
    monkeypatch.setattr(saver, "wait", lambda: [wait(), done.append("waited")])
    monkeypatch.setattr(tf.Session, "close", lambda session: [done.append("closed"), close(session)])

    def fails(*arguments: Any) -> Any:
        raise ZeroDivisionError("a bad step")

    with pytest.raises(ZeroDivisionError, match="a bad step"):
        learning.train(op, str(tmp_path), fails, saver=saver)
    assert done[-2:] == ["waited", "closed"]
    assert tf.train.latest_checkpoint(str(tmp_path)) == str(tmp_path / "model.ckpt-0")
    tf.summary.FileWriterCache.clear()


def test_a_checkpoint_that_fails_does_not_hide_what_failed_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    op = train_op()
    saver = tf.train.Saver()

    def no_room() -> None:
        raise OSError("no room")

    def fails(*arguments: Any) -> Any:
        monkeypatch.setattr(saver, "wait", no_room)
        raise ZeroDivisionError("a bad step")

    with pytest.raises(ZeroDivisionError, match="a bad step"):
        learning.train(op, str(tmp_path), fails, saver=saver)
    assert "What was saved or written last may be missing: no room" in caplog.text
    tf.summary.FileWriterCache.clear()


def test_a_loop_goes_on_after_a_lost_connection(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "graphopt")
    sessions: list[Any] = []

    def step_fn(session: Any, train_op: Any, global_step: Any, kwargs: Any) -> Any:
        if session not in sessions:
            sessions.append(session)
        step = int(session.run(global_step))
        if step == 2 and len(sessions) == 1:
            raise tf.errors.AbortedError(None, None, "lost")
        return learning.train_step(session, train_op, global_step, kwargs)

    loss = learning.train(train_op(), str(tmp_path), step_fn, number_of_steps=4)
    # The second session goes on from the checkpoint of step 0.
    assert loss == 12.5 / 64.0 and len(sessions) == 2 and "Retrying training!" in caplog.text
    tf.summary.FileWriterCache.clear()


def test_a_loop_writes_its_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "graphopt")
    now = [1000.0]
    monkeypatch.setattr(time, "time", lambda: now[0])

    def step_fn(session: Any, train_op: Any, global_step: Any, kwargs: Any) -> Any:
        now[0] += 0.5
        return learning.train_step(session, train_op, global_step, kwargs)

    learning.train(train_op(), str(tmp_path), step_fn, number_of_steps=9, save_summaries_secs=2.0)
    tf.summary.FileWriterCache.clear()
    speed = tf.summary.read(tmp_path).scalars("global_step/sec")
    assert (speed.steps.tolist(), speed.values.tolist()) == ([4, 8], [2.0, 2.0])
    assert "global_step/sec: 2" in caplog.text


def test_a_loop_says_when_it_begins_saves_and_stops(tmp_path: Path) -> None:
    tf.summary.scalar("s", 1.0)
    learning.train(train_op(), str(tmp_path), number_of_steps=2)
    tf.summary.FileWriterCache.clear()
    (file,) = tmp_path.glob("events.*")
    logs = [event.session_log for event in tf.train.summary_iterator(str(file)) if event.WhichOneof("what") == "session_log"]
    # As tf_slim writes them: START, CHECKPOINT of the first step, STOP.
    assert [log.status for log in logs] == [1, 3, 2] and logs[1].checkpoint_path == str(tmp_path / "model.ckpt")
