"""Rows taken out of an array at given indices."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphopt import shapes
from graphopt.backends.native.emitter import Function, Module, Value
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Call, Pointer, Status, kernel_function
from graphopt.backends.native.lowering import NotLowered, element_type, lowers
from graphopt.backends.native.movement.boxes import Slots
from graphopt.backends.native.rows.parts import IndexVectors, axis_arguments, copy_row, fail_unless, rows_worth_a_thread, unit_of
from graphopt.ir.node import Node
from graphopt.ops.gradient_rows import take_rows
from graphopt.ops.indexing import gather_op
from graphopt.ops.nd import gather_nd_op
from graphopt.ops.picking import batch_gather_op


@dataclass(frozen=True)
class TakeRows:
    """Copies rows of an array at index vectors. Its items are rows of the result; what is outside of the array is not read.

    Record: source, indices, target, the status, bytes of a row, then `IndexVectors`.

    Attributes:
      index_bytes: the size of an index. depth: how many indices name a row. unit: bytes of a row that is one number, else 0.
    """

    index_bytes: int
    depth: int
    unit: int

    @property
    def title(self) -> str:
        return "take rows"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, indices, target, status = (slots.pointer() for _ in range(4))
        size = slots.integer()
        vectors = IndexVectors(function, slots, indices, self.index_bytes, self.depth)
        with function.loop(begin, end) as loop:
            if not self.unit:
                vectors.fetch_ahead(source, loop.index, end)
            to_row = function.offset(target, "i8", function.mul(loop.index, size))
            _take(function, vectors, loop.index, (source, to_row, size, status), self.unit)
        function.ret()


@dataclass(frozen=True)
class TakeRowsOfBoxes:
    """Copies rows of each of several arrays of one shape, at the same indices or at its own. Its items are the arrays.

    Record: source, indices, target, status, bytes of a row, bytes of a source array, how many indices, how many arrays one after the
    other have the same ones, then `IndexVectors` of one number.

    Attributes:
      index_bytes: the size of an index. unit: bytes of a row that is one number, else 0.
    """

    index_bytes: int
    unit: int

    @property
    def title(self) -> str:
        return "take rows along an axis"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, indices, target, status = (slots.pointer() for _ in range(4))
        size, box, count, alike = slots.integers(4)
        vectors = IndexVectors(function, slots, indices, self.index_bytes, 1)
        with function.loop(begin, end) as outer:
            own = function.offset(source, "i8", function.mul(outer.index, box))
            first = function.mul(function.let("udiv", outer.index, alike), count)
            written = function.mul(outer.index, count)
            with function.loop(0, count) as loop:
                to_row = function.offset(target, "i8", function.mul(function.add(written, loop.index), size))
                _take(function, vectors, function.add(first, loop.index), (own, to_row, size, status), self.unit)
        function.ret()


def _take(function: Function, vectors: IndexVectors, position: Value, places: tuple[Value, Value, Value, Value], unit: int) -> None:
    source, to_row, size, status = places
    numbers = vectors.numbers(position)
    inside = vectors.are_inside(numbers)
    with function.when(inside):
        copy_row(function, to_row, function.offset(source, "i8", vectors.offset(numbers)), size, unit)
    fail_unless(function, inside, status)


# --- calls and lowerings -----------------------------------------------------------------------------------------------


def _take_call(node: Node, depth: int, fallible: bool = True) -> Call:
    source, indices = node.inputs
    element_type(node)
    itemsize = node.dtype.np.itemsize
    size = math.prod(source.shape[depth:]) * itemsize
    count = math.prod(indices.shape) // depth
    kernel = TakeRows(indices.dtype.np.itemsize, depth, unit_of(size))
    axes = axis_arguments(source.shape[:depth], size)
    grain = rows_worth_a_thread(size, 0.5 if kernel.unit else 4.0)
    arguments = (Pointer(source), Pointer(indices), Pointer(node), Status(), size, *axes)
    return Call(kernel, arguments, count, grain, fallible=fallible, bytes_moved=2 * count * size)


def _take_from_boxes(node: Node, axis: int, batch_dims: int) -> list[Call]:
    source, indices = node.inputs
    element_type(node)
    outer, limit = math.prod(source.shape[:axis]), source.shape[axis]
    if not outer:
        raise NotLowered("there is nothing to take from")
    size = math.prod(source.shape[axis + 1 :]) * node.dtype.np.itemsize
    own_indices = math.prod(source.shape[:batch_dims])
    count = math.prod(indices.shape[batch_dims:])
    kernel = TakeRowsOfBoxes(indices.dtype.np.itemsize, unit_of(size))
    grain = -(-rows_worth_a_thread(size, 0.5 if kernel.unit else 4.0) // max(1, count))
    numbers = (size, limit * size, count, outer // own_indices, limit, size)
    arguments = (Pointer(source), Pointer(indices), Pointer(node), Status(), *numbers)
    return [Call(kernel, arguments, outer, grain, fallible=True, bytes_moved=2 * outer * count * size)]


@lowers(gather_op)
def _gather(node: Node, host: Host) -> list[Call]:
    axis = shapes.normalize_axis(node.attributes["axis"], len(node.inputs[0].shape))
    return _take_from_boxes(node, axis, 0) if axis else [_take_call(node, 1)]


@lowers(batch_gather_op)
def _batch_gather(node: Node, host: Host) -> list[Call]:
    return _take_from_boxes(node, node.attributes["axis"], node.attributes["batch_dims"])


@lowers(gather_nd_op)
def _gather_nd(node: Node, host: Host) -> list[Call]:
    depth = node.inputs[1].shape[-1]
    if not depth:
        raise NotLowered("empty index vectors name the whole array")
    return [_take_call(node, depth)]


@lowers(take_rows)
def _take_rows(node: Node, host: Host) -> list[Call]:
    return [_take_call(node, 1, fallible=False)]  # its indices have been checked
