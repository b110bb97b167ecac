"""What kernels have in common that go through images a vector of channels at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from graphopt.backends.native.emitter import Module, Value, bytes_of, constant, vector
from graphopt.backends.native.kernel import kernel_function, slot

_PREFETCH_BYTES = 8192


class Lanes(NamedTuple):
    """The channels in a vector: the first one, and the mask of those there are."""

    first: Value
    mask: Value


class ChannelWriter:
    """Writes a kernel that goes through images with channels last.

    Args:
      module: where to write. name: of the kernel. element: type of an element. pointers, numbers: how many of both its record holds.

    Attributes:
      f: the function. begin, end: the part of the work to do. pointers, numbers: what the record holds.
      element: as given. lanes: of a vector. type: of a vector.
    """

    def __init__(self, module: Module, name: str, element: str, pointers: int, numbers: int) -> None:
        self.f, record, self.begin, self.end, _ = kernel_function(module, name)
        self.element, self.lanes = element, module.host.lanes(bytes_of(element))
        self.type = vector(self.lanes, element)
        self.pointers = [slot(self.f, record, i) for i in range(pointers)]
        self.numbers = [slot(self.f, record, pointers + i, "i64") for i in range(numbers)]

    @contextmanager
    def vectors_of(self, channels: Value) -> Iterator[Lanes]:
        """Write the loop over vectors of channels."""
        f = self.f
        with f.loop(0, channels, self.lanes) as loop:
            yield Lanes(loop.index, f.first_lanes(f.let("sub", channels, loop.index), self.lanes))
            loop.carry()

    def pixel(self, pointer: Value, row: Value, column: Value, width: Value, channels: Value) -> Value:
        """Return the address of a pixel; rows are counted through all images."""
        f = self.f
        return f.offset(pointer, self.element, f.mul(f.add(f.mul(row, width), column), channels))

    def load(self, pointer: Value, mask: Value) -> Value:
        """Return channels that stand at an address."""
        return self.f.masked_load(self.type, pointer, mask)

    def prefetch(self, pointer: Value, *, writes: bool = False) -> None:
        """Write the hint that what stands some rows further is needed soon: the processor doesn't see through windows."""
        ahead = self.f.offset(pointer, "i8", _PREFETCH_BYTES)
        flags = (constant("i32", number) for number in (int(writes), 3, 1))
        self.f.call("llvm.prefetch.p0", "void", ahead, *flags)
