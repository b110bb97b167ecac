"""Every learning-rate decay against its formula, its names, types and refusals."""

from collections.abc import Callable
from math import ceil, cos, exp, floor, log, pi
from typing import Any

import numpy as np
import pytest

import graphopt as tf

STEPS = range(13)
T = tf.train
Decay = Callable[[Any, Any], Any]
Formula = Callable[[float, int], float]


def restarts(lr: float, s: int, first: float, t: float, m: float, alpha: float) -> float:
    f = s / first
    i = floor(f) if t == 1 else floor(log(1 - f * (1 - t)) / log(t))
    f = f - i if t == 1 else (f - (1 - t**i) / (1 - t)) / t**i
    return lr * ((1 - alpha) * 0.5 * m**i * (1 + cos(pi * f)) + alpha)


def cycled(lr: float, s: int, steps: float, end: float, power: float) -> float:
    d = steps * (1 if s == 0 else ceil(s / steps))
    return (lr - end) * (1 - s / d) ** power + end


CASES: dict[str, tuple[Decay, Formula]] = {
    "exponential": (lambda r, s: T.exponential_decay(r, s, 4, 0.7), lambda lr, s: lr * 0.7 ** (s / 4)),
    "exponential staircase": (lambda r, s: T.exponential_decay(r, s, 4, 0.7, staircase=True), lambda lr, s: lr * 0.7 ** (s // 4)),
    "natural": (lambda r, s: T.natural_exp_decay(r, s, 3, 0.4), lambda lr, s: lr * exp(-0.4 * s / 3)),
    "natural staircase": (lambda r, s: T.natural_exp_decay(r, s, 3, 0.4, True), lambda lr, s: lr * exp(-0.4 * (s // 3))),
    "inverse": (lambda r, s: T.inverse_time_decay(r, s, 3, 0.5), lambda lr, s: lr / (1 + 0.5 * s / 3)),
    "inverse staircase": (lambda r, s: T.inverse_time_decay(r, s, 3, 0.5, staircase=True), lambda lr, s: lr / (1 + 0.5 * (s // 3))),
    "polynomial": (lambda r, s: T.polynomial_decay(r, s, 8), lambda lr, s: (lr - 1e-4) * (1 - min(s, 8) / 8) + 1e-4),
    "polynomial square": (lambda r, s: T.polynomial_decay(r, s, 8, 0.01, 2.0), lambda lr, s: (lr - 0.01) * (1 - min(s, 8) / 8) ** 2 + 0.01),
    "polynomial cycle": (lambda r, s: T.polynomial_decay(r, s, 4, 0.01, 0.5, cycle=True), lambda lr, s: cycled(lr, s, 4, 0.01, 0.5)),
    "cosine": (lambda r, s: T.cosine_decay(r, s, 10), lambda lr, s: lr * 0.5 * (1 + cos(pi * min(s, 10) / 10))),
    "cosine alpha": (lambda r, s: T.cosine_decay(r, s, 7, 0.2), lambda lr, s: lr * (0.8 * 0.5 * (1 + cos(pi * min(s, 7) / 7)) + 0.2)),
    "restarts": (lambda r, s: T.cosine_decay_restarts(r, s, 3.3), lambda lr, s: restarts(lr, s, 3.3, 2.0, 1.0, 0.0)),
    "restarts even": (lambda r, s: T.cosine_decay_restarts(r, s, 4, 1.0, 0.8), lambda lr, s: restarts(lr, s, 4, 1, 0.8, 0)),
    "restarts all": (lambda r, s: T.cosine_decay_restarts(r, s, 4.1, 1.5, 0.9, 0.1), lambda lr, s: restarts(lr, s, 4.1, 1.5, 0.9, 0.1)),
    "sgdr": (lambda r, s: tf.contrib.training.sgdr_decay(r, s, 3.3, 1.5, 0.9), lambda lr, s: restarts(lr, s, 3.3, 1.5, 0.9, 0.0)),
    "linear cosine": (
        lambda r, s: T.linear_cosine_decay(r, s, 8, 1.5, 0.1, 0.01),
        lambda lr, s: lr * ((0.1 + (8 - min(s, 8)) / 8) * 0.5 * (1 + cos(2 * pi * 1.5 * min(s, 8) / 8)) + 0.01),
    ),
    "noisy without noise": (
        lambda r, s: T.noisy_linear_cosine_decay(r, s, 8, initial_variance=0.0),
        lambda lr, s: lr * ((8 - min(s, 8)) / 8 * 0.5 * (1 + cos(pi * min(s, 8) / 8)) + 0.001),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_formula_in_full_precision(name: str) -> None:
    decay, formula = CASES[name]
    step = tf.placeholder(tf.int64, [])
    rate = decay(tf.constant(0.3, tf.float64), step)
    assert rate.dtype == tf.float64
    with tf.Session() as session:
        got = [session.run(rate, {step: s}) for s in STEPS]
    np.testing.assert_allclose(got, [formula(0.3, s) for s in STEPS], rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", CASES)
def test_a_python_rate_gives_float32(name: str) -> None:
    decay, formula = CASES[name]
    rate = decay(0.3, tf.constant(2, tf.int32))
    with tf.Session() as session:
        assert session.run(rate) == pytest.approx(formula(0.3, 2), rel=1e-5)
    assert rate.dtype == tf.float32


NAMES = {
    "exponential": "ExponentialDecay:0",
    "natural": "NaturalExpDecay:0",
    "inverse": "InverseTimeDecay:0",
    "polynomial": "PolynomialDecay:0",
    "cosine": "CosineDecay/Mul_3:0",
    "restarts": "SGDRDecay:0",
    "linear cosine": "LinearCosineDecay:0",
    "noisy without noise": "NoisyLinearCosineDecay:0",
}


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    assert CASES[name][0](0.1, tf.constant(1)).name == NAMES[name]


def test_arguments_may_be_tensors_of_other_types() -> None:
    step = tf.placeholder(tf.int32, [])
    rate = T.exponential_decay(tf.constant(0.5, tf.float64), step, tf.constant(4), tf.constant(0.5), name="rate")
    variable = T.inverse_time_decay(tf.Variable(1.0), tf.Variable(2, trainable=False), tf.constant(2.0), tf.constant(1.0))
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        assert session.run(rate, {step: 8}) == 0.125
        assert session.run(variable) == 0.5
    assert rate.name == "rate:0"


@pytest.mark.parametrize("t_mul", [1.0, 2.0])
def test_restarts_with_a_growth_known_at_run_time(t_mul: float) -> None:
    step, growth = tf.placeholder(tf.int64, []), tf.placeholder(tf.float64, [])
    rate = T.cosine_decay_restarts(tf.constant(1.0, tf.float64), step, 3.3, growth)
    with tf.Session() as session:
        got = [session.run(rate, {step: s, growth: t_mul}) for s in STEPS]
    np.testing.assert_allclose(got, [restarts(1.0, s, 3.3, t_mul, 1.0, 0.0) for s in STEPS], rtol=1e-12, atol=1e-15)


def test_noise_is_fresh_and_fades() -> None:
    step = tf.placeholder(tf.int64, [])
    rate = T.noisy_linear_cosine_decay(1.0, step, 10**6, initial_variance=1.0, variance_decay=2.0)
    with tf.Session() as session:
        early, late = ([session.run(rate, {step: s}) for _ in range(200)] for s in (0, 99))
    assert 0.7 < np.std(early) < 1.3
    assert 0.007 < np.std(late) < 0.013


# --- piecewise constant ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["int32", "int64"])
def test_piecewise_boundaries_belong_to_the_left(dtype: str) -> None:
    step = tf.placeholder(dtype, [])
    rate = T.piecewise_constant(step, [2, 5], [1.0, 0.5, 0.25])
    with tf.Session() as session:
        got = [session.run(rate, {step: s}).item() for s in range(8)]
    assert got == [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25]
    assert rate.name == "PiecewiseConstant/case/cond/Merge:0"


def test_piecewise_of_tensors_and_floats() -> None:
    assert T.piecewise_constant_decay is T.piecewise_constant
    x = tf.placeholder(tf.float32, [])
    rate = T.piecewise_constant(x, [0.5], [tf.constant(1.0, tf.float64), tf.constant(2.0, tf.float64)])
    with tf.Session() as session:
        assert [session.run(rate, {x: v}) for v in (0.5, 0.75)] == [1.0, 2.0]


REFUSED: dict[str, tuple[str, Callable[[], Any]]] = {
    "exponential": ("global_step is required for exponential_decay.", lambda: T.exponential_decay(0.1, None, 2, 0.5)),
    "natural": ("global_step is required for natural_exp_decay.", lambda: T.natural_exp_decay(0.1, None, 2, 0.5)),
    "inverse": ("global_step is required for inverse_time_decay.", lambda: T.inverse_time_decay(0.1, None, 2, 0.5)),
    "polynomial": ("global_step is required for polynomial_decay.", lambda: T.polynomial_decay(0.1, None, 2)),
    "cosine": ("cosine decay requires global_step", lambda: T.cosine_decay(0.1, None, 2)),
    "restarts": ("cosine decay restarts requires global_step", lambda: T.cosine_decay_restarts(0.1, None, 2)),
    "linear cosine": ("linear cosine decay requires global_step", lambda: T.linear_cosine_decay(0.1, None, 2)),
    "noisy": ("noisy linear cosine decay requires global_step", lambda: T.noisy_linear_cosine_decay(0.1, None, 2)),
    "lengths": (
        "The length of boundaries should be 1 less than the length of values",
        lambda: T.piecewise_constant(tf.constant(1), [1, 2], [1.0, 2.0]),
    ),
    "boundary type": (
        "Boundaries (<dtype: 'float32'>) must have the same dtype as x (<dtype: 'int32'>).",
        lambda: T.piecewise_constant(tf.constant(1), [1.5], [1.0, 2.0]),
    ),
    "value types": (
        "Values must have elements all with the same dtype (<dtype: 'float32'> vs <dtype: 'int32'>).",
        lambda: T.piecewise_constant(tf.constant(1), [1], [1.0, 2]),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    text, action = REFUSED[case]
    with pytest.raises(ValueError) as caught:
        action()
    assert text in str(caught.value)
