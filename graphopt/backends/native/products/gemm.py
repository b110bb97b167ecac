"""The generated matrix product: ``C[m, n] = sum over k of A[m, k] B[k, n]``, where A may be windows of images, read where they stand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import NamedTuple

from graphopt.backends.native.emitter import Module, Value, bytes_of, constant
from graphopt.backends.native.kernel import Argument, kernel_function, slot
from graphopt.backends.native.products.microkernel import Tile, has_masks, tile_function, tile_shape
from graphopt.backends.native.products.packing import pack_function
from graphopt.backends.native.products.rows import emit_rows

BY_ROWS, BY_COLUMNS, BY_BATCH = range(3)


class RowLoop(NamedTuple):
    """One of the nested loops that number the rows of the result: its rounds, and its step in A and in C, in elements."""

    rounds: int
    a: int
    c: int


class InnerLoop(NamedTuple):
    """One of the nested loops of the inner dimension: its rounds, and its step in A, in elements."""

    rounds: int
    a: int


class Batch(NamedTuple):
    """Products of the same sizes: how many, and the elements from one to the next in A, B and C."""

    size: int = 1
    a: int = 0
    b: int = 0
    c: int = 0


SINGLE = Batch()


@dataclass(frozen=True)
class Product:
    """The structure of a product.

    Attributes:
      element: type of an element. row_loops, inner_loops: how many loops number the rows, and the inner dimension.
      by_columns: B stands column by column (it is the transpose of a matrix in memory).
    """

    element: str
    row_loops: int = 1
    inner_loops: int = 1
    by_columns: bool = False

    @property
    def title(self) -> str:
        """What it does."""
        return f"matrix product of {self.element}"

    def emit(self, module: Module, name: str) -> None:
        """Write it."""
        _Writer(self, module, name).write()


def arguments(
    a: Argument, b: Argument, c: Argument, scratch: Argument, scratch_bytes: int, rows: Sequence[RowLoop], columns: int,
    inner: Sequence[InnerLoop], b_stride: int, axis: int, packs: bool, block: int, batch: Batch, starts: tuple[int, int] = (0, 0),
) -> tuple[Argument, ...]:  # fmt: skip
    """Return the record of a `Product`.

    Args:
      a, b, c: the operands and the result. scratch: memory for a packed panel for each thread, of `scratch_bytes` each.
      rows, inner: the loops, outermost first. columns: of the result, which stand one after another in memory.
      b_stride: from a row of B to the next, or from column to column where B stands by columns.
      axis: what ``begin`` and ``end`` count: tiles of rows, vectors of columns, or products of the batch.
      packs: B is to be copied panel by panel. block: rounds of the outermost inner loop that are done at once.
      batch: how many products, and where the next one stands. starts: elements from `a` and `c` to where A and C begin.
    """
    head = (a, b, c, scratch, scratch_bytes, columns, b_stride, axis, int(packs), block, *starts, *batch)
    return (*head, *(n for loop in rows for n in loop), *(n for loop in inner for n in loop))


class _Block(NamedTuple):
    """Part of the inner dimension: the first round of the outermost loop, and how many."""

    first: Value
    rounds: Value


class _Columns(NamedTuple):
    """A panel: its first column, how many there are, and how many vectors they fill."""

    first: Value
    width: Value
    vectors: Value


class _Writer:
    """Writes the function of one `Product`."""

    def __init__(self, structure: Product, module: Module, name: str) -> None:
        self.structure, self.module = structure, module
        self.element = structure.element
        self.lanes = module.host.lanes(bytes_of(self.element))
        self.tile_rows, self.tile_vectors = tile_shape(module.host)
        self.pads = not has_masks(module.host)
        self.f, self.record, self.begin, self.end, self.thread = kernel_function(module, name)
        self._next = 0
        self.a, self.b, self.c, scratch = (self._slot("ptr") for _ in range(4))
        self.scratch = self._own(scratch, self._slot())
        self.columns, self.b_stride, self.axis, packs, self.block = (self._slot() for _ in range(5))
        self.a, self.c = (self.f.offset(pointer, self.element, self._slot()) for pointer in (self.a, self.c))
        self.packs = self.f.compare("ne", packs, constant("i64", 0))
        self.batch, *self.batch_steps = (self._slot() for _ in range(4))
        self.row_loops = [[self._slot() for _ in RowLoop._fields] for _ in range(structure.row_loops)]
        self.inner = [(self._slot(), self._slot()) for _ in range(structure.inner_loops)]

    def _slot(self, type_: str = "i64") -> Value:
        self._next += 1
        return slot(self.f, self.record, self._next - 1, type_)

    def _own(self, scratch: Value, size: Value) -> Value:
        f = self.f
        return f.offset(scratch, "i8", f.mul(f.let("and", f.add(size, 63), constant("i64", -64)), self.thread))

    # --- the loops over batch, panels of B, blocks of the inner dimension, tiles of rows ---------------------------

    def write(self) -> None:
        """Write the function."""
        f = self.f
        rows = self.row_loops[0][0]
        for rounds, *_ in self.row_loops[1:]:
            rows = f.mul(rows, rounds)
        part = self._part(BY_ROWS, self.tile_rows, rows)
        first, last = self._part(BY_BATCH, 1, self.batch)
        with f.loop(first, last) as batch:
            operands = zip((self.a, self.b, self.c), self.batch_steps, strict=True)
            a, b, c = (f.offset(pointer, self.element, f.mul(batch.index, step)) for pointer, step in operands)
            with self._panels() as columns, self._blocks() as block:
                self._panel(a, b, f.offset(c, self.element, columns.first), columns, block, part)
            batch.carry()
        f.ret()

    def _part(self, axis: int, unit: int, size: Value) -> tuple[Value, Value]:
        """Return the first and the last of what this call does along an axis: all of it, unless the work is divided there."""
        f = self.f
        is_divided = f.compare("eq", self.axis, constant("i64", axis))
        first = f.select(is_divided, f.mul(self.begin, unit), constant("i64", 0))
        last = f.intrinsic("smin", f.mul(self.end, unit), size)
        return first, f.select(is_divided, last, size)

    @contextmanager
    def _panels(self) -> Iterator[_Columns]:
        """Write the loop over panels."""
        f, widest = self.f, self.tile_vectors
        first, last = self._part(BY_COLUMNS, self.lanes, self.columns)
        vectors = f.let("sdiv", f.add(f.let("sub", last, first), self.lanes - 1), constant("i64", self.lanes))
        panels = f.let("sdiv", f.add(vectors, widest - 1), constant("i64", widest))
        with f.loop(0, panels, carried=[first, vectors]) as loop:
            column, left = loop.carried
            take = f.intrinsic("smin", left, constant("i64", widest))
            if widest > 2:
                # Four vectors are two and two: the sums of one alone are too few to keep the multipliers busy.
                take = f.select(f.compare("eq", left, constant("i64", widest + 1)), constant("i64", widest - 1), take)
            following = f.add(column, f.mul(take, self.lanes))
            yield _Columns(column, f.let("sub", f.intrinsic("smin", following, last), column), take)
            loop.carry(following, f.let("sub", left, take))

    @contextmanager
    def _blocks(self) -> Iterator[_Block]:
        """Write the loop over blocks of the outermost inner loop, of which there is at least one."""
        f, (count, _) = self.f, self.inner[0]
        with f.loop(0, f.intrinsic("smax", count, constant("i64", 1)), self.block) as loop:
            yield _Block(loop.index, f.intrinsic("smin", f.let("sub", count, loop.index), self.block))
            loop.carry()

    def _panel(self, a: Value, b: Value, c: Value, columns: _Columns, block: _Block, part: tuple[Value, Value]) -> None:
        """Write the product of the rows of a part and a panel, for a block of the inner dimension."""
        f = self.f
        one_round = constant("i64", 1)
        for count, _ in self.inner[1:]:
            one_round = f.mul(one_round, count)
        b, b_stride = self._panel_of(b, columns, f.mul(block.first, one_round), f.mul(block.rounds, one_round))
        lanes = f.let("sub", columns.width, f.mul(f.add(columns.vectors, -1), self.lanes))
        accumulate = f.convert("zext", f.compare("ne", block.first, constant("i64", 0)), "i64")
        a = f.offset(a, self.element, f.mul(block.first, self.inner[0][1]))
        inner = [block.rounds, self.inner[0][1], *(value for loop in self.inner[1:] for value in loop)]
        self._tiles(a, c, part, columns.vectors, [b_stride, lanes, accumulate, *inner], b)

    def _panel_of(self, b: Value, columns: _Columns, first: Value, count: Value) -> tuple[Value, Value]:
        """Write the copy of a panel of B, if it is copied; returns where the panel stands and the elements between its rows."""
        f, by_columns = self.f, self.structure.by_columns
        along, across = (columns.first, first) if by_columns else (first, columns.first)
        start = f.offset(b, self.element, f.add(f.mul(along, self.b_stride), across))
        pack, width = pack_function(self.module, self.element, by_columns=by_columns), f.mul(columns.vectors, self.lanes)
        operands = (start, self.b_stride, columns.width, count, self.scratch, width)
        if by_columns or self.pads:
            f.call(pack, "void", *operands)
            return self.scratch, width
        with f.when(self.packs):
            f.call(pack, "void", *operands)
        return f.select(self.packs, self.scratch, start), f.select(self.packs, width, self.b_stride)

    def _tiles(self, a: Value, c: Value, part: tuple[Value, Value], vectors: Value, rest: list[Value], b: Value) -> None:
        """Write the loop over the tiles of a panel."""
        f, (first, last), unit = self.f, part, self.tile_rows
        function = self._tile_for(vectors)
        with f.loop(first, last, unit) as loop:
            rows = emit_rows(f, self.row_loops, loop.index, f.add(last, -1))
            f.line(f"call void {function.text}({', '.join(map(str, (a, b, c, *rows, *rest)))})")
            loop.carry()

    def _tile_for(self, vectors: Value) -> Value:
        """Return the function of the tiles that are as wide as a panel."""
        found = None
        for n in range(1, self.tile_vectors + 1):
            tile = Tile(self.element, self.lanes, self.tile_rows, n, self.structure.inner_loops, self.pads)
            function = Value(f"@{tile_function(self.module, tile)}", "ptr")
            found = function if found is None else self.f.select(self.f.compare("eq", vectors, constant("i64", n)), function, found)
        assert found is not None
        return found
