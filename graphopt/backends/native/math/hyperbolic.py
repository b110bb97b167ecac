"""tanh, sinh and cosh."""

from __future__ import annotations

from graphopt.backends.native.math.exponential import exp_within, expm1_near_zero, power_of_two, reduced
from graphopt.backends.native.math.lanes import Lanes

# (exp(2 * r) - 1) / 2 = r + r**2 * (...); that of expm1, with one power more, its argument and result scaled; relative error 2**-31.
_HALF_EXPM1_OF_DOUBLE = tuple(coefficient * 2.0 ** (power + 1) for power, coefficient in enumerate((
    0.5, 0.1666666567325592, 0.04166649281978607, 0.008333541452884674, 0.0013932337751612067, 0.00019766100740525872)))  # fmt: skip
# sinh(x) = x + x**3 * (...) up to 1, relative error 2**-31.6.
_SINH = (0.1666666716337204, 0.00833331048488617, 0.00019842895562760532, 2.7822131869470468e-06)
# tanh of more is 1, exp of more infinite.
_TANH_LIMIT, _EXP_LIMIT = 9.02, 90.0


def tanh_single(x: Lanes) -> Lanes:
    """Return the hyperbolic tangent: ``h / (h + 1)`` with ``h = (exp(2 * |x|) - 1) / 2``."""
    shifted, _, r = reduced(abs(x).at_most(_TANH_LIMIT), 2.0)
    scale = power_of_two(shifted)
    h = scale.fma(expm1_near_zero(r, _HALF_EXPM1_OF_DOUBLE), scale.fma(0.5, -0.5))
    return (h / (h + 1)).with_sign(x)


def _half_exp_of_magnitude(x: Lanes) -> Lanes:
    return exp_within(abs(x).at_most(_EXP_LIMIT), -1)


def sinh_single(x: Lanes) -> Lanes:
    """Return the hyperbolic sine."""
    half = _half_exp_of_magnitude(x)
    return x.odd_polynomial(x * x, _SINH).where(abs(x) < 1, (half - 0.25 / half).with_sign(x))


def cosh_single(x: Lanes) -> Lanes:
    """Return the hyperbolic cosine."""
    half = _half_exp_of_magnitude(x)
    return half + 0.25 / half
