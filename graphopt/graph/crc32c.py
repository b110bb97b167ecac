"""CRC-32C (Castagnoli), the checksum of event files and of TensorFlow's checkpoints.

Short texts are summed in Python, long ones and many at once with NumPy.
Two bytes are taken at a time, with a table of all pairs. A long text is cut into rows that NumPy works on side by side; the checksums
of the rows are then joined by pairs: the checksum of ``a + b`` is that of ``a``, carried over as many zero bytes as ``b`` has, xor that of
``b``.
"""

from __future__ import annotations

import functools
import struct
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8
# From this size on cutting into rows pays.
_LONG = 4096
_ROW = 256


def _byte_table() -> Array:
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, table >> 1 ^ np.uint32(_POLYNOMIAL), table >> 1).astype(np.uint32)
    return table


@functools.cache
def _arrays() -> tuple[Array, Array]:
    """Return the tables of single bytes and of pairs, made when first needed."""
    single, places = _byte_table(), np.arange(1 << 16, dtype=np.uint32)
    first = single[places & 255]
    return single, single[(first ^ places >> 8) & 255] ^ first >> 8


@functools.cache
def _lists() -> tuple[list[int], list[int]]:
    single, pairs = _arrays()
    return single.tolist(), pairs.tolist()


_LENGTHS: dict[int, int] = {}


def crc32c(data: bytes) -> int:
    """Return the checksum of a text.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    return _long(data) if len(data) >= _LONG else _short(data, 0xFFFFFFFF) ^ 0xFFFFFFFF


def _short(data: bytes, state: int) -> int:
    (single, pairs), even = _lists(), len(data) & ~1
    for pair in struct.unpack(f"<{even >> 1}H", data[:even]):
        state = state >> 16 ^ pairs[(state ^ pair) & 0xFFFF]
    if even != len(data):
        state = state >> 8 ^ single[(state ^ data[-1]) & 255]
    return state


def masked(crc: Any) -> Any:
    """Return checksums as these files keep them: turned, and with a constant added."""
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & 0xFFFFFFFF


def masked_crc32c(data: bytes) -> int:
    """Return the checksum of a text as these files keep it."""
    return int(masked(crc32c(data)))


def masked_crc32c_of_length(length: int) -> int:
    """Return the checksum of a record's length, eight bytes."""
    found = _LENGTHS.get(length)
    if found is None:
        if len(_LENGTHS) > 100_000:
            _LENGTHS.clear()
        found = _LENGTHS[length] = masked_crc32c(struct.pack("<Q", length))
    return found


def states_of_rows(rows: Array, state: int) -> Array:
    """Return for each row of bytes what the state becomes.

    Args:
      rows: uint8 ``[count, size]``, in memory column by column if this is to be fast. state: from which each begins.
    """
    count, size = rows.shape
    single, pairs = _arrays()
    states = np.full(count, state, np.uint32)
    for at in range(0, size - 1, 2):
        pair = rows[:, at] | rows[:, at + 1].astype(np.uint16) << np.uint16(8)
        states = states >> np.uint32(16) ^ pairs.take(states.astype(np.uint16) ^ pair)
    if size & 1:
        states = states >> np.uint32(8) ^ single.take(states.astype(np.uint8) ^ rows[:, size - 1])
    return states


def masked_crc32c_of_rows(rows: Array) -> Array:
    """Return the checksum of each row of bytes as these files keep it.

    >>> hex(int(masked_crc32c_of_rows(np.frombuffer(b"123456789", np.uint8)[None])[0])) == hex(masked_crc32c(b"123456789"))
    True
    """
    crc = states_of_rows(rows, 0xFFFFFFFF) ^ np.uint32(0xFFFFFFFF)
    return (crc >> np.uint32(15) | crc << np.uint32(17)) + np.uint32(_MASK_DELTA)


def _long(data: bytes) -> int:
    whole = len(data) // _ROW
    rows = np.frombuffer(data, np.uint8, whole * _ROW).reshape(whole, _ROW)
    parts = states_of_rows(np.asfortranarray(rows), 0)
    # The first row begins with the starting state, carried over the row like any text before it.
    parts[0] ^= _carry(np.array([0xFFFFFFFF], np.uint32), _tables(0))[0]
    state = _joined(parts)
    return _short(data[whole * _ROW :], state) ^ 0xFFFFFFFF


def _joined(parts: Array) -> int:
    """Return the state after all rows, of the states that each makes of 0."""
    level = 0
    if parts.size & (parts.size - 1):  # zeros before the text change nothing
        parts = np.concatenate([np.zeros((1 << int(parts.size).bit_length()) - parts.size, np.uint32), parts])
    while parts.size > 1:
        parts = _carry(parts[0::2], _tables(level)) ^ parts[1::2]
        level += 1
    return int(parts[0])


def _carry(states: Array, tables: Array) -> Array:
    """Return what states become over as many zero bytes as the tables stand for."""
    low = tables[0].take(states & 255) ^ tables[1].take(states >> 8 & 255)
    return low ^ tables[2].take(states >> 16 & 255) ^ tables[3].take(states >> 24)


_TABLES: list[Array] = []


def _tables(level: int) -> Array:
    """Return the tables that carry a state over ``_ROW << level`` zero bytes, one for each of its bytes."""
    while len(_TABLES) <= level:
        each = (np.arange(256, dtype=np.uint32) << np.arange(0, 32, 8, dtype=np.uint32)[:, None]).astype(np.uint32)
        if _TABLES:
            made = _carry(_carry(each, _TABLES[-1]), _TABLES[-1])
        else:
            made = _over_one_row(each.reshape(-1)).reshape(4, 256)
        _TABLES.append(made)
    return _TABLES[level]


def _over_one_row(states: Array) -> Array:
    """Return what states become over one row of zero bytes."""
    pairs = _arrays()[1]
    for _ in range(_ROW // 2):
        states = states >> np.uint32(16) ^ pairs.take(states.astype(np.uint16))
    return states
