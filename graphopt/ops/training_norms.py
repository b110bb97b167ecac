"""The update rules of optimizers that look at a whole variable at once: its norm, its rows and columns, its singular values.

The scalars are those of `ops/training_modern.py`.
"""

from __future__ import annotations

from typing import Any

from graphopt.ops import operators as operators  # enters Python's operators, in which the rules are written
from graphopt.ops.array import expand_dims_op, transpose_op
from graphopt.ops.elementwise import equal, logical_or, maximum, ones_as, rsqrt, select, sqrt, square, zeros_as
from graphopt.ops.linalg import matmul
from graphopt.ops.reduce import reduce_mean, reduce_sum
from graphopt.ops.step_rule import StepRule, define_step_rule
from graphopt.ops.training_modern import adam_direction, average, descended, mixed


def _norm(x: Any) -> Any:
    return sqrt(reduce_sum(square(x)))


def _root_mean_square(x: Any) -> Any:
    return sqrt(reduce_mean(square(x)))


def _trust_ratio(var: Any, direction: Any, coefficient: Any, eps: Any) -> Any:
    """Return coefficient ‖w‖ / (‖u‖ + ε), and 1 where either norm is 0: such a variable would never move."""
    own, other = _norm(var), _norm(direction)
    none = logical_or(equal(own, zeros_as(own)), equal(other, zeros_as(other)))
    return select(none, ones_as(own), own * coefficient / (other + eps))


# --- trust ratios ------------------------------------------------------------------------------------------------------------


def _lamb(var: Any, m: Any, v: Any, *rest: Any) -> tuple[Any, ...]:
    *adam, lr, weight_decay, grad = rest
    direction, m, v = adam_direction(m, v, adam, grad)
    direction = _with_decay(direction, var, weight_decay)
    return var - direction * (_trust_ratio(var, direction, ones_as(lr), zeros_as(lr)) * lr), m, v


def _with_decay(direction: Any, var: Any, weight_decay: Any) -> Any:
    return direction if weight_decay.is_scalar_constant(0.0) else direction + var * weight_decay


lamb = define_step_rule(
    "lamb", "LAMB", _lamb, slots="m v", scalars="b1 b2 eps eps_root m_scale grad_scale v_scale lr weight_decay",
    doc="u = m̂ / (√(v̂ + ε_root) + ε) + λ w; w -= lr ‖w‖/‖u‖ u.", ref="You et al. 2020, https://arxiv.org/abs/1904.00962",
)  # fmt: skip


def _lars(
    var: Any, trace: Any, trust_coefficient: Any, eps: Any, momentum: Any, lr: Any, weight_decay: Any, grad: Any, nesterov: bool,
    trusts: bool,
) -> tuple[Any, ...]:  # fmt: skip
    direction = _with_decay(grad, var, weight_decay)
    step = direction * (_trust_ratio(var, direction, trust_coefficient, eps) * lr if trusts else lr)
    trace = trace * momentum - step
    return var + (trace * momentum - step if nesterov else trace), trace


lars = define_step_rule(
    "lars", "LARS", _lars, slots="trace", scalars="trust_coefficient eps momentum lr weight_decay",
    attributes="nesterov = False, trusts = True",
    doc="u = g + λ w; a = μ a - lr η ‖w‖/(‖u‖ + ε) u; w += a.", ref="You, Gitman, Ginsburg 2017, https://arxiv.org/abs/1708.03888",
)  # fmt: skip


def _novograd(
    var: Any, m: Any, v: Any, b1: Any, b2: Any, eps: Any, eps_root: Any, lr: Any, weight_decay: Any, grad: Any
) -> tuple[Any, ...]:
    v = average(v, reduce_sum(square(grad)), b2)
    m = m * b1 + _with_decay(grad / (sqrt(v + eps_root) + eps), var, weight_decay)
    return var - m * lr, m, v


novograd = define_step_rule(
    "novograd", "NovoGrad", _novograd, slots="m v", scalars="b1 b2 eps eps_root lr weight_decay",
    doc="v = β2 v + (1-β2) ‖g‖², at first ‖g‖²; m = β1 m + g / (√(v + ε_root) + ε) + λ w; w -= lr m.",
    ref="Ginsburg et al. 2019, https://arxiv.org/abs/1905.11286",
)  # fmt: skip


def _fromage(var: Any, min_norm: Any, lr: Any, shrink: Any, grad: Any) -> tuple[Any, ...]:
    own, other = maximum(_norm(var), min_norm), maximum(_norm(grad), min_norm)
    none = logical_or(equal(own, zeros_as(own)), equal(other, zeros_as(other)))
    return ((var - grad * (select(none, ones_as(own), own / other) * lr)) * shrink,)


fromage = define_step_rule(
    "fromage", "Fromage", _fromage, scalars="min_norm lr shrink", doc="w = (w - lr ‖w‖/‖g‖ g) / √(1 + lr²).",
    ref="Bernstein et al. 2020, https://arxiv.org/abs/2002.03432",
)  # fmt: skip


# --- matrices ----------------------------------------------------------------------------------------------------------------

# Newton and Schulz's iteration with the coefficients of Muon's author: fast towards singular values near 1, not exactly to 1.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def _orthogonal(x: Any, eps: Any, steps: int, is_tall: bool) -> Any:
    """Return roughly the nearest matrix with orthonormal rows, or columns if it is tall."""
    a, b, c = NEWTON_SCHULZ
    x = x / (_norm(x) + eps)
    x = transpose_op(x, perm=(1, 0)) if is_tall else x
    for _ in range(steps):
        squares = matmul(x, x, transpose_b=True)
        x = x * a + matmul(squares * b + matmul(squares, squares) * c, x)
    return transpose_op(x, perm=(1, 0)) if is_tall else x


def _muon(
    var: Any, m: Any, beta: Any, eps: Any, m_scale: Any, grad_scale: Any, scale: Any, lr: Any, decay: Any, grad: Any, steps: int,
    adaptive: bool, is_tall: bool,
) -> tuple[Any, ...]:  # fmt: skip
    m = average(m, grad, beta)
    mean = mixed(m, grad, m_scale, grad_scale)
    direction = _orthogonal(mean, eps, steps, is_tall)
    if adaptive:
        direction = direction * reduce_sum(mean * direction)
    return descended(var, direction * scale, lr, decay), m


muon = define_step_rule(
    "muon", "Muon", _muon, slots="m", scalars="beta eps m_scale grad_scale scale lr decay",
    attributes="steps = 5, adaptive = False, is_tall = False", doc="w -= lr (s orthogonal(m̂) + λ w), for matrices.",
    ref="Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/",
)  # fmt: skip


def _sized(var: Any, direction: Any, lr: Any, clipping_threshold: Any, clips: bool, by_parameter: bool) -> Any:
    """Return Adafactor's step: the direction with its root mean square clipped, times the rate, times that of the variable."""
    if clips:
        direction = direction / maximum(_root_mean_square(direction) / clipping_threshold, ones_as(lr))
    return direction * (lr * maximum(_root_mean_square(var), zeros_as(lr) + 1e-3) if by_parameter else lr)


def _whole(v: Any, grad: Any, squares: Any, beta: Any, axes: tuple[int, int]) -> tuple[Any, ...]:
    v = average(v, squares, beta)
    return grad * rsqrt(v), v


def _factored(row: Any, column: Any, grad: Any, squares: Any, beta: Any, axes: tuple[int, int]) -> tuple[Any, ...]:
    low, high = axes
    row = average(row, reduce_mean(squares, axis=high), beta)
    column = average(column, reduce_mean(squares, axis=low), beta)
    mean = reduce_mean(row, axis=low - 1 if low > high else low, keepdims=True)
    direction = grad * expand_dims_op(rsqrt(row / mean), axis=high) * expand_dims_op(rsqrt(column), axis=low)
    return direction, row, column


def _adafactor(direction_of: Any, kept: int, has_momentum: bool) -> Any:
    def update(var: Any, *rest: Any, axes: tuple[int, int], **settings: bool) -> tuple[Any, ...]:
        state, (beta, eps, momentum, clipping_threshold, lr, weight_decay, grad) = rest[:-7], rest[-7:]
        direction, *new_state = direction_of(*state[:kept], grad, square(grad) + eps, beta, axes)
        step = _sized(var, direction, lr, clipping_threshold, **settings)
        if has_momentum:
            step = average(state[kept], step, momentum)
            new_state.append(step)
        return (var - _with_decay(step, var, weight_decay), *new_state)

    return update


def _define_adafactor(name: str, tf_name: str, direction_of: Any, slots: str, has_momentum: bool) -> StepRule:
    return define_step_rule(
        f"{name}_momentum" if has_momentum else name, f"{tf_name}Momentum" if has_momentum else tf_name,
        _adafactor(direction_of, len(slots.split()), has_momentum), slots=f"{slots} m" if has_momentum else slots,
        scalars="beta eps momentum clipping_threshold lr weight_decay",
        attributes="axes = (0, 1), clips = True, by_parameter = True",
        doc="v = β v + (1-β)(g² + ε), for a matrix from averages of its rows and columns; u = g / √v; w -= lr RMS(w) u / max(1, RMS(u)/d).",
        ref="Shazeer, Stern 2018, https://arxiv.org/abs/1804.04235",
    )  # fmt: skip


# By whether the average of the squares is factored, and whether there is momentum.
adafactor = {
    (False, False): _define_adafactor("adafactor", "Adafactor", _whole, "v", False),
    (False, True): _define_adafactor("adafactor", "Adafactor", _whole, "v", True),
    (True, False): _define_adafactor("factored_adafactor", "FactoredAdafactor", _factored, "v_row v_column", False),
    (True, True): _define_adafactor("factored_adafactor", "FactoredAdafactor", _factored, "v_row v_column", True),
}
