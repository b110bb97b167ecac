"""Summaries of numbers alone: the same bytes at each step but for the numbers, filled in for many steps at once."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphopt.ops.summary_wire import BYTES, FIXED32, FIXED64, VARINT, key, to_float32, varint

# The fields of TensorFlow's `Event`.
_WALL_TIME, _STEP, _SUMMARY = key(1, FIXED64), key(2, VARINT), key(5, BYTES)


class ScalarLayout:
    """The bytes of a `Summary` of numbers, and of an `Event` with one.

    Args:
      scalars: pairs of a tag and the place of its number among the values.

    Example:
      >>> from graphopt.ops.summary_scalars import ScalarLayout
      >>> tf.Summary.FromString(ScalarLayout([("loss", 1)]).summary([0.25, 0.5])).value[0].simple_value
      0.5
    """

    def __init__(self, scalars: Sequence[tuple[str, int]]) -> None:
        self._heads = [_head(tag) for tag, _ in scalars]
        self._places = [place for _, place in scalars]
        self._struct = struct.Struct("<" + "".join(f"{len(head)}sf" for head in self._heads))
        self._template = b"".join([head + bytes(4) for head in self._heads])
        ends = np.cumsum([len(head) + 4 for head in self._heads], dtype=np.int64)
        self._numbers = [slice(end - 4, end) for end in ends.tolist()]

    def summary(self, values: Sequence[Any]) -> bytes:
        """Return the bytes of the summary for these values."""
        fields: list[Any] = []
        for head, place in zip(self._heads, self._places, strict=True):
            fields.append(head)
            fields.append(values[place])
        try:
            return self._struct.pack(*fields)
        except OverflowError:
            # More than a float32 can hold, as a float64 may be: it is infinite there.
            return self._struct.pack(*[field if type(field) is bytes else to_float32(field) for field in fields])

    def events(self, values: Sequence[Sequence[Any]], steps: np.ndarray[Any, Any], wall_times: Sequence[float]) -> np.ndarray[Any, Any]:
        """Return the bytes of an event for each step: uint8 of shape [events, bytes of one].

        Args:
          values: the values at each step. steps: int64, none negative, all with varints of one length; 0 has none.
          wall_times: seconds since 1970.
        """
        digits = len(varint(int(steps[0]))) if steps[0] else 0
        head = _WALL_TIME + bytes(8) + (_STEP + bytes(digits) if digits else b"") + _SUMMARY + varint(len(self._template))
        # A column for each byte: checksums are made column by column.
        rows = np.empty((len(steps), len(head) + len(self._template)), np.uint8, order="F")
        rows[:] = np.frombuffer(head + self._template, np.uint8)
        rows[:, 1:9] = np.array(wall_times, "<f8")[:, None].view(np.uint8)
        for i in range(digits):
            rows[:, 10 + i] = (steps >> (7 * i) & 127) | (128 if i < digits - 1 else 0)
        with np.errstate(over="ignore"):
            numbers = np.array([[row[place] for place in self._places] for row in values], np.float64).astype("<f4")
        for i, place in enumerate(self._numbers):
            rows[:, len(head) + place.start : len(head) + place.stop] = numbers[:, i, None].view(np.uint8)
        return rows


def _head(tag: str) -> bytes:
    """Return what stands before a number: the keys and lengths of `Summary.value` and its tag, and the number's key."""
    name = tag.encode()
    inner = key(1, BYTES) + varint(len(name)) + name + key(2, FIXED32)
    return key(1, BYTES) + varint(len(inner) + 4) + inner
