"""Optimizers recorded while a session of another graph is open."""

import pytest

import graphopt as tf


@pytest.mark.parametrize("make", [tf.keras.optimizers.legacy.SGD, tf.keras.optimizers.SGD, tf.train.GradientDescentOptimizer])
@pytest.mark.parametrize("other_is_empty", [True, False])
def test_a_session_of_another_graph_is_none_of_the_optimizers_business(make: type, other_is_empty: bool) -> None:
    other = tf.Graph()
    if not other_is_empty:
        with other.as_default():
            tf.constant(1.0)
    optimizer = make(0.5)
    with tf.Session(graph=other), tf.Graph().as_default() as graph:
        w = tf.Variable(1.0, name="w")
        train_op = tf.train.training_op(w, optimizer=optimizer)
        session = tf.Session(graph=graph)
        session.run(tf.global_variables_initializer())
        session.run(train_op)
        assert session.run(w) == 0.5
        assert train_op.hyper.of(session)["learning_rate"] == 0.5
