"""How an update is combined with a row of an array."""

from __future__ import annotations

from dataclasses import dataclass

from graphopt.backends.native.emitter import Function, Value, bytes_of, is_float
from graphopt.backends.native.rows.parts import Part, along_row, copy_row

_OPCODES = {"add": "add", "subtract": "sub", "multiply": "mul", "divide": "div"}  # not op names: ways to combine numbers


@dataclass(frozen=True)
class Combining:
    """A way to combine rows; a part of the structure of kernels.

    Attributes:
      how: ``"set"``, ``"add"``, ``"subtract"``, ``"multiply"``, ``"divide"`` (floats), ``"max"`` or ``"min"``.
      element: the LLVM type of an element. signed: whether it is, if an integer. single: a row is one element.
      repeated: one number is the update of every element.
    """

    how: str
    element: str
    signed: bool = False
    single: bool = False
    repeated: bool = False

    def write(self, function: Function, row: Value, update: Value, width: Value) -> None:
        """Write the combination of a row with an update.

        Args:
          function: the kernel. row: the row's place, which gets the result. update: the place of the update. width: elements of a row.
        """
        if self.single:
            new = function.load(self.element, update)
            function.store(new if self.how == "set" else self.combined(function, function.load(self.element, row), new), row)
        elif self.how == "set" and not self.repeated:
            copy_row(function, row, update, function.mul(width, bytes_of(self.element)), 0)
        else:
            repeated = function.load(self.element, update) if self.repeated else None

            def combine(part: Part) -> None:
                new = part.load(self.element, update) if repeated is None else function.splat(repeated, part.lanes)
                old = new if self.how == "set" else part.load(self.element, row)
                part.store(new if self.how == "set" else self.combined(function, old, new), self.element, row)

            along_row(function, self.element, width, combine)

    def combined(self, function: Function, a: Value, b: Value) -> Value:
        """Return two elements combined as NumPy does."""
        if self.how in _OPCODES:
            return function.let(f"{'f' if is_float(a.type) else ''}{_OPCODES[self.how]}", a, b)
        larger = self.how == "max"
        if not is_float(a.type):
            return function.select(function.compare(f"{'s' if self.signed else 'u'}{'gt' if larger else 'lt'}", a, b), a, b)
        # NaN where either is NaN, and the first one at ties.
        keeps = function.compare("oge" if larger else "ole", a, b)
        return function.select(function.let("or", keeps, function.compare("uno", a, a)), a, b)
