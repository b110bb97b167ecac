"""Reading events with numbers alone many at a time, as columns.

Events of one length and one layout differ only in their time, step and numbers. The first is read field by field; what is no time, step or
number must be the same bytes in the others, tags included. Everything else is left to be read one by one.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from graphopt.ops.summary_tensor import SummaryMetadata
from graphopt.ops.summary_wire import BYTES, FIXED32, placed_fields, read_varint
from graphopt.summary.records import windows

Array = np.ndarray[Any, Any]

_AT_ONCE = 1 << 15
# After so many events that are no numbers the others of their length are read one by one, too.
_PATIENCE = 3


class Layout(NamedTuple):
    """Where an event has what.

    Attributes:
      step: place and size of its varint. numbers: for each number the tag's place, the tag's size, its own place, and whether it is
        the only element of a tensor, as TensorFlow 2 writes numbers.
    """

    step: tuple[int, int]
    numbers: tuple[tuple[int, int, int, bool], ...]


class Column(NamedTuple):
    """Numbers of one tag: `places` says which records they come from, `is_tensor` that they were elements of tensors."""

    tag: str
    places: Array
    wall_times: Array
    steps: Array
    values: Array
    is_tensor: bool = False


def layout_of(event: bytes) -> Layout | None:
    """Return where an event has its step and numbers; None when it holds anything else."""
    try:
        return _layout(event)
    except (IndexError, ValueError):
        return None


def _layout(event: bytes) -> Layout | None:
    if event[:1] != b"\x09" or len(event) < 11:
        return None
    at, step = 9, (9, 0)
    if event[at] == 0x10:
        _, after = read_varint(event, at + 1)
        step, at = (at + 1, after - at - 1), after
    if event[at] != 0x2A:
        return None
    size, at = read_varint(event, at + 1)
    if at + size != len(event):
        return None
    numbers = []
    for field, kind, content, start in placed_fields(event, at, at + size):
        place = _number(event, start, start + len(content)) if (field, kind) == (1, BYTES) else None
        if place is None:
            return None
        numbers.append(place)
    return Layout(step, tuple(numbers)) if numbers else None


def _number(event: bytes, begin: int, end: int) -> tuple[int, int, int, bool] | None:
    """Return the places of a value's tag and number; None when it has no number, or anything else besides."""
    found = {(field, kind): (content, start) for field, kind, content, start in placed_fields(event, begin, end)}
    if found.keys() == {(1, BYTES), (2, FIXED32)}:
        number = found[2, FIXED32][1]
    elif found.keys() == {(1, BYTES), (8, BYTES), (9, BYTES)}:
        number = _element(*found[8, BYTES]) if _is_of_scalars(found[9, BYTES][0]) else 0
    else:
        number = 0
    name, at = found.get((1, BYTES), (b"", 0))
    return (at, len(name), number, (8, BYTES) in found) if number else None


def _is_of_scalars(metadata: bytes) -> bool:
    return bool(SummaryMetadata.FromString(metadata).plugin_data.plugin_name == "scalars")


def _element(tensor: bytes, start: int) -> int:
    """Return the place of the only element of a float32 tensor, 0 when it is another tensor."""
    parts = list(placed_fields(tensor, 0, len(tensor)))
    if [part[0] for part in parts] not in ([1, 2, 4], [1, 2, 5]) or [part[2] for part in parts[:2]] != [1, b""]:
        return 0
    _, kind, content, at = parts[2]
    return start + at if kind == BYTES and len(content) == 4 else 0


def read_columns(data: Array, starts: Array, sizes: Array) -> tuple[list[Column], Array]:
    """Return the numbers of all events that hold nothing else, and which records are left."""
    columns: list[Column] = []
    left = []
    order = np.argsort(sizes, kind="stable")
    bounds = [0, *(np.flatnonzero(np.diff(sizes[order])) + 1).tolist(), order.size] if order.size else [0]
    for begin, end in itertools.pairwise(bounds):
        size = int(sizes[order[begin]])
        for at in range(begin, end, _AT_ONCE):
            places = order[at : min(at + _AT_ONCE, end)]
            left.append(_read_rows(windows(data, size)[starts[places]] if size else None, places, columns))
    return columns, np.sort(np.concatenate(left)) if left else order


def _read_rows(rows: Any, places: Array, columns: list[Column]) -> Array:
    """Read what is numbers in rows of one length into columns; return the places of the others."""
    if rows is None:
        return places
    others: list[int] = []
    misses = 0
    while places.size:
        layout = layout_of(rows[0].tobytes())
        if layout is None:
            others.append(int(places[0]))
            misses += 1
            if misses >= _PATIENCE:
                others += places[1:].tolist()
                break
            rows, places = rows[1:], places[1:]
            continue
        is_read = np.zeros(places.size, bool)
        for group in _groups(rows, layout):
            is_read[group] = True
            columns.extend(_columns(rows[group], places[group], layout))
        rows, places = rows[~is_read], places[~is_read]
    return np.array(others, np.int64)


def _groups(rows: Array, layout: Layout) -> Iterator[Array]:
    """Yield the rows that have a layout, those with the same tags together."""
    size = rows.shape[1]
    is_fixed = np.ones(size, bool)
    is_fixed[1:9] = False
    is_fixed[layout.step[0] : sum(layout.step)] = False
    for _, _, number, _ in layout.numbers:
        is_fixed[number : number + 4] = False
    fixed = rows[:, is_fixed]
    has_step = _has_varint(rows, *layout.step)
    for group in _alike(fixed):
        first = rows[group[0]].tobytes()
        if layout_of(first) == layout:
            same = group[(fixed[group] == fixed[group[0]]).all(axis=1) & has_step[group]]
            if same.size:
                yield same


def _has_varint(rows: Array, at: int, size: int) -> Array:
    """Return in which rows the varint at a place has this size."""
    if not size:
        return np.ones(len(rows), bool)
    goes_on = rows[:, at : at + size] >= 128
    return goes_on[:, :-1].all(axis=1) & ~goes_on[:, -1]


def _alike(fixed: Array) -> list[Array]:
    """Return groups of rows that are most likely the same, by a sum over their bytes with random factors."""
    count, size = fixed.shape
    padded = np.zeros([count, -(-size // 8) * 8], np.uint8)
    padded[:, :size] = fixed
    words = padded.view(np.uint64)
    factors = np.random.default_rng(0).integers(1, 1 << 63, words.shape[1], dtype=np.uint64) * np.uint64(2) + np.uint64(1)
    sums = (words * factors).sum(axis=1, dtype=np.uint64)
    if (sums == sums[0]).all():
        return [np.arange(count)]
    order = np.argsort(sums, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(sums[order])) + 1)


def _columns(rows: Array, places: Array, layout: Layout) -> Iterator[Column]:
    wall_times = np.ascontiguousarray(rows[:, 1:9]).view("<f8")[:, 0]
    steps = np.zeros(places.size, np.uint64)
    begin, size = layout.step
    for i in range(size):
        steps |= (rows[:, begin + i] & 127).astype(np.uint64) << np.uint64(7 * i)
    for tag_at, tag_size, number, is_tensor in layout.numbers:
        tag = rows[0, tag_at : tag_at + tag_size].tobytes().decode(errors="replace")
        values = np.ascontiguousarray(rows[:, number : number + 4]).view("<f4")[:, 0]
        yield Column(tag, places, wall_times, steps.astype(np.int64), values, is_tensor)
