"""GGT against NumPy, and what it refuses."""

from typing import Any

import numpy as np
import pytest
from references_contrib import ggt

import graphopt as tf
from graphopt.tf1.contrib_opt import opt

RANDOM = np.random.default_rng(17)
START = {"b": RANDOM.standard_normal((2, 3)), "a": RANDOM.standard_normal(4), "c": RANDOM.standard_normal(())}
GRADIENTS = [{name: RANDOM.standard_normal(value.shape) for name, value in START.items()} for _ in range(6)]


def train(made: Any, start: Any, gradients: Any, dtype: Any = np.float64) -> list[dict[str, np.ndarray]]:
    variables = {name: tf.Variable(value.astype(dtype), name=name) for name, value in start.items()}
    holders = {name: tf.placeholder(v.dtype, v.get_shape()) for name, v in variables.items()}
    step = made.apply_gradients([(holders[name], v) for name, v in variables.items()])
    after = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for gradient in gradients:
            session.run(step, {holders[name]: value for name, value in gradient.items()})
            after.append(session.run(variables))
    return after


def assert_near(found: Any, wanted: Any, tolerance: float) -> None:
    for one, other in zip(found, wanted, strict=True):
        for name, value in other.items():
            np.testing.assert_allclose(one[name], value, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"learning_rate": 0.1, "beta1": 0.5, "window": 3},
        {"learning_rate": 0.1, "window": 2, "eps": 1.0},
        {"learning_rate": 0.1, "svd_eps": 0.1, "sigma_eps": 0.3},
    ],
)
def test_ggt(arguments: dict[str, Any]) -> None:
    assert_near(train(opt.GGTOptimizer(**arguments), START, GRADIENTS), ggt(START, GRADIENTS, **arguments), 1e-10)


def test_ggt_in_float32() -> None:
    arguments = {"learning_rate": 0.1, "beta1": 0.5, "svd_eps": 0.1, "sigma_eps": 0.3}
    found = train(opt.GGTOptimizer(**arguments), START, GRADIENTS, np.float32)
    assert found[0]["a"].dtype == np.float32
    assert_near(found, ggt(START, GRADIENTS, **arguments), 1e-5)


def test_rows_constraints_and_what_is_kept() -> None:
    w = tf.Variable(np.ones((3, 2)), name="w", constraint=lambda v: tf.clip_by_value(v, 0.9, 2.0))
    rows = tf.IndexedSlices(tf.constant(np.ones((2, 2))), tf.constant([1, 1]), tf.constant([3, 2]))
    made = opt.GGTOptimizer(1.0, svd_eps=1e-3)
    step = made.apply_gradients([(rows, w), (None, tf.Variable(1.0))])
    assert [v.op.name for v in made.variables()] == ["ggt_step", "grad_buffer", "moment1"]
    assert made.hyper_parameters["window"] == 10
    made.prepare_hyper()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        made.hyper.of(session)["learning_rate"] = 0.5
        session.run(step)
        np.testing.assert_array_equal(session.run(w), [[1.0, 1.0], [0.9, 0.9], [1.0, 1.0]])


def test_what_is_not_finite_makes_nan() -> None:
    found = train(opt.GGTOptimizer(), {"w": np.ones(2)}, [{"w": np.array([1.0, np.inf])}])
    assert np.all(np.isnan(found[0]["w"]))


def test_ggt_trains() -> None:
    w = tf.Variable(np.array([3.0, -2.0]))
    loss = tf.reduce_sum(tf.square(w - 1.0) * np.array([1.0, 10.0]))
    step = opt.GGTOptimizer(0.1).minimize(loss)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        first = session.run(loss)
        for _ in range(200):
            session.run(step)
        assert session.run(loss) < 1e-2 * first


def test_ggt_refuses() -> None:
    with pytest.raises(ValueError, match="window of GGTOptimizer must be an integer from 1 on, got 0"):
        opt.GGTOptimizer(window=0)
    with pytest.raises(ValueError, match="svd_eps must be more than 0, got 0"):
        opt.GGTOptimizer(svd_eps=0)
    a, b = tf.Variable([1.0]), tf.Variable([1.0], dtype=tf.float64, name="b")
    ones = tf.constant([1.0])
    with pytest.raises(ValueError, match="GGTOptimizer needs variables of one element type: b:0 is float64, others float32"):
        opt.GGTOptimizer().apply_gradients([(ones, a), (tf.constant([1.0], tf.float64), b)])
    unknown = tf.Variable(tf.placeholder(tf.float32), name="unknown", validate_shape=False)
    with pytest.raises(ValueError, match="GGTOptimizer needs to know the shape of unknown:0"):
        opt.GGTOptimizer().apply_gradients([(ones, unknown)])
    made = opt.GGTOptimizer()
    made.apply_gradients([(ones, a)])
    with pytest.raises(ValueError, match="GGTOptimizer keeps gradients of 1 elements in all, got variables of 2: give the same ones again"):
        made.apply_gradients([(ones, a), (ones, tf.Variable([1.0]))])
