"""Floating-point operations of loops and branches: what `explain` counts, and what it leaves open."""

import numpy as np
import pytest

import graphopt as tf

SIZE = 8
PRODUCT = 2 * SIZE**3


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as g:
        yield g


def cost_of(loss, session=None):
    explanation = tf.explain(tf.train.GradientDescentOptimizer(0.1).minimize(loss), session=session)
    return explanation.to_dict()["cost"], str(explanation)


def weights():
    return tf.get_variable("w", initializer=np.eye(SIZE, dtype=np.float32))


def test_the_body_of_a_loop_counts_in_each_turn():
    w = weights()
    _, y = tf.while_loop(lambda i, v: i < 5, lambda i, v: (i + 1, tf.matmul(v, w)), [0, tf.ones([SIZE, SIZE])])
    cost, text = cost_of(tf.reduce_sum(y))
    forward, backward = cost["loops"]
    assert (forward["operation"], forward["turns"]) == ("while/While", 5)
    assert PRODUCT < forward["flops_per_turn"] < PRODUCT + 10
    assert backward["turns"] == 5  # as many as the loop whose gradient it is
    assert 2 * PRODUCT < backward["flops_per_turn"] < 2.2 * PRODUCT
    assert 5 * 3 * PRODUCT < cost["flops"] < 5 * 3.3 * PRODUCT
    assert cost["flops_are_complete"]
    assert "per turn of the loop while/While (test_flops.py:" in text
    assert "which makes 5 turns" in text


def test_a_loop_over_rows_makes_as_many_turns_as_there_are_rows():
    w = weights()
    rows = tf.placeholder(tf.float32, [6, SIZE])
    cost, _ = cost_of(tf.reduce_sum(tf.map_fn(lambda row: tf.tanh(tf.reduce_sum(w * row)), rows)))
    assert [loop["turns"] for loop in cost["loops"]] == [6, 6]
    assert cost["flops"] > 6 * 2 * SIZE**2


def test_turns_that_only_a_run_knows_are_counted_per_turn():
    w = weights()
    turns = tf.placeholder(tf.int32, [])
    _, y = tf.while_loop(lambda i, v: i < turns, lambda i, v: (i + 1, tf.matmul(v, w)), [0, tf.ones([SIZE, SIZE])])
    cost, text = cost_of(tf.reduce_sum(y))
    assert [loop["turns"] for loop in cost["loops"]] == [None, None]
    assert cost["flops"] < PRODUCT
    assert not cost["flops_are_complete"]
    assert "per turn of the loop while/While" in text
    assert "whose number of turns depends on what is fed" in text


def test_a_condition_on_the_values_leaves_the_turns_open():
    w = weights()
    y = tf.while_loop(lambda v: tf.reduce_sum(v) < 100.0, lambda v: (tf.matmul(v, w) * 2.0,), [tf.ones([SIZE, SIZE])])
    assert cost_of(tf.reduce_sum(y))[0]["loops"][0]["turns"] is None


def test_very_many_turns_are_not_counted_one_by_one():
    w = tf.get_variable("w", initializer=1.0)
    _, y = tf.while_loop(lambda i, v: i < 10**9, lambda i, v: (i + 1, v * w), [0, 1.0])
    assert cost_of(y)[0]["loops"][0]["turns"] is None


def test_a_loop_that_can_not_count_has_no_number_of_turns():
    w = tf.get_variable("w", initializer=1.0)
    _, y = tf.while_loop(lambda i, v: 10 // i > 0, lambda i, v: (i - 1, v * w), [2, 1.0])
    assert cost_of(y)[0]["loops"][0]["turns"] is None


def test_the_dearer_branch_counts():
    w = weights()
    x = tf.placeholder(tf.float32, [])
    cost, text = cost_of(tf.reduce_sum(tf.cond(x > 0, lambda: tf.matmul(w, w), lambda: -w)))
    forward = cost["branches"][0]
    assert forward["flops"] == [PRODUCT, SIZE**2]
    assert cost["flops"] > 3 * PRODUCT
    assert not cost["flops_are_complete"]
    assert f"{PRODUCT:,} if cond/If (test_flops.py:" in text
    assert "the larger is counted" in text


def test_a_loop_in_a_branch_in_a_loop():
    w = weights()
    turns = tf.placeholder(tf.int32, [])

    def inner(v):
        return tf.while_loop(lambda j, u: j < 3, lambda j, u: (j + 1, tf.matmul(u, w)), [0, v])[1]

    _, y = tf.while_loop(
        lambda i, v: i < turns, lambda i, v: (i + 1, tf.cond(i > 1, lambda: inner(v), lambda: v)), [0, tf.ones([SIZE, SIZE])]
    )
    cost, _ = cost_of(tf.reduce_sum(y))
    outer, nested = cost["loops"][:2]
    assert (outer["turns"], nested["turns"]) == (None, 3)
    assert 3 * PRODUCT < outer["flops_per_turn"] < 3 * PRODUCT + 50
    assert cost["branches"][0]["flops"][1] == 0


def test_both_backends_count_the_same():
    w = weights()
    x = tf.placeholder(tf.float32, [None, SIZE])
    train_op = tf.train.AdamOptimizer(0.1).minimize(tf.reduce_mean(tf.square(tf.nn.relu(tf.matmul(x, w)))))
    counts = []
    for backend in ("numpy", "auto"):
        with tf.Session(backend=backend) as session:
            session.run(tf.global_variables_initializer())
            session.run(train_op, {x: np.ones((16, SIZE), np.float32)})
            cost = tf.explain(train_op, session=session).to_dict()["cost"]
            assert cost["flops"] == sum(part["flops"] for part in cost["parts"])
            counts.append(cost["flops"])
    assert counts[0] == counts[1] > 2 * 2 * 16 * SIZE**2


def test_shapes_that_are_not_known_make_it_a_least_number():
    cost, text = cost_of(tf.reduce_mean(tf.matmul(tf.placeholder(tf.float32, [None, SIZE]), weights())))
    assert cost["nodes_of_unknown_shape"] > 0
    assert "at least" in text
    assert "results whose size only a run knows" in text
