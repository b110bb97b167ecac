"""Sample operands, written in the op's block, from which the contract tests are generated.

samples=[case("f32[3,4]", "f32[4]"), case(arg("f64[2,3]", low=0.1, high=3.0), axis=(1,))]
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.dtypes import DType

# What breaks kernels most often.
SPECIAL = (0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 3.0, 1e-30, 1e30, float("inf"), float("-inf"), float("nan"))


@dataclass(frozen=True, slots=True)
class Argument:
    """One operand of a sample: random values of a type, or given values."""

    dtype: DType
    shape: tuple[int, ...]
    low: float | None = None
    high: float | None = None
    given: Any = None

    def array(self, seed: int) -> np.ndarray[Any, Any]:
        """Return the values; the same seed gives the same ones."""
        if self.given is not None:
            return np.array(self.given, self.dtype.np)
        generator = np.random.default_rng(seed)
        if self.dtype.is_bool:
            return generator.random(self.shape) < 0.5
        if self.dtype.is_integer:
            low, high = int(self.low if self.low is not None else 0), int(self.high if self.high is not None else 5)
            return np.asarray(generator.integers(low, high, self.shape)).astype(self.dtype.np)
        if self.low is not None and self.high is not None:
            return np.asarray(generator.uniform(self.low, self.high, self.shape)).astype(self.dtype.np)
        return np.asarray(generator.standard_normal(self.shape)).astype(self.dtype.np)


@dataclass(frozen=True, slots=True)
class Sample:
    """Operands and attributes of one call.

    Attributes:
      differentiable: the gradient exists at the (random) sample and is checked.
      error: what the run-time error says that the call must raise, or None for a call that must succeed.
    """

    operands: tuple[Argument, ...]
    attributes: dict[str, Any] = field(default_factory=dict)
    differentiable: bool = True
    error: str | None = None

    def arrays(self) -> list[np.ndarray[Any, Any]]:
        """Return the operands' values."""
        base = zlib.crc32(repr((self.operands, sorted(self.attributes))).encode())
        return [operand.array(base + i) for i, operand in enumerate(self.operands)]


_SPEC = re.compile(r"^(\w+)\[([\d,\s]*)\]$")


def arg(spec: str, low: float | None = None, high: float | None = None) -> Argument:
    """Return an operand of random values: standard normal, or uniform between `low` and `high` (integers: below `high`).

    >>> arg("f32[2,3]").array(0).shape
    (2, 3)
    """
    match = _SPEC.match(spec)
    if match is None:
        raise ValueError(f"Not a type: {spec!r}; write it like f32[2,3].")
    shape = tuple(int(part) for part in match[2].split(",") if part.strip())
    return Argument(dtypes.BY_SHORT[match[1]], shape, low, high)


def values(given: Any, dtype: str = "f32") -> Argument:
    """Return an operand with the given values."""
    array = np.array(given)
    return Argument(dtypes.BY_SHORT[dtype], array.shape, given=given)


def case(*operands: str | Argument, differentiable: bool = True, error: str | None = None, **attributes: Any) -> Sample:
    """Return a sample call.

    Args:
      operands: `arg(...)`, `values(...)` or the spec of an `arg`.
      differentiable: whether the gradient checks may use it.
      error: a part of the message; the call must fail at run time and say so.
      attributes: the attributes of the op.
    """
    return Sample(tuple(arg(o) if isinstance(o, str) else o for o in operands), attributes, differentiable, error)
