"""A recorded graph run one operation at a time: what it writes, what a failure leaves, which values it keeps and which it lets go."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.compiler.needed import needed_operations
from graphopt.runtime.recorded import RecordedRun
from graphopt.testing.recorded import run_recorded


@pytest.fixture(autouse=True)
def graph() -> Iterator[tf.Graph]:
    with tf.Graph().as_default() as made:
        yield made


def variable(name: str, value: Any) -> Any:
    return tf.get_variable(name, initializer=np.float32(value))


def steps(run: RecordedRun, *fetches: Any) -> None:
    """Do what fetches need, leaving values where they are."""
    for operation in needed_operations(fetches, []):
        run.step(operation)


# --- writing ----------------------------------------------------------------------------------------------------------------------


def test_what_is_assigned_is_the_operand() -> None:
    v, w = variable("v", [1.0, 2.0]), variable("w", [0.0, 0.0])
    x = tf.placeholder(tf.float32, [2])
    first = tf.assign(v, x)
    with tf.control_dependencies([first]):
        second = tf.assign_sub(v, [1.0, 1.0])
        with tf.control_dependencies([second]):
            third = tf.assign(w, v)
    state: dict[str, Any] = {"v": np.float32([1.0, 2.0]), "w": np.float32([0.0, 0.0])}
    held = state["v"]
    found = run_recorded([x, third], {x: [5.0, -3.0]}, state)
    assert [value.tolist() for value in found] == [[5.0, -3.0], [4.0, -4.0]]
    assert {name: value.tolist() for name, value in state.items()} == {"v": [4.0, -4.0], "w": [4.0, -4.0]}
    assert held.tolist() == [1.0, 2.0]


def test_values_are_copies_and_stay_what_they_were() -> None:
    x = tf.placeholder(tf.float32, [2])
    shared = np.zeros(2, np.float32)

    def grow(_: Any) -> Any:
        shared[:] += 1.0
        return shared

    first = tf.py_func(grow, [x], tf.float32)
    second = tf.py_func(grow, [first], tf.float32)
    fed = np.float32([1.0, 2.0])
    run = RecordedRun({x: fed}, {})
    run.run(needed_operations([first, second], [x]), [x, first, second])
    fed[:] = 7.0
    assert [run.value(t).tolist() for t in (x, first, second)] == [[1.0, 2.0], [1.0, 1.0], [2.0, 2.0]]
    for tensor in (first, second):
        with pytest.raises(ValueError, match="read-only"):
            run.value(tensor)[0] = 9.0


@pytest.mark.parametrize("happens", [True, False])
def test_a_guard(graph: tf.Graph, happens: bool) -> None:
    w, x = variable("w", 2.0), tf.placeholder(tf.float32, [])
    guard = x > 0.0
    seen = tf.cast(guard, tf.float32)
    with graph.write_only_if(guard):
        written = tf.assign_add(w, seen + 3.0)
    after = tf.assign_add(variable("free", 0.0), 1.0)
    state: dict[str, Any] = {"w": np.float32(2.0), "free": np.float32(0.0)}
    found = run_recorded([written, after], {x: 1.0 if happens else -1.0}, state)
    assert (found, state) == ([6.0 if happens else 2.0, 1.0], {"w": 6.0 if happens else 2.0, "free": 1.0})


def test_a_guard_inside_of_a_branch_ends_with_it(graph: tf.Graph) -> None:
    v, w = variable("v", 0.0), variable("w", 0.0)

    def guarded() -> Any:
        with graph.write_only_if(tf.constant(False)):
            return tf.assign_add(v, 1.0)

    chosen = tf.cond(tf.constant(True), guarded, lambda: tf.constant(5.0))
    with tf.control_dependencies([chosen]):
        after = tf.assign_add(w, 1.0)
    state: dict[str, Any] = {"v": np.float32(0.0), "w": np.float32(0.0)}
    assert run_recorded([chosen, after], {}, state) == [0.0, 1.0] and state == {"v": 0.0, "w": 1.0}


# --- failing ----------------------------------------------------------------------------------------------------------------------


def test_a_write_that_fails_is_undone_and_those_before_stay() -> None:
    v, w = variable("v", [1.0, 2.0]), variable("w", 0.0)
    good = tf.assign_add(v, [1.0, 1.0])
    with tf.control_dependencies([good]):
        bad = tf.scatter_update(v, [0, 7], [10.0, 20.0])
    fine, read = tf.assign_add(w, 4.0), v + 0.0
    run = RecordedRun({}, {"v": np.float32([1.0, 2.0]), "w": np.float32(0.0)})
    steps(run, good)
    with pytest.raises(tf.errors.InvalidArgumentError, match=r"indices\[1\] = 7 is not in \[0, 2\)"):
        steps(run, bad)
    assert {name: value.tolist() for name, value in run.written().items()} == {"v": [2.0, 3.0]}
    steps(run, fine, read)
    assert run.value(read).tolist() == [2.0, 3.0] and run.value(fine) == 4.0
    assert {name: value.tolist() for name, value in run.written().items()} == {"v": [2.0, 3.0], "w": 4.0}


def test_the_first_write_of_a_variable_that_fails_is_no_write() -> None:
    v = variable("v", [1.0, 2.0])
    bad, read = tf.scatter_update(v, [7], [10.0]), v * 2.0
    state: dict[str, Any] = {"v": np.float32([1.0, 2.0])}
    run = RecordedRun({}, state)
    with pytest.raises(tf.errors.InvalidArgumentError, match="is not in"):
        steps(run, bad)
    steps(run, read)
    assert run.written() == {} and run.value(read).tolist() == [2.0, 4.0]
    with pytest.raises(tf.errors.InvalidArgumentError, match="is not in"):
        run_recorded([bad], {}, state)
    assert state["v"].tolist() == [1.0, 2.0]


def test_a_function_that_failed_is_not_called_again_by_what_follows() -> None:
    calls: list[str] = []

    def fail() -> Any:
        calls.append("bad")
        raise tf.errors.InvalidArgumentError(None, None, "no")

    bad = tf.py_func(fail, [], tf.float32)
    good = tf.py_func(lambda: calls.append("good") or np.float32(1.0), [], tf.float32)
    run = RecordedRun({}, {})
    with pytest.raises(tf.errors.OpError, match="no"):
        steps(run, bad)
    steps(run, good)
    assert calls == ["bad", "good"] and run.value(good) == 1.0


# --- keeping ----------------------------------------------------------------------------------------------------------------------


def test_what_is_wanted_is_kept_and_nothing_else() -> None:
    x = tf.placeholder(tf.float32, [])
    kept = x * 2.0
    middle = kept + 1.0
    used_late = middle * kept
    last = used_late + middle + x
    run = RecordedRun({x: 3.0}, {})
    run.run(needed_operations([kept, last], [x]), [kept, last])
    assert run.value(kept) == 6.0 and run.value(last) == 42.0 + 7.0 + 3.0
    for tensor in (middle, used_late):
        with pytest.raises(KeyError):
            run.value(tensor)


def test_an_output_that_is_fed_stays_what_was_fed() -> None:
    x = tf.constant([1.0, 2.0])
    left, right = tf.unstack(x)
    feeds = {left: 9.0}
    assert run_recorded([left, right, left + right], feeds, {}) == [9.0, 2.0, 11.0]


def test_what_is_fed_whole_does_not_happen() -> None:
    calls: list[int] = []
    made = tf.py_func(lambda: calls.append(1) or np.float32(1.0), [], tf.float32)
    run = RecordedRun({made: 5.0}, {})
    run.step(made.op)
    assert calls == [] and run.value(made) == 5.0


@pytest.mark.parametrize("holder", ["cond", "while"])
def test_what_has_no_results_happens_inside_too(holder: str) -> None:
    x = tf.placeholder(tf.float32, [])

    def checked(value: Any) -> Any:
        with tf.control_dependencies([tf.Assert(x > 0.0, ["x must be positive"])]):
            return tf.identity(value)

    if holder == "cond":
        made = tf.cond(x < 100.0, lambda: checked(x), lambda: x)
    else:
        made = tf.while_loop(lambda i: i < 2.0, lambda i: checked(i) + 1.0, [0.0])
    assert run_recorded([made], {x: 2.0}, {}) == [2.0]
    with pytest.raises(tf.errors.InvalidArgumentError, match="x must be positive"):
        run_recorded([made], {x: -1.0}, {})


def test_captured_values_and_variables_are_those_of_the_moment() -> None:
    """A loop that reads a variable which its own turns change, and values of two levels outside."""
    v, x = variable("v", 1.0), tf.placeholder(tf.float32, [])
    outer = x * 10.0

    def turn(i: Any, total: Any) -> Any:
        inner = x + i
        bit = tf.cond(i > 0.5, lambda: tf.cond(total > 0.0, lambda: outer + inner, lambda: x), lambda: -outer)
        with tf.control_dependencies([tf.assign_add(v, bit)]):
            return i + 1.0, total + v.read_value()

    made = tf.while_loop(lambda i, total: i < 3.0, turn, [0.0, 100.0])
    state: dict[str, Any] = {"v": np.float32(1.0)}
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        expected = session.run(made, {x: 2.0})
        found = run_recorded(made, {x: 2.0}, state)
        assert found == expected and state["v"] == session.run(v)
    # The variable goes 1 - 20 = -19, -19 + 20 + 3 = 4, 4 + 20 + 4 = 28.
    assert found == [3.0, 100.0 - 19.0 + 4.0 + 28.0] and state == {"v": 28.0}
