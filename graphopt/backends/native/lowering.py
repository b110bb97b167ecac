"""The table of native lowerings: for each primitive op that has one, the function that turns a node into calls of kernels."""

from __future__ import annotations

from collections.abc import Callable

from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Call
from graphopt.ir.node import Node
from graphopt.ir.opdef import OpDef


class NotLowered(Exception):
    """A node can't run natively; the text says why, for people. It becomes a numpy step."""


# lower(node, host): operands stand contiguous, row by row, in ``Pointer(node.inputs[i])``; the result goes to ``Pointer(node)``, and the
# results of an op with several to ``Pointer(item_of(node, i))``. All shapes are known.
Lowering = Callable[[Node, Host], list[Call]]

LOWERINGS: dict[OpDef, Lowering] = {}


def lowers(*ops: OpDef) -> Callable[[Lowering], Lowering]:
    """Enter a function as the lowering of these ops."""

    def enter(function: Lowering) -> Lowering:
        for op in ops:
            LOWERINGS[op] = function
        return function

    return enter


_ELEMENTS = {
    "float16": "half", "float32": "float", "float64": "double", "bool": "i8", "int8": "i8", "uint8": "i8", "int16": "i16",
    "uint16": "i16", "int32": "i32", "uint32": "i32", "int64": "i64", "uint64": "i64",
}  # fmt: skip


def element_type(node: Node) -> str:
    """Return the LLVM type in which an element of the node's (first) result stands in memory.

    Raises:
      NotLowered: for strings.
    """
    name = node.dtype.name
    if name not in _ELEMENTS:
        raise NotLowered(f"elements of type {name} stay in Python")
    return _ELEMENTS[name]
