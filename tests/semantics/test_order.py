"""A run does what its operations would do one at a time, in the order in which they were recorded."""

import numpy as np
import pytest

import graphopt as tf


@pytest.fixture
def graph():
    with tf.Graph().as_default() as g:
        yield g


def started():
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return session


def test_loss_is_from_before_the_step_and_variables_from_after_it(graph):
    x = tf.placeholder(tf.float32, [])
    w = tf.get_variable("w", initializer=10.0)
    loss = tf.abs(w * x)
    step = tf.train.get_or_create_global_step()
    train = tf.contrib.layers.optimize_loss(loss, step, 0.1, "SGD")
    with started() as session:
        for fetches in ([train, loss, w, step], [step, w, loss, train]):
            before = session.run(w)
            steps = session.run(step)
            values = dict(zip([f.name for f in fetches], session.run(fetches, {x: 5.0}), strict=True))
            assert values[train.name] == values[loss.name] == abs(before * 5.0)
            assert values[w.name] == np.float32(before - np.float32(0.5))
            assert values[step.name] == steps + 1


def test_a_read_sees_what_was_written_before_it_was_recorded(graph):
    v = tf.Variable(1.0, name="v")
    before = v + 0.0
    add = tf.assign_add(v, 10.0)
    after = v + 0.0
    with started() as session:
        assert session.run([after, add.op, before]) == [11.0, None, 1.0]
        assert session.run(before) == 11.0


def test_a_use_after_an_assignment_that_is_not_needed_does_not_need_it(graph):
    v = tf.Variable(1.0)
    tf.assign_add(v, 10.0)
    after = v + 0.0
    with started() as session:
        assert session.run(after) == 1.0


def test_reads_under_control_dependencies_see_the_new_value(graph):
    v = tf.Variable(1.0)
    bump = tf.assign_add(v, 1.0)
    with tf.control_dependencies([bump]):
        inside = v * 1.0
        read = v.read_value()
        same = tf.identity(v)
    with started() as session:
        assert session.run(inside) == 2.0
        assert session.run(read) == 3.0
        assert session.run(same) == 4.0
        assert session.run([inside, read, same, v]) == [5.0, 5.0, 5.0, 5.0]


def test_a_clip_of_the_weights_fetched_with_the_training_op_clips_the_updated_weights(graph):
    w = tf.get_variable("w", initializer=np.array([1.0, -1.0], np.float32))
    train = tf.contrib.layers.optimize_loss(tf.reduce_sum(w * np.array([-10.0, 10.0], np.float32)), None, 1.0, "SGD")
    clip = w.assign(tf.clip_by_value(w, -2.0, 2.0))
    with started() as session:
        for fetches in ([train, [clip]], [[clip], train]):
            session.run(fetches)
            assert session.run(w).tolist() == [2.0, -2.0]


def test_assignments_run_in_the_order_in_which_they_were_recorded(graph):
    v = tf.Variable(3.0)
    double = tf.assign(v, v * 2.0)
    plus_one = tf.assign(v, v + 1.0)
    with started() as session:
        assert session.run([plus_one, double]) == [7.0, 6.0]
        assert session.run(v) == 7.0


def test_a_control_edge_added_late_moves_the_older_operation_behind_the_newer(graph):
    v = tf.Variable(1.0)
    first = tf.assign_add(v, 1.0)
    second = tf.assign(v, v * 10.0)
    with started() as session:
        assert session.run([first, second, v]) == [2.0, 20.0, 20.0]
        session.run(v.initializer)
        first.op.add_control_input(second.op)
        assert session.run([first, v]) == [11.0, 11.0]


def test_a_cycle_of_late_control_edges_is_an_error(graph):
    a = tf.no_op(name="a")
    b = tf.no_op(name="b")
    a.add_control_input(b)
    b.add_control_input(a)
    with tf.Session() as session, pytest.raises(RuntimeError, match="Control edges form a cycle"):
        session.run(a)


def test_each_operation_runs_once_however_often_it_is_fetched(graph):
    v = tf.Variable(0.0)
    bump = tf.assign_add(v, 1.0)
    with started() as session:
        assert session.run([bump, bump, {"again": bump}]) == [1.0, 1.0, {"again": 1.0}]
        assert session.run(v) == 1.0


def test_only_what_is_needed_runs(graph):
    ran = []

    def note(name):
        def function(value):
            ran.append(name)
            return value

        return function

    x = tf.constant(1.0)
    a = tf.py_func(note("a"), [x], tf.float32)
    b = tf.py_func(note("b"), [x], tf.float32)
    unfed = tf.placeholder(tf.float32, [])
    with tf.Session() as session:
        assert session.run(a) == 1.0
        assert ran == ["a"]
        session.run([b, a])
        assert ran == ["a", "a", "b"]
        with pytest.raises(tf.errors.InvalidArgumentError, match="must feed a value"):
            session.run([a, unfed])


def test_initial_values_that_read_other_variables_are_in_order_by_themselves(graph):
    a = tf.Variable(3.0)
    b = tf.Variable(a * 2.0)
    c = tf.Variable(b.initialized_value() + 1.0)
    with started() as session:
        assert session.run([a, b, c]) == [3.0, 6.0, 7.0]


def test_group_and_no_op_carry_order_without_values(graph):
    v = tf.Variable(1.0)
    both = tf.group(tf.assign_add(v, 1.0), tf.assign_add(v, 2.0), name="both")
    with tf.control_dependencies([both]):
        done = tf.no_op()
    with started() as session:
        assert session.run([done, both]) == [None, None]
        assert session.run(v) == 4.0
