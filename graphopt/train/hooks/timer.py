"""When a hook is due: every so many steps, or every so many seconds."""

from __future__ import annotations

import math
import time
from typing import Any

from graphopt.errors import ArgumentError


class SecondOrStepTimer:
    """Triggers every so many seconds or steps, for the first time at once.

    Args:
      every_secs: seconds between two triggers. every_steps: steps between two triggers. One of them is given.

    Raises:
      ValueError: when both or none are given.

    Source: tensorflow/python/training/basic_session_run_hooks.py (r1.15).

    Example:
      >>> timer = tf.train.SecondOrStepTimer(every_steps=3)
      >>> due = []
      >>> for step in range(8):
      ...     if timer.should_trigger_for_step(step):
      ...         due.append(step)
      ...         _ = timer.update_last_triggered_step(step)
      >>> due
      [0, 3, 6]
    """

    def __init__(self, every_secs: float | None = None, every_steps: int | None = None) -> None:
        if every_secs is None and every_steps is None:
            raise ArgumentError("Either every_secs or every_steps should be provided.")
        if every_secs is not None and every_steps is not None:
            raise ArgumentError("Can not provide both every_secs and every_steps.")
        self._every_secs = every_secs
        self._every_steps = every_steps
        self.reset()

    def reset(self) -> None:
        """Forget when it triggered last."""
        self._last_triggered_step: int | None = None
        self._last_triggered_time: float | None = None

    def should_trigger_for_step(self, step: Any) -> bool:
        """Return True when it is due at `step`; never twice for the same step."""
        last = self._last_triggered_step
        if last is None:
            return True
        if last == step:
            return False
        if self._every_steps is not None:
            return bool(step >= last + self._every_steps)
        if self._every_secs is None or self._last_triggered_time is None:
            return False
        return time.time() >= self._last_triggered_time + self._every_secs

    def update_last_triggered_step(self, step: Any) -> tuple[float | None, Any]:
        """Note that it triggered at `step`; return the seconds and steps since the last time, or (None, None) the first time."""
        now = time.time()
        if self._last_triggered_time is None:
            elapsed: tuple[float | None, Any] = (None, None)
        else:
            elapsed = (now - self._last_triggered_time, step - (self._last_triggered_step or 0))
        self._last_triggered_time = now
        self._last_triggered_step = step
        return elapsed

    def next_trigger(self) -> tuple[float, float]:
        """Return at which step and at which time, in seconds since 1970, it triggers next: infinity where one does not count."""
        if self._last_triggered_step is None:
            return -math.inf, -math.inf
        if self._every_steps is not None:
            return self._last_triggered_step + self._every_steps, math.inf
        if self._every_secs is None or self._last_triggered_time is None:
            return math.inf, math.inf
        return math.inf, self._last_triggered_time + self._every_secs

    @property
    def triggers_at_each_step(self) -> bool:
        """Whether it triggers again whenever a step was made."""
        return self._every_steps is not None and self._every_steps <= 1

    def last_triggered_step(self) -> Any:
        """Return the step at which it triggered last, or None."""
        return self._last_triggered_step
