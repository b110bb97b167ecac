"""Summaries as plain JSON, one line for each."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
import weakref
from types import TracebackType
from typing import Any

from graphopt.ops.summary_proto import HistogramProto, SessionLog, Summary, SummaryValue
from graphopt.summary.appending import AppendingFile
from graphopt.summary.directory import new_file, prepare, to_path, warn_user
from graphopt.summary.protos import serialized
from graphopt.system_errors import failing_as

_LOG = logging.getLogger("graphopt")
_CLOSED = "Attempting to use a closed JSONLinesWriter. The operation will be a noop unless the JSONLinesWriter is explicitly reopened."
STEM, ENDING = "summaries", ".jsonl"
_WORDS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}
JSON_FILES = f"{STEM}.*{ENDING}"


class JSONLinesWriter:
    """Writes summaries to a new file of a log directory, which is made when it is missing.

    Each line of the file is a JSON object with ``wall_time`` (seconds since 1970), ``step`` (or null) and ``values``: by tag a number
    (``"NaN"``, ``"Infinity"`` or ``"-Infinity"`` where it is none that JSON has), or
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
        _all.add(self)

    def _open(self) -> AppendingFile:
        prepare(self._logdir)
        with failing_as(f"No file can be made in the log directory '{self._logdir}'"):
            place, ending = self._logdir.absolute(), f"{self._suffix}{ENDING}"
            file = AppendingFile(lambda: new_file(place, STEM, ending))
        # Also when the writer is forgotten, and at the end of the program, what waits is written.
        self._finalizer = weakref.finalize(self, _finish, file)
        return file

    def fork(self) -> None:
        """Begin anew in a forked process, whose parent writes what waits."""
        self._lock = threading.Lock()
        self._waiting = 0
        if self._file is not None:
            self._file.fork()

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
        step = None if step is None else int(step)
        self._put({"wall_time": wall_time, "step": step, "values": {value.tag: to_plain(value) for value in summary.value}})

    def add_session_log(self, session_log: Any, global_step: Any = None) -> None:
        """Write that a session began, as a line with ``"session": "start"``; what else becomes of sessions is not written.

        Readers drop what the lines before say of this step and later ones, so that curves of a resumed run have no zig-zag.

        Args:
          session_log: a `SessionLog` or its bytes. global_step: the step at which it begins.
        """
        if SessionLog.FromString(serialized(session_log)).status == SessionLog.START:
            self._put({"wall_time": time.time(), "step": int(global_step or 0), "values": {}, "session": "start"})

    def add_graph(self, graph: Any, global_step: Any = None, graph_def: Any = None) -> None:
        """Do nothing: lines of JSON have no graph."""

    def _put(self, item: dict[str, Any]) -> None:
        try:
            line = json.dumps(item, allow_nan=False)
        except ValueError:
            line = json.dumps(_with_words(item), allow_nan=False)
        with self._lock:
            if self._file is None:
                warn_user(_CLOSED)
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
                warn_user(_CLOSED)
            self._flush()

    def close(self) -> None:
        """Write what waits and close the file. Closing twice is allowed."""
        with self._lock:
            if self._file is not None:
                file, self._file = self._file, None
                self._finalizer.detach()
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


_all: weakref.WeakSet[JSONLinesWriter] = weakref.WeakSet()


def _fork() -> None:
    for writer in list(_all):
        writer.fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_fork)


def _finish(file: AppendingFile) -> None:
    """Write what waits of a writer that nobody has closed; the line that forgot it isn't known, so that the log has to tell."""
    file.is_forgotten = True
    file.close()
    while file.news:
        _LOG.warning("%s", file.news.popleft())


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


def _with_words(item: Any) -> Any:
    """Return an item with words for what is no number in JSON, as protocol buffers have them: "NaN", "Infinity" and "-Infinity"."""
    if isinstance(item, dict):
        return {name: _with_words(inner) for name, inner in item.items()}
    if isinstance(item, list):
        return [_with_words(inner) for inner in item]
    return _WORDS.get(str(item), item) if isinstance(item, float) else item


def number_of_plain(plain: Any) -> float | None:
    """Return the number that a JSON value stands for; None when it stands for something else."""
    if isinstance(plain, str):
        return float(plain) if plain in _WORDS.values() else None
    return float(plain) if isinstance(plain, int | float) else None


def _texts(item: Any) -> Any:
    if isinstance(item, list):
        return [_texts(inner) for inner in item]
    return item.decode(errors="replace") if isinstance(item, bytes) else item


def histogram_of_plain(plain: dict[str, Any]) -> HistogramProto:
    """Return the histogram of its JSON object."""
    return HistogramProto(**{name: [*map(float, value)] if isinstance(value, list) else float(value) for name, value in plain.items()})


def is_histogram(plain: Any) -> bool:
    """Return whether a JSON value is a histogram."""
    return isinstance(plain, dict) and "bucket_limit" in plain
