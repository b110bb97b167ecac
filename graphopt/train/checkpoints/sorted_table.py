"""Sorted tables as LevelDB and TensorFlow write them (`.index` files), and as much of protocol buffers as their entries need."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from graphopt.graph.crc32c import crc32c, masked
from graphopt.train.checkpoints.damage import damaged

_MAGIC = 0xDB4775248B80FB57
FOOTER_SIZE = 48
_TRAILER_SIZE = 5  # type of compression, checksum
_UNCOMPRESSED = 0


def is_table(content: bytes) -> bool:
    """Return whether a file's content ends as a sorted table does."""
    return len(content) >= FOOTER_SIZE and content[-8:] == struct.pack("<Q", _MAGIC)


def read_table(file: str, content: bytes) -> dict[bytes, bytes]:
    """Return the entries of a sorted table.

    Args:
      file: its name, for messages. content: its bytes.

    Raises:
      tf.errors.DataLossError: when it is no such table, or a block is damaged.
    """
    if not is_table(content):
        raise damaged(file, "footer", "it does not end as a sorted table does; it is cut off, or a file of something else")
    try:
        footer = content[-FOOTER_SIZE:]
        offset, size, at = _handle(footer, 0)
        _block(file, content, offset, size)  # statistics, which are only checked
        offset, size, _ = _handle(footer, at)
        entries: dict[bytes, bytes] = {}
        for _, value in _entries(_block(file, content, offset, size)):
            entries.update(_entries(_block(file, content, *_handle(value, 0)[:2])))
    except (IndexError, struct.error) as error:
        raise damaged(file, "blocks", "an entry runs past the end of its block") from error
    return entries


def _block(file: str, content: bytes, offset: int, size: int) -> bytes:
    """Return the bytes of one block, checked."""
    end = offset + size
    if end + _TRAILER_SIZE > len(content):
        raise damaged(file, f"block at byte {offset}", f"it ends at byte {end}, and the file has {len(content)}")
    kind, stored = struct.unpack_from("<BI", content, end)
    if masked(crc32c(content[offset : end + 1])) != stored:
        raise damaged(file, f"block at byte {offset}", "its checksum is wrong")
    if kind != _UNCOMPRESSED:
        raise damaged(file, f"block at byte {offset}", f"it is compressed (type {kind}), which TensorFlow does not do in checkpoints")
    return content[offset:end]


def _entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of a block; each key says how much it shares with the one before."""
    (restarts,) = struct.unpack_from("<I", block, len(block) - 4)
    end = len(block) - 4 - 4 * restarts
    at = 0
    key = b""
    while at < end:
        shared, at = varint(block, at)
        own, at = varint(block, at)
        size, at = varint(block, at)
        if at + own + size > end:
            raise IndexError("an entry runs past the end of its block")
        key = key[:shared] + block[at : at + own]
        at += own
        yield key, block[at : at + size]
        at += size


def _handle(data: bytes, at: int) -> tuple[int, int, int]:
    """Return offset and size of a block, and where the next handle begins."""
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return offset, size, at


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number of variable length at a place, and the place after it; IndexError at the end of the data."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Yield field numbers and values of a protocol buffer: numbers, or bytes for what has a length.

    Raises:
      IndexError, struct.error: when it is cut off or has a field of an unknown kind.
    """
    at = 0
    while at < len(message):
        tag, at = varint(message, at)
        kind = tag & 7
        value: int | bytes
        if kind == 0:
            value, at = varint(message, at)
        elif kind == 2:
            size, at = varint(message, at)
            value = message[at : at + size]
            at += size
        elif kind in (1, 5):
            value = struct.unpack_from("<Q" if kind == 1 else "<I", message, at)[0]
            at += 8 if kind == 1 else 4
        else:
            raise IndexError(f"wire type {kind}")
        yield tag >> 3, value
