"""Random numbers that need one block each: uniforms, normals, integers.

Bits, uniforms and integers equal those of `graphopt.ops.philox`. Normals of single and half precision do too, but for one number in some
hundred million: both sides round what they compute in double precision, and are off by about one unit in the last place of that. Normals
of double precision differ from NumPy's in the last bits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphopt.backends.native.emitter import Function, Module, Value, bytes_of, constant
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Argument, Call, Pointer, Status, kernel_function
from graphopt.backends.native.lowering import element_type, lowers
from graphopt.backends.native.movement.boxes import Slots
from graphopt.backends.native.random_numbers.numbers import bits_of, integers, normals, uniforms
from graphopt.backends.native.random_numbers.stream import Stream, Words, consecutive, numbers_of_block, seed_arguments
from graphopt.ir.node import Node
from graphopt.ops.random import draw_int, draw_normal, draw_uniform

_WORTH_NANOSECONDS = 20_000


@dataclass(frozen=True)
class Draw:
    """Writes random numbers of consecutive blocks of a stream. Its items are vectors of blocks.

    Record: the address of the counter, target, seed, seed2, how many numbers; for integers the addresses of their bounds and the status.

    Attributes:
      kind: ``"bits"``, ``"uniform"``, ``"normal"`` or ``"integer"``. element: the LLVM type of a number.
    """

    kind: str
    element: str

    @property
    def title(self) -> str:
        return f"draw {self.kind} numbers"

    def blocks(self, host: Host) -> int:
        """Return how many blocks an item is."""
        return host.lanes(8)

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        counter, target = function.load("i64", slots.pointer()), slots.pointer()
        seed, seed2, count = slots.integers(3)
        bounds = self._bounds(function, slots, count) if self.kind == "integer" else None
        lanes = self.blocks(module.host)
        stream = Stream(function, seed, seed2, lanes)
        per_block = numbers_of_block(bytes_of(self.element))
        rest = function.value("ptr", f"alloca [{lanes * per_block} x {self.element}], align 64")
        with function.loop(begin, end) as loop:
            first = function.add(counter, function.mul(loop.index, lanes))
            words = stream.words(consecutive(function, first, lanes))
            numbers = self._numbers(function, words, bounds)
            done = function.mul(loop.index, lanes * per_block)
            place = function.offset(target, self.element, done)
            left = function.let("sub", count, done)
            is_whole = function.compare("sge", left, constant("i64", lanes * per_block))
            with function.when(is_whole):
                function.store(numbers, place)
            with function.when(function.let("xor", is_whole, constant("i1", True))):
                function.store(numbers, rest)
                with function.loop(0, left) as tail:
                    number = function.load(self.element, function.offset(rest, self.element, tail.index))
                    function.store(number, function.offset(place, self.element, tail.index))
        function.ret()

    def _numbers(self, function: Function, words: Words, bounds: tuple[Value, Value] | None) -> Value:
        if bounds is not None:
            return integers(function, words, *bounds)
        if self.kind == "bits":
            return bits_of(function, words)
        return (uniforms if self.kind == "uniform" else normals)(function, words, self.element)

    def _bounds(self, function: Function, slots: Slots, count: Value) -> tuple[Value, Value]:
        low, high = (function.load(self.element, slots.pointer()) for _ in range(2))
        status = slots.pointer()
        is_empty = function.compare("sge", low, high)
        with function.when(function.let("and", is_empty, function.compare("sgt", count, constant("i64", 0)))):
            function.store(constant("i64", 1), status)
        return low, high


# --- lowerings ---------------------------------------------------------------------------------------------------------

# What a number costs.
_NANOSECONDS = {"bits": 0.3, "uniform": 0.4, "normal": 1.5, "integer": 0.5}


def draw_call(node: Node, host: Host, kind: str, element: str, count: int, target: Argument, *more: Argument) -> Call:
    """Return the call that draws numbers.

    Args:
      node: the op's node, with the counter and the seeds. kind, element: of the kernel. count: how many numbers.
      target: where they go. more: the last slots of the record.
    """
    kernel = Draw(kind, element)
    seeds = seed_arguments(node.attributes["seed"], node.attributes["seed2"])
    arguments = (Pointer(node.inputs[0]), target, *seeds, count, *more)
    size = bytes_of(element)
    per_item = kernel.blocks(host) * numbers_of_block(size)
    grain = round(_WORTH_NANOSECONDS / (_NANOSECONDS[kind] * per_item))
    return Call(kernel, arguments, -(-count // per_item), grain, fallible=kind == "integer", bytes_moved=count * size)


def _draw(node: Node, host: Host, kind: str, *more: Argument) -> list[Call]:
    return [draw_call(node, host, kind, element_type(node), math.prod(node.shape), Pointer(node), *more)]


@lowers(draw_uniform)
def _draw_uniform(node: Node, host: Host) -> list[Call]:
    return _draw(node, host, "uniform")


@lowers(draw_normal)
def _draw_normal(node: Node, host: Host) -> list[Call]:
    return _draw(node, host, "normal")


@lowers(draw_int)
def _draw_int(node: Node, host: Host) -> list[Call]:
    return _draw(node, host, "integer", Pointer(node.inputs[2]), Pointer(node.inputs[3]), Status())
