"""Lowerings of checks of values: a check that fails sets the status, and NumPy, run again, says what is wrong."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphopt.backends.native.emitter import Function, Module, Value, bytes_of, constant, vector
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Call, Pointer, Status, kernel_function
from graphopt.backends.native.lowering import NotLowered, element_type, lowers
from graphopt.backends.native.movement.boxes import Slots
from graphopt.backends.native.selection.ordering import load_wide, wide_type
from graphopt.ir.node import Node
from graphopt.ops.control import check_numerics, check_true
from graphopt.ops.update_rule import check_sign

# Elements of a block, and how many blocks are worth a thread: some 20 microseconds.
_BLOCK = 1 << 13
_GRAIN = 16

# The bits of an exponent all of which are set in what is not finite.
_EXPONENT = {2: 0x7C00, 4: 0x7F800000, 8: 0x7FF0000000000000}

_CONDITIONS = {"positive": "ogt", "non-negative": "oge", "non-positive": "ole"}


def _fail(function: Function, status: Value, fails: Value) -> None:
    with function.when(fails):
        function.store(constant("i64", 1), status, 8)


@dataclass(frozen=True)
class CopyFinite:
    """Copies floats that have to be finite. Its items are blocks.

    Record: source, target, status, how many elements, elements of a block.

    Attributes:
      element_bytes: the size of an element.
    """

    element_bytes: int

    @property
    def title(self) -> str:
        return "check that all is finite"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, target, status = (slots.pointer() for _ in range(3))
        size, block = slots.integers(2)
        first, last = function.mul(begin, block), function.intrinsic("smin", function.mul(end, block), size)
        lanes = module.host.lanes(self.element_bytes)
        whole = function.add(first, function.let("and", function.let("sub", last, first), constant("i64", -lanes)))
        wrong = self._copy(function, (source, target), (first, whole), lanes)
        rest = self._copy(function, (source, target), (whole, last), 1)
        _fail(function, status, function.let("or", function.call(f"llvm.vector.reduce.or.v{lanes}i1", "i1", wrong), rest))
        function.ret()

    def _copy(self, function: Function, arrays: tuple[Value, Value], bounds: tuple[Value, Value], lanes: int) -> Value:
        """Write a copy and return which lanes saw a number that is not finite."""
        element = f"i{8 * self.element_bytes}"
        type_ = vector(lanes, element)
        exponent = constant(type_, _EXPONENT[self.element_bytes])
        with function.loop(*bounds, lanes, carried=[constant(vector(lanes, "i1"), False)]) as loop:
            bits = function.load(type_, function.offset(arrays[0], element, loop.index))
            function.store(bits, function.offset(arrays[1], element, loop.index))
            is_wrong = function.compare("eq", function.let("and", bits, exponent), exponent)
            loop.carry(function.let("or", loop.carried[0], is_wrong))
        return loop.results[0]


@lowers(check_numerics)
def lower_check_numerics(node: Node, host: Host) -> list[Call]:
    """Return the call that copies floats and looks for those that are not finite."""
    count, size = math.prod(node.shape), bytes_of(element_type(node))
    arguments = (Pointer(node.inputs[0]), Pointer(node), Status(), count, _BLOCK)
    return [Call(CopyFinite(size), arguments, -(-count // _BLOCK), _GRAIN, fallible=True, bytes_moved=2 * count * size)] if count else []


@dataclass(frozen=True)
class CheckTrue:
    """Asks that all conditions hold. The work is one item.

    Record: conditions, result (true), status, how many conditions there are.
    """

    @property
    def title(self) -> str:
        return "check conditions"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, _, _, _ = kernel_function(module, name)
        slots = Slots(function, record)
        conditions, result, status = (slots.pointer() for _ in range(3))
        with function.loop(0, slots.integer(), carried=[constant("i1", False)]) as loop:
            fails = function.compare("eq", function.load("i8", function.offset(conditions, "i8", loop.index)), constant("i8", 0))
            loop.carry(function.let("or", loop.carried[0], fails))
        function.store(constant("i8", 1), result)
        _fail(function, status, loop.results[0])
        function.ret()


@lowers(check_true)
def lower_check_true(node: Node, host: Host) -> list[Call]:
    """Return the call that looks at the condition; the data are for NumPy's message."""
    condition = node.inputs[0]
    return [Call(CheckTrue(), (Pointer(condition), Pointer(node), Status(), math.prod(condition.shape)), fallible=True)]


@dataclass(frozen=True)
class CheckSign:
    """Copies a number that has to be on one side of 0. The work is one item.

    Record: source, target, status.

    Attributes:
      element: the number's type. condition: LLVM's condition for it and 0.
    """

    element: str
    condition: str

    @property
    def title(self) -> str:
        return "check a sign"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, _, _, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, target, status = (slots.pointer() for _ in range(3))
        number = load_wide(function, self.element, source)
        holds = function.compare(self.condition, number, constant(wide_type(self.element), 0.0))
        function.store(function.load(self.element, source), target)
        _fail(function, status, function.let("xor", holds, constant("i1", True)))
        function.ret()


@lowers(check_sign)
def lower_check_sign(node: Node, host: Host) -> list[Call]:
    """Return the call that checks a scalar."""
    if node.shape != ():
        raise NotLowered("only the sign of a scalar is checked")
    kernel = CheckSign(element_type(node), _CONDITIONS[node.attributes["rule"]])
    return [Call(kernel, (Pointer(node.inputs[0]), Pointer(node), Status()), fallible=True)]
