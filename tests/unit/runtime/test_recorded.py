"""A recorded graph run one operation at a time gives what a session gives, inside of branches and loops too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.compiler.needed import needed_operations
from graphopt.graph.operation import Operation
from graphopt.runtime.recorded import Place, RecordedRun
from graphopt.testing.recorded import run_recorded

ROWS = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.5]], np.float32)


@pytest.fixture(autouse=True)
def _fresh_graph() -> Iterator[None]:
    with tf.Graph().as_default():
        yield


def placeholders() -> tuple[Any, Any]:
    return tf.placeholder(tf.float32, [None, None], name="x"), tf.get_variable("w", initializer=1.25)


def map_fn(x: Any, w: Any) -> Any:
    return tf.map_fn(lambda row: tf.reduce_sum(tf.tanh(row * w)), x)


def nested(x: Any, w: Any) -> Any:
    return tf.map_fn(lambda row: tf.map_fn(lambda v: tf.sin(v * w), row), x)


def scan(x: Any, w: Any) -> Any:
    return tf.scan(lambda a, row: a * w + row, x)


def foldr(x: Any, w: Any) -> Any:
    return tf.foldr(lambda a, row: tf.sin(a * w) + row, x)


def branch_in_loop(x: Any, w: Any) -> Any:
    return tf.map_fn(lambda row: tf.cond(row[0] > 1.0, lambda: tf.exp(row * w), lambda: row / w), x)


def loop_in_branch(x: Any, w: Any) -> Any:
    return tf.cond(x[0, 0] < w, lambda: tf.map_fn(lambda row: row * row * w, x), lambda: x)


def ragged_loops(x: Any, w: Any) -> Any:
    def outer(i: Any, total: Any) -> Any:
        inner = tf.while_loop(lambda j, t: j < i, lambda j, t: (j + 1, tf.sin(t * w)), [0, total])
        return i + 1, inner[1] + total

    return tf.while_loop(lambda i, t: i < 4, outer, [0, x])[1]


def rnn(x: Any, w: Any) -> Any:
    cell = tf.nn.rnn_cell.LSTMCell(4)
    with tf.variable_scope("net", initializer=tf.constant_initializer(0.3)):
        outputs, state = tf.nn.dynamic_rnn(cell, tf.expand_dims(x * w, -1), dtype=tf.float32, sequence_length=[3, 2])
    return outputs + state.h[:, None, :]


def no_turns(x: Any, w: Any) -> Any:
    return tf.map_fn(lambda row: row * w, x[:0]) + tf.reduce_sum(x * w)


PROGRAMS = pytest.mark.parametrize("program", [map_fn, nested, scan, foldr, branch_in_loop, loop_in_branch, ragged_loops, rnn, no_turns])


def values_of(session: Any) -> dict[str, Any]:
    return {name: np.array(cell.value) for name, cell in session.store.cells.items() if cell.value is not None}


@PROGRAMS
def test_values_and_gradients_are_those_of_a_session(program: Any) -> None:
    x, w = placeholders()
    y = program(x, w)
    gradients = tf.gradients(tf.reduce_sum(y * y), [x, w])
    second = tf.gradients(tf.reduce_sum(gradients[0] * gradients[0]), [w])
    fetches = [t for t in [y, *gradients, *second] if t is not None]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        expected = session.run(fetches, {x: ROWS})
        found = run_recorded(fetches, {x: ROWS}, values_of(session))
    assert len(fetches) == 4
    for ours, sessions in zip(found, expected, strict=True):
        assert np.shape(ours) == np.shape(sessions)
        np.testing.assert_allclose(ours, sessions, rtol=2e-5, atol=1e-6)


def test_effects_inside_happen_in_order_and_once() -> None:
    x, _ = placeholders()
    total = tf.get_variable("total", initializer=0.0)
    calls: list[float] = []

    def body(i: Any) -> Any:
        noted = tf.py_func(lambda v: calls.append(float(v)) or (v, v), [total], [tf.float32, tf.float32])
        with tf.control_dependencies([tf.assign_add(total, noted[0] + noted[1] + x[0, 0] + tf.random_uniform([], seed=5))]):
            return i + 1

    last = tf.while_loop(lambda i: i < 3, body, [0])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        state = values_of(session)
        session.run(last, {x: ROWS})
        by_session, calls[:] = list(calls), []
        run_recorded([last], {x: ROWS}, state)
        np.testing.assert_allclose(calls, by_session, rtol=1e-6)
        assert len(calls) == 3
        for name, value in values_of(session).items():
            np.testing.assert_allclose(state[name], value, rtol=1e-6, err_msg=name)


def test_a_run_knows_where_it_is() -> None:
    x, w = placeholders()
    loss = tf.reduce_sum(tf.map_fn(lambda row: tf.cond(row[0] > 1.0, lambda: tf.sin(row), lambda: row * w), x))
    gradient = tf.gradients(loss, w)[0]
    seen: list[tuple[str, list[Place]]] = []

    class Watching(RecordedRun):
        def step(self, operation: Operation) -> None:
            seen.append((operation.type, list(self.places)))
            super().step(operation)

    run = Watching({x: ROWS}, {"w": np.float32(2.0)})
    for operation in needed_operations([gradient], [x]):
        run.step(operation)
    assert run.value(gradient) == ROWS[0].sum() and run.places == ()
    sines = [places for kind, places in seen if kind == "Sin"]
    assert [[(place.side, place.turn) for place in places] for places in sines] == [[("body", 1), ("true", None)]]
    backwards = [places[0] for _, places in seen if places and places[0].forward_turn is not None]
    assert list(dict.fromkeys([(place.turn, place.forward_turn) for place in backwards])) == [(0, 1), (1, 0)]
    conditions = {place.turn for _, places in seen for place in places if place.side == "condition"}
    assert conditions == {0, 1, 2}


def test_an_error_inside_names_the_operation_inside() -> None:
    x, w = placeholders()
    total = tf.map_fn(lambda row: tf.check_numerics(tf.log(row * w), "bad row"), x)
    with pytest.raises(tf.errors.InvalidArgumentError, match="bad row : Tensor had NaN values") as caught:
        run_recorded([total], {x: ROWS}, {"w": np.float32(1.0)})
    assert caught.value.op.type == "CheckNumerics"


def test_what_fails_leaves_the_state() -> None:
    total = tf.get_variable("total", initializer=1.0)
    bad = tf.assign(total, tf.constant([1.0, 2.0])[tf.placeholder_with_default(0, [])], validate_shape=False).op
    check = tf.Assert(total < 0.0, ["too large"])
    run = RecordedRun({}, {"total": np.float32(1.0)})
    needed = needed_operations([bad, check], [])
    failed = []
    for operation in needed:
        try:
            run.step(operation)
        except tf.errors.InvalidArgumentError as error:
            failed.append(error.op.type)
    after = tf.reduce_sum(tf.constant([1.0, 2.0]))
    for operation in needed_operations([after], []):
        run.step(operation)  # the failed check isn't looked at again
    assert failed == ["Assert"] and run.value(after) == 3.0 and run.written() == {"total": 1.0}


def test_whether_a_variable_has_a_value() -> None:
    known, unknown = tf.get_variable("known", initializer=2.0), tf.get_variable("unknown", initializer=3.0)
    asked = [tf.is_variable_initialized(known), tf.is_variable_initialized(unknown), unknown.initialized_value()]
    assert [bool(v) for v in run_recorded(asked[:2], {}, {"known": np.float32(2.0)})] == [True, False]
    assert run_recorded(asked[2:], {}, {}) == [3.0]


def test_a_fed_variable() -> None:
    w = tf.get_variable("w", initializer=2.0)
    tripled = w * 3.0
    w_ref = w.as_ref() if hasattr(w, "as_ref") else w
    state = {"w": np.float32(2.0)}
    assert run_recorded([tripled], {w_ref: 5.0}, state) == [15.0] and state == {"w": 2.0}
