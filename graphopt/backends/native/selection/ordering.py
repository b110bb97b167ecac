"""How elements compare where NumPy sorts and searches: NaN is the largest, all NaNs are equal, and so are both zeros."""

from __future__ import annotations

from graphopt.backends.native.emitter import Function, Value, is_float


def wide_type(element: str) -> str:
    """Return the type in which elements are compared."""
    return "float" if element == "half" else element


def load_wide(function: Function, element: str, pointer: Value, lanes_type: str | None = None) -> Value:
    """Return what stands at a pointer, in the type in which it is compared.

    Args:
      function: what is written into. element: the type in memory. pointer: the place. lanes_type: the type in memory of a vector.
    """
    return function.convert("fpext", function.load(lanes_type or element, pointer), wide_type(element))


def less(function: Function, a: Value, b: Value, signed: bool) -> Value:
    """Return whether `a` stands before `b` in rising order, lane by lane."""
    if not is_float(a.type):
        return function.compare("slt" if signed else "ult", a, b)
    return function.let("and", function.compare("ult", a, b), function.compare("ord", a, a))


def before(function: Function, a: Value, b: Value, signed: bool, descending: bool) -> Value:
    """Return whether `a` stands before `b` in rising or falling order. NaN is the last in rising order, the first in falling order."""
    return less(function, b, a, signed) if descending else less(function, a, b, signed)


def more_extreme(function: Function, a: Value, b: Value, signed: bool, largest: bool) -> Value:
    """Return whether `a` is larger (or smaller) than `b`, lane by lane; a NaN is more extreme than any number, either way."""
    if not is_float(a.type):
        return function.compare({True: "s", False: "u"}[signed] + ("gt" if largest else "lt"), a, b)
    return function.let("and", function.compare("ugt" if largest else "ult", a, b), function.compare("ord", b, b))
