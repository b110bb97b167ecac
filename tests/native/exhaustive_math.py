"""Compares the mathematical functions with float64 NumPy for every float32 there is: ``python tests/native/exhaustive_math.py [name ...]``.

A function takes some minutes. The program prints the worst error and where it is, and ends with status 1 when an error is over its bound.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import numpy as np
from math_arrays import BOUNDS, REFERENCES, TWO_OPERANDS, Array, compute, ulps
from tqdm import tqdm

CHUNK = 1 << 20


def worst(name: str, values: Array) -> tuple[int, np.float32, int]:
    """Return the worst error of a function at some values, where it is, and how many results are not the correctly rounded ones."""
    with np.errstate(all="ignore"):
        errors = ulps(compute(name, values), REFERENCES[name](values.astype(np.float64)))
    at = int(errors.argmax())
    return int(errors[at]), values[at], int(np.count_nonzero(errors))


def check(name: str) -> bool:
    """Compare a function everywhere, print what was found, and return whether the bound holds."""
    found: tuple[int, np.float32] = (-1, np.float32(0))
    inexact = 0
    for start in tqdm(range(0, 1 << 32, CHUNK), desc=name, mininterval=2):
        values = np.arange(start, start + CHUNK, dtype=np.uint64).astype(np.uint32).view(np.float32)
        error, at, misses = worst(name, values)
        found = max(found, (error, at), key=lambda pair: pair[0])
        inexact += misses
    print(f"{name}: at most {found[0]} ulp, at {found[1]!r}; {inexact / 2**32:.2%} not correctly rounded; bound {BOUNDS[name]}", flush=True)
    return found[0] <= BOUNDS[name]


def main(names: Sequence[str]) -> int:
    """Check the named functions, or all of one operand, and return the exit status."""
    chosen = names or [name for name in REFERENCES if name not in TWO_OPERANDS]
    broken = [name for name in chosen if not check(name)]
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
