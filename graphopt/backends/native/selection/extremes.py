"""Positions of the largest and smallest elements along an axis: the first at ties, and the first NaN where there is one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphopt.backends.native.emitter import Function, Module, Value, bytes_of, constant, is_float, lanes_of, vector
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Call, Pointer, kernel_function
from graphopt.backends.native.lowering import NotLowered, element_type, lowers
from graphopt.backends.native.movement.boxes import Slots, each_column_block
from graphopt.backends.native.selection.ordering import load_wide, more_extreme, wide_type
from graphopt.ir.node import Node
from graphopt.ops.reduce import argmax_op, argmin_op

# Elements worth a thread, along rows and along columns: some 20 microseconds.
_WORTH_ROWS = 1 << 18
_WORTH_COLUMNS = 1 << 16


@dataclass(frozen=True)
class _Extremes:
    """What the two kernels have in common.

    Attributes:
      element: the operand's element type. signed: whether integers are signed. largest: which extreme is looked for.
      result: the result's element type.
    """

    element: str
    signed: bool
    largest: bool
    result: str

    @property
    def title(self) -> str:
        return "position of the largest" if self.largest else "position of the smallest"

    def _index_type(self) -> str:
        """Return the type of positions: as wide as the elements, where lanes hold both, but no less than 32 bits."""
        return "i64" if bytes_of(self.element) == 8 else "i32"

    def _lanes(self, module: Module) -> int:
        return module.host.lanes(max(bytes_of(wide_type(self.element)), 4))

    def _store(self, function: Function, index: Value, pointer: Value) -> None:
        wider = bytes_of(self.result) > bytes_of(index.type)
        function.store(function.convert("zext" if wider else "trunc", index, self.result), pointer)


@dataclass(frozen=True)
class RowExtremes(_Extremes):
    """Looks along rows. Its items are rows.

    Record: operand, result, elements of a row.
    """

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel: every lane keeps its best element, then the lanes are joined."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, target, size = slots.pointer(), slots.pointer(), slots.integer()
        lanes, index_type = self._lanes(module), self._index_type()
        whole = function.let("and", size, constant("i64", -lanes))
        with function.loop(begin, end) as row:
            pointer = function.offset(source, self.element, function.mul(row.index, size))
            first = function.splat(load_wide(function, self.element, pointer), lanes)
            start = [first, constant(vector(lanes, index_type), 0), constant(vector(lanes, "i1"), False)]
            with function.loop(0, whole, lanes, carried=start) as loop:
                place = function.offset(pointer, self.element, loop.index)
                value = load_wide(function, self.element, place, vector(lanes, self.element))
                loop.carry(*self._look(function, loop.carried, value, loop.index))
            with function.loop(whole, size, lanes, carried=loop.results) as rest:
                mask = function.first_lanes(function.let("sub", size, rest.index), lanes)
                place = function.offset(pointer, self.element, rest.index)
                loaded = function.masked_load(vector(lanes, self.element), place, mask)
                value = function.select(mask, function.convert("fpext", loaded, wide_type(self.element)), first)
                rest.carry(*self._look(function, rest.carried, value, rest.index))
            best, index, nans = rest.results
            found = self._joined(function, [best, index], lanes)[1]
            found = self._first_nan(function, pointer, size, found, function.call(f"llvm.vector.reduce.or.v{lanes}i1", "i1", nans))
            self._store(function, found, function.offset(target, self.result, row.index))
        function.ret()

    def _narrow(self, function: Function, index: Value) -> Value:
        return index if self._index_type() == "i64" else function.convert("trunc", index, "i32")

    def _look(self, function: Function, so_far: list[Value], value: Value, first: Value) -> list[Value]:
        """Return the best values so far, their positions, and where there was a NaN, with one more vector looked at.

        A NaN is no better than a number here, which keeps the chain from round to round short.
        """
        best, index, nans = so_far
        better = self._exceeds(function, value, best)
        lanes, index_type = lanes_of(index.type), self._index_type()
        numbers = ", ".join(f"{index_type} {lane}" for lane in range(lanes))
        positions = function.let("add", function.splat(self._narrow(function, first), lanes), Value(f"<{numbers}>", index.type))
        if is_float(value.type):
            nans = function.let("or", nans, function.compare("uno", value, value))
        return [function.select(better, value, best), function.select(better, positions, index), nans]

    def _exceeds(self, function: Function, a: Value, b: Value) -> Value:
        order = "gt" if self.largest else "lt"
        return function.compare(("o" if is_float(a.type) else "s" if self.signed else "u") + order, a, b)

    def _joined(self, function: Function, best: list[Value], lanes: int) -> list[Value]:
        """Return the best of all lanes, the earlier one of equal ones."""
        while lanes > 1:
            lanes //= 2
            lower, upper = (
                [function.shuffle(part, part, range(start, start + lanes)) if lanes > 1 else function.extract(part, start) for part in best]
                for start in (0, lanes)
            )
            is_same = function.compare("oeq" if is_float(lower[0].type) else "eq", upper[0], lower[0])
            earlier = function.let("and", function.compare("ult", upper[1], lower[1]), is_same)
            takes = function.let("or", self._exceeds(function, upper[0], lower[0]), earlier)
            best = [function.select(takes, upper[i], lower[i]) for i in range(2)]
        return best

    def _first_nan(self, function: Function, row: Value, size: Value, found: Value, any_nan: Value) -> Value:
        """Return the position of the row's first NaN where there is one, else what was found."""
        if not is_float(wide_type(self.element)):
            return found
        last = function.add(size, -1)
        bound = function.select(any_nan, size, constant("i64", 0))
        with function.loop(0, bound, carried=[found]) as loop:
            place = function.let("sub", last, loop.index)
            value = load_wide(function, self.element, function.offset(row, self.element, place))
            loop.carry(function.select(function.compare("uno", value, value), self._narrow(function, place), loop.carried[0]))
        return loop.results[0]


@dataclass(frozen=True)
class ColumnExtremes(_Extremes):
    """Looks along an axis with others behind it, at neighbouring columns at once. Its items are blocks of columns.

    Record: operand, result, elements along the axis, columns, blocks of columns.
    """

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, target = slots.pointer(), slots.pointer()
        size, columns, blocks = slots.integers(3)

        def look(lanes: int, element: Value, column: Value) -> None:
            places = function.offset(source, self.element, element), function.offset(target, self.result, column)
            self._look(function, lanes, *places, size, columns)

        each_column_block(function, begin, end, (size, columns, blocks), self._lanes(module), look)
        function.ret()

    def _look(self, function: Function, lanes: int, source: Value, target: Value, size: Value, columns: Value) -> None:
        index_type, lanes_type = self._index_type(), vector(lanes, self.element)
        start = [load_wide(function, self.element, source, lanes_type), constant(vector(lanes, index_type), 0)]
        with function.loop(1, size, carried=start) as loop:
            pointer = function.offset(source, self.element, function.mul(loop.index, columns))
            index = loop.index if index_type == "i64" else function.convert("trunc", loop.index, "i32")
            value = load_wide(function, self.element, pointer, lanes_type)
            best = loop.carried
            better = more_extreme(function, value, best[0], self.signed, self.largest)
            loop.carry(function.select(better, value, best[0]), function.select(better, function.splat(index, lanes), best[1]))
        self._store(function, loop.results[1], target)


@lowers(argmax_op, argmin_op)
def lower_arg_extreme(node: Node, host: Host) -> list[Call]:
    """Return the call that looks for the extremes along an axis."""
    x, axis = node.inputs[0], node.attributes["axis"] % len(node.inputs[0].shape)
    size, columns, rows = x.shape[axis], math.prod(x.shape[axis + 1 :]), math.prod(x.shape[:axis])
    if not size:
        raise NotLowered("there is no element along the axis")
    if not rows * columns:
        return []
    if size >= 1 << 31:
        raise NotLowered("an axis of that many elements has positions of 64 bits")
    structure = (element_type(x), not x.dtype.is_unsigned, node.op is argmax_op, element_type(node))
    moved = x.types[0].num_bytes or 0
    if columns == 1:
        grain = max(1, _WORTH_ROWS // size)
        return [Call(RowExtremes(*structure), (Pointer(x), Pointer(node), size), rows, grain, bytes_moved=moved)]
    lanes = host.lanes(max(bytes_of(wide_type(element_type(x))), 4))
    blocks = -(-columns // lanes)
    grain = max(1, _WORTH_COLUMNS // (size * min(lanes, columns)))
    arguments = (Pointer(x), Pointer(node), size, columns, blocks)
    return [Call(ColumnExtremes(*structure), arguments, rows * blocks, grain, bytes_moved=moved)]
