"""The counter, slots and weights of Keras's older optimizers."""

from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.keras import legacy

ALL = ["SGD", "Adam", "Adamax", "Nadam", "RMSprop", "Adagrad", "Adadelta", "Ftrl"]


def started(optimizer: Any, gradient: Any = -1.0) -> tuple[Any, Any, Any]:
    """A float64 scalar from 0, a step that moves it by the learning rate, and a session."""
    w = tf.Variable(np.float64(0.0), name="w")
    step = optimizer.apply_gradients([(gradient, w)])
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    return w, step, session


# --- the counter -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("given", [2, "variable"])
def test_the_counter_can_be_set_before_it_is_used(given: Any) -> None:
    opt = legacy.SGD(1.0)
    opt.iterations = tf.Variable(2, dtype=tf.int64, name="steps") if given == "variable" else given
    _, step, session = started(opt)
    assert session.run(step) == 3
    assert opt.weights == [opt.iterations]


def test_the_counter_is_a_variable_of_int64() -> None:
    opt = legacy.SGD(1.0)
    assert opt.iterations.dtype is tf.int64
    assert opt.iterations is opt.iterations
    assert opt.iterations not in tf.trainable_variables()
    assert opt.weights == opt.variables() == [opt.iterations]


# --- slots and weights -----------------------------------------------------------------------------------------------------------


def test_slots_follow_the_momentum() -> None:
    opt = legacy.SGD(2.0, momentum=0.9)
    w, step, session = started(opt, gradient=0.1)
    session.run(step)
    assert session.run(opt.get_slot(w, "momentum")) == pytest.approx(-0.2)
    session.run(step)
    assert session.run(opt.get_slot(w, "momentum")) == pytest.approx(-0.38)
    assert session.run(w) == pytest.approx(-0.58)


def test_slots_of_ones_own() -> None:
    opt, w = legacy.SGD(), tf.Variable([1.0, 2.0], name="w")
    first = opt.add_slot(w, "first")
    assert opt.add_slot(w, "first") is first is opt.get_slot(w, "first")
    made = [
        first,
        opt.add_slot(w, "ones", "ones"),
        opt.add_slot(w, "value", np.float32([3.0, 4.0])),
        opt.add_slot(w, "shaped", tf.zeros_initializer(), shape=[3]),
        opt.add_slot(w, "class", tf.ones_initializer),
    ]
    assert [v.name for v in made] == ["w/first:0", "w/ones:0", "w/value:0", "w/shaped:0", "w/class:0"]
    assert opt.get_slot_names() == ["first", "ones", "value", "shaped", "class"]
    assert opt.weights == made
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        values = session.run(made)
    assert [v.tolist() for v in values] == [[0, 0], [1, 1], [3, 4], [0, 0, 0], [1, 1]]


@pytest.mark.parametrize("name", ["SGD", "Adagrad"])
def test_slots_of_a_variable_without_a_known_shape(name: str) -> None:
    start = tf.placeholder_with_default(np.ones(3, np.float32), [None])
    w = tf.Variable(start, validate_shape=False)
    arguments = {"momentum": 0.5} if name == "SGD" else {}
    opt = getattr(legacy, name)(1.0, **arguments)
    step = opt.apply_gradients([(tf.ones([3]), w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        assert session.run(w).shape == (3,)
        assert (session.run(w) < 1).all()


def test_weights_of_ones_own() -> None:
    opt = legacy.SGD()
    scalar = opt.add_weight("scalar")
    table = opt.add_weight("table", [2, 3], tf.float64, "ones", trainable=False)
    assert (scalar.dtype, scalar.get_shape().as_list(), scalar.trainable, table.trainable) == (tf.float32, [], True, False)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(scalar) == 0.0
        np.testing.assert_array_equal(session.run(table), np.ones((2, 3)))


@pytest.mark.parametrize("name", ALL)
def test_weights_go_into_another_optimizer(name: str) -> None:
    gradient = tf.placeholder(tf.float64, [2])
    fed = [[0.1, -0.2], [0.3, 0.05], [-0.2, 0.4], [0.15, -0.35]]
    first, second = (tf.Variable(np.array([1.0, -2.0])) for _ in range(2))
    opt, other = (getattr(legacy, name)(0.125) for _ in range(2))
    step, other_step = opt.apply_gradients([(gradient, first)]), other.apply_gradients([(gradient, second)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for g in fed[:2]:
            session.run(step, {gradient: g})
        other.set_weights(opt.get_weights())
        session.run(second.assign(first))
        for g in fed[2:]:
            session.run([step, other_step], {gradient: g})
        np.testing.assert_array_equal(session.run(first), session.run(second))
        assert session.run(other.iterations) == 4
        assert other.get_weights()[0].dtype == np.int64


def test_lists_of_weights_of_the_first_keras() -> None:
    with tf.Session() as session:
        for opt, given in ((legacy.Adam(), [9, 1, 2, 3]), (legacy.RMSprop(), [5]), (legacy.Adagrad(), [5]), (legacy.Adadelta(), [5, 6])):
            w = tf.Variable(1.0)
            opt.apply_gradients([(1.0, w)])
            session.run(tf.global_variables_initializer())
            opt.set_weights(given)
            expected = given[:3] if isinstance(opt, legacy.Adam) else [0, *given]
            assert [float(v) for v in opt.get_weights(session)] == expected


def test_slots_are_saved_with_the_variables() -> None:
    opt = legacy.Adam(0.5)
    started(opt)
    assert set(opt.weights) < set(tf.global_variables())
    assert [v.name for v in tf.trainable_variables()] == ["w:0"]
