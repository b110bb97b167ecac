"""A hook that writes summaries while training."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphopt.errors import ArgumentError
from graphopt.graph.summary_cadence import Cadence, LoggingBudget
from graphopt.ops.summary import merge_summary, scalar_summary
from graphopt.ops.summary_proto import SessionLog, Summary
from graphopt.ops.summary_scalars import ScalarLayout
from graphopt.runtime.many_steps import SummaryOfValues
from graphopt.train.hooks.protocol import Rest, SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues
from graphopt.train.hooks.step import required_step
from graphopt.train.hooks.summary_pacing import RunTimes, SummaryGroup, cadence_of, groups_by_period, timer_of
from graphopt.train.hooks.writers import writer_for

# What is written in every run is collected for so many runs, and seconds, at most.
_MOST_STEADY_RUNS = 200
_MOST_STEADY_SECONDS = 0.5


class SummarySaverHook(SessionRunHook):
    """Writes summaries: of the first run, then every so many steps or seconds. Runs without due summaries compute none.

    Args:
      save_steps: steps between two writes. save_secs: seconds between two writes. One of them is given.
      output_dir: the directory of the summaries. summary_writer: their writer, in its place.
      scaffold: has the summaries, merged. summary_op: the summaries: one tensor, or a list. One of the two is given.
      cadence: numbers of steps by tag or pattern, or a `tf.summary.Cadence`: each summary is written in the first run and at the
        multiples of its number, 0 for never. Tags that a dict doesn't name follow `save_steps`, and are never written without it.
      most_logging: the share of the time that summaries may take; what takes more is written less often, but not before ten writes
        and half a minute. None for no limit.

    Raises:
      ValueError: unless there is one cadence and one source of summaries; for a share that isn't between 0 and 1.
      RuntimeError: from `begin`, without a global step.

    Source: tensorflow/python/training/basic_session_run_hooks.py (r1.15).

    Example:
      >>> step = tf.train.get_or_create_global_step()
      >>> count = tf.assign_add(step, 1)
      >>> writer = tf.summary.FileWriter("logs")
      >>> summary = tf.summary.scalar("half", tf.cast(count, tf.float32) / 2.0)
      >>> hook = tf.train.SummarySaverHook(save_steps=2, summary_writer=writer, summary_op=summary)
      >>> with tf.train.MonitoredSession(hooks=[hook]) as session:
      ...     for _ in range(5):  # steps 1, 3 and 5 are written
      ...         _ = session.run(count)
      >>> writer.close()
      >>> rarely = tf.train.SummarySaverHook(output_dir="logs", summary_op=summary, cadence={"half": 1000})
    """

    def __init__(
        self,
        save_steps: int | None = None,
        save_secs: float | None = None,
        output_dir: Any = None,
        summary_writer: Any = None,
        scaffold: Any = None,
        summary_op: Any = None,
        *,
        cadence: Cadence | Mapping[str, int] | None = None,
        most_logging: float | None = 0.1,
    ) -> None:
        if (scaffold is None) == (summary_op is None):
            raise ArgumentError("Exactly one of scaffold or summary_op must be provided.")
        self._summary_op = summary_op
        self._scaffold = scaffold
        self._summary_writer = summary_writer
        self._output_dir = output_dir
        self._timer = timer_of(save_steps, save_secs, cadence)
        self._cadence = None if cadence is None else cadence_of(cadence, save_steps)
        if most_logging is not None:
            LoggingBudget(most_logging)  # refuses what is no share, here where the user's line is
        self._most_logging = most_logging
        self._clock: Callable[[], float] = time.perf_counter

    def begin(self) -> None:
        """Find the global step and the writer."""
        if self._summary_writer is None and self._output_dir:
            self._summary_writer = writer_for(self._output_dir)
        self._step = required_step("SummarySaverHook")
        self._next_step: Any = None
        self._step_request = SessionRunArgs(self._step)
        self._groups: list[SummaryGroup] | None = None
        self._choices: dict[tuple[SummaryGroup, ...], _Choice] = {}
        self._due: list[SummaryGroup] = []
        self._choice: _Choice | None = None
        self._steady: _Choice | None = None
        self._collected: list[tuple[float, Any]] = []
        self._times = None if self._most_logging is None else RunTimes(self._clock)

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the global step, and for the summaries that are due."""
        if self._groups is None:
            self._groups = self._make_groups()
        step = self._next_step
        self._due = [group for group in self._groups if step is None or group.timer.should_trigger_for_step(step)]
        fetches = run_context.original_args.fetches
        self._choice = choice = self._choose(fetches) if self._due else None
        self._is_measured = self._times is not None and self._times.begin(fetches, choice is not None)
        return self._step_request if choice is None else choice.request

    def _choose(self, fetches: Any) -> _Choice | None:
        """Return what is written of the groups that are due in a run of the caller's fetches; None when nothing is."""
        groups = tuple([group for group in self._due if group.may_write()])
        if not groups:
            return None
        choice = self._choices.get(groups)
        if choice is None:
            choice = self._choices[groups] = _Choice(self._step, groups)
        if self._times is not None and not choice.payer.is_in_grace and not self._times.knows_plain_run(fetches):
            return None  # every run had summaries so far: one without tells what they cost
        return choice

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Write them."""
        choice, times, extra = self._choice, self._times, 0.0
        if times is not None and self._is_measured:
            if choice is not None:
                extra = times.end_with_summaries()
            else:
                times.end_plain()
        results = run_values.results if choice is not None else (run_values.results,)
        step = results[0]
        if self._summary_writer is None:
            return
        if self._next_step is None or step < self._next_step - 1:
            self._begin_at(step)
        for group in self._due:
            group.timer.update_last_triggered_step(step)
        self._steady = None
        self._next_step = step + 1
        if choice is not None and len(results) > 1:
            choice.write(self._summary_writer, results, extra)
            if self._count_steady_runs(choice):
                self._steady = choice

    def _begin_at(self, step: Any) -> None:
        """Note that training goes on from a step: it begins, or has gone back."""
        if self._summary_writer is not None:
            # Readers drop what was written of this step and later ones: by a run that ended, or before training was rolled back.
            self._summary_writer.add_session_log(SessionLog(status=SessionLog.START), int(step))
        if self._next_step is not None:
            for group in self._groups or ():
                group.timer.update_last_triggered_step(step)

    def _count_steady_runs(self, choice: _Choice) -> int:
        """Return how many runs from now on write the same summaries for so little that nothing is decided or measured meanwhile."""
        if not choice.sources.is_small:
            return 0
        # A rare summary is no steady one, though it may be due in the very next step: after a run of many, or the first one of a session.
        if not all([group.timer.triggers_at_each_step and group.is_steady() for group in choice.groups]):
            return 0
        others = [min(group.timer.next_trigger()) for group in self._groups or () if group not in choice.groups]
        # One that a run of many steps has gone past is due at once.
        return int(max(min([_MOST_STEADY_RUNS, *[other - self._next_step for other in others]]), 0))

    def rest(self) -> Rest | None:
        """Return until when nothing is to be decided.

        No summary is due before the run that would bring the step, and one run without them was measured; or the same summaries are due in
        each run and cost so little that they are only collected.
        """
        if self._steady is not None:
            runs = self._count_steady_runs(self._steady)
            return Rest(
                step=self._next_step - 1 + runs,
                runs=runs,
                time=time.time() + _MOST_STEADY_SECONDS,
                fetches=self._steady.request.fetches,
                collected=self._collected,
            )
        if self._due or self._groups is None or (self._times is not None and self._times.awaits_plain_run):
            return None
        triggers = [group.timer.next_trigger() for group in self._groups]
        step = min([step for step, _ in triggers], default=math.inf)
        return Rest(step=step - 1, time=min([time for _, time in triggers], default=math.inf)) if step > self._next_step else None

    def wake(self, step: int, runs: int, standstill: int) -> None:
        """Write what was collected, and go on from the step that was reached meanwhile."""
        if self._steady is not None:  # every run was collected, with its step
            self._write_collected(self._steady)
            return
        if step < self._next_step - 1:
            self._begin_at(step)
        self._next_step = step + 1

    def _write_collected(self, choice: _Choice) -> None:
        collected, self._collected = self._collected, []
        begin = 0
        for at, (_, (step, *_rest)) in enumerate(collected):
            if step < self._next_step - 1:
                choice.sources.write(self._summary_writer, collected[begin:at])
                self._begin_at(step)
                begin = at
            self._next_step = step + 1
        choice.sources.write(self._summary_writer, collected[begin:])
        for group in choice.groups:
            group.timer.update_last_triggered_step(self._next_step - 1)
            if group.budget is not None:
                group.budget.count(len(collected))

    def end(self, session: Any = None) -> None:
        """Put what was written into the file."""
        if self._summary_writer is not None:
            self._summary_writer.flush()

    def _make_groups(self) -> list[SummaryGroup]:
        summaries = self._summaries()
        if self._cadence is None:
            return [SummaryGroup(summaries, self._timer, self._most_logging, self._clock)]
        leaves = list(dict.fromkeys(leaf for summary in summaries for leaf in _leaves(summary)))
        return groups_by_period(leaves, self._cadence, self._most_logging, self._clock)

    def _summaries(self) -> list[Any]:
        found = self._summary_op
        if found is None and self._scaffold.summary_op is not None:
            found = self._scaffold.summary_op
        if found is None:
            return []
        return list(found) if isinstance(found, (list, tuple)) else [found]


class _Choice:
    """Groups of summaries that are written together: one plan of the session for each choice."""

    def __init__(self, step: Any, groups: Sequence[SummaryGroup]) -> None:
        self.groups = groups
        self.sources = SummarySources([summary for group in groups for summary in group.summaries])
        self.request = SessionRunArgs((step, *self.sources.fetches))
        # The rarest group stands for the cost of all: what is made more often has been measured without it.
        self.payer = groups[-1]
        self._has_run = False

    def write(self, writer: Any, results: Sequence[Any], extra_seconds: float) -> None:
        """Write the summaries of a run, and count what they cost; the results are those of the request."""
        budget = self.payer.budget
        if budget is None:
            self.sources.write(writer, [(time.time(), results)])
            return
        if self._has_run:  # the first time compiled the plan
            budget.note(extra_seconds)
        self._has_run = True
        with budget.logging():
            self.sources.write(writer, [(time.time(), results)])


class SummarySources:
    """What has to be fetched for some summaries, and how they are made of it.

    A summary of single numbers is made here, of the numbers it would have seen, so that a step whose summaries are scalars stays machine
    code from end to end; any other is fetched as it is.

    Args:
      summaries: tensors.

    Attributes:
      fetches: what to fetch. is_small: whether that is nothing but single numbers.
    """

    def __init__(self, summaries: Sequence[Any]) -> None:
        leaves = list(dict.fromkeys(leaf for summary in summaries for leaf in _leaves(summary)))
        self._scalars = [SummaryOfValues(leaf) for leaf in leaves if SummaryOfValues.can_wait(leaf)]
        others = [leaf for leaf in leaves if not SummaryOfValues.can_wait(leaf)]
        self._numbers = list(dict.fromkeys(value for scalar in self._scalars for value in scalar.values))
        at = {value: i for i, value in enumerate(self._numbers)}
        self._places = [[at[value] for value in scalar.values] for scalar in self._scalars]
        self.fetches: list[Any] = [*self._numbers, *others]
        self.is_small = not others
        is_plain = bool(leaves) and not others and all(leaf.op.opdef is scalar_summary for leaf in leaves)
        self._layout = ScalarLayout([(leaf.op.attributes["tag"], 1 + at[leaf.op.inputs[0]]) for leaf in leaves]) if is_plain else None

    def write(self, writer: Any, collected: Sequence[tuple[float, Sequence[Any]]]) -> None:
        """Write the summaries of some runs.

        Args:
          writer: where to. collected: the time of each run, in seconds since 1970, and the global step with the values of the fetches.
        """
        add_scalars = getattr(writer, "add_scalars", None) if self._layout is not None else None
        if add_scalars is not None:
            add_scalars(self._layout, collected)
            return
        for wall_time, (step, *values) in collected:
            summary = self.summary_of(values)
            if hasattr(writer, "write"):
                writer.write(summary, int(step), wall_time)
            else:
                writer.add_summary(summary, int(step))

    def summary_of(self, values: Sequence[Any]) -> Summary:
        """Return the summaries as one, made of the values of the fetches."""
        parts: list[Any] = [scalar.made_of([values[i] for i in places]) for scalar, places in zip(self._scalars, self._places, strict=True)]
        parts += values[len(self._numbers) :]
        whole = Summary()
        for part in parts:
            whole.MergeFrom(part if isinstance(part, Summary) else Summary.FromString(part))
        return whole


def _leaves(summary: Any) -> list[Any]:
    """Return the summaries that a merged one is made of, or the summary itself; a merge that would fail stays as it is."""
    if getattr(summary, "op", None) is None or summary.op.opdef is not merge_summary:
        return [summary]
    leaves = [leaf for source in summary.op.inputs for leaf in _leaves(source)]
    tags = [leaf.op.attributes.get("tag") for leaf in leaves]
    known = [tag for tag in tags if tag is not None]
    return leaves if len(set(known)) == len(tags) else [summary]
