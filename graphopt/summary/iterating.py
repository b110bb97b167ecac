"""Reading an event file event by event, as `tf.train.summary_iterator` does."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from graphopt.errors import DataLossError, user_location
from graphopt.summary.protos import Event
from graphopt.summary.records import Records, find_records
from graphopt.system_errors import failing_as, to_path


def summary_iterator(path: str | os.PathLike[str]) -> Iterator[Event]:
    """Return an iterator over the events of an event file, in the order in which they were written.

    Args:
      path: the file.

    Raises:
      NotFoundError, PermissionDeniedError, UnknownError: when the file can't be read.
      DataLossError: after the last whole event, when a broken one follows. `read` warns of it instead.

    Source: tensorflow/python/summary/summary_iterator.py (r1.15).

    Example:
      >>> from graphopt.summary.iterating import summary_iterator
      >>> with tf.summary.FileWriter("logs") as writer:
      ...     writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=0.5)]), global_step=7)
      >>> [(event.step, value.tag) for event in summary_iterator(writer.get_filename()) for value in event.summary.value]
      [(7, 'loss')]
    """
    file = to_path(path, "An event file")
    with failing_as(f"'{file}' can't be read"):
        records = find_records(file.read_bytes())
    return _events(records, file)


def _events(records: Records, file: Path) -> Iterator[Event]:
    for start, size in zip(records.starts.tolist(), records.sizes.tolist(), strict=True):
        yield Event.FromString(records.data[start : start + size].tobytes())
    if records.problem:
        where = f"at byte {records.stopped_at}, after {records.starts.size} events"
        raise DataLossError(None, None, f"'{file}' is broken {where}: {records.problem}.\n  at {user_location()}")
