"""Products of few rows with the transpose of a matrix: dot products of rows that stand in memory one element after another."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from graphopt.backends.native.emitter import Function, Module, Value, bytes_of, constant, vector
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import kernel_function, slot
from graphopt.backends.native.products.opaque import opaque


@dataclass(frozen=True)
class DotProducts:
    """The structure of ``C[m, n] = sum over k of A[m, k] B[n, k]``, done in tiles of `rows` rows and as many columns as make one vector.

    The lanes of a vector hold sums over every so many elements, which are added up in pairs. ``begin`` and ``end`` count groups of
    columns, as many as `columns_at_once` says.

    Attributes:
      element: type of an element. rows: of a tile: 1 for the product of a vector and a matrix.
    """

    element: str
    rows: int

    @property
    def title(self) -> str:
        """What it does."""
        return f"dot products of {self.element}"

    def emit(self, module: Module, name: str) -> None:
        """Write it."""
        f, record, begin, end, _ = kernel_function(module, name)
        sizes = _Sizes(*(slot(f, record, 3 + i, "i64") for i in range(7)))
        a, b, c = (slot(f, record, i) for i in range(3))
        columns = columns_at_once(module.host, self.element, self.rows)
        first, last = f.mul(begin, columns), f.intrinsic("smin", f.mul(end, columns), sizes.n)
        with f.loop(0, sizes.batch) as batch:
            steps = (sizes.a_batch, sizes.b_batch, sizes.c_batch)
            matrices = [f.offset(p, self.element, f.mul(batch.index, step)) for p, step in zip((a, b, c), steps, strict=True)]
            with f.loop(first, last, columns) as across:
                with f.loop(0, sizes.m, self.rows) as down:
                    self._tile(f, sizes, matrices, down.index, across.index, last, columns)
                    down.carry()
                across.carry()
            batch.carry()
        f.ret()

    def _tile(self, f: Function, sizes: _Sizes, matrices: list[Value], row: Value, column: Value, end: Value, columns: int) -> None:
        a, b, c = matrices
        lanes = self.rows * columns
        # Rows and columns beyond the last are the last one again, and are not stored.
        a_at = [f.offset(a, self.element, f.mul(_capped(f, row, i, sizes.m), sizes.k)) for i in range(self.rows)]
        b_at = [f.offset(b, self.element, f.mul(_capped(f, column, i, end), sizes.k)) for i in range(columns)]
        sums = self._sums(f, sizes.k, a_at, b_at, vector(lanes, self.element))
        total = sums_of_lanes(f, sums)
        mask = f.first_lanes(f.let("sub", end, column), columns) if columns > 1 else None
        for i in range(self.rows):
            part = f.shuffle(total, total, range(i * columns, (i + 1) * columns)) if self.rows > 1 else total
            with f.when(f.compare("slt", f.add(row, i), sizes.m)):
                at = f.offset(c, self.element, f.add(f.mul(f.add(row, i), sizes.n), column))
                if mask is None:
                    f.store(part, at)
                else:
                    f.masked_store(part, at, mask)

    def _sums(self, f: Function, k: Value, a: list[Value], b: list[Value], type_: str) -> list[Value]:
        """Return for each row of A and each of B, in this order, a vector whose lanes add up to their product."""
        lanes = len(a) * len(b)
        whole = f.let("and", k, constant("i64", -lanes))
        with f.loop(0, whole, lanes, carried=[constant(type_, 0)] * lanes) as loop:
            index = opaque(f, loop.index)
            loaded = [[f.load(type_, f.offset(p, self.element, index)) for p in side] for side in (a, b)]
            loop.carry(*self._step(f, loaded, loop.carried))
        rest = f.let("sub", k, whole)
        # A loop of one round or none, for the last elements.
        with f.loop(whole, k, lanes, carried=loop.results) as tail:
            mask = f.first_lanes(rest, lanes)
            index = opaque(f, tail.index)
            loaded = [[f.masked_load(type_, f.offset(p, self.element, index), mask) for p in side] for side in (a, b)]
            tail.carry(*self._step(f, loaded, tail.carried))
        return tail.results

    def _step(self, f: Function, loaded: list[list[Value]], sums: list[Value]) -> list[Value]:
        a, b = loaded
        return [f.intrinsic("fmuladd", x, y, sums[i * len(b) + j]) for i, x in enumerate(a) for j, y in enumerate(b)]


class _Sizes(NamedTuple):
    """The slots of a record after the pointers to A, B and C."""

    m: Value
    n: Value
    k: Value
    batch: Value
    a_batch: Value
    b_batch: Value
    c_batch: Value


def _capped(f: Function, first: Value, step: int, end: Value) -> Value:
    return f.intrinsic("smin", f.add(first, step), f.add(end, -1))


def rows_at_once(host: Host, element: str) -> int:
    """Return the rows of the tile for products of several rows: with four columns they fill the lanes of a vector."""
    return max(1, host.lanes(bytes_of(element)) // 4)


def columns_at_once(host: Host, element: str, rows: int) -> int:
    """Return the columns of a tile with so many rows."""
    return host.lanes(bytes_of(element)) // rows


def sums_of_lanes(f: Function, vectors: list[Value]) -> Value:
    """Return a vector whose lanes are the sums of the given vectors' lanes; there are as many of them as lanes, a power of 2."""
    lanes, current = len(vectors), vectors
    low = [lane for i in range(lanes // 2) for lane in (i, lanes + i)]
    high = [lane + lanes // 2 for lane in low]
    # Each round adds the halves of two vectors and interleaves them; which vector a lane is of ends up as the lane's number.
    while len(current) > 1:
        half = len(current) // 2
        pairs = [(current[i], current[i + half]) for i in range(half)]
        current = [f.let("fadd", f.shuffle(a, b, low), f.shuffle(a, b, high)) for a, b in pairs]
    return current[0]
