"""A progress bar."""

from __future__ import annotations

import importlib
import time
from typing import Any

from graphopt.train.hooks.protocol import Rest, SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues
from graphopt.train.hooks.step import required_step


class ProgressBarHook(SessionRunHook):
    """Shows a bar with the steps made, steps per second, the remaining time and the loss; nothing where the output is no terminal.

    Args:
      total: the global step at which training ends, or None when it is not known.
      loss: a scalar tensor to show, or a dict from names to scalar tensors; read only when the bar is drawn.
      every_secs: how many seconds lie between two drawings at least.
      description: a word before the bar. file: where it is drawn (the standard error stream by default).
      disable: True for no bar, False for a bar anywhere, None for a bar on terminals only.

    Raises:
      RuntimeError: from `begin`, without a global step.

    Example:
      >>> step = tf.train.get_or_create_global_step()
      >>> count = tf.assign_add(step, 1)
      >>> hooks = [tf.train.StopAtStepHook(last_step=100), tf.train.ProgressBarHook(total=100)]
      >>> with tf.train.MonitoredSession(hooks=hooks) as session:
      ...     while not session.should_stop():
      ...         _ = session.run(count)
    """

    def __init__(
        self,
        total: int | None = None,
        loss: Any = None,
        *,
        every_secs: float = 0.2,
        description: str | None = None,
        file: Any = None,
        disable: bool | None = None,
    ) -> None:
        self._total = total
        self._shown = dict(loss) if isinstance(loss, dict) else {} if loss is None else {"loss": loss}
        self._every_secs = every_secs
        self._options = {"desc": description, "file": file, "disable": disable}
        self._bar: Any = None

    def begin(self) -> None:
        """Find the global step."""
        self._step = required_step("ProgressBarHook")
        self._full_request = SessionRunArgs([self._step, self._shown])

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Begin the bar at the session's step."""
        self._close()
        # Late, so that who shows no bar does not load the package.
        bars = importlib.import_module("tqdm")
        self._bar = bars.tqdm(total=self._total, initial=int(session.run(self._step)), unit="step", **self._options)
        self._next_time = 0.0

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        """Ask for the step and the loss when the bar is to be drawn."""
        is_due = not self._bar.disable and time.monotonic() >= self._next_time
        return self._full_request if is_due else None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Draw it."""
        if run_values.results is not None:
            self._draw(*run_values.results)

    def rest(self) -> Rest:
        """Return when the bar is to be drawn next; never where there is none."""
        return Rest() if self._bar.disable else Rest(time=time.time() + self._next_time - time.monotonic())

    def wake(self, step: int, runs: int, standstill: int) -> None:
        """Do nothing: it counts no runs."""

    def end(self, session: Any) -> None:
        """Draw the last step and leave the bar."""
        if not self._bar.disable:
            self._draw(session.run(self._step), {})
        self._close()

    def on_error(self, run_context: SessionRunContext, error: BaseException, run_args: SessionRunArgs) -> None:
        """Leave the bar as it is, so that what is said of the error stands on a line of its own."""
        if not self._bar.disable:
            self._bar.fp.write("\n")

    def _draw(self, step: Any, values: dict[str, Any]) -> None:
        if values:
            self._bar.set_postfix({name: f"{float(value):.4g}" for name, value in values.items()}, refresh=False)
        self._bar.update(int(step) - self._bar.n)
        self._bar.refresh()
        self._next_time = time.monotonic() + self._every_secs

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
