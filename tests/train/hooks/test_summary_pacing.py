"""How often `SummarySaverHook` writes: by tag and pattern, and within a share of the time, which a clock set by hand tells."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf


@pytest.fixture(autouse=True)
def graph() -> Iterator[tf.Graph]:
    with tf.Graph().as_default() as made:
        yield made
    tf.summary.FileWriterCache.clear()


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def passes(self, seconds: float) -> Any:
        """Return the number 1, of which the computation takes this long."""

        def wait() -> Any:
            self.now += seconds
            return np.float32(1.0)

        made = tf.py_func(wait, [], tf.float32)
        made.set_shape([])
        return made


class Writer:
    """A writer that keeps the steps of each tag; writing takes a time by tag."""

    def __init__(self, clock: Clock | None = None, **seconds: float) -> None:
        self._clock = clock or Clock()
        self._seconds = seconds
        self.steps: dict[str, list[int]] = {}
        self.sessions: list[int] = []

    def add_summary(self, made: Any, global_step: Any = None) -> None:
        for value in made.value:
            self.steps.setdefault(value.tag, []).append(int(global_step))
            self._clock.now += self._seconds.get(value.tag, 0.0)

    def add_session_log(self, log: Any, global_step: Any = None) -> None:
        self.sessions.append(int(global_step))

    def flush(self) -> None:
        pass


def run(hook: Any, train_op: Any, runs: int, clock: Clock | None = None) -> None:
    hook._clock = clock or Clock()
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        for _ in range(runs):
            session.run(train_op)


def counting(by: int = 1) -> Any:
    return tf.assign_add(tf.train.get_or_create_global_step(), by)


def scalars(*tags: str) -> list[Any]:
    return [tf.summary.scalar(tag, 1.0) for tag in tags]


# --- cadences ---------------------------------------------------------------------------------------------------------------------


def test_each_tag_has_its_own_steps() -> None:
    count, writer = counting(), Writer()
    merged = tf.summary.merge(scalars("loss", "gradients/w", "never", "other"))
    cadence = {"loss": 2, "gradients/*": 5, "never": 0}
    run(tf.train.SummarySaverHook(3, summary_writer=writer, summary_op=merged, cadence=cadence), count, 10)
    assert writer.steps == {"loss": [1, 2, 4, 6, 8, 10], "gradients/w": [1, 5, 10], "other": [1, 3, 6, 9]}
    assert writer.sessions == [1]


def test_other_tags_without_steps_are_never_written() -> None:
    count, writer = counting(), Writer()
    run(tf.train.SummarySaverHook(summary_writer=writer, summary_op=scalars("a", "b"), cadence={"a": 2}), count, 4)
    assert writer.steps == {"a": [1, 2, 4]}


def test_a_cadence_has_its_own_number_for_other_tags() -> None:
    count, writer = counting(), Writer()
    cadence = tf.summary.Cadence({"a": 2}, default=3)
    run(tf.train.SummarySaverHook(100, summary_writer=writer, summary_op=scalars("a", "b"), cadence=cadence), count, 6)
    assert writer.steps == {"a": [1, 2, 4, 6], "b": [1, 3, 6]}


def test_runs_without_due_summaries_run_a_plan_without_them() -> None:
    count, made = counting(), {"a": 0, "b": 0}

    def summary_of(tag: str) -> Any:
        def compute() -> Any:
            made[tag] += 1
            return np.float32([1.0])

        return tf.summary.histogram(tag, tf.py_func(compute, [], tf.float32))

    merged = tf.summary.merge([summary_of("a"), summary_of("b")])
    run(tf.train.SummarySaverHook(summary_writer=Writer(), summary_op=merged, cadence={"a": 3, "b": 7}), count, 9)
    assert made == {"a": 4, "b": 2}


def test_runs_that_count_several_steps_miss_no_multiple() -> None:
    count, writer = counting(by=3), Writer()
    run(tf.train.SummarySaverHook(summary_writer=writer, summary_op=scalars("a"), cadence={"a": 6}), count, 8)
    # A multiple of 6 is only foreseen one step ahead: the run after it writes.
    assert writer.steps == {"a": [3, 9, 15, 21]}


def test_a_session_that_begins_just_before_a_multiple() -> None:
    count, writer = counting(), Writer()
    start = tf.assign(tf.train.get_global_step(), 98)
    hook = tf.train.SummarySaverHook(summary_writer=writer, summary_op=scalars("a"), cadence={"a": 100}, most_logging=None)
    scaffold = tf.train.Scaffold(init_fn=lambda scaffold, session: session.run(start))
    with tf.train.SingularMonitoredSession([hook], scaffold) as session:
        for _ in range(110):
            session.run(count)
    assert writer.steps == {"a": [99, 100, 200]}


def test_a_rare_summary_that_a_run_goes_past_comes_in_the_next_one() -> None:
    step, writer = tf.train.get_or_create_global_step(), Writer()
    one, three = tf.assign_add(step, 1), tf.assign_add(step, 3)
    hook = tf.train.SummarySaverHook(summary_writer=writer, summary_op=scalars("a", "b"), cadence={"a": 1, "b": 10}, most_logging=None)
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        for op in [*[one] * 8, three, *[one] * 30]:
            session.run(op)
    assert writer.steps == {"a": [*range(1, 9), *range(11, 42)], "b": [1, 12, 20, 30, 40]}


def test_after_going_back_the_multiples_come_again() -> None:
    step, writer = tf.train.get_or_create_global_step(), Writer()
    count, back = counting(), tf.assign(step, 1)
    hook = tf.train.SummarySaverHook(summary_writer=writer, summary_op=scalars("a"), cadence={"a": 4})
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        for op in [*[count] * 9, back, *[count] * 4]:
            session.run(op)
    assert (writer.steps, writer.sessions) == ({"a": [1, 4, 8, 4]}, [1, 1])


def test_a_cadence_counts_no_seconds() -> None:
    with pytest.raises(ValueError, match="A cadence counts steps: give it save_steps for all other tags, or nothing, but not save_secs"):
        tf.train.SummarySaverHook(save_secs=1.0, summary_op=scalars("a"), cadence={"a": 4})
    counting()
    with pytest.raises(ValueError, match="A cadence counts steps"):
        tf.train.MonitoredTrainingSession(summary_dir="logs", save_summaries_secs=1.0, cadence={"a": 4})


def test_a_monitored_training_session_has_a_cadence(tmp_path: Path) -> None:
    count = counting()
    scalars("a", "b")
    with tf.train.MonitoredTrainingSession(summary_dir=str(tmp_path), save_summaries_steps=4, cadence={"a": 2}) as session:
        for _ in range(8):
            session.run(count)
    log = tf.summary.read(tmp_path)
    assert [log.scalars(tag).steps.tolist() for tag in "ab"] == [[1, 2, 4, 6, 8], [1, 4, 8]]


def test_a_cadence_replaces_the_steps_that_are_switched_off(tmp_path: Path) -> None:
    count = counting()
    scalars("a", "b")
    with tf.train.MonitoredTrainingSession(summary_dir=str(tmp_path), save_summaries_steps=None, cadence={"a": 2}) as session:
        for _ in range(4):
            session.run(count)
    log = tf.summary.read(tmp_path)
    assert log.tags()["scalars"] == ["a"]
    assert log.scalars("a").steps.tolist() == [1, 2, 4]


# --- the share of the time --------------------------------------------------------------------------------------------------------


def written(runs: int, step_seconds: float, write_seconds: float, **arguments: Any) -> list[int]:
    """Return at which steps a run that could write at each step has written."""
    clock = Clock()
    writer = Writer(clock, a=write_seconds)
    with tf.control_dependencies([clock.passes(step_seconds)]):
        count = counting()
    run(tf.train.SummarySaverHook(1, summary_writer=writer, summary_op=scalars("a"), **arguments), count, runs, clock)
    return writer.steps["a"]


def test_writing_keeps_to_a_tenth_of_the_time() -> None:
    steps = written(4000, 0.1, 0.1)
    spent, after = 0.1 * len(steps), [step for step in steps if step > 1000]
    assert spent > 0 and 0.1 * len(after) <= 0.1 * (3000 * 0.1 + 0.1 * len(after))
    assert len(after) >= 100  # thinned out, not switched off


def test_the_share_is_chosen() -> None:
    assert len(written(2000, 0.1, 0.1, most_logging=0.6)) == 1999  # one run without tells what they cost


def test_without_a_limit_all_is_written() -> None:
    assert len(written(1000, 0.1, 1.0, most_logging=None)) == 1000


@pytest.mark.parametrize(("runs", "seconds"), [(140, 0.1), (10, 100.0)], ids=["half a minute", "ten writes"])
def test_a_short_run_is_not_thinned_out(runs: int, seconds: float) -> None:
    assert len(written(runs, 0.1, seconds)) == runs


def test_what_costs_little_is_not_thinned_out() -> None:
    assert len(written(3000, 0.1, 0.01)) == 2999  # one run without tells what they cost


@pytest.mark.parametrize("others", [0, 1, 3], ids=["in steps of two", "between others", "between many others"])
def test_runs_that_interrupt_the_counting_cost_nothing(others: int) -> None:
    """Runs of another size, or that make no step, are not taken for summaries that took long."""
    clock, writer = Clock(), Writer()
    with tf.control_dependencies([clock.passes(1.0)]):
        count, read = counting(by=1 if others else 2), tf.identity(tf.train.get_global_step())
    hook = tf.train.SummarySaverHook(1, summary_writer=writer, summary_op=scalars("a"))
    hook._clock = clock
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        for _ in range(300):
            for op in [count] + [read] * others:
                session.run(op)
    expected = [step for step in range(1 + (not others), 301 if others else 601, 1 if others else 2)]
    # One run of each kind without tells what they cost.
    assert len(set(expected) - set(writer.steps["a"])) <= 1
    assert len(writer.steps["a"]) == 300 * (1 + others) - (2 if others else 1)


def test_what_interrupts_a_rare_summary_that_was_thinned_out_puts_it_off_no_further() -> None:
    clock = Clock()
    writer = Writer(clock, rare=50.0, often=0.001)
    step, by = tf.train.get_or_create_global_step(), tf.placeholder_with_default(np.int64(1), [])
    with tf.control_dependencies([clock.passes(1.0)]):
        count = tf.assign_add(step, by)
    hook = tf.train.SummarySaverHook(summary_writer=writer, summary_op=scalars("rare", "often"), cadence={"rare": 10, "often": 1})
    hook._clock = clock
    due: list[int] = []
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        for number in range(400):
            reached = int(session.run(count, {by: 12 if number % 10 == 4 else 1}))
            rare = hook._groups[1].timer
            if rare._last == reached:
                due.append(reached)
    # Whenever a multiple of 10 was passed, the rare summary is due in that run or, where a run makes many steps, in the next one.
    reached, expected, last = 0, [], -10
    for number in range(400):
        foreseen, reached = reached + 1, reached + (12 if number % 10 == 4 else 1)
        if last == -10 or foreseen // 10 > last // 10:
            last = reached
            expected.append(reached)
    assert due == expected


@pytest.mark.parametrize("make", [tf.summary.scalar, tf.summary.histogram])
def test_what_summaries_cost_inside_the_run_counts(make: Any) -> None:
    clock = Clock()
    writer = Writer()
    with tf.control_dependencies([clock.passes(0.1)]):
        count = counting()
    histogram = make("h", clock.passes(0.9))
    run(tf.train.SummarySaverHook(1, summary_writer=writer, summary_op=histogram), count, 2000, clock)
    late = [step for step in writer.steps["h"] if step > 1000]
    assert 5 <= len(late) <= 0.1 * (1000 * 0.1 + 0.9 * len(late)) / 0.9


def test_a_costly_rare_summary_does_not_crowd_out_a_cheap_one() -> None:
    clock = Clock()
    writer = Writer(clock, rare=50.0, often=0.001)
    with tf.control_dependencies([clock.passes(0.1)]):
        count = counting()
    hook = tf.train.SummarySaverHook(summary_writer=writer, summary_op=scalars("rare", "often"), cadence={"rare": 100, "often": 1})
    run(hook, count, 20_000, clock)
    assert len(writer.steps["often"]) >= 19_999
    late = [step for step in writer.steps["rare"] if step > 10_000]
    assert 1 <= len(late) <= 5


@pytest.mark.parametrize("share", [0, 1.0, -1])
def test_what_is_no_share(share: float) -> None:
    with pytest.raises(ValueError, match="The share of the time for logging must be between 0 and 1, got"):
        tf.train.SummarySaverHook(1, summary_op=scalars("a"), most_logging=share)
