"""Checks that indices lie inside of an array."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from graphopt.backends.native.emitter import Module, bytes_of, constant
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Argument, Call, Pointer, Status, kernel_function
from graphopt.backends.native.lowering import NotLowered, element_type, lowers
from graphopt.backends.native.movement.boxes import Slots
from graphopt.backends.native.movement.strided_copy import smaller
from graphopt.backends.native.rows.parts import IndexVectors, Part, along_row, any_lane, axis_arguments, fail_unless
from graphopt.ir.node import Node
from graphopt.ops.gradient_rows import check_gradient_rows
from graphopt.ops.state import check_below, checked_rows

_BLOCK = 1 << 13
_GRAIN = 8  # blocks


@dataclass(frozen=True)
class CopyChecked:
    """Copies numbers and says so when one is not in [least, limit). Its items are blocks.

    Record: source, target, how many numbers, numbers of a block, the status, the least number, how many are allowed from it on.

    Attributes:
      element: the LLVM type of a number, an integer.
    """

    element: str

    @property
    def title(self) -> str:
        return "check indices"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, target = slots.pointer(), slots.pointer()
        size, block = slots.integers(2)
        status = slots.pointer()
        least, allowed = (function.convert("trunc", slots.integer(), self.element) for _ in range(2))
        first = function.mul(begin, block)
        from_row, to_row = (function.offset(place, self.element, first) for place in (source, target))

        def copy(part: Part) -> None:
            numbers = part.load(self.element, from_row)
            distance = function.let("sub", numbers, function.splat(least, part.lanes))
            outside = function.compare("uge", distance, function.splat(allowed, part.lanes))
            if part.mask is not None:
                outside = function.let("and", outside, part.mask)
            with function.when(any_lane(function, outside)):
                function.store(constant("i64", 1), status)
            part.store(numbers, self.element, to_row)

        along_row(function, self.element, function.let("sub", smaller(function, function.mul(end, block), size), first), copy)
        function.ret()


@dataclass(frozen=True)
class CheckVectors:
    """Says so when an index vector names no row of an array. Its items are the vectors.

    Record: indices, the status, then `IndexVectors`.

    Attributes:
      index_bytes: the size of an index. depth: how many indices a vector has.
    """

    index_bytes: int
    depth: int

    @property
    def title(self) -> str:
        return "check index vectors"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        indices, status = slots.pointer(), slots.pointer()
        vectors = IndexVectors(function, slots, indices, self.index_bytes, self.depth)
        with function.loop(begin, end) as loop:
            fail_unless(function, vectors.are_inside(vectors.numbers(loop.index)), status)
        function.ret()


def check_vectors_call(array: Node, indices: Node, depth: int) -> Call:
    """Return the call that fails unless each vector of `depth` indices names a row of the array."""
    kernel = CheckVectors(indices.dtype.np.itemsize, depth)
    count = math.prod(indices.shape) // depth
    arguments: tuple[Argument, ...] = (Pointer(indices), Status(), *axis_arguments(array.shape[:depth], 0))
    return Call(kernel, arguments, count, _BLOCK, fallible=True, bytes_moved=count * depth * kernel.index_bytes)


def _copy_checked(node: Node, least: int, allowed: int) -> list[Call]:
    element, size = element_type(node), math.prod(node.shape)
    wrapped = [(number + 2**63) % 2**64 - 2**63 for number in (least, allowed)]
    arguments: tuple[Argument, ...] = (Pointer(node.inputs[0]), Pointer(node), size, _BLOCK, Status(), *wrapped)
    moved = 2 * size * bytes_of(element)
    return [Call(CopyChecked(element), arguments, -(-size // _BLOCK), _GRAIN, fallible=True, bytes_moved=moved)]


def _indices_below(node: Node, limit: int) -> list[Call]:
    return _copy_checked(node, 0, min(limit, 2 ** (8 * node.dtype.np.itemsize - 1)))


@lowers(checked_rows)
def _checked_rows(node: Node, host: Host) -> list[Call]:
    return _indices_below(node, node.inputs[1].shape[0])


@lowers(check_gradient_rows)
def _check_gradient_rows(node: Node, host: Host) -> list[Call]:
    indices, rows, variable = (source.shape for source in node.inputs)
    if not variable or len(indices) != 1 or len(rows) != len(variable) or rows != (indices[0], *variable[1:]):
        raise NotLowered("the gradient's rows don't fit the variable, which NumPy reports")
    return _indices_below(node, variable[0])


@lowers(check_below)
def _check_below(node: Node, host: Host) -> list[Call]:
    limits, limit = np.iinfo(node.dtype.np), node.attributes["limit"]
    if node.shape != () or not limits.min <= limit <= limits.max:
        raise NotLowered("the limit is no number of the type")
    return _copy_checked(node, int(limits.min), limit - int(limits.min))
