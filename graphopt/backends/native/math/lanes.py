"""Arithmetic on LLVM values with Python's operators, so that the functions of this package read like formulas."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, Union

from graphopt.backends.native.emitter import Function, Value, bytes_of, constant, element_of, is_float, lanes_of

# The types of the bits, and the other way round.
_BITS = {"float": "i32", "double": "i64", "i32": "float", "i64": "double"}
_SIGN_BIT = {"i32": -1 << 31, "i64": -1 << 63}

Operand: TypeAlias = Union["Lanes", float, int]


class Lanes:
    """A value of a function that is being written: a number, or a vector of them. Every operator writes one instruction.

    A Python number as the other operand is a constant of this value's type.

    Args:
      function: the function that is written into. value: the value.
    """

    __slots__ = ("function", "value")

    def __init__(self, function: Function, value: Value) -> None:
        self.function = function
        self.value = value

    @property
    def type(self) -> str:
        """The LLVM type."""
        return self.value.type

    def constant(self, number: float | int) -> Lanes:
        """Return a constant of this value's type, rounded to it."""
        return Lanes(self.function, constant(self.type, number))

    def _operand(self, other: Operand) -> Value:
        return other.value if isinstance(other, Lanes) else constant(self.type, other)

    def _two(self, floating: str, integer: str, other: Operand) -> Lanes:
        opcode = floating if is_float(self.type) else integer
        return Lanes(self.function, self.function.let(opcode, self.value, self._operand(other)))

    def __add__(self, other: Operand) -> Lanes:
        return self._two("fadd", "add", other)

    def __sub__(self, other: Operand) -> Lanes:
        return self._two("fsub", "sub", other)

    def __rsub__(self, other: float) -> Lanes:
        return self.constant(other) - self

    def __mul__(self, other: Operand) -> Lanes:
        return self._two("fmul", "mul", other)

    def __truediv__(self, other: Operand) -> Lanes:
        return self._two("fdiv", "sdiv", other)

    def __rtruediv__(self, other: float) -> Lanes:
        return self.constant(other) / self

    def __neg__(self) -> Lanes:
        return Lanes(self.function, self.function.negate(self.value))

    def __abs__(self) -> Lanes:
        return Lanes(self.function, self.function.intrinsic("fabs", self.value))

    def __and__(self, other: Operand) -> Lanes:
        return self._two("and", "and", other)

    def __or__(self, other: Operand) -> Lanes:
        return self._two("or", "or", other)

    def __xor__(self, other: Operand) -> Lanes:
        return self._two("xor", "xor", other)

    def __lshift__(self, other: Operand) -> Lanes:
        return self._two("shl", "shl", other)

    def __rshift__(self, other: Operand) -> Lanes:
        """Shift right; the sign stays."""
        return self._two("ashr", "ashr", other)

    def shifted_right(self, places: int) -> Lanes:
        """Shift right; zeros come in."""
        return Lanes(self.function, self.function.let("lshr", self.value, self._operand(places)))

    def __lt__(self, other: Operand) -> Lanes:
        return self.compare("olt", "slt", other)

    def __gt__(self, other: Operand) -> Lanes:
        return self.compare("ogt", "sgt", other)

    def __ge__(self, other: Operand) -> Lanes:
        return self.compare("oge", "sge", other)

    def equals(self, other: Operand) -> Lanes:
        """Return the mask of the lanes that are equal (NaN equals nothing)."""
        return self.compare("oeq", "eq", other)

    def differs(self, other: Operand) -> Lanes:
        """Return the mask of the lanes that are not equal (NaN differs from everything)."""
        return self.compare("une", "ne", other)

    def compare(self, floating: str, integer: str, other: Operand) -> Lanes:
        """Return a mask by LLVM's condition for floating-point numbers, or by the one for integers."""
        condition = floating if is_float(self.type) else integer
        return Lanes(self.function, self.function.compare(condition, self.value, self._operand(other)))

    def flipped_where(self, bits: Lanes) -> Lanes:
        """Return floating-point numbers with the sign turned where the highest bit of some integers is set."""
        return (self.bits() ^ (bits & _SIGN_BIT[element_of(bits.type)])).bits()

    def where(self, mask: Lanes, other: Operand) -> Lanes:
        """Return this value in the lanes of the mask, the other in the rest."""
        return Lanes(self.function, self.function.select(mask.value, self.value, self._operand(other)))

    def unless(self, mask: Lanes, other: Operand) -> Lanes:
        """Return the other value in the lanes of the mask, this one in the rest."""
        return Lanes(self.function, self.function.select(mask.value, self._operand(other), self.value))

    def at_most(self, limit: float) -> Lanes:
        """Return the smaller of this and a constant; NaN stays NaN."""
        bound = self.constant(limit)  # this order of comparison and choice is one instruction on x86
        return bound.where(bound < self, self)

    def at_least(self, limit: float) -> Lanes:
        """Return the greater of this and a constant; NaN stays NaN."""
        bound = self.constant(limit)
        return bound.where(bound > self, self)

    def fma(self, factor: Operand, addend: Operand) -> Lanes:
        """Return ``self * factor + addend``, rounded once."""
        return Lanes(self.function, self.function.intrinsic("fma", self.value, self._operand(factor), self._operand(addend)))

    def sqrt(self) -> Lanes:
        """Return the square root, correctly rounded."""
        return Lanes(self.function, self.function.intrinsic("sqrt", self.value))

    def floor(self) -> Lanes:
        """Return the greatest whole number that is not greater."""
        return Lanes(self.function, self.function.intrinsic("floor", self.value))

    def with_sign(self, other: Lanes) -> Lanes:
        """Return this value's magnitude with the other's sign."""
        return Lanes(self.function, self.function.intrinsic("copysign", self.value, other.value))

    def polynomial(self, coefficients: Sequence[float]) -> Lanes:
        """Return the polynomial in this value with these coefficients, that of the lowest power first."""
        result = self.fma(coefficients[-1], coefficients[-2])
        for coefficient in coefficients[-3::-1]:
            result = result.fma(self, coefficient)
        return result

    def odd_polynomial(self, square: Lanes, coefficients: Sequence[float]) -> Lanes:
        """Return ``x + x**3 * (...)`` for this value x, the coefficients being those of the powers of the square of x."""
        return (self * square).fma(square.polynomial(coefficients), self)

    def bits(self) -> Lanes:
        """Return the bits of floating-point numbers as integers, or the numbers of such bits."""
        return self._convert("bitcast", _BITS[element_of(self.type)])

    def to_float(self) -> Lanes:
        """Return signed integers as floating-point numbers of the same size."""
        return self._convert("sitofp", _BITS[element_of(self.type)])

    def rounded_to(self, element: str) -> Lanes:
        """Return floating-point numbers in another element type: exact in a longer one, rounded in a shorter one."""
        longer = bytes_of(element) > bytes_of(self.type)
        return self._convert("fpext" if longer else "fptrunc", element)

    def _convert(self, opcode: str, element: str) -> Lanes:
        return Lanes(self.function, self.function.convert(opcode, self.value, element))

    def any(self) -> Value:
        """Return, for a mask, whether it holds in some lane (i1)."""
        lanes = lanes_of(self.type)
        if lanes == 1:
            return self.value
        packed = self.function.value(f"i{lanes}", f"bitcast {self.value} to i{lanes}")
        return self.function.compare("ne", packed, constant(packed.type, 0))
