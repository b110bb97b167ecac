"""CRC-32C (Castagnoli), the checksum in TensorFlow's files, computed by NumPy for many stretches of the data side by side."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

_POLYNOMIAL = 0x82F63B78
_MASK_DELTA = 0xA282EAD8
_ALL_ONES = 0xFFFFFFFF
# From how many bytes on it pays to cut the data, and into how many stretches.
_LONG = 4096
_MAX_LANES = 1 << 14


@functools.cache
def _table() -> Any:
    """Return what one byte does to a register of zeros, for each byte."""
    table = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        table = np.where(table & 1, (table >> np.uint32(1)) ^ np.uint32(_POLYNOMIAL), table >> np.uint32(1))
    return table


@functools.cache
def _small_table() -> list[int]:
    return [int(value) for value in _table()]


def crc32c(data: Any) -> int:
    """Return the CRC-32C of bytes.

    >>> hex(crc32c(b"123456789"))
    '0xe3069283'
    """
    values = np.frombuffer(data, np.uint8)
    if values.size < _LONG:
        return _advanced(_ALL_ONES, values.tolist()) ^ _ALL_ONES
    lanes = 1 << min(_MAX_LANES.bit_length() - 1, (values.size // 64).bit_length() - 1)
    length = values.size // lanes
    cut = lanes * length
    registers = _registers(values[:cut].reshape(lanes, length))
    # The register of the whole starts with all ones: what they become on their way through the stretches is added at the end.
    register = _joined(registers, length) ^ int(_through_zeros(np.array([_ALL_ONES], np.uint32), cut)[0])
    return _advanced(register, values[cut:].tolist()) ^ _ALL_ONES


def masked(crc: int) -> int:
    """Return a checksum as TensorFlow and LevelDB store it: rotated, plus a constant."""
    return (((crc >> 15) | (crc << 17)) + _MASK_DELTA) & _ALL_ONES


def _advanced(register: int, values: list[int]) -> int:
    table = _small_table()
    for value in values:
        register = table[(register ^ value) & 255] ^ (register >> 8)
    return register


def _registers(stretches: Any) -> Any:
    """Return the register of each stretch, begun with zero."""
    table = _table()
    registers = np.zeros(len(stretches), np.uint32)
    for column in np.ascontiguousarray(stretches.T):
        registers = table[(registers ^ column) & np.uint32(255)] ^ (registers >> np.uint32(8))
    return registers


def _joined(registers: Any, length: int) -> int:
    """Return the register of stretches of one length, a power of two of them, that follow each other."""
    while len(registers) > 1:
        registers = _through_zeros(registers[0::2], length) ^ registers[1::2]
        length *= 2
    return int(registers[0])


def _through_zeros(registers: Any, count: int) -> Any:
    """Return what registers become when that many bytes of zero follow."""
    for bit in range(count.bit_length()):
        if count >> bit & 1:
            registers = _applied(_zeros_operator(bit), registers)
    return registers


def _applied(operator: Any, registers: Any) -> Any:
    """Return a linear operator's results: an entry of it is what one bit of a register becomes."""
    result = np.zeros_like(registers)
    for bit in range(32):
        result ^= np.where(registers >> np.uint32(bit) & np.uint32(1), operator[bit], np.uint32(0))
    return result


@functools.cache
def _zeros_operator(power: int) -> Any:
    """Return the operator of ``2 ** power`` bytes of zero."""
    if power == 0:
        bits = np.uint32(1) << np.arange(32, dtype=np.uint32)
        return _table()[bits & np.uint32(255)] ^ (bits >> np.uint32(8))
    half = _zeros_operator(power - 1)
    return _applied(half, half)
