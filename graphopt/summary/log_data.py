"""What was read from a log directory: numbers, histograms and other values by run and tag."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

from graphopt.errors import ArgumentError, ElementNotFoundError
from graphopt.summary.tables import Table, write_csv, write_json, write_pandas, write_parquet

Array = np.ndarray[Any, Any]

KINDS = ("scalars", "histograms", "images", "audio", "tensors")


class Series(NamedTuple):
    """The values of one tag, in the order in which they were written.

    Attributes:
      steps: ``i64[n]``. wall_times: seconds since 1970, ``f64[n]``.
      values: numbers as ``f32[n]``; histograms, pictures, sounds and tensors as a list.
    """

    steps: Array
    wall_times: Array
    values: Any

    def __len__(self) -> int:
        return len(self.steps)


@dataclass
class RunData:
    """What one folder of a log directory holds.

    Attributes:
      name: the folder, "." for the log directory itself. series: by kind and tag. plugins: by tag which of TensorBoard's pages shows it.
      graph: the last graph as a `GraphDef`, or None. hparams: the hyper-parameters. run_metadata: bytes by tag.
      session_logs: step and `SessionLog`, in order.
    """

    name: str
    series: dict[str, dict[str, Series]] = field(default_factory=lambda: {kind: {} for kind in KINDS})
    plugins: dict[str, str] = field(default_factory=dict)
    graph: Any = None
    hparams: dict[str, Any] = field(default_factory=dict)
    run_metadata: dict[str, bytes] = field(default_factory=dict)
    session_logs: list[tuple[int, Any]] = field(default_factory=list)


class LogData:
    """The contents of a log directory.

    Args:
      runs: one for each folder.

    Example:
      >>> with tf.summary.FileWriter("read_me") as writer:
      ...     for step in range(3):
      ...         writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=1 / 2**step)]), step)
      >>> log = tf.summary.read("read_me")
      >>> log.tags()["scalars"]
      ['loss']
      >>> log.scalars("loss").values.tolist()
      [1.0, 0.5, 0.25]
    """

    def __init__(self, runs: Sequence[RunData]) -> None:
        self._runs = {run.name: run for run in runs}

    @property
    def runs(self) -> list[str]:
        """The folders with summaries, "." for the log directory itself."""
        return list(self._runs)

    def tags(self, run: str | None = None) -> dict[str, list[str]]:
        """Return the tags of one run or of all, by kind: scalars, histograms, images, audio, tensors (texts too)."""
        chosen = self._runs.values() if run is None else [self._run(run)]
        return {kind: sorted({tag for one in chosen for tag in one.series[kind]}) for kind in KINDS}

    def scalars(self, tag: str, run: str | None = None) -> Series:
        """Return the numbers of a tag.

        Args:
          tag: the tag. run: the folder; needed only when several have the tag.

        Raises:
          KeyError: when there is no such tag. ValueError: when several runs have it.
        """
        return self._series("scalars", tag, run)

    def histograms(self, tag: str, run: str | None = None) -> Series:
        """Return the histograms of a tag, each a `HistogramProto`."""
        return self._series("histograms", tag, run)

    def images(self, tag: str, run: str | None = None) -> Series:
        """Return the pictures of a tag, each a `Summary.Image`."""
        return self._series("images", tag, run)

    def audio(self, tag: str, run: str | None = None) -> Series:
        """Return the sounds of a tag, each a `Summary.Audio`."""
        return self._series("audio", tag, run)

    def tensors(self, tag: str, run: str | None = None) -> Series:
        """Return the tensors of a tag, each an array; texts are arrays of `bytes`."""
        return self._series("tensors", tag, run)

    def graph(self, run: str | None = None) -> Any:
        """Return the last graph of a run as a `GraphDef`, or None."""
        return self._only(run).graph

    def hparams(self, run: str | None = None) -> dict[str, Any]:
        """Return the hyper-parameters of a run by name."""
        return dict(self._only(run).hparams)

    def session_logs(self, run: str | None = None) -> list[tuple[int, Any]]:
        """Return the session logs of a run, each with its step."""
        return list(self._only(run).session_logs)

    def run_metadata(self, run: str | None = None) -> dict[str, bytes]:
        """Return the metadata of traced runs by tag, as bytes of TensorFlow's ``RunMetadata``."""
        return dict(self._only(run).run_metadata)

    # --- tables ------------------------------------------------------------------------------------------------------

    def table(self) -> Table:
        """Return all numbers as columns: run, tag, step, wall_time and value."""
        return Table.of([(run.name, tag, series) for run, tag, series in self._all_scalars()])

    def to_pandas(self) -> Any:
        """Return all numbers as a `pandas.DataFrame` with the columns run, tag, step, wall_time and value.

        Raises:
          ImportError: when pandas is not installed.
        """
        return write_pandas(self.table())

    def to_csv(self, path: Any) -> None:
        """Write all numbers as CSV with the columns run, tag, step, wall_time and value.

        Raises:
          NotFoundError, PermissionDeniedError, FailedPreconditionError, ResourceExhaustedError, UnknownError: when the file can't be
            written. What stood there before is as it was then.
        """
        write_csv(self.table(), path)

    def to_parquet(self, path: Any) -> None:
        """Write all numbers as a Parquet file with the columns run, tag, step, wall_time and value.

        Raises:
          ImportError: when pyarrow is not installed.
          NotFoundError, PermissionDeniedError, FailedPreconditionError, ResourceExhaustedError, UnknownError: when the file can't be
            written. What stood there before is as it was then.
        """
        write_parquet(self.table(), path)

    def to_json(self, path: Any = None) -> str | None:
        """Return all numbers as JSON, or write them to a file: by run and tag the lists ``step``, ``wall_time`` and ``value``."""
        found: dict[str, dict[str, Any]] = {}
        for run, tag, series in self._all_scalars():
            columns = {"step": series.steps.tolist(), "wall_time": series.wall_times.tolist(), "value": series.values.tolist()}
            found.setdefault(run.name, {})[tag] = columns
        return write_json(found, path)

    def _all_scalars(self) -> Iterator[tuple[RunData, str, Series]]:
        for run in self._runs.values():
            for tag, series in sorted(run.series["scalars"].items()):
                yield run, tag, series

    # --- finding -----------------------------------------------------------------------------------------------------

    def _run(self, name: str) -> RunData:
        if name not in self._runs:
            raise ElementNotFoundError(f"There is no run {name!r} in the log directory; there are: {', '.join(self._runs) or 'none'}.")
        return self._runs[name]

    def _only(self, name: str | None) -> RunData:
        if name is not None:
            return self._run(name)
        if len(self._runs) != 1:
            raise ArgumentError(f"The log directory has {len(self._runs)} runs ({', '.join(self._runs)}): say which with run=...")
        return next(iter(self._runs.values()))

    def _series(self, kind: str, tag: str, run: str | None) -> Series:
        chosen = list(self._runs.values()) if run is None else [self._run(run)]
        found = [one for one in chosen if tag in one.series[kind]]
        if not found:
            known = sorted({known for one in chosen for known in one.series[kind]})
            near = difflib.get_close_matches(tag, known, n=3) or known[:5]
            raise ElementNotFoundError(f"There are no {kind} with the tag {tag!r}; near it: {', '.join(near) or 'none'}.")
        if len(found) > 1:
            raise ArgumentError(f"Several runs have the tag {tag!r} ({', '.join(one.name for one in found)}): say which with run=...")
        return found[0].series[kind][tag]
