"""Of several bad numbers the report names the one that came first, in whatever order they are looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import graphopt as tf


@pytest.fixture(autouse=True)
def _graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def report_of(train_op: Any, feeds: Any, loss: Any = None) -> Any:
    hook = tf.train.NonFiniteHook(train_op, policy="skip", loss=loss)
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(train_op, feeds)
    (report,) = hook.reports
    return report


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (1, 0, 2)])
def test_of_bad_gradients(order: tuple[int, ...]) -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    variables = [tf.get_variable(f"v{i}", initializer=1.0) for i in range(3)]
    loss = tf.add_n([v * 1.0 for v in variables], name="loss")
    gradients = [tf.add(x, 1.0, name="good"), tf.log(x, name="first"), tf.sqrt(x - 1.0, name="second")]
    train_op = tf.train.GradientDescentOptimizer(0.1).apply_gradients([(gradients[i], variables[i]) for i in order])
    report = report_of(train_op, {x: 0.0}, loss)
    assert report.operation is not None and report.operation.name == "first"


@pytest.mark.parametrize("swaps", [False, True])
def test_of_bad_operands(swaps: bool) -> None:
    x, w = tf.placeholder(tf.float32, [], name="x"), tf.get_variable("w", initializer=1.0)
    first, second = tf.log(x, name="first"), tf.sqrt(x - 1.0, name="second")
    total = tf.add(second, first) if swaps else tf.add(first, second)
    loss = tf.identity(total * w, name="loss")
    train_op = tf.train.GradientDescentOptimizer(0.1).minimize(loss)
    assert report_of(train_op, {x: 0.0}).operation.name == "first"
