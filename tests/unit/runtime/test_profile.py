"""The Chrome trace of a run as a file."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import graphopt as tf


@pytest.fixture
def metadata() -> tf.RunMetadata:
    """Return what a traced run of one operation reports."""
    found = tf.RunMetadata()
    with tf.Graph().as_default():
        x = tf.placeholder(tf.float32, [2, 2], name="x")
        product = tf.matmul(x, x, name="product")
        options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
        with tf.Session() as session:
            session.run(product, {x: np.eye(2, dtype=np.float32)}, options=options, run_metadata=found)
    return found


@pytest.mark.parametrize("kind", [str, Path, lambda path: str(path).encode()])
def test_a_path_of_any_kind(kind, metadata: tf.RunMetadata, tmp_path: Path) -> None:
    metadata.write_chrome_trace(kind(tmp_path / "trace.json"))
    trace = json.loads((tmp_path / "trace.json").read_text())
    assert [event["args"]["name"] for event in trace["traceEvents"] if event["ph"] == "X"] == ["product"]
    assert [path.name for path in tmp_path.iterdir()] == ["trace.json"]


class Timing(NamedTuple):
    """What a backend says of one step, in seconds."""

    node: Any
    start: float
    end: float


def test_steps_shorter_than_a_microsecond_add_up(metadata: tf.RunMetadata) -> None:
    x = tf.placeholder(tf.float32, [2])
    root = tf.sqrt(x)
    with tf.Session() as session:
        session.run(root, {x: [1.0, 4.0]})
        node = session.plan_of(root).order[-1]
    metadata.fill([Timing(node, i * 0.7e-6, (i + 1) * 0.7e-6) for i in range(100)], {})
    durations = [stats.all_end_rel_micros for stats in metadata.step_stats.dev_stats[0].node_stats]
    assert set(durations) == {0, 1}
    assert sum(durations) in (69, 70)


def test_a_file_that_cannot_be_written(metadata: tf.RunMetadata, tmp_path: Path) -> None:
    with pytest.raises(tf.errors.NotFoundError, match=r"trace\.json' can't be written: no such file or directory\.\n  at .*test_profile"):
        metadata.write_chrome_trace(tmp_path / "missing" / "trace.json")
    with pytest.raises(tf.errors.FailedPreconditionError, match="can't be written: is a directory"):
        metadata.write_chrome_trace(tmp_path)
    with pytest.raises(TypeError, match="The path of a trace must be a path, got 3"):
        metadata.write_chrome_trace(3)
