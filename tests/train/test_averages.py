"""Moving averages against their formulas, their names, and what they refuse."""

from typing import Any

import numpy as np
import pytest

import graphopt as tf

TARGETS = np.random.default_rng(3).standard_normal((6, 2))


def path(update: Any, fetch: Any, placeholder: Any, others: Any = lambda i: {}) -> np.ndarray:
    """The fetch after each update."""
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        found = []
        for i, target in enumerate(TARGETS):
            session.run(update, {placeholder: target, **others(i)})
            found.append(session.run(fetch))
    return np.stack(found)


def expected(decays: Any, start: Any = 0.0) -> np.ndarray:
    average, found = np.full(2, start, np.float64), []
    for decay, target in zip(decays, TARGETS, strict=True):
        average = average - (1 - decay) * (average - target)
        found.append(average)
    return np.stack(found)


def test_assign_moving_average() -> None:
    average, value = tf.Variable(np.full(2, 2.0)), tf.placeholder(tf.float64, [2])
    update = tf.train.assign_moving_average(average, value, 0.9, zero_debias=False)
    np.testing.assert_allclose(path(update, average, value), expected([0.9] * 6, 2.0), rtol=1e-13)


@pytest.mark.parametrize("decay", [0.9, tf.float64], ids=["number", "tensor"])
def test_zero_debias(decay: Any) -> None:
    average, value = tf.get_variable("v", initializer=tf.constant(np.full(2, 5.0))), tf.placeholder(tf.float64, [2])
    update = tf.train.assign_moving_average(average, value, 0.9 if decay == 0.9 else tf.constant(0.9, tf.float64))
    corrected = expected([0.9] * 6) / (1 - 0.9 ** np.arange(1, 7))[:, None]
    np.testing.assert_allclose(path(update, average, value), corrected, rtol=1e-12)
    assert [v.name for v in tf.global_variables()] == ["v:0", "v/biased:0", "v/local_step:0"]
    assert not tf.get_collection(tf.GraphKeys.TRAINABLE_VARIABLES)[1:]


def test_two_debiased_updates_of_one_variable_have_averages_of_their_own() -> None:
    v = tf.get_variable("v", [])
    for _ in range(2):
        tf.train.assign_moving_average(v, 1.0, 0.5)
    assert [x.op.name for x in tf.global_variables()] == ["v", "v/biased", "v/local_step", "v/biased_1", "v/local_step_1"]


def test_weighted_moving_average() -> None:
    value, weight = tf.placeholder(tf.float32, []), tf.placeholder(tf.float32, [])
    average = tf.train.weighted_moving_average(value, 0.8, weight)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        got = [session.run(average, {value: v, weight: w}) for v, w in ((3.0, 1.0), (5.0, 2.0), (-1.0, 0.5))]
    numerator = denominator = 0.0
    for found, (v, w) in zip(got, ((3.0, 1.0), (5.0, 2.0), (-1.0, 0.5)), strict=True):
        numerator, denominator = 0.8 * numerator + 0.2 * v * w, 0.8 * denominator + 0.2 * w
        assert found == pytest.approx(numerator / denominator, rel=1e-6)
    assert [v.op.name for v in tf.global_variables()] == ["WeightedMovingAvg/value_x_weight", "WeightedMovingAvg/weight"]


# --- ExponentialMovingAverage ------------------------------------------------------------------------------------------------


def followed(**options: Any) -> tuple[np.ndarray, Any]:
    v, value = tf.get_variable("v", initializer=tf.constant(np.ones(2))), tf.placeholder(tf.float64, [2])
    count = tf.placeholder(tf.int32, []) if options.pop("counts", False) else None
    ema = tf.train.ExponentialMovingAverage(0.9, num_updates=count, **options)
    with tf.control_dependencies([v.assign(value)]):
        update = ema.apply([v])
    return path(update, ema.average(v), value, lambda i: {} if count is None else {count: i}), ema


def test_average_of_a_variable_starts_from_the_variable() -> None:
    got, ema = followed()
    np.testing.assert_allclose(got, expected([0.9] * 6, 1.0), rtol=1e-13)
    assert ema.name == "ExponentialMovingAverage"
    assert [v.op.name for v in tf.moving_average_variables()] == ["v"]


def test_num_updates_makes_averages_faster_at_first() -> None:
    got, _ = followed(counts=True)
    np.testing.assert_allclose(got, expected([min(0.9, (1 + n) / (10 + n)) for n in range(6)], 1.0), rtol=1e-13)


@pytest.mark.parametrize("zero_debias", [False, True])
def test_average_of_a_tensor_starts_from_zero(zero_debias: bool) -> None:
    x = tf.placeholder(tf.float64, [2], name="x")
    y = tf.identity(x, name="y")
    ema = tf.train.ExponentialMovingAverage(0.9, zero_debias=zero_debias)
    correction = (1 - 0.9 ** np.arange(1, 7))[:, None] if zero_debias else 1.0
    np.testing.assert_allclose(path(ema.apply([y]), ema.average(y), x), expected([0.9] * 6) / correction, rtol=1e-12)
    assert ema.average(y).name == "y/ExponentialMovingAverage:0"
    assert tf.moving_average_variables() == []


def test_names_and_what_to_restore() -> None:
    w, count = tf.get_variable("net/w", [2]), tf.get_variable("count", [], trainable=False)
    ema = tf.train.ExponentialMovingAverage(0.9, name="Mean")
    assert ema.average(w) is None
    assert ema.average_name(w) == "net/w/Mean"
    assert ema.variables_to_restore() == {"net/w/Mean": w, "count": count}
    with tf.name_scope("track"):
        assert ema.apply().name == "track/Mean"
    assert ema.average(w).op.name == ema.average_name(w) == "net/w/Mean"
    assert ema.variables_to_restore([]) == {"net/w": w, "count": count, "net/w/Mean": ema.average(w)}
    averages = len(tf.global_variables())
    ema.apply([w])
    assert len(tf.global_variables()) == averages


def test_averages_follow_the_updated_weights() -> None:
    w = tf.Variable(1.0)
    train = tf.train.GradientDescentOptimizer(0.25).minimize(w * w)
    ema = tf.train.ExponentialMovingAverage(0.5)
    with tf.control_dependencies([train]):
        both = ema.apply([w])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(both)
        assert session.run([w, ema.average(w)]) == [0.5, 0.75]


def test_integers_are_refused() -> None:
    with pytest.raises(TypeError, match="The variables must be half, float, or double: Const:0"):
        tf.train.ExponentialMovingAverage(0.9).apply([tf.constant(1)])
