"""`tf.GradientTape`: what is recorded, what is watched, and what `gradient` says.

The numbers of `CASES` are those of TensorFlow 2.21, run eagerly.
"""
# Long because: one short function for each recorded case.

import logging
from typing import NamedTuple

import numpy as np
import pytest

import graphopt as tf
from graphopt.ir.opdef import define_op


def run(fetches, feed=None):
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        return session.run(fetches, feed)


def numbers(gradients):
    """Return the values of gradients, None for None."""
    return [None if g is None else run(g).tolist() for g in gradients]


class Things(NamedTuple):
    """What the cases differentiate: x = 2, X = [1, 2], w = 3, a variable u = 1 that isn't trained, an integer i = 2."""

    x: tf.Tensor
    vector: tf.Tensor
    w: tf.Variable
    u: tf.Variable
    i: tf.Tensor


@pytest.fixture
def things():
    return Things(
        tf.constant(2.0), tf.constant([1.0, 2.0]), tf.Variable(3.0), tf.Variable(1.0, trainable=False), tf.constant(2, dtype=tf.int32)
    )


# --- recorded cases ----------------------------------------------------------------------------------------------------------


def variable_read_inside(t):
    with tf.GradientTape() as tape:
        y = t.w * t.w
    return tape.gradient(y, [t.w])


def tensor_not_watched(t):
    with tf.GradientTape() as tape:
        y = t.x * t.w
    return tape.gradient(y, [t.x, t.w])


def tensor_watched(t):
    with tf.GradientTape() as tape:
        tape.watch(t.x)
        y = t.x * t.w
    return tape.gradient(y, [t.x, t.w])


def tensor_by_itself(t):
    with tf.GradientTape() as tape:
        pass
    return [tape.gradient(t.x, t.x)]


def variable_by_itself(t):
    with tf.GradientTape() as tape:
        pass
    return [tape.gradient(t.w, t.w)]


def watched_too_late(t):
    with tf.GradientTape() as tape:
        y = t.x * t.x
        tape.watch(t.x)
        z = y + t.x
    return [tape.gradient(z, t.x)]


def watched_after_an_operation_recorded_for_another(t):
    with tf.GradientTape() as tape:
        y = t.x * t.w
        tape.watch(t.x)
    return tape.gradient(y, [t.x, t.w])


def variable_not_trainable(t):
    with tf.GradientTape() as tape:
        y = t.w * t.u
    return tape.gradient(y, [t.w, t.u])


def variable_not_trainable_watched(t):
    with tf.GradientTape() as tape:
        tape.watch(t.u)
        y = t.w * t.u
    return tape.gradient(y, [t.u, t.w])


def accessed_variables_not_watched(t):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        y = t.w * t.w
    return [tape.gradient(y, t.w)]


def accessed_variables_not_watched_but_this_one(t):
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(t.w)
        y = t.w * t.w
    return [tape.gradient(y, t.w)]


def recorded_before(t):
    z = t.w * 2.0
    with tf.GradientTape() as tape:
        y = z * t.w
    return tape.gradient(y, [z, t.w])


def recorded_after(t):
    with tf.GradientTape() as tape:
        y = t.w * t.w
    z = y * t.w
    return [tape.gradient(z, t.w)]


def read_before(t):
    value = t.w.value()
    with tf.GradientTape() as tape:
        y = value * t.w
    return tape.gradient(y, [t.w, value])


def read_after(t):
    with tf.GradientTape() as tape:
        t.w.value()
    return [tape.gradient(t.w * 1.0, t.w)]


def recording_stopped(t):
    with tf.GradientTape() as tape:
        with tape.stop_recording():
            y = t.w * t.w
        z = y * t.w
    return tape.gradient(z, [t.w, y])


def entered_again(t):
    with tf.GradientTape() as tape:
        tape.watch(t.x)
        y = t.x * t.x
    with tape:
        z = y * t.x
    return [tape.gradient(z, t.x)]


def after_reset(t):
    with tf.GradientTape() as tape:
        tape.watch(t.x)
        y = t.w * t.w
        tape.reset()
        z = y * t.w * t.x
    return tape.gradient(z, [t.w, t.x])


def intermediate(t):
    with tf.GradientTape() as tape:
        y = t.w * t.w
        z = y * y
    return tape.gradient(z, [y, t.w])


def several_targets(t):
    with tf.GradientTape() as tape:
        tape.watch(t.x)
        y = {"a": t.x * t.x, "b": (t.x * t.x * t.x,)}
    return [tape.gradient(y, t.x)]


def output_gradients(t):
    with tf.GradientTape() as tape:
        tape.watch(t.x)
        y = [t.x * t.x, t.x * t.x * t.x]
    return [tape.gradient(y, t.x, output_gradients=[10.0, tf.constant(1.0)])]


def integer_source(t):
    with tf.GradientTape() as tape:
        tape.watch([t.i, t.x])
        y = tf.cast(t.i, tf.float32) * t.x
    return tape.gradient(y, [t.i, t.x])


def integer_target(t):
    with tf.GradientTape() as tape:
        tape.watch(t.x)
        y = tf.cast(t.x, tf.int32)
    return [tape.gradient(y, t.x)]


def through_an_integer(t):
    with tf.GradientTape() as tape:
        tape.watch(t.x)
        y = tf.cast(tf.cast(t.x, tf.int32), tf.float32)
    return [tape.gradient(y, t.x)]


def gradient_stopped(t):
    with tf.GradientTape() as tape:
        y = tf.stop_gradient(t.w * t.w) * t.w
    return [tape.gradient(y, t.w)]


def zeros_where_unconnected(t):
    with tf.GradientTape() as tape:
        tape.watch(t.x)
        y = t.x * t.x
    return tape.gradient(y, [t.w, t.i, t.x, t.vector], unconnected_gradients=tf.UnconnectedGradients.ZERO)


def second_derivative(t):
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            y = t.w * t.w * t.w
        first = inner.gradient(y, t.w)
    return [first, outer.gradient(first, t.w)]


def second_derivative_not_recorded(t):
    with tf.GradientTape() as outer, outer.stop_recording():
        with tf.GradientTape() as inner:
            y = t.w * t.w * t.w
        first = inner.gradient(y, t.w)
    return [first, outer.gradient(first, t.w)]


def second_derivative_on_one_persistent_tape(t):
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(t.x)
        y = t.x * t.x * t.x
        first = tape.gradient(y, t.x)
    return [first, tape.gradient(first, t.x), tape.gradient(y, t.x)]


def vector_and_scalar(t):
    with tf.GradientTape() as tape:
        tape.watch([t.x, (t.vector,)])
        y = t.x * t.vector
    return tape.gradient(y, [t.x, t.vector])


CASES = {
    variable_read_inside: [6.0],
    tensor_not_watched: [None, 2.0],
    tensor_watched: [3.0, 2.0],
    tensor_by_itself: [1.0],
    variable_by_itself: [1.0],
    watched_too_late: [1.0],
    watched_after_an_operation_recorded_for_another: [3.0, 2.0],
    variable_not_trainable: [1.0, None],
    variable_not_trainable_watched: [3.0, 1.0],
    accessed_variables_not_watched: [None],
    accessed_variables_not_watched_but_this_one: [6.0],
    recorded_before: [None, 6.0],
    recorded_after: [None],
    read_before: [3.0, None],
    read_after: [None],
    recording_stopped: [9.0, None],
    entered_again: [12.0],
    after_reset: [18.0, None],
    intermediate: [18.0, 108.0],
    several_targets: [16.0],
    output_gradients: [52.0],
    integer_source: [None, 2.0],
    integer_target: [None],
    through_an_integer: [None],
    gradient_stopped: [9.0],
    zeros_where_unconnected: [0.0, 0, 4.0, [0.0, 0.0]],
    second_derivative: [27.0, 18.0],
    second_derivative_not_recorded: [27.0, None],
    second_derivative_on_one_persistent_tape: [12.0, 12.0, 12.0],
    vector_and_scalar: [3.0, [2.0, 2.0]],
}


@pytest.mark.parametrize(("case", "expected"), CASES.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_case_recorded_from_tensorflow(things, case, expected):
    assert numbers(case(things)) == expected


# --- structures, sparse rows -------------------------------------------------------------------------------------------------


def test_gradients_have_the_structure_of_the_sources(things):
    with tf.GradientTape() as tape:
        tape.watch(things.x)
        y = things.x * things.w
    found = tape.gradient(y, {"a": things.x, "b": [things.w, (things.u,)]})
    assert found.keys() == {"a", "b"} and found["b"][1] == (None,)
    assert run([found["a"], found["b"][0]]) == [3.0, 2.0]


def test_rows_of_a_table_stay_sparse():
    table = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape() as tape:
        y = tf.gather(table, [0, 0])
    found = tape.gradient(y, table)
    assert isinstance(found, tf.IndexedSlices)
    values, indices = run([found.values, found.indices])
    assert values.tolist() == [[1.0, 1.0], [1.0, 1.0]] and indices.tolist() == [0, 0]


def test_none_in_output_gradients_means_ones(things):
    with tf.GradientTape() as tape:
        y = [things.w * things.w, things.w * 2.0]
    assert run(tape.gradient(y, things.w, output_gradients=[10.0, None])) == 62.0


# --- watching ----------------------------------------------------------------------------------------------------------------


def test_watched_variables_in_order_of_construction(things):
    other = tf.Variable(4.0)
    with tf.GradientTape() as tape:
        y = other * things.w * things.u
        assert tape.watched_variables() == (things.w, other)
        tape.watch(things.u)
    assert tape.watched_variables() == (things.w, things.u, other)
    tape.gradient(y, things.w)
    assert tape.watched_variables() == (things.w, things.u, other)


def test_a_write_is_no_access(things):
    with tf.GradientTape() as tape:
        things.w.assign(1.0)
        things.w.assign_add(1.0)
    assert tape.watched_variables() == ()


def test_a_read_after_a_write_is_a_read_of_the_same_variable(things):
    with tf.GradientTape() as tape:
        before = things.w * 1.0
        with tf.control_dependencies([before]):
            things.w.assign(5.0)
        y = things.w * things.w * before
    # 55 = 2 * 5 * 3 + 5 * 5, TensorFlow's number too.
    write = things.w.graph.get_operations()
    with tf.control_dependencies([op for op in write if op.type == "Assign"][-1:]):
        total = tf.identity(tape.gradient(y, things.w))
    assert run(total) == 55.0


def test_integers_are_not_watched_and_that_is_logged(things, caplog):
    with tf.GradientTape() as tape, caplog.at_level(logging.WARNING, "graphopt"):
        tape.watch(things.i)
        assert "The dtype of the watched tensor must be floating (e.g. tf.float32), got int32" in caplog.text
        caplog.clear()
        assert tape.gradient(things.i, things.i) is None
    assert "The dtype of the target tensor must be floating" in caplog.text
    assert "The dtype of the source tensor must be floating" in caplog.text


def test_an_operation_without_a_gradient_matters_only_where_it_is_on_the_tape(things):
    rough = define_op("tape_test_rough(x: float) -> like(x)", kernel=lambda xp, x: xp.array(x), tf_name="TapeTestRough", doc="Copy.")
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(things.x)
        unwatched = rough(things.vector) * things.w
        watched = rough(things.x) * things.w
    assert run(tape.gradient(unwatched, things.w)) == 3.0
    with pytest.raises(LookupError, match="No gradient defined for operation"):
        tape.gradient(watched, things.x)


# --- its life ----------------------------------------------------------------------------------------------------------------

USED = "A non-persistent GradientTape can only be used to compute one set of gradients"


def test_a_tape_is_used_once_unless_persistent(things):
    with tf.GradientTape() as tape:
        y = things.w * things.w
    tape.gradient(y, things.w)
    for again in (tape.gradient, tape.jacobian, tape.batch_jacobian):
        with pytest.raises(RuntimeError, match=USED):
            again(y, things.w)


def test_a_tape_that_never_recorded(things):
    tape = tf.GradientTape()
    assert tape.watched_variables() == ()
    with pytest.raises(RuntimeError, match=USED):
        tape.gradient(things.x, things.x)
    with pytest.raises(RuntimeError, match=r"GradientTape\.watch: the tape is not recording; call it inside of"):
        tape.watch(things.x)
    with pytest.raises(RuntimeError, match="Trying to stop recording a tape which is not recording"), tape.stop_recording():
        pass
    with pytest.raises(ValueError, match="Tape is not recording"):
        tape.reset()


def test_gradient_inside_of_the_context_stops_a_tape_that_is_not_persistent(things):
    with tf.GradientTape() as tape:
        y = things.w * things.w
        g = tape.gradient(y, things.w)
        with pytest.raises(RuntimeError, match="Trying to stop recording a tape which is not recording"), tape.stop_recording():
            pass
    assert run(g) == 6.0


def test_recording_stops_with_the_context(things):
    with tf.GradientTape() as tape:
        pass
    with pytest.raises(ValueError, match="Tape is not recording"), tape.stop_recording():
        pass


def test_entering_twice(things):
    with tf.GradientTape() as tape, pytest.raises(ValueError, match="Tape is still recording, This can happen"), tape:
        pass


def test_a_tape_belongs_to_a_graph(things):
    with tf.GradientTape() as tape:
        pass
    with tf.Graph().as_default(), pytest.raises(RuntimeError, match="A GradientTape records in one graph"):
        tape.__enter__()


def test_recording_goes_on_after_an_error_under_stop_recording(things):
    with tf.GradientTape() as tape:
        with pytest.raises(KeyError), tape.stop_recording():
            raise KeyError
        y = things.w * things.w
    assert run(tape.gradient(y, things.w)) == 6.0


# --- refusals ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"target": None}, TypeError, "Argument `target` should be a list or nested structure of Tensors or Variables"),
        ({"target": 3.0}, TypeError, r"targets are tensors and variables, got 3\.0"),
        ({"unconnected_gradients": "nonsense"}, ValueError, "Unknown value for unconnected_gradients: 'nonsense'"),
        ({"output_gradients": [1.0, 2.0]}, ValueError, "2 output_gradients for 1 targets; give one for each"),
    ],
)
def test_refused_arguments(things, arguments, error, message):
    with tf.GradientTape() as tape:
        y = things.w * things.w
    with pytest.raises(error, match=message):
        tape.gradient(**({"target": y, "sources": things.w} | arguments))


def test_only_tensors_and_variables_are_watched(things):
    with tf.GradientTape() as tape, pytest.raises(ValueError, match=r"Passed in object 3\.0 of type 'float', not tf.Tensor or tf.Variable"):
        tape.watch([things.x, 3.0])


# --- branches and loops ------------------------------------------------------------------------------------------------------


def test_a_branch_recorded_inside_counts_as_a_whole(things):
    choice = tf.placeholder(tf.bool, [])
    with tf.GradientTape() as tape:
        y = tf.cond(choice, lambda: things.w * things.w, lambda: things.w)
    g = tape.gradient(y, things.w)
    assert tape.watched_variables() == (things.w,)
    assert [run(g, {choice: value}) for value in (True, False)] == [6.0, 1.0]


def test_a_loop_recorded_inside(things):
    with tf.GradientTape() as tape:
        _, y = tf.while_loop(lambda i, _: i < 3, lambda i, a: (i + 1, a * things.w), [0, 1.0])
    assert run(tape.gradient(y, things.w)) == 27.0


def test_a_tape_inside_of_a_loop(things):
    def body(row):
        with tf.GradientTape() as tape:
            tape.watch(row)
            y = row * row * things.w * things.x
        by_row, by_w, by_x = tape.gradient(y, [row, things.w, things.x])
        assert by_x is None
        return by_row + by_w

    assert run(tf.map_fn(body, things.vector)).tolist() == [2 * 1 * 3 * 2 + 2, 2 * 2 * 3 * 2 + 8]


def test_an_operation_of_the_graph_around_is_not_on_a_tape_inside_of_a_branch(things):
    square = things.w * things.w

    def body(row):
        with tf.GradientTape() as tape:
            y = row * square * things.w
        return tape.gradient(y, things.w)

    assert run(tf.map_fn(body, things.vector)).tolist() == [9.0, 18.0]


def test_a_gradient_of_its_own(things):
    @tf.custom_gradient
    def doubled(value):
        return tf.identity(value), lambda dy: 2.0 * dy

    with tf.GradientTape() as tape:
        y = doubled(things.w * 1.0)
    assert run(tape.gradient(y, things.w)) == 2.0


# --- Jacobians ---------------------------------------------------------------------------------------------------------------


def test_jacobian(things):
    with tf.GradientTape() as tape:
        tape.watch(things.vector)
        y = things.vector * things.vector * things.w
    of_vector, of_w, of_x = tape.jacobian(y, [things.vector, things.w, things.x])
    assert of_x is None
    assert run(of_vector).tolist() == [[6.0, 0.0], [0.0, 12.0]] and run(of_w).tolist() == [1.0, 4.0]


def test_jacobian_with_zeros_where_unconnected(things):
    with tf.GradientTape() as tape:
        y = things.vector * things.w
    found = tape.jacobian(y, [things.x, things.w], unconnected_gradients="zero")
    assert [run(part).tolist() for part in found] == [[0.0, 0.0], [1.0, 2.0]]


def test_jacobian_of_a_matrix_of_unknown_size_by_a_matrix():
    x = tf.placeholder(tf.float64, [None, 2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.matmul(x, tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], tf.float64))
    found = run(tape.jacobian(y, x), {x: np.ones((2, 2))})
    assert found.shape == (2, 3, 2, 2)
    assert np.array_equal(found[1, 2], [[0.0, 0.0], [3.0, 6.0]])


def test_jacobian_of_rows_of_a_table_is_dense():
    table = tf.Variable([[1.0], [3.0]])
    with tf.GradientTape() as tape:
        y = tf.reshape(tf.gather(table, [1, 1]), [2])
    assert run(tape.jacobian(y, table)).tolist() == [[[0.0], [1.0]], [[0.0], [1.0]]]


def test_a_jacobian_of_what_a_persistent_tape_recorded_twice(things):
    with tf.GradientTape(persistent=True) as tape:
        y = things.vector * things.w * things.w
        first = tape.jacobian(y, things.w)
    assert run(first).tolist() == [6.0, 12.0]
    assert run(tape.jacobian(y, things.w)).tolist() == [6.0, 12.0]


def test_hessian_by_two_tapes():
    x = tf.constant([1.0, 2.0])
    with tf.GradientTape() as outer:
        outer.watch(x)
        with tf.GradientTape() as inner:
            inner.watch(x)
            y = x[0] * x[0] * x[1] * x[1]
        first = inner.gradient(y, x)
    assert run(outer.jacobian(first, x)).tolist() == [[8.0, 8.0], [8.0, 2.0]]


def test_batch_jacobian():
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = x[:, ::-1] * x
    assert run(tape.batch_jacobian(y, x)).tolist() == [[[2.0, 1.0], [2.0, 1.0]], [[4.0, 3.0], [4.0, 3.0]]]
    assert run(tape.batch_jacobian(y, tf.ones([2, 2]))).tolist() == np.zeros((2, 2, 2)).tolist()


def test_batch_jacobian_of_unknown_batch():
    x = tf.placeholder(tf.float32, [None, 2])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = tf.reshape(x * x, [-1, 1, 2])
    found = run(tape.batch_jacobian(y, x), {x: [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]})
    assert found.shape == (3, 1, 2, 2)
    assert found[2, 0].tolist() == [[10.0, 0.0], [0.0, 12.0]]


def test_batch_jacobian_refuses_shapes_that_do_not_fit(things):
    x = tf.constant([[1.0, 2.0], [3.0, 4.0]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([x, things.vector])
        y = tf.reshape(x * x, [4, 1])
        z = things.vector * 2.0
    with pytest.raises(ValueError, match=r"Need first dimension of target shape \(\(4, 1\)\) and source shape \(\(2, 2\)\) to match"):
        tape.batch_jacobian(y, x)
    with pytest.raises(ValueError, match=r"batch_jacobian: Shape \(2,\) must have rank at least 2"):
        tape.batch_jacobian(z, things.vector)


# --- training ----------------------------------------------------------------------------------------------------------------


def test_a_training_loop_by_hand(things):
    with tf.GradientTape() as tape:
        loss = tf.square(things.w - 1.0)
    train = tf.train.GradientDescentOptimizer(0.25).apply_gradients([(tape.gradient(loss, things.w), things.w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        losses = [session.run([loss, train])[0].item() for _ in range(3)]
    assert losses == [4.0, 1.0, 0.25]
