"""What is recorded under a guard changes state only in runs in which the guard is true."""

import numpy as np
import pytest

import graphopt as tf


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as made:
        yield made


@pytest.fixture(params=["numpy", "native"])
def session(request, graph):
    with tf.Session(graph=graph, backend=request.param) as made:
        yield made


def test_a_write_happens_only_where_the_guard_is_true(graph, session):
    happens = tf.placeholder(tf.bool, [])
    w = tf.Variable([1.0, 2.0])
    with graph.write_only_if(happens):
        written = w.assign_add([1.0, 1.0])
    session.run(tf.global_variables_initializer())
    assert session.run(written, {happens: False}).tolist() == [1.0, 2.0]
    assert session.run(written, {happens: True}).tolist() == [2.0, 3.0]
    assert session.run(w).tolist() == [2.0, 3.0]


def test_guards_stand_inside_each_other_and_end(graph, session):
    a, b = tf.placeholder(tf.bool, []), tf.placeholder(tf.bool, [])
    v, w, x = tf.Variable(0), tf.Variable(0), tf.Variable(0)
    with graph.write_only_if(a):
        first = v.assign_add(1)
        with graph.write_only_if(tf.logical_and(a, b)):
            second = w.assign_add(1)
    third = x.assign_add(1)
    session.run(tf.global_variables_initializer())
    for left, right in [(False, False), (True, False), (False, True), (True, True)]:
        session.run([first, second, third], {a: left, b: right})
    assert session.run([v, w, x]) == [2, 1, 4]


def test_what_follows_sees_what_was_kept(graph, session):
    happens = tf.placeholder(tf.bool, [])
    w = tf.Variable(1.0)
    with graph.write_only_if(happens):
        with tf.control_dependencies([w.assign(5.0)]):
            seen = w * 2.0
    session.run(tf.global_variables_initializer())
    assert session.run(seen, {happens: False}) == 2.0
    assert session.run(seen, {happens: True}) == 10.0


def test_a_random_stream_moves_on_only_where_the_guard_is_true(graph, session):
    happens = tf.placeholder(tf.bool, [])
    with graph.write_only_if(happens):
        guarded = tf.random_normal([2], seed=3)
    reference = tf.random_normal([2], seed=3)
    numbers = [session.run(reference) for _ in range(3)]
    first = session.run(guarded, {happens: False})
    again = session.run(guarded, {happens: True})
    following = session.run(guarded, {happens: True})
    assert first.tolist() == again.tolist() == numbers[0].tolist()
    assert following.tolist() == numbers[1].tolist()


def test_rows_are_kept(graph, session):
    happens = tf.placeholder(tf.bool, [])
    table = tf.Variable(np.ones((4, 2), np.float32))
    with graph.write_only_if(happens):
        subtracted = table.scatter_sub(tf.IndexedSlices(tf.ones([2, 2]), tf.constant([3, 3])))
        updated = tf.scatter_update(table, [0], [[7.0, 7.0]])
    session.run(tf.global_variables_initializer())
    session.run([subtracted, updated], {happens: False})
    assert session.run(table).tolist() == [[1, 1]] * 4
    session.run([subtracted, updated], {happens: True})
    assert session.run(table).tolist() == [[7, 7], [1, 1], [1, 1], [-1, -1]]


def test_a_branch_inside_is_guarded_too(graph, session):
    happens, which = tf.placeholder(tf.bool, []), tf.placeholder(tf.bool, [])
    w = tf.Variable(0.0)
    with graph.write_only_if(happens):
        chosen = tf.cond(which, lambda: w.assign_add(1.0), lambda: w.assign_add(10.0))
    session.run(tf.global_variables_initializer())
    session.run(chosen, {happens: False, which: True})
    assert session.run(w) == 0.0
    session.run(chosen, {happens: True, which: False})
    assert session.run(w) == 10.0


def test_new_variables_are_initialised_whatever_the_guard_says(graph, session):
    with graph.write_only_if(tf.placeholder(tf.bool, [])):
        v = tf.Variable(4.0)
        w = tf.Variable(v.initialized_value() + 1.0)
    session.run(tf.global_variables_initializer())
    assert session.run([v, w]) == [4.0, 5.0]


def test_a_whole_optimizer_is_guarded(graph, session):
    happens = tf.placeholder(tf.bool, [])
    w = tf.Variable([1.0, -1.0])
    step = tf.train.get_or_create_global_step()
    optimizer = tf.train.AdamOptimizer(0.1)
    pairs = optimizer.compute_gradients(tf.nn.l2_loss(w))
    with graph.write_only_if(happens):
        train = optimizer.apply_gradients(pairs, global_step=step)
    session.run(tf.global_variables_initializer())
    before = session.run(tf.global_variables())
    session.run(train, {happens: False})
    for old, new in zip(before, session.run(tf.global_variables()), strict=True):
        np.testing.assert_array_equal(old, new)
    session.run(train, {happens: True})
    assert session.run(step) == 1
    assert not np.array_equal(session.run(w), before[0])


def test_a_constant_guard(graph, session):
    w = tf.Variable(1.0)
    with graph.write_only_if(tf.constant(False)):
        never = w.assign(2.0)
    with graph.write_only_if(tf.constant(True)):
        always = w.assign_add(10.0)
    session.run(tf.global_variables_initializer())
    assert session.run([never, always]) == [1.0, 11.0]
