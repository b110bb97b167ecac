"""Rows that share an id, combined into one each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.backends.native.emitter import Module, constant
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Argument, Call, Pointer, Scratch, Status, kernel_function
from graphopt.backends.native.lowering import NotLowered, element_type, lowers
from graphopt.backends.native.movement.boxes import Slots
from graphopt.backends.native.movement.filling import constant_fill_call
from graphopt.backends.native.rows.combining import Combining
from graphopt.backends.native.rows.parts import SHARES, copy_row, fail_unless, is_own_share, share_arguments
from graphopt.ir.node import Node
from graphopt.ir.opdef import OpDef
from graphopt.ops.segment import unsorted_segment_max, unsorted_segment_min, unsorted_segment_prod, unsorted_segment_sum


@dataclass(frozen=True)
class CombineSegments:
    """Combines rows with the row of the result that their id names; the first one of an id is copied. Its items are shares of the result.

    Rows of a negative id are left out. The rows of an id are combined in order.

    Record: result, ids, rows, a byte for each id that is 0 at first, how many rows, elements of a row, bytes of a row, the logarithm of
    the bytes that go to one share, how many ids there are, the status.

    Attributes:
      combining: how a row is combined. index_bytes: the size of an id.
    """

    combining: Combining
    index_bytes: int

    @property
    def title(self) -> str:
        return f"{self.combining.how} segments"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        result, ids, rows, seen = (slots.pointer() for _ in range(4))
        count, width, size, share_bits, limit = slots.integers(5)
        status = slots.pointer()
        index = f"i{8 * self.index_bytes}"
        with function.loop(0, count) as loop:
            id_ = function.convert("sext", function.load(index, function.offset(ids, index, loop.index)), "i64")
            offset = function.mul(id_, size)
            own = is_own_share(function, offset, share_bits, begin, end)
            with function.when(function.let("and", own, function.compare("ult", id_, limit))):
                row = function.offset(rows, "i8", function.mul(loop.index, size))
                total, flag = function.offset(result, "i8", offset), function.offset(seen, "i8", id_)
                is_first = function.compare("eq", function.load("i8", flag), constant("i8", 0))
                with function.when(is_first):
                    copy_row(function, total, row, size, 0)
                    function.store(constant("i8", 1), flag)
                with function.when(function.let("xor", is_first, constant("i1", True))):
                    self.combining.write(function, total, row, width)
            fail_unless(function, function.compare("slt", id_, limit), status)
        function.ret()


def _enter(op: OpDef, how: str) -> None:
    """Enter the lowering of an op that combines the rows of each id."""

    @lowers(op)
    def lower(node: Node, host: Host) -> list[Call]:
        return _segment_calls(node, how)


# Sums differ from NumPy's in their last bits: it adds the rows of an id up in pairs, and the first one last.
_enter(unsorted_segment_sum, "add")
_enter(unsorted_segment_prod, "multiply")
_enter(unsorted_segment_max, "max")
_enter(unsorted_segment_min, "min")


def _segment_calls(node: Node, how: str) -> list[Call]:
    rows, ids = node.inputs[:2]
    element = element_type(node)
    if node.dtype is dtypes.bool_ or (node.dtype is dtypes.float16 and how == "add"):
        raise NotLowered("NumPy combines such elements in another type")
    itemsize, count = node.dtype.np.itemsize, math.prod(ids.shape)
    width = math.prod(node.shape[1:])
    size = width * itemsize
    signed = np.issubdtype(node.dtype.np, np.signedinteger)
    kernel = CombineSegments(Combining(how, element, signed, width == 1), ids.dtype.np.itemsize)
    share_bits, grain = share_arguments(count, size)
    seen = Scratch("seen", max(1, node.shape[0]))
    numbers = (count, width, size, share_bits, node.shape[0])
    arguments: tuple[Argument, ...] = (Pointer(node), Pointer(ids), Pointer(rows), seen, *numbers, Status())
    empty = constant_fill_call(Pointer(node), math.prod(node.shape), itemsize, _empty_bits(how, node.dtype.np))
    unseen = constant_fill_call(seen, node.shape[0], 1)
    return [empty, unseen, Call(kernel, arguments, SHARES, grain, fallible=True, bytes_moved=3 * count * size)]


def _empty_bits(how: str, dtype: np.dtype[Any]) -> int:
    """Return what an id without rows gives, as the bits of an element."""
    if how in ("add", "multiply"):
        value: Any = int(how == "multiply")
    else:
        limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
        value = limits.min if how == "max" else limits.max
    return int(np.array(value, dtype).view(f"u{dtype.itemsize}"))
