"""Hooks that stop training, or wait before it begins."""

from __future__ import annotations

import logging
import time
from typing import Any

from graphopt.errors import ArgumentError
from graphopt.train.hooks.protocol import Rest, SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues
from graphopt.train.hooks.step import required_step

_LOG = logging.getLogger("graphopt")
_POLL_SECONDS = 0.5


class StopAtStepHook(SessionRunHook):
    """Asks to stop at a step.

    Args:
      num_steps: how many steps, counted from the global step at which the session begins.
      last_step: the global step after which to stop. One of the two is given.

    Raises:
      ValueError: when both or none are given. RuntimeError: from `begin`, without a global step.

    Example:
      >>> step = tf.train.get_or_create_global_step()
      >>> count = tf.assign_add(step, 1)
      >>> with tf.train.MonitoredSession(hooks=[tf.train.StopAtStepHook(last_step=3)]) as session:
      ...     while not session.should_stop():
      ...         last = session.run(count)
      >>> int(last)
      3
    """

    def __init__(self, num_steps: int | None = None, last_step: int | None = None) -> None:
        if num_steps is None and last_step is None:
            raise ArgumentError("One of num_steps or last_step must be specified.")
        if num_steps is not None and last_step is not None:
            raise ArgumentError("Only one of num_steps or last_step can be specified.")
        self._num_steps = num_steps
        self._last_step = last_step

    def begin(self) -> None:
        """Find the global step."""
        self._step = required_step("StopAtStepHook")
        self._request = SessionRunArgs(self._step)

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Settle the last step, the first time."""
        if self._last_step is None:
            self._last_step = int(session.run(self._step)) + (self._num_steps or 0)

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the global step."""
        return self._request

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Ask to stop when the last step was made."""
        if run_values.results >= self._last_step:
            run_context.request_stop()

    def rest(self) -> Rest | None:
        """Return when it has to look again: at the last step."""
        return None if self._last_step is None else Rest(step=self._last_step, sees_last_run=True)

    def wake(self, step: int, runs: int, standstill: int) -> None:
        """Do nothing: it counts no runs."""


class GlobalStepWaiterHook(SessionRunHook):
    """Delays the first run until the global step has reached a value: another thread of the process makes the steps until then.

    Args:
      wait_until_step: the global step to wait for; 0 or less does not wait.

    Raises:
      RuntimeError: from `begin`, without a global step.
    """

    def __init__(self, wait_until_step: int) -> None:
        self._wait_until_step = wait_until_step

    def begin(self) -> None:
        """Find the global step."""
        self._step = required_step("_GlobalStepWaiterHook")
        self._is_waiting = self._wait_until_step > 0

    def before_run(self, run_context: SessionRunContext) -> None:
        """Wait, before the first run."""
        if not self._is_waiting:
            return
        _LOG.info("Waiting for global step %d before starting training.", self._wait_until_step)
        last_logged = 0
        while (step := int(run_context.session.run(self._step))) < self._wait_until_step:
            if step - last_logged > 1000:
                _LOG.info("Waiting for global step %d before starting training. Current step is %d.", self._wait_until_step, step)
                last_logged = step
            time.sleep(_POLL_SECONDS)
        self._is_waiting = False
