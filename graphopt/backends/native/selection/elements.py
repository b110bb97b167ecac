"""Lowerings of elementwise ops that loops over vectors can't do: whole-number division and powers, remainders, gamma functions.

Divisions and remainders, of floats too, give NumPy's bits. The gamma functions call the C library, in double precision as NumPy's
kernels do, and are within a few units in the last place of a double.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from graphopt.backends.native.emitter import Function, Module, Value, bytes_of, constant, is_float
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Call, Pointer, Status, kernel_function
from graphopt.backends.native.lowering import NotLowered, element_type, lowers
from graphopt.backends.native.movement.boxes import Slots, box_arguments, collapse, each_position, row_strides
from graphopt.ir.node import Node
from graphopt.ops.elementwise import div_no_nan, floordiv, floormod, power, round_, truncatediv
from graphopt.ops.elementwise.functions import digamma, lgamma

# Elements worth a thread: some 20 microseconds of divisions.
_WORTH = 1 << 14


class Formula:
    """Writes what an op does with one element of each operand. Subclasses are the ops.

    Args:
      function: what is written into. element: the operands' type. signed: whether integers are signed.
    """

    def __init__(self, function: Function, element: str, signed: bool) -> None:
        self.function = function
        self.element = element
        self.signed = signed

    def number(self, value: float) -> Value:
        """Return a constant of the element type."""
        return constant(self.element, value)

    def emit(self, *operands: Value) -> tuple[Value, Value | None]:
        """Return the result, and where the op may fail, whether it does (i1)."""
        raise NotImplementedError


# --- whole numbers -----------------------------------------------------------------------------------------------------


class _Division(Formula):
    def divided(self, x: Value, y: Value) -> tuple[Value, Value, Value]:
        """Return quotient and remainder of the division rounded towards minus infinity, and whether the divisor is 0."""
        function, zero, one = self.function, self.number(0), self.number(1)
        fails = function.compare("eq", y, zero)
        if not self.signed:
            divisor = function.select(fails, one, y)
            return function.let("udiv", x, divisor), function.let("urem", x, divisor), fails
        # The processor traps at 0, and at the lowest number divided by -1, which is itself.
        negates = function.compare("eq", y, self.number(-1))
        divisor = function.select(function.let("or", fails, negates), one, y)
        quotient, remainder = function.let("sdiv", x, divisor), function.let("srem", x, divisor)
        differ = function.compare("slt", function.let("xor", remainder, divisor), zero)
        rounds = function.let("and", differ, function.compare("ne", remainder, zero))
        floored = function.select(rounds, function.let("sub", quotient, one), quotient)
        rest = function.select(rounds, function.let("add", remainder, divisor), remainder)
        return function.select(negates, function.let("sub", zero, x), floored), rest, fails


class FloorDivision(_Division):
    """The quotient rounded towards minus infinity."""

    def emit(self, *operands: Value) -> tuple[Value, Value | None]:
        quotient, _, fails = self.divided(*operands)
        return quotient, fails


class FloorRemainder(_Division):
    """The remainder, with the sign of the divisor."""

    def emit(self, *operands: Value) -> tuple[Value, Value | None]:
        _, remainder, fails = self.divided(*operands)
        return remainder, fails


class TruncatedDivision(_Division):
    """The quotient rounded towards zero, made from absolute values as the NumPy kernel makes it."""

    def emit(self, *operands: Value) -> tuple[Value, Value | None]:
        function, zero = self.function, self.number(0)
        if not self.signed:
            return FloorDivision(function, self.element, False).emit(*operands)
        negative = [function.compare("slt", operand, zero) for operand in operands]
        pairs = zip(negative, operands, strict=True)
        sizes = [function.select(flag, function.let("sub", zero, operand), operand) for flag, operand in pairs]
        quotient, _, fails = self.divided(*sizes)
        return function.select(function.let("xor", *negative), function.let("sub", zero, quotient), quotient), fails


class Power(Formula):
    """A whole power, by squaring."""

    def emit(self, *operands: Value) -> tuple[Value, Value | None]:
        function, (base, exponent) = self.function, operands
        fails = function.compare("slt", exponent, self.number(0)) if self.signed else None
        bits = 8 * bytes_of(self.element)
        leading = function.call(f"llvm.ctlz.{self.element}", self.element, exponent, constant("i1", False))
        rounds = function.convert("zext", function.let("sub", self.number(bits), leading), "i64")
        with function.loop(0, rounds, carried=[base, self.number(1)]) as loop:
            square, product = loop.carried
            shift = loop.index if self.element == "i64" else function.convert("trunc", loop.index, self.element)
            bit = function.let("and", function.let("lshr", exponent, shift), self.number(1))
            taken = function.compare("ne", bit, self.number(0))
            loop.carry(function.mul(square, square), function.select(taken, function.mul(product, square), product))
        return loop.results[1], fails


# --- floats ------------------------------------------------------------------------------------------------------------


class _FloatDivision(Formula):
    def divided(self, a: Value, b: Value) -> tuple[Value, Value]:
        """Return NumPy's floor quotient and remainder (npy_divmod in npy_math): exact but for the cases that it rounds."""
        function, zero = self.function, self.number(0.0)
        first = function.let("frem", a, b)
        plain = function.let("fdiv", a, b)
        exact = function.let("fdiv", function.let("fsub", a, first), b)
        has_rest = function.compare("une", first, zero)
        differ = function.let("xor", function.compare("olt", b, zero), function.compare("olt", first, zero))
        rounds = function.let("and", has_rest, differ)
        quotient = function.select(rounds, function.let("fsub", exact, self.number(1.0)), exact)
        signed_rest = function.select(rounds, function.let("fadd", first, b), first)
        rest = function.select(has_rest, signed_rest, function.intrinsic("copysign", zero, b))
        floor = function.intrinsic("floor", quotient)
        is_short = function.compare("ogt", function.let("fsub", quotient, floor), self.number(0.5))
        floor = function.select(is_short, function.let("fadd", floor, self.number(1.0)), floor)
        floor = function.select(function.compare("une", quotient, zero), floor, function.intrinsic("copysign", zero, plain))
        by_zero = function.compare("oeq", b, zero)
        return function.select(by_zero, plain, floor), function.select(by_zero, first, rest)


class FloatFloorDivision(_FloatDivision):
    """The quotient rounded towards minus infinity."""

    def emit(self, *operands: Value) -> tuple[Value, Value | None]:
        return self.divided(*operands)[0], None


class FloatFloorRemainder(_FloatDivision):
    """The remainder, with the sign of the divisor."""

    def emit(self, *operands: Value) -> tuple[Value, Value | None]:
        return self.divided(*operands)[1], None


class DivisionWithoutNan(Formula):
    """The quotient, 0 where the divisor is 0."""

    def emit(self, *operands: Value) -> tuple[Value, Value | None]:
        function, zero = self.function, self.number(0.0)
        by_zero = function.compare("oeq", operands[1], zero)
        return function.select(by_zero, zero, function.let("fdiv", *operands)), None


class Round(Formula):
    """The nearest whole number, halves to even; whole numbers stay as they are."""

    def emit(self, *operands: Value) -> tuple[Value, Value | None]:
        return (self.function.intrinsic("rint", operands[0]) if is_float(self.element) else operands[0]), None


class LogGamma(Formula):
    """The logarithm of the absolute value of the gamma function; infinite at its poles."""

    def emit(self, *operands: Value) -> tuple[Value, Value | None]:
        function, [x] = self.function, operands
        is_infinite = function.compare("oeq", function.intrinsic("fabs", x), self.number(math.inf))
        is_pole = function.let("or", is_infinite, _is_pole(function, x))
        return function.select(is_pole, self.number(math.inf), function.call("lgamma", self.element, x)), None


class Digamma(Formula):
    """The derivative of `LogGamma`, by the recurrence and series of `ops/special.py`; NaN at its poles."""

    def emit(self, *operands: Value) -> tuple[Value, Value | None]:
        function, [x], number = self.function, operands, self.number
        is_negative = function.compare("olt", x, number(0.0))
        start = function.select(is_negative, function.let("fsub", number(1.0), x), x)
        with function.loop(0, constant("i64", 10), carried=[start, number(0.0)]) as loop:
            argument, total = loop.carried
            is_small = function.compare("olt", argument, number(10.0))
            term = function.let("fadd", total, function.let("fdiv", number(-1.0), argument))
            after = function.let("fadd", argument, number(1.0))
            loop.carry(function.select(is_small, after, argument), function.select(is_small, term, total))
        argument, shifted = loop.results
        result = function.let("fadd", function.let("fsub", self._main(argument), self._series(argument)), shifted)
        angle = function.let("fmul", number(math.pi), x)
        reflected = function.let("fsub", result, function.let("fdiv", number(math.pi), function.call("tan", self.element, angle)))
        result = function.select(is_negative, reflected, result)
        return function.select(_is_pole(function, x), number(math.nan), result), None

    def _main(self, x: Value) -> Value:
        function = self.function
        return function.let("fsub", function.call("log", self.element, x), function.let("fdiv", self.number(0.5), x))

    def _series(self, x: Value) -> Value:
        function, number = self.function, self.number
        inverse = function.let("fdiv", number(1.0), function.let("fmul", x, x))
        sum_ = function.let("fdiv", inverse, number(132.0))
        for divisor in (240, 252, 120, 12):
            sum_ = function.let("fmul", inverse, function.let("fsub", number(1 / divisor), sum_))
        return sum_


def _is_pole(function: Function, x: Value) -> Value:
    is_whole = function.compare("oeq", x, function.intrinsic("floor", x))
    return function.let("and", is_whole, function.compare("ole", x, constant(x.type, 0.0)))


_KINDS = (FloorDivision, FloorRemainder, TruncatedDivision, Power, FloatFloorDivision, FloatFloorRemainder, DivisionWithoutNan)
FORMULAS: dict[str, type[Formula]] = {kind.__name__: kind for kind in (*_KINDS, Round, LogGamma, Digamma)}


# --- the kernel --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Elements:
    """Does one operation for each element of a box. Its items are elements.

    Record: status, operands, result, then for each dimension size and strides of operands and result in bytes.

    Attributes:
      formula: a name in `FORMULAS`. element: the type in memory. wide: the type that is computed in. signed: whether integers are signed.
      operands: how many there are. rank: how many dimensions the box has.
    """

    formula: str
    element: str
    wide: str
    signed: bool
    operands: int
    rank: int

    @property
    def title(self) -> str:
        return "".join([f" {c.lower()}" if c.isupper() else c for c in self.formula]).strip()

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        status = slots.pointer()
        places = [slots.pointer() for _ in range(self.operands + 1)]
        axes = slots.axes(self.rank, len(places))
        with each_position(function, axes, begin, end, len(places)) as position:
            pointers = [function.offset(place, "i8", offset) for place, offset in zip(places, position.offsets, strict=True)]
            values = [function.convert("fpext", function.load(self.element, pointer), self.wide) for pointer in pointers[:-1]]
            result, fails = FORMULAS[self.formula](function, self.wide, self.signed).emit(*values)
            function.store(function.convert("fptrunc", result, self.element), pointers[-1])
            if fails is not None:
                with function.when(fails):
                    function.store(constant("i64", 1), status, 8)
        function.ret()


def element_calls(node: Node, formula: type[Formula], *, wide: str | None = None, cost: int = 1, may_fail: bool = False) -> list[Call]:
    """Return the call that does an operation for each element, with broadcasting.

    Args:
      node: its operands are those of the operation. formula: what is done. wide: the type that is computed in, where not that in memory.
      cost: of one element, in divisions. may_fail: the formula may.
    """
    count = math.prod(node.shape)
    if not count:
        return []
    element = element_type(node)
    strides = [*[_broadcast_strides(source.shape, node.shape) for source in node.inputs], row_strides(node.shape)]
    shape, strides = collapse(node.shape, *strides)  # type: ignore[assignment]
    signed = not node.dtype.is_unsigned
    kernel = Elements(formula.__name__, element, wide or element, signed, len(node.inputs), len(shape))
    pointers = [*[Pointer(source) for source in node.inputs], Pointer(node)]
    box = box_arguments(shape, *strides, scale=bytes_of(element))
    moved = sum([source.types[0].num_bytes or 0 for source in (*node.inputs, node)])
    return [Call(kernel, (Status(), *pointers, *box), count, max(1, _WORTH // cost), may_fail, count, moved)]


def _broadcast_strides(shape: Sequence[int], target: Sequence[int]) -> tuple[int, ...]:
    """Return an operand's strides, in elements, along the dimensions of the result."""
    own = [0 if size == 1 else step for size, step in zip(shape, row_strides(shape), strict=True)]
    return (*[0] * (len(target) - len(shape)), *own)


# --- lowerings ---------------------------------------------------------------------------------------------------------


def _whole_or_float(node: Node, whole: type[Formula], floating: type[Formula]) -> list[Call]:
    """Return the call for a division or a remainder; that of whole numbers may fail."""
    if node.dtype.is_integer:
        return element_calls(node, whole, may_fail=True)
    return element_calls(node, floating, wide=_rounded_once(node), cost=10)


def _rounded_once(node: Node) -> str | None:
    """Return the type in which floats are divided: NumPy does half precision by way of single precision, rounding once."""
    return "float" if element_type(node) == "half" else None


@lowers(floordiv)
def lower_floordiv(node: Node, host: Host) -> list[Call]:
    """Return the call for the quotient rounded down."""
    return _whole_or_float(node, FloorDivision, FloatFloorDivision)


@lowers(floormod)
def lower_floormod(node: Node, host: Host) -> list[Call]:
    """Return the call for the remainder."""
    return _whole_or_float(node, FloorRemainder, FloatFloorRemainder)


@lowers(truncatediv)
def lower_truncatediv(node: Node, host: Host) -> list[Call]:
    """Return the call for the quotient of whole numbers rounded towards zero."""
    return element_calls(node, TruncatedDivision, may_fail=True)


@lowers(power)
def lower_power(node: Node, host: Host) -> list[Call]:
    """Return the call for a whole power; it fails for a negative exponent."""
    if not node.dtype.is_integer:
        raise NotLowered("powers of floats are steps of loops")
    return element_calls(node, Power, may_fail=not node.dtype.is_unsigned)


@lowers(div_no_nan)
def lower_div_no_nan(node: Node, host: Host) -> list[Call]:
    """Return the call for a division that gives 0 where the divisor is 0."""
    return element_calls(node, DivisionWithoutNan, wide=_rounded_once(node))


@lowers(round_)
def lower_round(node: Node, host: Host) -> list[Call]:
    """Return the call that rounds."""
    return element_calls(node, Round)


@lowers(lgamma)
def lower_lgamma(node: Node, host: Host) -> list[Call]:
    """Return the call for the logarithm of the gamma function."""
    return _gamma_calls(node, LogGamma)


@lowers(digamma)
def lower_digamma(node: Node, host: Host) -> list[Call]:
    """Return the call for the derivative of the logarithm of the gamma function."""
    return _gamma_calls(node, Digamma)


def _gamma_calls(node: Node, formula: type[Formula]) -> list[Call]:
    if element_type(node) == "half":
        raise NotLowered("no instruction rounds double to half precision at once")
    return element_calls(node, formula, wide="double", cost=16)
