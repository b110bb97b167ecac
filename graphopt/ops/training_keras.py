"""The update rules of Keras's optimizers that differ from TensorFlow's own (`ops/training.py`).

Scalars that are the same for all variables come in as operands, computed once a step in float64: `rate` is what multiplies the
direction, bias corrections among it; `rest_1` and `rest_2` are 1 - β1 and 1 - β2.
"""

from __future__ import annotations

from typing import Any

from graphopt.ops import operators as operators  # enters Python's operators, in which the rules are written
from graphopt.ops.elementwise import absolute, greater, logical_and, maximum, ones_as, select, sign, sqrt, zeros_as
from graphopt.ops.reduce import reduce_sum
from graphopt.ops.update_rule import define_rule

KERAS = "https://github.com/keras-team/keras/blob/v2.15.0/keras/optimizers"


def _momentum(var: Any, m: Any, rate: Any, momentum: Any, grad: Any, nesterov: bool) -> tuple[Any, ...]:
    step = grad * rate
    m = m * momentum - step
    return (var + (m * momentum - step) if nesterov else var + m), m


momentum = define_rule(
    "keras_momentum",
    "KerasMomentum",
    "rate momentum grad",
    _momentum,
    slots="m",
    attributes="nesterov = False",
    doc="m = μ m - lr g; w += m, or with Nesterov's look ahead w += μ m - lr g.",
    ref=f"{KERAS}/sgd.py",
)


def _moments(m: Any, v: Any, rest_1: Any, rest_2: Any, grad: Any) -> tuple[Any, Any]:
    return m + (grad - m) * rest_1, v + (grad * grad - v) * rest_2


def _adam(var: Any, m: Any, v: Any, rate: Any, rest_1: Any, rest_2: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    m, v = _moments(m, v, rest_1, rest_2, grad)
    return var - m * rate / (sqrt(v) + epsilon), m, v


adam = define_rule(
    "keras_adam",
    "KerasAdam",
    "rate rest_1 rest_2 epsilon grad",
    _adam,
    slots="m v",
    doc="m += (g - m)(1-β1); v += (g² - v)(1-β2); w -= rate m / (√v + ε).",
    ref=f"{KERAS}/adam.py",
)


def _amsgrad(var: Any, m: Any, v: Any, vhat: Any, rate: Any, rest_1: Any, rest_2: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    m, v = _moments(m, v, rest_1, rest_2, grad)
    vhat = maximum(vhat, v)
    return var - m * rate / (sqrt(vhat) + epsilon), m, v, vhat


amsgrad = define_rule(
    "keras_amsgrad",
    "KerasAMSGrad",
    "rate rest_1 rest_2 epsilon grad",
    _amsgrad,
    slots="m v vhat",
    doc="Adam with the largest v so far: m += (g - m)(1-β1); v += (g² - v)(1-β2); v̂ = max(v̂, v); w -= rate m / (√v̂ + ε).",
    ref=f"{KERAS}/adam.py",
)


def _adamax(var: Any, m: Any, u: Any, rate: Any, rest_1: Any, beta_2: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    m = m + (grad - m) * rest_1
    u = maximum(u * beta_2, absolute(grad))
    return var - m * rate / (u + epsilon), m, u


adamax = define_rule(
    "keras_adamax",
    "KerasAdamax",
    "rate rest_1 beta_2 epsilon grad",
    _adamax,
    slots="m u",
    doc="m += (g - m)(1-β1); u = max(β2 u, |g|); w -= rate m / (u + ε).",
    ref=f"{KERAS}/adamax.py",
)


def _nadam(
    var: Any, m: Any, v: Any, m_rate: Any, g_rate: Any, rest_1: Any, rest_2: Any, correction: Any, epsilon: Any, grad: Any
) -> tuple[Any, ...]:
    m, v = _moments(m, v, rest_1, rest_2, grad)
    return var - (m * m_rate + grad * g_rate) / (sqrt(v / correction) + epsilon), m, v


nadam = define_rule(
    "keras_nadam",
    "KerasNadam",
    "m_rate g_rate rest_1 rest_2 correction epsilon grad",
    _nadam,
    slots="m v",
    doc="m += (g - m)(1-β1); v += (g² - v)(1-β2); w -= (m_rate m + g_rate g) / (√(v/correction) + ε).",
    ref=f"{KERAS}/nadam.py",
)


def _rmsprop(var: Any, v: Any, rate: Any, rest: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    v = v + (grad * grad - v) * rest
    return var - grad * rate / sqrt(v + epsilon), v


def _rmsprop_momentum(var: Any, v: Any, m: Any, rate: Any, rest: Any, epsilon: Any, momentum: Any, grad: Any) -> tuple[Any, ...]:
    v = v + (grad * grad - v) * rest
    m = m * momentum + grad * rate / sqrt(v + epsilon)
    return var - m, v, m


def _centered(v: Any, a: Any, rest: Any, epsilon: Any, grad: Any) -> tuple[Any, Any, Any]:
    v, a = v + (grad * grad - v) * rest, a + (grad - a) * rest
    return v, a, v - a * a + epsilon


def _rmsprop_centered(var: Any, v: Any, a: Any, rate: Any, rest: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    v, a, spread = _centered(v, a, rest, epsilon, grad)
    return var - grad * rate / sqrt(spread), v, a


def _rmsprop_centered_momentum(
    var: Any, v: Any, a: Any, m: Any, rate: Any, rest: Any, epsilon: Any, momentum: Any, grad: Any
) -> tuple[Any, ...]:
    v, a, spread = _centered(v, a, rest, epsilon, grad)
    m = m * momentum + grad * rate / sqrt(spread)
    return var - m, v, a, m


rmsprop = define_rule(
    "keras_rmsprop",
    "KerasRMSprop",
    "rate rest epsilon grad",
    _rmsprop,
    slots="v",
    doc="v += (g² - v)(1-ρ); w -= lr g / √(v+ε).",
    ref=f"{KERAS}/rmsprop.py",
)
rmsprop_momentum = define_rule(
    "keras_rmsprop_momentum",
    "KerasRMSpropMomentum",
    "rate rest epsilon momentum grad",
    _rmsprop_momentum,
    slots="v m",
    doc="v += (g² - v)(1-ρ); m = μ m + lr g / √(v+ε); w -= m.",
    ref=f"{KERAS}/rmsprop.py",
)
rmsprop_centered = define_rule(
    "keras_rmsprop_centered",
    "KerasRMSpropCentered",
    "rate rest epsilon grad",
    _rmsprop_centered,
    slots="v a",
    doc="v += (g² - v)(1-ρ); a += (g - a)(1-ρ); w -= lr g / √(v - a² + ε).",
    ref=f"{KERAS}/rmsprop.py",
)
rmsprop_centered_momentum = define_rule(
    "keras_rmsprop_centered_momentum",
    "KerasRMSpropCenteredMomentum",
    "rate rest epsilon momentum grad",
    _rmsprop_centered_momentum,
    slots="v a m",
    doc="v += (g² - v)(1-ρ); a += (g - a)(1-ρ); m = μ m + lr g / √(v - a² + ε); w -= m.",
    ref=f"{KERAS}/rmsprop.py",
)


def _adagrad(var: Any, accumulator: Any, rate: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    accumulator = accumulator + grad * grad
    return var - grad * rate / sqrt(accumulator + epsilon), accumulator


adagrad = define_rule(
    "keras_adagrad",
    "KerasAdagrad",
    "rate epsilon grad",
    _adagrad,
    slots="accumulator",
    doc="a += g²; w -= lr g / √(a+ε).",
    ref=f"{KERAS}/adagrad.py",
)


def _lion(var: Any, m: Any, rate: Any, beta_1: Any, rest_1: Any, beta_2: Any, rest_2: Any, grad: Any) -> tuple[Any, ...]:
    return var - sign(m * beta_1 + grad * rest_1) * rate, m * beta_2 + grad * rest_2


lion = define_rule(
    "keras_lion",
    "KerasLion",
    "rate beta_1 rest_1 beta_2 rest_2 grad",
    _lion,
    slots="m",
    doc="w -= lr sign(β1 m + (1-β1) g); m = β2 m + (1-β2) g.",
    ref="Chen et al. 2023, https://arxiv.org/abs/2302.06675",
)


def _norm(x: Any) -> Any:
    return sqrt(reduce_sum(x * x))


def _lamb(
    var: Any, m: Any, v: Any, rate: Any, rest_1: Any, rest_2: Any, correction_1: Any, correction_2: Any, epsilon: Any, grad: Any
) -> tuple[Any, ...]:
    m, v = _moments(m, v, rest_1, rest_2, grad)
    direction = m / correction_1 / (sqrt(v / correction_2) + epsilon)
    own, other = _norm(var), _norm(direction)
    both = logical_and(greater(own, zeros_as(own)), greater(other, zeros_as(other)))
    ratio = select(both, own / select(both, other, ones_as(other)), ones_as(own))
    return var - direction * (ratio * rate), m, v


lamb = define_rule(
    "keras_lamb",
    "KerasLamb",
    "rate rest_1 rest_2 correction_1 correction_2 epsilon grad",
    _lamb,
    slots="m v",
    doc="d = m/c1 / (√(v/c2) + ε) with Adam's m and v; w -= lr ‖w‖/‖d‖ d, or lr d where a norm is 0.",
    ref="You et al. 2020, https://arxiv.org/abs/1904.00962",
)
