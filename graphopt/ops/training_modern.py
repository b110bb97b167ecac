"""The update rules of optimizers that work element by element, after Adam: one operation per variable and step.

What is the same for all elements comes as a float64 scalar: `m_scale` and `grad_scale` say how the average of the gradients and the
gradient itself make the direction (bias correction, Nesterov), `v_scale` is 1/(1-β2ᵗ), `lr` the learning rate and `decay` the learning
rate times the weight decay. A `decay` that is the constant 0 stands for a variable that does not decay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphopt.ops import operators as operators  # enters Python's operators, in which the rules are written
from graphopt.ops.elementwise import greater, less, maximum, minimum, select, sign, sqrt, square, zeros_as
from graphopt.ops.step_rule import define_step_rule


def _is_zero(scalar: Any) -> bool:
    return bool(scalar.is_scalar_constant(0.0))


def average(old: Any, new: Any, beta: Any) -> Any:
    """Return the moving average: β old + (1-β) new."""
    return old * beta + new * (1 - beta)


def mixed(m: Any, grad: Any, m_scale: Any, grad_scale: Any) -> Any:
    """Return the direction: the scaled average, and with Nesterov's look ahead the scaled gradient."""
    return m * m_scale if _is_zero(grad_scale) else m * m_scale + grad * grad_scale


def descended(var: Any, direction: Any, lr: Any, decay: Any) -> Any:
    """Return the variable after a step: w - lr u - decay w."""
    moved = var - direction * lr
    return moved if _is_zero(decay) else moved - var * decay


def is_set(flag: Any) -> Any:
    """Return whether a scalar that is 0 or 1 is 1."""
    return greater(flag, zeros_as(flag))


# --- Adam and its relatives ------------------------------------------------------------------------------------------------

_ADAM = "b1 b2 eps eps_root m_scale grad_scale v_scale lr"


def adam_direction(m: Any, v: Any, scalars: Sequence[Any], grad: Any) -> tuple[Any, Any, Any]:
    """Return Adam's direction m̂ / (√(v̂ + ε_root) + ε), and the new averages."""
    b1, b2, eps, eps_root, m_scale, grad_scale, v_scale = scalars
    m, v = average(m, grad, b1), average(v, square(grad), b2)
    return mixed(m, grad, m_scale, grad_scale) / (sqrt(v * v_scale + eps_root) + eps), m, v


def _adamw(var: Any, m: Any, v: Any, *rest: Any) -> tuple[Any, ...]:
    *adam, lr, decay, grad = rest
    direction, m, v = adam_direction(m, v, adam, grad)
    return descended(var, direction, lr, decay), m, v


adamw = define_step_rule(
    "adamw", "AdamW", _adamw, slots="m v", scalars=f"{_ADAM} decay",
    doc="w -= lr (m̂ / (√(v̂ + ε_root) + ε) + λ w).", ref="Loshchilov, Hutter 2019, https://arxiv.org/abs/1711.05101",
)  # fmt: skip


def _radam(
    var: Any, m: Any, v: Any, b1: Any, b2: Any, eps: Any, eps_root: Any, m_scale: Any, grad_scale: Any, v_scale: Any, lr: Any,
    rectifier: Any, is_rectified: Any, grad: Any,
) -> tuple[Any, ...]:  # fmt: skip
    m, v = average(m, grad, b1), average(v, square(grad), b2)
    direction = mixed(m, grad, m_scale, grad_scale)
    adaptive = direction * rectifier / (sqrt(v * v_scale + eps_root) + eps)
    return var - select(is_set(is_rectified), adaptive, direction) * lr, m, v


radam = define_step_rule(
    "radam", "RAdam", _radam, slots="m v", scalars=f"{_ADAM} rectifier is_rectified",
    doc="w -= lr r m̂ / (√(v̂ + ε_root) + ε), or lr m̂ in the first steps, in which v̂ says too little.",
    ref="Liu et al. 2020, https://arxiv.org/abs/1908.03265",
)  # fmt: skip


def _adabelief(
    var: Any, m: Any, v: Any, b1: Any, b2: Any, eps: Any, eps_root: Any, m_scale: Any, grad_scale: Any, v_scale: Any, lr: Any, grad: Any
) -> tuple[Any, ...]:
    m = average(m, grad, b1)
    v = average(v, square(grad - m), b2) + eps_root
    return var - mixed(m, grad, m_scale, grad_scale) / (sqrt(v * v_scale) + eps) * lr, m, v


adabelief = define_step_rule(
    "adabelief", "AdaBelief", _adabelief, slots="m v", scalars=_ADAM,
    doc="v = β2 v + (1-β2)(g - m)² + ε_root; w -= lr m̂ / (√v̂ + ε).", ref="Zhuang et al. 2020, https://arxiv.org/abs/2010.07468",
)  # fmt: skip


def _yogi(
    var: Any, m: Any, v: Any, b1: Any, b2: Any, eps: Any, eps_root: Any, m_scale: Any, grad_scale: Any, v_scale: Any, lr: Any, grad: Any
) -> tuple[Any, ...]:
    m, squares = average(m, grad, b1), square(grad)
    v = v - sign(v - squares) * squares * (1 - b2)
    return var - mixed(m, grad, m_scale, grad_scale) / (sqrt(v * v_scale + eps_root) + eps) * lr, m, v


yogi = define_step_rule(
    "yogi", "Yogi", _yogi, slots="m v", scalars=_ADAM, doc="v -= (1-β2) sign(v - g²) g²; w -= lr m̂ / (√v̂ + ε).",
    ref="Zaheer et al. 2018, https://papers.nips.cc/paper/8186-adaptive-methods-for-nonconvex-optimization",
)  # fmt: skip


def _adan(
    var: Any, m: Any, v: Any, n: Any, previous: Any, b1: Any, b2: Any, b3: Any, eps: Any, eps_root: Any, m_scale: Any, v_scale: Any,
    n_scale: Any, is_later: Any, lr: Any, decay: Any, grad: Any,
) -> tuple[Any, ...]:  # fmt: skip
    change = select(is_set(is_later), grad - previous, zeros_as(grad))
    m, v = average(m, grad, b1), average(v, change, b2)
    n = average(n, square(grad + change * (1 - b2)), b3)
    direction = (m * m_scale + v * v_scale) / (sqrt(n * n_scale + eps_root) + eps)
    return descended(var, direction, lr, decay), m, v, n, grad


adan = define_step_rule(
    "adan", "Adan", _adan, slots="m v n previous", scalars="b1 b2 b3 eps eps_root m_scale v_scale n_scale is_later lr decay",
    doc="m averages g, v the change d of g, n (g + (1-β2) d)²; w -= lr ((m̂ + (1-β2) v̂) / (√(n̂ + ε_root) + ε) + λ w).",
    ref="Xie et al. 2022, https://arxiv.org/abs/2208.06677",
)  # fmt: skip


def _ademamix(
    var: Any, m: Any, slow: Any, v: Any, b1: Any, b2: Any, b3: Any, alpha: Any, eps: Any, eps_root: Any, m_scale: Any, v_scale: Any,
    lr: Any, decay: Any, grad: Any,
) -> tuple[Any, ...]:  # fmt: skip
    m, slow, v = average(m, grad, b1), average(slow, grad, b3), average(v, square(grad), b2)
    direction = (m * m_scale + slow * alpha) / (sqrt(v * v_scale + eps_root) + eps)
    return descended(var, direction, lr, decay), m, slow, v


ademamix = define_step_rule(
    "ademamix", "AdEMAMix", _ademamix, slots="m slow v", scalars="b1 b2 b3 alpha eps eps_root m_scale v_scale lr decay",
    doc="w -= lr ((m̂ + α s) / (√(v̂ + ε_root) + ε) + λ w), with s a second, slower average of the gradients.",
    ref="Pagliardini, Ablin, Grangier 2024, https://arxiv.org/abs/2409.03137",
)  # fmt: skip


def _adopt(
    var: Any, m: Any, v: Any, b1: Any, b2: Any, eps: Any, clip_value: Any, lr: Any, grad: Any, nesterov: bool, use_clipping: bool
) -> tuple[Any, ...]:
    scaled = grad / maximum(sqrt(v), eps)
    if use_clipping:
        scaled = maximum(minimum(scaled, clip_value), -clip_value)
    m = average(m, scaled, b1)
    return var - (average(m, scaled, b1) if nesterov else m) * lr, m, average(v, square(grad), b2)


adopt = define_step_rule(
    "adopt", "ADOPT", _adopt, slots="m v", scalars="b1 b2 eps clip_value lr", attributes="nesterov = False, use_clipping = True",
    doc="m = β1 m + (1-β1) clip(g / max(√v, ε)) with the v of the step before; w -= lr m.",
    ref="Taniguchi et al. 2024, https://arxiv.org/abs/2411.02853",
)  # fmt: skip


# --- signs -----------------------------------------------------------------------------------------------------------------


def _lion(var: Any, m: Any, b1: Any, b2: Any, lr: Any, decay: Any, grad: Any) -> tuple[Any, ...]:
    return descended(var, sign(average(m, grad, b1)), lr, decay), average(m, grad, b2)


lion = define_step_rule(
    "lion", "Lion", _lion, slots="m", scalars="b1 b2 lr decay", doc="w -= lr (sign(β1 m + (1-β1) g) + λ w); m = β2 m + (1-β2) g.",
    ref="Chen et al. 2023, https://arxiv.org/abs/2302.06675",
)  # fmt: skip


def _sign_descent(var: Any, lr: Any, grad: Any) -> tuple[Any, ...]:
    return (var - sign(grad) * lr,)


_SIGN = "Bernstein et al. 2018, https://arxiv.org/abs/1802.04434"
sign_descent = define_step_rule("sign_descent", "SignSGD", _sign_descent, scalars="lr", doc="w -= lr sign(g).", ref=_SIGN)


def _signum(var: Any, m: Any, beta: Any, lr: Any, grad: Any) -> tuple[Any, ...]:
    m = average(m, grad, beta)
    return var - sign(m) * lr, m


signum = define_step_rule("signum", "Signum", _signum, slots="m", scalars="beta lr", doc="m = β m + (1-β) g; w -= lr sign(m).", ref=_SIGN)


def _rprop(
    var: Any, step_size: Any, previous: Any, lr: Any, eta_minus: Any, eta_plus: Any, smallest: Any, largest: Any, is_first: Any, grad: Any
) -> tuple[Any, ...]:
    agreement = grad * previous
    step_size = select(is_set(is_first), zeros_as(step_size) + lr, step_size)
    grown = minimum(maximum(step_size * eta_plus, smallest), largest)
    shrunk = minimum(maximum(step_size * eta_minus, smallest), largest)
    turned, agrees = less(agreement, zeros_as(agreement)), greater(agreement, zeros_as(agreement))
    step_size = select(agrees, grown, select(turned, shrunk, step_size))
    # As optax does it, a run makes the step that the run before found.
    change = select(turned, zeros_as(grad), previous)
    return var - change, step_size, select(turned, zeros_as(grad), step_size * sign(grad))


rprop = define_step_rule(
    "rprop", "Rprop", _rprop, slots="step_size previous", scalars="lr eta_minus eta_plus smallest largest is_first",
    doc="w -= s sign(g); s grows where the sign stayed; where it changed s shrinks, and the element waits for a step.",
    ref="Riedmiller, Braun 1993, https://doi.org/10.1109/ICNN.1993.298623",
)  # fmt: skip


# --- schedule-free ---------------------------------------------------------------------------------------------------------


def _interpolated(var: Any, z: Any, new_z: Any, b1: Any, weight: Any) -> Any:
    x = (var - z * (1 - b1)) / b1
    x = average(new_z, x, weight)
    return average(x, new_z, b1)


def _schedule_free_sgd(var: Any, z: Any, is_first: Any, b1: Any, weight: Any, lr: Any, decay: Any, grad: Any) -> tuple[Any, ...]:
    z = select(is_set(is_first), var, z)
    step = grad * lr if _is_zero(decay) else grad * lr + var * decay
    return _interpolated(var, z, z - step, b1, weight), z - step


_SCHEDULE_FREE = "Defazio et al. 2024, https://arxiv.org/abs/2405.15682"
schedule_free_sgd = define_step_rule(
    "schedule_free_sgd", "ScheduleFreeSGD", _schedule_free_sgd, slots="z", scalars="is_first b1 weight lr decay",
    doc="z -= lr (g + λ w); x = (1-c) x + c z; w = β1 x + (1-β1) z.", ref=_SCHEDULE_FREE,
)  # fmt: skip


def _schedule_free_adamw(
    var: Any, z: Any, v: Any, is_first: Any, b1: Any, b2: Any, eps: Any, v_scale: Any, weight: Any, lr: Any, decay: Any, grad: Any
) -> tuple[Any, ...]:
    z, v = select(is_set(is_first), var, z), average(v, square(grad), b2)
    step = grad / (sqrt(v * v_scale) + eps) * lr
    step = step if _is_zero(decay) else step + var * decay
    return _interpolated(var, z, z - step, b1, weight), z - step, v


schedule_free_adamw = define_step_rule(
    "schedule_free_adamw", "ScheduleFreeAdamW", _schedule_free_adamw, slots="z v", scalars="is_first b1 b2 eps v_scale weight lr decay",
    doc="z -= lr (g / (√v̂ + ε) + λ w); x = (1-c) x + c z; w = β1 x + (1-β1) z.", ref=_SCHEDULE_FREE,
)  # fmt: skip


# --- global estimates: what the variables share is computed between two operations ---------------------------------------


def _remember(var: Any, start: Any, is_first: Any, grad: Any) -> tuple[Any, ...]:
    return var, select(is_set(is_first), var, start)


remember = define_step_rule(
    "remember", "Remember", _remember, slots="start", scalars="is_first", doc="Keep the variable as it is before the first step.",
    ref="Ivgi, Hinder, Carmon 2023, https://arxiv.org/abs/2302.12022",
)  # fmt: skip


def _prodigy_averages(
    var: Any, start: Any, m: Any, v: Any, total: Any, is_first: Any, b1: Any, b2: Any, b3: Any, distance: Any, total_scale: Any, grad: Any
) -> tuple[Any, ...]:
    scaled = grad * distance
    kept = select(is_set(is_first), var, start)
    return var, kept, average(m, scaled, b1), average(v, square(scaled), b2), total * b3 + scaled * total_scale


_PRODIGY = "Mishchenko, Defazio 2023, https://arxiv.org/abs/2306.06101"
prodigy_averages = define_step_rule(
    "prodigy_averages", "ProdigyAverages", _prodigy_averages, slots="start m v total",
    scalars="is_first b1 b2 b3 distance total_scale", doc="m and v average d g and its square; s = β3 s + c d g.", ref=_PRODIGY,
)  # fmt: skip


def _prodigy(var: Any, m: Any, v: Any, lr: Any, decay: Any, eps: Any, grad: Any) -> tuple[Any, ...]:
    return descended(var, m / (sqrt(v) + eps), lr, decay), m, v


prodigy = define_step_rule(
    "prodigy", "Prodigy", _prodigy, slots="m v", scalars="lr decay eps", doc="w -= lr (m / (√v + d ε) + λ w).", ref=_PRODIGY
)


def _dog(var: Any, lr: Any, decay: Any, grad: Any) -> tuple[Any, ...]:
    return (descended(var, grad, lr, decay),)


dog = define_step_rule(
    "dog", "DoG", _dog, scalars="lr decay", doc="w -= lr (g + λ w).", ref="Ivgi, Hinder, Carmon 2023, https://arxiv.org/abs/2302.12022"
)
