"""Filters turned around, as the gradient for the images needs them."""

from __future__ import annotations

from dataclasses import dataclass

from graphopt.backends.native.emitter import Module, bytes_of
from graphopt.backends.native.kernel import Call, Pointer, Scratch, kernel_function, slot
from graphopt.backends.native.products.packing import pack_function

# Transposing so many elements is worth a thread.
_ELEMENTS_PER_THREAD = 1 << 16


@dataclass(frozen=True)
class TurnedFilter:
    """The structure of a copy of some of a filter's matrices ``[in, out]``, each transposed; ``begin`` and ``end`` count matrices.

    The rows of the copy are as far apart as a whole number of vectors with room for ``in`` elements. Blocks as large as vectors are
    transposed whole. What they write behind a matrix, the next one overwrites: so the work can only be divided where ``out`` is a whole
    number of vectors, and the copy needs room for one vector's lanes more rows than it has.

    The record: pointers to the filter and the copy; the first matrix's element; the elements from one matrix to the next down and across,
    and how many there are across; the sizes ``in`` and ``out``; and the elements between the copy's rows.

    Attributes:
      element: type of an element.
    """

    element: str

    @property
    def title(self) -> str:
        """What it does."""
        return "filters turned around"

    def emit(self, module: Module, name: str) -> None:
        """Write it."""
        pack = pack_function(module, self.element, by_columns=True)
        f, record, begin, end, _ = kernel_function(module, name)
        source, target = (slot(f, record, i) for i in range(2))
        start, down_step, across_step, across, inputs, outputs, stride = (slot(f, record, i, "i64") for i in range(2, 9))
        first = f.offset(source, self.element, start)
        size = f.mul(outputs, stride)
        with f.loop(begin, end) as loop:
            down, right = f.mul(f.let("sdiv", loop.index, across), down_step), f.mul(f.let("srem", loop.index, across), across_step)
            copy = f.offset(target, self.element, f.mul(loop.index, size))
            f.call(pack, "void", f.offset(first, self.element, f.add(down, right)), outputs, inputs, outputs, copy, stride)
            loop.carry()
        f.ret()


def turned_filter_call(
    w: Pointer,
    copy: Scratch,
    element: str,
    lanes: int,
    start: int,
    down: tuple[int, int],
    across: tuple[int, int],
    inputs: int,
    outputs: int,
) -> Call:
    """Return the call of a `TurnedFilter`.

    Args:
      w: the filter. copy: where the copy goes. element: type of an element. lanes: of a vector. start: the first matrix's element.
      down, across: how many matrices, and the elements from one to the next. inputs, outputs: the sizes of a matrix.
    """
    words = (w, copy, start, down[1], across[1], across[0], inputs, outputs, copy_stride(lanes, inputs))
    matrices, size = down[0] * across[0], inputs * outputs
    fewest = matrices if outputs % lanes else min(matrices, -(-_ELEMENTS_PER_THREAD // size))
    return Call(TurnedFilter(element), words, matrices, fewest, bytes_moved=2 * matrices * size * bytes_of(element))


def copy_bytes(element: str, lanes: int, matrices: int, inputs: int, outputs: int) -> int:
    """Return the memory that the copy needs."""
    return (matrices * outputs + lanes) * copy_stride(lanes, inputs) * bytes_of(element)


def copy_stride(lanes: int, inputs: int) -> int:
    """Return the elements between the copy's rows."""
    return -(-inputs // lanes) * lanes
