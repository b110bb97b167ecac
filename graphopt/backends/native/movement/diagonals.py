"""Lowerings of diagonals and bands of matrices, which stand in the last two axes. A diagonal is a copy with a stride of a row and one."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphopt.backends.native.emitter import Module, constant
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Call, Pointer, kernel_function
from graphopt.backends.native.lowering import lowers
from graphopt.backends.native.movement.boxes import Slots, row_strides
from graphopt.backends.native.movement.padding import zero_calls
from graphopt.backends.native.movement.strided_copy import ROW_BYTES, copy_bytes, integer_type, zero_bytes
from graphopt.backends.native.movement.views import Region, copy_calls, element_bytes, whole_region
from graphopt.ir.node import Node
from graphopt.ops.matrix import diag_op, diag_part_op, matrix_band_part_op, matrix_diag_op, matrix_diag_part_op, matrix_set_diag_op


def _diagonal(node: Node, k: int) -> Region:
    """Return the k-th diagonals of a value's matrices."""
    *batch, rows, columns = node.shape
    size = max(min(rows + min(k, 0), columns - max(k, 0)), 0)
    return Region(node, (*batch, size), (*row_strides(node.shape)[:-2], columns + 1), max(-k, 0) * columns + max(k, 0))


@lowers(matrix_diag_op)
def lower_matrix_diag(node: Node, host: Host) -> list[Call]:
    """Return the calls that write zeros and the diagonals."""
    return [*zero_calls(node), *copy_calls(whole_region(node.inputs[0]), _diagonal(node, node.attributes["k"]))]


@lowers(matrix_diag_part_op)
def lower_matrix_diag_part(node: Node, host: Host) -> list[Call]:
    """Return the copy of the diagonals."""
    return copy_calls(_diagonal(node.inputs[0], node.attributes["k"]), whole_region(node))


@lowers(matrix_set_diag_op)
def lower_matrix_set_diag(node: Node, host: Host) -> list[Call]:
    """Return the copies of the matrices, and of the diagonals over them."""
    x, diagonal = node.inputs
    return [*copy_calls(whole_region(x), whole_region(node)), *copy_calls(whole_region(diagonal), _diagonal(node, node.attributes["k"]))]


@lowers(diag_op)
def lower_diag(node: Node, host: Host) -> list[Call]:
    """Return the calls that write zeros, and the operand's elements as far apart as a row of the whole is long, and one."""
    x = node.inputs[0]
    count = math.prod(x.shape)
    target = Region(node, (count,), (count + 1,), 0)
    return [*zero_calls(node), *copy_calls(Region(x, (count,), (1,), 0), target)]


@lowers(diag_part_op)
def lower_diag_part(node: Node, host: Host) -> list[Call]:
    """Return the copy of the diagonal of a tensor of even rank."""
    count = math.prod(node.shape)
    return copy_calls(Region(node.inputs[0], (count,), (count + 1,), 0), Region(node, (count,), (1,), 0))


@dataclass(frozen=True)
class Band:
    """Copies what lies in a band around the diagonals of matrices and writes zeros beside it. Its items are rows.

    Record: source, target, rows and columns of a matrix, how far the band reaches below and above the diagonal.

    Attributes:
      element_bytes: the size of an element.
    """

    element_bytes: int

    @property
    def title(self) -> str:
        return "band of a matrix"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, target = slots.pointer(), slots.pointer()
        rows, columns, lower, upper = slots.integers(4)
        type_, zero = integer_type(self.element_bytes), constant("i64", 0)
        with function.loop(begin, end) as loop:
            row = function.let("urem", loop.index, rows)
            reach = function.intrinsic("smax", function.let("sub", row, lower), zero)
            first = function.intrinsic("smin", reach, columns)
            reach = function.intrinsic("smin", function.add(function.add(row, upper), 1), columns)
            last = function.intrinsic("smax", reach, first)
            start = function.mul(loop.index, columns)
            read, write = (function.offset(array, type_, start) for array in (source, target))
            zero_bytes(function, write, function.mul(first, self.element_bytes))
            inside = function.mul(function.let("sub", last, first), self.element_bytes)
            copy_bytes(function, function.offset(write, type_, first), function.offset(read, type_, first), inside)
            behind = function.mul(function.let("sub", columns, last), self.element_bytes)
            zero_bytes(function, function.offset(write, type_, last), behind)
        function.ret()


@lowers(matrix_band_part_op)
def lower_band(node: Node, host: Host) -> list[Call]:
    """Return the call that keeps a band."""
    count, size = math.prod(node.shape), element_bytes(node)
    if not count:
        return []
    rows, columns = node.shape[-2:]
    # A whole triangle is a band that reaches farther than any matrix.
    reach = [rows + columns if width < 0 else width for width in (node.attributes["num_lower"], node.attributes["num_upper"])]
    arguments = (Pointer(node.inputs[0]), Pointer(node), rows, columns, *reach)
    grain = max(1, ROW_BYTES // 2 // (columns * size))
    return [Call(Band(size), arguments, count // columns, grain, bytes_moved=2 * count * size)]
