"""A build-time error names the user's line, wherever inside it was noticed."""

import numpy as np
import pytest

import graphopt as tf


def loss():
    return tf.get_variable("w", initializer=1.0) * 2.0


@pytest.mark.parametrize(
    "mistake",
    [
        lambda: tf.constant(1.5, tf.int32),
        lambda: tf.Variable(1).assign(1.5),
        lambda: tf.constant([1.0, 2.0]) + tf.constant([1.0, 2.0, 3.0]),
        lambda: tf.get_variable("q", [None, 3]),
        lambda: tf.contrib.layers.optimize_loss(loss(), None, 0.1, "Nothing"),
        lambda: tf.contrib.layers.optimize_loss(loss(), None, -0.1, "SGD"),
        lambda: tf.contrib.layers.optimize_loss(loss(), None, 0.1, "SGD", summaries=["nothing"]),
        lambda: tf.contrib.layers.optimize_loss(tf.zeros([2]), None, 0.1, "SGD"),
        lambda: tf.train.AdagradOptimizer(0.1, initial_accumulator_value=-1.0),
        lambda: tf.train.exponential_decay(0.1, None, 10, 0.5),
        lambda: tf.nn.conv2d(np.zeros((1, 4, 4, 1), "f"), np.zeros((2, 2, 1, 1), "f"), [1, 1, 1, 1], "XX"),
        lambda: tf.get_default_graph().get_tensor_by_name("missing:0"),
        lambda: tf.constant([1.0])[1.0],
    ],
)
def test_the_message_names_this_file_and_line(mistake):
    with tf.Graph().as_default(), pytest.raises((ValueError, TypeError, KeyError)) as caught:
        mistake()
    first = mistake.__code__.co_firstlineno
    assert any(f"test_user_line.py:{line}" in str(caught.value) for line in (first, first + 1))
