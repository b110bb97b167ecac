"""Hooks that log: the values of tensors, and how many steps are made in a second."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphopt.errors import ArgumentError
from graphopt.graph.graph import Graph, get_default_graph
from graphopt.ops.summary_proto import Summary, SummaryValue
from graphopt.train.hooks.protocol import Rest, SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues
from graphopt.train.hooks.step import required_step
from graphopt.train.hooks.timer import SecondOrStepTimer
from graphopt.train.hooks.writers import writer_for

_LOG = logging.getLogger("graphopt")
_STILL_RUNS = 20


class LoggingTensorHook(SessionRunHook):
    """Logs the values of tensors: at the first run, then every so many runs or seconds, or only at the end.

    Args:
      tensors: a dict from tags to tensors or their names, or a list of tensors or names. The name of an operation stands for its result.
      every_n_iter: how many runs lie between two logs, counted by the hook itself. every_n_secs: how many seconds.
      at_end: log at the end of training as well; without a cadence only then.
      formatter: a function from a dict of values by tag to the text.

    Raises:
      ValueError: unless there is one cadence, or none with `at_end`; when `every_n_iter` is not above 0; from `begin`, for the name of an
        operation with several results. KeyError: from `begin`, for a name that there is not.

    Example:
      >>> hook = tf.train.LoggingTensorHook({"loss": "loss"}, every_n_iter=100)
      >>> loss = tf.constant(0.5, name="loss")
      >>> with tf.train.MonitoredSession(hooks=[hook]) as session:
      ...     print(session.run(loss))
      0.5
    """

    def __init__(
        self,
        tensors: Any,
        every_n_iter: int | None = None,
        every_n_secs: float | None = None,
        at_end: bool = False,
        formatter: Callable[[dict[str, Any]], str] | None = None,
    ) -> None:
        only_at_end = at_end and every_n_iter is None and every_n_secs is None
        if not only_at_end and (every_n_iter is None) == (every_n_secs is None):
            raise ArgumentError("either at_end and/or exactly one of every_n_iter and every_n_secs must be provided.")
        if every_n_iter is not None and every_n_iter <= 0:
            raise ArgumentError(f"invalid every_n_iter={every_n_iter}.")
        is_mapping = isinstance(tensors, Mapping)
        self._given: dict[Any, Any] = dict(tensors) if is_mapping else {item: item for item in tensors}
        self._tag_order = sorted(tensors.keys()) if is_mapping else list(self._given)
        self._formatter = formatter
        self._at_end = at_end
        self._timer = None if only_at_end else SecondOrStepTimer(every_secs=every_n_secs, every_steps=every_n_iter)

    def begin(self) -> None:
        """Look the tensors up."""
        if self._timer is not None:
            self._timer.reset()
        self._iteration = 0
        self._is_due = False
        graph = get_default_graph()
        self._tensors = {tag: _tensor_of(graph, item) for tag, item in self._given.items()}
        self._request = SessionRunArgs(self._tensors)

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        """Ask for the tensors when a log is due."""
        self._is_due = self._timer is not None and self._timer.should_trigger_for_step(self._iteration)
        return self._request if self._is_due else None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Log them."""
        if self._is_due:
            self._log(run_values.results)
        self._iteration += 1

    def rest(self) -> Rest | None:
        """Return when the next log is due."""
        if self._timer is None:
            return Rest()
        iteration, time = self._timer.next_trigger()
        runs = iteration - self._iteration
        return Rest(runs=runs, time=time) if runs > 0 else None

    def wake(self, step: int, runs: int, standstill: int) -> None:
        """Count the runs that passed meanwhile."""
        self._iteration += runs

    def end(self, session: Any) -> None:
        """Log them at the end."""
        if self._at_end:
            self._log(session.run(self._tensors))

    def _log(self, values: dict[Any, Any]) -> None:
        elapsed = None if self._timer is None else self._timer.update_last_triggered_step(self._iteration)[0]
        if self._formatter is not None:
            _LOG.info("%s", self._formatter(values))
            return
        if not _LOG.isEnabledFor(logging.INFO):
            return
        with np.printoptions(suppress=True):
            text = ", ".join(f"{_shown_tag(tag)} = {values[tag]!s}" for tag in self._tag_order)
        if elapsed is None:
            _LOG.info("%s", text)
        else:
            _LOG.info("%s (%.3f sec)", text, elapsed)


def _tensor_of(graph: Graph, item: Any) -> Any:
    """Return what an item names: a name without a number is that of an operation, and stands for its only result."""
    if not isinstance(item, str) or ":" in item:
        return graph.as_graph_element(item)
    tensor = graph.as_graph_element(f"{item}:0")
    if len(tensor.op.outputs) > 1:
        raise ArgumentError(f"Name {item} is ambiguous, as this Operation has multiple outputs (at least 2).")
    return tensor


def _shown_tag(tag: Any) -> str:
    return str(getattr(tag, "name", tag))


class StepCounterHook(SessionRunHook):
    """Writes and logs how many steps are made in a second, as the scalar ``<name of the global step>/sec``.

    Args:
      every_n_steps: how many steps lie between two measurements. every_n_secs: how many seconds. One of them is given.
      output_dir: the directory of the summaries. summary_writer: their writer, in its place. Without both it only logs.

    Raises:
      ValueError: unless there is one cadence. RuntimeError: from `begin`, without a global step.
    """

    def __init__(
        self,
        every_n_steps: int | None = 100,
        every_n_secs: float | None = None,
        output_dir: Any = None,
        summary_writer: Any = None,
    ) -> None:
        if (every_n_steps is None) == (every_n_secs is None):
            raise ArgumentError("exactly one of every_n_steps and every_n_secs should be provided.")
        self._timer = SecondOrStepTimer(every_steps=every_n_steps, every_secs=every_n_secs)
        self._summary_writer = summary_writer
        self._output_dir = output_dir
        self._last_step: Any = None
        self._still = 0
        self._has_warned = False

    def begin(self) -> None:
        """Find the global step and the writer."""
        if self._summary_writer is None and self._output_dir:
            self._summary_writer = writer_for(self._output_dir)
        step = required_step("StepCounterHook")
        self._request = SessionRunArgs(step)
        self._tag = f"{step.op.name}/sec"

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the global step."""
        return self._request

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Measure, when it is due."""
        step = run_values.results
        if self._timer.should_trigger_for_step(step):
            self._measure(int(step))
        self._notice_standstill(step)
        self._last_step = step

    def rest(self) -> Rest | None:
        """Return when the next measurement is due, or a warning that the global step stands still."""
        if self._last_step is None:
            return None
        step, time = self._timer.next_trigger()
        return Rest(step=step, time=time, standstill=math.inf if self._has_warned else _STILL_RUNS, sees_last_run=True)

    def wake(self, step: int, runs: int, standstill: int) -> None:
        """Count the runs before this one in which the global step stood still."""
        self._last_step, self._still = step, standstill

    def _notice_standstill(self, step: Any) -> None:
        """Warn, once, when many runs in a row have not counted a step."""
        self._still = self._still + 1 if step == self._last_step else 0
        if self._still >= _STILL_RUNS and not self._has_warned:
            self._has_warned = True
            _LOG.warning(
                "It seems that global step (%s) has not been increased: it was %s in %d runs in a row. "
                "Increase it by passing it to Optimizer.apply_gradients or Optimizer.minimize.",
                self._tag.removesuffix("/sec"),
                step,
                _STILL_RUNS + 1,
            )

    def _measure(self, step: int) -> None:
        seconds, steps = self._timer.update_last_triggered_step(step)
        if seconds is not None:
            self._log_and_record(steps, seconds, step)

    def _log_and_record(self, elapsed_steps: int, elapsed_time: float, global_step: int) -> None:
        """Write and log; a subclass may do more."""
        per_second = elapsed_steps / elapsed_time if elapsed_time > 0 else float("inf")
        if self._summary_writer is not None:
            summary = Summary(value=[SummaryValue(tag=self._tag, simple_value=per_second)])
            self._summary_writer.add_summary(summary, global_step)
        _LOG.info("%s: %g", self._tag, per_second)
