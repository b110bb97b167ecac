"""The report of `NonFiniteHook` goes into branches and loops: it names the operation inside, its line, its inputs and the turn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphopt as tf

OPTIMIZERS = pytest.mark.parametrize("optimizer", ["SGD", "Adam"])


def report_of(loss: Any, feeds: Any, optimizer: str = "SGD") -> Any:
    """Return the report of one bad step, which must have changed nothing."""
    train_op = tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 0.1, optimizer)
    hook = tf.train.NonFiniteHook(train_op, policy="skip")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        before = {name: np.array(cell.value) for name, cell in session.session.store.cells.items()}
        session.run(train_op, feeds)
        for name, value in before.items():
            np.testing.assert_array_equal(session.session.store.cells[name].value, value, err_msg=name)
    assert hook.skipped == 1
    (report,) = hook.reports
    assert report.unnamed is None
    return report


def row(n: int | None = None) -> Any:
    return tf.placeholder(tf.float32, [n], name="x")


def weight(value: float = 1.0) -> Any:
    return tf.get_variable("w", initializer=value)


def where(report: Any) -> list[tuple[str, str, int | None]]:
    return [(place.holder.name, place.side, place.turn) for place in report.places]


@OPTIMIZERS
def test_a_turn_of_map_fn(optimizer: str) -> None:
    x, w = row(), weight()
    y = tf.map_fn(lambda v: tf.log(v * w), x)  # the line of map_fn
    report = report_of(tf.reduce_mean(y), {x: [1.0, 2.0, -1.0, 3.0]}, optimizer)
    assert (report.operation.name, report.phase, report.turn) == ("map/Log", "forward", 2)
    assert where(report) == [("map/While", "body", 2)]
    assert report.location.text == "y = tf.map_fn(lambda v: tf.log(v * w), x)  # the line of map_fn"
    assert [(each.name, each.least, each.greatest) for each in report.inputs] == [("map/mul:0", -1.0, -1.0)]
    assert report.outputs[0].nan == 1 and report.hint == "log of 0 zeros and 1 negative numbers."
    assert "comes from 'map/Log' (Log, forward)\n  in turn 2 of the loop 'map/While'\n  at " in str(report)


@OPTIMIZERS
def test_the_first_bad_turn_of_a_while_loop(optimizer: str) -> None:
    x, w = tf.placeholder(tf.float32, []), weight()
    _, last = tf.while_loop(lambda i, y: i < 6, lambda i, y: (i + 1, tf.exp(y * w)), [0, x])
    report = report_of(last, {x: 1.0}, optimizer)
    # e, e^e, e^e^e = 3.8e6, infinite: the turns after it only hand it on.
    assert (report.operation.name, report.turn, report.phase) == ("while/Exp", 3, "forward")
    assert abs(report.inputs[0].least - np.exp(np.exp(np.e))) < 10.0


def test_scan_and_the_gradient_of_a_turn() -> None:
    x, w = row(), weight()
    total = tf.scan(lambda a, v: a + tf.where(v > 0, tf.sqrt(v * w), 0.0 * w), x, initializer=tf.constant(1.0))  # the root
    report = report_of(tf.reduce_sum(total), {x: [1.0, 4.0, 0.0, 2.0]})
    assert report.phase == "backward" and report.forward.name == "scan/Sqrt"
    assert report.location.text.endswith("# the root")
    (place,) = report.places
    assert (place.turn, place.forward_turn) == (1, 2)  # backwards from turn 3 to turn 0
    assert "in turn 1 of the loop 'OptimizeLoss/gradients/scan/While_grad/While', the gradient of turn 2 of 'scan/While'" in str(report)
    assert report.hint == "division by 1 zeros."


def test_nested_loops() -> None:
    x, w = tf.placeholder(tf.float32, [None, None]), weight()
    y = tf.map_fn(lambda each: tf.map_fn(lambda v: tf.log(v * w), each), x)
    report = report_of(tf.reduce_sum(y), {x: [[1, 2, 3], [1, -1, 2], [-1, 0, 1]]})
    assert where(report) == [("map/While", "body", 1), ("map/map/While", "body", 1)]
    assert (report.operation.name, report.turn) == ("map/map/Log", 1)


def test_the_gradient_of_nested_loops() -> None:
    x, w = tf.placeholder(tf.float32, [None, None]), weight()
    y = tf.map_fn(lambda each: tf.map_fn(lambda v: tf.sqrt(v * w), each), x)
    report = report_of(tf.reduce_sum(y), {x: [[1, 2, 3], [0, 5, 2]]})
    assert (report.phase, report.forward.name) == ("backward", "map/map/Sqrt")
    assert [place.forward_turn for place in report.places] == [1, 0]


def test_a_branch_in_a_loop() -> None:
    x, w = row(), weight()
    y = tf.map_fn(lambda v: tf.cond(v > 0, lambda: v * w, lambda: tf.log(v) * w), x)
    report = report_of(tf.reduce_sum(y), {x: [1.0, 2.0, -3.0]})
    assert where(report) == [("map/While", "body", 2), ("map/cond/If", "false", None)]
    assert report.operation.name == "map/cond/Log" and report.turn == 2
    assert "in the false branch of 'map/cond/If'\n  in turn 2 of the loop 'map/While'" in str(report)


def test_a_loop_in_a_branch() -> None:
    x, w = row(), weight()
    y = tf.cond(tf.reduce_sum(x) > 0, lambda: tf.reduce_sum(tf.map_fn(lambda v: tf.log(v * w), x)), lambda: tf.reduce_sum(x * w))
    report = report_of(y, {x: [1.0, 5.0, -3.0]})
    assert where(report) == [("cond/If", "true", None), ("cond/map/While", "body", 2)]


def test_the_gradient_of_a_branch() -> None:
    x, w = tf.placeholder(tf.float32, []), weight(0.0)
    report = report_of(tf.cond(x > 0, lambda: tf.sqrt(w * x), lambda: w * x), {x: 1.0})
    assert (report.phase, report.forward.name, report.outputs[0].infinite) == ("backward", "cond/Sqrt", 1)
    assert [place.side for place in report.places] == ["true"] and report.turn is None


def test_what_the_gradient_computes_again_is_named_by_the_users_operation() -> None:
    x, w = tf.placeholder(tf.float32, []), weight()
    y = tf.cond(
        x > 0,
        lambda: tf.where(x > 2, w * 1.0, tf.exp(w * x * 100.0)),  # infinite and not taken
        lambda: w * x,
    )
    report = report_of(y, {x: 3.0})
    assert report.operation.name == "cond/Exp" and report.phase == "forward"
    assert report.location.text.endswith("# infinite and not taken")
    assert report.hint == "exp(300) is more than float32 can hold."


def test_case_names_the_branch() -> None:
    x, w = tf.placeholder(tf.float32, []), weight()
    y = tf.case([(x > 10, lambda: w * x), (x > 0, lambda: tf.log(w - x))], default=lambda: w * 1.0)
    report = report_of(y, {x: 5.0})
    assert [place.side for place in report.places] == ["false", "true"] and report.operation.type == "Log"


def test_dynamic_rnn() -> None:
    x = tf.placeholder(tf.float32, [2, 4, 3])
    cell = tf.nn.rnn_cell.BasicRNNCell(5, activation=lambda z: tf.sqrt(z + 10.0))
    with tf.variable_scope("net", initializer=tf.constant_initializer(0.1)):
        outputs, _ = tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)
    batch = np.ones((2, 4, 3), np.float32)
    batch[1, 2] = -1000.0
    report = report_of(tf.reduce_mean(outputs), {x: batch}, "Adam")
    assert (report.operation.type, report.turn, report.phase) == ("Sqrt", 2, "forward")
    assert report.outputs[0].rows == (1,) and report.hint == "the square root of 5 negative numbers."


def test_rows_of_an_embedding_in_a_loop() -> None:
    ids = tf.placeholder(tf.int32, [None])
    table = tf.get_variable("table", [5, 2], initializer=tf.ones_initializer())
    y = tf.map_fn(lambda i: tf.sqrt(tf.nn.embedding_lookup(table, i) - 1.0), ids, dtype=tf.float32)
    report = report_of(tf.reduce_sum(y), {ids: [1, 2]})
    assert (report.phase, report.forward.name, report.places[0].forward_turn) == ("backward", "map/Sqrt", 1)


def test_a_gradient_of_a_gradient() -> None:
    x, w = row(), weight()
    slope = tf.gradients(tf.reduce_sum(tf.map_fn(lambda v: tf.pow(v * w, 1.5), x)), x)[0]
    report = report_of(tf.reduce_sum(slope), {x: [1.0, 0.0, 2.0]})
    assert report.phase == "backward" and report.operation.type == "Pow" and report.outputs[0].infinite == 1
    assert report.turn == 1


@pytest.mark.parametrize("kind", ["loop", "branch"])
def test_a_check_inside_that_stops_the_run(kind: str) -> None:
    x, w = row(3), weight()

    def checked(v: Any) -> Any:
        return tf.check_numerics(tf.log(v * w), "not a number")

    inside: dict[str, Callable[[], Any]] = {
        "loop": lambda: tf.map_fn(checked, x),
        "branch": lambda: tf.cond(x[0] > 0, lambda: checked(x), lambda: x * w),
    }
    report = report_of(tf.reduce_sum(inside[kind]()), {x: [1.0, -1.0, 2.0]})
    assert report.operation.type == "Log" and report.seen_in.nan == 1
    assert report.turn == (1 if kind == "loop" else None)


def test_a_check_that_ends_a_loop_ends_it_again() -> None:
    x, w = tf.placeholder(tf.float32, []), weight()

    def body(i: Any, v: Any) -> Any:
        return i + 1, tf.check_numerics(tf.sqrt(v * w - 1.0), "not a number")

    # Without the check it would never end: NaN is not 0.
    _, last = tf.while_loop(lambda i, v: tf.not_equal(v, 0.0), body, [0, x])
    report = report_of(last, {x: 3.0})
    assert (report.operation.type, report.turn) == ("Sqrt", 2)


def test_a_bad_feed_goes_through_a_loop() -> None:
    x, w = row(3), weight()
    report = report_of(tf.reduce_sum(tf.map_fn(lambda v: v * w, x)), {x: [1.0, np.nan, 2.0]})
    assert report.operation is None and report.is_fed and report.source.name == "x:0" and report.source.rows == (1,)
    assert "It was fed: x:0 f32[3]: 1 NaN and 0 infinite of 3" in str(report)


def test_a_loop_that_never_goes_round() -> None:
    x, w = row(), weight()
    y = tf.reduce_sum(tf.map_fn(lambda v: v * w, x)) / tf.cast(tf.size(x), tf.float32)
    report = report_of(y * w, {x: np.zeros(0)})
    assert report.operation.name == "truediv" and report.places == () and report.turn is None


def test_infinities_that_somebody_meant_are_not_blamed() -> None:
    x, w = row(2), weight()
    masked = tf.where(x > 0, x * w, tf.constant([-np.inf, -np.inf], tf.float32))
    report = report_of(tf.reduce_sum(tf.nn.softmax(masked) * [1.0, 2.0]), {x: [-1.0, -1.0]})
    # Everything is masked, and softmax makes NaN of it.
    assert report.operation.type == "Softmax" and report.inputs[0].infinite == 2 and report.outputs[0].nan == 2
