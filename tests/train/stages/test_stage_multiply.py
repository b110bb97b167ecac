"""Factors of gradients, and of the changes that a step makes."""

import re
from typing import Any

import numpy as np
import pytest
from staging import DTYPES, KINDS, TOLERANCE, alone, dense_of, evaluate, gradient_of, initialized, linear, sgd, trained, variable

import graphopt as tf

stages = tf.train.stages


def two() -> tuple[Any, Any, Any]:
    """Two variables, and a loss whose gradients are 1 and 2."""
    w, b = tf.Variable(np.float64(1.0), name="w"), tf.Variable(np.float64(1.0), name="bias")
    return w, b, w + 2.0 * b


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_gradient_is_multiplied(kind: str, dtype: str) -> None:
    found = alone(stages.multiply_gradients({"w": 0.3}), kind, dtype)
    np.testing.assert_allclose(found.astype(float), 0.3 * dense_of(kind, dtype), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype])


def test_sparse_rows_stay_sparse() -> None:
    made = stages.multiply_gradients({"w": 0.3})([(gradient_of("rows"), variable())])[0][0]
    assert isinstance(made, tf.IndexedSlices)


KEYS: dict[str, Any] = {
    "variable": lambda w, b: b,
    "name": lambda w, b: "bias",
    "full name": lambda w, b: "bias:0",
    "expression": lambda w, b: re.compile("ia"),
}


@pytest.mark.parametrize("key", KEYS)
def test_variables_are_found_by_all_kinds_of_keys(key: str) -> None:
    w, b, _ = two()
    one = tf.constant(np.float64(1.0))
    assert evaluate(stages.multiply_gradients({KEYS[key](w, b): 0.25})([(one, w), (one, b)])) == [1.0, 0.25]


@pytest.mark.parametrize("key", KEYS)
def test_learning_rates_are_found_by_all_kinds_of_keys(key: str) -> None:
    w, b, loss = two()
    train_op = tf.train.training_op(loss, optimizer=sgd(0.5), stages=[stages.multiply_learning_rates({KEYS[key](w, b): 0.25})])
    assert trained(train_op, [None], [w, b]) == [[0.5, 0.75]]


def test_the_first_key_that_fits_counts() -> None:
    w, b, _ = two()
    one = tf.constant(np.float64(1.0))
    stage = stages.multiply_gradients({"bias": 0.5, re.compile("."): 3.0})
    assert evaluate(stage([(one, w), (one, b)])) == [3.0, 0.5]


@pytest.mark.parametrize("make", [stages.multiply_gradients, stages.multiply_learning_rates])
def test_a_key_that_fits_nothing_is_refused(make: Any) -> None:
    _, _, loss = two()
    near = r"The multiplier of 'bia' fits no variable with a gradient. Did you mean 'bias'\?"
    with pytest.raises(ValueError, match=near):
        tf.train.training_op(loss, optimizer=sgd(), stages=[make({"bia": 0.5})])
    with pytest.raises(ValueError, match=r"The multiplier of 'xyz\+' fits no variable with a gradient. There are w, bias"):
        tf.train.training_op(loss, optimizer=sgd(), stages=[make({re.compile("xyz+"): 0.5})])


@pytest.mark.parametrize("make", [stages.multiply_gradients, stages.multiply_learning_rates])
def test_multipliers_are_a_dict_of_hyper_parameters(make: Any) -> None:
    with pytest.raises(TypeError, match=r"Multipliers are a dict from variables, names or compiled expressions to factors, got 0\.5"):
        make(0.5)
    with pytest.raises(TypeError, match="The multiplier of 'w' must be a number, a scalar tensor, a schedule or a callable, got 'half'"):
        make({"w": "half"})
    with pytest.raises(ValueError, match="The multiplier of 'w' must be a number, got nan"):
        make({"w": float("nan")})


@pytest.mark.parametrize("multiplied", ["gradients", "learning rates"])
def test_under_gradient_descent_both_are_the_same(multiplied: str) -> None:
    w, b, loss = two()
    make = stages.multiply_gradients if multiplied == "gradients" else stages.multiply_learning_rates
    train_op = tf.train.training_op(loss, optimizer=sgd(0.5), stages=[make({"bias": 0.125})])
    assert trained(train_op, [None, None], [w, b]) == [[0.5, 0.875], [0.0, 0.75]]


def test_under_adam_a_factor_of_the_gradient_is_lost_and_one_of_the_rate_is_not() -> None:
    found = {}
    for make in (stages.multiply_gradients, stages.multiply_learning_rates):
        with tf.Graph().as_default():
            w, b, loss = two()
            train_op = tf.train.training_op(loss, optimizer=tf.train.AdamOptimizer(0.5), stages=[make({"bias": 0.1})])
            found[make] = trained(train_op, [None, None], [w, b])[-1]
    np.testing.assert_allclose(found[stages.multiply_gradients], [0.0, 0.0], atol=1e-5)
    np.testing.assert_allclose(found[stages.multiply_learning_rates], [0.0, 0.9], atol=1e-5)


def test_a_factor_of_the_rate_is_another_rate_of_adam() -> None:
    gradients = [[0.1, -0.2], [0.3, 0.05], [-0.2, 0.4]]
    found = []
    for rate, factors in ((0.1, {"w": 0.3}), (0.03, {"w": 1.0})):
        with tf.Graph().as_default():
            w, g, loss = linear([1.0, -2.0])
            train_op = tf.train.training_op(loss, optimizer=tf.train.AdamOptimizer(rate), stages=[stages.multiply_learning_rates(factors)])
            found.append(trained(train_op, [{g: value} for value in gradients], w))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-13)


def test_decay_after_the_multiplier_is_multiplied_too_and_before_it_is_not() -> None:
    found = {}
    for order in ("before", "after"):
        with tf.Graph().as_default():
            w, g, loss = linear([1.0])
            both = [stages.decay_weights(0.5, times_learning_rate=False), stages.multiply_learning_rates({"w": 0.1})]
            train_op = tf.train.training_op(loss, optimizer=sgd(1.0), stages=both if order == "before" else both[::-1])
            found[order] = trained(train_op, [{g: [2.0]}], w)[0].item()
    assert found == pytest.approx({"before": 0.5 - 0.2, "after": 1 - 0.1 * 2.5}, rel=1e-15)


@pytest.mark.parametrize("dtype", DTYPES)
def test_sparse_updates_are_multiplied(dtype: str) -> None:
    w = variable(dtype)
    with tf.train.Step() as step:
        pairs = stages.multiply_learning_rates({w: 0.5})([(gradient_of("rows", dtype), w)], step)
        train_op = step.finish(sgd(1.0).apply_gradients(pairs), pairs)
    with initialized() as session:
        before = session.run(w).astype(float)
        session.run(train_op)
        found = session.run(w).astype(float)
    np.testing.assert_allclose(found, before - 0.5 * dense_of("rows", dtype), rtol=TOLERANCE[dtype] * 2, atol=TOLERANCE[dtype])


def test_a_zero_factor_freezes_a_variable_while_others_move() -> None:
    w, b, loss = two()
    train_op = tf.train.training_op(loss, optimizer=tf.train.AdamOptimizer(0.5), stages=[stages.multiply_learning_rates({b: 0})])
    found = trained(train_op, [None, None], [w, b])[-1]
    assert found[0] < 0.1 and found[1] == 1.0
