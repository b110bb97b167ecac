"""The wire format of protocol buffers: keys, varints, and the bytes of a field."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from typing import Any

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_SIZES = {FIXED64: 8, FIXED32: 4}
_SMALL = [bytes([i]) for i in range(128)]
_MASK64 = (1 << 64) - 1


def varint(value: int) -> bytes:
    """Return a whole number as a varint; a negative one takes ten bytes, as two's complement.

    >>> varint(300)
    b'\\xac\\x02'
    """
    if 0 <= value < 128:
        return _SMALL[value]
    value &= _MASK64
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def signed(value: int) -> int:
    """Return a varint's value as a signed 64-bit number.

    >>> signed((1 << 64) - 1)
    -1
    """
    return value - (1 << 64) if value >= 1 << 63 else value


def to_float32(value: Any) -> float:
    """Return a number with the precision of float32; what is beyond float32 becomes infinite.

    >>> to_float32(1e300)
    inf
    """
    return ctypes.c_float(value).value


def key(number: int, kind: int) -> bytes:
    """Return what stands before a field: its number and its wire type."""
    return varint(number << 3 | kind)


def delimited(number: int, data: bytes) -> bytes:
    """Return a field of bytes: key, length, bytes."""
    return key(number, BYTES) + varint(len(data)) + data


def read_varint(data: Any, at: int) -> tuple[int, int]:
    """Return the varint at a place, and where it ends; IndexError when the bytes end before.

    >>> read_varint(b"\\xac\\x02", 0)
    (300, 2)
    """
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def placed_fields(data: Any, at: int, end: int) -> Iterator[tuple[int, int, Any, int]]:
    """Yield number, wire type, content and its place for each field between two places; a varint's content is its value.

    Raises:
      IndexError: when the bytes are no fields.
    """
    while at < end:
        head, at = read_varint(data, at)
        kind = head & 7
        start = at
        if kind == VARINT:
            value, at = read_varint(data, at)
            yield head >> 3, kind, value, start
            continue
        size = _SIZES.get(kind)
        if size is None:
            if kind != BYTES:
                raise IndexError(f"unknown wire type {kind}")
            size, start = read_varint(data, at)
        at = start + size
        if at > end:
            raise IndexError("the message ends too soon")
        yield head >> 3, kind, data[start:at], start


def fields(data: bytes) -> Iterator[tuple[int, int, Any]]:
    """Yield number, wire type and content of each field; a varint's content is its value.

    >>> list(fields(b"\\x08\\x05\\x12\\x01a"))
    [(1, 0, 5), (2, 2, b'a')]
    """
    for number, kind, content, _ in placed_fields(data, 0, len(data)):
        yield number, kind, content
