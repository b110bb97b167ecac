"""Finding the records of an event file, and checking them: all checksums side by side."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from graphopt.graph.crc32c import crc32c, masked, masked_crc32c_of_length, states_of_rows

Array = np.ndarray[Any, Any]

_LENGTH = struct.Struct("<Q")
_HEADER, _FOOTER = 12, 4
# After so many records of one length in a row it is tried whether as many follow as `_JUMP`.
_ALIKE, _JUMP = 8, 1 << 16
# Records up to this size are checked together, so many bytes at a time.
_SHORT, _AT_ONCE = 4096, 1 << 21


class Records(NamedTuple):
    """The records of a file that are whole and right.

    Attributes:
      data: the file's bytes, as an array. starts: where the content of each begins. sizes: how many bytes it has.
      problem: what is wrong where reading stopped, or "".  stopped_at: the byte where it stopped.
      is_cut_off: whether the file just ends too soon, as one does that is still being written.
    """

    data: Array
    starts: Array
    sizes: Array
    problem: str
    stopped_at: int
    is_cut_off: bool


def windows(data: Array, size: int) -> Array:
    """Return a view of bytes in which row ``i`` is the `size` bytes from place ``i`` on."""
    return np.lib.stride_tricks.sliding_window_view(data, size)


def _ignore(count: int) -> None:
    pass


def find_records(content: bytes, advance: Callable[[int], None] = _ignore) -> Records:
    """Return the records of an event file up to the first that is broken.

    Args:
      content: the file's bytes. advance: called now and then with how many more of them were checked, nearly all of the time that it takes.
    """
    data = np.frombuffer(content, np.uint8)
    starts, sizes, at = _places(content)
    problem, is_cut_off = ("the last record is cut off", True) if at < len(content) else ("", False)
    first_wrong = _first_wrong(data, starts, sizes, advance)
    if first_wrong is not None:
        at = int(starts[first_wrong]) - _HEADER
        problem, is_cut_off = "the checksum of a record is wrong", False
        starts, sizes = starts[:first_wrong], sizes[:first_wrong]
    elif is_cut_off and at + _HEADER <= len(content) and not _has_right_length(content, at):
        problem, is_cut_off = "the checksum of a record's length is wrong", False
    return Records(data, starts, sizes, problem, at, is_cut_off)


def _has_right_length(content: bytes, at: int) -> bool:
    (size,) = _LENGTH.unpack_from(content, at)
    (checksum,) = struct.unpack_from("<I", content, at + 8)
    return bool(checksum == masked_crc32c_of_length(size))


def _places(content: bytes) -> tuple[Array, Array, int]:
    """Follow the lengths from record to record; return starts, sizes and where the last whole record ends."""
    starts: list[Array] = []
    sizes: list[Array] = []
    some_starts: list[int] = []
    some_sizes: list[int] = []
    at, last, alike, end = 0, -1, 0, len(content) - _HEADER
    unpack = _LENGTH.unpack_from
    while at <= end:
        (size,) = unpack(content, at)
        after = at + size + (_HEADER + _FOOTER)
        if after > len(content):
            break
        some_starts.append(at + _HEADER)
        some_sizes.append(size)
        alike = alike + 1 if size == last else 0
        last, at = size, after
        if alike >= _ALIKE:
            alike = 0
            count = _equal_lengths(content, at, size)
            if count:
                step = size + (_HEADER + _FOOTER)
                starts += [np.array(some_starts, np.int64), at + _HEADER + step * np.arange(count)]
                sizes += [np.array(some_sizes, np.int64), np.full(count, size)]
                some_starts, some_sizes = [], []
                at += step * count
    starts.append(np.array(some_starts, np.int64))
    sizes.append(np.array(some_sizes, np.int64))
    return np.concatenate(starts), np.concatenate(sizes), at


def _equal_lengths(content: bytes, at: int, size: int) -> int:
    """Return how many whole records from a place on have this size."""
    step = size + (_HEADER + _FOOTER)
    count = min((len(content) - at) // step, _JUMP)
    if count <= 0:
        return 0
    lengths = np.ndarray((count,), "<u8", content, at, (step,))
    others = np.flatnonzero(lengths != size)
    return int(others[0]) if others.size else count


def _first_wrong(data: Array, starts: Array, sizes: Array, advance: Callable[[int], None]) -> int | None:
    """Return the number of the first record of which a checksum is wrong, or None."""
    if not starts.size:
        return None
    words = windows(data, 4)
    wrong = words[starts - 4].copy().view("<u4")[:, 0] != _checksums_of_lengths(sizes)
    wrong |= words[starts + sizes].copy().view("<u4")[:, 0] != _checksums(data, starts, sizes, advance)
    found = np.flatnonzero(wrong)
    return int(found[0]) if found.size else None


def _checksums_of_lengths(sizes: Array) -> Array:
    different, which = np.unique(sizes, return_inverse=True)
    return np.array([masked_crc32c_of_length(int(size)) for size in different], np.uint32)[which]


def _checksums(data: Array, starts: Array, sizes: Array, advance: Callable[[int], None]) -> Array:
    """Return the checksum of each record, as event files keep it."""
    made = np.empty(starts.size, np.uint32)
    order = np.argsort(sizes, kind="stable")
    for places in _batches(sizes[order]):
        batch = order[places]
        size = int(sizes[batch[-1]])
        if size < 4 or size > _SHORT:
            for i in batch.tolist():
                made[i] = crc32c(data[starts[i] : starts[i] + sizes[i]].tobytes())
        else:
            made[batch] = states_of_rows(_padded(data, starts[batch], sizes[batch]), 0) ^ np.uint32(0xFFFFFFFF)
        advance(int(sizes[batch].sum()) + batch.size * (_HEADER + _FOOTER))
    return masked(made.astype(np.uint64)).astype(np.uint32)


def _batches(ordered: Array) -> Iterator[slice]:
    """Cut sizes in their order into batches of records that are padded to one size."""
    at = 0
    while at < ordered.size:
        # Not more than twice as long as the first, so that little is padding.
        size = int(ordered[at])
        longest = _SHORT if size <= _SHORT < 2 * size else 2 * size
        if size < 4:
            longest = 3
        end = int(np.searchsorted(ordered, longest, side="right"))
        end = min(end, at + max(1, _AT_ONCE // max(longest, 1)))
        end = max(end, at + 1)
        yield slice(at, end)
        at = end


def _padded(data: Array, starts: Array, sizes: Array) -> Array:
    """Return records as rows, with zeros before the shorter ones.

    Zeros before a text leave the state 0 as it is; so that the texts may begin with it, their first four bytes are turned over, which is
    what the usual first state does to them.
    """
    size = int(sizes[-1])
    rows = np.zeros([starts.size, size], np.uint8, order="F")
    bounds = [0, *(np.flatnonzero(np.diff(sizes)) + 1).tolist(), starts.size]
    for begin, end in itertools.pairwise(bounds):
        own = int(sizes[begin])
        rows[begin:end, size - own :] = windows(data, own)[starts[begin:end]]
        rows[begin:end, size - own : size - own + 4] ^= 255
    return rows
