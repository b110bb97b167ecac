"""Event files: records, each with its length and two checksums, as TensorFlow writes them.

A record is its length (eight bytes), the length's checksum (four), the data, and the data's checksum (four), all little-endian.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Sequence
from itertools import groupby
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from graphopt.graph.crc32c import masked_crc32c, masked_crc32c_of_length, masked_crc32c_of_rows
from graphopt.ops.summary_scalars import ScalarLayout
from graphopt.ops.summary_wire import varint
from graphopt.summary.appending import AppendingFile
from graphopt.summary.directory import claim, new_file
from graphopt.summary.protos import FILE_VERSION, Event
from graphopt.system_errors import failing_as

_HEADER = struct.Struct("<QI")
_FOOTER = struct.Struct("<I")
_TIME = struct.Struct("<Bd")
# From so many records of one length on, each up to so many bytes, NumPy is faster.
_MANY, _SHORT = 32, 4096
# From these steps on a varint takes a byte more; none is written for 0.
_VARINT_BOUNDS = np.array([1, *[1 << 7 * i for i in range(1, 9)]], np.int64)
# As long as this is an event with numbers, about, before its bytes are made.
_SCALARS = 64
# So many events, or bytes of them, wait for their checksums.
_AT_ONCE, _MOST_BYTES = 512, 1 << 16


def frame(data: bytes) -> bytes:
    """Return a record of an event file.

    >>> len(frame(b"event"))
    21
    """
    size = len(data)
    return _HEADER.pack(size, masked_crc32c_of_length(size)) + data + _FOOTER.pack(masked_crc32c(data))


def frames(events: Sequence[bytes]) -> list[bytes]:
    """Return several records, each for itself; the checksums of many of one length are made side by side."""
    if len(events) < _MANY:
        return [frame(event) for event in events]
    by_length: dict[int, list[int]] = {}
    for at, event in enumerate(events):
        by_length.setdefault(len(event), []).append(at)
    parts: list[bytes] = [b""] * len(events)
    for size, places in by_length.items():
        if len(places) < _MANY or size > _SHORT:
            for at in places:
                parts[at] = frame(events[at])
            continue
        rows = np.frombuffer(b"".join([events[at] for at in places]), np.uint8).reshape(len(places), size)
        checksums = masked_crc32c_of_rows(np.asfortranarray(rows)).astype("<u4").tobytes()
        header = _HEADER.pack(size, masked_crc32c_of_length(size))
        for i, at in enumerate(places):
            parts[at] = header + events[at] + checksums[4 * i : 4 * i + 4]
    return parts


def summary_event(summary: bytes, step: int | None, wall_time: float) -> bytes:
    """Return the bytes of an `Event` with a summary; the same as the message makes, but several times faster.

    Args:
      summary: the bytes of a `Summary`. step: the step it belongs to, or None. wall_time: seconds since 1970.
    """
    middle = b"\x10" + varint(step) if step else b""
    return _TIME.pack(0x09, wall_time) + middle + b"\x2a" + varint(len(summary)) + summary


class ScalarEvents(NamedTuple):
    """Events with numbers, whose bytes are made when they are written.

    Attributes:
      layout: the tags. collected: for each event its time, in seconds since 1970, and its values: the step, and the numbers.
    """

    layout: ScalarLayout
    collected: Sequence[tuple[float, Sequence[Any]]]


def records(events: Sequence[bytes | ScalarEvents]) -> list[bytes]:
    """Return the records of some events, in blocks of one or more."""
    blocks: list[bytes] = []
    for layout, group in groupby(events, lambda event: event.layout if type(event) is ScalarEvents else None):
        some: list[Any] = list(group)
        if layout is None:
            blocks += frames(some)
        else:
            blocks += _scalar_records(layout, [each for event in some for each in event.collected])
    return blocks


def _scalar_records(layout: ScalarLayout, collected: Sequence[tuple[float, Sequence[Any]]]) -> list[bytes]:
    """Return the records of events of one layout: side by side are made those whose steps take as many bytes."""
    steps = np.array([values[0] for _, values in collected], np.int64)
    sizes = np.where(steps < 0, -1, np.searchsorted(_VARINT_BOUNDS, steps, side="right"))
    ends = [*(np.flatnonzero(np.diff(sizes)) + 1).tolist(), len(collected)]
    blocks: list[bytes] = []
    for begin, end in zip([0, *ends], ends, strict=False):
        some = collected[begin:end]
        if len(some) < _MANY or steps[begin] < 0:
            blocks += frames([summary_event(layout.summary(values), int(values[0]), wall_time) for wall_time, values in some])
        else:
            blocks.append(_framed(layout.events([values for _, values in some], steps[begin:end], [wall_time for wall_time, _ in some])))
    return blocks


def _framed(rows: np.ndarray[Any, Any]) -> bytes:
    """Return the records of events of one length: uint8 of shape [events, bytes of one]."""
    count, size = rows.shape
    whole = np.empty((count, size + _HEADER.size + _FOOTER.size), np.uint8)
    whole[:, : _HEADER.size] = np.frombuffer(_HEADER.pack(size, masked_crc32c_of_length(size)), np.uint8)
    whole[:, _HEADER.size : -_FOOTER.size] = rows
    whole[:, -_FOOTER.size :] = masked_crc32c_of_rows(rows).astype("<u4")[:, None].view(np.uint8)
    return whole.tobytes()


class EventFile(AppendingFile):
    """A new event file of a directory, which begins with the version of the format.

    Args:
      folder: the directory. suffix: what the file's name ends with.
      lasting: returns the events that a file has at its beginning when it takes the place of one that was deleted.

    Raises:
      PermissionDeniedError, ResourceExhaustedError, UnknownError: when it can't be made.
    """

    def __init__(self, folder: Path, suffix: str = "", lasting: Callable[[], Sequence[bytes]] = lambda: ()) -> None:
        self._lasting: Callable[[], Sequence[bytes]] = tuple
        # Checksums are made for many events at once, however few come at a time.
        self._unframed: list[bytes | ScalarEvents] = []
        self._unframed_bytes = 0
        place = folder.absolute()
        with failing_as(f"No file can be made in the log directory '{folder}'"):
            super().__init__(lambda: _claimed(new_file(place, "events.out.tfevents", suffix)), lambda: _beginning(self._lasting()))
        self._lasting = lasting
        self.flush()

    def write(self, events: Sequence[bytes | ScalarEvents]) -> None:
        """Append records."""
        self._unframed += events
        for event in events:
            self._unframed_bytes += len(event.collected) * _SCALARS if type(event) is ScalarEvents else len(event)
        if len(self._unframed) >= _AT_ONCE or self._unframed_bytes >= _MOST_BYTES:
            self._frame()

    def _frame(self) -> None:
        events, self._unframed, self._unframed_bytes = self._unframed, [], 0
        self.append(records(events))

    def flush(self) -> None:
        """Hand what was written to the operating system."""
        self._frame()
        super().flush()

    def fork(self) -> None:
        """Begin anew in a forked process."""
        self._unframed, self._unframed_bytes = [], 0
        super().fork()

    def close(self) -> None:
        """Write what waits, if that is possible, and close the file."""
        self._frame()
        super().close()


def _claimed(file: IO[bytes]) -> IO[bytes]:
    claim(file)
    return file


def _beginning(lasting: Sequence[bytes]) -> list[bytes]:
    version = Event(wall_time=time.time(), file_version=FILE_VERSION)
    return frames([version.SerializeToString(), *lasting])
