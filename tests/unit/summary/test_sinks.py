"""Sinks besides event files: several at once, and what they share."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.ops.summary import histogram_of
from graphopt.summary.sinks import SinkWithSummaries, few_buckets

Value = tf.Summary.Value


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
