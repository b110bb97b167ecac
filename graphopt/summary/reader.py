"""Reading a log directory: event files, whoever wrote them, and JSON lines."""

from __future__ import annotations

import fnmatch
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from graphopt.errors import NotFoundError, user_location
from graphopt.graph.graph_def import GraphDef
from graphopt.ops.summary_proto import HistogramProto, SessionLog, SummaryValue
from graphopt.summary.columns import Column, read_columns
from graphopt.summary.directory import EVENT_FILES, is_being_written, to_path, warn_user
from graphopt.summary.hparams import read_hparams
from graphopt.summary.json_lines import ENDING, JSON_FILES, histogram_of_plain, is_histogram, number_of_plain
from graphopt.summary.log_data import LogData, RunData, Series
from graphopt.summary.protos import Event
from graphopt.summary.records import find_records
from graphopt.system_errors import failing_as, reason, system_error

Array = np.ndarray[Any, Any]


def read(logdir: Any, *, on_progress: Callable[[int, int], None] | None = None) -> LogData:
    """Read what was written to a log directory and its subfolders, each of which is a run.

    Where a run was resumed, what its earlier files say of the step at which it was and of later ones is dropped, so that steps are
    not there twice. A folder without event files is read from its JSON lines. A broken file is read up to the break, with a warning.

    Args:
      logdir: the directory, or one file.
      on_progress: called now and then with how many bytes have been read and how many there are, as a bar of progress needs them.

    Returns:
      A `LogData`.

    Raises:
      NotFoundError: when there is no such directory, or nothing to read in it.
      PermissionDeniedError, UnknownError: when the directory or a file of it can't be read.

    Example:
      >>> with tf.summary.FileWriter("runs/first") as writer:
      ...     writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=2.0)]), 1)
      >>> log = tf.summary.read("runs")
      >>> log.runs, log.scalars("loss").steps.tolist()
      (['first'], [1])
    """
    top = to_path(logdir)
    with failing_as(f"'{top}' can't be read"):
        is_file, is_folder = top.is_file(), top.is_dir()
    if is_file:
        return LogData([_read_run(".", [top], _counter([top], on_progress))])
    if not is_folder:
        raise NotFoundError(None, None, f"There is no log directory '{top}'.\n  at {user_location()}")
    folders = _folders(top)
    advance = _counter([path for _, files in folders for path in files], on_progress)
    runs = [_read_run(folder.relative_to(top).as_posix(), files, advance) for folder, files in folders]
    if not runs:
        raise NotFoundError(None, None, f"There is no event file and no file of JSON lines in '{top}'.\n  at {user_location()}")
    return LogData(runs)


def _folders(top: Path) -> list[tuple[Path, list[Path]]]:
    """Return the folders that have something to read, each with its files; one that can't be looked into is named in a warning."""

    refused: list[OSError] = []
    found = []
    for name, _, names in os.walk(top, onerror=refused.append):
        folder = Path(name)
        events = [folder / each for each in sorted(fnmatch.filter(names, EVENT_FILES))]
        files = events or [folder / each for each in sorted(fnmatch.filter(names, JSON_FILES))]
        if files:
            found.append((folder, files))
    for error in refused:
        if not found and Path(error.filename or top) == top:
            raise system_error(error, f"The log directory '{top}' can't be read")
        warn_user(f"The folder '{error.filename}' is left out: {reason(error)}.")
    return sorted(found)


def _counter(files: list[Path], on_progress: Callable[[int, int], None] | None) -> Callable[[int], None]:
    """Return what is to be called with the bytes that were read since the last call."""
    if on_progress is None:
        return lambda more: None
    tell = on_progress
    total = sum(path.stat().st_size for path in files if path.exists())
    done = 0

    def advance(more: int) -> None:
        nonlocal done
        done += more
        tell(min(done, total), total)

    return advance


def _read_run(name: str, files: list[Path], advance: Callable[[int], None]) -> RunData:
    reading = _Reading(RunData(name), advance)
    for path in files:
        if path.name.endswith(ENDING):
            reading.read_lines(path)
        else:
            reading.read_events(path)
    return reading.finished()


def _warn(path: Path, at: str, why: str) -> None:
    warn_user(f"'{path}' is read up to {at}: {why}.")


class _Reading:
    """Collects the values of a run's files, and knows which came before which."""

    def __init__(self, run: RunData, advance: Callable[[int], None]) -> None:
        self._run = run
        self._advance = advance
        self._columns: dict[str, list[Column]] = {}
        self._others: dict[tuple[str, str], list[tuple[int, int, float, Any]]] = {}
        self._restarts: list[tuple[int, int]] = []
        self._first = 0

    # --- event files -------------------------------------------------------------------------------------------------

    def read_events(self, path: Path) -> None:
        """Take over the records of an event file."""
        with failing_as(f"'{path}' can't be read"):
            records = find_records(path.read_bytes(), self._advance)
        if records.problem and not (records.is_cut_off and is_being_written(path)):
            _warn(path, f"byte {records.stopped_at}, {records.starts.size} records", records.problem)
        columns, left = read_columns(records.data, records.starts, records.sizes)
        for column in columns:
            self._columns.setdefault(column.tag, []).append(column._replace(places=column.places + self._first))
            if column.is_tensor:
                self._run.plugins.setdefault(column.tag, "scalars")
        for i in left.tolist():
            begin, end = int(records.starts[i]), int(records.starts[i] + records.sizes[i])
            try:
                event = Event.FromString(records.data[begin:end].tobytes())
            except ValueError as error:
                _warn(path, f"byte {begin - 12}, {i} records", f"the record is no event ({error})")
                break
            self._take(event, self._first + i)
        self._first += records.starts.size

    def _take(self, event: Event, place: int) -> None:
        kind = event.WhichOneof("what")
        if kind == "summary":
            for value in event.summary.value:
                self._take_value(value, place, event.step, event.wall_time)
        elif kind == "session_log":
            self._run.session_logs.append((event.step, event.session_log))
            if event.session_log.status == SessionLog.START:
                self._restarts.append((place, event.step))
        elif kind == "graph_def":
            self._run.graph = GraphDef.FromString(event.graph_def)
        elif kind == "tagged_run_metadata":
            self._run.run_metadata[event.tagged_run_metadata.tag] = event.tagged_run_metadata.run_metadata

    def _take_value(self, value: SummaryValue, place: int, step: int, wall_time: float) -> None:
        if value.HasField("metadata"):
            plugin = value.metadata.plugin_data.plugin_name
            self._run.plugins.setdefault(value.tag, plugin)
            if plugin == "hparams":
                self._run.hparams.update(read_hparams(value.metadata))
                return
        found = _content(value, self._run.plugins.get(value.tag, ""))
        if found is not None:
            kind, content = found
            self._others.setdefault((kind, value.tag), []).append((place, step, wall_time, content))

    # --- JSON lines --------------------------------------------------------------------------------------------------

    def read_lines(self, path: Path) -> None:
        """Take over the lines of a JSON file."""
        with failing_as(f"'{path}' can't be read"):
            content = path.read_bytes()
        for number, line in enumerate(content.splitlines()):
            self._advance(len(line) + 1)
            try:
                item = json.loads(line)
                values = item["values"].items()
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                _warn(path, f"line {number + 1}", f"the line is no summary ({error})")
                break
            if item.get("session") == "start":
                self._restarts.append((self._first, item["step"] or 0))
            for tag, plain in values:
                for kind, content in _of_plain(plain):
                    self._others.setdefault((kind, tag), []).append((self._first, item["step"] or 0, item["wall_time"], content))
            self._first += 1

    # --- putting together --------------------------------------------------------------------------------------------

    def finished(self) -> RunData:
        """Return the run, with what restarts made void left out."""
        for tag, columns in self._columns.items():
            extra = self._others.pop(("scalars", tag), [])
            self._keep("scalars", tag, [*columns, *([_column(tag, extra)] if extra else [])])
        for (kind, tag), items in self._others.items():
            self._keep(kind, tag, [_column(tag, items)])
        return self._run

    def _keep(self, kind: str, tag: str, columns: list[Column]) -> None:
        places, wall_times, steps = (np.concatenate([getattr(c, name) for c in columns]) for name in ("places", "wall_times", "steps"))
        values = np.concatenate([column.values for column in columns])
        is_kept = np.ones(places.size, bool)
        for place, step in self._restarts:
            is_kept &= (places > place) | (steps < step)
        order = np.flatnonzero(is_kept)
        if (np.diff(places[order]) < 0).any():
            order = order[np.argsort(places[order], kind="stable")]
        chosen = values[order]
        series = Series(steps[order], wall_times[order], chosen if kind == "scalars" else chosen.tolist())
        self._run.series[kind][tag] = series


def _column(tag: str, items: list[tuple[int, int, float, Any]]) -> Column:
    places, steps, wall_times, contents = zip(*items, strict=True)
    is_number = all(isinstance(content, float) for content in contents)
    values: Array = np.empty(len(contents), np.float32 if is_number else object)
    values[:] = contents if is_number else [*contents]
    return Column(tag, np.array(places, np.int64), np.array(wall_times, np.float64), np.array(steps, np.int64), values)


def _content(value: SummaryValue, plugin: str) -> tuple[str, Any] | None:
    """Return the kind of a value and what it holds; None for an empty one."""
    kind = value.WhichOneof("value")
    if kind == "simple_value":
        return "scalars", value.simple_value
    if kind == "histo":
        return "histograms", value.histo
    if kind in ("image", "audio"):
        return ("images" if kind == "image" else kind), getattr(value, kind)
    if kind != "tensor":
        return None
    try:
        array = value.tensor.to_array()
    except ValueError:  # an element type that graphopt does not have
        return "tensors", value.tensor
    if plugin == "scalars" and array.size == 1 and array.dtype.kind in "fiu":
        return "scalars", float(array.reshape(-1)[0])
    if plugin == "histograms" and array.ndim == 2 and array.shape[1] == 3:
        return "histograms", _histogram(array)
    return "tensors", array


def _histogram(buckets: Array) -> HistogramProto:
    """Return the histogram of TensorFlow 2's rows: lower limit, upper limit, count."""
    if not len(buckets):
        return HistogramProto()
    low, high, count = buckets.T.tolist()
    return HistogramProto(min=low[0], max=high[-1], num=sum(count), bucket_limit=high, bucket=count)


def _of_plain(plain: Any) -> Iterator[tuple[str, Any]]:
    """Yield the kind of a JSON value and what it holds; nothing for pictures and sounds, of which only the sizes are there."""
    number = number_of_plain(plain)
    if number is not None:
        yield "scalars", number
    elif is_histogram(plain):
        yield "histograms", histogram_of_plain(plain)
    elif isinstance(plain, (list, str)):
        yield "tensors", np.array(plain)
