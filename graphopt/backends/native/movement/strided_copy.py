"""Copies of boxes of elements between arrays with any strides, and the choice of the kernel that does one best."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from graphopt.backends.native.emitter import Function, Module, Value, constant
from graphopt.backends.native.kernel import Argument, Call, kernel_function
from graphopt.backends.native.movement.boxes import Slots, Strides, box_arguments, collapse, each_position
from graphopt.backends.native.movement.transposition import SIDES, transposed_copy_call

# The fewest bytes worth a thread of their own: some 20 microseconds of copying rows, and of copying single elements.
ROW_BYTES = 1 << 20
ELEMENT_COUNT = 1 << 16

_BLOCK = 1 << 15
_MOST_THREADS = 64


@dataclass(frozen=True)
class BlockCopy:
    """Copies bytes that stand side by side. Its items are blocks.

    Record: source, target, how many bytes, bytes of a block.
    """

    @property
    def title(self) -> str:
        return "copy"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, target, size, block = slots.pointer(), slots.pointer(), slots.integer(), slots.integer()
        first = function.mul(begin, block)
        last = smaller(function, function.mul(end, block), size)
        count = function.let("sub", last, first)
        copy_bytes(function, function.offset(target, "i8", first), function.offset(source, "i8", first), count)
        function.ret()


@dataclass(frozen=True)
class StridedCopy:
    """Copies a box of elements between two arrays. Its items are rows: runs along the last dimension.

    Record: source, target, where an offset is located, the row's length, its strides in source and target, then for each outer dimension
    size and strides. Strides are bytes.

    Attributes:
      element_bytes: the size of an element. outer: how many dimensions the box has besides the row.
      row: ``"run"`` when a row is contiguous on both sides (its length counts bytes), ``"repeat"`` when one element fills it, otherwise
        ``"strided"``.
      located: ``"source"`` or ``"target"`` for the side that begins some bytes farther on, as many as the offset (i64) says.
    """

    element_bytes: int
    outer: int
    row: str
    located: str = ""

    @property
    def title(self) -> str:
        return {"run": "copy rows", "repeat": "repeat elements", "strided": "copy elements"}[self.row]

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, target = slots.pointer(), slots.pointer()
        if self.located:
            moved = function.offset(source if self.located == "source" else target, "i8", function.load("i64", slots.pointer()))
            source, target = (moved, target) if self.located == "source" else (source, moved)
        count, *steps = slots.integers(3)
        axes = slots.axes(self.outer, 2)
        with each_position(function, axes, begin, end) as position:
            from_row = function.offset(source, "i8", position.offsets[0])
            to_row = function.offset(target, "i8", position.offsets[1])
            if self.row == "run":
                copy_bytes(function, to_row, from_row, count)
            elif self.row == "repeat":
                fill_row(function, to_row, function.load(integer_type(self.element_bytes), from_row), count)
            else:
                copy_elements(function, (from_row, steps[0]), (to_row, steps[1]), count, self.element_bytes)
        function.ret()


# --- parts of kernels --------------------------------------------------------------------------------------------------


def integer_type(element_bytes: int) -> str:
    """Return the integer type in which elements of a size are moved."""
    return f"i{8 * element_bytes}"


def smaller(function: Function, a: Value, b: Value) -> Value:
    """Return the smaller of two i64."""
    return function.select(function.compare("slt", a, b), a, b)


def copy_bytes(function: Function, target: Value, source: Value, count: Value) -> None:
    """Write a copy of `count` (i64) bytes; source and target are the same place or apart."""
    function.call("llvm.memcpy.p0.p0.i64", "void", target, source, count, constant("i1", False))


def zero_bytes(function: Function, target: Value, count: Value) -> None:
    """Write zeros over `count` (i64) bytes."""
    function.call("llvm.memset.p0.i64", "void", target, constant("i8", 0), count, constant("i1", False))


def fill_row(function: Function, target: Value, element: Value, count: Value) -> None:
    """Write `element` into `count` (i64) places side by side.

    Whole vectors are stored as far as they go and the last one so that it ends with the row, partly over the one before.
    """
    element_bytes = int(element.type[1:]) // 8
    lanes = function.module.host.lanes(element_bytes)
    vectors = function.splat(element, lanes)
    last = function.add(count, -lanes)
    has_vectors = function.compare("sge", last, constant("i64", 0))
    with function.when(has_vectors):
        with function.loop(0, last, lanes) as loop:
            function.store(vectors, function.offset(target, element.type, loop.index), element_bytes)
        function.store(vectors, function.offset(target, element.type, last), element_bytes)
    short = function.select(has_vectors, constant("i64", 0), count)
    with function.loop(0, short) as loop:
        function.store(element, function.offset(target, element.type, loop.index))


def copy_elements(function: Function, source: tuple[Value, Value], target: tuple[Value, Value], count: Value, element_bytes: int) -> None:
    """Write a copy of `count` (i64) elements one by one; `source` and `target` are pointers with the bytes between elements."""
    element, zero = integer_type(element_bytes), constant("i64", 0)
    with function.loop(0, count, carried=[zero, zero]) as loop:
        reads, writes = loop.carried
        function.store(function.load(element, function.offset(source[0], "i8", reads)), function.offset(target[0], "i8", writes))
        loop.carry(function.add(reads, source[1]), function.add(writes, target[1]))


# --- calls -------------------------------------------------------------------------------------------------------------


def block_copy_call(source: Argument, target: Argument, size: int) -> Call:
    """Return the call that copies `size` bytes that stand side by side."""
    extent = -(-size // _BLOCK)
    return Call(BlockCopy(), (source, target, size, _BLOCK), extent, ROW_BYTES // _BLOCK, bytes_moved=2 * size)


def strided_copy_call(
    source: Argument,
    source_strides: Sequence[int],
    target: Argument,
    target_strides: Sequence[int],
    shape: Sequence[int],
    element_bytes: int,
) -> Call:
    """Return the call that copies a box of elements between two arrays that don't overlap (or are one).

    Args:
      source, target: addresses of the box's first element. source_strides, target_strides: for each dimension, in elements; those of
        the source may be 0, both may be negative. shape: the box's sizes. element_bytes: 1, 2, 4 or 8.
    """
    elements = math.prod(shape)
    if not elements:
        return block_copy_call(source, target, 0)
    sizes, (reads, writes) = collapse(shape, source_strides, target_strides)
    if not sizes or (len(sizes) == 1 and reads[0] == writes[0] == 1):
        return block_copy_call(source, target, elements * element_bytes)
    across = next((axis for axis in range(len(sizes) - 1) if reads[axis] == 1), None)
    if across is not None and writes[-1] == 1 and reads[-1] not in (0, 1):
        if min(sizes[across], sizes[-1]) >= SIDES[element_bytes] // 2:
            return transposed_copy_call(source, reads, target, writes, sizes, element_bytes, across)
        if sizes[across] > sizes[-1]:
            sizes, reads, writes = [(*own[:across], *own[across + 1 :], own[across]) for own in (sizes, reads, writes)]
    return _row_copy_call((source, target), sizes, reads, writes, element_bytes, "")


def located_copy_call(
    addresses: tuple[Argument, Argument, Argument],
    source_strides: Sequence[int],
    target_strides: Sequence[int],
    shape: Sequence[int],
    element_bytes: int,
    located: str,
) -> Call:
    """Return the call that copies a box one side of which begins where only the run knows.

    Args:
      addresses: of source, target and the offset in bytes. source_strides, target_strides, shape, element_bytes: as in
        `strided_copy_call`; there is at least one element. located: ``"source"`` or ``"target"``: what the offset moves.
    """
    sizes, (reads, writes) = collapse(shape, source_strides, target_strides)
    if not sizes:
        sizes, reads, writes = (1,), (1,), (1,)
    return _row_copy_call(addresses, sizes, reads, writes, element_bytes, located)


def _row_copy_call(
    addresses: tuple[Argument, ...], sizes: Strides, reads: Strides, writes: Strides, element_bytes: int, located: str
) -> Call:
    row = "strided" if writes[-1] != 1 or reads[-1] not in (0, 1) else "run" if reads[-1] == 1 else "repeat"
    worth = ELEMENT_COUNT if row == "strided" else ROW_BYTES // element_bytes
    sizes, reads, writes = _divided(sizes, reads, writes, worth)
    length = (sizes[-1] * element_bytes if row == "run" else sizes[-1], reads[-1] * element_bytes, writes[-1] * element_bytes)
    outer = box_arguments(sizes[:-1], reads[:-1], writes[:-1], scale=element_bytes)
    kernel = StridedCopy(element_bytes, len(sizes) - 1, row, located)
    moved = (2 if row != "repeat" else 1) * math.prod(sizes) * element_bytes
    return Call(kernel, (*addresses, *length, *outer), math.prod(sizes[:-1]), -(-worth // sizes[-1]), bytes_moved=moved)


def _divided(sizes: Strides, reads: Strides, writes: Strides, worth: int) -> tuple[Strides, Strides, Strides]:
    """Return the box with long rows cut into equal parts, each worth a thread, where there are too few rows to share among threads."""
    length = sizes[-1]
    parts = min(_MOST_THREADS, length // worth) if math.prod(sizes[:-1]) < _MOST_THREADS else 1
    parts = next((count for count in range(parts, 1, -1) if length % count == 0), 1)
    if parts == 1:
        return sizes, reads, writes
    part = length // parts
    return (*sizes[:-1], parts, part), (*reads[:-1], reads[-1] * part, reads[-1]), (*writes[:-1], writes[-1] * part, writes[-1])
