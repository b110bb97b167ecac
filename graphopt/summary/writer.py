"""Writing summaries to a log directory, one JSON line for each."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
import warnings
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from graphopt.ops.summary_proto import Summary, SummaryValue

_CLOSED = "Attempting to use a closed FileWriter. The operation will be a noop unless the FileWriter is explicitly reopened."


class FileWriter:
    """Writes summaries to a new file of a log directory, which is made when it is missing.

    Each line of the file is a JSON object with ``wall_time`` (seconds since 1970), ``step`` (or null) and ``values``: by tag a number, or
    for a histogram an object with ``min``, ``max``, ``num``, ``sum``, ``sum_squares``, ``bucket_limit`` and ``bucket``. NaN and infinities
    are written as Python's `json` reads them.

    Args:
      logdir: the directory.
      graph: accepted for TensorFlow's sake, like `graph_def` and `session`.
      max_queue: how many summaries may wait to be written. flush_secs: how long they may wait, in seconds.
      filename_suffix: what the file's name ends with.

    Example:
      >>> import json, pathlib
      >>> with tf.summary.FileWriter("logs") as writer:
      ...     writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=0.5)]), global_step=7)
      >>> line = json.loads(next(pathlib.Path("logs").iterdir()).read_text())
      >>> line["step"], line["values"]
      (7, {'loss': 0.5})
    """

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        graph: Any = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        graph_def: Any = None,
        filename_suffix: str | None = None,
        session: Any = None,
    ) -> None:
        self._logdir = os.fspath(logdir)
        self._max_queue = max_queue
        self._flush_secs = flush_secs
        self._suffix = filename_suffix or ""
        self._lock = threading.Lock()
        self._waiting = 0
        self._flushed = time.monotonic()
        self._file: IO[str] | None = self._open()

    def _open(self) -> IO[str]:
        folder = Path(self._logdir)
        folder.mkdir(parents=True, exist_ok=True)
        name = f"summaries.{int(time.time()):010d}.{socket.gethostname()}{self._suffix}"
        path, number = folder / f"{name}.jsonl", 0
        while path.exists():  # a second writer within one second
            number += 1
            path = folder / f"{name}.{number}.jsonl"
        self._path = path
        return path.open("w", encoding="utf-8")

    def get_logdir(self) -> str:
        """Return the log directory."""
        return self._logdir

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Write a summary.

        Args:
          summary: a `Summary`, or its bytes. global_step: the step it belongs to, or None.
        """
        made = summary if isinstance(summary, Summary) else Summary.FromString(summary)
        step = None if global_step is None else int(global_step)
        line = json.dumps({"wall_time": time.time(), "step": step, "values": {value.tag: _plain(value) for value in made.value}})
        with self._lock:
            if self._file is None:
                warnings.warn(_CLOSED, stacklevel=2)
                return
            self._file.write(line + "\n")
            self._waiting += 1
            if self._waiting >= self._max_queue or time.monotonic() - self._flushed >= self._flush_secs:
                self._flush()

    def add_graph(self, graph: Any, global_step: Any = None, graph_def: Any = None) -> None:
        """Accept a graph for TensorFlow's sake; the file holds summaries alone."""
        if self._file is None:
            warnings.warn(_CLOSED, stacklevel=2)

    def _flush(self) -> None:
        if self._file is not None:
            self._file.flush()
        self._waiting, self._flushed = 0, time.monotonic()

    def flush(self) -> None:
        """Put what was added so far into the file."""
        with self._lock:
            if self._file is None:
                warnings.warn(_CLOSED, stacklevel=2)
            self._flush()

    def close(self) -> None:
        """Write what waits and close the file. Closing twice is allowed."""
        with self._lock:
            self._flush()
            if self._file is not None:
                self._file.close()
                self._file = None

    def reopen(self) -> None:
        """Go on in a new file after `close`; nothing happens when the writer is open."""
        with self._lock:
            if self._file is None:
                self._file = self._open()

    def __enter__(self) -> FileWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def _plain(value: SummaryValue) -> Any:
    if not value.HasField("histo"):
        return value.simple_value
    histo = value.histo
    return {name: getattr(histo, name) for name in histo.__slots__}


class FileWriterCache:
    """One writer for each log directory.

    >>> tf.summary.FileWriterCache.get("logs") is tf.summary.FileWriterCache.get("logs")
    True
    >>> tf.summary.FileWriterCache.clear()
    """

    _writers: dict[str, FileWriter] = {}  # noqa: RUF012 (shared on purpose)
    _lock = threading.Lock()

    @classmethod
    def get(cls, logdir: str | os.PathLike[str]) -> FileWriter:
        """Return the writer of a directory, made when there is none."""
        key = os.fspath(logdir)
        with cls._lock:
            if key not in cls._writers:
                cls._writers[key] = FileWriter(key)
            return cls._writers[key]

    @classmethod
    def clear(cls) -> None:
        """Close and forget all writers."""
        with cls._lock:
            for writer in cls._writers.values():
                writer.close()
            cls._writers.clear()
