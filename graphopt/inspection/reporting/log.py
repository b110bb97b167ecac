"""What a report shows: what was read from a log directory, as `graphopt.summary.read` gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

Array = np.ndarray[Any, Any]


class Log(Protocol):
    """What was read from a log directory, such as a `graphopt.summary.LogData`.

    A series has `steps` ``i64[n]``, `wall_times` ``f64[n]`` (seconds since 1970) and `values`: numbers ``[n]``, or a list of
    `HistogramProto`, of `Summary.Image`, of `Summary.Audio` or of arrays.
    """

    @property
    def runs(self) -> list[str]:
        """The names of the runs."""

    def tags(self, run: str | None = None) -> dict[str, list[str]]:
        """Return the tags of a run by kind: scalars, histograms, images, audio, tensors."""

    def scalars(self, tag: str, run: str | None = None) -> Any:
        """Return the numbers of a tag."""

    def histograms(self, tag: str, run: str | None = None) -> Any:
        """Return the histograms of a tag."""

    def images(self, tag: str, run: str | None = None) -> Any:
        """Return the pictures of a tag."""

    def audio(self, tag: str, run: str | None = None) -> Any:
        """Return the sounds of a tag."""

    def tensors(self, tag: str, run: str | None = None) -> Any:
        """Return the tensors of a tag."""

    def hparams(self, run: str | None = None) -> dict[str, Any]:
        """Return the hyper-parameters of a run."""


class Curve(NamedTuple):
    """The numbers of one tag in one run.

    Attributes:
      run: the number of the run. tag: the tag. steps: ``i64[n]``. wall_times: seconds since 1970, ``f64[n]``. values: ``f64[n]``.
    """

    run: int
    tag: str
    steps: Array
    wall_times: Array
    values: Array

    @property
    def is_finite(self) -> Array:
        """Which values are finite, ``bool[n]``."""
        return np.isfinite(self.values)


class Contents(NamedTuple):
    """What a report shows of a log.

    Attributes:
      runs: their names. curves: by tag. histograms, images, audio, tensors: tag, number of the run, series.
      hparams: those of each run. pipelines: what `save_report_data` wrote, by the number of the run. warnings: for people.
    """

    runs: Sequence[str]
    curves: Mapping[str, Sequence[Curve]]
    histograms: Sequence[tuple[str, int, Any]]
    images: Sequence[tuple[str, int, Any]]
    audio: Sequence[tuple[str, int, Any]]
    tensors: Sequence[tuple[str, int, Any]]
    hparams: Sequence[Mapping[str, Any]]
    training: Mapping[int, Mapping[str, Any]]
    warnings: Sequence[str]


def contents_of(log: Log, training: Mapping[str, Mapping[str, Any]], warnings: Sequence[str]) -> Contents:
    """Return what there is in a log, in the order in which it is shown.

    Args:
      log: the log. training: by the name of a run what `save_report_data` wrote. warnings: what was said while the log was read.
    """
    runs = list(dict.fromkeys([*log.runs, *training]))
    known = set(log.runs)
    curves: dict[str, list[Curve]] = {}
    others: dict[str, list[tuple[str, int, Any]]] = {kind: [] for kind in ("histograms", "images", "audio", "tensors")}
    for number, run in enumerate(runs):
        tags = log.tags(run) if run in known else {}
        for tag in tags.get("scalars", []):
            series = log.scalars(tag, run)
            if len(series.steps):
                curves.setdefault(tag, []).append(_curve(number, tag, series))
        for kind, found in others.items():
            found += [(tag, number, series) for tag in tags.get(kind, []) if len((series := getattr(log, kind)(tag, run)).steps)]
    for found in others.values():
        found.sort(key=lambda item: (item[0], item[1]))
    hparams = [log.hparams(run) if run in known else {} for run in runs]
    by_number = {runs.index(run): data for run, data in training.items()}
    return Contents(
        runs,
        dict(sorted(curves.items())),
        others["histograms"],
        others["images"],
        others["audio"],
        others["tensors"],
        hparams,
        by_number,
        warnings,
    )


def is_loss(tag: str) -> bool:
    """Return whether a tag names a loss: its last part is so called, whatever number it got.

    >>> is_loss("OptimizeLoss/loss"), is_loss("loss_1"), is_loss("loss_scale")
    (True, True, False)
    """
    name, _, number = tag.rpartition("/")[2].partition("_")
    return name == "loss" and (not number or number.isdigit())


def _curve(run: int, tag: str, series: Any) -> Curve:
    steps, times = np.asarray(series.steps, np.int64), np.asarray(series.wall_times, np.float64)
    return Curve(run, tag, steps, times, np.asarray(series.values, np.float64))
