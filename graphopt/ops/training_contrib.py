"""The update rules of the optimizers of ``tf.contrib.opt``: see `ops/training.py`."""

from __future__ import annotations

from typing import Any

from graphopt import dtypes
from graphopt.ops import operators as operators  # enters Python's operators, in which the rules are written
from graphopt.ops.elementwise import absolute, cast, exp, greater, logical_and, maximum, ones_as, select, sign, sqrt
from graphopt.ops.gradient_rows import take_rows
from graphopt.ops.reduce import reduce_sum
from graphopt.ops.state import rows_update
from graphopt.ops.update_rule import define_rule

_SOURCE = "https://github.com/tensorflow/tensorflow/tree/r1.15/tensorflow/contrib/opt/python/training"


def _adam_rate(lr: Any, beta1_power: Any, beta2_power: Any) -> Any:
    return lr * sqrt(1 - beta2_power) / (1 - beta1_power)


def _lazy_adam(
    var: Any, m: Any, v: Any, beta1_power: Any, beta2_power: Any, lr: Any, beta1: Any, beta2: Any, epsilon: Any, grad: Any
) -> tuple[Any, ...]:
    m = m + (grad - m) * (1 - beta1)
    v = v + (grad * grad - v) * (1 - beta2)
    return var - m * _adam_rate(lr, beta1_power, beta2_power) / (sqrt(v) + epsilon), m, v


_ADAM_OPERANDS = "beta1_power beta2_power lr beta1 beta2 epsilon grad"
lazy_adam = define_rule(
    "lazy_adam",
    "LazyAdam",
    _ADAM_OPERANDS,
    _lazy_adam,
    slots="m v",
    doc="Adam, of which rows without a gradient notice nothing.",
    ref=f"{_SOURCE}/lazy_adam_optimizer.py",
)


def _nadam(
    var: Any, m: Any, v: Any, beta1_power: Any, beta2_power: Any, lr: Any, beta1: Any, beta2: Any, epsilon: Any, grad: Any
) -> tuple[Any, ...]:
    rest = 1 - beta1
    m = m + (grad - m) * rest
    v = v + (grad * grad - v) * (1 - beta2)
    ahead = grad * rest + m * beta1
    return var - ahead * _adam_rate(lr, beta1_power, beta2_power) / (sqrt(v) + epsilon), m, v


def _nadam_rows(
    var: Any, m: Any, v: Any, beta1_power: Any, beta2_power: Any, lr: Any, beta1: Any, beta2: Any, epsilon: Any, grad: Any, indices: Any
) -> tuple[Any, ...]:
    # As in TensorFlow: the averages of all rows decay, and only the gradient's rows move.
    fresh = grad * (1 - beta1)
    m, v = m * beta1, v * beta2
    m_rows = take_rows(m, indices) + fresh
    v_rows = take_rows(v, indices) + grad * grad * (1 - beta2)
    step = (fresh + m_rows * beta1) * _adam_rate(lr, beta1_power, beta2_power) / (sqrt(v_rows) + epsilon)
    moved = rows_update(var, indices, take_rows(var, indices) - step)
    return moved, rows_update(m, indices, m_rows), rows_update(v, indices, v_rows)


nadam = define_rule(
    "nadam",
    "Nadam",
    _ADAM_OPERANDS,
    _nadam,
    slots="m v",
    all_rows=_nadam_rows,
    doc="m += (g - m)(1-β1); v += (g² - v)(1-β2); w -= lr √(1-β2ᵗ)/(1-β1ᵗ) (β1 m + (1-β1) g) / (√v + ε).",
    ref=f"{_SOURCE}/nadam_optimizer.py",
)


def _ada_max(var: Any, m: Any, v: Any, beta1_power: Any, lr: Any, beta1: Any, beta2: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    m = m + (grad - m) * (1 - beta1)
    v = maximum(v * beta2, absolute(grad))
    return var - m * (lr / (1 - beta1_power)) / (v + epsilon), m, v


ada_max = define_rule(
    "ada_max",
    "AdaMax",
    "beta1_power lr beta1 beta2 epsilon grad",
    _ada_max,
    slots="m v",
    doc="m += (g - m)(1-β1); v = max(β2 v, |g|); w -= lr/(1-β1ᵗ) m / (v + ε).",
    ref="Kingma, Ba 2015, https://arxiv.org/abs/1412.6980, section 7.1",
)


def _signed(m: Any, beta: Any, grad: Any) -> tuple[Any, Any]:
    """Return the new average of the gradients, and 1 where the gradient agrees with its sign, -1 where it doesn't, 0 where either is 0."""
    m = m * beta + grad * (1 - beta)
    return m, sign(grad) * sign(m)


def _add_sign(var: Any, m: Any, lr: Any, alpha: Any, sign_decay: Any, beta: Any, grad: Any) -> tuple[Any, ...]:
    m, agreement = _signed(m, beta, grad)
    return var - grad * lr * (agreement * sign_decay + alpha), m


def _add_sign_rows(var: Any, m: Any, lr: Any, alpha: Any, sign_decay: Any, beta: Any, grad: Any, indices: Any) -> tuple[Any, ...]:
    moved, m_rows = _add_sign(take_rows(var, indices), take_rows(m, indices), lr, alpha, sign_decay, beta, grad)
    return rows_update(var, indices, moved), rows_update(m * beta, indices, m_rows)


_SIGN = "Bello et al. 2017, https://arxiv.org/abs/1709.07417"
add_sign = define_rule(
    "add_sign",
    "AddSign",
    "lr alpha sign_decay beta grad",
    _add_sign,
    slots="m",
    all_rows=_add_sign_rows,
    doc="m = β m + (1-β) g; w -= lr (α + d sign(g) sign(m)) g, d the decay.",
    ref=_SIGN,
)


def _power_sign(var: Any, m: Any, lr: Any, logbase: Any, sign_decay: Any, beta: Any, grad: Any) -> tuple[Any, ...]:
    m, agreement = _signed(m, beta, grad)
    return var - grad * lr * exp(agreement * (logbase * sign_decay)), m


def _power_sign_rows(var: Any, m: Any, lr: Any, logbase: Any, sign_decay: Any, beta: Any, grad: Any, indices: Any) -> tuple[Any, ...]:
    moved, m_rows = _power_sign(take_rows(var, indices), take_rows(m, indices), lr, logbase, sign_decay, beta, grad)
    return rows_update(var, indices, moved), rows_update(m * beta, indices, m_rows)


power_sign = define_rule(
    "power_sign",
    "PowerSign",
    "lr logbase sign_decay beta grad",
    _power_sign,
    slots="m",
    all_rows=_power_sign_rows,
    doc="m = β m + (1-β) g; w -= lr bᵃ g, a = d sign(g) sign(m), d the decay.",
    ref=_SIGN,
)


def _still_adagrad(var: Any, accum: Any, lr: Any, grad: Any) -> tuple[Any, ...]:
    return var - grad * lr / sqrt(accum), accum


still_adagrad = define_rule(
    "still_adagrad",
    "StillAdagrad",
    "lr grad",
    _still_adagrad,
    slots="accum",
    doc="w -= lr g / √a: Adagrad that leaves what it has accumulated as it is.",
    ref=f"{_SOURCE}/reg_adagrad_optimizer.py",
)


def _norm(x: Any) -> Any:
    """Return the norm of all elements as a scalar; the squares of half precision numbers may exceed that type."""
    wide = cast(x, dtypes.float32) if x.dtype is dtypes.float16 else x
    return sqrt(reduce_sum(wide * wide))


def _trust(var: Any, grad: Any, weight_decay: Any, eeta: Any, epsilon: Any) -> Any:
    of_weights, of_gradient = _norm(var), _norm(grad)
    wide = of_weights.dtype
    decayed = of_gradient + of_weights * cast(weight_decay, wide) + cast(epsilon, wide)
    both = logical_and(greater(of_weights, 0), greater(of_gradient, 0))
    return cast(select(both, of_weights * cast(eeta, wide) / decayed, ones_as(of_weights)), var.dtype)


def _lars(
    var: Any, accum: Any, lr: Any, grad: Any, momentum: Any, weight_decay: Any, eeta: Any, epsilon: Any, use_nesterov: bool
) -> tuple[Any, ...]:
    step = (grad + var * weight_decay) * (_trust(var, grad, weight_decay, eeta, epsilon) * lr)
    accum = accum * momentum + step
    return var - (step + accum * momentum if use_nesterov else accum), accum


def _lars_rows(
    var: Any,
    accum: Any,
    lr: Any,
    grad: Any,
    indices: Any,
    momentum: Any,
    weight_decay: Any,
    eeta: Any,
    epsilon: Any,
    use_nesterov: bool,
) -> tuple[Any, ...]:
    # As in TensorFlow: rows are updated with momentum alone.
    accum_rows = take_rows(accum, indices) * momentum + grad
    step = grad * lr + accum_rows * (momentum * lr) if use_nesterov else accum_rows * lr
    return rows_update(var, indices, take_rows(var, indices) - step), rows_update(accum, indices, accum_rows)


lars = define_rule(
    "lars",
    "Lars",
    "lr grad momentum weight_decay eeta epsilon",
    _lars,
    slots="accum",
    attributes="use_nesterov = False",
    all_rows=_lars_rows,
    doc="r = η ‖w‖ / (‖g‖ + λ ‖w‖ + ε), 1 where a norm is 0; s = lr r (g + λ w); a = μ a + s; w -= a. Rows: momentum alone.",
    ref="You, Gitman, Ginsburg 2017, https://arxiv.org/abs/1708.03888",
)
