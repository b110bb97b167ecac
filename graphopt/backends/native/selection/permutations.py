"""The permutation that undoes another."""

from __future__ import annotations

from dataclasses import dataclass

from graphopt.backends.native.emitter import Module, constant
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Call, Pointer, Status, kernel_function
from graphopt.backends.native.lowering import element_type, lowers
from graphopt.backends.native.movement.boxes import Slots
from graphopt.ir.node import Node
from graphopt.ops.sequence import invert_permutation


@dataclass(frozen=True)
class InvertPermutation:
    """Writes to each place that is named where it is named. The work is one item.

    Record: operand, result, status, how many places there are.

    Attributes:
      element: the type of places.
    """

    element: str

    @property
    def title(self) -> str:
        return "invert a permutation"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel. A place outside, or named twice, sets the status and nothing else."""
        function, record, _, _, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, target, status = (slots.pointer() for _ in range(3))
        size = slots.integer()
        nowhere = constant(self.element, -1)
        with function.loop(0, size) as loop:
            function.store(nowhere, function.offset(target, self.element, loop.index))
        with function.loop(0, size) as loop:
            place = function.convert("sext", function.load(self.element, function.offset(source, self.element, loop.index)), "i64")
            is_inside = function.compare("ult", place, size)
            pointer = function.offset(target, self.element, function.select(is_inside, place, constant("i64", 0)))
            is_free = function.compare("eq", function.load(self.element, pointer), nowhere)
            is_right = function.let("and", is_inside, is_free)
            with function.when(is_right):
                function.store(function.convert("trunc", loop.index, self.element), pointer)
            with function.when(function.let("xor", is_right, constant("i1", True))):
                function.store(constant("i64", 1), status, 8)
        function.ret()


@lowers(invert_permutation)
def lower_invert_permutation(node: Node, host: Host) -> list[Call]:
    """Return the call that inverts a permutation."""
    [size] = node.shape
    arguments = (Pointer(node.inputs[0]), Pointer(node), Status(), size)
    kernel = InvertPermutation(element_type(node))
    return [Call(kernel, arguments, fallible=True, bytes_moved=3 * (node.types[0].num_bytes or 0))] if size else []
