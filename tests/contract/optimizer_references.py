"""What the optimizers of ``tf.train``, of Keras and its legacy ones compute, in NumPy: dense gradients, float64.

`ONE_VARIABLE` has for each registered name a function ``(w, gradients, **arguments)`` that yields the weights after each step. Those in
`WHOLE_MODEL` take lists of all variables' weights and gradients, of which some depend on each other, and return the weights at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from references_contrib import REFERENCES as CONTRIB
from references_modern import REFERENCES as WHOLE_MODEL

Steps = Iterator[np.ndarray]
Reference = Callable[..., Iterable[Any]]


# --- tf.train ----------------------------------------------------------------------------------------------------------------


def gradient_descent(w: Any, gradients: Any, learning_rate: float) -> Steps:
    for g in gradients:
        w = w - learning_rate * g
        yield w


def momentum(w: Any, gradients: Any, learning_rate: float, momentum: float, use_nesterov: bool = False) -> Steps:
    a = 0.0
    for g in gradients:
        a = momentum * a + g
        w = w - learning_rate * (g + momentum * a if use_nesterov else a)
        yield w


def proximal_point(q: Any, rate: Any, l1: float, l2: float) -> Any:
    return np.sign(q) * np.maximum(np.abs(q) - rate * l1, 0) / (1 + rate * l2)


def proximal_descent(
    w: Any, gradients: Any, learning_rate: float, l1_regularization_strength: float = 0.0, l2_regularization_strength: float = 0.0
) -> Steps:
    for g in gradients:
        w = proximal_point(w - learning_rate * g, learning_rate, l1_regularization_strength, l2_regularization_strength)
        yield w


def adam(w: Any, gradients: Any, learning_rate: float = 0.001, beta1: float = 0.9, beta2: float = 0.999, epsilon: float = 1e-8) -> Steps:
    m, v = 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        m, v = beta1 * m + (1 - beta1) * g, beta2 * v + (1 - beta2) * g**2
        w = w - learning_rate * np.sqrt(1 - beta2**t) / (1 - beta1**t) * m / (np.sqrt(v) + epsilon)
        yield w


def adagrad(w: Any, gradients: Any, learning_rate: float, initial_accumulator_value: float = 0.1) -> Steps:
    a = initial_accumulator_value
    for g in gradients:
        a = a + g**2
        w = w - learning_rate * g / np.sqrt(a)
        yield w


def proximal_adagrad(
    w: Any,
    gradients: Any,
    learning_rate: float,
    initial_accumulator_value: float = 0.1,
    l1_regularization_strength: float = 0.0,
    l2_regularization_strength: float = 0.0,
) -> Steps:
    a = initial_accumulator_value
    for g in gradients:
        a = a + g**2
        rate = learning_rate / np.sqrt(a)
        w = proximal_point(w - rate * g, rate, l1_regularization_strength, l2_regularization_strength)
        yield w


def adagrad_da(
    w: Any,
    gradients: Any,
    learning_rate: float,
    initial_gradient_squared_accumulator_value: float = 0.1,
    l1_regularization_strength: float = 0.0,
    l2_regularization_strength: float = 0.0,
) -> Steps:
    total, squares = 0.0, initial_gradient_squared_accumulator_value
    for t, g in enumerate(gradients, 1):
        total, squares = total + g, squares + g**2
        shrunk = np.sign(total) * np.maximum(np.abs(total) - l1_regularization_strength * t, 0)
        yield -learning_rate * shrunk / (l2_regularization_strength * t * learning_rate + np.sqrt(squares))


def adadelta(w: Any, gradients: Any, learning_rate: float = 0.001, rho: float = 0.95, epsilon: float = 1e-8) -> Steps:
    a, x = 0.0, 0.0
    for g in gradients:
        a = rho * a + (1 - rho) * g**2
        step = np.sqrt(x + epsilon) / np.sqrt(a + epsilon) * g
        w, x = w - learning_rate * step, rho * x + (1 - rho) * step**2
        yield w


def rmsprop(
    w: Any,
    gradients: Any,
    learning_rate: float,
    decay: float = 0.9,
    momentum: float = 0.0,
    epsilon: float = 1e-10,
    centered: bool = False,
) -> Steps:
    s, b, m = 1.0, 0.0, 0.0
    for g in gradients:
        s = decay * s + (1 - decay) * g**2
        b = decay * b + (1 - decay) * g if centered else 0.0
        m = momentum * m + learning_rate * g / np.sqrt(s - b**2 + epsilon)
        w = w - m
        yield w


def ftrl(
    w: Any,
    gradients: Any,
    learning_rate: float,
    learning_rate_power: float = -0.5,
    initial_accumulator_value: float = 0.1,
    l1_regularization_strength: float = 0.0,
    l2_regularization_strength: float = 0.0,
    l2_shrinkage_regularization_strength: float = 0.0,
    beta: float = 0.0,
) -> Steps:
    n, z, l1, p = initial_accumulator_value, 0.0, l1_regularization_strength, -learning_rate_power
    for g in gradients:
        z = z + g + 2 * l2_shrinkage_regularization_strength * w - ((n + g**2) ** p - n**p) / learning_rate * w
        n = n + g**2
        w = (np.clip(z, -l1, l1) - z) / ((n**p + beta) / learning_rate + 2 * l2_regularization_strength)
        yield w


TRAIN: dict[str, Reference] = {
    "train.AdadeltaOptimizer": adadelta,
    "train.AdagradDAOptimizer": adagrad_da,
    "train.AdagradOptimizer": adagrad,
    "train.AdamOptimizer": adam,
    "train.FtrlOptimizer": ftrl,
    "train.GradientDescentOptimizer": gradient_descent,
    "train.MomentumOptimizer": momentum,
    "train.ProximalAdagradOptimizer": proximal_adagrad,
    "train.ProximalGradientDescentOptimizer": proximal_descent,
    "train.RMSPropOptimizer": rmsprop,
}

# --- Keras: the updates, before each of which the weights may decay ----------------------------------------------------------


def keras_sgd(
    w: Any, gradients: Any, learning_rate: Any = 0.01, momentum: float = 0.0, nesterov: bool = False, weight_decay: Any = 0
) -> Steps:
    m = 0.0
    for g in gradients:
        w, m = w - w * weight_decay * learning_rate, momentum * m - learning_rate * g
        w = w + (momentum * m - learning_rate * g if nesterov else m)
        yield w


def keras_adam(
    w: Any,
    gradients: Any,
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    amsgrad: bool = False,
    adaptive_epsilon: bool = False,
    weight_decay: float = 0.0,
) -> Steps:
    m, v, largest = 0.0, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        m, v = m + (g - m) * (1 - beta_1), v + (g**2 - v) * (1 - beta_2)
        largest = np.maximum(largest, v) if amsgrad else v
        root = np.sqrt(1 - beta_2**t)
        step = learning_rate * root / (1 - beta_1**t) * m / (np.sqrt(largest) + (epsilon * root if adaptive_epsilon else epsilon))
        w = w - w * weight_decay * learning_rate - step
        yield w


def keras_adamw(w: Any, gradients: Any, weight_decay: float = 0.004, **arguments: Any) -> Iterable[Any]:
    return keras_adam(w, gradients, weight_decay=weight_decay, **arguments)


def adamax(w: Any, gradients: Any, learning_rate: Any = 0.001, beta_1: Any = 0.9, beta_2: Any = 0.999, epsilon: float = 1e-7) -> Steps:
    m, u = 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        m, u = m + (g - m) * (1 - beta_1), np.maximum(beta_2 * u, np.abs(g))
        w = w - learning_rate * m / ((1 - beta_1**t) * (u + epsilon))
        yield w


def nadam(
    w: Any,
    gradients: Any,
    learning_rate: float = 0.001,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
    schedule_decay: float = 1.0,
) -> Steps:
    m, v, product = 0.0, 0.0, 1.0
    for t, g in enumerate(gradients, 1):
        now, after = [beta_1 * (1 - 0.5 * 0.96 ** (schedule_decay * when)) for when in (t, t + 1)]
        m, v, product = m + (g - m) * (1 - beta_1), v + (g**2 - v) * (1 - beta_2), product * now
        direction = after * m / (1 - product * after) + (1 - now) * g / (1 - product)
        w = w - learning_rate * direction / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        yield w


def legacy_nadam(w: Any, gradients: Any, **arguments: Any) -> Iterable[Any]:
    return nadam(w, gradients, schedule_decay=0.004, **arguments)


def keras_rmsprop(
    w: Any,
    gradients: Any,
    learning_rate: float = 0.001,
    rho: float = 0.9,
    momentum: float = 0.0,
    epsilon: float = 1e-7,
    centered: bool = False,
    inside: bool = True,
) -> Steps:
    v, a, m = 0.0, 0.0, 0.0
    for g in gradients:
        v = rho * v + (1 - rho) * g**2
        a = rho * a + (1 - rho) * g if centered else 0.0
        root = np.sqrt(v - a**2 + epsilon) if inside else np.sqrt(v - a**2) + epsilon
        m = momentum * m + learning_rate * g / root
        w = w - m
        yield w


def legacy_rmsprop(w: Any, gradients: Any, momentum: float = 0.0, **arguments: Any) -> Iterable[Any]:
    return keras_rmsprop(w, gradients, momentum=momentum, inside=momentum > 0, **arguments)


def keras_adagrad(
    w: Any,
    gradients: Any,
    learning_rate: float = 0.001,
    initial_accumulator_value: float = 0.1,
    epsilon: float = 1e-7,
    inside: bool = True,
) -> Steps:
    a = initial_accumulator_value
    for g in gradients:
        a = a + g**2
        w = w - learning_rate * g / (np.sqrt(a + epsilon) if inside else np.sqrt(a) + epsilon)
        yield w


def legacy_adagrad(w: Any, gradients: Any, **arguments: Any) -> Iterable[Any]:
    return keras_adagrad(w, gradients, inside=False, **arguments)


def keras_adadelta(w: Any, gradients: Any, learning_rate: float = 0.001, rho: float = 0.95, epsilon: float = 1e-7) -> Iterable[Any]:
    return adadelta(w, gradients, learning_rate, rho, epsilon)


def keras_ftrl(w: Any, gradients: Any, learning_rate: float = 0.001, **arguments: Any) -> Iterable[Any]:
    return ftrl(w, gradients, learning_rate, **arguments)


def lion(w: Any, gradients: Any, learning_rate: float = 1e-4, beta_1: float = 0.9, beta_2: float = 0.99) -> Steps:
    m = 0.0
    for g in gradients:
        w = w - learning_rate * np.sign(beta_1 * m + (1 - beta_1) * g)
        m = beta_2 * m + (1 - beta_2) * g
        yield w


def lamb(w: Any, gradients: Any, learning_rate: Any = 0.001, beta_1: Any = 0.9, beta_2: Any = 0.999, epsilon: float = 1e-7) -> Steps:
    m, v = 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        m, v = m + (g - m) * (1 - beta_1), v + (g**2 - v) * (1 - beta_2)
        direction = m / (1 - beta_1**t) / (np.sqrt(v / (1 - beta_2**t)) + epsilon)
        lengths = [np.sqrt(np.sum(x**2)) for x in (w, direction)]
        w = w - learning_rate * (lengths[0] / lengths[1] if all(lengths) else 1.0) * direction
        yield w


def rms(x: Any) -> Any:
    return np.sqrt(np.mean(x**2))


def adafactor(
    w: Any,
    gradients: Any,
    learning_rate: float = 0.001,
    beta_2_decay: float = -0.8,
    epsilon_1: float = 1e-30,
    epsilon_2: float = 1e-3,
    clip_threshold: float = 1.0,
    relative_step: bool = True,
) -> Steps:
    r, c, v = 0.0, 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        kept, squares, size = 1 - t**beta_2_decay, g**2 + epsilon_1, max(epsilon_2, rms(w)) * min(learning_rate, t**-0.5)
        if w.ndim >= 2:
            r = kept * r + (1 - kept) * squares.mean(axis=-1, keepdims=True)
            c = kept * c + (1 - kept) * squares.mean(axis=-2, keepdims=True)
            v = r / r.mean(axis=-2, keepdims=True) * c
        else:
            v = kept * v + (1 - kept) * squares
        u = g / np.sqrt(v)
        w = w - size * u / max(1.0, rms(u) / clip_threshold)
        yield w


def keras_muon(
    w: Any,
    gradients: Any,
    learning_rate: float = 0.001,
    momentum: float = 0.95,
    nesterov: bool = True,
    rms_rate: float | None = 0.2,
    ns_steps: int = 5,
    weight_decay: float | None = 0.004,
    adam_weight_decay: float | None = 0.004,
) -> Iterable[Any]:
    if w.ndim != 2:
        yield from keras_adam(w, gradients, learning_rate, weight_decay=adam_weight_decay or 0.0)
        return
    m, size = 0.0, 1.0 if rms_rate is None else rms_rate * np.sqrt(max(w.shape))
    for g in gradients:
        m = momentum * m + g
        step = learning_rate * size * orthogonal(g + momentum * m if nesterov else m, ns_steps)
        w = w - w * (weight_decay or 0.0) * learning_rate - step
        yield w


def orthogonal(x: Any, steps: int) -> Any:
    if x.shape[0] > x.shape[1]:
        return orthogonal(x.T, steps).T
    x = x / (np.linalg.norm(x) + 1e-7)
    for _ in range(steps):
        a = x @ x.T
        x = 3.4445 * x + (-4.775 * a + 2.0315 * a @ a) @ x
    return x


KERAS: dict[str, Reference] = {
    "keras.optimizers.Adadelta": keras_adadelta,
    "keras.optimizers.Adafactor": adafactor,
    "keras.optimizers.Adagrad": keras_adagrad,
    "keras.optimizers.Adam": keras_adam,
    "keras.optimizers.AdamW": keras_adamw,
    "keras.optimizers.Adamax": adamax,
    "keras.optimizers.Ftrl": keras_ftrl,
    "keras.optimizers.Lamb": lamb,
    "keras.optimizers.Lion": lion,
    "keras.optimizers.Muon": keras_muon,
    "keras.optimizers.Nadam": nadam,
    "keras.optimizers.RMSprop": keras_rmsprop,
    "keras.optimizers.SGD": keras_sgd,
    "keras.optimizers.legacy.Adadelta": keras_adadelta,
    "keras.optimizers.legacy.Adagrad": legacy_adagrad,
    "keras.optimizers.legacy.Adam": keras_adam,
    "keras.optimizers.legacy.Adamax": adamax,
    "keras.optimizers.legacy.Ftrl": keras_ftrl,
    "keras.optimizers.legacy.Nadam": legacy_nadam,
    "keras.optimizers.legacy.RMSprop": legacy_rmsprop,
    "keras.optimizers.legacy.SGD": keras_sgd,
}

ONE_VARIABLE: dict[str, Reference] = {**TRAIN, **KERAS, **CONTRIB}


def expected(name: str, start: Mapping[str, Any], steps: Sequence[Mapping[str, Any]], arguments: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The weights after each step, by name, as an optimizer's reference has them."""
    if name in ONE_VARIABLE:
        paths = {key: list(ONE_VARIABLE[name](w, [g[key] for g in steps], **arguments)) for key, w in start.items()}
        return [{key: path[i] for key, path in paths.items()} for i in range(len(steps))]
    weights, gradients = list(start.values()), [[g[key] for key in start] for g in steps]
    ends = [WHOLE_MODEL[name](weights, gradients[: i + 1], **arguments) for i in range(len(steps))]
    return [dict(zip(start, end, strict=True)) for end in ends]
