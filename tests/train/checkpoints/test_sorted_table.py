"""Sorted tables."""

import struct

import pytest

import graphopt as tf
from graphopt.graph.crc32c import crc32c, masked
from graphopt.train.checkpoints.sorted_table import fields, read_table


def _table(block: bytes, kind: int = 0) -> bytes:
    """Return a sorted table of one data block, without statistics."""

    def stored(content: bytes, compression: int = 0) -> bytes:
        return content + bytes([compression]) + struct.pack("<I", masked(crc32c(content + bytes([compression]))))

    empty = struct.pack("<II", 0, 1)
    handle = bytes([0, len(block)])
    index = bytes([0, 1, len(handle)]) + b"z" + handle + empty
    parts = stored(block, kind), stored(empty), stored(index)
    statistics_at, index_at = len(parts[0]), len(parts[0]) + len(parts[1])
    footer = bytes([statistics_at, len(empty), index_at, len(index)]).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    return b"".join(parts) + footer


def test_keys_share_their_beginnings() -> None:
    block = bytes([0, 3, 1]) + b"abc1" + bytes([2, 1, 2]) + b"d23" + struct.pack("<II", 0, 1)
    assert read_table("t", _table(block)) == {b"abc": b"1", b"abd": b"23"}


def test_broken_tables_are_refused() -> None:
    good = bytes([0, 3, 1]) + b"abc1" + struct.pack("<II", 0, 1)
    with pytest.raises(tf.errors.DataLossError, match=r"t is damaged at block at byte 0: it is compressed \(type 1\)"):
        read_table("t", _table(good, kind=1))
    with pytest.raises(tf.errors.DataLossError, match="t is damaged at blocks: an entry runs past the end of its block"):
        read_table("t", _table(bytes([0, 3, 2]) + b"abc1" + struct.pack("<II", 0, 1)))
    with pytest.raises(tf.errors.DataLossError, match="t is damaged at block at byte 0: its checksum is wrong"):
        read_table("t", b"\1" + _table(good)[1:])
    footer = bytes([0, 0, 40, 40]).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    zeros = b"\0" + struct.pack("<I", masked(crc32c(b"\0")))
    with pytest.raises(tf.errors.DataLossError, match="t is damaged at block at byte 40: it ends at byte 80, and the file has 53"):
        read_table("t", zeros + footer)


def test_protocol_buffers_of_all_kinds() -> None:
    message = b"\x08\x96\x01" + b"\x12\x02hi" + b"\x1d" + struct.pack("<I", 7) + b"\x21" + struct.pack("<Q", 9)
    assert list(fields(message)) == [(1, 150), (2, b"hi"), (3, 7), (4, 9)]
    with pytest.raises(IndexError, match="wire type 3"):
        list(fields(b"\x0b"))
