"""`NonFiniteHook`: nothing changes in a bad step, the policies, and the report of where the bad number came from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.hooks import value_range

GOOD = np.ones((4, 3), np.float32)
BAD = np.array([[1, 1, 1], [1, 1, 1], [-1, -1, -1], [0, 0, 0]], np.float32)


def model(optimizer: str = "Adam", kind: str = "optimize_loss") -> tuple[Any, Any, Any, Any]:
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    w = tf.get_variable("w", [3, 1], initializer=tf.ones_initializer())
    loss = tf.reduce_mean(tf.log(tf.matmul(x, w)), name="loss")
    step = tf.train.get_or_create_global_step()
    if kind == "minimize":
        train_op = tf.train.AdamOptimizer(0.1).minimize(loss, step)
    elif kind == "create_train_op":
        train_op = tf.contrib.training.create_train_op(loss, tf.train.AdamOptimizer(0.1))
    else:
        train_op = tf.contrib.layers.optimize_loss(loss, step, 0.1, optimizer, clip_gradients=1.0)
    return x, w, step, train_op


def state_of(session: Any) -> dict[str, Any]:
    return {name: np.array(cell.value) for name, cell in session.session.store.cells.items()}


def assert_same_state(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


KINDS = pytest.mark.parametrize("kind", ["optimize_loss", "minimize", "create_train_op"])


@KINDS
def test_raising_changes_nothing_and_names_the_operation(kind: str) -> None:
    x, _, _, train_op = model(kind=kind)
    hook = tf.train.NonFiniteHook(train_op)
    session = tf.train.MonitoredSession(hooks=[hook])
    session.run(train_op, {x: GOOD})
    before = state_of(session)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"(?s)Step 1: loss:0 f32\[\] is not finite: .*'Log' \(Log, fo") as caught:
        session.run(train_op, {x: BAD})
    assert_same_state(state_of(session), before)
    session.run(train_op, {x: GOOD})
    report = caught.value.report
    assert hook.reports == [report]
    assert (report.step, report.operation.name, report.phase) == (1, "Log", "forward")
    assert report.location.filename == __file__
    assert "tf.log(tf.matmul(x, w))" in str(report)
    assert [each.name for each in report.inputs] == ["MatMul:0"]
    assert report.inputs[0].least < 0.0 < report.inputs[0].greatest
    assert (report.outputs[0].nan, report.outputs[0].infinite, report.outputs[0].rows) == (1, 1, (2, 3))
    assert report.hint == "log of 1 zeros and 1 negative numbers."


@KINDS
def test_skipping_changes_nothing_and_goes_on(kind: str) -> None:
    x, w, step, train_op = model(kind=kind)
    hook = tf.train.NonFiniteHook(train_op, policy="skip")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(train_op, {x: GOOD})
        before = state_of(session)
        loss, at, weights, pair = session.run([train_op, step, w, {"w": w}], {x: BAD})
        assert_same_state(state_of(session), before)
        assert at == 1 and (kind == "minimize" or not np.isfinite(loss))
        np.testing.assert_array_equal(weights, before["w"])
        np.testing.assert_array_equal(pair["w"], before["w"])
        session.run(train_op, {x: GOOD})
        assert session.run(step) == 2
    assert (hook.skipped, len(hook.reports)) == (1, 1)


def test_skipped_steps_in_a_row_are_bounded() -> None:
    x, _, _, train_op = model()
    hook = tf.train.NonFiniteHook(train_op, policy="skip", most=2)
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        for feed in (BAD, BAD, GOOD, BAD, BAD):
            session.run(train_op, {x: feed})
        with pytest.raises(tf.train.NonFiniteError, match="This is step 3 of them in a row: 2 may be skipped"):
            session.run(train_op, {x: BAD})
    assert hook.skipped == 4


def test_warning_makes_the_step_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    x, w, step, train_op = model("SGD")
    hook = tf.train.NonFiniteHook(train_op, policy="warn")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(train_op, {x: GOOD})
        session.run(train_op, {x: BAD})
        assert session.run(step) == 2 and not np.isfinite(session.run(w)).all()
        session.run(train_op, {x: GOOD})
        assert session.run(step) == 3
    assert len(hook.reports) == 1  # what follows from the first is not told again
    assert sum("is not finite" in record.getMessage() for record in caplog.records) == 1


def test_warnings_come_again_after_a_good_step() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    w = tf.get_variable("w", initializer=1.0)
    train_op = tf.contrib.layers.optimize_loss(w * 0.0 + tf.log(x), None, 0.1, "SGD")
    hook = tf.train.NonFiniteHook(train_op, policy="warn")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        for value in (1.0, -1.0, -1.0, 1.0, -1.0):
            session.run(train_op, {x: value})
    assert len(hook.reports) == 2


def test_rolling_back_to_the_last_checkpoint(tmp_path: Path) -> None:
    x, _w, step, train_op = model()
    lowered: list[Any] = []
    hook = tf.train.NonFiniteHook(train_op, policy="rollback", most=2, on_report=lambda report: lowered.append(report.step))
    arguments: dict[str, Any] = {"checkpoint_dir": str(tmp_path), "save_checkpoint_steps": 2, "hooks": [hook]}
    with tf.train.MonitoredTrainingSession(**arguments) as session:
        kept = None
        for i in range(3):
            session.run(train_op, {x: GOOD})
            kept = state_of(session) if i == 1 else kept
        at = [int(session.run([train_op, step], {x: feed})[1]) for feed in (BAD, GOOD, BAD)]
        assert kept is not None
        assert_same_state({name: value for name, value in state_of(session).items() if name in kept}, kept)
        assert at == [2, 3, 2]
        with pytest.raises(tf.train.NonFiniteError, match="Training was rolled back 2 times, which is the most that is allowed"):
            session.run(train_op, {x: BAD})
    assert lowered == [3, 3] and hook.rollbacks == 2


def test_rolling_back_with_a_folder_or_nothing(tmp_path: Path) -> None:
    x, _w, step, train_op = model()
    saver = tf.train.Saver()
    there = tf.train.NonFiniteHook(train_op, policy="rollback", saver=saver, checkpoint_dir=str(tmp_path))
    with tf.train.MonitoredSession(hooks=[there]) as session:
        with pytest.raises(tf.train.NonFiniteError, match="There is no checkpoint to roll back to"):
            session.run(train_op, {x: BAD})
        session.run(train_op, {x: GOOD})
        saver.save(session, str(tmp_path / "model.ckpt"))
        session.run(train_op, {x: GOOD})
        assert session.run([train_op, step], {x: BAD})[1] == 1


def test_rolling_back_needs_a_saver() -> None:
    x, _, _, train_op = model()
    hook = tf.train.NonFiniteHook(train_op, policy="rollback")
    scaffold = tf.train.Scaffold(saver=tf.train.Saver())
    with tf.train.MonitoredSession(tf.train.ChiefSessionCreator(scaffold), hooks=[hook]) as session:
        with pytest.raises(RuntimeError, match="There is no saver to roll back with: give NonFiniteHook a saver"):
            session.run(train_op, {x: BAD})


def test_a_bad_gradient_of_a_good_loss_is_found_backward() -> None:
    x = tf.placeholder(tf.float32, [None], name="x")
    w = tf.get_variable("w", initializer=1.0)
    root = tf.sqrt(w * x)  # the line that the report names
    loss = tf.reduce_mean(tf.where(x > 0, root, tf.zeros_like(x)))
    train_op = tf.contrib.layers.optimize_loss(loss, None, 0.1, "SGD")
    hook = tf.train.NonFiniteHook(train_op, policy="skip")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        assert session.run(train_op, {x: [1.0, 0.0]}) == 0.5
        assert session.run(w) == 1.0
    (report,) = hook.reports
    assert report.phase == "backward" and report.forward.name == "Sqrt"
    assert report.location.text == "root = tf.sqrt(w * x)  # the line that the report names"
    assert "the gradient of 'Sqrt'" in str(report) and report.hint == "division by 1 zeros."
    assert report.outputs[0].rows == (1,)


def test_numbers_that_do_no_harm_are_passed_over() -> None:
    x = tf.placeholder(tf.float32, [None], name="x")
    w = tf.get_variable("w", initializer=1.0)
    unused = tf.where(x > 0, tf.constant(1.0) / x, tf.zeros_like(x))  # infinite where it is not taken
    bad = tf.exp(100.0 * w * tf.reduce_sum(x))
    train_op = tf.contrib.layers.optimize_loss(tf.reduce_sum(unused) + bad, None, 0.1, "SGD")
    hook = tf.train.NonFiniteHook(train_op, policy="skip")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(train_op, {x: [0.0, 1.0]})
    assert hook.reports[0].operation.name == "Exp"
    assert hook.reports[0].hint == "exp(100) is more than float32 can hold."


def test_what_was_fed_or_stood_in_a_variable_is_named() -> None:
    x, w, _, train_op = model("SGD")
    broken = w.assign([[np.nan], [1.0], [1.0]])
    hook = tf.train.NonFiniteHook(train_op, policy="skip")
    fed = GOOD.copy()
    fed[1, 2] = np.inf
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(train_op, {x: fed})
        session.run_without_hooks(broken)
        session.run(train_op, {x: GOOD})
    first, second = hook.reports
    assert first.operation is None and first.source.name == "x:0" and first.source.rows == (1,)
    assert "It was fed: x:0 f32[4,3]: 0 NaN and 1 infinite of 12, others from 1 to 1, in rows 1" in str(first)
    assert second.source.name == "w:0" and second.source.nan == 1


def test_hints() -> None:
    x = tf.placeholder(tf.float32, [2], name="x")
    w = tf.get_variable("w", initializer=1.0)
    losses = {
        "log(softmax(x)) underflows": tf.reduce_sum(tf.log(tf.nn.softmax(w * x))),
        "the square root of 1 negative numbers": tf.reduce_sum(tf.sqrt(w * x)),
    }
    hooks = {}
    for hint, loss in losses.items():
        train_op = tf.contrib.layers.optimize_loss(loss, None, 0.0, "SGD")
        hooks[hint] = (train_op, tf.train.NonFiniteHook(train_op, policy="skip"))
    with tf.train.MonitoredSession(hooks=[hook for _, hook in hooks.values()]) as session:
        for hint, (train_op, hook) in hooks.items():
            session.run(train_op, {x: [1000.0, -1.0]})
            assert hook.reports[0].hint.startswith(hint)
    assert [hook.skipped for _, hook in hooks.values()] == [1, 1]


def test_runs_that_make_no_step_are_left_alone() -> None:
    x, w, step, train_op = model()
    with tf.train.MonitoredSession(hooks=[tf.train.NonFiniteHook(train_op)]) as session:
        assert session.run([w, step])[1] == 0  # without a feed
        session.run(train_op, {x: GOOD})


def test_a_step_that_a_stage_skips_is_left_alone() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    w = tf.get_variable("w", initializer=1.0)
    train_op = tf.contrib.layers.optimize_loss(w * x, None, 0.1, "SGD", non_finite="skip")
    with tf.train.MonitoredSession(hooks=[tf.train.NonFiniteHook(train_op)]) as session:
        session.run(train_op, {x: np.inf})
        assert session.run(w) == 1.0


def test_random_streams_are_those_of_the_failed_run() -> None:
    w = tf.get_variable("w", initializer=1.0)
    drawn = tf.random_normal([4])
    divisor = tf.placeholder(tf.float32, [])
    train_op = tf.contrib.layers.optimize_loss(w * tf.reduce_sum(drawn) / divisor, None, 0.1, "SGD")
    hook = tf.train.NonFiniteHook(train_op, policy="skip")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(train_op, {divisor: 1.0})
        skipped = session.run([train_op, drawn], {divisor: 0.0})[1]
        again = session.run([train_op, drawn], {divisor: 1.0})[1]
    np.testing.assert_array_equal(skipped, again)


def test_other_errors_go_on() -> None:
    x, _, _, train_op = model()
    with tf.train.MonitoredSession(hooks=[tf.train.NonFiniteHook(train_op, policy="skip")]) as session:
        with pytest.raises(ValueError, match="Cannot feed value of shape"):
            session.run(train_op, {x: [1.0]})
        with pytest.raises(tf.errors.InvalidArgumentError, match="You must feed a value for placeholder tensor 'x'"):
            session.run(train_op)


def test_refusals() -> None:
    train_op = tf.train.GradientDescentOptimizer(1.0).minimize(tf.get_variable("w", initializer=1.0) * 2.0)
    with pytest.raises(ValueError, match="The policy for numbers that are not finite is one of raise, skip, rollback, warn, got 'stop'"):
        tf.train.NonFiniteHook(train_op, policy="stop")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="NonFiniteHook takes a training op: a tensor or an operation, got 3"):
        tf.train.NonFiniteHook(3)
    with pytest.raises(ValueError, match="nothing has no loss and no gradients to look at: is it a training op"):
        tf.train.NonFiniteHook(tf.no_op(name="nothing")).begin()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (np.array([1.5, -2.0], np.float32), "t:0 f32[2]: from -2 to 1.5"),
        (
            np.full(12, np.nan, np.float32),
            "t:0 f32[12]: 12 NaN and 0 infinite of 12, in rows 0, 1, 2, 3, 4, 5, 6, 7, ... of the first axis",
        ),
        (np.zeros((0, 3), np.float32), "t:0 f32[0,3]: no numbers"),
        (np.float32(np.inf), "t:0 f32[]: 0 NaN and 1 infinite of 1"),
    ],
)
def test_ranges_in_words(value: Any, text: str) -> None:
    tensor = tf.placeholder(tf.float32, None, name="t")
    assert str(value_range.ValueRange.of(tensor, value)) == text
