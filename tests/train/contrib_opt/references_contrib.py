"""What the optimizers of ``tf.contrib.opt`` compute, in NumPy: dense gradients, float64.

`REFERENCES` has for each registered name a function ``(weights, gradients, **arguments) -> list of weights``: the weights after each step.
"""

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

Weights = np.ndarray
Reference = Callable[..., list[Weights]]


def adam(w: Weights, gradients: Iterable[Any], learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8, time=None) -> list[Weights]:
    m, v, after = 0.0, 0.0, []
    for t, g in enumerate(gradients, 1):
        m, v, t = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g, time or t
        w = w - learning_rate * math.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (np.sqrt(v) + epsilon)
        after.append(w)
    return after


def adam_gs(w: Weights, gradients: Iterable[Any], global_step=0, **arguments: Any) -> list[Weights]:
    """With a global step that is a number, and so never changes."""
    return adam(w, gradients, time=global_step + 1, **arguments)


def nadam(w: Weights, gradients: Iterable[Any], learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8) -> list[Weights]:
    m, v, after = 0.0, 0.0, []
    for t, g in enumerate(gradients, 1):
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g * g
        rate = learning_rate * math.sqrt(1 - beta2**t) / (1 - beta1**t)
        w = w - rate * (beta1 * m + (1 - beta1) * g) / (np.sqrt(v) + epsilon)
        after.append(w)
    return after


def ada_max(w: Weights, gradients: Iterable[Any], learning_rate=0.001, beta1=0.9, beta2=0.999, epsilon=1e-8) -> list[Weights]:
    m, v, after = 0.0, 0.0, []
    for t, g in enumerate(gradients, 1):
        m, v = beta1 * m + (1 - beta1) * g, np.maximum(beta2 * v, np.abs(g))
        w = w - learning_rate / (1 - beta1**t) * m / (v + epsilon)
        after.append(w)
    return after


def add_sign(w: Weights, gradients: Iterable[Any], learning_rate=0.1, alpha=1.0, beta=0.9, sign_decay_fn=None) -> list[Weights]:
    m, after = 0.0, []
    for t, g in enumerate(gradients):
        m, decay = beta * m + (1 - beta) * g, sign_decay_fn(t) if sign_decay_fn else 1.0
        w = w - learning_rate * (alpha + decay * np.sign(g) * np.sign(m)) * g
        after.append(w)
    return after


def power_sign(w: Weights, gradients: Iterable[Any], learning_rate=0.1, base=math.e, beta=0.9, sign_decay_fn=None) -> list[Weights]:
    m, after = 0.0, []
    for t, g in enumerate(gradients):
        m, decay = beta * m + (1 - beta) * g, sign_decay_fn(t) if sign_decay_fn else 1.0
        w = w - learning_rate * base ** (decay * np.sign(g) * np.sign(m)) * g
        after.append(w)
    return after


def adagrad(w: Weights, gradients: Iterable[Any], learning_rate, initial_accumulator_value=0.1) -> list[Weights]:
    a, after = initial_accumulator_value, []
    for g in gradients:
        a = a + g * g
        w = w - learning_rate * g / np.sqrt(a)
        after.append(w)
    return after


def lars(
    w: Weights,
    gradients: Iterable[Any],
    learning_rate,
    momentum=0.9,
    weight_decay=0.0001,
    eeta=0.001,
    epsilon=0.0,
    use_nesterov=False,
) -> list[Weights]:
    a, after = 0.0, []
    for g in gradients:
        of_w, of_g = np.sqrt(np.sum(w * w)), np.sqrt(np.sum(g * g))
        ratio = eeta * of_w / (of_g + weight_decay * of_w + epsilon) if of_w > 0 and of_g > 0 else 1.0
        s = learning_rate * ratio * (g + weight_decay * w)
        a = momentum * a + s
        w = w - (s + momentum * a if use_nesterov else a)
        after.append(w)
    return after


def descent(w: Weights, gradients: Iterable[Any], opt, **arguments: Any) -> list[Weights]:
    """Gradient descent, which is what the examples wrap."""
    after = []
    for g in gradients:
        w = w - opt.hyper_parameters["learning_rate"] * g
        after.append(w)
    return after


def momentum(w: Weights, gradients: Iterable[Any], learning_rate, momentum) -> list[Weights]:
    a, after = 0.0, []
    for g in gradients:
        a = momentum * a + g
        w = w - learning_rate * a
        after.append(w)
    return after


def multitask(w: Weights, gradients: Iterable[Any], opt) -> list[Weights]:
    """Momentum that leaves steps out in which the gradient is zero everywhere."""
    given = list(gradients)
    moving = momentum(w, [g for g in given if np.any(g)], opt.hyper_parameters["learning_rate"], opt.hyper_parameters["momentum"])
    places = np.cumsum([np.any(g) for g in given])
    return [moving[place - 1] if place else w for place in places]


def momentum_w(w: Weights, gradients: Iterable[Any], weight_decay, learning_rate, momentum, use_nesterov=False) -> list[Weights]:
    a, after = 0.0, []
    for g in gradients:
        w, a = w - weight_decay * w, momentum * a + g
        w = w - learning_rate * (g + momentum * a if use_nesterov else a)
        after.append(w)
    return after


def adam_w(w: Weights, gradients: Iterable[Any], weight_decay, **arguments: Any) -> list[Weights]:
    """Adam's steps don't depend on the weights: each is what the weights lose besides their decay."""
    steps = np.diff([np.zeros_like(w), *adam(np.zeros_like(w), gradients, **arguments)], axis=0)
    after = []
    for step in steps:
        w = w - weight_decay * w + step
        after.append(w)
    return after


def symmetric_power(matrix: np.ndarray, exponent: float) -> np.ndarray:
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * values**exponent) @ vectors.T


def shampoo(
    w: Weights,
    gradients: Iterable[Any],
    max_matrix_size=768,
    gbar_decay=0.0,
    gbar_weight=1.0,
    mat_gbar_decay=1.0,
    mat_gbar_weight=1.0,
    learning_rate=1.0,
    epsilon=1e-4,
    alpha=0.5,
) -> list[Weights]:
    if np.ndim(w) == 0:  # a vector of one element
        vectors = shampoo(np.array([w]), [np.array([g]) for g in gradients], max_matrix_size, gbar_decay, gbar_weight, mat_gbar_decay,
                          mat_gbar_weight, learning_rate, epsilon, alpha)  # fmt: skip
        return [vector[0] for vector in vectors]
    b, moments, after = np.zeros_like(w), [0.0] * w.ndim, []
    for g in gradients:
        b = gbar_decay * b + gbar_weight * g
        step = b
        for i, d in enumerate(w.shape):
            rows = np.moveaxis(g, i, 0).reshape(d, -1)
            is_full = d <= max_matrix_size
            fresh = rows @ rows.T if is_full else np.sum(rows**2, axis=1) / (d if w.ndim > 1 else 1)
            moments[i] = mat_gbar_decay * moments[i] + mat_gbar_weight * fresh
            power = symmetric_power(moments[i] / d + epsilon * np.eye(d), -alpha / w.ndim) if is_full else None
            diagonal = None if is_full else np.diag(np.where(moments[i] > 0, moments[i], np.inf) ** (-alpha / w.ndim))
            step = np.moveaxis(np.tensordot(power if is_full else diagonal, step, axes=(1, i)), 0, i)
        w = w - learning_rate * step
        after.append(w)
    return after


def shampoo_w(w: Weights, gradients: Iterable[Any], weight_decay, global_step=0, **arguments: Any) -> list[Weights]:
    """Shampoo's steps don't depend on the weights, either."""
    steps = np.diff([np.zeros_like(w), *shampoo(np.zeros_like(w), gradients, **arguments)], axis=0)
    after = []
    for step in steps:
        w = w - weight_decay * w + step
        after.append(w)
    return after


def ggt(
    start: dict[str, Any],
    steps: Iterable[dict[str, Any]],
    learning_rate=0.001,
    beta1=0.9,
    window=10,
    eps=1e-4,
    svd_eps=1e-6,
    sigma_eps=1e-2,
) -> list[dict[str, Any]]:
    """Of the whole model: weights and gradients by name."""
    names, weights, after = sorted(start), dict(start), []
    moment, buffer = 0.0, None
    for t, gradients in enumerate(steps):
        moment = beta1 * moment + (1 - beta1) * np.concatenate([np.ravel(gradients[name]) for name in names])
        buffer = np.zeros((window, len(moment))) if buffer is None else buffer
        buffer[t % window] = moment
        m = buffer.T / math.sqrt(min(t + 1, window))
        squares, u = np.linalg.eigh(m.T @ m + svd_eps * np.eye(window))
        sigma, seen = np.sqrt(squares), u.T @ m.T @ moment
        step = m @ u @ (seen / (sigma + sigma_eps) ** 3)
        step = step + (moment - m @ u @ (seen / squares)) / min(sigma) if min(sigma) > eps else step
        ends = np.cumsum([np.size(start[name]) for name in names])
        parts = dict(zip(names, np.split(step, ends[:-1]), strict=True))
        weights = {name: w - learning_rate * parts[name].reshape(np.shape(w)) for name, w in weights.items()}
        after.append(weights)
    return after


REFERENCES: dict[str, Reference] = {
    "contrib.opt.AdaMaxOptimizer": ada_max,
    "contrib.opt.AdamGSOptimizer": adam_gs,
    "contrib.opt.AdamWOptimizer": adam_w,
    "contrib.opt.AddSignOptimizer": add_sign,
    "contrib.opt.LARSOptimizer": lars,
    "contrib.opt.LazyAdamGSOptimizer": adam_gs,
    "contrib.opt.LazyAdamOptimizer": adam,
    "contrib.opt.MomentumWOptimizer": momentum_w,
    "contrib.opt.MovingAverageOptimizer": descent,
    "contrib.opt.MultitaskOptimizerWrapper": multitask,
    "contrib.opt.NadamOptimizer": nadam,
    "contrib.opt.PowerSignOptimizer": power_sign,
    "contrib.opt.RegAdagradOptimizer": adagrad,
    "contrib.opt.ShampooOptimizer": shampoo,
    "contrib.opt.ShampooWOptimizer": shampoo_w,
    "contrib.opt.VariableClippingOptimizer": descent,
}
