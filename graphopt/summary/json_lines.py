"""Summaries as plain JSON, one line for each."""

from __future__ import annotations

import json
import os
import threading
import time
import warnings
from types import TracebackType
from typing import Any

from graphopt.ops.summary_proto import HistogramProto, Summary, SummaryValue
from graphopt.summary.appending import AppendingFile
from graphopt.summary.directory import new_file, prepare, to_path, warn_user
from graphopt.summary.protos import serialized
from graphopt.system_errors import failing_as

_CLOSED = "Attempting to use a closed JSONLinesWriter. The operation will be a noop unless the JSONLinesWriter is explicitly reopened."
STEM, ENDING = "summaries", ".jsonl"
JSON_FILES = f"{STEM}.*{ENDING}"


class JSONLinesWriter:
    """Writes summaries to a new file of a log directory, which is made when it is missing.

    Each line of the file is a JSON object with ``wall_time`` (seconds since 1970), ``step`` (or null) and ``values``: by tag a number, or
    for a histogram an object with ``min``, ``max``, ``num``, ``sum``, ``sum_squares``, ``bucket_limit`` and ``bucket``; texts and other
    tensors are lists, pictures and sounds objects with their sizes alone. NaN and infinities are written as Python's `json` reads them.

    Args:
      logdir: the directory. max_queue: how many summaries may wait to be written. flush_secs: how long they may wait, in seconds.
      filename_suffix: what the file's name ends with, before ``.jsonl``.

    Raises:
      FailedPreconditionError, PermissionDeniedError, NotFoundError: when the directory can't be made or written.

    Example:
      >>> import json, pathlib
      >>> with tf.summary.JSONLinesWriter("lines") as writer:
      ...     writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=0.5)]), global_step=7)
      >>> line = json.loads(next(pathlib.Path("lines").iterdir()).read_text())
      >>> line["step"], line["values"]
      (7, {'loss': 0.5})
    """

    def __init__(
        self, logdir: str | os.PathLike[str], *, max_queue: int = 10, flush_secs: float = 120, filename_suffix: str | None = None
    ) -> None:
        self._logdir = to_path(logdir)
        self._max_queue = max_queue
        self._flush_secs = flush_secs
        self._suffix = filename_suffix or ""
        self._lock = threading.Lock()
        self._waiting = 0
        self._flushed = time.monotonic()
        self._file: AppendingFile | None = self._open()

    def _open(self) -> AppendingFile:
        prepare(self._logdir)
        with failing_as(f"No file can be made in the log directory '{self._logdir}'"):
            place = self._logdir.absolute()
            return AppendingFile(lambda: new_file(place, STEM, f"{self._suffix}{ENDING}"))

    def get_logdir(self) -> str:
        """Return the log directory."""
        return str(self._logdir)

    def get_filename(self) -> str | None:
        """Return the path of the file, None when the writer is closed."""
        return None if self._file is None else str(self._file.path)

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Write a summary.

        Args:
          summary: a `Summary`, or its bytes. global_step: the step it belongs to, or None.
        """
        made = summary if isinstance(summary, Summary) else Summary.FromString(serialized(summary))
        self.write(made, None if global_step is None else int(global_step), time.time())

    def write(self, summary: Summary, step: int | None, wall_time: float) -> None:
        """Write a summary with its step and time."""
        line = json.dumps({"wall_time": wall_time, "step": step, "values": {value.tag: to_plain(value) for value in summary.value}})
        with self._lock:
            if self._file is None:
                warnings.warn(_CLOSED, stacklevel=2)
                return
            self._file.append([line.encode() + b"\n"])
            self._waiting += 1
            if self._waiting >= self._max_queue or time.monotonic() - self._flushed >= self._flush_secs:
                self._flush()

    def _flush(self) -> None:
        if self._file is not None:
            self._file.flush()
            _tell(self._file)
        self._waiting, self._flushed = 0, time.monotonic()

    def flush(self) -> None:
        """Put what was added so far into the file; what the system refuses is kept, and a warning says so."""
        with self._lock:
            if self._file is None:
                warnings.warn(_CLOSED, stacklevel=2)
            self._flush()

    def close(self) -> None:
        """Write what waits and close the file. Closing twice is allowed."""
        with self._lock:
            if self._file is not None:
                file, self._file = self._file, None
                file.close()
                _tell(file)

    def reopen(self) -> None:
        """Go on in a new file after `close`; nothing happens when the writer is open."""
        with self._lock:
            if self._file is None:
                self._file = self._open()

    def __enter__(self) -> JSONLinesWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _tell(file: AppendingFile) -> None:
    while file.news:
        warn_user(file.news.popleft())


def to_plain(value: SummaryValue) -> Any:
    """Return a value of a summary as JSON knows it: a number, or an object that says what it is."""
    kind = value.WhichOneof("value")
    if kind == "histo":
        return {name: getattr(value.histo, name) for name in HistogramProto.FIELDS}
    if kind == "image":
        return {"height": value.image.height, "width": value.image.width, "channels": value.image.colorspace}
    if kind == "audio":
        return {"sample_rate": value.audio.sample_rate, "channels": value.audio.num_channels, "frames": value.audio.length_frames}
    if kind == "tensor":
        return _texts(value.tensor.to_array().tolist())
    return value.simple_value


def _texts(item: Any) -> Any:
    if isinstance(item, list):
        return [_texts(inner) for inner in item]
    return item.decode(errors="replace") if isinstance(item, bytes) else item


def histogram_of_plain(plain: dict[str, Any]) -> HistogramProto:
    """Return the histogram of its JSON object."""
    return HistogramProto(**plain)


def is_histogram(plain: Any) -> bool:
    """Return whether a JSON value is a histogram."""
    return isinstance(plain, dict) and "bucket_limit" in plain
