"""Sinks besides event files: several at once, MLflow, Weights & Biases."""

import importlib
import importlib.util
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.errors import MissingPackageError
from graphopt.ops.summary import histogram_of
from graphopt.summary.sinks import SinkWithSummaries, few_buckets

Value = tf.Summary.Value
HAS = {name: importlib.util.find_spec(name) is not None for name in ("mlflow", "wandb")}
# What these packages warn of themselves.
QUIET = [pytest.mark.filterwarnings(f"ignore::{kind}") for kind in ("DeprecationWarning", "FutureWarning", "PendingDeprecationWarning")]
pytestmark = [*QUIET, pytest.mark.filterwarnings("ignore::ResourceWarning")]


def summary(step: int) -> Any:
    return tf.Summary([Value("train/loss", simple_value=step / 2), Value("w", histo=histogram_of(np.arange(10.0)))])


class Kept(SinkWithSummaries):
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def write(self, summary: Any, step: int | None, wall_time: float) -> None:
        self.kept.append((summary.value[0].simple_value, step, wall_time))

    def flush(self) -> None:
        self.kept.append("flushed")

    def close(self) -> None:
        self.kept.append("closed")


def test_several_sinks(tmp_path: Path) -> None:
    first, second = Kept(), Kept()
    with tf.summary.Tee(first, second) as sink:
        sink.write(summary(1), 1, 2.5)
        sink.add_summary(summary(3).SerializeToString(), np.int64(3))
        sink.add_summary(None)
        sink.flush()
    assert first.kept[0] == (0.5, 1, 2.5)
    assert first.kept[1][:2] == (1.5, 3)
    assert first.kept[2:] == ["flushed", "closed"]
    assert first.kept == second.kept
    for made in (tf.summary.JSONLinesWriter(tmp_path), tf.summary.FileWriter(tmp_path), Kept()):
        assert isinstance(made, tf.summary.Sink)
        made.close()


def test_a_sink_writes() -> None:
    with pytest.raises(NotImplementedError):
        SinkWithSummaries().add_summary(tf.Summary())
    with pytest.raises(NotImplementedError):
        SinkWithSummaries().close()


def test_mlflow(tmp_path: Path) -> None:
    if not HAS["mlflow"]:
        with pytest.raises(MissingPackageError, match=r"MlflowSink needs the package 'mlflow': pip install 'graphopt\[mlflow\]'"):
            tf.summary.MlflowSink(tmp_path)
        return
    before = dict(os.environ)
    runs = []
    for _ in range(2):
        with tf.summary.MlflowSink(tmp_path / "runs", experiment="e", run_name="r") as sink:
            sink.add_hparams({"rate": 0.1})
            for step in range(600):
                sink.add_summary(summary(step), step)
                sink.write(summary(step), None, 1.0)
        runs.append(sink.run_id)
    assert os.environ == before
    assert len(set(runs)) == 2
    (metrics,) = (tmp_path / "runs").glob(f"*/{runs[0]}/metrics/train/loss")
    rows = [line.split() for line in metrics.read_text().splitlines()]
    assert len(rows) == 1200
    assert [(float(value), int(step)) for _, value, step in rows if step != "0"] == [(step / 2, step) for step in range(1, 600)]
    (parameter,) = (tmp_path / "runs").glob(f"*/{runs[0]}/params/rate")
    assert parameter.read_text() == "0.1"


def test_wandb(tmp_path: Path) -> None:
    if not HAS["wandb"]:
        with pytest.raises(MissingPackageError, match=r"WandbSink needs the package 'wandb': pip install 'graphopt\[wandb\]'"):
            tf.summary.WandbSink(tmp_path)
        return
    with tf.summary.WandbSink(tmp_path, project="p", name="n", hparams={"rate": 0.1}) as sink:
        for step in range(3):
            sink.add_summary(summary(step), step)
            sink.add_summary(tf.Summary([Value("note")]), step)
        sink.flush()
        folder = Path(sink.folder)
    assert folder.is_relative_to(tmp_path)
    assert [path for path in folder.iterdir() if path.suffix == ".wandb" and path.stat().st_size > 500]


# --- histograms for others -------------------------------------------------------------------------------------------


def test_histograms_with_few_buckets() -> None:
    values = np.random.default_rng(0).normal(size=100_000)
    counts, edges = few_buckets(histogram_of(values), 30)
    assert (edges[0], edges[-1]) == (values.min(), values.max())
    np.testing.assert_allclose(counts.sum(), values.size)
    expected = np.histogram(values, edges)[0]
    assert np.abs(counts - expected).max() < 0.05 * values.size
    assert (counts >= 0).all()


def test_a_histogram_of_one_value() -> None:
    counts, edges = few_buckets(histogram_of(np.full(4, 2.0)), 4)
    np.testing.assert_allclose(counts.sum(), 4.0)
    assert (edges[0], edges[-1]) == (1.5, 2.5)
