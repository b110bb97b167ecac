"""The report of `NonFiniteHook` sees the values of the bad step, and never comes in the way of the policy."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.hooks import non_finite, rerun
from graphopt.train.hooks.diagnosis import NonFiniteReport

POLICIES = pytest.mark.parametrize("policy", ["raise", "skip", "rollback", "warn"])
PARTS = pytest.mark.parametrize("part", ["the run", "the trace", "the words", "memory"])


def model() -> tuple[Any, Any, Any]:
    x = tf.placeholder(tf.float32, [2], name="x")
    w = tf.get_variable("w", initializer=1.0)
    return x, w, tf.reduce_sum(tf.log(x * w))


def broken(part: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Make the making of reports fail; return what the report has to say."""

    def fail(*args: Any, **kwargs: Any) -> Any:
        raise MemoryError("no room") if part == "memory" else AssertionError("a bug\nin the report")

    if part == "the words":
        monkeypatch.setattr(rerun.ValueRange, "described", property(fail))
    else:
        monkeypatch.setattr(non_finite, "diagnose" if part == "the trace" else "Rerun", fail)
    return "MemoryError: no room" if part == "memory" else "AssertionError: a bug"


@POLICIES
@PARTS
def test_a_report_that_fails_leaves_the_policy_alone(policy: Any, part: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    x, w, loss = model()
    step = tf.train.get_or_create_global_step()
    train_op = tf.contrib.layers.optimize_loss(loss, step, 0.1, "SGD")
    told: list[NonFiniteReport] = []
    hook = tf.train.NonFiniteHook(train_op, policy, on_report=told.append, saver=tf.train.Saver(), checkpoint_dir=str(tmp_path))
    logged = tf.train.LoggingTensorHook({"loss": loss, "step": step}, every_n_iter=1)
    with tf.train.MonitoredSession(hooks=[logged, hook]) as session:
        session.run(train_op, {x: [1.0, 2.0]})
        hook._saver.save(session, str(tmp_path / "model.ckpt"), global_step=1)
        kept = session.run_without_hooks(w)
        reason = broken(part, monkeypatch)
        if policy == "raise":
            with pytest.raises(tf.train.NonFiniteError, match=f"could not be named: running the step again failed with {reason}"):
                session.run(train_op, {x: [-1.0, 1.0]})
        else:
            session.run([train_op, step], {x: [-1.0, 1.0]})
        monkeypatch.undo()
        assert (session.run_without_hooks(w) != kept) == (policy == "warn")
        assert session.run_without_hooks(step) == (2 if policy == "warn" else 1)
        if policy != "warn":
            session.run(train_op, {x: [1.0, 2.0]})
            assert session.run_without_hooks(step) == 2
    (report,) = hook.reports
    assert told == [report] and report.operation is None and report.unnamed == f"running the step again failed with {reason}"
    assert report.step == 1 and str(report).startswith("Step 1: The loss, a gradient or an updated variable is not finite.\n")
    assert (hook.skipped, hook.rollbacks) == (policy == "skip", policy == "rollback")


def test_what_a_skipped_run_gives_without_a_second_run(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w, loss = model()
    noise = tf.random_normal([2])
    double = x * 2.0
    many = tf.cast(x, tf.int32) + tf.cast(noise, tf.int32)
    step = tf.train.get_or_create_global_step()
    train_op = tf.contrib.layers.optimize_loss(loss, step, 0.1, "SGD")
    hook = tf.train.NonFiniteHook(train_op, "skip")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        broken("the run", monkeypatch)
        values = session.run({"w": w, "step": step, "double": double, "op": train_op.op, "noise": noise, "many": many}, {x: [-1.0, 1.0]})
        assert values["w"] == 1.0 and values["step"] == 0 and values["op"] is None
        np.testing.assert_array_equal(values["double"], [-2.0, 2.0])
        # To draw these would move a random stream.
        assert np.isnan(values["noise"]).all() and values["noise"].shape == (2,) and values["many"] is None


def test_an_operation_that_fails_besides_does_no_harm() -> None:
    x, w, _ = model()
    root = tf.cholesky(tf.eye(2) * tf.log(x[0]) * w)
    train_op = tf.contrib.layers.optimize_loss(tf.reduce_sum(root) + tf.log(x[1] * w), None, 0.1, "SGD")
    hook = tf.train.NonFiniteHook(train_op, "skip")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(train_op, {x: [3.0, 1.0]})
        before = session.run(w)
        with pytest.raises(tf.errors.InvalidArgumentError, match="Cholesky"):
            session.run(train_op, {x: [0.5, -1.0]})
        assert session.run(w) == before


def test_where_everything_is_finite_again_the_report_says_so() -> None:
    x, w, _ = model()
    calls: list[int] = []

    def once(_: Any) -> Any:
        calls.append(1)
        return np.float32(np.nan if len(calls) == 1 else 1.0)

    train_op = tf.contrib.layers.optimize_loss(tf.reduce_sum(tf.reshape(tf.py_func(once, [x], tf.float32), [1]) * w), None, 0.1, "SGD")
    hook = tf.train.NonFiniteHook(train_op, "skip")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(train_op, {x: [1.0, 1.0]})
    (report,) = hook.reports
    assert len(calls) == 2  # once in the step, once for the report
    assert report.operation is None and "a py_func gave other values when it was called again" in str(report)


def test_a_bad_py_func_is_named() -> None:
    x, w, _ = model()
    bad = tf.reshape(tf.py_func(lambda v: np.float32(np.nan), [x], tf.float32), [1])
    train_op = tf.contrib.layers.optimize_loss(tf.reduce_sum(bad * w), None, 0.1, "SGD")
    hook = tf.train.NonFiniteHook(train_op, "skip")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(train_op, {x: [1.0, 1.0]})
    assert hook.reports[0].operation.type == "PyFunc"


# --- the values of the bad step ----------------------------------------------------------------------------------------------


def test_the_report_sees_the_random_numbers_of_the_step() -> None:
    x = tf.placeholder(tf.float32, [16], name="x")
    w = tf.get_variable("w", [16], initializer=tf.ones_initializer())
    seen: list[Any] = []

    def note(kept: Any, noise: Any, weights: Any, drawn: Any) -> Any:
        seen.append([np.array(each) for each in (kept, noise, weights, drawn)])
        return kept

    noise = tf.random_normal([16])
    drawn = tf.map_fn(lambda v: v + tf.random_uniform([]), x)
    kept = tf.py_func(note, [tf.nn.dropout(x * w, 0.5), noise, w, drawn], tf.float32)
    kept.set_shape([16])
    bias = tf.placeholder(tf.float32, [], name="bias")
    loss = tf.reduce_sum(tf.log(kept + bias) * w) + tf.reduce_sum(drawn * w)  # some are dropped
    train_op = tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 0.01, "Adam")
    hook = tf.train.NonFiniteHook(train_op, "skip")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        for value in (1.0, 0.0, 0.0):
            session.run(train_op, {x: np.ones(16), bias: value})
    good, *bad = seen
    assert len(bad) == 4  # each bad step, and its report; a step that is skipped leaves the streams where they were
    for place, name in enumerate(["kept", "noise", "weights", "drawn"]):
        assert (bad[0][place] != good[place]).any(), name
        for other in bad[1:]:
            np.testing.assert_array_equal(other[place], bad[0][place], err_msg=name)
    report = hook.reports[0]
    assert report.operation.type == "Log" and report.outputs[0].infinite == int((bad[0][0] == 0).sum()) > 0
    assert report.inputs[0].greatest == bad[0][0].max()


def test_the_report_sees_the_variables_from_before_the_step() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    w = tf.get_variable("w", initializer=3.0)
    train_op = tf.contrib.layers.optimize_loss(tf.log(x * w), tf.train.get_or_create_global_step(), 1.0, "Momentum")
    hook = tf.train.NonFiniteHook(train_op, "skip")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(train_op, {x: 1.0})
        before = session.run(w)
        session.run(train_op, {x: -2.0})
    assert hook.reports[0].inputs[0].least == np.float32(-2.0) * before


def test_a_rate_that_is_set_while_running_is_that_of_the_step() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    w = tf.get_variable("w", initializer=1.0)
    train_op = tf.contrib.layers.optimize_loss(w * x, tf.train.get_or_create_global_step(), 0.1, "SGD")
    hook = tf.train.NonFiniteHook(train_op, "skip")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        train_op.hyper.of(session.session)["learning_rate"] = 1e20
        session.run(train_op, {x: 1e30})
    assert any(each.least == np.float32(1e20) for each in hook.reports[0].inputs)


def test_a_feed_of_a_variable_is_used() -> None:
    w = tf.get_variable("w", initializer=1.0)
    train_op = tf.contrib.layers.optimize_loss(tf.log(w), None, 0.1, "SGD")
    hook = tf.train.NonFiniteHook(train_op, "skip")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(train_op, {w: -4.0})
        assert session.run(w) == 1.0
    assert hook.reports[0].operation.name == "Log" and hook.reports[0].inputs[0].least == -4.0


def test_reports_are_logged_without_a_trace_of_their_own_failure(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    x, _, loss = model()
    train_op = tf.contrib.layers.optimize_loss(loss, None, 0.1, "SGD")
    hook = tf.train.NonFiniteHook(train_op, "skip")
    broken("the run", monkeypatch)
    with caplog.at_level(logging.DEBUG, "graphopt"), tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(train_op, {x: [-1.0, 1.0]})
    levels = {record.levelname: record for record in caplog.records if record.module == "non_finite"}
    assert levels["DEBUG"].exc_info is not None and levels["WARNING"].exc_info is None
