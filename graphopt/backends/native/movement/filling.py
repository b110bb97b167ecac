"""Constants written over memory, and borders around a copy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from graphopt.backends.native.emitter import Function, Module, Value, constant
from graphopt.backends.native.kernel import Argument, Call, kernel_function
from graphopt.backends.native.movement.boxes import Slots, box_arguments, each_position, row_strides
from graphopt.backends.native.movement.strided_copy import (
    ROW_BYTES,
    block_copy_call,
    copy_bytes,
    fill_row,
    integer_type,
    smaller,
    zero_bytes,
)

_BLOCK = 1 << 15


@dataclass(frozen=True)
class ConstantFill:
    """Writes one number over elements that stand side by side. Its items are blocks.

    Record: target, how many elements, elements of a block.

    Attributes:
      element_bytes: the size of an element. bits: the number as an unsigned integer of that size.
    """

    element_bytes: int
    bits: int

    @property
    def title(self) -> str:
        return "fill" if self.bits else "fill with zeros"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        target, size, block = slots.pointer(), slots.integer(), slots.integer()
        first = function.mul(begin, block)
        count = function.let("sub", smaller(function, function.mul(end, block), size), first)
        type_ = integer_type(self.element_bytes)
        place = function.offset(target, type_, first)
        if self.bits:
            fill_row(function, place, constant(type_, self.bits), count)
        else:
            zero_bytes(function, place, function.mul(count, self.element_bytes))
        function.ret()


@dataclass(frozen=True)
class Pad:
    """Copies an array into a larger one and fills what lies around it. Its items are rows of the larger one.

    Record: source (moved back by the border before it), target, the value where it is given, how many elements of a row lie before,
    inside and after, then for each outer dimension of the target its size and strides in source and target in bytes, then for each
    outer dimension how many positions lie before and inside.

    Attributes:
      element_bytes: the size of an element. outer: how many dimensions there are besides the row.
      value_given: the border takes a value from memory; otherwise it is zero.
    """

    element_bytes: int
    outer: int
    value_given: bool

    @property
    def title(self) -> str:
        return "pad"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        source, target = slots.pointer(), slots.pointer()
        type_ = integer_type(self.element_bytes)
        value = function.load(type_, slots.pointer()) if self.value_given else constant(type_, 0)
        base, before, inside, after = slots.integers(4)
        whole = function.add(function.add(before, inside), after)
        axes = slots.axes(self.outer, 2)
        limits = [slots.integers(2) for _ in axes]
        with each_position(function, axes, begin, end) as position:
            row = function.offset(target, "i8", position.offsets[1])
            meets = self._meets(function, position.indices, limits)
            self._fill(function, row, value, function.select(meets, before, whole))
            with function.when(meets):
                middle = function.offset(row, type_, before)
                read = function.offset(source, "i8", function.add(position.offsets[0], base))
                copy_bytes(function, middle, read, function.mul(inside, self.element_bytes))
                self._fill(function, function.offset(middle, type_, inside), value, after)
        function.ret()

    def _meets(self, function: Function, indices: Sequence[Value], limits: Sequence[Sequence[Value]]) -> Value:
        """Return whether a row of the target meets the source."""
        found = constant("i1", True)
        for index, (before, inside) in zip(indices, limits, strict=True):
            found = function.let("and", found, function.compare("ult", function.let("sub", index, before), inside))
        return found

    def _fill(self, function: Function, target: Value, value: Value, count: Value) -> None:
        if not self.value_given:
            zero_bytes(function, target, function.mul(count, self.element_bytes))
            return
        name = f"fill_row_{value.type}"
        if not function.module.has(name):
            helper = function.module.function(name, [("ptr", "target"), (value.type, "value"), ("i64", "count")], attributes="nounwind")
            fill_row(helper, *helper.parameters)
            helper.ret()
        function.call(name, "void", target, value, count)


# --- calls -------------------------------------------------------------------------------------------------------------


def constant_fill_call(target: Argument, count: int, element_bytes: int, bits: int = 0) -> Call:
    """Return the call that writes one number, given by its bits, over `count` elements that stand side by side."""
    block = _BLOCK // element_bytes
    size = count * element_bytes
    return Call(ConstantFill(element_bytes, bits), (target, count, block), -(-count // block), ROW_BYTES // _BLOCK, bytes_moved=size)


def pad_call(
    source: Argument,
    shape: Sequence[int],
    target: Argument,
    borders: Sequence[tuple[int, int]],
    element_bytes: int,
    value: Argument | None = None,
) -> Call:
    """Return the call that copies an array into a larger one with a border.

    Args:
      source, target: addresses of both arrays, contiguous. shape: the source's. borders: elements before and after along each axis.
      element_bytes: the size of an element. value: the address of what the border is filled with; zeros without it.
    """
    whole = [before + size + after for size, (before, after) in zip(shape, borders, strict=True)]
    if not any(before or after for before, after in borders) or not math.prod(whole):
        return block_copy_call(source, target, math.prod(whole) * element_bytes)
    axes = _joined(shape, borders)
    sizes, wholes = [size for _, size, _ in axes], [sum(axis) for axis in axes]
    reads, writes = row_strides(sizes), row_strides(wholes)
    base = -sum(before * step for (before, _, _), step in zip(axes[:-1], reads[:-1], strict=True)) * element_bytes
    box = box_arguments(wholes[:-1], reads[:-1], writes[:-1], scale=element_bytes)
    limits = [number for before, size, _ in axes[:-1] for number in (before, size)]
    leading = (source, target) if value is None else (source, target, value)
    size = math.prod(wholes) * element_bytes
    grain = max(1, ROW_BYTES // 2 // (wholes[-1] * element_bytes))
    kernel = Pad(element_bytes, len(axes) - 1, value is not None)
    return Call(kernel, (*leading, base, *axes[-1], *box, *limits), math.prod(wholes[:-1]), grain, bytes_moved=2 * size)


def _joined(shape: Sequence[int], borders: Sequence[tuple[int, int]]) -> list[tuple[int, int, int]]:
    """Return for each axis what lies before, inside and after, with axes that have no border joined to the one before them."""
    joined: list[tuple[int, int, int]] = []
    for size, (before, after) in zip(shape, borders, strict=True):
        if joined and not before and not after:
            joined[-1] = (joined[-1][0] * size, joined[-1][1] * size, joined[-1][2] * size)
        else:
            joined.append((before, size, after))
    if len(joined) > 1 and joined[0] == (0, 1, 0):
        del joined[0]
    return joined
