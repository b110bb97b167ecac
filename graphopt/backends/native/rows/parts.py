"""What the kernels for rows are made of: index vectors read and checked, rows copied, and vectors along a row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from graphopt.backends.native.emitter import Function, Value, bytes_of, constant, lanes_of, suffix, vector
from graphopt.backends.native.movement.boxes import Slots, row_strides

# How many rows ahead memory is asked for: the tables that rows are taken from don't fit the caches.
_AHEAD = 16
_WORTH_NANOSECONDS = 20_000

# Threads share the rows that are written by where they stand: each of so many shares belongs to one thread, which goes through all the
# updates and does those of its own rows. So the updates of a row are done in order, whoever does them.
SHARES = 64
_LINE_BITS = 6  # no two shares have part of a cache line


class Axis(NamedTuple):
    """What one number of an index vector counts.

    Attributes:
      limit: how many there are. stride: bytes from one to the next.
    """

    limit: Value
    stride: Value


class IndexVectors:
    """The index vectors of a kernel: each names a row of an array.

    Record: for each number of a vector how many there are, and bytes from one to the next.

    Args:
      function: the kernel. slots: its record. pointer: the first vector. index_bytes: of a number. depth: how many numbers a vector has.
    """

    def __init__(self, function: Function, slots: Slots, pointer: Value, index_bytes: int, depth: int) -> None:
        self._function = function
        self.pointer = pointer
        self._type = f"i{8 * index_bytes}"
        self.axes = [Axis(slots.integer(), slots.integer()) for _ in range(depth)]

    def numbers(self, position: Value) -> list[Value]:
        """Return the numbers of the vector at a position, as i64."""
        function = self._function
        first = function.offset(self.pointer, self._type, function.mul(position, len(self.axes)))
        loaded = [function.load(self._type, function.offset(first, self._type, i)) for i in range(len(self.axes))]
        return [function.convert("sext", number, "i64") for number in loaded]

    def offset(self, numbers: Sequence[Value]) -> Value:
        """Return the bytes from the beginning of the array to the row that the numbers name."""
        total = constant("i64", 0)
        for number, axis in zip(numbers, self.axes, strict=True):
            total = self._function.add(self._function.mul(number, axis.stride), total)
        return total

    def are_inside(self, numbers: Sequence[Value]) -> Value:
        """Return whether the numbers name a row that there is."""
        inside = [self._function.compare("ult", number, axis.limit) for number, axis in zip(numbers, self.axes, strict=True)]
        found = inside[0]
        for other in inside[1:]:
            found = self._function.let("and", found, other)
        return found

    def fetch_ahead(self, array: Value, position: Value, end: Value, for_writing: bool = False) -> None:
        """Ask for the memory of a row some positions later."""
        function = self._function
        last = function.add(end, -1)
        later = function.intrinsic("smin", function.add(position, _AHEAD), last)
        row = function.offset(array, "i8", self.offset(self.numbers(later)))
        for line in (0, 64):
            arguments = (constant("i32", int(for_writing)), constant("i32", 3), constant("i32", 1))
            function.call("llvm.prefetch.p0", "void", function.offset(row, "i8", line), *arguments)


def fail_unless(function: Function, condition: Value, status: Value) -> None:
    """Write 1 into the status when a condition doesn't hold."""
    with function.when(function.let("xor", condition, constant("i1", True))):
        function.store(constant("i64", 1), status)


def copy_row(function: Function, target: Value, source: Value, size: Value, unit: int) -> None:
    """Write the copy of a row.

    Args:
      target, source: where it goes and stands. size: its bytes (i64). unit: its bytes where the kernel's structure knows them, else 0.
    """
    if unit:
        function.store(function.load(f"i{8 * unit}", source), target)
    else:
        function.call("llvm.memcpy.p0.p0.i64", "void", target, source, size, constant("i1", False))


def unit_of(row_bytes: int) -> int:
    """Return the bytes of a row that is one number, and 0 for longer ones."""
    return row_bytes if row_bytes in (1, 2, 4, 8) else 0


class Part:
    """Some elements of a row side by side, while a kernel is written.

    Args:
      function: the kernel. at: the number of the first one.

    Attributes:
      lanes: how many. mask: which of them there are, or None for all.
    """

    def __init__(self, function: Function, at: Value, lanes: int, mask: Value | None) -> None:
        self._function = function
        self._at = at
        self.lanes = lanes
        self.mask = mask

    def load(self, element: str, row: Value) -> Value:
        """Return these elements of a row."""
        place, type_ = self._function.offset(row, element, self._at), vector(self.lanes, element)
        return self._function.load(type_, place) if self.mask is None else self._function.masked_load(type_, place, self.mask)

    def store(self, value: Value, element: str, row: Value) -> None:
        """Write these elements of a row."""
        place = self._function.offset(row, element, self._at)
        if self.mask is None:
            self._function.store(value, place)
        else:
            self._function.masked_store(value, place, self.mask)


def along_row(function: Function, element: str, width: Value, body: Callable[[Part], None]) -> None:
    """Write `body` for vectors of the elements of a row, and once more for those left over.

    Args:
      function: the kernel. element: the widest type among the elements. width: how many there are (i64). body: writes the work of a part.
    """
    host = function.module.host
    lanes = host.lanes(bytes_of(element))
    rest = function.let("and", width, constant("i64", lanes - 1))
    whole = function.let("sub", width, rest)
    with function.loop(0, whole, lanes) as loop:
        body(Part(function, loop.index, lanes, None))
    # Masks for small elements came with AVX-512; before AVX2 there were none.
    if host.vector_bytes == 64 or (host.vector_bytes == 32 and bytes_of(element) >= 4):
        with function.when(function.compare("sgt", rest, constant("i64", 0))):
            body(Part(function, whole, lanes, function.first_lanes(rest, lanes)))
    else:
        with function.loop(whole, width) as loop:
            body(Part(function, loop.index, 1, None))


def rows_worth_a_thread(row_bytes: int, nanoseconds: float = 4.0) -> int:
    """Return how many rows make some 20 microseconds of work, when one costs `nanoseconds` and what moving its bytes costs."""
    return max(1, round(_WORTH_NANOSECONDS / (nanoseconds + row_bytes / 20)))


def axis_arguments(shape: Sequence[int], row_bytes: int) -> list[int]:
    """Return the slots of `IndexVectors` for an array with these first dimensions."""
    return [number for limit, step in zip(shape, row_strides(shape), strict=True) for number in (limit, step * row_bytes)]


def any_lane(function: Function, condition: Value) -> Value:
    """Return whether a condition holds in any lane."""
    return condition if lanes_of(condition.type) == 1 else function.call(f"llvm.vector.reduce.or.{suffix(condition.type)}", "i1", condition)


def share_arguments(count: int, row_bytes: int) -> tuple[int, int]:
    """Return the logarithm of the bytes that go to one share of a target, and how many shares are worth a thread.

    Args:
      count: how many updates there are. row_bytes: bytes of a row.
    """
    worth = rows_worth_a_thread(row_bytes, 1.0 if unit_of(row_bytes) else 4.0)
    return max(_LINE_BITS, row_bytes.bit_length() - 1), min(SHARES, -(-SHARES * worth // max(1, count)))


def is_own_share(function: Function, offset: Value, share_bits: Value, begin: Value, end: Value) -> Value:
    """Return whether the row at an offset (bytes) is in one of the shares from `begin` to `end`."""
    share = function.let("and", function.let("lshr", offset, share_bits), constant("i64", SHARES - 1))
    return function.compare("ult", function.let("sub", share, begin), function.let("sub", end, begin))
