"""Loss scaling around Keras's optimizers."""

import json
from typing import Any

import numpy as np
import pytest

import graphopt as tf

keras = tf.keras.optimizers
LossScaleOptimizer = tf.keras.mixed_precision.LossScaleOptimizer


def test_a_dynamic_scale_moves_and_bad_steps_only_count() -> None:
    w = tf.Variable(1.0)
    optimizer = LossScaleOptimizer(keras.SGD(1.0, momentum=0.0), initial_scale=4, dynamic_growth_steps=2)
    gradient = tf.placeholder(tf.float32, [])
    step = optimizer.apply_gradients([(gradient, w)])
    wanted = [(0, 4, 1, 1), (0, 2, 0, 2), (-2, 2, 1, 3), (-4, 4, 0, 4), (-6, 4, 1, 5), (-8, 8, 0, 6)]
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for value, row in zip([1, np.inf, 2, 2, 2, 2], wanted, strict=True):
            assert session.run(step, {gradient: value}) == row[3]
            assert tuple(session.run([w, optimizer.loss_scale, optimizer.dynamic_counter, optimizer.iterations])) == row


@pytest.mark.parametrize("inner", [lambda: keras.SGD(1.0), lambda: keras.legacy.SGD(1.0)])
def test_minimize_scales_the_loss(inner: Any) -> None:
    w, factor = tf.Variable([1.0, 2.0]), tf.placeholder_with_default(np.float32(2.0), [])
    optimizer = LossScaleOptimizer(inner(), initial_scale=2, dynamic_growth_steps=1)
    step = optimizer.minimize(lambda: factor * w, [w])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        np.testing.assert_array_equal(session.run(w), [-1.0, 0.0])
        assert session.run(optimizer.loss_scale) == 4.0
        session.run(step, {factor: np.nan})
        np.testing.assert_array_equal(session.run(w), [-1.0, 0.0])
        assert session.run(optimizer.loss_scale) == 2.0


def test_the_scale_is_never_below_one() -> None:
    w = tf.Variable(1.0)
    optimizer = LossScaleOptimizer(keras.Adam(), initial_scale=2)
    step = optimizer.apply_gradients([(np.inf, w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for _ in range(3):
            session.run(step)
        assert session.run([optimizer.loss_scale, w, optimizer.iterations]) == [1.0, 1.0, 3]


def test_a_fixed_scale_looks_at_nothing() -> None:
    w = tf.Variable(1.0, dtype=tf.float16)
    optimizer = LossScaleOptimizer(keras.SGD(1.0), dynamic=False, initial_scale=1024.0)
    scaled = optimizer.get_scaled_loss(w * 3.0)
    gradients = optimizer.get_unscaled_gradients([*tf.gradients(scaled, [w]), None])
    assert gradients[1] is None and optimizer.dynamic_counter is None
    step = optimizer.apply_gradients([(gradients[0], w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(scaled) == 3072.0
        session.run(step)
        assert session.run(w) == -2.0
        assert optimizer.variables == optimizer.inner_optimizer.variables


def test_it_works_inside_of_a_guard(graph: Any) -> None:
    w, guard = tf.Variable(1.0), tf.placeholder(tf.bool, [])
    optimizer = LossScaleOptimizer(keras.SGD(1.0), dynamic_growth_steps=1)
    with graph.write_only_if(guard):
        step = optimizer.apply_gradients([(1.0, w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(step, {guard: False}) == 0
        assert session.run([w, optimizer.loss_scale]) == [1.0, 2.0**15]
        assert session.run(step, {guard: True}) == 1
        assert session.run([w, optimizer.loss_scale]) == [0.0, 2.0**16]


def test_what_belongs_to_the_inner_optimizer() -> None:
    w = tf.Variable(1.0, name="w")
    optimizer = LossScaleOptimizer(keras.SGD(0.5, momentum=0.5))
    optimizer.iterations = 3
    optimizer.learning_rate = 0.25
    step = optimizer.apply_gradients([(1.0, w)])
    assert optimizer.momentum == 0.5
    names = ["iteration:0", "SGD/m/w:0", "current_loss_scale:0", "good_steps:0"]
    assert [v.name for v in optimizer.variables] == names
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(step) == 4
        assert session.run([w, optimizer.learning_rate, optimizer.lr]) == [0.75, 0.25, 0.25]
    assert optimizer.apply_gradients([]).dtype == tf.int64


def test_configurations() -> None:
    optimizer = LossScaleOptimizer(keras.Adam(0.1), initial_scale=8, dynamic_growth_steps=3)
    config = json.loads(json.dumps(optimizer.get_config()))
    again = LossScaleOptimizer.from_config(config)
    assert again.get_config() == config and type(again.inner_optimizer) is keras.Adam


def test_half_of_the_scaling_is_warned_of() -> None:
    w = tf.Variable(1.0)
    optimizer = LossScaleOptimizer(keras.SGD())
    optimizer.get_scaled_loss(w)
    with pytest.warns(UserWarning, match=r"You called `LossScaleOptimizer.get_scaled_loss\(\)` and `apply_gradients\(\)`, but not `get_un"):
        optimizer.apply_gradients([(1.0, w)])


def test_refusals() -> None:
    wrapped = keras.SGD()
    outer = LossScaleOptimizer(wrapped)
    given: list[tuple[Any, type[Exception], str]] = [
        (lambda: LossScaleOptimizer(outer), TypeError, "LossScaleOptimizer cannot wrap another LossScaleOptimizer"),
        (lambda: LossScaleOptimizer("sgd"), TypeError, '"inner_optimizer" must be an instance of a Keras optimizer'),
        (lambda: LossScaleOptimizer(wrapped), ValueError, '"inner_optimizer" is already wrapped by a LossScaleOptimizer'),
        (lambda: LossScaleOptimizer(keras.SGD(), "yes"), TypeError, '"dynamic" argument to LossScaleOptimizer.__init__ must be a bool'),
        (lambda: LossScaleOptimizer(keras.SGD(), False), ValueError, '"initial_scale" must be specified if "dynamic" is False'),
        (lambda: LossScaleOptimizer(keras.SGD(), False, 2, 3), ValueError, '"dynamic_growth_steps" must be None if "dynamic" is False'),
        (lambda: LossScaleOptimizer(keras.SGD(), True, -1), ValueError, "initial_scale must be a number above 0, got -1"),
    ]
    for make, error, message in given:
        with pytest.raises(error, match=message):
            make()
