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
      collected: what is fetched for hooks that rest, and the lists that take the values.
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
        self._arranged: frozenset[int] | None = None
        self._runs = 0
        self._still = 0
        self._last_step = -1
        self._arrange()

    def _arrange(self) -> None:
        """Put the lists together anew: somebody has gone to rest, or was woken."""
        if self._sleepers.keys() != self._arranged:
            self._arranged = frozenset(self._sleepers)
            self._list_who_is_awake()
        self._find_limits()

    def _list_who_is_awake(self) -> None:
        awake = [i for i in range(len(self._hooks)) if i not in self._sleepers]
        self.before: list[tuple[int, Callable[..., Any]]] = [(i, self._hooks[i].before_run) for i in awake if self._has_before[i]]
        self.after: list[tuple[int, Callable[..., Any]]] = [(i, self._hooks[i].after_run) for i in awake if self._has_after[i]]
        self._resters = [(i, self._hooks[i].rest) for i in awake if self._may_rest[i]]
        self.all_rest = not (self.before or self.after)

    def _find_limits(self) -> None:
        """Find what ends somebody's rest first."""
        step = runs = standstill = before = after = math.inf
        for _, rest, since in self._sleepers.values():
            step, runs, standstill = min(step, rest.step), min(runs, since + rest.runs), min(standstill, rest.standstill)
            if rest.sees_last_run:
                after = min(after, rest.time)
            else:
                before = min(before, rest.time)
        # Whole numbers are compared as ints: infinity would make them floats each time.
        self.collected = [(rest.fetches, rest.collected) for _, rest, _ in self._sleepers.values() if rest.fetches is not None]
        self._step, self._runs_until, self._still_until = _whole(step), _whole(runs), _whole(standstill)
        self._time_before, self._time_after = before, after

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
        if self._resters and self._let_rest(*self._resters):
            self._arrange()

    def collect(self, values: Sequence[Any]) -> None:
        """Keep what was fetched for hooks that rest: the values of `collected`, in its order."""
        now = time.time()
        for (_, target), value in zip(self.collected, values, strict=True):
            if target is not None:
                target.append((now, value))

    def pass_by(self, step: Any) -> bool:
        """Count a run while all hooks rest; return False when it ends somebody's rest: then `end_rests` is to be called."""
        self._runs += 1
        return self._goes_on(step)

    def _goes_on(self, step: Any) -> bool:
        """Tell whether whoever rests goes on resting after a run."""
        step = self._last_step if step is None else int(step)
        self._still = self._still + 1 if step == self._last_step else 0
        if self._sleepers and (
            step >= self._step
            or step < self._last_step
            or self._runs >= self._runs_until
            or self._still >= self._still_until
            or (self._time_after < math.inf and time.time() >= self._time_after)
        ):
            return False
        self._last_step = step
        return True

    def end_rests(self, context: SessionRunContext, step: Any, values: Mapping[int, SessionRunValues], nothing: SessionRunValues) -> None:
        """Wake whose rest a run has ended, and call all that are awake; the arguments are those of `end_run`."""
        before = self._last_step
        step = self._last_step = before if step is None else int(step)
        went_back = step < before
        now = time.time()
        ended = {
            sleeper.number: sleeper
            for sleeper in self._sleepers.values()
            if went_back
            or step >= sleeper.rest.step
            or self._runs >= sleeper.since + sleeper.rest.runs
            or self._still >= sleeper.rest.standstill
            or (sleeper.rest.sees_last_run and now >= sleeper.rest.time)
        }
        try:
            for number, hook in enumerate(self._hooks):
                sleeper = ended.get(number)
                if sleeper is not None:
                    self._end_rest(sleeper, before, step)
                    if sleeper.rest.sees_last_run:
                        hook.after_run(context, nothing._replace(results=step))
                elif number not in self._sleepers and self._has_after[number]:
                    hook.after_run(context, values.get(number, nothing))
            # Who is to see the next run doesn't rest again before it.
            seen = [(number, self._hooks[number].rest) for number, sleeper in ended.items() if sleeper.rest.sees_last_run]
            self._let_rest(*self._resters, *seen)
        finally:
            self._arrange()

    def wake_all(self) -> None:
        """End every rest before anything but a run comes: the end of the session, or of the training."""
        try:
            for sleeper in list(self._sleepers.values()):
                self._wake(sleeper, self._last_step)
        finally:
            self._arrange()

    def _end_rest(self, sleeper: _Sleeper, before: int, step: int) -> None:
        """Wake a hook whose rest a run has ended, which took the global step from `before` to `step`."""
        if sleeper.rest.sees_last_run:
            self._wake(sleeper, before, seen=1)
        elif step < before:
            # It has to know from where training goes back.
            self._wake(sleeper, before, seen=1)
            self._hooks[sleeper.number].wake(step, 1, 0)
        else:
            self._wake(sleeper, step)

    def _wake(self, sleeper: _Sleeper, step: int, seen: int = 0) -> None:
        """Wake a hook, and tell it how many runs have passed without it, but for those that it sees or is told of by themselves."""
        del self._sleepers[sleeper.number]
        runs = self._runs - sleeper.since - seen
        if runs > 0:
            self._hooks[sleeper.number].wake(step, runs, max(self._still - seen, 0))

    def _let_rest(self, *resters: tuple[int, Callable[[], Rest | None]]) -> bool:
        """Ask some whether they rest now; return whether one does."""
        begun = [(number, until) for number, rest in resters if (until := rest()) is not None]
        for number, until in begun:
            self._sleepers[number] = _Sleeper(number, until, self._runs)
        return bool(begun)


def _overrides(hook: Any, method: str) -> bool:
    return getattr(getattr(hook, method), "__func__", None) is not getattr(SessionRunHook, method)


def _may_rest(hook: Any) -> bool:
    """Tell whether `rest` speaks for what is called around a run: nobody has overridden that further down, or on the object."""
    if vars(hook).keys() & _AROUND_A_RUN if hasattr(hook, "__dict__") else False:
        return False
    nearest = next((kind for kind in type(hook).__mro__ if vars(kind).keys() & _AROUND_A_RUN), None)
    return nearest is not None and "rest" in vars(nearest)


def _whole(limit: float) -> int:
    """Return a limit rounded up; a number that is never reached for infinity."""
    return 1 << 62 if limit == math.inf else math.ceil(max(limit, 0))
