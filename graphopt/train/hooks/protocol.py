"""What a hook is, and what it says and is told around every run of a monitored session."""

from __future__ import annotations

import math
from typing import Any, NamedTuple


class SessionRunArgs(NamedTuple):
    """What a hook adds to a run.

    Attributes:
      fetches: what it wants to see: anything that `Session.run` takes, or None.
      feed_dict: what it feeds, or None.
      options: `RunOptions`, or None; those of all hooks are merged.

    Example:
      >>> tf.train.SessionRunArgs(["loss:0"]).feed_dict is None
      True
    """

    fetches: Any
    feed_dict: Any = None
    options: Any = None


class SessionRunValues(NamedTuple):
    """What a hook is given after a run.

    Attributes:
      results: the values of its fetches, in their structure; None when it asked for nothing.
      options: the run's `RunOptions`. run_metadata: the run's `RunMetadata`, filled when the options ask for a trace.
    """

    results: Any
    options: Any
    run_metadata: Any


class SessionRunContext:
    """One run of a monitored session: what was asked for, in which session, and whether a hook wants to stop.

    Args:
      original_args: what the caller gave to `run`: the fields of `SessionRunArgs`. session: the raw session: it runs without hooks.
    """

    __slots__ = ("_original_args", "_session", "_stop_requested")

    def __init__(self, original_args: tuple[Any, ...], session: Any) -> None:
        self._original_args = original_args
        self._session = session
        self._stop_requested = False

    @property
    def original_args(self) -> SessionRunArgs:
        """What the caller gave to `run`."""
        return SessionRunArgs(*self._original_args)

    @property
    def session(self) -> Any:
        """The raw session; what it runs is seen by no hook."""
        return self._session

    @property
    def stop_requested(self) -> bool:
        """Whether a hook has asked to stop."""
        return self._stop_requested

    def request_stop(self) -> None:
        """Make this run the last one: the monitored session's `should_stop` is True afterwards."""
        self._stop_requested = True


class Recovered(NamedTuple):
    """What `SessionRunHook.on_error` returns when training shall go on.

    Attributes:
      results: the values of the failed run's fetches, in their structure.
    """

    results: Any


class Rest(NamedTuple):
    """How long a hook need not be called around runs: until one of these has come, whichever is first.

    Attributes:
      step: the global step has reached this. runs: so many runs have passed. time: it is so late, in seconds since 1970.
      standstill: the global step was the same after so many runs in a row as before them, those before the rest among them.
      sees_last_run: whether `after_run` is called for the run that ends the rest, with the global step as its result. Otherwise the hook
        is called again from the next run on.
      fetches: what is fetched in each run meanwhile, or None. collected: a list to which the time (seconds since 1970) and the values of
        `fetches` are appended after each run, before `wake` is called.
    """

    step: float = math.inf
    runs: float = math.inf
    time: float = math.inf
    standstill: float = math.inf
    sees_last_run: bool = False
    fetches: Any = None
    collected: list[tuple[float, Any]] | None = None


class SessionRunHook:
    """Extends a monitored session: override what you need; every method does nothing here.

    The methods are called in this order: `begin`, `after_create_session`, then `before_run` and `after_run` for each run, `end`.

    A hook that has seldom something to do may have two methods more, so that it costs nothing meanwhile: ``rest()``, asked after each
    `after_run`, returns a `Rest`, or None to be called for the next run; ``wake(step, runs, standstill)`` tells it that so many runs have
    passed without it, which global step they have led to, and how many of the last runs left it as it was. They count for a subclass only
    if it overrides neither `before_run` nor `after_run`. A hook is woken, too, when the global step goes back (first for the runs before,
    then for the one that went back), when the session is lost, and at the end.

    Source: tensorflow/python/training/session_run_hook.py (r1.15); `on_error` is graphopt's own.

    Example:
      >>> class Losses(tf.train.SessionRunHook):
      ...     def begin(self):
      ...         self.seen = []
      ...     def before_run(self, run_context):
      ...         return tf.train.SessionRunArgs("loss:0")
      ...     def after_run(self, run_context, run_values):
      ...         self.seen.append(float(run_values.results))
      >>> w = tf.get_variable("w", initializer=2.0)
      >>> loss = tf.square(w, name="loss")
      >>> train_op = tf.train.GradientDescentOptimizer(0.25).minimize(loss)
      >>> hook = Losses()
      >>> with tf.train.MonitoredSession(hooks=[hook]) as session:
      ...     for _ in range(3):
      ...         session.run(train_op)
      >>> hook.seen
      [4.0, 1.0, 0.25]
    """

    def begin(self) -> None:
        """Prepare, once, while the graph may still be changed."""

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Look at a new session: called when it was made or recovered; the graph is finalized.

        Args:
          session: the raw session. coord: the `Coordinator` of its threads.
        """

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs | None:
        """Return what to add to the run that comes now, or None.

        Args:
          run_context: the run.
        """
        return None

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Look at a run that has succeeded.

        Args:
          run_context: the run. run_values: what was asked for in `before_run`.
        """

    def on_error(self, run_context: SessionRunContext, error: BaseException, run_args: SessionRunArgs) -> Recovered | None:
        """Look at a run that has failed; it has changed no variable unless a hook failed after it.

        Args:
          run_context: the run. error: what was raised.
          run_args: the run's fetches and feeds, those of all hooks among them.

        Returns:
          None to let the error go on, or `Recovered` with values for the fetches when the run counts as done.
        """
        return None

    def end(self, session: Any) -> None:
        """Finish: called with the raw session when training ends without an error."""
