"""How often summaries are made: by tag and pattern, and not more than a share of the time."""

from typing import Any

import pytest

import graphopt as tf
from graphopt.errors import ArgumentError
from graphopt.graph.summary_cadence import Cadence, LoggingBudget, due_summaries, single_summaries, tag_of


def test_patterns() -> None:
    cadence = Cadence({"loss": 1, "gradients/*": 100, "never": 0, "*norm": 10}, default=5)
    tags = ["loss", "train/loss", "losses", "gradients/w", "OptimizeLoss/gradients/w_0", "never", "global_norm/norm", "a/gradient_norm"]
    assert [cadence.period(tag) for tag in tags] == [1, 1, 5, 100, 100, 0, 10, 10]
    assert [cadence.is_due("gradients/w", step) for step in (0, 1, 100, 150)] == [True, False, True, False]
    assert not any(cadence.is_due("never", step) for step in range(10))


def test_the_first_entry_that_fits_counts() -> None:
    assert Cadence({"a/loss": 2, "*": 3}).period("a/loss") == 2
    assert Cadence({"*": 3, "a/loss": 2}).period("a/loss") == 3


@pytest.mark.parametrize("steps", [-1, 1.5, True, "2"])
def test_what_is_no_number_of_steps(steps: Any) -> None:
    with pytest.raises(ArgumentError, match="A summary is made every so many steps, a whole number, 0 for never; got"):
        Cadence({"loss": steps})
    with pytest.raises(ArgumentError, match="for 'default'"):
        Cadence({}, default=steps)


def test_due_summaries() -> None:
    loss, weights = tf.summary.scalar("loss", 1.0), tf.summary.histogram("weights", [1.0])
    merged = tf.summary.merge([tf.summary.merge([loss]), weights])
    assert single_summaries([merged, loss]) == [loss, weights]
    assert (tag_of(loss), tag_of(merged)) == ("loss", merged.op.name)
    cadence = Cadence({"weights": 10})
    assert [cadence.due(merged, step) for step in (0, 1, 10)] == [[loss, weights], [loss], [loss, weights]]
    # The same list for the same choice: a session compiles it once.
    assert cadence.due(merged, 3) is cadence.due([weights, loss][::-1], 7)
    assert due_summaries(None, 1) == []
    assert due_summaries(merged, 1) == [loss, weights]
    assert due_summaries([merged], 1, {"loss": 2}) == [weights]
    assert due_summaries(merged, 1, cadence) == [loss]


def test_a_pattern_that_fits_no_tag_is_said_once() -> None:
    with tf.name_scope("OptimizeLoss"):
        loss, weights = tf.summary.scalar("loss", 1.0), tf.summary.histogram("gradients/weights", [1.0])
    cadence = Cadence({"Gradients/*": 10, "loss": 1, "los": 2, "gradients/*": 5})
    assert cadence.due(None, 0) == []  # nothing is known yet
    with pytest.warns(UserWarning) as caught:
        cadence.due([loss], 0)
    assert [str(one.message) for one in caught] == [
        "The cadence names 'Gradients/*', but no summary has such a tag; the nearest is 'OptimizeLoss/gradients/weights'.",
        "The cadence names 'los', but no summary has such a tag; the nearest is 'OptimizeLoss/loss'.",
    ]
    assert caught[0].filename == __file__
    cadence.due([weights], 1)


def test_a_hook_warns_in_its_first_run(tmp_path: Any) -> None:
    count = tf.assign_add(tf.train.get_or_create_global_step(), 1)
    summary = tf.summary.scalar("accuracy", tf.cast(count, tf.float32))
    hook = tf.train.SummarySaverHook(output_dir=str(tmp_path), summary_op=summary, cadence={"acuracy": 3, "*": 1})
    with tf.train.MonitoredSession(hooks=[hook]) as session:
        with pytest.warns(
            UserWarning, match="The cadence names 'acuracy', but no summary has such a tag; the nearest is 'accuracy'"
        ) as caught:
            session.run(count)
        assert caught[0].filename == __file__
        session.run(count)
    tf.summary.FileWriterCache.clear()
    assert tf.summary.read(tmp_path).scalars("accuracy").steps.tolist() == [1, 2]


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def shares(budget: LoggingBudget, clock: Clock, step: float, cost: float, steps: int) -> float:
    """Run steps; return the share of the time that logging took."""
    spent, began = 0.0, clock.now
    for _ in range(steps):
        clock.now += step
        if budget.is_due():
            with budget.logging():
                clock.now += cost
            spent += cost
    return spent / (clock.now - began)


@pytest.mark.parametrize("cost", [0.0, 0.05, 0.1, 1.0, 30.0])
def test_logging_keeps_to_its_share(cost: float) -> None:
    clock = Clock()
    budget = LoggingBudget(0.1, clock=clock)
    shares(budget, clock, 1.0, cost, 10)
    assert shares(budget, clock, 1.0, cost, 5000) <= 0.1
    assert budget.stretch & (budget.stretch - 1) == 0
    if cost <= 0.1:
        assert budget.stretch == 1  # nothing is thinned out that keeps to its share by itself


def test_logging_is_not_thinned_out_for_good() -> None:
    clock = Clock()
    budget = LoggingBudget(0.1, clock=clock)
    shares(budget, clock, 1.0, 3.0, 500)
    assert budget.stretch >= 16
    shares(budget, clock, 1.0, 0.001, 2000)
    assert budget.stretch == 1


def test_the_first_time_is_not_counted() -> None:
    clock = Clock()
    budget = LoggingBudget(0.1, clock=clock)
    shares(budget, clock, 1.0, 1000.0, 1)
    shares(budget, clock, 1.0, 0.01, 20)
    assert budget.stretch == 1


def test_time_that_was_spent_elsewhere() -> None:
    clock = Clock()
    budget = LoggingBudget(0.1, clock=clock)
    for _ in range(3):
        clock.now += 1.0
        if budget.is_due():
            budget.note(0.5)
            budget.note(-1.0)
            with budget.logging():
                pass
    assert budget.stretch == 16


@pytest.mark.parametrize("share", [0, 1, -0.5])
def test_what_is_no_share(share: float) -> None:
    with pytest.raises(ArgumentError, match="The share of the time for logging must be between 0 and 1, got"):
        LoggingBudget(share)
