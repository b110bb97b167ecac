"""The update rules of the optimizers, each one operation on a variable, its slots, a gradient and hyper-parameters.

The formulas are those of TensorFlow's kernels, with the fewest operations on arrays as large as the variable. How a rule becomes a
dense and a sparse op: `ops/update_rule.py`.
"""

from __future__ import annotations

from typing import Any

from graphopt.ops import operators as operators  # enters Python's operators, in which the rules are written
from graphopt.ops.elementwise import absolute, cast, equal, greater, maximum, power, select, sign, sqrt, zeros_as
from graphopt.ops.gradient_rows import take_rows
from graphopt.ops.state import rows_update
from graphopt.ops.update_rule import define_rule


def _is_zero(scalar: Any) -> bool:
    return bool(scalar.is_scalar_constant(0.0))


def _soft(x: Any, l1: Any, rate: Any) -> Any:
    """Return `x` moved towards 0 by l1 rate, no further; a strength below 0 counts as 0."""
    return x if _is_zero(l1) else sign(x) * maximum(absolute(x) - maximum(l1, zeros_as(l1)) * rate, zeros_as(l1))


def _descend(var: Any, alpha: Any, delta: Any) -> tuple[Any, ...]:
    return (var - delta * alpha,)


gradient_descent = define_rule("gradient_descent", "GradientDescent", "alpha delta", _descend, gradient="delta", doc="w -= lr g.")


def _momentum(var: Any, accum: Any, lr: Any, grad: Any, momentum: Any, use_nesterov: bool) -> tuple[Any, ...]:
    accum = accum * momentum + grad
    if use_nesterov:
        return var - (grad * lr + accum * (momentum * lr)), accum
    return var - accum * lr, accum


momentum = define_rule(
    "momentum",
    "Momentum",
    "lr grad momentum",
    _momentum,
    slots="accum",
    attributes="use_nesterov = False",
    doc="a = μ a + g; w -= lr a, or with Nesterov's look ahead w -= lr g + lr μ a.",
)


def _adagrad(var: Any, accum: Any, lr: Any, grad: Any) -> tuple[Any, ...]:
    accum = accum + grad * grad
    return var - grad * lr / sqrt(accum), accum


adagrad = define_rule("adagrad", "Adagrad", "lr grad", _adagrad, slots="accum", doc="a += g²; w -= lr g / √a.")


def _adagrad_da(var: Any, total: Any, squares: Any, grad: Any, lr: Any, l1: Any, l2: Any, global_step: Any) -> tuple[Any, ...]:
    steps = cast(global_step, var.dtype)
    total = total + grad
    squares = squares + grad * grad
    scale = sqrt(squares) + l2 * steps * lr
    return -(_soft(total, l1, steps) * lr) / scale, total, squares


adagrad_da = define_rule(
    "adagrad_da",
    "AdagradDA",
    "grad lr l1 l2 global_step",
    _adagrad_da,
    slots="gradient_accumulator gradient_squared_accumulator",
    doc="G += g; Q += g²; w = -lr sign(G) max(|G| - l1 T, 0) / (l2 T lr + √Q), T the number of steps.",
    ref="Duchi, Hazan, Singer 2011, https://jmlr.org/papers/v12/duchi11a.html",
)


def _adadelta(var: Any, accum: Any, accum_update: Any, lr: Any, rho: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    rest = 1 - rho
    accum = accum * rho + grad * grad * rest
    change = sqrt(accum_update + epsilon) / sqrt(accum + epsilon) * grad
    return var - change * lr, accum, accum_update * rho + change * change * rest


adadelta = define_rule(
    "adadelta",
    "Adadelta",
    "lr rho epsilon grad",
    _adadelta,
    slots="accum accum_update",
    doc="a = ρ a + (1-ρ) g²; u = √(x+ε) / √(a+ε) g; w -= lr u; x = ρ x + (1-ρ) u².",
    ref="Zeiler 2012, https://arxiv.org/abs/1212.5701",
)


def _adam_rate(lr: Any, beta1_power: Any, beta2_power: Any) -> Any:
    return lr * sqrt(1 - beta2_power) / (1 - beta1_power)


def _adam(
    var: Any, m: Any, v: Any, beta1_power: Any, beta2_power: Any, lr: Any, beta1: Any, beta2: Any, epsilon: Any, grad: Any
) -> tuple[Any, ...]:
    m = m + (grad - m) * (1 - beta1)
    v = v + (grad * grad - v) * (1 - beta2)
    return var - m * _adam_rate(lr, beta1_power, beta2_power) / (sqrt(v) + epsilon), m, v


def _adam_rows(
    var: Any, m: Any, v: Any, beta1_power: Any, beta2_power: Any, lr: Any, beta1: Any, beta2: Any, epsilon: Any, grad: Any, indices: Any
) -> tuple[Any, ...]:
    # Every row decays and moves, as in TensorFlow: a row without a gradient still follows its momentum.
    m, v = m * beta1, v * beta2
    m = rows_update(m, indices, take_rows(m, indices) + grad * (1 - beta1))
    v = rows_update(v, indices, take_rows(v, indices) + grad * grad * (1 - beta2))
    return var - m * _adam_rate(lr, beta1_power, beta2_power) / (sqrt(v) + epsilon), m, v


adam = define_rule(
    "adam",
    "Adam",
    "beta1_power beta2_power lr beta1 beta2 epsilon grad",
    _adam,
    slots="m v",
    all_rows=_adam_rows,
    doc="m += (g - m)(1-β1); v += (g² - v)(1-β2); w -= lr √(1-β2ᵗ)/(1-β1ᵗ) m / (√v + ε).",
    ref="Kingma, Ba 2015, https://arxiv.org/abs/1412.6980, section 2 (the efficient form, so that ε is the paper's ε̂)",
)


def _rms(grad: Any, lr: Any, mom: Any, momentum: Any, spread: Any, epsilon: Any) -> Any:
    step = grad * lr / sqrt(spread + epsilon)
    return step if _is_zero(momentum) else mom * momentum + step


def _rmsprop(var: Any, ms: Any, mom: Any, lr: Any, rho: Any, momentum: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    ms = ms + (grad * grad - ms) * (1 - rho)
    mom = _rms(grad, lr, mom, momentum, ms, epsilon)
    return var - mom, ms, mom


def _centered_rmsprop(var: Any, mg: Any, ms: Any, mom: Any, lr: Any, rho: Any, momentum: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    rest = 1 - rho
    ms = ms + (grad * grad - ms) * rest
    mg = mg + (grad - mg) * rest
    mom = _rms(grad, lr, mom, momentum, ms - mg * mg, epsilon)
    return var - mom, mg, ms, mom


_RMSPROP = "Tieleman, Hinton 2012, https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf"
rmsprop = define_rule(
    "rmsprop",
    "RMSProp",
    "lr rho momentum epsilon grad",
    _rmsprop,
    slots="ms mom",
    doc="s += (g² - s)(1-ρ); m = μ m + lr g / √(s+ε); w -= m.",
    ref=_RMSPROP,
)
centered_rmsprop = define_rule(
    "centered_rmsprop",
    "CenteredRMSProp",
    "lr rho momentum epsilon grad",
    _centered_rmsprop,
    slots="mg ms mom",
    doc="s += (g² - s)(1-ρ); b += (g - b)(1-ρ); m = μ m + lr g / √(s - b² + ε); w -= m.",
    ref=_RMSPROP,
)


def _ftrl(var: Any, accum: Any, linear: Any, grad: Any, lr: Any, l1: Any, l2: Any, l2_shrinkage: Any, lr_power: Any) -> tuple[Any, ...]:
    def powered(x: Any) -> Any:
        # The root where it is one: exactly rounded, which a power is not.
        return select(equal(lr_power, -0.5), sqrt(x), power(x, -lr_power))

    new_accum = accum + grad * grad
    rate = powered(new_accum)
    shrunk = grad if l2_shrinkage is None or _is_zero(l2_shrinkage) else grad + var * (l2_shrinkage * 2)
    linear = linear + shrunk - (rate - powered(accum)) / lr * var
    curvature = rate / lr if _is_zero(l2) else rate / lr + l2 * 2
    reach = (sign(linear) * l1 - linear) / curvature
    return select(greater(absolute(linear), l1), reach, zeros_as(reach)), new_accum, linear


def _plain_ftrl(var: Any, accum: Any, linear: Any, grad: Any, lr: Any, l1: Any, l2: Any, lr_power: Any) -> tuple[Any, ...]:
    return _ftrl(var, accum, linear, grad, lr, l1, l2, None, lr_power)


_FTRL_SIGNS = {
    "lr": "positive/lr",
    "l1": "non-negative/l1 regularization strength",
    "l2": "non-negative/l2 regularization strength",
    "l2_shrinkage": "non-negative/l2 shrinkage regularization strength",
    "lr_power": "non-positive/lr_power",
}
_FTRL = "McMahan et al. 2013, https://research.google.com/pubs/archive/41159.pdf"
ftrl = define_rule(
    "ftrl",
    "Ftrl",
    "grad lr l1 l2 lr_power",
    _plain_ftrl,
    slots="accum linear",
    signs=_FTRL_SIGNS,
    ref=_FTRL,
    doc="n' = n + g²; z += g - (n'ᵖ - nᵖ)/lr w; w = (sign(z) l1 - z)/(n'ᵖ/lr + 2 l2) where |z| > l1, else 0; p = -lr_power.",
)
ftrl_shrinkage = define_rule(
    "ftrl_v2",
    "FtrlV2",
    "grad lr l1 l2 l2_shrinkage lr_power",
    _ftrl,
    slots="accum linear",
    signs=_FTRL_SIGNS,
    ref=_FTRL,
    doc="FTRL with g + 2 l2_shrinkage w in place of g in z.",
)


def _shrunk(target: Any, l1: Any, l2: Any, rate: Any) -> Any:
    """Return the proximal point: `target` moved towards 0 by rate l1, and divided by 1 + rate l2."""
    near = _soft(target, l1, rate)
    return near if _is_zero(l2) else near / (l2 * rate + 1)


def _proximal_descent(var: Any, alpha: Any, l1: Any, l2: Any, delta: Any) -> tuple[Any, ...]:
    return (_shrunk(var - delta * alpha, l1, l2, alpha),)


_PROXIMAL = "Duchi, Singer 2009, https://papers.nips.cc/paper/3793-efficient-learning-using-forward-backward-splitting"
proximal_gradient_descent = define_rule(
    "proximal_gradient_descent",
    "ProximalGradientDescent",
    "alpha l1 l2 delta",
    _proximal_descent,
    gradient="delta",
    doc="q = w - lr g; w = sign(q) max(|q| - lr l1, 0) / (1 + lr l2).",
    ref=_PROXIMAL,
)


def _proximal_adagrad(var: Any, accum: Any, lr: Any, l1: Any, l2: Any, grad: Any) -> tuple[Any, ...]:
    accum = accum + grad * grad
    rate = lr / sqrt(accum)
    return _shrunk(var - grad * rate, l1, l2, rate), accum


proximal_adagrad = define_rule(
    "proximal_adagrad",
    "ProximalAdagrad",
    "lr l1 l2 grad",
    _proximal_adagrad,
    slots="accum",
    doc="a += g²; η = lr / √a; q = w - η g; w = sign(q) max(|q| - η l1, 0) / (1 + η l2).",
    ref=_PROXIMAL,
)
