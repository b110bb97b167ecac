"""Which hooks are called around a run: those that rest cost a comparison for all of them together."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from graphopt.train.hooks.protocol import Rest, SessionRunContext, SessionRunHook, SessionRunValues

_AROUND_A_RUN = {"before_run", "after_run", "rest"}


class _Sleeper(NamedTuple):
    """A hook that rests: until when, and after how many runs it began to."""

    number: int
    rest: Rest
    since: int


class Callers:
    """The hooks that are called around runs, and those that rest.

    Args:
      hooks: all hooks, in the order in which they are called.

    Attributes:
      before: the number and `before_run` of each hook that is awake and overrides it.
      all_rest: whether no hook is to be called around the next run.
      may_rest: whether somebody rests ever, so that the global step is to be looked at.
    """

    def __init__(self, hooks: Sequence[Any]) -> None:
        self._hooks = hooks
        # Hooks that override nothing around a run need not be called at every step.
        self._has_before = [_overrides(hook, "before_run") for hook in hooks]
        self._has_after = [_overrides(hook, "after_run") for hook in hooks]
        self._may_rest = [_may_rest(hook) for hook in hooks]
        self.may_rest = any(self._may_rest)
        self._sleepers: dict[int, _Sleeper] = {}
        self._runs = 0
        self._last_step = -1
        self._arrange()

    def _arrange(self) -> None:
        """Put the lists together anew: somebody has gone to rest, or was woken."""
        awake = [i for i in range(len(self._hooks)) if i not in self._sleepers]
        self.before: list[tuple[int, Callable[..., Any]]] = [(i, self._hooks[i].before_run) for i in awake if self._has_before[i]]
        self.after: list[tuple[int, Callable[..., Any]]] = [(i, self._hooks[i].after_run) for i in awake if self._has_after[i]]
        self._resters = [(i, self._hooks[i].rest) for i in awake if self._may_rest[i]]
        self.all_rest = not (self.before or self.after)
        rests = [sleeper.rest for sleeper in self._sleepers.values()]
        # The global step is compared as an int: infinity would make it a float each time.
        self._step = _least(rest.step for rest in rests)
        self._runs_until = _least(sleeper.since + sleeper.rest.runs for sleeper in self._sleepers.values())
        self._time_before = min((rest.time for rest in rests if not rest.sees_last_run), default=math.inf)
        self._time_after = min((rest.time for rest in rests if rest.sees_last_run), default=math.inf)

    def begin_run(self) -> None:
        """Wake those whose time has come before the run."""
        if self._time_before < math.inf and time.time() >= self._time_before:
            now = time.time()
            for sleeper in [s for s in self._sleepers.values() if not s.rest.sees_last_run and s.rest.time <= now]:
                self._wake(sleeper, self._last_step)
            self._arrange()

    def end_run(self, context: SessionRunContext, step: Any, values: Mapping[int, SessionRunValues], nothing: SessionRunValues) -> None:
        """Call those that are awake and those whose rest has ended, in order, and let rest who need not be called.

        Args:
          context: the run. step: the global step after it, or None when there is none.
          values: what is given to the hooks that asked for something. nothing: what is given to all others.
        """
        self._runs += 1
        if self.may_rest and not self._goes_on(step):
            self.end_rests(context, step, values, nothing)
            return
        for number, after_run in self.after:
            after_run(context, values.get(number, nothing))
        if self._resters:
            self._let_rest()

    def pass_by(self, step: Any) -> bool:
        """Count a run while all hooks rest; return False when it ends somebody's rest: then `end_rests` is to be called."""
        self._runs += 1
        return self._goes_on(step)

    def _goes_on(self, step: Any) -> bool:
        """Tell whether whoever rests goes on resting after a run."""
        step = self._last_step if step is None else int(step)
        if self._sleepers and (
            step >= self._step
            or step < self._last_step
            or self._runs >= self._runs_until
            or (self._time_after < math.inf and time.time() >= self._time_after)
        ):
            return False
        self._last_step = step
        return True

    def end_rests(self, context: SessionRunContext, step: Any, values: Mapping[int, SessionRunValues], nothing: SessionRunValues) -> None:
        """Wake whose rest a run has ended, and call all that are awake; the arguments are those of `end_run`."""
        step = self._last_step if step is None else int(step)
        went_back, self._last_step = step < self._last_step, step
        now = time.time()
        ended = {
            sleeper.number: sleeper
            for sleeper in self._sleepers.values()
            if went_back
            or step >= sleeper.rest.step
            or self._runs >= sleeper.since + sleeper.rest.runs
            or (sleeper.rest.sees_last_run and now >= sleeper.rest.time)
        }
        try:
            for number, hook in enumerate(self._hooks):
                sleeper = ended.get(number)
                if sleeper is not None:
                    self._wake(sleeper, step)
                    if sleeper.rest.sees_last_run:
                        hook.after_run(context, nothing._replace(results=step))
                elif number not in self._sleepers and self._has_after[number]:
                    hook.after_run(context, values.get(number, nothing))
        finally:
            self._arrange()
        # Who is to see the next run doesn't rest again before it.
        self._let_rest(*[sleeper.number for sleeper in ended.values() if not sleeper.rest.sees_last_run])

    def _wake(self, sleeper: _Sleeper, step: int) -> None:
        del self._sleepers[sleeper.number]
        if self._runs > sleeper.since:
            self._hooks[sleeper.number].wake(step, self._runs - sleeper.since)

    def _let_rest(self, *stays_awake: int) -> None:
        """Ask those that are awake whether they rest now, but for some."""
        begun = [(number, until) for number, rest in self._resters if number not in stays_awake and (until := rest()) is not None]
        for number, until in begun:
            self._sleepers[number] = _Sleeper(number, until, self._runs)
        if begun:
            self._arrange()


def _overrides(hook: Any, method: str) -> bool:
    return getattr(getattr(hook, method), "__func__", None) is not getattr(SessionRunHook, method)


def _may_rest(hook: Any) -> bool:
    """Tell whether `rest` speaks for what is called around a run: nobody has overridden that further down, or on the object."""
    if vars(hook).keys() & _AROUND_A_RUN if hasattr(hook, "__dict__") else False:
        return False
    nearest = next((kind for kind in type(hook).__mro__ if vars(kind).keys() & _AROUND_A_RUN), None)
    return nearest is not None and "rest" in vars(nearest)


def _least(limits: Any) -> int:
    """Return the least of some limits, rounded up; a number that is never reached where there is none."""
    least = min(limits, default=math.inf)
    return 1 << 62 if least == math.inf else math.ceil(max(least, 0))
