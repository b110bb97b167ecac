"""Boxes: n-dimensional ranges of elements that several arrays are walked through together, each with strides of its own."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Sequence

from graphopt.backends.native.emitter import Function, Loop, Value, constant
from graphopt.backends.native.kernel import slot

Strides = tuple[int, ...]


def row_strides(shape: Sequence[int]) -> Strides:
    """Return the strides, in elements, of an array that stands contiguous, row by row.

    >>> row_strides((2, 3, 4))
    (12, 4, 1)
    """
    return tuple([math.prod(shape[axis + 1 :]) for axis in range(len(shape))])


def collapse(shape: Sequence[int], *strides: Sequence[int]) -> tuple[tuple[int, ...], tuple[Strides, ...]]:
    """Return a box with as few dimensions as possible, in the order in which the last array is best walked through.

    Dimensions of size 1 are dropped, those with large strides in the last array (the one that is written) come first, and neighbours
    that are contiguous with each other in every array become one. Boxes that differ in the size of a batch collapse alike, so that
    they share a kernel.

    Args:
      shape: sizes, all above 0. strides: for each array its strides, in any unit.

    Returns:
      The sizes, and for each array its strides.

    >>> collapse((2, 3, 4), (12, 4, 1), (12, 1, 3))
    ((2, 4, 3), ((12, 1, 4), (12, 3, 1)))
    >>> collapse((2, 1, 4), (4, 4, 1), (4, 4, 1))
    ((8,), ((1,), (1,)))
    """
    kept = [axis for axis, size in enumerate(shape) if size != 1]
    kept.sort(key=lambda axis: [-abs(steps[axis]) for steps in reversed(strides)])
    merged: list[tuple[int, list[int]]] = []
    for axis in kept:
        size, steps = shape[axis], [own[axis] for own in strides]
        if merged and all(before == step * size for before, step in zip(merged[-1][1], steps, strict=True)):
            merged[-1] = (merged[-1][0] * size, steps)
        else:
            merged.append((size, steps))
    return tuple([size for size, _ in merged]), tuple([tuple([steps[i] for _, steps in merged]) for i in range(len(strides))])


class Slots:
    """Reads the slots of a kernel's record one after the other.

    Args:
      function: the kernel. record: its record.
    """

    def __init__(self, function: Function, record: Value) -> None:
        self._function = function
        self._record = record
        self._next = 0

    def pointer(self) -> Value:
        """Return the pointer in the next slot."""
        self._next += 1
        return slot(self._function, self._record, self._next - 1)

    def integer(self) -> Value:
        """Return the i64 in the next slot."""
        self._next += 1
        return slot(self._function, self._record, self._next - 1, "i64")

    def integers(self, count: int) -> list[Value]:
        """Return the i64s in the next slots."""
        return [self.integer() for _ in range(count)]

    def axes(self, rank: int, arrays: int) -> list[Axis]:
        """Return what `box_arguments` put into the next slots."""
        return [Axis(self.integer(), self.integers(arrays)) for _ in range(rank)]


class Axis:
    """One dimension of a box while a kernel is written.

    Attributes:
      size: its size. strides: for each array the bytes from one position to the next.
    """

    def __init__(self, size: Value, strides: Sequence[Value]) -> None:
        self.size = size
        self.strides = list(strides)


def box_arguments(shape: Sequence[int], *strides: Sequence[int], scale: int = 1) -> list[int]:
    """Return the slots of a box: for each dimension its size, then its stride in each array times `scale`."""
    return [number for axis, size in enumerate(shape) for number in (size, *[own[axis] * scale for own in strides])]


class Position:
    """A position in a box while a kernel is written.

    Attributes:
      indices: one index for each dimension. offsets: for each array the bytes from the box's beginning.
      carried: the values that the loop carries, as they are at the beginning of this round.
      results: after the loop, the values it ended with.
    """

    def __init__(self, loop: Loop, rank: int, arrays: int) -> None:
        self.indices = loop.carried[:rank]
        self.offsets = loop.carried[rank : rank + arrays]
        self.carried = loop.carried[rank + arrays :]
        self.next: list[Value] = []
        self.results: list[Value] = []

    def carry(self, *values: Value) -> None:
        """Say what the carried values are in the next round; call it last in the loop's body."""
        self.next = list(values)


@contextlib.contextmanager
def each_position(
    function: Function, axes: Sequence[Axis], begin: Value, end: Value, arrays: int = 2, carried: Sequence[Value] = ()
) -> Iterator[Position]:
    """Write a loop over the positions `begin` to `end` of a box, counted with the last dimension moving fastest.

    Divisions find the first position; from then on one addition for each array leads to the next.

    Args:
      function: what is written into. axes: the box's dimensions. begin, end: i64. arrays: how many arrays are walked through.
      carried: first values of what else the loop carries; say the next ones with ``carry``.
    """
    rank = len(axes)
    indices, offsets = _first_position(function, axes, begin, arrays)
    jumps = _jumps(function, axes, arrays)
    with function.loop(begin, end, carried=[*indices, *offsets, *carried]) as loop:
        position = Position(loop, rank, arrays)
        yield position
        if len(position.next) != len(position.carried):
            raise AssertionError(f"a loop carries {len(position.carried)} values and was given {len(position.next)} next ones")
        loop.carry(*_next_position(function, axes, position, jumps), *position.next)
    position.results = loop.results[rank + arrays :]


def _next_position(function: Function, axes: Sequence[Axis], position: Position, jumps: list[list[Value]]) -> list[Value]:
    """Return the indices and offsets of the following position."""
    if not axes:
        return position.offsets
    zero = constant("i64", 0)
    following = [function.add(index, 1) for index in position.indices]
    steps, nexts, carry = jumps[-1], [following[-1]], None
    for axis in range(len(axes) - 1, 0, -1):
        wraps = function.compare("eq", following[axis], axes[axis].size)
        carry = wraps if carry is None else function.let("and", carry, wraps)
        nexts[0] = function.select(carry, zero, nexts[0])
        steps = [function.select(carry, jump, step) for jump, step in zip(jumps[axis - 1], steps, strict=True)]
        nexts.insert(0, function.select(carry, following[axis - 1], position.indices[axis - 1]))
    return [*nexts, *[function.add(offset, step) for offset, step in zip(position.offsets, steps, strict=True)]]


def _first_position(function: Function, axes: Sequence[Axis], number: Value, arrays: int) -> tuple[list[Value], list[Value]]:
    if not axes:
        return [], [constant("i64", 0)] * arrays
    indices: list[Value] = []
    for axis in reversed(axes[1:]):
        quotient = function.let("udiv", number, axis.size)
        indices.insert(0, function.let("sub", number, function.mul(quotient, axis.size)))
        number = quotient
    indices.insert(0, number)
    offsets = [constant("i64", 0)] * arrays
    for axis, index in zip(axes, indices, strict=True):
        offsets = [function.add(function.mul(index, stride), offset) for stride, offset in zip(axis.strides, offsets, strict=True)]
    return indices, offsets


def _jumps(function: Function, axes: Sequence[Axis], arrays: int) -> list[list[Value]]:
    """Return for each dimension how far each array's offset moves when that dimension advances and all later ones begin anew."""
    way_back = [constant("i64", 0)] * arrays
    found: list[list[Value]] = []
    for axis in reversed(axes):
        found.insert(0, [function.let("sub", stride, back) for stride, back in zip(axis.strides, way_back, strict=True)])
        last = function.add(axis.size, -1)
        way_back = [function.add(function.mul(last, stride), back) for stride, back in zip(axis.strides, way_back, strict=True)]
    return found


def each_column_block(
    function: Function, begin: Value, end: Value, axes: tuple[Value, Value, Value], lanes: int, body: Callable[[int, Value, Value], None]
) -> None:
    """Write a loop over blocks of neighbouring columns, as wide as a vector; what is left of a row of columns is done one by one.

    Args:
      function: what is written into. begin, end: numbers of blocks. lanes: columns of a block.
      axes: size of the axis whose columns these are, how many columns lie side by side, and how many blocks they make.
      body: writes what is done with ``lanes`` columns (those of a block, or 1), given their place among all elements, at the beginning
        of the axis, and their place among all columns.
    """
    size, columns, blocks = axes
    with function.loop(begin, end) as item:
        outer = function.let("udiv", item.index, blocks)
        first = function.mul(function.let("sub", item.index, function.mul(outer, blocks)), lanes)
        row = function.mul(outer, columns)
        element, column = function.add(function.mul(row, size), first), function.add(row, first)
        left = function.let("sub", columns, first)
        is_whole = function.compare("sge", left, constant("i64", lanes))
        with function.when(is_whole):
            body(lanes, element, column)
        if lanes > 1:
            with function.loop(0, function.select(is_whole, constant("i64", 0), left)) as rest:
                body(1, function.add(element, rest.index), function.add(column, rest.index))
