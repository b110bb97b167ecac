"""Where summaries may go besides event files: several places at once, MLflow, Weights & Biases."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, runtime_checkable

import numpy as np

from graphopt.errors import UnknownError, user_location
from graphopt.ops.summary_proto import HistogramProto, Summary
from graphopt.summary.directory import prepare, to_path
from graphopt.summary.optional import load
from graphopt.summary.protos import serialized
from graphopt.system_errors import failing_as


@runtime_checkable
class Sink(Protocol):
    """What takes summaries: `FileWriter`, `JSONLinesWriter`, and those of this module.

    >>> isinstance(tf.summary.Tee(), tf.summary.Sink)
    True
    """

    def write(self, summary: Summary, step: int | None, wall_time: float) -> None:
        """Take a summary.

        Args:
          summary: the summary. step: the step it belongs to, or None. wall_time: seconds since 1970.
        """

    def flush(self) -> None:
        """Hand on what was written so far."""

    def close(self) -> None:
        """Hand on what was written and end."""


class SinkWithSummaries:
    """`add_summary` and ``with`` for sinks, so that each can stand where a `FileWriter` does."""

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Take a summary.

        Args:
          summary: a `Summary` or its bytes, or None for nothing. global_step: the step it belongs to, or None.
        """
        if summary is not None:
            made = summary if isinstance(summary, Summary) else Summary.FromString(serialized(summary))
            self.write(made, None if global_step is None else int(global_step), time.time())

    def add_session_log(self, session_log: Any, global_step: Any = None) -> None:
        """Do nothing: what hooks tell of sessions is for event files and lines of JSON."""

    def add_graph(self, graph: Any, global_step: Any = None, graph_def: Any = None) -> None:
        """Do nothing: the graph is for event files."""

    def write(self, summary: Summary, step: int | None, wall_time: float) -> None:
        """Take a summary with its step and time."""
        raise NotImplementedError

    def close(self) -> None:
        """End."""
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class Tee(SinkWithSummaries):
    """Hands each summary to several sinks.

    Example:
      >>> with tf.summary.Tee(tf.summary.FileWriter("both"), tf.summary.JSONLinesWriter("both")) as writer:
      ...     writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=0.5)]), 1)
      >>> sorted(path.name.split(".")[0] for path in __import__("pathlib").Path("both").iterdir())
      ['events', 'summaries']
    """

    def __init__(self, *sinks: Sink) -> None:
        self.sinks = sinks

    def write(self, summary: Summary, step: int | None, wall_time: float) -> None:
        """Hand on a summary with its step and time."""
        for sink in self.sinks:
            sink.write(summary, step, wall_time)

    def add_session_log(self, session_log: Any, global_step: Any = None) -> None:
        """Hand on what hooks tell of sessions to the sinks that take it."""
        for sink in self.sinks:
            if hasattr(sink, "add_session_log"):
                sink.add_session_log(session_log, global_step)

    def add_graph(self, graph: Any, global_step: Any = None, graph_def: Any = None) -> None:
        """Hand on a graph to the sinks that take it."""
        for sink in self.sinks:
            if hasattr(sink, "add_graph"):
                sink.add_graph(graph, global_step, graph_def)

    def flush(self) -> None:
        """Let each sink hand on what was written so far."""
        for sink in self.sinks:
            sink.flush()

    def close(self) -> None:
        """Close each sink."""
        for sink in self.sinks:
            sink.close()


@contextlib.contextmanager
def _file_store_allowed() -> Iterator[None]:
    """Set what MLflow asks of those who want its store of plain files, while it is opened."""
    name = "MLFLOW_ALLOW_FILE_STORE"
    before = os.environ.get(name)
    os.environ[name] = "true"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


_STEP = "global_step"
_NOT_FOR_MLFLOW = re.compile(r"[^\w/.\- :]|^[/.]+|/(?=/)")


@contextlib.contextmanager
def _refusals_of(package: str, kind: type[Exception]) -> Iterator[None]:
    """Raise what a package refuses as an error of ours that names it."""
    try:
        yield
    except kind as error:
        raise UnknownError(None, None, f"{package} refused what was written: {error}\n  at {user_location()}") from None


class MlflowSink(SinkWithSummaries):
    """Writes numbers as metrics of an MLflow run, into a folder and without a server. Histograms, pictures and texts are left out.

    Characters that MLflow does not allow in names become ``_``.

    Args:
      folder: MLflow's folder (what ``mlflow ui --backend-store-uri`` is given).
      experiment: the experiment's name, made when it is new. run_name: the run's name.

    Raises:
      ImportError: when mlflow is not installed. FailedPreconditionError, PermissionDeniedError: when the folder can't be made.
      UnknownError: when MLflow refuses something, such as a second value for a hyper-parameter.

    Source: https://mlflow.org/docs/latest/tracking.html, written with MLflow 3.17.
    """

    _BATCH = 1000  # as many as MLflow takes at once

    def __init__(self, folder: str | os.PathLike[str], *, experiment: str = "graphopt", run_name: str | None = None) -> None:
        mlflow = load("mlflow", "MlflowSink", "mlflow")
        self._metric = load("mlflow.entities", "MlflowSink", "mlflow").Metric
        self._param = load("mlflow.entities", "MlflowSink", "mlflow").Param
        self._refused: type[Exception] = load("mlflow.exceptions", "MlflowSink", "mlflow").MlflowException
        path = to_path(folder)
        prepare(path)
        self._where = f"The MLflow folder '{path}' can't be written"
        with _file_store_allowed(), self._as_ours():
            self._client = mlflow.MlflowClient(tracking_uri=path.absolute().as_uri())
            known = self._client.get_experiment_by_name(experiment)
            number = self._client.create_experiment(experiment) if known is None else known.experiment_id
            self.run_id: str = self._client.create_run(number, run_name=run_name).info.run_id
        self._waiting: list[Any] = []
        self._has_ended = False

    @contextlib.contextmanager
    def _as_ours(self) -> Iterator[None]:
        with failing_as(self._where), _refusals_of("MLflow", self._refused):
            yield

    def add_hparams(self, hparams: Mapping[str, Any]) -> None:
        """Write hyper-parameters as the run's parameters."""
        with self._as_ours():
            self._client.log_batch(self.run_id, params=[self._param(_for_mlflow(name), str(value)) for name, value in hparams.items()])

    def write(self, summary: Summary, step: int | None, wall_time: float) -> None:
        """Write the numbers of a summary."""
        now = round(wall_time * 1000)
        for value in summary.value:
            if value.HasField("simple_value"):
                self._waiting.append(self._metric(_for_mlflow(value.tag), value.simple_value, now, step or 0))
        if len(self._waiting) >= self._BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what waits."""
        while self._waiting:
            with self._as_ours():
                self._client.log_batch(self.run_id, metrics=self._waiting[: self._BATCH])
            del self._waiting[: self._BATCH]

    def close(self) -> None:
        """Write what waits and end the run, as finished, or as failed where a ``with`` block was left by an error."""
        self._end("FINISHED")

    def _end(self, status: str) -> None:
        self.flush()
        if not self._has_ended:
            self._has_ended = True
            with self._as_ours():
                self._client.set_terminated(self.run_id, status=status)

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._end("FINISHED" if kind is None else "FAILED")


def _for_mlflow(name: str) -> str:
    return _NOT_FOR_MLFLOW.sub("_", name)


class WandbSink(SinkWithSummaries):
    """Writes numbers and histograms to a run of Weights & Biases that stays on this machine; ``wandb sync`` sends it on.

    The horizontal axis of each chart is the value ``global_step``. (wandb's own step never goes back, and drops what comes for an earlier
    one, as after a rollback.)

    Args:
      folder: where wandb puts the run. project, name: of the project and the run. hparams: the run's configuration.

    Raises:
      ImportError: when wandb is not installed. FailedPreconditionError, PermissionDeniedError: when the folder can't be made.
      UnknownError: when wandb refuses something.

    Source: https://docs.wandb.ai/ref/python, written with wandb 0.31.
    """

    def __init__(
        self,
        folder: str | os.PathLike[str],
        *,
        project: str = "graphopt",
        name: str | None = None,
        hparams: Mapping[str, Any] | None = None,
    ) -> None:
        self._wandb = load("wandb", "WandbSink", "wandb")
        path = to_path(folder)
        prepare(path)
        with failing_as(f"The wandb folder '{path}' can't be written"), _refusals_of("wandb", self._wandb.Error):
            self._run = self._wandb.init(
                mode="offline",
                dir=str(path),
                project=project,
                name=name,
                config=dict(hparams or {}),
                reinit="finish_previous",
                settings=self._wandb.Settings(silent=True),
            )
            self._run.define_metric(_STEP)
            self._run.define_metric("*", step_metric=_STEP)

    @property
    def folder(self) -> str:
        """The run's own folder."""
        return str(Path(self._run.dir).parent)

    def write(self, summary: Summary, step: int | None, wall_time: float) -> None:
        """Write the numbers and histograms of a summary."""
        found: dict[str, Any] = {}
        for value in summary.value:
            kind = value.WhichOneof("value")
            if kind == "simple_value":
                found[value.tag] = value.simple_value
            elif kind == "histo" and value.histo.num:
                found[value.tag] = self._wandb.Histogram(np_histogram=few_buckets(value.histo))
        if found:
            with _refusals_of("wandb", self._wandb.Error):
                self._run.log(found if step is None else {_STEP: step, **found})

    def flush(self) -> None:
        """Do nothing: wandb writes by itself."""

    def close(self) -> None:
        """End the run; with exit code 1 where a ``with`` block was left by an error."""
        self._run.finish()

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._run.finish(exit_code=0 if kind is None else 1)


def few_buckets(histogram: HistogramProto, count: int = 64) -> tuple[Any, Any]:
    """Return a histogram as counts and edges of buckets of one width, as NumPy gives it.

    Args:
      histogram: with one value at least. count: how many buckets.

    >>> counts, edges = few_buckets(HistogramProto(min=0.0, max=1.0, num=2.0, bucket_limit=[0.5, 2.0], bucket=[1.0, 1.0]), 2)
    >>> counts.tolist(), edges.tolist()
    ([1.0, 1.0], [0.0, 0.5, 1.0])
    """
    low, high = histogram.min, histogram.max
    if high <= low:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, count + 1)
    limits = np.clip(np.array([low, *histogram.bucket_limit]), low, high)
    below = np.interp(edges, *_increasing(limits, np.concatenate([[0.0], np.cumsum(histogram.bucket)])))
    return np.diff(below), edges


def _increasing(limits: Any, totals: Any) -> tuple[Any, Any]:
    """Return limits without repetitions, each with the last of its totals."""
    is_last = np.append(np.diff(limits) > 0, True)
    return limits[is_last], totals[is_last]
