"""Hooks that rest are not called, are woken in time, and keep their order."""

from __future__ import annotations

import math
import time
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.train.hooks.protocol import Rest


class Told(tf.train.SessionRunHook):
    """Notes what it is told, and rests as it is asked to."""

    def __init__(self, name: str, rests: list[Rest | None], log: list[Any]) -> None:
        self.name, self.rests, self.log = name, rests, log

    def before_run(self, run_context: Any) -> Any:
        self.log.append((self.name, "before"))
        return None

    def after_run(self, run_context: Any, run_values: Any) -> None:
        self.log.append((self.name, "after", None if run_values.results is None else int(run_values.results)))

    def rest(self) -> Rest | None:
        return self.rests.pop(0) if self.rests else None

    def wake(self, step: int, runs: int, standstill: int) -> None:
        self.log.append((self.name, "wake", step, runs))


def run(hooks: list[Any], count: int) -> None:
    op = tf.assign_add(tf.train.get_or_create_global_step(), 1)
    with tf.train.MonitoredSession(hooks=hooks) as session:
        for _ in range(count):
            session.run(op)


def test_a_rest_of_some_runs() -> None:
    log: list[Any] = []
    run([Told("a", [Rest(runs=2), None, Rest()], log)], 6)
    once = [("a", "before"), ("a", "after", None)]
    assert log == [*once, ("a", "wake", 3, 2), *once, *once, ("a", "wake", 6, 1)]


def test_a_rest_until_a_step_sees_the_run_that_reaches_it() -> None:
    log: list[Any] = []
    run([Told("a", [Rest(step=4, sees_last_run=True)], log)], 5)
    once = [("a", "before"), ("a", "after", None)]
    assert log == [*once, ("a", "wake", 3, 2), ("a", "after", 4), *once]


def test_without_the_last_run_it_is_called_from_the_next_on() -> None:
    log: list[Any] = []
    run([Told("a", [Rest(step=3)], log)], 4)
    once = [("a", "before"), ("a", "after", None)]
    assert log == [*once, ("a", "wake", 3, 2), *once]


def test_the_order_of_the_hooks_stays() -> None:
    log: list[Any] = []
    run([Told("a", [], log), Told("b", [Rest(step=3, sees_last_run=True)], log), Told("c", [], log)], 3)
    assert [entry[:2] for entry in log[-6:]] == [
        ("a", "before"),
        ("c", "before"),
        ("a", "after"),
        ("b", "wake"),
        ("b", "after"),
        ("c", "after"),
    ]


def test_all_are_woken_when_the_step_goes_back() -> None:
    log: list[Any] = []
    step = tf.train.get_or_create_global_step()
    count, back = tf.assign_add(step, 1), tf.assign(step, 1)
    with tf.train.MonitoredSession(hooks=[Told("a", [Rest()], log)]) as session:
        for op in (count, count, count, back, count):
            session.run(op)
    once = [("a", "before"), ("a", "after", None)]
    assert log == [*once, ("a", "wake", 3, 2), ("a", "wake", 1, 1), *once]


@pytest.mark.parametrize("sees_last_run", [True, False])
def test_a_rest_until_a_time(sees_last_run: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    log: list[Any] = []
    now = [100.0]
    monkeypatch.setattr(time, "time", lambda: now[0])
    op = tf.assign_add(tf.train.get_or_create_global_step(), 1)
    with tf.train.MonitoredSession(hooks=[Told("a", [Rest(time=105.0, sees_last_run=sees_last_run)], log)]) as session:
        for now[0] in (100.0, 104.0, 106.0):
            session.run(op)
    once = [("a", "before"), ("a", "after", None)]
    ending = [("a", "wake", 2, 1), ("a", "after", 3)] if sees_last_run else [("a", "wake", 2, 1), *once]
    assert log == [*once, *ending]


def test_who_overrides_a_stock_hook_is_called_each_time() -> None:
    class Counted(tf.train.StopAtStepHook):
        seen = 0

        def after_run(self, run_context: Any, run_values: Any) -> None:
            self.seen += 1
            super().after_run(run_context, run_values)

    hook = Counted(last_step=50)
    run([hook], 10)
    assert hook.seen == 10


def test_a_method_set_on_the_object_is_called_each_time() -> None:
    hook, seen = tf.train.StopAtStepHook(last_step=50), []
    hook.after_run = lambda context, values: seen.append(int(values.results))  # type: ignore[method-assign]
    run([hook], 4)
    assert seen == [1, 2, 3, 4]


def test_stock_hooks_do_rest() -> None:
    called: list[str] = []

    class Watched(tf.train.StopAtStepHook):
        def before_run(self, run_context: Any) -> Any:
            called.append("before")
            return super().before_run(run_context)

        def after_run(self, run_context: Any, run_values: Any) -> None:
            called.append("after")
            super().after_run(run_context, run_values)

        def rest(self) -> Rest | None:
            return super().rest()

    op = tf.assign_add(tf.train.get_or_create_global_step(), 1)
    with tf.train.MonitoredSession(hooks=[Watched(last_step=30)]) as session:
        while not session.should_stop():
            last = session.run(op)
    assert (last, called) == (30, ["before", "after", "after"])


def test_a_graph_without_a_global_step_wakes_by_runs() -> None:
    log: list[Any] = []
    x = tf.constant(1.0)
    with tf.train.MonitoredSession(hooks=[Told("a", [Rest(runs=1)], log)]) as session:
        for _ in range(3):
            session.run(x)
    once = [("a", "before"), ("a", "after", None)]
    assert [entry for entry in log if entry[1] != "wake"] == [*once, *once]


def test_a_hook_that_fails_when_it_is_woken_loses_nobody() -> None:
    log: list[Any] = []

    class Fails(Told):
        def wake(self, step: int, runs: int, standstill: int) -> None:
            raise OSError("no room")

    op = tf.assign_add(tf.train.get_or_create_global_step(), 1)
    session = tf.train.MonitoredSession(hooks=[Fails("a", [Rest(runs=1)], log), Told("b", [], log)])
    session.run(op)
    with pytest.raises(OSError, match="no room"):
        session.run(op)
    del log[:]
    session.run(op)
    assert log == [("a", "before"), ("b", "before"), ("a", "after", None), ("b", "after", None)]


def test_a_lost_session_wakes_all() -> None:
    log: list[Any] = []

    class Lost(tf.train.SessionRunHook):
        left = 3

        def before_run(self, run_context: Any) -> None:
            self.left -= 1
            if self.left == -1:
                raise tf.errors.AbortedError(None, None, "lost")

    run([Told("a", [Rest()], log), Lost()], 5)
    once = [("a", "before"), ("a", "after", None)]
    assert log == [*once, ("a", "wake", 3, 2), *once, *once]


def test_steps_that_stand_still_from_the_step_they_go_back_to(caplog: pytest.LogCaptureFixture) -> None:
    """The step was not the same all the time only because it is again what it was when the hook went to rest."""
    step = tf.train.get_or_create_global_step()
    count, back = tf.assign_add(step, 1), tf.assign(step, 1)
    hook = tf.train.StepCounterHook(every_n_steps=1000)
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        for op in [count] * 20 + [back, step, step]:
            session.run(op)
        assert "has not been increased" not in caplog.text
        for _ in range(40):
            session.run(step)
        assert caplog.text.count("has not been increased") == 1


def test_nothing_is_a_rest_without_end() -> None:
    assert Rest() == (math.inf, math.inf, math.inf, math.inf, False, None, None)


def test_a_run_that_fails_while_all_rest_is_told_and_may_be_mended() -> None:
    seen: list[Any] = []

    class Mends(tf.train.StopAtStepHook):
        def on_error(self, run_context: Any, error: BaseException, run_args: Any) -> Any:
            seen.append((type(error).__name__, run_context.original_args.fetches is checked))
            values = [run_context.session.run(tf.train.get_global_step()) if fetch is not checked else 7.0 for fetch in run_args.fetches]
            return tf.train.Recovered(values)

    step = tf.train.get_or_create_global_step()
    count, x = tf.assign_add(step, 1), tf.placeholder(tf.float32, [])
    with tf.control_dependencies([count]):
        checked = tf.check_numerics(x, "bad")
    with tf.train.MonitoredSession(hooks=[Mends(last_step=3)]) as session:
        found = [float(session.run(checked, {x: value})) for value in (1.0, np.nan, 2.0, 3.0)]
        assert session.should_stop()
    assert found == [1.0, 7.0, 2.0, 3.0]
    assert seen == [("InvalidArgumentError", True)]


@pytest.mark.parametrize("cadence", [{"every_n_steps": 100}, {"every_n_steps": None, "every_n_secs": 1000.0}])
def test_a_step_that_stands_still_is_noticed_in_time(cadence: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    step = tf.train.get_or_create_global_step()
    count, look = tf.assign_add(step, 1), tf.identity(step)
    with tf.train.MonitoredSession(hooks=[tf.train.StepCounterHook(**cadence)]) as session:
        for op in [*[count] * 7, *[look] * 11, count, *[look] * 19]:
            session.run(op)
        assert "has not been increased" not in caplog.text
        session.run(look)
        assert "it was 8 in 21 runs in a row" in caplog.text
        caplog.clear()
        for _ in range(50):
            session.run(look)
        assert "has not been increased" not in caplog.text, "once is enough"
