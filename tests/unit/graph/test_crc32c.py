"""The checksum of event files and of TensorFlow's checkpoints."""

from __future__ import annotations

import numpy as np
import pytest

from graphopt.graph.crc32c import crc32c, masked, masked_crc32c, masked_crc32c_of_length, masked_crc32c_of_rows


def bit_by_bit(data: bytes) -> int:
    """Return the CRC-32C by its definition, a bit at a time."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


@pytest.mark.parametrize("size", [0, 1, 2, 3, 9, 255, 256, 4095, 4096, 4097, 5000, 8191, 16_384, 20_001, 70_001])
def test_checksums(size: int) -> None:
    data = np.random.default_rng(size).bytes(size)
    assert crc32c(data) == bit_by_bit(data)


def test_checksums_of_rows() -> None:
    for size in (1, 2, 45, 46):
        rows = np.random.default_rng(size).integers(0, 256, [20, size], dtype=np.uint8)
        assert masked_crc32c_of_rows(rows).tolist() == [masked_crc32c(row.tobytes()) for row in rows]


def test_known_values() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    # RFC 3720, B.4
    assert crc32c(b"\0" * 32) == 0x8A9136AA and crc32c(b"\xff" * 32) == 0x62A8AB43 and crc32c(bytes(range(32))) == 0x46DD794E
    assert masked(crc32c(b"\0" * 32)) == ((0x8A9136AA >> 15 | 0x8A9136AA << 17) + 0xA282EAD8) & 0xFFFFFFFF


def test_the_checksum_of_a_length() -> None:
    assert masked_crc32c_of_length(5) == masked_crc32c(b"\x05" + bytes(7))
