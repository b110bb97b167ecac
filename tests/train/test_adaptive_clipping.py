"""Adaptive clipping against TensorFlow's documented value and its formula."""

from typing import Any

import numpy as np
import pytest

import graphopt as tf

optimize = tf.contrib.layers.optimize_loss


def model() -> tuple[Any, Any]:
    w = tf.get_variable("test", [], initializer=tf.constant_initializer(10.0))
    return w, tf.abs(w * tf.constant(5.0))


def step() -> Any:
    return tf.train.get_or_create_global_step()


def test_adaptive_clipping() -> None:
    w, loss = model()
    train = optimize(loss, step(), 0.1, "SGD", clip_gradients=tf.contrib.layers.adaptive_clipping_fn())
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train)
        assert session.run(w) == pytest.approx(9.8916, abs=1e-4)


def adaptive_factors(norms: list[float], std_factor: float, decay: float, with_step: bool, static: float | None) -> list[float]:
    """The formula, in double precision."""
    mean = square_mean = 0.0
    factors = []
    for n, norm in enumerate(norms):
        d = min(decay, n / (n + 1)) if with_step else decay
        logged = np.log(norm + 1e-8)
        mean, square_mean = mean - (mean - logged) * (1 - d), square_mean - (square_mean - logged**2) * (1 - d)
        limit = np.exp(mean + std_factor * np.sqrt(max(1e-8, square_mean - mean**2)))
        factor = 1.0 if norm < limit else np.exp(mean) / norm
        factors.append(factor if static is None else min(static / norm, factor))
    return factors


@pytest.mark.parametrize("with_step", [False, True])
@pytest.mark.parametrize("static", [None, 2.0])
def test_adaptive_clipping_against_its_formula(with_step: bool, static: float | None) -> None:
    norms = [1.0, 2.0, 1.5, 30.0, 1.0, 0.2]
    value, count = tf.placeholder(tf.float64, []), tf.placeholder(tf.int64, [])
    clip = tf.contrib.layers.adaptive_clipping_fn(1.3, 0.8, static, count if with_step else None)
    rows = tf.IndexedSlices(tf.reshape(value * 0.8, [1]), tf.constant([2]), tf.constant([4]))
    ((dense, _), (none, _), (sparse, _)) = clip([(value * 0.6, "a"), (None, "b"), (rows, "c")])
    assert none is None
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        got = [session.run([dense, sparse.values], {value: n, count: i}) for i, n in enumerate(norms)]
    factors = np.array(adaptive_factors(norms, 1.3, 0.8, with_step, static))
    np.testing.assert_allclose([g[0] for g in got], factors * norms * 0.6, rtol=1e-9)
    np.testing.assert_allclose([g[1][0] for g in got], factors * norms * 0.8, rtol=1e-9)
