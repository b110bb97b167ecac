"""When `SummarySaverHook` writes which summaries: by a timer or the cadence of each tag, and within a share of the time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphopt.errors import ArgumentError
from graphopt.graph.summary_cadence import Cadence, LoggingBudget, tag_of
from graphopt.runtime.fetching import fetch_key
from graphopt.train.hooks.timer import SecondOrStepTimer

# Nothing is thinned out before so many writes and seconds: a short run is recorded as it was asked for.
_GRACE_WRITES = 10
_GRACE_SECONDS = 30.0
# How much a new measurement of a run without summaries counts against those before.
_NEW = 0.25
# Of so many different fetches the time is kept.
_MOST_KINDS = 100
_ANY = object()


class MultiplesTimer:
    """Triggers the first time, then whenever a multiple of a number of steps was reached, also where a run counts several steps.

    Args:
      every_steps: the number.

    Example:
      >>> from graphopt.train.hooks.summary_pacing import MultiplesTimer
      >>> timer, due = MultiplesTimer(4), []
      >>> for step in (1, 2, 3, 4, 5, 7, 9):
      ...     if timer.should_trigger_for_step(step):
      ...         due.append(step)
      ...         timer.update_last_triggered_step(step)
      >>> due
      [1, 4, 9]
    """

    def __init__(self, every_steps: int) -> None:
        self._every_steps = every_steps
        self._last: int | None = None

    def should_trigger_for_step(self, step: Any) -> bool:
        """Return True when it is due at `step`."""
        return self._last is None or bool(step // self._every_steps > self._last // self._every_steps)

    def next_trigger(self) -> tuple[float, float]:
        """Return at which step and at which time it triggers next; the time is never."""
        return -math.inf if self._last is None else (self._last // self._every_steps + 1) * self._every_steps, math.inf

    @property
    def triggers_at_each_step(self) -> bool:
        """Whether it triggers again whenever a step was made."""
        return self._every_steps == 1

    def update_last_triggered_step(self, step: Any) -> None:
        """Note that it triggered at `step`, or that training went back to it."""
        self._last = int(step)


class SummaryGroup:
    """Summaries that are due at the same steps.

    Args:
      summaries: their tensors. timer: says when they are due.
      most_logging: the share of the time that they may take; None for no limit. clock: gives the time in seconds.

    Attributes:
      summaries, timer: as given. budget: keeps them within the share, or None.
      is_in_grace: whether the run was still too short for anything to be left out when they were due last.
    """

    def __init__(self, summaries: Sequence[Any], timer: Any, most_logging: float | None, clock: Callable[[], float]) -> None:
        self.summaries = list(summaries)
        self.timer = timer
        self.budget = None if most_logging is None else LoggingBudget(most_logging, clock=clock)
        self.is_in_grace = True
        self._clock = clock
        self._writes = 0
        self._began: float | None = None

    def is_steady(self) -> bool:
        """Return whether writing every time is so cheap that it need not be measured each time."""
        return self.budget is None or (self.budget.is_easily_kept and self._writes >= _GRACE_WRITES)

    def may_write(self) -> bool:
        """Return whether summaries that are due are written: whether the time for them isn't used up."""
        if self.budget is None:
            return True
        now = self._clock()
        if self._began is None:
            self._began = now
        self.is_in_grace = self._writes < _GRACE_WRITES or now - self._began < _GRACE_SECONDS
        may = self.budget.is_due() or self.is_in_grace
        self._writes += may
        return may


class RunTimes:
    """What runs with summaries take longer than those without: of these only the one after each write is measured, the others run freely.

    A run is compared with one that fetches the same: an evaluation may be much quicker than a step.

    Args:
      clock: gives the time in seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._began = 0.0
        self._fetches: Any = None
        self._plain: dict[Any, float] = {}
        self._awaited: Any = _ANY

    @property
    def awaits_plain_run(self) -> bool:
        """Whether a run without summaries is to be measured."""
        return self._awaited is not None

    def knows_plain_run(self, fetches: Any) -> bool:
        """Return whether there was a run of these fetches without summaries yet."""
        return fetch_key(fetches) in self._plain

    def begin(self, fetches: Any, has_summaries: bool) -> bool:
        """Note that a run begins; return whether it is measured."""
        if not has_summaries and self._awaited is None:
            return False
        self._fetches = fetch_key(fetches)
        self._began = self._clock()
        return has_summaries or self._fetches not in self._plain or self._awaited == self._fetches

    def end_plain(self) -> None:
        """Note that a measured run without summaries has ended."""
        seconds = self._clock() - self._began
        known = self._plain.get(self._fetches)
        if known is None and len(self._plain) >= _MOST_KINDS:
            self._plain.clear()
        self._plain[self._fetches] = seconds if known is None else known + _NEW * (seconds - known)
        if self._awaited is _ANY or self._awaited == self._fetches:
            self._awaited = None

    def end_with_summaries(self) -> float:
        """Return how many seconds longer than a plain run the one took that ends now; 0 when that is not known."""
        self._awaited = self._fetches
        plain = self._plain.get(self._fetches)
        return 0.0 if plain is None else self._clock() - self._began - plain


def timer_of(save_steps: int | None, save_secs: float | None, cadence: Any) -> SecondOrStepTimer | None:
    """Return what says when all summaries are due; None where each tag has a number of steps of its own.

    Raises:
      ValueError: unless there is one cadence.
    """
    if cadence is None:
        return SecondOrStepTimer(every_secs=save_secs, every_steps=save_steps)
    if save_secs is not None:
        raise ArgumentError("A cadence counts steps: give it save_steps for all other tags, or nothing, but not save_secs.")
    return None


def cadence_of(cadence: Cadence | Mapping[str, int], save_steps: int | None) -> Cadence:
    """Return a cadence, made of numbers of steps by tag or pattern where it is none yet; other tags follow `save_steps` then."""
    return cadence if isinstance(cadence, Cadence) else Cadence(cadence, default=save_steps or 0)


def groups_by_period(
    summaries: Sequence[Any], cadence: Cadence, most_logging: float | None, clock: Callable[[], float]
) -> list[SummaryGroup]:
    """Return a group for each number of steps, the smallest first; tags that are never due are in none.

    The groups share what logging may take, so that a summary made at each step does not crowd out a rare one.
    """
    cadence.check(summaries)
    by_period: dict[int, list[Any]] = {}
    for summary in summaries:
        by_period.setdefault(cadence.period(tag_of(summary)), []).append(summary)
    by_period.pop(0, None)
    share = None if most_logging is None else most_logging / max(len(by_period), 1)
    return [SummaryGroup(by_period[period], MultiplesTimer(period), share, clock) for period in sorted(by_period)]
