"""One-hot vectors."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from graphopt.backends.native.emitter import Module
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Argument, Call, Pointer, kernel_function
from graphopt.backends.native.lowering import NotLowered, element_type, lowers
from graphopt.backends.native.movement.boxes import Slots
from graphopt.backends.native.movement.strided_copy import ROW_BYTES, fill_row
from graphopt.ir.node import Node
from graphopt.ops.indexing import one_hot_op


@dataclass(frozen=True)
class OneHot:
    """Writes rows with one number at an index and another one elsewhere; an index outside of the row stands nowhere. Its items are rows.

    Record: indices, the number at the index, the other one, target, elements of a row.

    Attributes:
      index: the LLVM type of an index. signed: whether it is. element_bytes: of a number.
    """

    index: str
    signed: bool
    element_bytes: int

    @property
    def title(self) -> str:
        return "one-hot rows"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        element = f"i{8 * self.element_bytes}"
        indices, on_at, off_at, target = (slots.pointer() for _ in range(4))
        depth = slots.integer()
        on, off = function.load(element, on_at), function.load(element, off_at)
        with function.loop(begin, end) as loop:
            row = function.offset(target, element, function.mul(loop.index, depth))
            fill_row(function, row, off, depth)
            index = function.load(self.index, function.offset(indices, self.index, loop.index))
            index = function.convert("sext" if self.signed else "zext", index, "i64")
            with function.when(function.compare("ult", index, depth)):
                function.store(on, function.offset(row, element, index))
        function.ret()


@lowers(one_hot_op)
def _one_hot(node: Node, host: Host) -> list[Call]:
    indices, _, on, off = node.inputs
    axis = node.attributes["axis"] % len(node.shape)
    if math.prod(node.shape[axis + 1 :]) != 1:
        raise NotLowered("its new axis is not the last one")
    if on.shape != () or off.shape != ():
        raise NotLowered("its values are arrays")
    element_type(node)
    itemsize, depth = node.dtype.np.itemsize, node.shape[axis]
    kernel = OneHot(element_type(indices), np.issubdtype(indices.dtype.np, np.signedinteger), itemsize)
    arguments: tuple[Argument, ...] = (Pointer(indices), Pointer(on), Pointer(off), Pointer(node), depth)
    size = math.prod(node.shape) * itemsize
    return [Call(kernel, arguments, math.prod(indices.shape), -(-ROW_BYTES // max(1, 2 * depth * itemsize)), bytes_moved=size)]
