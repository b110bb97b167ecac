"""The innermost part of a matrix product: a tile of the result held in registers while the inner dimension is run through.

For every step of the inner dimension a few vectors of a row of B are loaded once, and each row of the tile multiplies them by one
element of A, broadcast to all lanes. Rows of A are found through a table of offsets, and the steps may be a nest of loops: so the same
tile multiplies matrices, transposed ones, and the windows of images, which never have to be copied out.

The shape of the tile and the broadcasts are those of BLIS (Van Zee and van de Geijn, ACM TOMS 41(3), 2015, "BLIS: a framework for rapidly
instantiating BLAS functionality").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from graphopt.backends.native.emitter import Function, Module, Value, constant, vector
from graphopt.backends.native.host import Host
from graphopt.backends.native.products.rows import OFFSETS


@dataclass(frozen=True)
class Tile:
    """How much of the result stays in registers.

    Attributes:
      element: type of an element. lanes: elements of a vector. rows: of the tile. vectors: vector registers for each row.
      inner_loops: how many nested loops run through the inner dimension.
      pads: a panel of B may be loaded whole; only lanes of the mask are used.
    """

    element: str
    lanes: int
    rows: int
    vectors: int
    inner_loops: int = 1
    pads: bool = False

    @property
    def name(self) -> str:
        """The name of its function."""
        return f"tile_{self.element}_{self.rows}x{self.vectors}x{self.lanes}_{self.inner_loops}{'p' if self.pads else ''}"


def tile_shape(host: Host) -> tuple[int, int]:
    """Return the rows and vectors of the tile whose sums, with a row of B and one element of A, just fill the vector registers."""
    return (8, 3) if host.registers >= 32 else (6, 2)


def has_masks(host: Host) -> bool:
    """Return True where part of a vector can be loaded with one instruction."""
    return host.vector_bytes >= 32


def tile_function(module: Module, tile: Tile) -> str:
    """Return the name of the function that computes a tile, writing it into the module when it is new there.

    Its parameters: pointers to the first elements of A, B and C; two vectors with the offsets of each row in A and in C, in elements;
    the elements between rows of B; how many lanes of the last vector exist; whether to add to C (i64, 1 or 0); and for each of the inner
    loops, the outermost first, its rounds and its step in A.
    """
    if not module.has(tile.name):
        parameters = [("ptr", name) for name in ("a", "b", "c")] + [(OFFSETS, name) for name in ("a_rows", "c_rows")]
        parameters += [("i64", name) for name in ("b_stride", "lanes", "accumulate")]
        parameters += [("i64", f"{name}{i}") for i in range(tile.inner_loops) for name in ("rounds", "step")]
        _Writer(tile, module.function(tile.name, parameters, attributes="nounwind")).write()
    return tile.name


class _Steps(NamedTuple):
    rounds: Value
    a: Value


class _Writer:
    def __init__(self, tile: Tile, f: Function) -> None:
        self.tile, self.f = tile, f
        self.type = vector(tile.lanes, tile.element)
        self.a, self.b, self.c, self.a_rows, self.c_rows, self.b_stride, lanes, self.accumulate, *inner = f.parameters
        self.inner = [_Steps(*inner[i : i + 2]) for i in range(0, len(inner), 2)]
        self.mask = last_lanes(f, lanes, tile.lanes)

    def write(self) -> None:
        f, tile = self.f, self.tile
        self.offsets = [f.extract(self.a_rows, r) for r in range(tile.rows)]
        self._prefetch_result()
        _, sums = self._run(self.inner, self.a, self.b, [constant(self.type, 0)] * (tile.rows * tile.vectors))
        self._finish(sums)
        f.ret()

    def _run(self, loops: Sequence[_Steps], a: Value, b: Value, sums: Sequence[Value]) -> tuple[Value, list[Value]]:
        """Write the inner loops; returns where B ended, and the sums."""
        f, element = self.f, self.tile.element
        steps, *deeper = loops
        with f.loop(0, steps.rounds, carried=[a, b, *sums]) as loop:
            at_a, at_b, *now = loop.carried
            if deeper:
                at_b, now = self._run(deeper, at_a, at_b, now)
            else:
                now = self._multiply(at_a, at_b, now)
                at_b = f.offset(at_b, element, self.b_stride)
            loop.carry(f.offset(at_a, element, steps.a), at_b, *now)
        return loop.results[1], loop.results[2:]

    def _multiply(self, a: Value, b: Value, sums: list[Value]) -> list[Value]:
        f, tile = self.f, self.tile
        row = [self._load(f.offset(b, tile.element, v * tile.lanes), v == tile.vectors - 1 and not tile.pads) for v in range(tile.vectors)]
        made = []
        for r, offset in enumerate(self.offsets):
            factor = f.splat(f.load(tile.element, f.offset(a, tile.element, offset)), tile.lanes)
            made += [f.intrinsic("fmuladd", factor, part, sums[r * tile.vectors + v]) for v, part in enumerate(row)]
        return made

    def _load(self, at: Value, is_masked: bool) -> Value:
        return self.f.masked_load(self.type, at, self.mask) if is_masked else self.f.load(self.type, at)

    def _prefetch_result(self) -> None:
        """Write the hint that the result's rows will be written: they arrive while the inner loops run."""
        f, tile = self.f, self.tile
        flags = [constant("i32", number) for number in (1, 3, 1)]
        for r in range(tile.rows):
            row = f.offset(self.c, tile.element, f.extract(self.c_rows, r))
            for v in range(tile.vectors):
                f.call("llvm.prefetch.p0", "void", f.offset(row, tile.element, v * tile.lanes), *flags)

    def _finish(self, sums: list[Value]) -> None:
        f, tile, last = self.f, self.tile, self.tile.vectors - 1
        rows = [f.offset(self.c, tile.element, f.extract(self.c_rows, r)) for r in range(tile.rows)]
        places = [(f.offset(row, tile.element, v * tile.lanes), v == last) for row in rows for v in range(tile.vectors)]
        # A loop of one round or none. All is loaded before anything is stored, because rows beyond the last are the last one again.
        with f.loop(0, self.accumulate, carried=sums) as loop:
            loop.carry(*[f.let("fadd", self._load(*place), total) for place, total in zip(places, loop.carried, strict=True)])
        for total, (at, is_masked) in zip(loop.results, places, strict=True):
            if is_masked:
                f.masked_store(total, at, self.mask)
            else:
                f.store(total, at)


def last_lanes(f: Function, count: Value, lanes: int) -> Value:
    """Return the mask of a vector's first `count` lanes, `count` being 1 to `lanes`."""
    type_ = f"i{lanes}"
    if lanes < 8:
        return f.first_lanes(count, lanes)
    missing = f.value(type_, f"trunc {f.let('sub', constant('i64', lanes), count)} to {type_}")
    bits = f.let("lshr", Value("-1", type_), missing)
    return f.value(f"<{lanes} x i1>", f"bitcast {bits} to <{lanes} x i1>")
