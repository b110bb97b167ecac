"""Rows in random order."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphopt.backends.native.emitter import Module, Value
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Call, Pointer, Scratch, Status, kernel_function
from graphopt.backends.native.lowering import element_type, lowers
from graphopt.backends.native.movement.boxes import Slots
from graphopt.backends.native.movement.strided_copy import block_copy_call
from graphopt.backends.native.random_numbers.drawing import draw_call
from graphopt.backends.native.rows.parts import unit_of
from graphopt.backends.native.rows.taking import TakeRows
from graphopt.ir.node import Node
from graphopt.ops.random import draw_order


@dataclass(frozen=True)
class Shuffle:
    """Writes the numbers from 0 on in random order: each in turn is exchanged with one from its place on. One thread does it all.

    Record: random words, order (i64), how many numbers.
    """

    @property
    def title(self) -> str:
        return "shuffle"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, _, _, _ = kernel_function(module, name)
        slots = Slots(function, record)
        words, order, count = slots.pointer(), slots.pointer(), slots.integer()

        def place(index: Value) -> Value:
            return function.offset(order, "i64", index)

        with function.loop(0, count) as loop:
            function.store(loop.index, place(loop.index))
        with function.loop(0, function.add(count, -1)) as loop:
            word = function.convert("zext", function.load("i32", function.offset(words, "i32", loop.index)), "i64")
            other = function.add(loop.index, function.let("urem", word, function.let("sub", count, loop.index)))
            own, found = function.load("i64", place(loop.index)), function.load("i64", place(other))
            function.store(own, place(other))
            function.store(found, place(loop.index))
        function.ret()


@lowers(draw_order)
def _draw_order(node: Node, host: Host) -> list[Call]:
    x = node.inputs[1]
    element_type(node)
    size = math.prod(x.shape) * x.dtype.np.itemsize
    if not size or x.shape[0:1] in ((), (1,)):
        return [block_copy_call(Pointer(x), Pointer(node), size)]
    count = x.shape[0]
    words, order = Scratch("words", 4 * (count + 3)), Scratch("order", 8 * count)
    draw = draw_call(node, host, "bits", "i32", count - 1, words)
    shuffle = Call(Shuffle(), (words, order, count), bytes_moved=12 * count)
    row_bytes = size // count
    arguments = (Pointer(x), order, Pointer(node), Status(), row_bytes, count, row_bytes)
    return [draw, shuffle, Call(TakeRows(8, 1, unit_of(row_bytes)), arguments, count, count, bytes_moved=2 * size)]
