"""Keras's optimizers: what `minimize` says of variables without gradients."""

import numpy as np
import pytest

import graphopt as tf


def test_minimize_says_for_each_variable_why_it_has_no_gradient() -> None:
    whole = tf.get_variable("whole", initializer=np.int32([1, 2]))
    cut, apart = tf.get_variable("cut", initializer=1.0), tf.get_variable("apart", initializer=1.0)
    loss = tf.reduce_sum(tf.cast(whole, tf.float32)) + tf.stop_gradient(cut)
    with pytest.raises(ValueError, match="No gradients provided for any variable") as error:
        tf.keras.optimizers.SGD(0.1).minimize(lambda: loss, [whole, cut, apart])
    text = str(error.value)
    assert "whole:0: it holds int32" in text and "apart:0: the loss" in text
    assert "cut:0: its path to the loss is cut at 'StopGradient'" in text


@pytest.mark.parametrize("name", ["SGD", "Adam", "Adagrad", "Ftrl", "Lion", "Adafactor"])
def test_an_integer_variable_among_others_is_left_alone_with_a_warning(name: str) -> None:
    count, w = tf.get_variable("count", initializer=np.int32([1, 2])), tf.get_variable("w", initializer=1.0)
    optimizer = getattr(tf.keras.optimizers, name)(0.1)
    with pytest.warns(UserWarning, match=r"Gradients do not exist for variables \['count:0'\]"):
        step = optimizer.minimize(lambda: w * w, [count, w])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        assert session.run(count).tolist() == [1, 2] and session.run(w) < 1.0
