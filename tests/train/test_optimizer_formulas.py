"""Every optimizer against its formula in float64: dense, and on rows with repeated indices."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import graphopt as tf

STEPS = 5
State = list[np.ndarray]
Step = Callable[[np.ndarray, State, np.ndarray, int], tuple[np.ndarray, State]]

RANDOM = np.random.default_rng(7)
START = RANDOM.standard_normal((6, 3))
DENSE = RANDOM.standard_normal((STEPS, 6, 3))
ROWS = RANDOM.standard_normal((STEPS, 4, 3))
INDICES = np.array([[0, 2, 0, 5], [1, 1, 1, 1], [3, 2, 4, 2], [5, 0, 1, 3], [2, 2, 0, 0]])


def soft(x: np.ndarray, by: Any) -> np.ndarray:
    return np.sign(x) * np.maximum(np.abs(x) - by, 0.0)


def gradient_descent(w, s, g, t):
    return w - 0.1 * g, []


def momentum(w, s, g, t):
    a = 0.9 * s[0] + g
    return w - 0.1 * a, [a]


def nesterov(w, s, g, t):
    a = 0.9 * s[0] + g
    return w - 0.1 * g - 0.1 * 0.9 * a, [a]


def adagrad(w, s, g, t):
    a = s[0] + g * g
    return w - 0.1 * g / np.sqrt(a), [a]


def adagrad_da(w, s, g, t):
    total, squares = s[0] + g, s[1] + g * g
    return -0.1 * soft(total, 0.05 * (t + 1)) / (0.2 * (t + 1) * 0.1 + np.sqrt(squares)), [total, squares]


def adadelta(w, s, g, t):
    a = 0.9 * s[0] + 0.1 * g * g
    u = np.sqrt(s[1] + 1e-3) / np.sqrt(a + 1e-3) * g
    return w - 0.5 * u, [a, 0.9 * s[1] + 0.1 * u * u]


def adam(w, s, g, t):
    m, v = 0.9 * s[0] + 0.1 * g, 0.999 * s[1] + 0.001 * g * g
    rate = 0.1 * np.sqrt(1 - 0.999 ** (t + 1)) / (1 - 0.9 ** (t + 1))
    return w - rate * m / (np.sqrt(v) + 1e-8), [m, v]


def ftrl(w, s, g, t, power=0.5, shrinkage=0.0):
    n = s[0] + g * g
    z = s[1] + g + 2 * shrinkage * w - (n**power - s[0] ** power) / 0.1 * w
    return np.where(np.abs(z) > 0.3, -soft(z, 0.3) / (n**power / 0.1 + 2 * 0.2), 0.0), [n, z]


def ftrl_shrunk(w, s, g, t):
    return ftrl(w, s, g, t, power=0.3, shrinkage=0.05)


def rmsprop(w, s, g, t):
    ms = 0.8 * s[0] + 0.2 * g * g
    m = 0.5 * s[1] + 0.1 * g / np.sqrt(ms + 1e-3)
    return w - m, [ms, m]


def rmsprop_still(w, s, g, t):
    ms = 0.8 * s[0] + 0.2 * g * g
    m = 0.1 * g / np.sqrt(ms + 1e-3)
    return w - m, [ms, m]


def rmsprop_centered(w, s, g, t):
    mean, ms = 0.8 * s[0] + 0.2 * g, 0.8 * s[1] + 0.2 * g * g
    m = 0.5 * s[2] + 0.1 * g / np.sqrt(ms - mean**2 + 1e-3)
    return w - m, [mean, ms, m]


def proximal_descent(w, s, g, t):
    return soft(w - 0.1 * g, 0.1 * 0.3) / (1 + 0.1 * 0.4), []


def proximal_adagrad(w, s, g, t):
    a = s[0] + g * g
    rate = 0.1 / np.sqrt(a)
    return soft(w - rate * g, rate * 0.3) / (1 + rate * 0.4), [a]


def _global_step() -> Any:
    return tf.train.get_or_create_global_step()


PENALTIES = {"l1_regularization_strength": 0.3, "l2_regularization_strength": 0.4}
FTRL = {"l1_regularization_strength": 0.3, "l2_regularization_strength": 0.2}
# name: (make, formula, slots in the formula's order with their first value)
OPTIMIZERS: dict[str, tuple[Callable[[], Any], Step, list[tuple[str, float]]]] = {
    "gradient_descent": (lambda: tf.train.GradientDescentOptimizer(0.1), gradient_descent, []),
    "momentum": (lambda: tf.train.MomentumOptimizer(0.1, 0.9), momentum, [("momentum", 0)]),
    "nesterov": (lambda: tf.train.MomentumOptimizer(0.1, 0.9, use_nesterov=True), nesterov, [("momentum", 0)]),
    "adagrad": (lambda: tf.train.AdagradOptimizer(0.1, 0.2), adagrad, [("accumulator", 0.2)]),
    "adagrad_da": (
        lambda: tf.train.AdagradDAOptimizer(0.1, _global_step(), 0.2, 0.05, 0.2),
        adagrad_da,
        [("gradient_accumulator", 0), ("gradient_squared_accumulator", 0.2)],
    ),
    "adadelta": (lambda: tf.train.AdadeltaOptimizer(0.5, 0.9, 1e-3), adadelta, [("accum", 0), ("accum_update", 0)]),
    "adam": (lambda: tf.train.AdamOptimizer(0.1), adam, [("m", 0), ("v", 0)]),
    "ftrl": (lambda: tf.train.FtrlOptimizer(0.1, **FTRL), ftrl, [("accum", 0.1), ("linear", 0)]),
    "ftrl_shrunk": (
        lambda: tf.train.FtrlOptimizer(0.1, -0.3, l2_shrinkage_regularization_strength=0.05, **FTRL),
        ftrl_shrunk,
        [("accum", 0.1), ("linear", 0)],
    ),
    "rmsprop": (lambda: tf.train.RMSPropOptimizer(0.1, 0.8, 0.5, 1e-3), rmsprop, [("rms", 1), ("momentum", 0)]),
    "rmsprop_still": (lambda: tf.train.RMSPropOptimizer(0.1, 0.8, epsilon=1e-3), rmsprop_still, [("rms", 1), ("momentum", 0)]),
    "rmsprop_centered": (
        lambda: tf.train.RMSPropOptimizer(0.1, 0.8, 0.5, 1e-3, centered=True),
        rmsprop_centered,
        [("mg", 0), ("rms", 1), ("momentum", 0)],
    ),
    "proximal_descent": (lambda: tf.train.ProximalGradientDescentOptimizer(0.1, **PENALTIES), proximal_descent, []),
    "proximal_adagrad": (lambda: tf.train.ProximalAdagradOptimizer(0.1, 0.2, **PENALTIES), proximal_adagrad, [("accumulator", 0.2)]),
}


def trained(make: Callable[[], Any], slots: list[str], gradient: Any, feeds: list[dict[Any, Any]], w: Any) -> tuple[np.ndarray, State]:
    """The variable and its slots after all steps."""
    opt = make()
    train = opt.apply_gradients([(gradient, w)], global_step=tf.train.get_global_step())
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for feed in feeds:
            session.run(train, feed)
        return session.run(w), [session.run(opt.get_slot(w, name)) for name in slots]


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_dense(name: str) -> None:
    make, step, slots = OPTIMIZERS[name]
    w, state = START, [np.full_like(START, first) for _, first in slots]
    for t in range(STEPS):
        w, state = step(w, state, DENSE[t], t)
    gradient = tf.placeholder(tf.float64, [6, 3])
    got, got_state = trained(make, [s for s, _ in slots], gradient, [{gradient: g} for g in DENSE], tf.Variable(START, name="w"))
    np.testing.assert_allclose(got, w, rtol=1e-12, atol=1e-14)
    for mine, expected in zip(got_state, state, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_sparse(name: str) -> None:
    """Repeated rows are added up first; only the rows of the gradient change, but for Adam, where all do."""
    make, step, slots = OPTIMIZERS[name]
    w, state = START.copy(), [np.full_like(START, first) for _, first in slots]
    for t in range(STEPS):
        summed = np.zeros_like(START)
        np.add.at(summed, INDICES[t], ROWS[t])
        rows = slice(None) if name == "adam" else np.unique(INDICES[t])
        w[rows], changed = step(w[rows], [s[rows] for s in state], summed[rows], t)
        for old, new in zip(state, changed, strict=True):
            old[rows] = new
    values, indices = tf.placeholder(tf.float64, [None, 3]), tf.placeholder(tf.int32, [None])
    feeds = [{values: v, indices: i} for v, i in zip(ROWS, INDICES, strict=True)]
    gradient = tf.IndexedSlices(values, indices, tf.constant([6, 3]))
    got, got_state = trained(make, [s for s, _ in slots], gradient, feeds, tf.Variable(START, name="w"))
    np.testing.assert_allclose(got, w, rtol=1e-11, atol=1e-14)
    for mine, expected in zip(got_state, state, strict=True):
        np.testing.assert_allclose(mine, expected, rtol=1e-11, atol=1e-14)


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_one_operation_for_each_variable(name: str, dtype: str) -> None:
    make, _, _ = OPTIMIZERS[name]
    w = tf.get_variable("layer/w", initializer=tf.constant(START.astype(dtype)))
    opt = make()
    opt.apply_gradients([(tf.constant(DENSE[0].astype(dtype)), w)], name="train")
    updates = [op for op in tf.get_default_graph().get_operations() if op.name.startswith("train/update_layer/w/")]
    applied = [op for op in updates if op.type.startswith("Apply")]
    assert [op.name for op in applied] == [f"train/update_layer/w/{applied[0].type}"]
    assert applied[0].outputs[0].dtype == dtype


def test_hyper_parameters_are_not_rounded_to_float32() -> None:
    w = tf.Variable(np.float64(1.0))
    train = tf.train.GradientDescentOptimizer(0.1).apply_gradients([(tf.constant(1.0, tf.float64), w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train)
        assert session.run(w) == 1.0 - 0.1


def test_powers_of_adam_have_the_precision_of_the_variables() -> None:
    opt = tf.train.AdamOptimizer()
    opt.apply_gradients([(tf.constant(1.0), tf.Variable(1.0))])
    assert {v.dtype for v in opt._non_slot_variables()} == {tf.float32}
    with tf.Graph().as_default():
        opt.apply_gradients([(tf.constant(1.0, tf.float64), tf.Variable(np.float64(1.0)))])
        assert {v.dtype for v in opt._non_slot_variables()} == {tf.float64}


def test_l1_makes_weights_exactly_zero() -> None:
    w = tf.Variable([0.5, -0.5])
    opt = tf.train.ProximalGradientDescentOptimizer(0.1, l1_regularization_strength=10.0)
    train = opt.apply_gradients([(tf.constant([0.0, 0.0]), w)])
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run(train)
        assert session.run(w).tolist() == [0.0, 0.0]
