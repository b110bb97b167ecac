"""The update rules of Keras's older optimizers, where they differ from those of `training`.

Scalars that all variables of a step share, such as ``1 - β`` and corrected rates, come in ready, so that they are computed once, in
float64.
"""

from __future__ import annotations

from typing import Any

from graphopt.ops import operators as operators  # enters Python's operators, in which the rules are written
from graphopt.ops.elementwise import absolute, maximum, sqrt, zeros_as
from graphopt.ops.gradient_rows import take_rows
from graphopt.ops.state import rows_update
from graphopt.ops.update_rule import define_rule

KERAS = "https://github.com/keras-team/tf-keras/tree/v2.15.0/tf_keras/optimizers/legacy"


def _momentum(var: Any, velocity: Any, lr: Any, grad: Any, momentum: Any, use_nesterov: bool) -> tuple[Any, ...]:
    step = grad * lr
    velocity = velocity * momentum - step
    return var + (velocity * momentum - step if use_nesterov else velocity), velocity


momentum = define_rule(
    "legacy_momentum",
    "LegacyMomentum",
    "lr grad momentum",
    _momentum,
    slots="velocity",
    attributes="use_nesterov = False",
    doc="v = μ v - lr g; w += v, or with Nesterov's look ahead w += μ v - lr g.",
    ref=KERAS,
)


def _adam(var: Any, m: Any, v: Any, lr: Any, rest_1: Any, rest_2: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    m = m + (grad - m) * rest_1
    v = v + (grad * grad - v) * rest_2
    return var - m * lr / (sqrt(v) + epsilon), m, v


def _average_of_all_rows(average: Any, rest: Any, rows: Any, indices: Any) -> Any:
    """Return an average that decays in every row and takes in some rows."""
    average = average - average * rest
    return rows_update(average, indices, take_rows(average, indices) + rows * rest)


def _moments_of_all_rows(m: Any, v: Any, rest_1: Any, rest_2: Any, grad: Any, indices: Any) -> tuple[Any, Any]:
    return _average_of_all_rows(m, rest_1, grad, indices), _average_of_all_rows(v, rest_2, grad * grad, indices)


def _adam_rows(var: Any, m: Any, v: Any, lr: Any, rest_1: Any, rest_2: Any, epsilon: Any, grad: Any, indices: Any) -> tuple[Any, ...]:
    m, v = _moments_of_all_rows(m, v, rest_1, rest_2, grad, indices)
    return var - m * lr / (sqrt(v) + epsilon), m, v


adam = define_rule(
    "legacy_adam",
    "LegacyAdam",
    "lr rest_1 rest_2 epsilon grad",
    _adam,
    slots="m v",
    all_rows=_adam_rows,
    doc="m += (g - m)(1-β1); v += (g² - v)(1-β2); w -= lr m / (√v + ε), with the bias correction in lr.",
    ref=KERAS,
)


def _amsgrad(var: Any, m: Any, v: Any, vhat: Any, lr: Any, rest_1: Any, rest_2: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    m = m + (grad - m) * rest_1
    v = v + (grad * grad - v) * rest_2
    vhat = maximum(vhat, v)
    return var - m * lr / (sqrt(vhat) + epsilon), m, v, vhat


def _amsgrad_rows(
    var: Any, m: Any, v: Any, vhat: Any, lr: Any, rest_1: Any, rest_2: Any, epsilon: Any, grad: Any, indices: Any
) -> tuple[Any, ...]:
    m, v = _moments_of_all_rows(m, v, rest_1, rest_2, grad, indices)
    vhat = maximum(vhat, v)
    return var - m * lr / (sqrt(vhat) + epsilon), m, v, vhat


amsgrad = define_rule(
    "legacy_amsgrad",
    "LegacyAdamWithAmsgrad",
    "lr rest_1 rest_2 epsilon grad",
    _amsgrad,
    slots="m v vhat",
    all_rows=_amsgrad_rows,
    doc="Adam with the largest v so far in the root.",
    ref="Reddi, Kale, Kumar 2018, https://openreview.net/forum?id=ryQu7f-RZ",
)


def _adamax(var: Any, m: Any, v: Any, lr: Any, rest_1: Any, beta_2: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    m = m + (grad - m) * rest_1
    v = maximum(v * beta_2, absolute(grad))
    return var - m * lr / (v + epsilon), m, v


adamax = define_rule(
    "legacy_adamax",
    "LegacyAdaMax",
    "lr rest_1 beta_2 epsilon grad",
    _adamax,
    slots="m v",
    doc="m += (g - m)(1-β1); v = max(β2 v, |g|); w -= lr m / (v + ε), with the bias correction in lr.",
    ref="Kingma, Ba 2015, https://arxiv.org/abs/1412.6980, section 7.1",
)


def _nadam(
    var: Any,
    m: Any,
    v: Any,
    lr: Any,
    rest_1: Any,
    rest_2: Any,
    gradient_share: Any,
    average_share: Any,
    correction: Any,
    epsilon: Any,
    grad: Any,
) -> tuple[Any, ...]:
    m = m + (grad - m) * rest_1
    v = v + (grad * grad - v) * rest_2
    ahead = grad * gradient_share + m * average_share
    return var - ahead * lr / (sqrt(v / correction) + epsilon), m, v


def _nadam_rows(
    var: Any,
    m: Any,
    v: Any,
    lr: Any,
    rest_1: Any,
    rest_2: Any,
    gradient_share: Any,
    average_share: Any,
    correction: Any,
    epsilon: Any,
    grad: Any,
    indices: Any,
) -> tuple[Any, ...]:
    # The averages of all rows decay, but only those with a gradient move.
    m, v = _moments_of_all_rows(m, v, rest_1, rest_2, grad, indices)
    ahead = grad * gradient_share + take_rows(m, indices) * average_share
    step = ahead * lr / (sqrt(take_rows(v, indices) / correction) + epsilon)
    return rows_update(var, indices, take_rows(var, indices) - step), m, v


nadam = define_rule(
    "legacy_nadam",
    "LegacyNadam",
    "lr rest_1 rest_2 gradient_share average_share correction epsilon grad",
    _nadam,
    slots="m v",
    all_rows=_nadam_rows,
    doc="m += (g - m)(1-β1); v += (g² - v)(1-β2); w -= lr (a g + b m) / (√(v/c) + ε), a, b and c from Nesterov's momentum schedule.",
    ref="Dozat 2015, http://cs229.stanford.edu/proj2015/054_report.pdf",
)


def _rms(var: Any, rms: Any, lr: Any, rest: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    rms = rms + (grad * grad - rms) * rest
    return var - grad * lr / (sqrt(rms) + epsilon), rms


def _spread(rms: Any, mg: Any) -> Any:
    # Rounding may put the difference below 0, where the root is NaN.
    difference = rms - mg * mg
    return maximum(difference, zeros_as(difference))


def _centered_rms(var: Any, rms: Any, mg: Any, lr: Any, rest: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    rms = rms + (grad * grad - rms) * rest
    mg = mg + (grad - mg) * rest
    return var - grad * lr / (sqrt(_spread(rms, mg)) + epsilon), rms, mg


def _rms_rows(var: Any, rms: Any, lr: Any, rest: Any, epsilon: Any, grad: Any, indices: Any) -> tuple[Any, ...]:
    rms = _average_of_all_rows(rms, rest, grad * grad, indices)
    step = grad * lr / (sqrt(take_rows(rms, indices)) + epsilon)
    return rows_update(var, indices, take_rows(var, indices) - step), rms


def _centered_rms_rows(var: Any, rms: Any, mg: Any, lr: Any, rest: Any, epsilon: Any, grad: Any, indices: Any) -> tuple[Any, ...]:
    mg, rms = _moments_of_all_rows(mg, rms, rest, rest, grad, indices)
    step = grad * lr / (sqrt(_spread(take_rows(rms, indices), take_rows(mg, indices))) + epsilon)
    return rows_update(var, indices, take_rows(var, indices) - step), rms, mg


def _rms_momentum(var: Any, rms: Any, mom: Any, lr: Any, rest: Any, epsilon: Any, momentum: Any, grad: Any) -> tuple[Any, ...]:
    rms = rms + (grad * grad - rms) * rest
    mom = mom * momentum + grad * lr / sqrt(rms + epsilon)
    return var - mom, rms, mom


def _centered_rms_momentum(
    var: Any, rms: Any, mom: Any, mg: Any, lr: Any, rest: Any, epsilon: Any, momentum: Any, grad: Any
) -> tuple[Any, ...]:
    rms = rms + (grad * grad - rms) * rest
    mg = mg + (grad - mg) * rest
    mom = mom * momentum + grad * lr / sqrt(_spread(rms, mg) + epsilon)
    return var - mom, rms, mom, mg


_RMSPROP = "Tieleman, Hinton 2012, https://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf"
rmsprop = define_rule(
    "legacy_rmsprop",
    "LegacyRMSProp",
    "lr rest epsilon grad",
    _rms,
    slots="rms",
    all_rows=_rms_rows,
    doc="s += (g² - s)(1-ρ); w -= lr g / (√s + ε).",
    ref=_RMSPROP,
)
centered_rmsprop = define_rule(
    "legacy_centered_rmsprop",
    "LegacyCenteredRMSProp",
    "lr rest epsilon grad",
    _centered_rms,
    slots="rms mg",
    all_rows=_centered_rms_rows,
    doc="s += (g² - s)(1-ρ); b += (g - b)(1-ρ); w -= lr g / (√(s - b²) + ε).",
    ref=_RMSPROP,
)
rmsprop_momentum = define_rule(
    "legacy_rmsprop_momentum",
    "LegacyRMSPropMomentum",
    "lr rest epsilon momentum grad",
    _rms_momentum,
    slots="rms mom",
    doc="s += (g² - s)(1-ρ); m = μ m + lr g / √(s + ε); w -= m.",
    ref=_RMSPROP,
)
centered_rmsprop_momentum = define_rule(
    "legacy_centered_rmsprop_momentum",
    "LegacyCenteredRMSPropMomentum",
    "lr rest epsilon momentum grad",
    _centered_rms_momentum,
    slots="rms mom mg",
    doc="s += (g² - s)(1-ρ); b += (g - b)(1-ρ); m = μ m + lr g / √(s - b² + ε); w -= m.",
    ref=_RMSPROP,
)


def _adagrad(var: Any, accumulator: Any, lr: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    accumulator = accumulator + grad * grad
    return var - grad * lr / (sqrt(accumulator) + epsilon), accumulator


adagrad = define_rule(
    "legacy_adagrad",
    "LegacyAdagrad",
    "lr epsilon grad",
    _adagrad,
    slots="accumulator",
    doc="a += g²; w -= lr g / (√a + ε).",
    ref="Duchi, Hazan, Singer 2011, https://jmlr.org/papers/v12/duchi11a.html",
)


def _adadelta(var: Any, accum_grad: Any, accum_var: Any, lr: Any, rest: Any, epsilon: Any, grad: Any) -> tuple[Any, ...]:
    accum_grad = accum_grad + (grad * grad - accum_grad) * rest
    change = sqrt(accum_var + epsilon) / sqrt(accum_grad + epsilon) * grad
    return var - change * lr, accum_grad, accum_var + (change * change - accum_var) * rest


adadelta = define_rule(
    "legacy_adadelta",
    "LegacyAdadelta",
    "lr rest epsilon grad",
    _adadelta,
    slots="accum_grad accum_var",
    doc="a += (g² - a)(1-ρ); u = √(x+ε) / √(a+ε) g; w -= lr u; x += (u² - x)(1-ρ).",
    ref="Zeiler 2012, https://arxiv.org/abs/1212.5701",
)
