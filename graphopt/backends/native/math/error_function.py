"""erf and erfc.

Polynomials: Remez's algorithm in 120 bits; those of erf with one coefficient after the other rounded to float and the rest fitted again.
"""

from __future__ import annotations

from graphopt.backends.native.math.exponential import LOG2_E, exp_of_small
from graphopt.backends.native.math.lanes import Lanes
from graphopt.backends.native.math.power import exp2_of_double

_ERF_BORDER = 0.92
# erf of more rounds to 1.
_ERF_LIMIT = 3.95
# erf(x) = x + x * (...) in powers of x**2, up to 0.92, relative error 2**-30.
_ERF = (0.12837916612625122, -0.3761262893676758, 0.11283625662326813, -0.026855720207095146, 0.00519233662635088, -0.0008048469317145646,
        7.988852303242311e-05)  # fmt: skip
# log(1 - erf(x)), from 0.92 to 3.95, with a relative error of erf(x) of 2**-29.2.
_LOG_OF_REST = (-0.00019570735457818955, -1.1276755332946777, -0.6371822953224182, -0.10393170267343521, 0.022227074950933456,
                -0.0030432918574661016, 0.00019594952755142003)  # fmt: skip
# erfc(x) * exp(x**2) in powers of (x - 3) / (x + 3), from 0 to 10.1, relative error 2**-29.4.
_ERFCX_CENTRE = 3.0
_ERFCX = (0.17900115126024493, -0.3262335638228015, 0.2456037980522351, -0.15011578172264664, 0.07166585599165763, -0.024394237955004328,
          0.0042689187772183635, 0.0007157859046231599, -0.000594625841305568, 2.8758507083941075e-05, 5.5864048787181e-05)  # fmt: skip
# erfc of more is less than half of the smallest number.
_ERFC_LIMIT = 10.1


def erf_single(x: Lanes) -> Lanes:
    """Return the error function."""
    square = x * x
    near_zero = x.fma(square.polynomial(_ERF), x)
    magnitude = abs(x)
    far = 1 - exp_of_small(magnitude.at_most(_ERF_LIMIT).polynomial(_LOG_OF_REST))
    return near_zero.where(magnitude < _ERF_BORDER, far.with_sign(x))


def erfc_single(x: Lanes) -> Lanes:
    """Return ``1 - erf(x)``, exact for large x; computed in double."""
    magnitude = abs(x).at_most(_ERFC_LIMIT).rounded_to("double")
    ratio = (magnitude - _ERFCX_CENTRE) / (magnitude + _ERFCX_CENTRE)
    right = ratio.polynomial(_ERFCX) * exp2_of_double(magnitude * magnitude * -LOG2_E)
    return (2 - right).where(x < 0, right).rounded_to("float")
