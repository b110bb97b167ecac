"""Lowerings of elements taken along an axis, each at its own index, and of reversed beginnings of rows."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

from graphopt.backends.native.emitter import Function, Module, Value, bytes_of, constant, is_float
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Call, Pointer, Status, kernel_function
from graphopt.backends.native.lowering import NotLowered, element_type, lowers
from graphopt.backends.native.movement.boxes import Slots, box_arguments, collapse, each_position, row_strides
from graphopt.backends.native.movement.padding import zero_calls
from graphopt.backends.native.movement.strided_copy import ROW_BYTES, copy_bytes
from graphopt.backends.native.movement.views import element_bytes
from graphopt.ir.node import ITEM, Node
from graphopt.ops.layout import reverse_sequence_op
from graphopt.ops.nn import top_k_op
from graphopt.ops.partition import argsort_op
from graphopt.ops.picking import take_along, take_along_gradient

# Elements worth a thread: some 20 microseconds.
_WORTH = 1 << 14


def _check_ranked(indices: Node) -> None:
    """Raise NotLowered unless the indices are positions of elements, which can't lie outside of the axis.

    NumPy raises for others, though the op does not say that it may fail, so that variables may have been written before.
    """
    maker = indices.inputs[0] if indices.op is ITEM else indices
    if maker.op is not argsort_op and maker.op is not top_k_op:
        raise NotLowered("only NumPy checks indices along an axis")


def _index(function: Function, type_: str, pointer: Value, limit: Value) -> Value:
    """Return the index at a pointer; 0 for one that lies outside."""
    index = function.convert("sext", function.load(type_, pointer), "i64")
    return function.select(function.compare("ult", index, limit), index, constant("i64", 0))


@dataclass(frozen=True)
class TakeAlong:
    """Copies the elements at given places along an axis. Its items are elements of the result.

    Record: source, indices, target, size of the axis, bytes from one place to the next in the source, then for each dimension size and
    strides in bytes; that of the source along the axis is 0.

    Attributes:
      element: the elements' type. index: the indices' type. rank: how many dimensions there are.
    """

    element: str
    index: str
    rank: int

    @property
    def title(self) -> str:
        return "take along an axis"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        arrays = [slots.pointer() for _ in range(3)]
        limit, step = slots.integers(2)
        with each_position(function, slots.axes(self.rank, 3), begin, end, 3) as position:
            source, indices, target = (function.offset(a, "i8", offset) for a, offset in zip(arrays, position.offsets, strict=True))
            index = _index(function, self.index, indices, limit)
            place = function.offset(source, "i8", function.mul(index, step))
            function.store(function.load(self.element, place), target)
        function.ret()


@lowers(take_along)
def lower_take_along(node: Node, host: Host) -> list[Call]:
    """Return the call that takes ranked elements."""
    x, indices = node.inputs
    _check_ranked(indices)
    axis = node.attributes["axis"] % len(x.shape)
    if [size for i, size in enumerate(x.shape) if i != axis] != [size for i, size in enumerate(indices.shape) if i != axis]:
        raise NotLowered("the indices are broadcast")
    count, element, index = math.prod(node.shape), element_type(node), element_type(indices)
    if not count:
        return []
    reads = [0 if i == axis else step for i, step in enumerate(row_strides(x.shape))]
    own = row_strides(node.shape)
    strides = [[step * bytes_of(type_) for step in steps] for steps, type_ in ((reads, element), (own, index), (own, element))]
    shape, strides = collapse(node.shape, *strides)  # type: ignore[assignment]
    along = (x.shape[axis], row_strides(x.shape)[axis] * bytes_of(element))
    arguments = (Pointer(x), Pointer(indices), Pointer(node), *along, *box_arguments(shape, *strides))
    return [Call(TakeAlong(element, index, len(shape)), arguments, count, _WORTH, bytes_moved=3 * count * bytes_of(element))]


@dataclass(frozen=True)
class AddAlong:
    """Adds elements at given places along an axis of an array. Its items are the columns along the axis.

    Record: elements, indices, target, how many indices a column has, elements of the target along the axis, columns side by side.

    Attributes:
      element: the elements' type. index: the indices' type.
    """

    element: str
    index: str

    @property
    def title(self) -> str:
        return "add along an axis"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel. The indices of a column are done in order, as NumPy does them."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, indices, target = (slots.pointer() for _ in range(3))
        count, size, columns = slots.integers(3)
        with function.loop(begin, end) as item:
            outer = function.let("udiv", item.index, columns)
            inner = function.let("sub", item.index, function.mul(outer, columns))
            read = function.add(function.mul(function.mul(outer, count), columns), inner)
            write = function.add(function.mul(function.mul(outer, size), columns), inner)
            with function.loop(0, count) as loop:
                place = function.add(read, function.mul(loop.index, columns))
                index = _index(function, self.index, function.offset(indices, self.index, place), size)
                added = function.load(self.element, function.offset(source, self.element, place))
                to = function.offset(target, self.element, function.add(write, function.mul(index, columns)))
                opcode = "fadd" if is_float(self.element) else "add"
                function.store(function.let(opcode, function.load(self.element, to), added), to)
        function.ret()


@lowers(take_along_gradient)
def lower_take_along_gradient(node: Node, host: Host) -> list[Call]:
    """Return the calls that write zeros and add the gradients of ranked elements."""
    g, x, indices = node.inputs
    _check_ranked(indices)
    axis = node.attributes["axis"] % len(x.shape)
    if [size for i, size in enumerate(x.shape) if i != axis] != [size for i, size in enumerate(indices.shape) if i != axis]:
        raise NotLowered("the indices are broadcast")
    if g.shape != indices.shape:
        raise NotLowered("the gradient is broadcast")
    count = indices.shape[axis]
    if not math.prod(indices.shape):
        return zero_calls(node)
    columns = math.prod(x.shape[axis + 1 :])
    arguments = (Pointer(g), Pointer(indices), Pointer(node), count, x.shape[axis], columns)
    extent = math.prod(x.shape) // x.shape[axis]
    moved = 4 * (g.types[0].num_bytes or 0)
    call = Call(AddAlong(element_type(node), element_type(indices)), arguments, extent, max(1, _WORTH // count), bytes_moved=moved)
    return [*zero_calls(node), call]


@dataclass(frozen=True)
class ReversedRows:
    """Copies an array with the first places along an axis in reverse order, as many as the length of the row's batch element says.

    Its items are runs of elements behind both axes.

    Record: source, lengths, target, status, size of the axis, bytes from one place to the next, bytes of a run, then for each of four
    dimensions size and strides in bytes; those of the source along the axis, and of the lengths but for the batch, are 0.

    Attributes:
      index: the lengths' type. axis: which of the four dimensions is reversed.
    """

    index: str
    axis: int

    @property
    def title(self) -> str:
        return "reverse beginnings of rows"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        arrays = [slots.pointer() for _ in range(3)]
        status = slots.pointer()
        size, step, run = slots.integers(3)
        with each_position(function, slots.axes(4, 3), begin, end, 3) as position:
            source, lengths, target = (function.offset(a, "i8", offset) for a, offset in zip(arrays, position.offsets, strict=True))
            length = function.convert("sext", function.load(self.index, lengths), "i64")
            fails = function.compare("ugt", length, size)
            with function.when(fails):
                function.store(constant("i64", 1), status, 8)
            place = position.indices[self.axis]
            mirrored = function.let("sub", function.add(length, -1), place)
            is_reversed = function.let("and", function.compare("slt", place, length), function.let("xor", fails, constant("i1", True)))
            place = function.select(is_reversed, mirrored, place)
            copy_bytes(function, target, function.offset(source, "i8", function.mul(place, step)), run)
        function.ret()


@lowers(reverse_sequence_op)
def lower_reverse_sequence(node: Node, host: Host) -> list[Call]:
    """Return the call that reverses the beginning of each row."""
    x, lengths = node.inputs
    rank = len(x.shape)
    axis, batch = node.attributes["seq_axis"] % rank, node.attributes["batch_axis"] % rank
    if lengths.shape != (x.shape[batch],):
        raise NotLowered("there is not one length for each batch element")
    count, size = math.prod(x.shape), element_bytes(node)
    if not count:
        raise NotLowered("of an empty array only the lengths are checked")
    first, second = sorted((axis, batch))
    cuts = [0, first, first + 1, second, second + 1, rank]
    before, one, between, other, behind = (math.prod(x.shape[a:b]) for a, b in itertools.pairwise(cuts))
    shape, own = (before, one, between, other), [step * behind * size for step in row_strides((before, one, between, other))]
    reads = [0 if i == (1 if axis == first else 3) else step for i, step in enumerate(own)]
    each = [bytes_of(element_type(lengths)) if i == (3 if axis == first else 1) else 0 for i in range(4)]
    kernel = ReversedRows(element_type(lengths), 1 if axis == first else 3)
    step, run = own[kernel.axis], behind * size
    arguments = (Pointer(x), Pointer(lengths), Pointer(node), Status(), x.shape[axis], step, run, *box_arguments(shape, reads, each, own))
    grain = max(1, min(ROW_BYTES // 2 // run, _WORTH // 4))
    return [Call(kernel, arguments, math.prod(shape), grain, fallible=True, bytes_moved=2 * count * size)]
