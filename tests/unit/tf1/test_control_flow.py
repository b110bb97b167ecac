"""Python functions, printing and control dependencies under TensorFlow 1's names. `cond` is in unit/graph/test_cond.py."""

import re

import numpy as np
import pytest

import graphopt as tf
from graphopt.tf1 import control_flow


def run(fetches, feed=None, times=1):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(times):
            values = session.run(fetches, feed)
    return values


def test_python_functions():
    x = tf.constant([1.0, 2.0])
    assert run(tf.py_func(np.cumsum, [x], tf.float32)).tolist() == [1.0, 3.0]
    total, count = tf.py_func(lambda v: (v.sum(), np.int64(v.size)), [x], [tf.float32, tf.int64])
    assert run([total, count]) == [3.0, 2]
    assert isinstance(tf.py_func(np.sum, [x], [tf.float32]), list)
    assert run(control_flow.numpy_function(np.negative, [x], tf.float32)).tolist() == [-1.0, -2.0]
    assert run(tf.py_func(lambda: b"text", [], tf.string)) == b"text"


def test_a_python_function_without_results():
    seen = []
    operation = tf.py_func(lambda v: seen.append(float(v)), [tf.constant(3.0)], [])
    assert isinstance(operation, tf.Operation)
    assert run(operation, times=3) is None
    assert seen == [3.0, 3.0, 3.0]


def test_a_python_function_is_called_once_a_run():
    calls = []
    x = tf.py_func(lambda: calls.append(1) or np.float32(1.0), [], tf.float32)
    assert run([x, x + 1.0, x * 2.0]) == [1.0, 2.0, 2.0]
    assert calls == [1]


@pytest.mark.parametrize(
    ("function", "out", "kind", "message"),
    [
        (lambda: 1 / 0, tf.float32, tf.errors.UnknownError, "ZeroDivisionError: division by zero"),
        (lambda: int("x"), tf.float32, tf.errors.InvalidArgumentError, "ValueError: invalid literal for int()"),
        (lambda: next(iter([])), tf.float32, tf.errors.OutOfRangeError, "StopIteration"),
        (
            lambda: np.float64(1.0),
            tf.float32,
            tf.errors.InvalidArgumentError,
            "0-th value returned by pyfunc is float64, but expects float32",
        ),
        (lambda: (np.float32(1.0),) * 2, tf.float32, tf.errors.InvalidArgumentError, "pyfunc returned 2 values, expected 1"),
    ],
)
def test_python_functions_that_fail(function, out, kind, message):
    with pytest.raises(kind, match=re.escape(message)) as caught:
        run(tf.py_func(function, [], out, name="mine"))
    assert caught.value.op.name == "mine"


@pytest.mark.parametrize(("first_n", "lines"), [(None, 4), (-1, 4), (0, 0), (2, 2)])
def test_printing(capfd, first_n, lines):
    x = tf.constant([1.0, 2.0, 3.0, 4.0])
    y = tf.Print(x, [x, tf.shape(x)], message="x: ", first_n=first_n, summarize=2)
    assert run(y, times=4).tolist() == [1.0, 2.0, 3.0, 4.0]
    assert capfd.readouterr().err == "x: [1.0 2.0...][4]\n" * lines
    assert tf.gradients(y, x)[0] is not None


def test_with_dependencies():
    v = tf.Variable(1.0)
    after = control_flow.with_dependencies([v.assign(5.0)], tf.constant(2.0))
    rows = tf.IndexedSlices(tf.constant([2.0]), tf.constant([0]))
    gated = control_flow.with_dependencies([tf.no_op()], rows)
    assert run([after, v]) == [2.0, 5.0]
    assert run(gated.values).tolist() == [2.0]


def test_a_control_dependency_on_a_fed_placeholder():
    x = tf.placeholder(tf.float32, [])
    with tf.control_dependencies([x]):
        y = tf.constant(1.0)
    assert run(y, {x: 3.0}) == 1.0
    with pytest.raises(tf.errors.InvalidArgumentError, match="You must feed a value for placeholder tensor"):
        run(y)


def test_a_fed_result_of_something_that_happens_all_the_same():
    v = tf.Variable(1.0)
    write = v.assign(5.0)
    with tf.control_dependencies([write]):
        y = write * 1.0
    assert run([y, v], {write: 7.0}) == [7.0, 5.0]


def test_no_op():
    assert run(tf.no_op(name="nothing")) is None
    with pytest.raises(ValueError, match="Unknown keyword arguments: nams"):
        tf.group(tf.no_op(), nams="x")
