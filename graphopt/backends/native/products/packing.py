"""Copies of a panel of B in the order in which tiles read it."""

from __future__ import annotations

from collections.abc import Sequence

from graphopt.backends.native.emitter import Function, Module, Value, bytes_of, vector
from graphopt.backends.native.products.microkernel import tile_shape
from graphopt.backends.native.products.opaque import opaque

_PARAMETERS = (("ptr", "source"), ("i64", "stride"), ("i64", "width"), ("i64", "count"), ("ptr", "target"), ("i64", "target_stride"))


def pack_function(module: Module, element: str, *, by_columns: bool) -> str:
    """Return the name of the function that copies a panel, writing it into the module when it is new there.

    Its parameters: the panel's first element; the elements between its rows (between its columns, where it stands column by column); how
    many columns it has and how many rows; where the copy goes; and the elements between the copy's rows, a multiple of a vector.
    A copy of columns writes whole vectors, and needs room for its rows rounded up to a vector's lanes.
    """
    name = f"pack_{element}_{'columns' if by_columns else 'rows'}"
    if not module.has(name):
        f = module.function(name, _PARAMETERS, attributes="nounwind")
        write = _write_columns if by_columns else _write_rows
        write(f, element, module.host.lanes(bytes_of(element)))
        f.ret()
    return name


def _write_rows(f: Function, element: str, lanes: int) -> None:
    source, stride, width, count, target, target_stride = f.parameters
    type_, vectors = vector(lanes, element), tile_shape(f.module.host)[1]
    # A vector that doesn't exist has no lanes: it is neither read nor written.
    masks = [f.first_lanes(f.add(width, -v * lanes), lanes) for v in range(vectors)]
    with f.loop(0, count, carried=[source, target]) as loop:
        at, to = loop.carried
        for v, mask in enumerate(masks):
            part = f.masked_load(type_, f.offset(at, element, v * lanes), mask)
            f.masked_store(part, f.offset(to, element, v * lanes), mask)
        loop.carry(f.offset(at, element, stride), f.offset(to, element, target_stride))


def _write_columns(f: Function, element: str, lanes: int) -> None:
    source, stride, width, count, target, target_stride = f.parameters
    type_, last = vector(lanes, element), f.add(width, -1)
    with f.loop(0, width, lanes) as across:
        # Columns beyond the last are the last one again.
        index = opaque(f, across.index)
        columns = [f.intrinsic("smin", f.add(index, lane), last) for lane in range(lanes)]
        offsets = [f.mul(column, stride) for column in columns]
        with f.loop(0, count, lanes) as down:
            mask = f.first_lanes(f.let("sub", count, down.index), lanes)
            at = opaque(f, f.offset(source, element, down.index))
            block = [f.masked_load(type_, f.offset(at, element, offset), mask) for offset in offsets]
            to = opaque(f, f.offset(target, element, f.add(f.mul(down.index, target_stride), across.index)))
            for i, row in enumerate(transposed(f, block)):
                f.store(row, f.offset(to, element, f.mul(target_stride, i)))
            down.carry()
        across.carry()


def transposed(f: Function, rows: Sequence[Value]) -> list[Value]:
    """Return the columns of a square block that is held in vector registers, one a row; there are as many rows as lanes, a power of 2."""
    count, current = len(rows), list(rows)
    half, low = count // 2, [lane for i in range(count // 2) for lane in (i, count + i)]
    high = [lane + half for lane in low]
    # Each round interleaves rows half the block apart: the bits of (row, lane) rotate by one place, and after all rounds are swapped.
    for _ in range(count.bit_length() - 1):
        pairs = [(current[i], current[i + half]) for i in range(half)]
        current = [f.shuffle(a, b, lanes) for a, b in pairs for lanes in (low, high)]
    return current
