"""JSON lines and other sinks in a training: sessions that begin, numbers that JSON has not, hooks that write to them."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

import graphopt as tf


def scalar(value: float) -> tf.Summary:
    return tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=value)])


def train(folder: Path, writer: Any, last: int) -> None:
    """Train up to a step, from the last checkpoint on; the hooks write to a writer."""
    with tf.Graph().as_default(), writer:
        w = tf.get_variable("w", initializer=1.0)
        train_op = tf.contrib.layers.optimize_loss(w * w, tf.train.get_or_create_global_step(), 0.1, "SGD")
        hooks = [
            tf.train.SummarySaverHook(save_steps=1, summary_writer=writer, summary_op=tf.summary.merge_all()),
            tf.train.StepCounterHook(every_n_steps=2, summary_writer=writer),
            tf.train.StopAtStepHook(last_step=last),
        ]
        more = {"save_checkpoint_steps": 3, "save_summaries_steps": None, "log_step_count_steps": None}
        with tf.train.MonitoredTrainingSession(str(folder), hooks=hooks, **more) as session:
            while not session.should_stop():
                session.run(train_op)


def test_a_resumed_run_has_no_zigzag_in_lines_of_json(tmp_path: Path) -> None:
    lines, checkpoints = tmp_path / "lines", tmp_path / "checkpoints"
    train(checkpoints, tf.summary.JSONLinesWriter(lines), 4)
    with tf.summary.JSONLinesWriter(lines) as lost:  # steps of a process that was killed before its checkpoint
        for step in (5, 6):
            lost.add_summary(tf.Summary(value=[tf.Summary.Value(tag="OptimizeLoss/loss", simple_value=99.0)]), step)
    train(checkpoints, tf.summary.JSONLinesWriter(lines), 7)
    losses = tf.summary.read(lines).scalars("OptimizeLoss/loss")
    assert (losses.steps[1:] > losses.steps[:-1]).all() and losses.steps[-1] >= 6
    assert 99.0 not in losses.values.tolist()


def test_hooks_write_to_several_sinks(tmp_path: Path) -> None:
    class Kept(tf.summary.JSONLinesWriter):
        logs: list[Any] = []  # noqa: RUF012

    class Plain:
        tags: set[str] = set()  # noqa: RUF012

        def write(self, summary: Any, step: Any, wall_time: float) -> None:
            self.tags.update(value.tag for value in summary.value)

        def flush(self) -> None:
            pass

        def close(self) -> None:
            pass

    events = tf.summary.FileWriter(tmp_path / "events")
    writer = tf.summary.Tee(events, Kept(tmp_path / "lines"), Plain(), tf.summary.Tee())
    writer.add_graph(tf.get_default_graph())
    train(tmp_path / "checkpoints", writer, 3)
    log = tf.summary.read(tmp_path / "events")
    assert Plain.tags >= {"OptimizeLoss/loss", "global_step/sec"}
    assert set(tf.summary.read(tmp_path / "lines").tags()["scalars"]) == set(log.tags()["scalars"]) == Plain.tags
    assert log.graph() is not None


def test_only_the_beginning_of_a_session_is_written(tmp_path: Path) -> None:
    with tf.summary.JSONLinesWriter(tmp_path) as writer:
        writer.add_session_log(tf.SessionLog(status=tf.SessionLog.CHECKPOINT), 3)
        writer.add_session_log(tf.SessionLog(status=tf.SessionLog.START), 4)
        path = Path(writer.get_filename())
    (line,) = map(json.loads, path.read_text().splitlines())
    assert (line["step"], line["values"], line["session"]) == (4, {}, "start")
    with pytest.warns(UserWarning, match="Attempting to use a closed JSONLinesWriter") as told:
        writer.add_summary(scalar(1.0), 1)
    assert told[0].filename == __file__


def test_lines_are_json_whatever_the_numbers_are(tmp_path: Path) -> None:
    with tf.summary.JSONLinesWriter(tmp_path) as writer:
        for step, value in enumerate((math.nan, math.inf, -math.inf, 1.5)):
            writer.add_summary(scalar(value), step)
        histogram = tf.HistogramProto(min=-math.inf, max=math.inf, num=2.0, bucket_limit=[0.0, math.inf], bucket=[1.0, 1.0])
        writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="h", histo=histogram)]), 4)
        path = Path(writer.get_filename())

    def refuse(word: str) -> None:
        raise AssertionError(word)

    found = [json.loads(line, parse_constant=refuse)["values"] for line in path.read_text().splitlines()]
    assert [values["loss"] for values in found[:4]] == ["NaN", "Infinity", "-Infinity", 1.5]
    log = tf.summary.read(tmp_path)
    assert math.isnan(log.scalars("loss").values[0]) and log.scalars("loss").values[1:].tolist() == [math.inf, -math.inf, 1.5]
    assert log.histograms("h").values[0] == histogram
