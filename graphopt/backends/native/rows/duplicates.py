"""Rows whose index repeats, added up."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphopt import dtypes
from graphopt.backends.native.emitter import Function, Module, Value
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Argument, Call, Pointer, Scratch, kernel_function
from graphopt.backends.native.lowering import NotLowered, element_type, lowers
from graphopt.backends.native.movement.boxes import Slots
from graphopt.backends.native.movement.strided_copy import zero_bytes
from graphopt.backends.native.rows.combining import Combining
from graphopt.backends.native.rows.parts import SHARES, copy_row, is_own_share, rows_worth_a_thread, share_arguments
from graphopt.ir.node import Node
from graphopt.ops.gradient_rows import spread_row_sums

_GOLDEN = 0x9E3779B97F4A7C15 - 2**64  # Fibonacci hashing (Knuth, The Art of Computer Programming 3, 6.4)
_PLACE = 4  # bytes of a place
_MOST_ROWS = 2**31 - 1

# Where the index at `position` stood first. The table has places plus 1, at the first free slot from the index's hash on.
_FIND_FIRST = """
    %key_at = getelementptr INDEX, ptr %indices, i64 %position
    %key = load INDEX, ptr %key_at
    %wide = WIDENED
    %mixed = mul i64 %wide, GOLDEN
    %start = lshr i64 %mixed, %shift
    br label %probe
  probe:
    %at = phi i64 [ %start, %entry ], [ %wrapped, %step ]
    %slot = getelementptr i32, ptr %table, i64 %at
    %entry_there = load i32, ptr %slot
    %free = icmp eq i32 %entry_there, 0
    br i1 %free, label %take, label %compare
  take:
    %following = add i64 %position, 1
    %entry_new = trunc i64 %following to i32
    store i32 %entry_new, ptr %slot
    ret i64 %position
  compare:
    %place_short = sub i32 %entry_there, 1
    %place = zext i32 %place_short to i64
    %other_at = getelementptr INDEX, ptr %indices, i64 %place
    %other = load INDEX, ptr %other_at
    %same = icmp eq INDEX %other, %key
    br i1 %same, label %found, label %step
  step:
    %next = add i64 %at, 1
    %wrapped = and i64 %next, %mask
    br label %probe
  found:
    ret i64 %place
"""


@dataclass(frozen=True)
class FirstPlaces:
    """Finds for each index where it stood first, with a hash table. One thread does it all.

    Record: indices, table, places, how many indices, bytes of the table, 64 less the logarithm of its slots, its slots less 1.

    Attributes:
      index_bytes: the size of an index.
    """

    index_bytes: int

    @property
    def title(self) -> str:
        return "find repeated indices"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        self._emit_search(module)
        function, record, _, _, _ = kernel_function(module, name)
        slots = Slots(function, record)
        indices, table, places = (slots.pointer() for _ in range(3))
        count, table_bytes, shift, mask = slots.integers(4)
        zero_bytes(function, table, table_bytes)
        with function.loop(0, count) as loop:
            first = function.call(self._search, "i64", indices, table, loop.index, shift, mask)
            function.store(function.convert("trunc", first, "i32"), function.offset(places, "i32", loop.index))
        function.ret()

    @property
    def _search(self) -> str:
        return f"find_first_i{8 * self.index_bytes}"

    def _emit_search(self, module: Module) -> None:
        if not module.has(self._search):
            parameters = (("ptr", "indices"), ("ptr", "table"), ("i64", "position"), ("i64", "shift"), ("i64", "mask"))
            search = module.function(self._search, parameters, "i64", attributes="nounwind alwaysinline")
            widened = "or i64 %key, 0" if self.index_bytes == 8 else "sext INDEX %key to i64"
            text = _FIND_FIRST.replace("WIDENED", widened).replace("INDEX", f"i{8 * self.index_bytes}").replace("GOLDEN", str(_GOLDEN))
            for line in text.strip().splitlines():
                search.line(line.strip())


def _place(function: Function, places: Value, position: Value) -> Value:
    return function.convert("zext", function.load("i32", function.offset(places, "i32", position)), "i64")


@dataclass(frozen=True)
class SumRows:
    """Adds each row to the one at its first place, in order. Its items are shares of the result.

    Record: rows, places, result, how many rows, elements of a row, bytes of a row, the logarithm of the bytes that go to one share.

    Attributes:
      combining: how a row is added.
    """

    combining: Combining

    @property
    def title(self) -> str:
        return "add up repeated rows"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        rows, places, result = (slots.pointer() for _ in range(3))
        count, width, size, share_bits = slots.integers(4)
        with function.loop(0, count) as loop:
            first = _place(function, places, loop.index)
            offset = function.mul(first, size)
            with function.when(is_own_share(function, offset, share_bits, begin, end)):
                row = function.offset(rows, "i8", function.mul(loop.index, size))
                total = function.offset(result, "i8", offset)
                is_first = function.compare("eq", first, loop.index)
                with function.when(is_first):
                    copy_row(function, total, row, size, 0)
                with function.when(function.compare("ne", first, loop.index)):
                    self.combining.write(function, total, row, width)
        function.ret()


@dataclass(frozen=True)
class SpreadRows:
    """Copies each first row to the places where its index repeats. Its items are rows.

    Record: places, result, bytes of a row.
    """

    @property
    def title(self) -> str:
        return "spread sums of rows"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        places, result, size = slots.pointer(), slots.pointer(), slots.integer()
        with function.loop(begin, end) as loop:
            first = _place(function, places, loop.index)
            with function.when(function.compare("ne", first, loop.index)):
                total, row = (function.offset(result, "i8", function.mul(place, size)) for place in (first, loop.index))
                copy_row(function, row, total, size, 0)
        function.ret()


@lowers(spread_row_sums)
def _spread_row_sums(node: Node, host: Host) -> list[Call]:
    rows, indices = node.inputs
    element, count = element_type(node), math.prod(indices.shape)
    if node.dtype is dtypes.bool_ or not rows.shape or len(indices.shape) != 1 or rows.shape[0] != count or count > _MOST_ROWS:
        raise NotLowered("the rows and their indices don't fit")
    itemsize = node.dtype.np.itemsize
    width = math.prod(rows.shape[1:])
    size = width * itemsize
    table_bits = max(4, (2 * count).bit_length())
    table, places = Scratch("table", _PLACE << table_bits), Scratch("places", _PLACE * count)
    numbers = (count, _PLACE << table_bits, 64 - table_bits, (1 << table_bits) - 1)
    find = Call(FirstPlaces(indices.dtype.np.itemsize), (Pointer(indices), table, places, *numbers), bytes_moved=8 * count)
    share_bits, grain = share_arguments(count, size)
    arguments: tuple[Argument, ...] = (Pointer(rows), places, Pointer(node), count, width, size, share_bits)
    add = Call(SumRows(Combining("add", element, single=width == 1)), arguments, SHARES, grain, bytes_moved=2 * count * size)
    spread = Call(SpreadRows(), (places, Pointer(node), size), count, rows_worth_a_thread(size), bytes_moved=count * size)
    return [find, add, spread]
