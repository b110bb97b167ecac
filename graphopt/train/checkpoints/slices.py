"""The parts of partitioned variables in checkpoints of TensorFlow: where they belong, and under which keys they stand.

The key of a part has an encoding that sorts as the numbers and texts in it do: name, rank, then begin and length of each dimension.

Source: tensorflow/core/framework/tensor_slice.proto, tensorflow/core/util/saved_tensor_slice_util and tensorflow/core/lib/strings.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphopt.train.checkpoints.sorted_table import fields

_WHOLE = -1

Extent = tuple[int, int]


def extents(message: bytes) -> list[Extent]:
    """Return begin and length of each dimension of a part, a `TensorSliceProto`; the length -1 stands for the whole dimension.

    Raises:
      IndexError, struct.error: when the bytes are no such message.
    """
    found = []
    for number, value in fields(message):
        if number == 1 and isinstance(value, bytes):
            numbers = dict(fields(value))
            found.append((int(numbers.get(1, 0)), int(numbers.get(2, _WHOLE))))
    return found


def places(part: Sequence[Extent], shape: Sequence[int]) -> tuple[slice, ...]:
    """Return where a part stands in the whole tensor; a ValueError where it doesn't fit.

    >>> places([(0, -1), (2, 3)], [4, 5])
    (slice(0, 4, None), slice(2, 5, None))
    """
    found = tuple(slice(begin, begin + (size if length == _WHOLE else length)) for (begin, length), size in zip(part, shape, strict=True))
    if any(place.stop > size for place, size in zip(found, shape, strict=True)):
        raise ValueError(f"a part ends beyond the shape {list(shape)}")
    return found


def key_of_part(name: str, part: Sequence[Extent]) -> bytes:
    """Return the key under which a part of a tensor stands.

    >>> key_of_part("w", [(0, 4), (64, -1)]).hex()
    '0077000101028084c0407f'
    """
    text = name.encode().replace(b"\xff", b"\xff\x00").replace(b"\0", b"\0\xff")
    return _number(0) + text + b"\0\1" + _number(len(part)) + b"".join(_signed(number) for extent in part for number in extent)


def _number(value: int) -> bytes:
    """Return a number, none negative: how many bytes it takes, then those, the highest first."""
    size = (value.bit_length() + 7) // 8
    return bytes([size]) + value.to_bytes(size, "big")


def _signed(value: int) -> bytes:
    """Return a number of any sign: as many leading bits as it takes bytes are turned over, or one for those of one byte."""
    size = (value if value >= 0 else ~value).bit_length() // 7 + 1
    width = 8 * size
    header = ((1 << size) - 1) << (width - size)
    return ((value & ((1 << width) - 1)) ^ header).to_bytes(size, "big")
