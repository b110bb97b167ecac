"""Lowerings of slices, and of their gradients, whose position is computed by the program."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from graphopt.backends.native.emitter import Module, constant
from graphopt.backends.native.kernel import Argument, Call, Pointer, Scratch, Status, kernel_function
from graphopt.backends.native.lowering import NotLowered, element_type
from graphopt.backends.native.movement.boxes import Slots, row_strides
from graphopt.backends.native.movement.strided_copy import located_copy_call
from graphopt.backends.native.movement.views import Region, constant_of, element_bytes, layout_array, region_of
from graphopt.ir.node import Node


class Start(NamedTuple):
    """The position along one axis, which an element of a vector of positions says.

    Attributes:
      entry: which element. axis: which axis. positions: how many positions there are, from 0 on. wraps: negative ones count from the end.
    """

    entry: int
    axis: int
    positions: int
    wraps: bool


@dataclass(frozen=True)
class Locate:
    """Finds where a part of an array begins. The work is one item.

    Record: positions, offset, status, then for each axis which position is its own, how many there are, how many more are allowed below 0,
    and the bytes from one to the next. A position that is not allowed sets the status, where the kernel checks, and counts as 0.

    Attributes:
      index: the positions' type. axes: how many axes there are. checks: positions have to be checked.
    """

    index: str
    axes: int
    checks: bool

    @property
    def title(self) -> str:
        return "find a position"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, _, _, _ = kernel_function(module, name)
        slots = Slots(function, record)
        positions, result, status = (slots.pointer() for _ in range(3))
        zero = total = constant("i64", 0)
        for _ in range(self.axes):
            entry, count, below, step = slots.integers(4)
            given = function.convert("sext", function.load(self.index, function.offset(positions, self.index, entry)), "i64")
            is_negative = function.compare("slt", given, zero)
            position = function.add(given, function.select(is_negative, below, zero))
            is_allowed = function.compare("ult", position, count)
            if self.checks:
                with function.when(function.let("xor", is_allowed, constant("i1", True))):
                    function.store(constant("i64", 1), status, 8)
            total = function.add(total, function.mul(function.select(is_allowed, position, zero), step))
        function.store(total, result, 8)
        function.ret()


_OFFSET = Scratch("offset", 8)


def located_calls(array: Region, other: Region, positions: Node, starts: Sequence[Start], located: str, *, checks: bool) -> list[Call]:
    """Return the calls that find a part of an array and copy it out, or copy something into it.

    Args:
      array: the part, as it is when all positions are 0. other: as large as the part. positions: a vector of integers. starts: the axes
        whose position is not 0. located: ``"source"`` when the part is copied out, ``"target"`` when it is copied into.
      checks: a position that is not allowed makes the run fail; without it, it counts as 0.
    """
    if 0 in array.shape:
        raise NotLowered("of an empty part only the position is checked")
    if array.shape != other.shape:
        raise NotLowered("what is copied is broadcast over the part")
    size = element_bytes(array.node)
    steps = row_strides(array.node.shape)
    limits = [
        number
        for start in starts
        for number in (start.entry, start.positions, start.positions if start.wraps else 0, steps[start.axis] * size)
    ]
    arguments: tuple[Argument, ...] = (Pointer(positions), _OFFSET, Status(), *limits)
    locate = Call(Locate(element_type(positions), len(starts), checks), arguments, fallible=checks)
    source, target = (array, other) if located == "source" else (other, array)
    addresses = (source.pointer, target.pointer, _OFFSET)
    return [locate, located_copy_call(addresses, source.strides, target.strides, array.shape, size, located)]


def part_starts(whole: Sequence[int], part: Sequence[int]) -> list[Start]:
    """Return the starts of a part whose position along each axis is an entry of a vector, in the order of the axes."""
    return [Start(axis, axis, size - own + 1, False) for axis, (size, own) in enumerate(zip(whole, part, strict=True))]


def part_at_zero(node: Node, part: Sequence[int]) -> Region:
    """Return the first part of a value that has the given sizes."""
    return Region(node, tuple(part), row_strides(node.shape), 0)


def slice_at_zero(array: Node, bounds: Sequence[Node], masks: dict[str, Any]) -> tuple[Region, list[Start]]:
    """Return the strided slice of a value that begins at 0 along the axes that are dropped, and those axes' starts.

    Args:
      array: the value. bounds: begin, end and strides, of which the last alone has to be a constant. masks: the op's attributes.

    Raises:
      NotLowered: when the position of an axis that is kept is no constant.
    """
    whole, steps = layout_array(array.shape), constant_of(bounds[2]).tolist()
    bits = {name.removesuffix("_mask"): [bool(mask >> i & 1) for i in range(len(steps))] for name, mask in masks.items()}
    consumed = sum([not (bits["ellipsis"][i] or bits["new_axis"][i]) for i in range(len(steps))])
    index: list[Any] = []
    starts: list[Start] = []
    axis = 0
    for i, step in enumerate(steps):
        if bits["ellipsis"][i]:
            index.append(Ellipsis)
            axis += whole.ndim - consumed
            continue
        if bits["new_axis"][i]:
            index.append(None)
            continue
        if bits["shrink_axis"][i]:
            starts.append(Start(i, axis, whole.shape[axis], True))
        elif not (bits["begin"][i] and bits["end"][i]):
            raise NotLowered("where a slice begins is known only when the program runs")
        index.append(0 if bits["shrink_axis"][i] else slice(None, None, step))
        axis += 1
    if not math.prod(array.shape):
        raise NotLowered("of an empty array only the position is checked")
    view = whole[tuple(index) if Ellipsis in index else (*index, Ellipsis)]
    return region_of(array, view, whole), starts
