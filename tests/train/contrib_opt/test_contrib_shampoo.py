"""Shampoo against NumPy, for vectors, matrices and more, with full matrices, diagonals, and at intervals."""

from typing import Any

import numpy as np
import pytest
from references_contrib import shampoo, symmetric_power

import graphopt as tf
from graphopt.tf1.contrib_opt import opt

RANDOM = np.random.default_rng(11)
STEPS = 4


def train(optimizer: Any, start: np.ndarray, gradients: np.ndarray, dtype: Any = np.float64) -> list[np.ndarray]:
    w = tf.Variable(start.astype(dtype), name="w")
    g = tf.placeholder(w.dtype, start.shape)
    step = optimizer.apply_gradients([(g, w)], global_step=tf.train.get_or_create_global_step())
    after = []
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for gradient in gradients:
            session.run(step, {g: gradient})
            after.append(session.run(w))
    return after


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("largest", [768, 3, 1])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"gbar_decay": 0.9, "gbar_weight": 0.1, "mat_gbar_decay": 0.8, "mat_gbar_weight": 0.2},
        {"learning_rate": 0.3, "alpha": 1.0, "epsilon": 0.1},
    ],
)
def test_shampoo(shape: tuple[int, ...], largest: int, arguments: dict[str, Any]) -> None:
    start, gradients = RANDOM.standard_normal(shape), RANDOM.standard_normal((STEPS, *shape))
    found = train(opt.ShampooOptimizer(max_matrix_size=largest, **arguments), start, gradients)
    np.testing.assert_allclose(found, shampoo(start, gradients, max_matrix_size=largest, **arguments), rtol=1e-11, atol=1e-11)


def test_a_scalar_is_a_vector_of_one_element() -> None:
    found = train(opt.ShampooOptimizer(), np.array(2.0), np.array([0.5, -1.0]))
    np.testing.assert_allclose(found, shampoo(np.array(2.0), np.array([0.5, -1.0])), rtol=1e-12)


def test_rows_do_as_dense_gradients_do() -> None:
    start, rows = RANDOM.standard_normal((4, 3)), RANDOM.standard_normal((3, 3))
    w = tf.Variable(start)
    slices = tf.IndexedSlices(tf.constant(rows), tf.constant([2, 0, 2]), tf.constant([4, 3]))
    step = opt.ShampooOptimizer().apply_gradients([(slices, w)])
    dense = np.zeros_like(start)
    np.add.at(dense, [2, 0, 2], rows)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(step)
        np.testing.assert_allclose(session.run(w), shampoo(start, [dense])[0], rtol=1e-12)


def test_roots_and_moments_at_intervals() -> None:
    """Roots at steps 2 and 4, moments at 3: before the first the root is the unit matrix."""
    start, gradients = RANDOM.standard_normal(3), RANDOM.standard_normal((5, 3))
    made = opt.ShampooOptimizer(tf.train.get_or_create_global_step(), svd_interval=2, precond_update_interval=3)
    w, moments, root, wanted = start, np.zeros((3, 3)), np.eye(3), []
    for t, g in enumerate(gradients, 1):
        if t % 3 == 0:
            moments = moments + 3 * np.outer(g, g)
        if t % 2 == 0:
            root = symmetric_power(moments / 3 + 1e-4 * np.eye(3), -0.5)
        w = w - root @ g
        wanted.append(w)
    np.testing.assert_allclose(train(made, start, gradients), wanted, rtol=1e-11)
    assert made.get_slot_names() == ["Gbar_0", "H_0", "gbar"]


def test_schedules_see_the_step_that_is_made() -> None:
    start, gradients = RANDOM.standard_normal(3), RANDOM.standard_normal((3, 3))
    count = tf.train.get_or_create_global_step()
    made = opt.ShampooOptimizer(count, learning_rate=lambda step: 1.0 / tf.cast(step, tf.float64))
    steps = np.diff([start, *shampoo(start, gradients)], axis=0) / np.arange(1, 4)[:, None]
    np.testing.assert_allclose(train(made, start, gradients), start + np.cumsum(steps, axis=0), rtol=1e-11)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_the_other_element_types(dtype: Any) -> None:
    start, gradients = RANDOM.standard_normal((3, 4)), RANDOM.standard_normal((STEPS, 3, 4))
    found = train(opt.ShampooOptimizer(learning_rate=0.1, epsilon=0.1), start, gradients, dtype)
    assert found[0].dtype == dtype
    tolerance = 2e-2 if dtype is np.float16 else 1e-5
    np.testing.assert_allclose(found, shampoo(start, gradients, learning_rate=0.1, epsilon=0.1), rtol=tolerance, atol=tolerance)


def test_what_is_not_finite_makes_nan() -> None:
    found = train(opt.ShampooOptimizer(), np.ones(3), np.array([[1.0, np.nan, 0.0]]))
    assert np.all(np.isnan(found))


def test_shampoo_with_decay() -> None:
    start, gradients = RANDOM.standard_normal((2, 3)), np.zeros((2, 2, 3))
    made = opt.ShampooWOptimizer(0.5, 0)
    assert made.hyper_parameters["weight_decay"] == 0.5
    assert made.hyper_parameters["svd_interval"] == 1
    np.testing.assert_array_equal(train(made, start, gradients)[-1], start / 4)
