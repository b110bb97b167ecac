"""Updates written into rows of an array, or combined with what stands there, at given indices."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from graphopt import dtypes, shapes
from graphopt.backends.native.emitter import Module, is_float
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Call, Pointer, Status, kernel_function
from graphopt.backends.native.lowering import NotLowered, element_type, lowers
from graphopt.backends.native.movement.boxes import Slots
from graphopt.backends.native.movement.filling import constant_fill_call
from graphopt.backends.native.movement.strided_copy import copy_bytes
from graphopt.backends.native.rows.checking import check_vectors_call
from graphopt.backends.native.rows.combining import Combining
from graphopt.backends.native.rows.parts import (
    SHARES,
    IndexVectors,
    axis_arguments,
    fail_unless,
    is_own_share,
    rows_worth_a_thread,
    share_arguments,
)
from graphopt.ir.node import Node
from graphopt.ir.opdef import OpDef
from graphopt.ops.indexing import gather_gradient
from graphopt.ops.nd import nd_add, nd_subtract, nd_update, scatter_nd_op
from graphopt.ops.picking import batch_gather_gradient
from graphopt.ops.state import rows_add, rows_divide, rows_max, rows_min, rows_multiply, rows_subtract, rows_update


@dataclass(frozen=True)
class WriteRows:
    """Combines updates with rows of an array, in the order of the indices. Its items are shares of the array.

    What is outside of the array is neither read nor written.

    Record: target, indices, updates, the status, how many indices, elements of a row, the logarithm of the bytes that go to one share,
    then `IndexVectors`.

    Attributes:
      combining: how an update is combined. index_bytes: the size of an index. depth: how many indices name a row.
    """

    combining: Combining
    index_bytes: int
    depth: int

    @property
    def title(self) -> str:
        return f"{self.combining.how} rows"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        target, indices, updates, status = (slots.pointer() for _ in range(4))
        count, width, share_bits = slots.integers(3)
        vectors = IndexVectors(function, slots, indices, self.index_bytes, self.depth)
        with function.loop(0, count) as loop:
            if not self.combining.single:
                vectors.fetch_ahead(target, loop.index, count, for_writing=True)
            numbers = vectors.numbers(loop.index)
            inside = vectors.are_inside(numbers)
            offset = vectors.offset(numbers)
            own = is_own_share(function, offset, share_bits, begin, end)
            with function.when(function.let("and", inside, own)):
                update = updates
                if not self.combining.repeated:
                    update = function.offset(updates, self.combining.element, function.mul(loop.index, width))
                self.combining.write(function, function.offset(target, "i8", offset), update, width)
            fail_unless(function, inside, status)
        function.ret()


@dataclass(frozen=True)
class AddRowsOfBoxes:
    """Adds to rows of each of several arrays of one shape, at the same indices or at its own. Its items are the arrays.

    Record: target, indices, updates, elements of a row, bytes of an array, how many indices, how many arrays one after the other have
    the same ones, then `IndexVectors` of one number.

    Attributes:
      element: the LLVM type of an element. index_bytes: the size of an index. single: a row is one element.
    """

    element: str
    index_bytes: int
    single: bool

    @property
    def title(self) -> str:
        return "add to rows along an axis"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        target, indices, updates = (slots.pointer() for _ in range(3))
        width, box, count, alike = slots.integers(4)
        vectors = IndexVectors(function, slots, indices, self.index_bytes, 1)
        combining = Combining("add", self.element, single=self.single)
        with function.loop(begin, end) as outer:
            own = function.offset(target, "i8", function.mul(outer.index, box))
            first = function.mul(function.let("udiv", outer.index, alike), count)
            done = function.mul(outer.index, count)
            with function.loop(0, count) as loop:
                numbers = vectors.numbers(function.add(first, loop.index))
                with function.when(vectors.are_inside(numbers)):
                    update = function.offset(updates, self.element, function.mul(function.add(done, loop.index), width))
                    combining.write(function, function.offset(own, "i8", vectors.offset(numbers)), update, width)
        function.ret()


@dataclass(frozen=True)
class CopyOnce:
    """Copies bytes unless they stand in the target's place already, as they nearly always do: it is not worth waking threads for.

    Record: source, target, how many bytes.
    """

    @property
    def title(self) -> str:
        return "copy unless in place"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, _, _, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, target, size = slots.pointer(), slots.pointer(), slots.integer()
        with function.when(function.compare("ne", source, target)):
            copy_bytes(function, target, source, size)
        function.ret()


# --- calls -------------------------------------------------------------------------------------------------------------


def copy_once_call(source: Node, target: Node) -> Call:
    """Return the call that copies a value to where a step writes its result, which may be the value's own place."""
    size = math.prod(source.shape) * source.dtype.np.itemsize
    arguments = (Pointer(source), Pointer(target), size)
    return Call(CopyOnce(), arguments, bytes_moved=2 * size)


def write_call(node: Node, combine: str, indices: Node, updates: Node, depth: int, fallible: bool) -> Call:
    """Return the call that combines updates with rows of the result, which holds what they are combined with.

    Args:
      node: the result. combine: how. indices: vectors of `depth` indices. updates: a row for each, or one number for all.
      fallible: the indices have not been checked.
    """
    element, signed = _element(node, combine)
    itemsize = node.dtype.np.itemsize
    width = math.prod(node.shape[depth:])
    count = math.prod(indices.shape) // depth
    repeated = updates.shape == () and count * width != 1
    kernel = WriteRows(Combining(combine, element, signed, width == 1, repeated), indices.dtype.np.itemsize, depth)
    share_bits, grain = share_arguments(count, width * itemsize)
    arguments = (Pointer(node), Pointer(indices), Pointer(updates), Status(), count, width, share_bits)
    axes = axis_arguments(node.shape[:depth], width * itemsize)
    moved = 3 * count * width * itemsize
    return Call(kernel, (*arguments, *axes), SHARES, grain, fallible=fallible, bytes_moved=moved)


def _element(node: Node, combine: str) -> tuple[str, bool]:
    """Return the LLVM type in which elements are combined, and whether it is a signed integer."""
    element = element_type(node)
    if combine == "set":
        return f"i{8 * node.dtype.np.itemsize}", False
    if node.dtype is dtypes.bool_:
        raise NotLowered("truth values are combined in Python")
    if combine == "divide" and not is_float(element):
        raise NotLowered("integers are divided in Python")
    return element, np.issubdtype(node.dtype.np, np.signedinteger)


# --- lowerings ---------------------------------------------------------------------------------------------------------


def _enter_rows(op: OpDef, how: str) -> None:
    """Enter the lowering of an op that combines updates with rows; their indices have been checked."""

    @lowers(op)
    def lower(node: Node, host: Host) -> list[Call]:
        x, indices, updates = node.inputs
        return [copy_once_call(x, node), write_call(node, how, indices, updates, 1, fallible=False)]


_enter_rows(rows_update, "set")
_enter_rows(rows_add, "add")
_enter_rows(rows_subtract, "subtract")
_enter_rows(rows_multiply, "multiply")
_enter_rows(rows_divide, "divide")
_enter_rows(rows_max, "max")
_enter_rows(rows_min, "min")


def _enter_nd(op: OpDef, how: str) -> None:
    """Enter the lowering of an op that checks its index vectors and combines updates with what they name."""

    @lowers(op)
    def lower(node: Node, host: Host) -> list[Call]:
        x, indices, updates = node.inputs
        depth = _depth(indices)
        check = check_vectors_call(x, indices, depth)
        return [check, copy_once_call(x, node), write_call(node, how, indices, updates, depth, fallible=False)]


_enter_nd(nd_update, "set")
_enter_nd(nd_add, "add")
_enter_nd(nd_subtract, "subtract")


@lowers(scatter_nd_op)
def _scatter_nd(node: Node, host: Host) -> list[Call]:
    indices, updates = node.inputs[:2]
    return [_zeros_call(node), write_call(node, "add", indices, updates, _depth(indices), fallible=True)]


@lowers(gather_gradient)
def _gather_gradient(node: Node, host: Host) -> list[Call]:
    g, params, indices = node.inputs
    axis = shapes.normalize_axis(node.attributes["axis"], len(params.shape))
    if axis:
        return _add_to_boxes(node, g, indices, axis, 0)
    return [_zeros_call(node), write_call(node, "add", indices, g, 1, fallible=False)]


@lowers(batch_gather_gradient)
def _batch_gather_gradient(node: Node, host: Host) -> list[Call]:
    g, _, indices = node.inputs
    return _add_to_boxes(node, g, indices, node.attributes["axis"], node.attributes["batch_dims"])


def _add_to_boxes(node: Node, g: Node, indices: Node, axis: int, batch_dims: int) -> list[Call]:
    element, _ = _element(node, "add")
    outer, limit, width = math.prod(node.shape[:axis]), node.shape[axis], math.prod(node.shape[axis + 1 :])
    if not outer:
        raise NotLowered("there is nothing to add to")
    row_bytes = width * node.dtype.np.itemsize
    count = math.prod(indices.shape[batch_dims:])
    kernel = AddRowsOfBoxes(element, indices.dtype.np.itemsize, width == 1)
    alike = outer // math.prod(node.shape[:batch_dims])
    arguments = (Pointer(node), Pointer(indices), Pointer(g), width, limit * row_bytes, count, alike, limit, row_bytes)
    grain = -(-rows_worth_a_thread(row_bytes, 1.0 if width == 1 else 4.0) // max(1, count))
    return [_zeros_call(node), Call(kernel, arguments, outer, grain, bytes_moved=3 * outer * count * row_bytes)]


def _zeros_call(node: Node) -> Call:
    return constant_fill_call(Pointer(node), math.prod(node.shape), node.dtype.np.itemsize)


def _depth(indices: Node) -> int:
    depth: int = indices.shape[-1]
    if not depth:
        raise NotLowered("empty index vectors name the whole array")
    return depth
