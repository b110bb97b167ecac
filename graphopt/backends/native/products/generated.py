"""Calls of the generated product: block sizes, and how the work is divided."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from graphopt.backends.native.emitter import bytes_of
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Argument, Call, Scratch
from graphopt.backends.native.products.gemm import BY_BATCH, BY_COLUMNS, BY_ROWS, SINGLE, Batch, InnerLoop, Product, RowLoop, arguments
from graphopt.backends.native.products.microkernel import tile_shape

# What a thread must be given to do, in multiplications: some 20 microseconds.
MULTIPLICATIONS_PER_THREAD = 1 << 21

# Elements of the inner dimension between two visits of the result. A panel of B that long stays in the second-level cache.
INNER_BLOCK = 512

# With rows of B this far apart each lies on a page of its own, and finding pages costs more than copying the panel, if enough rows use it.
_PAGE_BYTES = 4096
_ROWS_WORTH_PACKING = 128

# From so many vectors of columns on, columns rather than rows are divided among threads where panels of B are copied: each is copied once.
_VECTORS_TO_SHARE = 16


@dataclass(frozen=True)
class Factors:
    """The factors of a product and its result.

    Attributes:
      a, b, c: their addresses. element: the type of an element. columns: of the result.
      b_stride: elements from a row of B to the next; from column to column where B stands `by_columns`.
      starts: elements from `a` and `c` to where A and C begin.
    """

    a: Argument
    b: Argument
    c: Argument
    element: str
    columns: int
    b_stride: int
    by_columns: bool = False
    starts: tuple[int, int] = (0, 0)


def grain(multiplications: int, rows: int) -> int:
    """Return how many pieces of so many multiplications are worth a thread, in a product of so many rows.

    With few rows, B comes from memory for every few multiplications, and each takes longer.
    """
    return -(-MULTIPLICATIONS_PER_THREAD * min(rows, 8) // (8 * max(multiplications, 1)))


def loops_call(x: Factors, rows: Sequence[RowLoop], inner: Sequence[InnerLoop], host: Host, batch: Batch = SINGLE) -> Call:
    """Return the call of a product whose rows and inner dimension are numbered by loops, the outermost first."""
    size = bytes_of(x.element)
    lanes, (tile_rows, tile_vectors) = host.lanes(size), tile_shape(host)
    m, k = math.prod(loop.rounds for loop in rows), math.prod(loop.rounds for loop in inner)
    packs = x.by_columns or (m >= _ROWS_WORTH_PACKING and x.b_stride * size >= _PAGE_BYTES)
    one_round = math.prod(loop.rounds for loop in inner[1:])
    block = max(1, INNER_BLOCK // max(1, one_round))
    room = (max(INNER_BLOCK, one_round) + lanes) * tile_vectors * lanes * size
    axis, extent = _division(batch.size, -(-m // tile_rows), -(-x.columns // lanes), packs)
    scratch = Scratch(f"panel of {room} bytes", room, per_thread=True)
    words = arguments(x.a, x.b, x.c, scratch, room, rows, x.columns, inner, x.b_stride, axis, packs, block, batch, x.starts)
    work = batch.size * m * x.columns * k
    moved = batch.size * size * (m * k + k * x.columns + m * x.columns)
    kernel = Product(x.element, len(rows), len(inner), x.by_columns)
    return Call(kernel, words, extent, min(grain(work // extent, m), extent), flops=2 * work, bytes_moved=moved)


def _division(batch: int, tiles: int, vectors: int, packs: bool) -> tuple[int, int]:
    """Return along which axis the work is divided, and how many pieces there are."""
    if batch >= max(tiles, vectors):
        return BY_BATCH, batch
    by_columns = vectors > tiles or (packs and vectors >= _VECTORS_TO_SHARE)
    return (BY_COLUMNS, vectors) if by_columns else (BY_ROWS, tiles)
