"""The global step: finding it, making it, checking it."""

from typing import Any

import pytest

import graphopt as tf
from graphopt.train.global_step import get_or_create_global_step_read


def test_it_is_made_once() -> None:
    assert tf.train.get_global_step() is None
    step = tf.train.create_global_step()
    assert (step.name, step.dtype, step.shape.as_list(), step.trainable) == ("global_step:0", tf.int64, [], False)
    assert tf.get_collection(tf.GraphKeys.GLOBAL_STEP) == [step]
    assert tf.global_variables() == [step]
    assert tf.train.get_global_step() is tf.train.get_or_create_global_step() is step
    with pytest.raises(ValueError, match='"global_step" already exists'):
        tf.train.create_global_step()


def test_a_variable_of_that_name_is_found() -> None:
    step = tf.Variable(3, name="global_step", trainable=False)
    assert tf.train.get_global_step() is step
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert tf.train.global_step(session, step) == 3


def test_another_graph() -> None:
    other = tf.Graph()
    step = tf.train.create_global_step(other)
    assert step.graph is other
    assert tf.train.get_global_step() is None
    assert tf.train.get_global_step(other) is step


def test_two_steps_are_none(caplog: Any) -> None:
    for name in "ab":
        tf.add_to_collection(tf.GraphKeys.GLOBAL_STEP, tf.Variable(0, name=name))
    assert tf.train.get_global_step() is None
    assert "Multiple tensors in global_step collection." in caplog.text


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: 3, 'Existing "global_step" must be a Variable or Tensor: 3.'),
        (lambda: tf.constant(1.0), "Existing \"global_step\" does not have integer type: <dtype: 'float32'>"),
        (lambda: tf.constant([1]), 'Existing "global_step" is not scalar: (1,)'),
    ],
)
def test_refused(make: Any, text: str) -> None:
    with pytest.raises(TypeError) as caught:
        tf.train.assert_global_step(make())
    assert text in str(caught.value)


def test_unknown_shapes_pass() -> None:
    tf.train.assert_global_step(tf.placeholder(tf.int32))


def test_the_read_is_recorded_once() -> None:
    assert get_or_create_global_step_read() is None
    tf.train.create_global_step()
    read = get_or_create_global_step_read()
    assert read is get_or_create_global_step_read()
    assert read.name == "global_step/add:0"
    with tf.Session() as session:
        assert session.run(read) == 0
