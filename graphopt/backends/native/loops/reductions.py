"""How two partial results of a reduction are joined, and what each begins with."""

from __future__ import annotations

from graphopt.backends.native.emitter import Function, Value, bytes_of, constant, is_float
from graphopt.backends.native.loops.scalar import extreme
from graphopt.backends.native.loops.structure import Result


def identity(result: Result, type_: str) -> Value:
    """Return the value that a reduction begins with."""
    if result.reduction in ("max", "min"):
        lowest = result.reduction == "max"
        if is_float(type_):
            return constant(type_, float("-inf") if lowest else float("inf"))
        bits = 8 * bytes_of(result.element)
        if result.signed:
            return constant(type_, -(1 << bits - 1) if lowest else (1 << bits - 1) - 1)
        return constant(type_, 0 if lowest else -1)
    return constant(type_, {"sum": 0, "product": 1, "and": True, "or": False}[result.reduction or "sum"])


def combine(function: Function, result: Result, a: Value, b: Value) -> Value:
    """Return two partial results joined."""
    match result.reduction:
        case "sum":
            return function.let("fadd" if is_float(a.type) else "add", a, b)
        case "product":
            return function.let("fmul" if is_float(a.type) else "mul", a, b)
        case "max" | "min":
            return extreme(function, "maximum" if result.reduction == "max" else "minimum", a, b, result.signed)
        case kind:
            return function.let(str(kind), a, b)
