"""Python's operators on tensors, variables, nodes and patterns: ``x + y`` is the op `add` on all of them.

Importing this module enters the operators in `ir.value.Symbolic`. ``==`` and ``!=`` stay identity, so that values can be keys.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphopt.ir.value import Symbolic
from graphopt.ops.division import logical_xor, truediv
from graphopt.ops.elementwise import (
    absolute,
    add,
    bitwise_and,
    bitwise_or,
    bitwise_xor,
    floordiv,
    floormod,
    greater,
    greater_equal,
    invert,
    less,
    less_equal,
    logical_and,
    logical_not,
    logical_or,
    multiply,
    negative,
    power,
    subtract,
)
from graphopt.ops.indexing import slice_with_python_syntax
from graphopt.ops.linalg import matmul

Binary = Callable[..., Any]


def _enter(symbol: str, function: Binary, name: str) -> None:
    """Enter ``x <symbol> y`` and its reflected form."""

    def forward(self: Any, other: Any) -> Any:
        return function(self, other, name=name)

    def reflected(self: Any, other: Any) -> Any:
        return function(other, self, name=name)

    setattr(Symbolic, f"__{symbol}__", forward)
    setattr(Symbolic, f"__r{symbol}__", reflected)


def _enter_comparison(symbol: str, function: Binary) -> None:
    """Enter a comparison; Python finds its reflected form by itself."""
    setattr(Symbolic, f"__{symbol}__", lambda self, other: function(self, other))


def _logic(on_truth: Binary, on_bits: Binary) -> Binary:
    """Return the function that combines bools by `on_truth` and whole numbers by `on_bits`."""

    def combine(x: Any, y: Any, name: str) -> Any:
        symbolic: Any = x if isinstance(x, Symbolic) else y
        return (on_bits if symbolic.dtype.is_integer else on_truth)(x, y, name=name)

    return combine


def _invert(self: Any) -> Any:
    return invert(self) if self.dtype.is_integer else logical_not(self)


def _install() -> None:
    _enter("add", add, "add")
    _enter("sub", subtract, "sub")
    _enter("mul", multiply, "mul")
    _enter("truediv", truediv, "truediv")
    _enter("floordiv", floordiv, "floordiv")
    _enter("mod", floormod, "mod")
    _enter("pow", power, "pow")
    _enter("matmul", matmul, "matmul")
    _enter("and", _logic(logical_and, bitwise_and), "and")
    _enter("or", _logic(logical_or, bitwise_or), "or")
    _enter("xor", _logic(logical_xor, bitwise_xor), "xor")
    _enter_comparison("lt", less)
    _enter_comparison("le", less_equal)
    _enter_comparison("gt", greater)
    _enter_comparison("ge", greater_equal)
    methods: dict[str, Any] = {
        "__neg__": lambda self: negative(self),
        "__abs__": lambda self: absolute(self),
        "__invert__": _invert,
        "__getitem__": lambda self, key: slice_with_python_syntax(self, key),
        # Without this Python would iterate by calling __getitem__ with 0, 1, 2... for ever.
        "__iter__": None,
    }
    for method, function in methods.items():
        setattr(Symbolic, method, function)


_install()
