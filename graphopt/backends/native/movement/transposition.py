"""Copies that turn an array: contiguous along one dimension where they read and along another where they write."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from graphopt.backends.native.emitter import Function, Module, Value, constant, vector
from graphopt.backends.native.kernel import Argument, Call, kernel_function
from graphopt.backends.native.movement.boxes import Axis, Slots, box_arguments, each_position

# How many rows and columns a tile has, by the size of an element.
SIDES = {1: 16, 2: 16, 4: 8, 8: 8}

# The fewest elements worth a thread of their own: some 20 microseconds.
_WORTH = 1 << 17


@dataclass(frozen=True)
class TransposedCopy:
    """Copies a box whose last dimension is contiguous in the target and another one, the one across, in the source.

    Its items are strips: as many positions along the dimension across as a tile has rows. Along a strip whole tiles go through
    registers, so that both arrays are read and written in runs; what is left over is copied element by element.

    Record: source, target, sizes of the dimension across and of the last, the target's stride across and the source's along the last
    dimension, bytes of a strip in source and target, then for each outer dimension size and strides, the last one counting the strips.
    Strides are bytes.

    Attributes:
      element_bytes: the size of an element. outer: how many dimensions the box has besides the two, without the strips.
    """

    element_bytes: int
    outer: int

    @property
    def title(self) -> str:
        return "transpose"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, target = slots.pointer(), slots.pointer()
        across, along, write_step, read_step = slots.integers(4)
        axes = slots.axes(self.outer + 1, 2)
        with each_position(function, axes, begin, end) as position:
            first = function.mul(position.indices[-1], strip_rows(self.element_bytes))
            rows = function.let("sub", across, first)
            strip = _Strip(
                function,
                self.element_bytes,
                Axis(along, [read_step, constant("i64", self.element_bytes)]),
                Axis(rows, [constant("i64", self.element_bytes), write_step]),
                function.offset(source, "i8", position.offsets[0]),
                function.offset(target, "i8", position.offsets[1]),
            )
            strip.copy()
        function.ret()


class _Strip:
    """Writes the copy of one strip.

    Args:
      function: the kernel. element_bytes: the size of an element.
      along: the dimension contiguous in the target. across: that contiguous in the source, from the strip's beginning on.
      source, target: where the strip begins.
    """

    def __init__(self, function: Function, element_bytes: int, along: Axis, across: Axis, source: Value, target: Value) -> None:
        self.function = function
        self.element = f"i{8 * element_bytes}"
        self.element_bytes = element_bytes
        self.along = along
        self.across = across
        self.source = source
        self.target = target

    def copy(self) -> None:
        """Write the tiles, then the elements that are left."""
        function, zero = self.function, constant("i64", 0)
        most = constant("i64", strip_rows(self.element_bytes))
        rows = function.select(function.compare("slt", self.across.size, most), self.across.size, most)
        mask = constant("i64", -SIDES[self.element_bytes])
        tiled_rows, tiled = function.let("and", rows, mask), function.let("and", self.along.size, mask)
        with function.loop(0, tiled, SIDES[self.element_bytes]) as column, function.loop(0, tiled_rows, SIDES[self.element_bytes]) as row:
            self._tile(row.index, column.index)
        with function.loop(0, rows) as row:
            reads = self._offset(self.source, row.index, self.across.strides[0])
            writes = self._offset(self.target, row.index, self.across.strides[1])
            done = function.select(function.compare("slt", row.index, tiled_rows), tiled, zero)
            with function.loop(done, self.along.size) as column:
                value = function.load(self.element, self._offset(reads, column.index, self.along.strides[0]))
                function.store(value, self._offset(writes, column.index, self.along.strides[1]))

    def _offset(self, pointer: Value, index: Value, stride: Value) -> Value:
        return self.function.offset(pointer, "i8", self.function.mul(index, stride))

    def _tile(self, row: Value, column: Value) -> None:
        function, side = self.function, SIDES[self.element_bytes]
        read = self._offset(self._offset(self.source, row, self.across.strides[0]), column, self.along.strides[0])
        write = self._offset(self._offset(self.target, row, self.across.strides[1]), column, self.along.strides[1])
        columns = []
        for _ in range(side):
            columns.append(function.load(vector(side, self.element), read))
            read = function.offset(read, "i8", self.along.strides[0])
        for turned in transposed(function, columns):
            function.store(turned, write)
            write = function.offset(write, "i8", self.across.strides[1])


def strip_rows(element_bytes: int) -> int:
    """Return how many elements a strip is wide: a whole number of tiles, and no less than what a cache line holds."""
    return max(SIDES[element_bytes], 64 // element_bytes)


def transposed(function: Function, rows: list[Value]) -> list[Value]:
    """Return the columns of a square tile whose rows are vectors; its side is a power of two.

    Blocks of lanes are exchanged between rows as far apart as a block is long, from half a side down to single lanes.
    """
    side = len(rows)
    block = side // 2
    while block:
        upper = [lane if not lane & block else side + lane - block for lane in range(side)]
        lower = [lane + block if not lane & block else side + lane for lane in range(side)]
        for i in range(side):
            if not i & block:
                a, b = rows[i], rows[i + block]
                rows[i], rows[i + block] = function.shuffle(a, b, upper), function.shuffle(a, b, lower)
        block //= 2
    return rows


def transposed_copy_call(
    source: Argument,
    reads: Sequence[int],
    target: Argument,
    writes: Sequence[int],
    sizes: Sequence[int],
    element_bytes: int,
    across: int,
) -> Call:
    """Return the call that copies a collapsed box whose last dimension is contiguous in the target.

    Args:
      source, target: addresses of the box's first element. reads, writes: strides in elements. sizes: the box's sizes.
      element_bytes: the size of an element. across: the dimension that is contiguous in the source.
    """
    outer = [axis for axis in range(len(sizes) - 1) if axis != across]
    width = strip_rows(element_bytes)
    strips = -(-sizes[across] // width)
    box = box_arguments(
        [*[sizes[axis] for axis in outer], strips],
        [*[reads[axis] for axis in outer], width],
        [*[writes[axis] for axis in outer], width * writes[across]],
        scale=element_bytes,
    )
    steps = (sizes[across], sizes[-1], writes[across] * element_bytes, reads[-1] * element_bytes)
    extent = math.prod([sizes[axis] for axis in outer]) * strips
    moved = 2 * math.prod(sizes) * element_bytes
    grain = max(1, _WORTH // (min(width, sizes[across]) * sizes[-1]))
    return Call(TransposedCopy(element_bytes, len(outer)), (source, target, *steps, *box), extent, grain, bytes_moved=moved)
