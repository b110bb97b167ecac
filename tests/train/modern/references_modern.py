"""What the optimizers of `tf.optimizers` compute, in NumPy: a function for each, by its name in the registry.

``function(weights, gradients, **arguments)`` takes the weights at the start, a list of float64 arrays, and the gradients, for each step
a list of arrays; it returns the weights at the end. The arguments are the optimizer's; schedules are functions of the count.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

Weights = list[np.ndarray]
Reference = Callable[..., Weights]


def at(value: Any, count: int) -> Any:
    """A hyper-parameter after `count` updates."""
    return value(count) if callable(value) else value


def each(step: Callable[..., Any]) -> Reference:
    """Make a reference of ``step(w, g, state, t, **arguments) -> w``, which sees one variable at a time; t counts from 1."""

    def train(weights: Weights, gradients: list[Weights], **arguments: Any) -> Weights:
        done = []
        for i, w in enumerate(weights):
            state: dict[str, Any] = {}
            for t, g in enumerate(gradients, 1):
                w = step(w, g[i], state, t, **{key: at(value, t - 1) for key, value in arguments.items()})
            done.append(w)
        return done

    return train


def ema(state: dict[str, Any], name: str, value: Any, beta: float, start: float = 0.0) -> Any:
    state[name] = beta * state.get(name, start) + (1 - beta) * value
    return state[name]


def look_ahead(m: Any, g: Any, b1: float, t: int, nesterov: bool) -> Any:
    plain = m / (1 - b1**t)
    return b1 * m / (1 - b1 ** (t + 1)) + (1 - b1) * g / (1 - b1**t) if nesterov else plain


def norm(*arrays: Any) -> float:
    return float(np.sqrt(sum(np.sum(x**2) for x in arrays)))


def trust(w: Any, u: Any) -> float:
    return norm(w) / norm(u) if norm(w) and norm(u) else 1.0


def adamw(w, g, s, t, learning_rate, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, weight_decay=1e-4, nesterov=False):
    m, v = ema(s, "m", g, b1), ema(s, "v", g * g, b2)
    u = look_ahead(m, g, b1, t, nesterov) / (np.sqrt(v / (1 - b2**t) + eps_root) + eps)
    return w - learning_rate * (u + weight_decay * w)


def nadamw(w, g, s, t, **arguments):
    return adamw(w, g, s, t, nesterov=True, **arguments)


def radam(w, g, s, t, learning_rate, b1=0.9, b2=0.999, eps=1e-8, eps_root=0.0, threshold=5.0, nesterov=False):
    m, v, longest = ema(s, "m", g, b1), ema(s, "v", g * g, b2), 2 / (1 - b2) - 1
    u, length = look_ahead(m, g, b1, t, nesterov), longest - 2 * t * b2**t / (1 - b2**t)
    if length >= threshold:
        r = np.sqrt((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length))
        u = r * u / (np.sqrt(v / (1 - b2**t) + eps_root) + eps)
    return w - learning_rate * u


def adabelief(w, g, s, t, learning_rate, b1=0.9, b2=0.999, eps=1e-16, eps_root=1e-16, nesterov=False):
    m = ema(s, "m", g, b1)
    s["v"] = ema(s, "v", (g - m) ** 2, b2) + eps_root
    return w - learning_rate * look_ahead(m, g, b1, t, nesterov) / (np.sqrt(s["v"] / (1 - b2**t)) + eps)


def yogi(w, g, s, t, learning_rate, b1=0.9, b2=0.999, eps=1e-3):
    m, v = ema(s, "m", g, b1, 1e-6), s.get("v", 1e-6)
    s["v"] = v - (1 - b2) * np.sign(v - g * g) * g * g
    return w - learning_rate * m / (1 - b1**t) / (np.sqrt(s["v"] / (1 - b2**t)) + eps)


def adan(w, g, s, t, learning_rate, b1=0.98, b2=0.92, b3=0.99, eps=1e-8, eps_root=1e-8, weight_decay=0.0):
    d, s["g"] = (g - s["g"] if t > 1 else 0 * g), g
    m, v, n = ema(s, "m", g, b1), ema(s, "v", d, b2), ema(s, "n", (g + (1 - b2) * d) ** 2, b3)
    u = (m / (1 - b1**t) + (1 - b2) * v / (1 - b2**t)) / (np.sqrt(n / (1 - b3**t) + eps_root) + eps)
    return w - learning_rate * (u + weight_decay * w)


def ademamix(w, g, s, t, learning_rate, b1=0.9, b2=0.999, b3=0.9999, alpha=5.0, eps=1e-8, eps_root=0.0, weight_decay=0.0):
    m, slow, v = ema(s, "m", g, b1), ema(s, "slow", g, b3), ema(s, "v", g * g, b2)
    u = (m / (1 - b1**t) + alpha * slow) / (np.sqrt(v / (1 - b2**t) + eps_root) + eps)
    return w - learning_rate * (u + weight_decay * w)


def adopt(w, g, s, t, learning_rate, b1=0.9, b2=0.9999, eps=1e-6, nesterov=False, use_clipping=True):
    bound, v = ((t - 1) ** 0.25 if use_clipping else np.inf), s.get("v", np.zeros_like(g))
    u = np.clip(g / np.maximum(np.sqrt(v), eps), -bound, bound)
    m = ema(s, "m", u, b1) if t > 1 else s.setdefault("m", np.zeros_like(g))
    s["v"] = b2 * v + (1 - b2) * g * g if t > 1 else g * g
    return w - learning_rate * (b1 * m + (1 - b1) * u if nesterov and t > 1 else m)


def lion(w, g, s, t, learning_rate, b1=0.9, b2=0.99, weight_decay=1e-3):
    u = np.sign(b1 * s.get("m", 0.0) + (1 - b1) * g)
    ema(s, "m", g, b2)
    return w - learning_rate * (u + weight_decay * w)


def sign_sgd(w, g, s, t, learning_rate):
    return w - learning_rate * np.sign(g)


def signum(w, g, s, t, learning_rate, beta=0.9):
    return w - learning_rate * np.sign(ema(s, "m", g, beta))


def rprop(w, g, s, t, learning_rate, eta_minus=0.5, eta_plus=1.2, min_step_size=1e-6, max_step_size=50.0):
    size, before = s.get("size", np.full_like(w, learning_rate)), s.get("step", np.zeros_like(w))
    factor = np.where(g * before > 0, eta_plus, eta_minus)
    s["size"] = np.where(g * before == 0, size, np.clip(size * factor, min_step_size, max_step_size))
    s["step"] = np.where(g * before < 0, 0.0, s["size"] * np.sign(g))
    return w - np.where(g * before < 0, 0.0, before)


def lamb(w, g, s, t, learning_rate, b1=0.9, b2=0.999, eps=1e-6, eps_root=0.0, weight_decay=0.0):
    m, v = ema(s, "m", g, b1) / (1 - b1**t), ema(s, "v", g * g, b2) / (1 - b2**t)
    u = m / (np.sqrt(v + eps_root) + eps) + weight_decay * w
    return w - learning_rate * trust(w, u) * u


def lars(w, g, s, t, learning_rate, weight_decay=0.0, trust_coefficient=0.001, eps=0.0, momentum=0.9, nesterov=False):
    u = g + weight_decay * w
    ratio = trust_coefficient * norm(w) / (norm(u) + eps) if norm(w) and norm(u) else 1.0
    s["a"] = momentum * s.get("a", 0.0) - learning_rate * ratio * u
    return w + (momentum * s["a"] - learning_rate * ratio * u if nesterov else s["a"])


def novograd(w, g, s, t, learning_rate, b1=0.9, b2=0.25, eps=1e-6, eps_root=0.0, weight_decay=0.0):
    v = ema(s, "v", norm(g) ** 2, b2 if t > 1 else 0.0)
    s["m"] = b1 * s.get("m", 0.0) + g / (np.sqrt(v + eps_root) + eps) + weight_decay * w
    return w - learning_rate * s["m"]


def fromage(w, g, s, t, learning_rate, min_norm=1e-6):
    ratio = max(norm(w), min_norm) / max(norm(g), min_norm)
    return (w - learning_rate * ratio * g) / np.sqrt(1 + learning_rate**2)


def muon(
    w, g, s, t, learning_rate, ns_steps=5, beta=0.95, eps=1e-8, weight_decay=0.0, nesterov=True, adaptive=False, adam_b1=0.9, adam_b2=0.999,
    adam_eps_root=0.0, adam_weight_decay=0.0, adam_learning_rate=None, consistent_rms=None,
):  # fmt: skip
    if w.ndim != 2:
        rate = learning_rate if adam_learning_rate is None else adam_learning_rate
        return adamw(w, g, s, t, rate, adam_b1, adam_b2, eps, adam_eps_root, adam_weight_decay, nesterov)
    mean = look_ahead(ema(s, "m", g, beta), g, beta, t, nesterov)
    x = (mean.T if w.shape[0] > w.shape[1] else mean) / (norm(mean) + eps)
    for _ in range(ns_steps):
        x = 3.4445 * x + (-4.775 * x @ x.T + 2.0315 * x @ x.T @ x @ x.T) @ x
    u = x.T if w.shape[0] > w.shape[1] else x
    u = u * np.sum(mean * u) if adaptive else u
    scale = np.sqrt(max(1, w.shape[1] / w.shape[0])) if consistent_rms is None else consistent_rms * np.sqrt(max(w.shape))
    return w - learning_rate * (scale * u + weight_decay * w)


def adafactor(
    w, g, s, t, learning_rate=1.0, min_dim_size_to_factor=128, decay_rate=0.8, decay_offset=0, multiply_by_parameter_scale=True,
    clipping_threshold=1.0, momentum=None, weight_decay_rate=0.0, eps=1e-30, factored=True,
):  # fmt: skip
    beta, squares, order = 1 - float(t - decay_offset) ** -decay_rate, g * g + eps, np.argsort(w.shape)
    if factored and w.ndim > 1 and w.shape[order[-2]] >= min_dim_size_to_factor:
        low, high = order[-2:]
        row, column = ema(s, "r", squares.mean(high, keepdims=True), beta), ema(s, "c", squares.mean(low, keepdims=True), beta)
        u = g / np.sqrt(row / row.mean(low, keepdims=True)) / np.sqrt(column)
    else:
        u = g / np.sqrt(ema(s, "v", squares, beta))
    u = u / max(1.0, np.sqrt(np.mean(u**2)) / clipping_threshold) if clipping_threshold else u
    u = learning_rate * (max(np.sqrt(np.mean(w**2)), 1e-3) if multiply_by_parameter_scale else 1.0) * u
    return w - (u if momentum is None else ema(s, "m", u, momentum)) - (weight_decay_rate or 0.0) * w


def sm3(w, g, s, t, learning_rate, momentum=0.9):
    axes = [tuple(j for j in range(w.ndim) if j != i) for i in range(w.ndim)] or [()]
    bounds = s.get("bounds", [np.zeros((1,) * w.ndim)] * len(axes))
    total = g * g + np.min(np.broadcast_arrays(*bounds), axis=0)
    s["bounds"] = [total.max(axis, keepdims=True) for axis in axes]
    u = np.where(total > 0, g / np.sqrt(total + 1e-8), 0.0)
    return w - learning_rate * ema(s, "m", u, momentum)


def schedule_free(
    weights: Weights, gradients: list[Weights], learning_rate: Any, step: Any, warmup_steps: Any = None, b1: float = 0.9,
    weight_decay: Any = 0.0, weight_lr_power: float = 2.0, **arguments: Any,
) -> tuple[Weights, Weights]:  # fmt: skip
    """The training and the evaluation weights."""
    ys, zs, xs, states = list(weights), list(weights), list(weights), [{} for _ in weights]
    largest, total = 0.0, 0.0
    for t, gs in enumerate(gradients, 1):
        rate, next_rate = [at(learning_rate, n) * (min(n, warmup_steps) / warmup_steps if warmup_steps else 1.0) for n in (t - 1, t)]
        largest = max(largest, next_rate)
        total += largest**weight_lr_power
        share = largest**weight_lr_power / total if total else 0.0
        us = [step(g, state, t, **arguments) + (weight_decay or 0.0) * y for g, state, y in zip(gs, states, ys, strict=True)]
        zs = [z - rate * u for z, u in zip(zs, us, strict=True)]
        xs = [(1 - share) * x + share * z for x, z in zip(xs, zs, strict=True)]
        ys = [b1 * x + (1 - b1) * z for x, z in zip(xs, zs, strict=True)]
    return ys, xs


def rms_scaled(g, s, t, b2=0.999, eps=1e-8):
    return g / (np.sqrt(ema(s, "v", g * g, b2) / (1 - b2**t)) + eps)


def schedule_free_sgd(weights: Weights, gradients: list[Weights], learning_rate: Any = 1.0, **arguments: Any) -> Weights:
    return schedule_free(weights, gradients, learning_rate, lambda g, s, t: g, **arguments)[0]


def schedule_free_adamw(weights: Weights, gradients: list[Weights], learning_rate: Any = 0.0025, **arguments: Any) -> Weights:
    return schedule_free(weights, gradients, learning_rate, rms_scaled, **arguments)[0]


def prodigy(
    weights: Weights, gradients: list[Weights], learning_rate: Any = 1.0, betas: Any = (0.9, 0.999), beta3: Any = None, eps: float = 1e-8,
    estim_lr0: float = 1e-6, estim_lr_coef: float = 1.0, weight_decay: float = 0.0, safeguard_warmup: bool = False,
) -> Weights:  # fmt: skip
    (b1, b2), d, numerator, ws = betas, estim_lr0, 0.0, list(weights)
    b3, ms, vs, ss = (np.sqrt(b2) if beta3 is None else beta3), *[[np.zeros_like(w) for w in ws] for _ in range(3)]
    for t, gs in enumerate(gradients, 1):
        rate = d * at(learning_rate, t - 1) * np.sqrt(1 - b2**t) / (1 - b1**t)
        along = sum(np.sum(g * (start - w)) for g, start, w in zip(gs, weights, ws, strict=True))
        ms = [b1 * m + (1 - b1) * d * g for m, g in zip(ms, gs, strict=True)]
        vs = [b2 * v + (1 - b2) * (d * g) ** 2 for v, g in zip(vs, gs, strict=True)]
        ss = [b3 * s + (d if safeguard_warmup else rate) * d * g / estim_lr0 for s, g in zip(ss, gs, strict=True)]
        numerator, total = b3 * numerator + d / estim_lr0 * rate * along, sum(np.sum(np.abs(s)) for s in ss)
        d = max(d, estim_lr_coef * numerator / total if total else 0.0)
        ws = [w - rate * (m / (np.sqrt(v) + d * eps) + weight_decay * w) for w, m, v in zip(ws, ms, vs, strict=True)]
    return ws


def dog(
    weights: Weights, gradients: list[Weights], learning_rate: Any = 1.0, init_step: Any = ("heuristic", 1e-6), eps: float = 1e-8,
    weight_decay: Any = None,
) -> Weights:  # fmt: skip
    kind, first = init_step
    distance, total, ws = {"heuristic": first * (1 + norm(*weights)), "distance": first, "learning_rate": 0.0}[kind], 0.0, list(weights)
    for t, gs in enumerate(gradients):
        gs = [g + (weight_decay or 0.0) * w for g, w in zip(gs, ws, strict=True)]
        distance, total = max(distance, norm(*[w - start for w, start in zip(ws, weights, strict=True)])), total + norm(*gs) ** 2
        rate = first if t == 0 and kind == "learning_rate" else distance / np.sqrt(total + eps)
        ws = [w - at(learning_rate, t) * rate * g for w, g in zip(ws, gs, strict=True)]
    return ws


def sam(weights: Weights, gradients: list[Weights], learning_rate: Any, rho: float = 0.05, sync_period: int = 2) -> Weights:
    """Around plain gradient descent, a gradient for each climb and each step."""
    ws, starts = list(weights), list(weights)
    for t, gs in enumerate(gradients):
        if t % sync_period == 0:
            starts = ws
        if t % sync_period == sync_period - 1:
            ws = [start - at(learning_rate, t // sync_period) * g for start, g in zip(starts, gs, strict=True)]
        else:
            ws = [w + (rho / norm(*gs) if norm(*gs) else 0.0) * g for w, g in zip(ws, gs, strict=True)]
    return ws


REFERENCES: dict[str, Reference] = {
    "optimizers.AdamW": each(adamw),
    "optimizers.NAdamW": each(nadamw),
    "optimizers.RAdam": each(radam),
    "optimizers.AdaBelief": each(adabelief),
    "optimizers.Yogi": each(yogi),
    "optimizers.Adan": each(adan),
    "optimizers.AdEMAMix": each(ademamix),
    "optimizers.ADOPT": each(adopt),
    "optimizers.Lion": each(lion),
    "optimizers.SignSGD": each(sign_sgd),
    "optimizers.Signum": each(signum),
    "optimizers.Rprop": each(rprop),
    "optimizers.LAMB": each(lamb),
    "optimizers.LARS": each(lars),
    "optimizers.NovoGrad": each(novograd),
    "optimizers.Fromage": each(fromage),
    "optimizers.Muon": each(muon),
    "optimizers.Adafactor": each(adafactor),
    "optimizers.SM3": each(sm3),
    "optimizers.ScheduleFreeSGD": schedule_free_sgd,
    "optimizers.ScheduleFreeAdamW": schedule_free_adamw,
    "optimizers.Prodigy": prodigy,
    "optimizers.DoG": dog,
    "optimizers.SAM": sam,
}
