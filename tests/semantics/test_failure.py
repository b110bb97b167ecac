"""When a run fails nothing is committed, and the session goes on working."""

import _thread
import signal
import threading

import numpy as np
import pytest

import graphopt as tf
from graphopt.config import override


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


RUNS = 6  # both tiers of the numpy backend


def updates(x):
    """Two variables that change together, the first in place."""
    a = tf.Variable(np.zeros(4, np.float32), name="a")
    b = tf.Variable(0, name="b")
    return a, b, [tf.assign_add(a, x * np.ones(4, np.float32)), tf.assign_add(b, 1)]


def check_nothing_half_done(failing, feeds_bad, feeds_good, a, b, assigns, error, text):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for i in range(RUNS):
            session.run([assigns, failing], feeds_good)
            before = session.run([a, b])
            assert before[1] == i + 1
            with pytest.raises(error, match=text):
                session.run([assigns, failing], feeds_bad)
            after = session.run([a, b])
            assert after[0].tolist() == before[0].tolist()
            assert after[1] == before[1]


def test_a_failing_assertion():
    x = tf.placeholder(tf.float32, [])
    a, b, assigns = updates(x)
    check = tf.Assert(x < 2.0, ["x is", x])
    check_nothing_half_done(check, {x: 3.0}, {x: 1.0}, a, b, assigns, tf.errors.InvalidArgumentError, r"assertion failed: \[x is\] \[3.0\]")


def test_a_numeric_check_of_the_new_value():
    x = tf.placeholder(tf.float32, [])
    a, b, assigns = updates(x)
    check = tf.check_numerics(assigns[0], "a went wrong")
    check_nothing_half_done(
        check, {x: np.inf}, {x: 1.0}, a, b, assigns, tf.errors.InvalidArgumentError, "a went wrong : Tensor had Inf values"
    )


def test_an_exception_in_a_python_function():
    x = tf.placeholder(tf.float32, [])
    a, b, assigns = updates(x)

    def explode(value):
        if value > 2:
            raise ValueError("boom")
        return value

    with tf.control_dependencies(assigns):
        late = tf.py_func(explode, [x], tf.float32)
    check_nothing_half_done(late, {x: 3.0}, {x: 1.0}, a, b, assigns, tf.errors.InvalidArgumentError, "ValueError: boom")


def test_an_index_out_of_range():
    x = tf.placeholder(tf.float32, [])
    i = tf.placeholder(tf.int32, [1])
    a, b, assigns = updates(x)
    picked = tf.gather(a, i)
    check_nothing_half_done(
        picked, {x: 1.0, i: [4]}, {x: 1.0, i: [3]}, a, b, assigns, tf.errors.InvalidArgumentError, r"indices\[0\] = 4 is not in \[0, 4\)"
    )


def test_a_scatter_out_of_range():
    x = tf.placeholder(tf.float32, [])
    i = tf.placeholder(tf.int32, [2])
    a, b, assigns = updates(x)
    rows = tf.scatter_add(a, i, [1.0, 1.0])
    check_nothing_half_done(
        rows,
        {x: 1.0, i: [0, -1]},
        {x: 1.0, i: [3, 3]},
        a,
        b,
        assigns,
        tf.errors.InvalidArgumentError,
        r"indices\[1\] = -1 is not in \[0, 4\)",
    )


def test_an_integer_division_by_zero():
    x = tf.placeholder(tf.float32, [])
    n = tf.placeholder(tf.int32, [])
    a, b, assigns = updates(x)
    quotient = 7 // n
    check_nothing_half_done(
        quotient, {x: 1.0, n: 0}, {x: 1.0, n: 2}, a, b, assigns, tf.errors.InvalidArgumentError, "Integer division by zero"
    )


def test_a_shape_found_wrong_at_run_time():
    x = tf.placeholder(tf.float32, [])
    y = tf.placeholder(tf.float32, [None])
    a, b, assigns = updates(x)
    total = a + y
    good, bad = {x: 1.0, y: np.ones(4)}, {x: 1.0, y: np.ones(3)}
    check_nothing_half_done(total, bad, good, a, b, assigns, tf.errors.InvalidArgumentError, "Incompatible shapes|Dimensions must be equal")


def test_the_error_names_operation_and_line():
    n = tf.placeholder(tf.int32, [], name="n")
    quotient = tf.floordiv(7, n, name="quotient")
    with tf.Session() as session:
        for _ in range(RUNS):
            with pytest.raises(tf.errors.InvalidArgumentError) as caught:
                session.run(quotient, {n: 0})
            assert caught.value.op.name == "quotient"
            assert caught.value.error_code == tf.errors.INVALID_ARGUMENT
            assert caught.value.message == "Integer division by zero"
            assert "quotient (defined at" in str(caught.value)
            assert "test_failure.py" in str(caught.value)
            assert session.run(quotient, {n: 2}) == 3


def test_an_unfed_placeholder():
    x = tf.placeholder(tf.float32, [2, 3], name="x")
    s = tf.placeholder(tf.string, name="s")
    with tf.Session() as session:
        with pytest.raises(
            tf.errors.InvalidArgumentError, match=r"You must feed a value for placeholder tensor 'x' with dtype float and shape \[2,3\]"
        ):
            session.run(x + 1.0)
        with pytest.raises(tf.errors.InvalidArgumentError, match="placeholder tensor 's' with dtype string"):
            session.run(tf.identity(s))


def test_an_uninitialised_variable():
    v = tf.Variable([1.0, 2.0], name="v")
    w = tf.Variable(1.0, name="w")
    bump = tf.assign_add(v, [1.0, 1.0])
    with tf.Session() as session:
        for fetch in (v, v + 1.0, bump):
            with pytest.raises(tf.errors.FailedPreconditionError, match="Attempting to use uninitialized value v"):
                session.run([fetch, tf.assign_add(w, 1.0)])
        assert session.run(tf.report_uninitialized_variables()).tolist() == [b"v", b"w"]
        assert session.run(v.op) is None
        session.run(v.initializer)
        assert session.run(bump).tolist() == [2.0, 3.0]


def test_a_failed_run_leaves_random_streams_where_they_were():
    x = tf.placeholder(tf.float32, [])
    noise = tf.random_normal([3], seed=7)
    with tf.control_dependencies([noise]):
        check = tf.Assert(x < 2.0, [x])
    with tf.Session() as session, tf.Session() as other:
        first = session.run(noise)
        with pytest.raises(tf.errors.InvalidArgumentError):
            session.run([noise, check], {x: 5.0})
        second = session.run(noise)
        assert other.run(noise).tolist() == first.tolist()
        assert other.run(noise).tolist() == second.tolist()


@pytest.mark.parametrize("hot_after", [0, 10**9])
def test_an_interrupt_comes_after_the_run_it_hits(hot_after):
    variables = [tf.Variable(np.zeros(1000, np.float32)) for _ in range(20)]
    bump = tf.group(*[tf.assign_add(v, np.ones(1000, np.float32)) for v in variables])
    with tf.Session() as session, override(hot_after=hot_after):
        session.run(tf.global_variables_initializer())
        session.run(bump)
        for attempt in range(15):
            timer = threading.Timer(0.001 + 0.0004 * attempt, _thread.interrupt_main)
            with pytest.raises(KeyboardInterrupt):
                timer.start()
                for _ in range(1_000_000):
                    session.run(bump)
            timer.join()
            values = session.run(variables)
            assert len({float(v) for value in values for v in value}) == 1


def test_an_interrupt_from_the_users_own_handler_is_kept_back_too():
    seen = []
    previous = signal.signal(signal.SIGINT, lambda number, frame: seen.append(number))
    try:
        v = tf.Variable(1.0)

        def interrupt(value):
            signal.raise_signal(signal.SIGINT)
            seen.append("still running")
            return value

        add = tf.assign_add(v, tf.py_func(interrupt, [tf.constant(1.0)], tf.float32))
        with tf.Session() as session:
            session.run(v.initializer)
            assert session.run(add) == 2.0
            assert seen == ["still running", signal.SIGINT]
    finally:
        signal.signal(signal.SIGINT, previous)
