"""Normals between -2 and 2: each group of numbers has a part of the stream to itself and takes normals from it until it has enough."""

from __future__ import annotations

import math
from dataclasses import dataclass

from graphopt.backends.native.emitter import Function, Module, Value, bytes_of, constant
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Argument, Call, Pointer, kernel_function
from graphopt.backends.native.lowering import element_type, lowers
from graphopt.backends.native.movement.boxes import Slots
from graphopt.backends.native.random_numbers.numbers import normals
from graphopt.backends.native.random_numbers.stream import Stream, consecutive, numbers_of_block, seed_arguments
from graphopt.ir.node import Node
from graphopt.ops.philox import BLOCKS_PER_OUTPUT
from graphopt.ops.random import draw_truncated

_GRAIN_NUMBERS = 2000
_LIMIT = 2.0


@dataclass(frozen=True)
class DrawTruncated:
    """Writes normals that lie between -2 and 2. Its items are vectors of groups, a group being as many numbers as a block gives.

    Record: the address of the counter, target, seed, seed2, how many numbers.

    Attributes:
      element: the LLVM type of a number.
    """

    element: str

    @property
    def title(self) -> str:
        return "draw truncated normal numbers"

    def emit(self, module: Module, name: str) -> None:
        """Write the kernel."""
        function, record, begin, end, _ = kernel_function(module, name)
        slots = Slots(function, record)
        counter, target = function.load("i64", slots.pointer()), slots.pointer()
        seed, seed2, count = slots.integers(3)
        lanes, per_group = module.host.lanes(8), numbers_of_block(bytes_of(self.element))
        stride = per_group * BLOCKS_PER_OUTPUT // 4
        stream = Stream(function, seed, seed2, lanes)
        groups = _Groups(function, self.element, lanes, per_group)
        with function.loop(begin, end) as loop:
            first = function.add(counter, function.mul(loop.index, lanes * stride))
            starts = consecutive(function, first, lanes, stride)
            groups.empty()
            # So many blocks are a group's own. Nearly all groups are full after two.
            with function.loop(0, constant("i64", stride)) as block:
                with function.when(groups.lack_some()):
                    words = stream.words(function.add(starts, function.splat(block.index, lanes)))
                    groups.add(normals(function, words, groups.drawn_element))
            done = function.mul(loop.index, lanes * per_group)
            groups.write(function.offset(target, self.element, done), function.let("sub", count, done))
        function.ret()


class _Groups:
    """The groups that are being filled, while a kernel is written: in memory of the kernel's own.

    Attributes:
      drawn_element: the type in which numbers are drawn and compared.
    """

    def __init__(self, function: Function, element: str, lanes: int, per_group: int) -> None:
        self.drawn_element = "double" if element == "double" else "float"
        self._function = function
        self._element = element
        self._lanes = lanes
        self._per_group = per_group
        self._drawn = function.value("ptr", f"alloca [{lanes * per_group} x {self.drawn_element}], align 64")
        # Each group has a place more than it needs, for what it doesn't take.
        self._kept = function.value("ptr", f"alloca [{lanes * (per_group + 1)} x {self.drawn_element}], align 64")
        self._counts = function.value("ptr", f"alloca [{lanes} x i64], align 64")

    def empty(self) -> None:
        """Write what begins a vector of groups."""
        self._function.store(constant(f"<{self._lanes} x i64>", 0), self._counts)

    def lack_some(self) -> Value:
        """Return whether a group has too few numbers yet."""
        counts = self._function.load(f"<{self._lanes} x i64>", self._counts)
        least = self._function.call(f"llvm.vector.reduce.smin.v{self._lanes}i64", "i64", counts)
        return self._function.compare("slt", least, constant("i64", self._per_group))

    def add(self, numbers: Value) -> None:
        """Write that each group takes what it needs from the next block's numbers."""
        function = self._function
        function.store(numbers, self._drawn)
        with function.loop(0, constant("i64", self._lanes)) as group:
            count_at = function.offset(self._counts, "i64", group.index)
            first = function.mul(group.index, self._per_group)
            own = function.offset(self._kept, self.drawn_element, function.mul(group.index, self._per_group + 1))
            with function.loop(0, constant("i64", self._per_group), carried=[function.load("i64", count_at)]) as loop:
                (count,) = loop.carried
                number = function.load(
                    self.drawn_element, function.offset(self._drawn, self.drawn_element, function.add(first, loop.index))
                )
                function.store(number, function.offset(own, self.drawn_element, count))
                inside = function.compare("olt", function.intrinsic("fabs", number), constant(number.type, _LIMIT))
                lacks = function.compare("slt", count, constant("i64", self._per_group))
                taken = function.convert("zext", function.let("and", inside, lacks), "i64")
                loop.carry(function.add(count, taken))
            function.store(loop.results[0], count_at)

    def write(self, target: Value, left: Value) -> None:
        """Write the groups to memory, or their first `left` (i64) numbers where they are more."""
        function = self._function
        whole = constant("i64", self._lanes * self._per_group)
        with function.loop(0, function.intrinsic("smin", left, whole)) as loop:
            group = function.let("udiv", loop.index, constant("i64", self._per_group))
            number = function.load(self.drawn_element, function.offset(self._kept, self.drawn_element, function.add(group, loop.index)))
            number = function.convert("fptrunc", number, self._element)
            function.store(number, function.offset(target, self._element, loop.index))


@lowers(draw_truncated)
def _draw_truncated(node: Node, host: Host) -> list[Call]:
    element, count = element_type(node), math.prod(node.shape)
    per_item = host.lanes(8) * numbers_of_block(node.dtype.np.itemsize)
    seeds = seed_arguments(node.attributes["seed"], node.attributes["seed2"])
    arguments: tuple[Argument, ...] = (Pointer(node.inputs[0]), Pointer(node), *seeds, count)
    size = count * node.dtype.np.itemsize
    return [Call(DrawTruncated(element), arguments, -(-count // per_item), -(-_GRAIN_NUMBERS // per_item), bytes_moved=size)]
