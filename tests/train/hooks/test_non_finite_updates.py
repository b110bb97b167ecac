"""`NonFiniteHook` also looks at what the step writes: the optimizer's update, its slots, update ops."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf


def product() -> tuple[Any, Any, Any]:
    x = tf.placeholder(tf.float32, [], name="x")
    w = tf.get_variable("w", initializer=1.0)
    return x, w, w * x


def state_of(session: Any) -> dict[str, Any]:
    return {name: np.array(cell.value) for name, cell in session.session.store.cells.items()}


def assert_unchanged(session: Any, before: dict[str, Any]) -> None:
    for name, value in before.items():
        np.testing.assert_array_equal(session.session.store.cells[name].value, value, err_msg=name)


@pytest.mark.parametrize("kind", ["optimize_loss", "minimize", "create_train_op"])
def test_an_overflow_in_the_update(kind: str) -> None:
    x, w, loss = product()
    optimizer = tf.train.GradientDescentOptimizer(1e10)
    if kind == "minimize":
        train_op = optimizer.minimize(loss)
    elif kind == "create_train_op":
        train_op = tf.contrib.training.create_train_op(loss, optimizer)
    else:
        train_op = tf.contrib.layers.optimize_loss(loss, None, 1e10, "SGD")
    hook = tf.train.NonFiniteHook(train_op, policy="skip")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(train_op, {x: 1e-10})
        before = state_of(session)
        session.run(train_op, {x: 1e38})
        assert_unchanged(session, before)
        session.run(train_op, {x: 1e-10})
        assert np.isfinite(session.run(w))
    (report,) = hook.reports
    assert (report.operation.type, report.phase) == ("ApplyGradientDescent", "update")
    assert report.seen_in.name == "w:0 after the update" and report.seen_in.infinite == 1
    ranges = {each.name: each.least for each in report.inputs}
    assert ranges["w:0"] == before["w"]
    assert np.float32(1e38) in ranges.values()
    assert [each.name for each in report.outputs][-1] == "w:0 after it"


def test_an_overflow_in_a_slot_that_the_weights_do_not_show() -> None:
    x, w, loss = product()
    train_op = tf.train.AdamOptimizer(0.1).minimize(loss)
    hook = tf.train.NonFiniteHook(train_op, policy="skip")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(train_op, {x: 1e30})  # its square is infinite, so that the weight would never change again
        session.run(train_op, {x: 1.0})
        np.testing.assert_allclose(session.run(w), 0.9, rtol=1e-5)
    (report,) = hook.reports
    assert report.operation.type == "ApplyAdam" and report.seen_in.name == "w/Adam_1:0 after the update"


@pytest.mark.parametrize("kind", ["optimize_loss", "create_train_op"])
def test_a_bad_number_in_an_update_op(kind: str) -> None:
    x, _, loss = product()
    mean = tf.get_variable("mean", initializer=1.0, trainable=False)
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign(mean, tf.log(x)))  # the update op
    if kind == "create_train_op":
        train_op = tf.contrib.training.create_train_op(loss, tf.train.GradientDescentOptimizer(0.1))
    else:
        train_op = tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 0.1, "SGD")
    hook = tf.train.NonFiniteHook(train_op, policy="skip")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        before = state_of(session)
        session.run(train_op, {x: -1.0})
        assert_unchanged(session, before)
    (report,) = hook.reports
    assert (report.operation.name, report.phase, report.seen_in.name) == ("Log", "update", "mean:0 after the update")
    assert report.location.text.endswith("# the update op")


def test_a_bad_number_that_comes_to_the_loss_through_a_variable() -> None:
    x, w, _ = product()
    mean = tf.get_variable("mean", initializer=1.0, trainable=False)
    with tf.control_dependencies([tf.assign(mean, tf.sqrt(x))]):
        loss = mean.read_value() * w
    hook = tf.train.NonFiniteHook(tf.train.GradientDescentOptimizer(0.1).minimize(loss), policy="skip")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(hook._train_op, {x: -1.0})
        assert session.run(mean) == 1.0
    (report,) = hook.reports
    assert (report.operation.name, report.source) == ("Sqrt", None)


def test_an_update_inside_of_a_loop() -> None:
    x, _, loss = product()
    total = tf.get_variable("total", initializer=1.0, trainable=False)

    def body(i: Any) -> Any:
        with tf.control_dependencies([tf.assign(total, total * x)]):
            return i + 1

    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.while_loop(lambda i: i < 5, body, [0]).op)
    train_op = tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 0.0, "SGD")
    hook = tf.train.NonFiniteHook(train_op, policy="skip")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(train_op, {x: 1e15})
        assert session.run(total) == 1.0
    (report,) = hook.reports
    # 1e15, 1e30, infinite
    assert (report.operation.type, report.turn, report.phase) == ("Mul", 2, "update")


def test_without_updates_only_loss_and_gradients_are_looked_at() -> None:
    x, w, loss = product()
    train_op = tf.train.GradientDescentOptimizer(1e10).minimize(loss)
    hook = tf.train.NonFiniteHook(train_op, policy="skip", updates=False)
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(train_op, {x: 1e38})
        assert np.isinf(session.run(w)) and not hook.reports
        session.run(train_op, {x: 1.0})
    (report,) = hook.reports
    assert report.source.name == "w:0" and not report.is_fed
    assert "It was there before the step: w:0" in str(report)


def test_an_infinity_that_a_variable_has_from_the_start_is_no_fault(caplog: pytest.LogCaptureFixture) -> None:
    x, w, loss = product()
    best = tf.get_variable("best", initializer=np.float32(np.inf), trainable=False)
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign(best, best * 1.0))
    train_op = tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 0.5, "SGD")
    hook = tf.train.NonFiniteHook(train_op)
    with caplog.at_level(logging.INFO, "graphopt"), tf.train.MonitoredSession(hooks=[hook]) as session:
        assert [float(session.run(train_op, {x: 1.0})) for _ in range(3)] == [1.0, 0.5, 0.0]
        assert session.run(w) == -0.5 and not hook.reports
        with pytest.raises(tf.train.NonFiniteError, match="It was fed: x:0"):
            session.run(train_op, {x: np.nan})
    assert sum("best:0 was not finite before the step either" in record.getMessage() for record in caplog.records) == 1


def test_rolling_back_after_an_overflow_in_the_update(tmp_path: Path) -> None:
    x, w, loss = product()
    train_op = tf.train.MomentumOptimizer(1e10, 0.9).minimize(loss, tf.train.get_or_create_global_step())
    hook = tf.train.NonFiniteHook(train_op, policy="rollback")
    arguments: dict[str, Any] = {"checkpoint_dir": str(tmp_path), "save_checkpoint_steps": 1, "hooks": [hook]}
    with tf.train.MonitoredTrainingSession(**arguments) as session:
        session.run(train_op, {x: 1e-10})
        kept = session.run(w)
        session.run(train_op, {x: 1e38})
        assert session.run(w) == kept and hook.rollbacks == 1


def test_warning_of_an_update_makes_it_all_the_same() -> None:
    x, w, loss = product()
    train_op = tf.train.GradientDescentOptimizer(1e10).minimize(loss)
    hook = tf.train.NonFiniteHook(train_op, policy="warn")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(train_op, {x: 1e38})
        assert np.isinf(session.run(w)) and len(hook.reports) == 1


def test_rows_are_not_looked_at_after_the_update() -> None:
    ids = tf.placeholder(tf.int32, [None])
    table = tf.get_variable("table", [5, 2], initializer=tf.ones_initializer())
    train_op = tf.train.AdagradOptimizer(0.1).minimize(tf.reduce_sum(tf.nn.embedding_lookup(table, ids)))
    hook = tf.train.NonFiniteHook(train_op)
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(train_op, {ids: [0, 1]})
    assert hook._updated == {}
