"""Monitored sessions beyond what TensorFlow was recorded doing: runs without hooks, mended errors, refusals."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.hooks import protocol


def counting() -> tuple[Any, Any]:
    step = tf.train.get_or_create_global_step()
    return step, tf.assign_add(step, 1)


class Calls(tf.train.SessionRunHook):
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def before_run(self, run_context: Any) -> Any:
        self.seen.append("before")

    def after_run(self, run_context: Any, run_values: Any) -> None:
        self.seen.append("after")

    def on_error(self, run_context: Any, error: BaseException, run_args: Any) -> Any:
        self.seen.append([type(error).__name__, run_args.feed_dict])

    def end(self, session: Any) -> None:
        self.seen.append("end")


def test_runs_without_hooks_are_seen_by_none() -> None:
    _step, count = counting()
    hook = Calls()
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        session.run_without_hooks(count)
        session.session.run(count)
        assert hook.seen == []
        assert session.run(count) == 3
    assert hook.seen == ["before", "after", "end"]


def test_a_saver_takes_a_monitored_session(tmp_path: Path) -> None:
    step, count = counting()
    saver = tf.train.Saver()
    with tf.train.MonitoredSession() as session:
        session.run(count)
        path = saver.save(session, str(tmp_path / "model.ckpt"), global_step=step)
    assert path.endswith("model.ckpt-1")
    assert tf.train.latest_checkpoint(str(tmp_path)) == path


def test_all_that_hooks_ask_for_comes_from_one_run() -> None:
    step, count = counting()
    runs: list[Any] = []

    class Asks(tf.train.SessionRunHook):
        def before_run(self, run_context: Any) -> Any:
            return tf.train.SessionRunArgs({"count": count, "step": step})

        def after_run(self, run_context: Any, run_values: Any) -> None:
            runs.append({key: int(value) for key, value in run_values.results.items()})

    with tf.train.MonitoredSession(hooks=[Asks(), Asks()]) as session:
        assert session.run([count, [step]]) == [1, [1]]
        assert session.run(count) == 2
    assert runs == [{"count": 1, "step": 1}] * 2 + [{"count": 2, "step": 2}] * 2


def test_new_lists_and_changing_hooks_find_their_own_values() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    y = [x + float(i) for i in range(120)]
    found: list[Any] = []

    class Asks(tf.train.SessionRunHook):
        def before_run(self, run_context: Any) -> Any:
            return tf.train.SessionRunArgs([y[len(found)]])

        def after_run(self, run_context: Any, run_values: Any) -> None:
            found.append(float(run_values.results[0]))

    with tf.train.MonitoredSession(hooks=[Asks()]) as session:
        for i in range(120):
            assert session.run([y[1], {"a": y[2]}], {x: float(i)}) == [i + 1.0, {"a": i + 2.0}]
    assert found == [2.0 * i for i in range(120)]


def test_a_list_that_a_hook_changes_is_looked_at_anew() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    y = [x + float(i) for i in range(4)]
    asked: list[Any] = []
    found: list[Any] = []

    class Grows(tf.train.SessionRunHook):
        def before_run(self, run_context: Any) -> Any:
            asked.append(y[len(asked)])
            return tf.train.SessionRunArgs(asked)

        def after_run(self, run_context: Any, run_values: Any) -> None:
            found.append([float(value) for value in run_values.results])

    with tf.train.MonitoredSession(hooks=[Grows()]) as session:
        for _ in range(3):
            session.run(x, {x: 0.0})
    assert found == [[0.0], [0.0, 1.0], [0.0, 1.0, 2.0]]


def test_feeds_by_name_and_variables_work() -> None:
    tf.placeholder(tf.float32, [], name="x")
    w = tf.get_variable("w", initializer=1.0)
    total = w + tf.get_default_graph().get_tensor_by_name("x:0")
    with tf.train.MonitoredSession(hooks=[Calls()]) as session:
        assert session.run(total, {"x:0": 2.0, w: 5.0}) == 7.0
        assert session.run([], {"x:0": 2.0}) == []


def test_an_error_is_told_with_the_feeds() -> None:
    x = tf.placeholder(tf.float32, [2], name="x")
    y = tf.check_numerics(x, "bad")
    hook, told = Calls(), []
    hooks = [hook, tf.train.OnErrorHook(lambda error, feeds: told.append((type(error).__name__, feeds[x])))]
    with pytest.raises(tf.errors.InvalidArgumentError, match="bad : Tensor had NaN values"):
        with tf.train.MonitoredSession(hooks=hooks) as session:
            session.run(y, {x: [np.nan, 0.0]})
    assert told == [("InvalidArgumentError", [np.nan, 0.0])]
    assert hook.seen == ["before", ["InvalidArgumentError", {x: [np.nan, 0.0]}]]


def test_a_hook_may_mend_an_error() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    y, z = tf.check_numerics(x, "bad"), 2.0 * x
    seen: list[Any] = []

    class Mends(tf.train.SessionRunHook):
        def before_run(self, run_context: Any) -> Any:
            return tf.train.SessionRunArgs(z)

        def on_error(self, run_context: Any, error: BaseException, run_args: Any) -> Any:
            assert run_args.fetches == [y, z]
            return protocol.Recovered([-1.0, -2.0])

        def after_run(self, run_context: Any, run_values: Any) -> None:
            seen.append(run_values.results)

    with tf.train.MonitoredSession(hooks=[Mends()]) as session:
        assert session.run(y, {x: np.inf}) == -1.0
        assert session.run(y, {x: 1.0}) == 1.0
    assert seen == [-2.0, 2.0]


def test_hooks_need_no_base_class() -> None:
    class Plain:
        def begin(self) -> None: ...
        def after_create_session(self, session: Any, coord: Any) -> None: ...
        def before_run(self, run_context: Any) -> None: ...
        def after_run(self, run_context: Any, run_values: Any) -> None:
            run_context.request_stop()

        def end(self, session: Any) -> None: ...

    c = tf.constant(1.0)
    with tf.train.MonitoredSession(hooks=[Plain()]) as session:
        session.run(c)
        assert session.should_stop()
        with pytest.raises(RuntimeError, match="Run called even after should_stop requested"):
            session.run(c)


def test_a_closed_session_refuses() -> None:
    c = tf.constant(1.0)
    session = tf.train.MonitoredSession()
    session.close()
    with pytest.raises(AttributeError, match="The monitored session is closed: 'NoneType' object has no attribute 'run'"):
        session.run(c)
    with pytest.raises(RuntimeError, match="Session is already closed"):
        session.close()
    with pytest.raises(AttributeError, match="is closed"):
        session.run_without_hooks(c)


def test_step_functions_are_checked() -> None:
    with tf.train.MonitoredSession() as session:
        with pytest.raises(ValueError, match="`step_fn` may either have one `step_context` argument, or `self` and `step_context`"):
            session.run_step_fn(lambda context: None)
        with pytest.raises(TypeError, match="step_fn must be a function of step_context, got 3"):
            session.run_step_fn(3)  # type: ignore[arg-type]


def test_feeding_twice_is_refused() -> None:
    x = tf.placeholder(tf.float32, [], name="x")
    hooks = [tf.train.FeedFnHook(lambda: {x: 1.0}), tf.train.FeedFnHook(lambda: {"x:0": 1.0})]
    with tf.train.MonitoredSession(hooks=hooks) as session, pytest.raises(RuntimeError, match=r"Same tensor is fed by two hooks. Conflict"):
        session.run(x)
    with tf.train.MonitoredSession(hooks=hooks[:1]) as session, pytest.raises(RuntimeError, match="fed by a SessionRunHook and user"):
        session.run(x, {"x:0": 1.0})


def test_options_of_hooks_are_merged() -> None:
    c = tf.constant(2.0) * 3.0
    seen: list[Any] = []

    class Wants(tf.train.SessionRunHook):
        def __init__(self, **options: Any) -> None:
            self.options = options

        def before_run(self, run_context: Any) -> Any:
            return tf.train.SessionRunArgs(None, options=tf.RunOptions(**self.options))

        def after_run(self, run_context: Any, run_values: Any) -> None:
            o = run_values.options
            seen.append((o.trace_level, o.timeout_in_ms, o.output_partition_graphs))

    hooks = [Wants(timeout_in_ms=5), Wants(trace_level=3, output_partition_graphs=True)]
    metadata = tf.RunMetadata()
    with tf.train.MonitoredSession(hooks=hooks) as session:
        session.run(c, run_metadata=metadata)
    assert seen == [(3, 5, True)] * 2
    assert metadata.step_stats.dev_stats


def test_a_thread_stops_the_session() -> None:
    c = tf.constant(1.0)

    class Reports(tf.train.SessionRunHook):
        def after_create_session(self, session: Any, coord: Any) -> None:
            self.thread = threading.Thread(target=lambda: coord.request_stop(OSError("the reader failed")))
            self.thread.start()
            self.thread.join()

    class Fails(tf.train.SessionRunHook):
        def before_run(self, run_context: Any) -> None:
            raise ValueError("because there was nothing to read")

    session = tf.train.MonitoredSession(hooks=[Reports(), Fails()])
    assert session.should_stop()
    with pytest.raises(OSError, match="the reader failed"):
        session.run(c)
    with pytest.raises(OSError, match="the reader failed"):
        session.close()


def test_creation_goes_on_after_an_interruption() -> None:
    c = tf.constant(1.0)
    times: list[Any] = []

    class Lost(tf.train.SessionRunHook):
        def after_create_session(self, session: Any, coord: Any) -> None:
            times.append(session)
            if len(times) < 3:
                raise tf.errors.UnavailableError(None, None, "not there")

    with tf.train.MonitoredSession(hooks=[Lost()]) as session:
        assert session.run(c) == 1.0
    assert len(times) == 3
    times.clear()
    with pytest.raises(tf.errors.UnavailableError, match="not there"):
        tf.train.SingularMonitoredSession(hooks=[Lost()])


def test_a_step_function_is_called_again_after_an_interruption() -> None:
    _step, count = counting()
    calls: list[Any] = []

    def step_fn(step_context: Any) -> Any:
        calls.append(step_context.session)
        if len(calls) == 1:
            raise tf.errors.AbortedError(None, None, "lost")
        return step_context.run_with_hooks(count)

    with tf.train.MonitoredSession() as session:
        assert session.run_step_fn(step_fn) == 1
    assert calls[0] is not calls[1]


def test_a_recovered_session_has_the_newest_checkpoint(tmp_path: Path) -> None:
    step, count = counting()
    lost = [False]

    class Loses(tf.train.SessionRunHook):
        def before_run(self, run_context: Any) -> None:
            if not lost[0] and run_context.session.run(step) == 5:
                lost[0] = True
                raise tf.errors.AbortedError(None, None, "lost")

    hooks = [Loses()]
    with tf.train.MonitoredTrainingSession(checkpoint_dir=str(tmp_path), hooks=hooks, save_checkpoint_steps=1) as session:
        assert [int(session.run(count)) for _ in range(7)] == [1, 2, 3, 4, 5, 6, 7]
    assert lost == [True]


def test_one_who_is_no_chief_only_runs(tmp_path: Path) -> None:
    c = tf.constant(1.0)
    hook = Calls()
    with tf.train.MonitoredTrainingSession(is_chief=False, checkpoint_dir=str(tmp_path), hooks=[hook], chief_only_hooks=[1]) as session:
        session.run(c)
    assert hook.seen == ["before", "after", "end"]
    assert list(tmp_path.iterdir()) == []


def test_steps_or_seconds() -> None:
    with pytest.raises(ValueError, match="Can not provide both every_secs and every_steps"):
        tf.train.MonitoredTrainingSession(checkpoint_dir="unused", save_summaries_steps=1, save_summaries_secs=1)


def test_nothing_is_saved_when_nothing_is_wanted(tmp_path: Path) -> None:
    _step, count = counting()
    arguments: dict[str, Any] = {"save_checkpoint_secs": None, "save_summaries_steps": None, "log_step_count_steps": None}
    with tf.train.MonitoredTrainingSession(checkpoint_dir=str(tmp_path), **arguments) as session:
        session.run(count)
    assert list(tmp_path.iterdir()) == []
