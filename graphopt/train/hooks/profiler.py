"""A hook that writes when each operation of a step ran."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

from graphopt.errors import OpError, first_line
from graphopt.runtime.profile import RunOptions, Timeline
from graphopt.system_errors import write_whole
from graphopt.train.checkpoints.damage import warn
from graphopt.train.hooks.protocol import Rest, SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues
from graphopt.train.hooks.step import required_step
from graphopt.train.hooks.timer import SecondOrStepTimer
from graphopt.train.hooks.writers import writer_for

_LOG = logging.getLogger("graphopt")


class ProfilerHook(SessionRunHook):
    """Writes a Chrome trace of a step, ``timeline-<step>.json``, every so many steps or seconds; open it in chrome://tracing or Perfetto.

    The first run is never traced: it compiles. The summaries of the directory get the traced step as ``step_<step>``.

    Args:
      save_steps: steps between two traces. save_secs: seconds between two traces. One of them is given.
      output_dir: the directory, made when it is missing.
      show_dataflow, show_memory: accepted for TensorFlow's sake; the trace has neither.

    Raises:
      ValueError: unless there is one cadence. RuntimeError: from `begin`, without a global step.

    Example:
      >>> import os
      >>> step = tf.train.get_or_create_global_step()
      >>> count = tf.assign_add(step, 1)
      >>> with tf.train.MonitoredSession(hooks=[tf.train.ProfilerHook(save_steps=2, output_dir="trace")]) as session:
      ...     for _ in range(4):
      ...         _ = session.run(count)
      >>> sorted(name for name in os.listdir("trace") if name.startswith("timeline"))
      ['timeline-2.json', 'timeline-4.json']
    """

    def __init__(
        self,
        save_steps: int | None = None,
        save_secs: float | None = None,
        output_dir: Any = "",
        show_dataflow: bool = True,
        show_memory: bool = False,
    ) -> None:
        self._output_dir = os.fspath(output_dir)
        self._output_file = os.path.join(self._output_dir, "timeline-{}.json")
        self._file_writer = writer_for(self._output_dir) if self._output_dir else None
        self._show_dataflow = show_dataflow
        self._show_memory = show_memory
        self._timer = SecondOrStepTimer(every_secs=save_secs, every_steps=save_steps)

    def begin(self) -> None:
        """Find the global step."""
        self._next_step: Any = None
        self._step = required_step("ProfilerHook")
        self._request = SessionRunArgs(self._step)
        self._traced = SessionRunArgs(self._step, options=RunOptions(trace_level=RunOptions.FULL_TRACE))
        self._is_due = False

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Look at which step training begins."""
        self._begins_at = int(session.run(self._step))

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the global step, and for a trace when it is due."""
        self._is_due = self._next_step is not None and self._timer.should_trigger_for_step(self._next_step)
        return self._traced if self._is_due else self._request

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Write the trace."""
        step = int(run_values.results)
        if self._next_step is None:
            # The interval begins with the first run: its end in seconds, its beginning in steps.
            self._timer.update_last_triggered_step(self._begins_at)
        if self._is_due:
            self._timer.update_last_triggered_step(step)
            self._write(step, run_values.run_metadata)
        self._next_step = step + 1

    def rest(self) -> Rest | None:
        """Return when the next trace is due: in the run that would bring the step."""
        step, time = self._timer.next_trigger()
        return Rest(step=step - 1, time=time) if self._next_step is not None and step > self._next_step else None

    def wake(self, step: int, runs: int, standstill: int) -> None:
        """Go on from the step that was reached meanwhile."""
        self._next_step = step + 1

    def end(self, session: Any) -> None:
        """Put what was written into the file."""
        if self._file_writer is not None:
            self._file_writer.flush()

    def _write(self, step: int, metadata: Any) -> None:
        path = self._output_file.format(step)
        _LOG.info("Saving timeline for %d into '%s'.", step, path)
        trace = Timeline(metadata.step_stats).generate_chrome_trace_format(self._show_dataflow, self._show_memory)
        try:
            os.makedirs(self._output_dir or ".", exist_ok=True)
            write_whole(Path(path), lambda file: file.write(trace.encode()))
        except (OSError, OpError) as error:
            # A trace is not worth the training.
            warn(f"The trace of step {step} is left out: {first_line(error)}")
        if self._file_writer is not None:
            self._file_writer.add_run_metadata(metadata, f"step_{step}")
