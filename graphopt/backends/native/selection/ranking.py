"""Sorted order: positions of sorted elements, the largest ones of a row, places in sorted rows. Equal elements keep their order."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphopt.backends.native.emitter import Function, Loop, Module, Value, constant, vector
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Call, Pointer, Scratch, kernel_function
from graphopt.backends.native.lowering import element_type, lowers
from graphopt.backends.native.movement.boxes import Slots
from graphopt.backends.native.movement.padding import zero_calls
from graphopt.backends.native.selection.ordering import before, less, load_wide, wide_type
from graphopt.ir.node import Node, item_of
from graphopt.ops.nn import in_top_k_op, top_k_op
from graphopt.ops.partition import argsort_op, searchsorted_op

# Elements worth a thread: some 20 microseconds of counting, of picking the largest, of sorting and of searching.
_WORTH_COUNTING = 1 << 18
_WORTH_PICKING = 1 << 15
_WORTH_SORTING = 1 << 9
_WORTH_SEARCHING = 1 << 9

# Up to this many the largest are found by insertion; it would be slow for rows that rise.
_FEW = 32


# --- merge sort --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class SortedOrder:
    """Sorts rows by merging and stores the positions of the elements that come first. Its items are rows.

    Record: operand, positions, values, scratch memory, its bytes for each thread, how many elements a row has and how many are stored,
    how many rows lie side by side (their elements are as far apart).

    Attributes:
      element: the operand's element type. signed: whether integers are signed. descending: the largest come first.
      with_values: the sorted elements are stored too.
    """

    element: str
    signed: bool
    descending: bool
    with_values: bool

    @property
    def title(self) -> str:
        return "sort"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, thread = kernel_function(module, name)
        slots = Slots(function, record)
        source, positions, values, scratch = (slots.pointer() for _ in range(4))
        scratch_bytes, size, kept, step = slots.integers(4)
        memory = function.offset(scratch, "i8", function.mul(thread, scratch_bytes))
        # Eight bytes for every element, though fewer may do: so all of them are aligned.
        quarters = [function.offset(memory, "i64", function.mul(size, number)) for number in range(4)]
        keys, places = quarters[:2], quarters[2:]
        with function.loop(begin, end) as row:
            outer = function.let("udiv", row.index, step)
            inner = function.let("sub", row.index, function.mul(outer, step))
            read = function.add(function.mul(function.mul(outer, size), step), inner)
            write = function.add(function.mul(function.mul(outer, kept), step), inner)
            with function.loop(0, size) as loop:
                element = function.load(self.element, self._place(function, source, self.element, read, loop.index, step))
                function.store(element, function.offset(keys[0], self.element, loop.index))
                function.store(function.convert("trunc", loop.index, "i32"), function.offset(places[0], "i32", loop.index))
            ordered_keys, ordered_places = self._sort(function, keys, places, size)
            with function.loop(0, kept) as loop:
                place = function.load("i32", function.offset(ordered_places, "i32", loop.index))
                function.store(place, self._place(function, positions, "i32", write, loop.index, step))
                if self.with_values:
                    key = function.load(self.element, function.offset(ordered_keys, self.element, loop.index))
                    function.store(key, self._place(function, values, self.element, write, loop.index, step))
        function.ret()

    def _place(self, function: Function, array: Value, type_: str, first: Value, index: Value, step: Value) -> Value:
        return function.offset(array, type_, function.add(first, function.mul(index, step)))

    def _sort(self, function: Function, keys: list[Value], places: list[Value], size: Value) -> tuple[Value, Value]:
        """Write the sort of keys and their places and return where they stand after it."""
        zeros = function.call("llvm.ctlz.i64", "i64", function.add(size, -1), constant("i1", False))
        passes = function.let("sub", constant("i64", 64), zeros)
        with function.loop(0, passes, carried=[*keys, *places]) as round_:
            keys_in, keys_out, places_in, places_out = round_.carried
            width = function.let("shl", constant("i64", 1), round_.index)
            with function.loop(0, size, function.mul(width, 2)) as pair:
                middle = self._at_most(function, function.add(pair.index, width), size)
                end = self._at_most(function, function.add(middle, width), size)
                self._merge(function, (keys_in, places_in), (keys_out, places_out), pair.index, middle, end)
            round_.carry(keys_out, keys_in, places_out, places_in)
        return round_.results[0], round_.results[2]

    def _at_most(self, function: Function, a: Value, b: Value) -> Value:
        return function.intrinsic("smin", a, b)

    def _merge(
        self, function: Function, source: tuple[Value, Value], target: tuple[Value, Value], begin: Value, middle: Value, end: Value
    ) -> None:
        """Write the merge of two neighbouring sorted runs, one element a round and without branches."""
        last_left, last_right = function.add(middle, -1), function.add(end, -1)
        with function.loop(begin, end, carried=[begin, middle]) as loop:
            left, right = loop.carried
            # An exhausted run is looked at once more where it ended, and its element is not taken.
            places = [self._at_most(function, left, last_left), self._at_most(function, right, last_right)]
            raw = [function.load(self.element, function.offset(source[0], self.element, place)) for place in places]
            a, b = [function.convert("fpext", element, wide_type(self.element)) for element in raw]
            has_left, has_right = function.compare("slt", left, middle), function.compare("slt", right, end)
            comes_first = before(function, b, a, self.signed, self.descending)
            no_left = function.let("xor", has_left, constant("i1", True))
            takes_right = function.let("and", has_right, function.let("or", no_left, comes_first))
            function.store(function.select(takes_right, raw[1], raw[0]), function.offset(target[0], self.element, loop.index))
            place = function.load("i32", function.offset(source[1], "i32", function.select(takes_right, places[1], places[0])))
            function.store(place, function.offset(target[1], "i32", loop.index))
            taken = function.convert("zext", takes_right, "i64")
            loop.carry(function.add(left, function.let("sub", constant("i64", 1), taken)), function.add(right, taken))


def _sort_call(x: Node, kernel: SortedOrder, positions: Node, values: Node, size: int, kept: int, step: int) -> Call:
    scratch = -(-4 * 8 * size // 64) * 64
    arguments = (Pointer(x), Pointer(positions), Pointer(values), Scratch("sorted", scratch, per_thread=True), scratch, size, kept, step)
    rows = math.prod(x.shape) // size
    return Call(kernel, arguments, rows, max(1, _WORTH_SORTING // size), bytes_moved=2 * (x.types[0].num_bytes or 0))


@lowers(argsort_op)
def lower_argsort(node: Node, host: Host) -> list[Call]:
    """Return the call that sorts along an axis."""
    x = node.inputs[0]
    if not math.prod(x.shape):
        return []
    axis = node.attributes["axis"] % len(x.shape)
    kernel = SortedOrder(element_type(x), not x.dtype.is_unsigned, node.attributes["descending"], False)
    size = x.shape[axis]
    return [_sort_call(x, kernel, node, node, size, size, math.prod(x.shape[axis + 1 :]))]


# --- the largest elements ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class LargestFew:
    """Finds the largest elements of rows by inserting each that is large enough. Its items are rows.

    Record: operand, values, positions, elements of a row, how many are wanted.

    Attributes:
      element: the operand's element type. signed: whether integers are signed.
    """

    element: str
    signed: bool

    @property
    def title(self) -> str:
        return "largest elements"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, values, positions = (slots.pointer() for _ in range(3))
        size, wanted = slots.integers(2)
        with function.loop(begin, end) as row:
            read = function.offset(source, self.element, function.mul(row.index, size))
            first = function.mul(row.index, wanted)
            found = (function.offset(values, self.element, first), function.offset(positions, "i32", first))
            last = function.offset(found[0], self.element, function.add(wanted, -1))
            with function.loop(0, wanted) as loop:
                self._insert(function, read, loop.index, found, loop.index)
            with function.loop(wanted, size) as loop:
                element = load_wide(function, self.element, function.offset(read, self.element, loop.index))
                with function.when(before(function, element, load_wide(function, self.element, last), self.signed, True)):
                    self._insert(function, read, loop.index, found, function.add(wanted, -1))
        function.ret()

    def _insert(self, function: Function, row: Value, index: Value, found: tuple[Value, Value], place: Value) -> None:
        """Write the insertion of one element: from `place` on towards the front, smaller ones move back by one."""
        raw = function.load(self.element, function.offset(row, self.element, index))
        element = function.convert("fpext", raw, wide_type(self.element))
        position = function.convert("trunc", index, "i32")
        with function.loop(0, place, carried=[place]) as loop:
            [at] = loop.carried
            former = function.add(at, -1)
            other = load_wide(function, self.element, function.offset(found[0], self.element, former))
            moves = before(function, element, other, self.signed, True)
            with function.when(moves):
                for array, type_ in zip(found, (self.element, "i32"), strict=True):
                    function.store(function.load(type_, function.offset(array, type_, former)), function.offset(array, type_, at))
            loop.carry(function.select(moves, former, at))
        at = loop.results[0]
        function.store(raw, function.offset(found[0], self.element, at))
        function.store(position, function.offset(found[1], "i32", at))


@lowers(top_k_op)
def lower_top_k(node: Node, host: Host) -> list[Call]:
    """Return the call that finds the largest elements of each row."""
    x, values, positions = node.inputs[0], item_of(node, 0), item_of(node, 1)
    size, wanted = x.shape[-1], values.shape[-1]
    if not math.prod(values.shape):
        return []
    signed = not x.dtype.is_unsigned
    if wanted > _FEW:
        return [_sort_call(x, SortedOrder(element_type(x), signed, True, True), positions, values, size, wanted, 1)]
    arguments = (Pointer(x), Pointer(values), Pointer(positions), size, wanted)
    rows, grain = math.prod(x.shape[:-1]), max(1, _WORTH_PICKING // size)
    return [Call(LargestFew(element_type(x), signed), arguments, rows, grain, bytes_moved=x.types[0].num_bytes or 0)]


@dataclass(frozen=True)
class InLargest:
    """Tells for each row whether few enough elements are larger than the target's. Its items are rows.

    Record: float32 predictions, targets, how many may be in, result, elements of a row.

    Attributes:
      index: the type of targets and limit.
    """

    index: str

    @property
    def title(self) -> str:
        return "among the largest"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, targets, limit, result = (slots.pointer() for _ in range(4))
        size = slots.integer()
        most = function.convert("sext", function.load(self.index, limit), "i64")
        lanes, zero = module.host.lanes(4), constant("i64", 0)
        whole = function.let("and", size, constant("i64", -lanes))
        with function.loop(begin, end) as row:
            read = function.offset(source, "float", function.mul(row.index, size))
            target = function.convert("sext", function.load(self.index, function.offset(targets, self.index, row.index)), "i64")
            is_class = function.compare("ult", target, size)
            own = function.load("float", function.offset(read, "float", function.select(is_class, target, zero)))
            start = [constant(vector(lanes, "i32"), 0), constant(vector(lanes, "i1"), True)]
            with function.loop(0, whole, lanes, carried=start) as loop:
                self._count(function, loop, read, own, lanes)
            better, finite = loop.results
            counted = [
                function.call(f"llvm.vector.reduce.add.v{lanes}i32", "i32", better),
                function.call(f"llvm.vector.reduce.and.v{lanes}i1", "i1", finite),
            ]
            with function.loop(whole, size, carried=counted) as rest:
                self._count(function, rest, read, own, 1)
            better, finite = rest.results
            is_in = function.compare("slt", function.convert("zext", better, "i64"), most)
            found = function.let("and", function.let("and", is_in, finite), is_class)
            function.store(function.convert("zext", found, "i8"), function.offset(result, "i8", row.index))
        function.ret()

    def _count(self, function: Function, loop: Loop, row: Value, own: Value, lanes: int) -> None:
        value = function.load(vector(lanes, "float"), function.offset(row, "float", loop.index))
        size = function.intrinsic("fabs", value)
        is_finite = function.compare("olt", size, constant(value.type, math.inf))
        is_better = function.compare("ogt", value, function.splat(own, lanes))
        better, finite = loop.carried
        loop.carry(function.add(better, function.convert("zext", is_better, "i32")), function.let("and", finite, is_finite))


@lowers(in_top_k_op)
def lower_in_top_k(node: Node, host: Host) -> list[Call]:
    """Return the call that counts the larger predictions of each row."""
    predictions, targets, limit = node.inputs
    rows, size = predictions.shape
    if not rows:
        return []
    if not size:
        return zero_calls(node)
    arguments = (Pointer(predictions), Pointer(targets), Pointer(limit), Pointer(node), size)
    return [Call(InLargest(element_type(targets)), arguments, rows, max(1, _WORTH_COUNTING // size), bytes_moved=4 * rows * size)]


# --- places in sorted rows ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BinarySearch:
    """Finds where elements would have to stand in sorted rows. Its items are elements.

    Record: rows, elements looked for, result, elements of a row, elements looked for in each.

    Attributes:
      element: the type of rows and elements looked for. signed: whether integers are signed. result: the result's element type.
      after_equal: the place is behind equal elements, not before them.
    """

    element: str
    signed: bool
    result: str
    after_equal: bool

    @property
    def title(self) -> str:
        return "search in sorted rows"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        rows, wanted, result = (slots.pointer() for _ in range(3))
        size, each = slots.integers(2)
        zeros = function.call("llvm.ctlz.i64", "i64", size, constant("i1", False))
        rounds = function.let("sub", constant("i64", 64), zeros)
        with function.loop(begin, end) as item:
            row = function.offset(rows, self.element, function.mul(function.let("udiv", item.index, each), size))
            key = load_wide(function, self.element, function.offset(wanted, self.element, item.index))
            with function.loop(0, rounds, carried=[constant("i64", 0), size]) as loop:
                low, high = loop.carried
                middle = function.let("lshr", function.add(low, high), constant("i64", 1))
                is_open = function.compare("slt", low, high)
                place = function.select(is_open, middle, constant("i64", 0))
                element = load_wide(function, self.element, function.offset(row, self.element, place))
                goes_up = function.let("and", is_open, self._is_passed(function, element, key))
                goes_down = function.let("xor", is_open, goes_up)
                loop.carry(function.select(goes_up, function.add(middle, 1), low), function.select(goes_down, middle, high))
            found = function.convert("trunc", loop.results[0], self.result)
            function.store(found, function.offset(result, self.result, item.index))
        function.ret()

    def _is_passed(self, function: Function, element: Value, key: Value) -> Value:
        if not self.after_equal:
            return less(function, element, key, self.signed)
        larger = less(function, key, element, self.signed)
        return function.let("xor", larger, constant("i1", True))


@lowers(searchsorted_op)
def lower_searchsorted(node: Node, host: Host) -> list[Call]:
    """Return the call that searches in rows, which have to be sorted."""
    rows, wanted = node.inputs
    count = math.prod(wanted.shape)
    if not count:
        return []
    if not math.prod(rows.shape):
        return zero_calls(node)
    kernel = BinarySearch(element_type(rows), not rows.dtype.is_unsigned, element_type(node), node.attributes["side"] == "right")
    arguments = (Pointer(rows), Pointer(wanted), Pointer(node), rows.shape[-1], wanted.shape[-1])
    return [Call(kernel, arguments, count, _WORTH_SEARCHING, bytes_moved=2 * (node.types[0].num_bytes or 0))]
