"""Lowerings of regular sequences: ranges and evenly spaced numbers, with NumPy's steps and so its bits."""

from __future__ import annotations

from dataclasses import dataclass

from graphopt.backends.native.emitter import Function, Module, Value, constant, is_float
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Call, Pointer, kernel_function
from graphopt.backends.native.lowering import NotLowered, element_type, lowers
from graphopt.backends.native.movement.boxes import Slots
from graphopt.ir.node import Node
from graphopt.ops.sequence import linspace_op, range_op

# Elements worth a thread: some 20 microseconds.
_WORTH = 1 << 15

# Up to here the way over single precision to half precision rounds once.
_MOST_IN_SINGLE_PRECISION = 1 << 24


@dataclass(frozen=True)
class Progression:
    """Writes numbers that are evenly apart. Its items are elements.

    Record: first number, for a range the distance and otherwise the last number, result, how many there are.

    Attributes:
      element: the numbers' type. to_last: the last number is given, not the distance.
    """

    element: str
    to_last: bool

    @property
    def title(self) -> str:
        return "evenly spaced numbers" if self.to_last else "range"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        first, other, result = (slots.pointer() for _ in range(3))
        count = slots.integer()
        start, second = function.load(self.element, first), function.load(self.element, other)
        with function.loop(begin, end) as loop:
            if self.to_last:
                number = self._between(function, start, second, count, loop.index)
            else:
                opcodes = ("fmul", "fadd") if is_float(self.element) else ("mul", "add")
                number = function.let(opcodes[1], start, function.let(opcodes[0], self._number(function, loop.index), second))
            function.store(number, function.offset(result, self.element, loop.index))
        function.ret()

    def _number(self, function: Function, index: Value) -> Value:
        if is_float(self.element):
            return function.convert("sitofp", index, self.element)
        return index if self.element == "i64" else function.convert("trunc", index, self.element)

    def _between(self, function: Function, first: Value, last: Value, count: Value, index: Value) -> Value:
        """Return one number as ``numpy.linspace`` computes it; a step that vanishes is not divided before it is multiplied."""
        gaps, zero = function.add(count, -1), constant(self.element, 0.0)
        divisor, number = self._number(function, gaps), self._number(function, index)
        distance = function.let("fsub", last, first)
        step = function.let("fdiv", distance, divisor)
        by_step = function.let("fmul", number, step)
        by_part = function.let("fmul", function.let("fdiv", number, divisor), distance)
        moved = function.select(function.compare("oeq", step, zero), by_part, by_step)
        is_single = function.compare("eq", gaps, constant("i64", 0))
        moved = function.select(is_single, function.let("fmul", number, distance), moved)
        is_last = function.let("and", function.compare("eq", index, gaps), function.let("xor", is_single, constant("i1", True)))
        return function.select(is_last, last, function.let("fadd", moved, first))


@lowers(range_op, linspace_op)
def lower_progression(node: Node, host: Host) -> list[Call]:
    """Return the call that writes a sequence of known length."""
    [count] = node.shape
    first, second, third = node.inputs
    element = element_type(node)
    if element == "half" and count > _MOST_IN_SINGLE_PRECISION:
        raise NotLowered("so many numbers in half precision are counted in Python")
    if not count:
        return []
    to_last = node.op is linspace_op
    arguments = (Pointer(first), Pointer(second if to_last else third), Pointer(node), count)
    return [Call(Progression(element, to_last), arguments, count, _WORTH, bytes_moved=node.types[0].num_bytes or 0)]
