"""Stock hooks beyond what TensorFlow was recorded doing: writers, profiles, bars, waiting, refusals."""

from __future__ import annotations

import io
import json
import logging
import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.summary import Event
from graphopt.train.hooks import protocol, writers


class FakeWriter:
    """A writer that keeps what it is given."""

    def __init__(self) -> None:
        self.seen: list[Any] = []

    def add_summary(self, made: Any, global_step: Any = None) -> None:
        self.seen.append([int(global_step), {value.tag: value.simple_value for value in made.value}])

    def add_session_log(self, log: Any, global_step: Any = None) -> None:
        self.seen.append([int(global_step), f"session {log.status}"])

    def flush(self) -> None:
        self.seen.append("flush")


def counting() -> tuple[Any, Any]:
    step = tf.train.get_or_create_global_step()
    return step, tf.assign_add(step, 1)


# --- summaries --------------------------------------------------------------------------------------------------------------------


def test_any_writer_gets_the_summaries() -> None:
    _step, count = counting()
    number = tf.cast(count, tf.float32)
    merged = tf.summary.merge([tf.summary.scalar("a", number), tf.summary.merge([tf.summary.scalar("b", 2.0 * number)])])
    writer = FakeWriter()
    hook = tf.train.SummarySaverHook(save_steps=2, summary_writer=writer, summary_op=merged)
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        for _ in range(4):
            session.run(count)
    assert writer.seen == [[1, "session 1"], [1, {"a": 1.0, "b": 2.0}], [3, {"a": 3.0, "b": 6.0}], "flush"]


def test_going_back_is_told_to_readers() -> None:
    step, count = counting()
    back = tf.assign(step, 1)
    writer = FakeWriter()
    hook = tf.train.SummarySaverHook(save_steps=3, summary_writer=writer, summary_op=tf.summary.scalar("a", tf.cast(step, tf.float32)))
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        for made in (count, count, count, count, back, count, count, count):
            session.run(made)
    assert [seen[:2] for seen in writer.seen[:-1] if "session 1" in seen] == [[1, "session 1"], [1, "session 1"]]
    assert [seen[0] for seen in writer.seen[:-1] if "session 1" not in seen] == [1, 4, 4]


def test_runs_without_due_summaries_compute_none() -> None:
    _step, count = counting()
    computed: list[Any] = []
    value = tf.py_func(lambda: computed.append(1) or np.float32(1.0), [], tf.float32)
    hook = tf.train.SummarySaverHook(save_steps=3, summary_writer=FakeWriter(), summary_op=tf.summary.scalar("s", tf.reshape(value, [])))
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        for _ in range(6):
            session.run(count)
    assert len(computed) == 2


def test_a_summary_with_the_same_tag_twice_fails_as_it_does_in_a_run() -> None:
    _step, count = counting()
    twice = tf.summary.scalar("a", 1.0)
    hook = tf.train.SummarySaverHook(save_steps=1, summary_writer=FakeWriter(), summary_op=tf.summary.merge([twice, twice]))
    with pytest.raises(tf.errors.InvalidArgumentError, match="Duplicate tag a found in summary inputs"):
        with tf.train.MonitoredSession(hooks=[hook]) as session:
            session.run(count)


def test_a_scaffold_without_summaries_writes_none() -> None:
    _step, count = counting()
    writer, scaffold = FakeWriter(), tf.train.Scaffold()
    hook = tf.train.SummarySaverHook(save_secs=0.0, summary_writer=writer, scaffold=scaffold)
    with tf.train.MonitoredSession(tf.train.ChiefSessionCreator(scaffold), hooks=[hook]) as session:
        session.run(count)
    assert writer.seen == [[1, "session 1"], "flush"]


@pytest.mark.parametrize("kind", ["scalars", "with a histogram"])
def test_what_is_written_is_read_again(tmp_path: Path, kind: str) -> None:
    _step, count = counting()
    tf.summary.scalar("number", tf.cast(count, tf.float32) / 4.0)
    tf.summary.scalar("whole", count)
    if kind != "scalars":
        tf.summary.histogram("many", tf.range(10))
    with tf.train.MonitoredTrainingSession(checkpoint_dir=str(tmp_path), save_summaries_steps=1) as session:
        for _ in range(3):
            session.run(count)
    tf.summary.FileWriterCache.clear()
    assert written(tmp_path) == {"number": [(1, 0.25), (2, 0.5), (3, 0.75)], "whole": [(1, 1.0), (2, 2.0), (3, 3.0)]}


def written(folder: Path) -> dict[str, list[Any]]:
    """The numbers in the event files of a folder by tag, with their steps; how many steps a second is left out."""
    found: dict[str, list[Any]] = {}
    for path in folder.glob("events.*"):
        content, at = path.read_bytes(), 0
        while at < len(content):
            (size,) = struct.unpack_from("<Q", content, at)
            event = Event.FromString(content[at + 12 : at + 12 + size])
            at += 16 + size
            for value in event.summary.value:
                if value.HasField("simple_value") and not value.tag.endswith("/sec"):
                    found.setdefault(value.tag, []).append((event.step, value.simple_value))
    return found


def test_writers_have_to_be_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "_WRITER_OF", [])
    with pytest.raises(RuntimeError, match="There is no writer of summaries: import graphopt as a whole, or pass summary_writer"):
        writers.writer_for("anywhere")


# --- steps ------------------------------------------------------------------------------------------------------------------------


def test_steps_per_second_are_written_and_logged(caplog: pytest.LogCaptureFixture) -> None:
    _step, count = counting()
    writer = FakeWriter()
    caplog.set_level(logging.INFO, "graphopt")
    with tf.train.MonitoredSession(hooks=[tf.train.StepCounterHook(every_n_steps=2, summary_writer=writer)]) as session:
        for _ in range(5):
            session.run(count)
    assert [(at, list(values)) for at, values in writer.seen] == [(3, ["global_step/sec"]), (5, ["global_step/sec"])]
    assert sum("global_step/sec: " in record.getMessage() for record in caplog.records) == 2


def test_a_step_that_stands_still_is_noticed_once(caplog: pytest.LogCaptureFixture) -> None:
    counting()
    c = tf.constant(1.0)
    with tf.train.MonitoredSession(hooks=[tf.train.StepCounterHook(every_n_steps=2)]) as session:
        for _ in range(60):
            session.run(c)
    assert [record.getMessage()[:50] for record in caplog.records] == ["It seems that global step (global_step) has not be"]


def test_waiting_for_a_step() -> None:
    _step, count = counting()
    order: list[Any] = []

    class Others(tf.train.SessionRunHook):
        def after_create_session(self, session: Any, coord: Any) -> None:
            def work() -> None:
                order.extend(int(session.run(count)) for _ in range(3))

            thread = threading.Thread(target=work)
            thread.start()
            coord.register_thread(thread)

    with tf.train.MonitoredSession(hooks=[Others(), tf.train.GlobalStepWaiterHook(3)]) as session:
        order.append(["run", int(session.run(count))])
        order.append(["run", int(session.run(count))])
    assert order == [1, 2, 3, ["run", 4], ["run", 5]]


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda train: train.StopAtStepHook(1), "StopAtStepHook"),
        (lambda train: train.StepCounterHook(1), "StepCounterHook"),
        (lambda train: train.ProgressBarHook(1), "ProgressBarHook"),
        (lambda train: train.ProfilerHook(1), "ProfilerHook"),
    ],
)
def test_hooks_that_need_a_step_say_so(make: Any, name: str) -> None:
    with pytest.raises(RuntimeError, match=f"Global step should be created to use {name}"):
        make(tf.train).begin()


def test_arguments_are_checked() -> None:
    train = tf.train
    with pytest.raises(ValueError, match="One of num_steps or last_step must be specified"):
        train.StopAtStepHook()
    with pytest.raises(ValueError, match="Only one of num_steps or last_step can be specified"):
        train.StopAtStepHook(1, 2)
    with pytest.raises(ValueError, match="either at_end and/or exactly one of every_n_iter and every_n_secs must be provided"):
        train.LoggingTensorHook({})
    with pytest.raises(ValueError, match="invalid every_n_iter=0"):
        train.LoggingTensorHook({}, every_n_iter=0)
    with pytest.raises(ValueError, match="exactly one of every_n_steps and every_n_secs should be provided"):
        train.StepCounterHook(None)
    with pytest.raises(ValueError, match="Exactly one of scaffold or summary_op must be provided"):
        train.SummarySaverHook(save_steps=1)
    with pytest.raises(ValueError, match="Either every_secs or every_steps should be provided"):
        train.SecondOrStepTimer()
    with pytest.raises(ValueError, match="Can not provide both every_secs and every_steps"):
        train.SecondOrStepTimer(1.0, 2)


# --- logging ----------------------------------------------------------------------------------------------------------------------


def test_logging_at_the_end_alone(caplog: pytest.LogCaptureFixture) -> None:
    step, count = counting()
    caplog.set_level(logging.INFO, "graphopt.")
    hook = tf.train.LoggingTensorHook({"step": step}, at_end=True, formatter=lambda values: f"reached {values['step']}")
    caplog.set_level(logging.INFO, "graphopt")
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run(count)
        session.run(count)
    assert caplog.records[-1].getMessage() == "reached 2"


def test_logging_by_time_logs_the_first_run(caplog: pytest.LogCaptureFixture) -> None:
    step, count = counting()
    caplog.set_level(logging.INFO, "graphopt")
    with tf.train.MonitoredSession(hooks=[tf.train.LoggingTensorHook([step], every_n_secs=1000.0)]) as session:
        session.run(count)
        session.run(count)
    assert [m for m in (record.getMessage() for record in caplog.records) if "=" in m] == ["global_step:0 = 1"]


@pytest.mark.parametrize("value", [np.nan, np.array([1.0, np.nan])])
def test_nan_stops(value: Any) -> None:
    x = tf.placeholder(tf.float32, None, name="x")
    with pytest.raises(RuntimeError, match="NaN loss during training"):
        with tf.train.MonitoredSession(hooks=[tf.train.NanTensorHook("x:0")]) as session:
            session.run(x, {x: np.ones(2)})
            session.run(x, {x: value})


# --- traces and bars --------------------------------------------------------------------------------------------------------------


def test_traces_are_written_but_not_of_the_first_run(tmp_path: Path) -> None:
    _step, count = counting()
    hook = tf.train.ProfilerHook(save_steps=2, output_dir=str(tmp_path))
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        for _ in range(6):
            session.run(count)
    tf.summary.FileWriterCache.clear()
    assert sorted(path.name for path in tmp_path.glob("timeline-*")) == ["timeline-2.json", "timeline-4.json", "timeline-6.json"]
    events = json.loads((tmp_path / "timeline-2.json").read_text())["traceEvents"]
    assert any(event.get("args", {}).get("name") == "AssignAdd" for event in events)


def test_a_trace_that_cannot_be_written_does_not_stop_training(tmp_path: Path) -> None:
    _step, count = counting()
    (tmp_path / "timeline-2.json").mkdir()
    with tf.train.MonitoredSession(hooks=[tf.train.ProfilerHook(save_steps=1, output_dir=str(tmp_path))]) as session:
        session.run(count)
        with pytest.warns(
            UserWarning, match=r"The trace of step 2 is left out: '.*timeline-2.json' can't be written: is a directory"
        ) as caught:
            session.run(count)
        assert caught[0].filename == __file__
        session.run(count)
    tf.summary.FileWriterCache.clear()
    assert (tmp_path / "timeline-3.json").is_file()


def test_a_trace_without_a_directory_goes_to_the_present_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    _step, count = counting()
    with tf.train.MonitoredSession(hooks=[tf.train.ProfilerHook(save_secs=0.0)]) as session:
        session.run(count)
        session.run(count)
    assert [path.name for path in tmp_path.iterdir()] == ["timeline-2.json"]


def test_a_bar_shows_rate_remaining_time_and_loss() -> None:
    _step, count = counting()
    out = io.StringIO()
    loss = {"loss": 1.0 / tf.cast(count, tf.float32)}
    hook = tf.train.ProgressBarHook(total=4, loss=loss, every_secs=0.0, description="training", file=out, disable=False)
    with tf.train.MonitoredSession(hooks=[tf.train.StopAtStepHook(last_step=4), hook]) as session:
        while not session.should_stop():
            session.run(count)
    last = out.getvalue().rstrip().split("\r")[-1]
    assert last.startswith("training: 100%") and "4/4" in last and "step" in last and "loss=0.25" in last


def test_a_bar_is_quiet_where_there_is_no_terminal() -> None:
    _step, count = counting()
    out = io.StringIO()
    with tf.train.MonitoredSession(hooks=[tf.train.ProgressBarHook(total=4, loss=count, file=out)]) as session:
        session.run(count)
    assert out.getvalue() == ""


def test_a_bar_leaves_the_line_to_an_error() -> None:
    _step, count = counting()
    out = io.StringIO()
    bad = tf.check_numerics(tf.placeholder_with_default(np.float32(np.nan), []), "bad")
    hook = tf.train.ProgressBarHook(every_secs=0.0, file=out, disable=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match="bad : Tensor had NaN"):
        with tf.train.MonitoredSession(hooks=[hook]) as session:
            session.run(count)
            session.run(bad)
    assert out.getvalue().endswith("\n")


# --- checkpoints ------------------------------------------------------------------------------------------------------------------


def test_checkpoints_by_time(tmp_path: Path) -> None:
    _step, count = counting()
    with tf.train.MonitoredTrainingSession(checkpoint_dir=str(tmp_path), save_checkpoint_secs=0.001, save_summaries_steps=None) as session:
        for _ in range(3):
            threading.Event().wait(0.005)
            session.run(count)
    assert sorted(path.stem for path in tmp_path.glob("*.npz")) == [f"model.ckpt-{i}" for i in range(4)]


def test_a_saver_is_found_in_its_collection(tmp_path: Path) -> None:
    _step, count = counting()
    saver = tf.train.Saver(max_to_keep=1)
    hook = tf.train.CheckpointSaverHook(str(tmp_path), save_steps=1)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        hook.begin()
        with pytest.raises(RuntimeError, match=r"No items in collection savers. Please add a saver to the collection or provide a saver"):
            hook.after_create_session(session, None)
        tf.add_to_collection(tf.GraphKeys.SAVERS, saver)
        tf.add_to_collection(tf.GraphKeys.SAVERS, saver)
        with pytest.raises(RuntimeError, match=r"More than one item in collection savers. Please indicate which one to use by passing it"):
            hook.after_create_session(session, None)
        tf.get_default_graph().clear_collection(tf.GraphKeys.SAVERS)
        tf.add_to_collection(tf.GraphKeys.SAVERS, saver)
        hook.after_create_session(session, None)
        session.run(count)
        hook.end(session)
    assert [path.name for path in tmp_path.glob("*.npz")] == ["model.ckpt-1.npz"]


def test_saver_or_scaffold(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="You cannot provide both saver and scaffold"):
        tf.train.CheckpointSaverHook(str(tmp_path), save_steps=1, saver=1, scaffold=2)


def test_the_base_class_does_nothing() -> None:
    hook = tf.train.SessionRunHook()
    context = protocol.SessionRunContext(protocol.SessionRunArgs(None), None)
    assert hook.before_run(context) is None
    assert hook.on_error(context, ValueError(), protocol.SessionRunArgs(None)) is None
    listener = tf.train.CheckpointSaverListener()
    assert listener.after_save(None, 1) is None


# --- names ------------------------------------------------------------------------------------------------------------------------


def test_the_name_of_an_operation_stands_for_its_result(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "graphopt")
    tf.constant(2.5, name="loss")
    with tf.train.MonitoredSession(hooks=[tf.train.LoggingTensorHook({"l": "loss", "m": "loss:0"}, every_n_iter=1)]) as session:
        session.run("loss:0")
    assert "l = 2.5, m = 2.5" in caplog.text


def test_names_that_stand_for_no_tensor() -> None:
    tf.unstack(tf.constant([1.0, 2.0]), name="parts")
    tf.no_op(name="nothing")
    with pytest.raises(ValueError, match="Name parts is ambiguous, as this Operation has multiple outputs"):
        tf.train.MonitoredSession(hooks=[tf.train.LoggingTensorHook(["parts"], every_n_iter=1)])
    for name in ("nothing", "unknown"):
        with pytest.raises(KeyError, match=f"The name '{name}:0' refers to a Tensor which does not exist"):
            tf.train.MonitoredSession(hooks=[tf.train.LoggingTensorHook([name], every_n_iter=1)])
