"""Running sums and products along an axis, and sums over neighbours. Floats are added in NumPy's order, so the bits agree."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphopt.backends.native.emitter import Function, Module, Value, bytes_of, constant, is_float, vector
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Call, Pointer, kernel_function
from graphopt.backends.native.lowering import NotLowered, element_type, lowers
from graphopt.backends.native.movement.boxes import Slots, each_column_block
from graphopt.ir.node import Node
from graphopt.ops.normalization import window_sum
from graphopt.ops.sequence import cumprod_op, cumsum_op

# Elements worth a thread: some 20 microseconds of one after the other, and of whole vectors.
_WORTH_SINGLY = 1 << 15
_WORTH_VECTORS = 1 << 18


@dataclass(frozen=True)
class Scan:
    """Combines the elements along an axis one after the other and stores what it has after each, or before each.

    Its items are blocks of neighbouring columns, as many as a vector has lanes, that run side by side.

    Record: operand, result, elements along the axis, columns, blocks of columns.

    Attributes:
      element: the type of the elements. product: multiply, not add. exclusive: store before. reverse: go from the end.
      columns: there are other axes behind this one; otherwise there is one column.
    """

    element: str
    product: bool
    exclusive: bool
    reverse: bool
    columns: bool

    @property
    def title(self) -> str:
        return "running product" if self.product else "running sum"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, target = slots.pointer(), slots.pointer()
        size, columns, blocks = slots.integers(3)
        lanes = module.host.lanes(bytes_of(self.element)) if self.columns else 1
        last = function.mul(function.add(size, -1), columns)
        start, step = (last, function.let("sub", constant("i64", 0), columns)) if self.reverse else (constant("i64", 0), columns)

        def run(lanes: int, element: Value, column: Value) -> None:
            corner = function.add(element, start)
            places = [function.offset(array, self.element, corner) for array in (source, target)]
            self._run(function, lanes, places[0], places[1], size, step)

        each_column_block(function, begin, end, (size, columns, blocks), lanes, run)
        function.ret()

    def _run(self, function: Function, lanes: int, source: Value, target: Value, size: Value, step: Value) -> None:
        type_ = vector(lanes, self.element)
        neutral = 1 if self.product else 0
        # The first element is taken as it is: adding it to 0 would change -0.0.
        total = constant(type_, neutral) if self.exclusive else function.load(type_, source)
        function.store(total, target)
        with function.loop(1, size, carried=[total, source, target]) as loop:
            total, read, write = loop.carried
            following = function.offset(read, self.element, step)
            total = self._combined(function, total, function.load(type_, read if self.exclusive else following))
            write = function.offset(write, self.element, step)
            function.store(total, write)
            loop.carry(total, following, write)

    def _combined(self, function: Function, a: Value, b: Value) -> Value:
        opcode = "mul" if self.product else "add"
        return function.let(f"f{opcode}" if is_float(a.type) else opcode, a, b)


@lowers(cumsum_op, cumprod_op)
def lower_scan(node: Node, host: Host) -> list[Call]:
    """Return the call that runs along an axis."""
    x, axis = node.inputs[0], node.attributes["axis"] % len(node.shape)
    if not math.prod(x.shape):
        return []
    size, columns, rows = x.shape[axis], math.prod(x.shape[axis + 1 :]), math.prod(x.shape[:axis])
    element = element_type(x)
    kernel = Scan(element, node.op is cumprod_op, node.attributes["exclusive"], node.attributes["reverse"], columns > 1)
    lanes = host.lanes(bytes_of(element)) if columns > 1 else 1
    blocks = -(-columns // lanes)
    grain = max(1, (_WORTH_VECTORS // lanes if columns > 1 else _WORTH_SINGLY) // size)
    moved = 2 * (x.types[0].num_bytes or 0)
    return [Call(kernel, (Pointer(x), Pointer(node), size, columns, blocks), rows * blocks, grain, bytes_moved=moved)]


@dataclass(frozen=True)
class WindowSum:
    """Adds up the neighbours of each element up to a distance along rows, from the first to the last. Its items are rows.

    Record: operand, result, elements of a row, the distance.

    Attributes:
      element: float or double.
    """

    element: str

    @property
    def title(self) -> str:
        return "sum over neighbours"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel. What lies beyond an end is read as 0 and added like NumPy's padding."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, target = slots.pointer(), slots.pointer()
        size, radius = slots.integers(2)
        lanes = module.host.lanes(bytes_of(self.element))
        type_, shifts = vector(lanes, self.element), function.add(function.mul(radius, 2), 1)
        with function.loop(begin, end) as row:
            first = function.mul(row.index, size)
            read, write = (function.offset(array, self.element, first) for array in (source, target))
            with function.loop(0, size, lanes) as block:
                start = function.let("sub", block.index, radius)
                with function.loop(1, shifts, carried=[self._neighbours(function, type_, read, start, size)]) as loop:
                    more = self._neighbours(function, type_, read, function.add(start, loop.index), size)
                    loop.carry(function.let("fadd", loop.carried[0], more))
                mask = function.first_lanes(function.let("sub", size, block.index), lanes)
                function.masked_store(loop.results[0], function.offset(write, self.element, block.index), mask)
        function.ret()

    def _neighbours(self, function: Function, type_: str, row: Value, first: Value, size: Value) -> Value:
        """Return the elements from a position on, 0 before the row's beginning and behind its end."""
        lanes = function.module.host.lanes(bytes_of(self.element))
        begun = function.first_lanes(function.let("sub", constant("i64", 0), first), lanes)
        ended = function.first_lanes(function.let("sub", size, first), lanes)
        outside = function.let("xor", begun, constant(begun.type, True))
        mask = function.let("and", ended, outside)
        return function.masked_load(type_, function.offset(row, self.element, first), mask)


@lowers(window_sum)
def lower_window_sum(node: Node, host: Host) -> list[Call]:
    """Return the call that adds up neighbours along the last axis."""
    x, element = node.inputs[0], element_type(node)
    if element == "half":
        raise NotLowered("neighbours in half precision are added in Python")
    if not math.prod(x.shape):
        return []
    size = x.shape[-1]
    reach = min(node.attributes["radius"], size)
    rows, grain = math.prod(x.shape[:-1]), max(1, _WORTH_VECTORS // (size * (2 * reach + 1)))
    moved = 2 * (x.types[0].num_bytes or 0)
    return [Call(WindowSum(element), (Pointer(x), Pointer(node), size, reach), rows, grain, bytes_moved=moved)]
