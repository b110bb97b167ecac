"""Sessions with hooks: they initialise or restore, go on after a lost connection, and stop threads at the end."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable
from typing import Any

from graphopt.errors import AbortedError, ArgumentError, ArgumentTypeError, GraphStateError, OutOfRangeError, UnavailableError
from graphopt.graph.graph import Graph, get_default_graph
from graphopt.runtime.session import Session
from graphopt.train.monitored.coordinator import Coordinator
from graphopt.train.monitored.creators import ChiefSessionCreator, SessionCreator
from graphopt.train.monitored.hooked_session import HookedSession
from graphopt.train.monitored.scaffold import Scaffold

_LOG = logging.getLogger("graphopt")
_INTERRUPTIONS = (AbortedError, UnavailableError)


class SessionClosedError(GraphStateError, AttributeError):
    """A monitored session was used after it was closed."""


class StepContext:
    """What a step function is given: `MonitoredSession.run_step_fn`.

    Args:
      session: the raw session: it runs without hooks. run_with_hooks: runs with hooks.
    """

    def __init__(self, session: Session, run_with_hooks: Callable[..., Any]) -> None:
        self._session = session
        self._run_with_hooks = run_with_hooks

    @property
    def session(self) -> Session:
        """The raw session: what it runs is seen by no hook."""
        return self._session

    def run_with_hooks(self, *args: Any, **kwargs: Any) -> Any:
        """Run with hooks; the arguments are those of `Session.run`."""
        return self._run_with_hooks(*args, **kwargs)

    def request_stop(self) -> None:
        """End the iterations.

        Raises:
          StopIteration: always; the monitored session's ``with`` block takes it for the end.
        """
        raise StopIteration("step_fn has requested the iterations to stop.")


class _MonitoredSession:
    """What monitored sessions have in common; `_recovers` says whether a lost connection is mended."""

    _recovers = True
    StepContext = StepContext

    def __init__(self, session_creator: SessionCreator, hooks: Iterable[Any] | None, stop_grace_period_secs: float) -> None:
        self._graph_was_finalized = get_default_graph().finalized
        self._graph: Graph = get_default_graph()
        self._hooks: list[Any] = list(hooks or [])
        for hook in self._hooks:
            hook.begin()
        self._creator = session_creator
        self._stop_grace_period_secs = stop_grace_period_secs
        self._hooked: HookedSession | None = None
        self._coordinator = Coordinator(clean_stop_exception_types=[])
        self._is_closed = False
        self._create()

    # --- running ---------------------------------------------------------------------------------------------------

    @property
    def graph(self) -> Graph:
        """The graph that the session runs."""
        return self._graph

    @property
    def session(self) -> Session:
        """The session without hooks: for what no hook shall see, and for `Saver.save`. It changes when a session is recovered."""
        return self._live().session

    def _tf_sess(self) -> Session:
        """Return the session without hooks: where TensorFlow's users look for it."""
        return self._live().session

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """Run with hooks.

        Args:
          fetches, feed_dict, options, run_metadata: as in `Session.run`.

        Raises:
          RuntimeError: after a stop was requested, or when a hook feeds what is fed already. AttributeError: when it is closed.
        """
        while True:
            try:
                return (self._hooked or self._live()).run(fetches, feed_dict, options, run_metadata)
            except _INTERRUPTIONS as error:
                self._recover(error)
            except Exception:
                # What a thread has reported is nearer to the cause.
                self._coordinator.raise_requested_exception()
                raise

    def run_without_hooks(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """Run without hooks: an evaluation that counts no step, writes no summary and saves nothing.

        Args:
          fetches, feed_dict, options, run_metadata: as in `Session.run`.
        """
        return self._live().session.run(fetches, feed_dict, options, run_metadata)

    def run_step_fn(self, step_fn: Callable[..., Any]) -> Any:
        """Call a function that makes one step of several runs, with hooks and without; return what it returns.

        Args:
          step_fn: a function of ``step_context``, which has `session` (without hooks), `run_with_hooks` and `request_stop`.

        Raises:
          ValueError: when the function takes other arguments. TypeError: for what is no function.
          StopIteration: when the function asks to stop.

        Example:
          >>> w = tf.get_variable("w", initializer=1.0)
          >>> double = w.assign(2.0 * w)
          >>> def step_fn(step_context):
          ...     while step_context.session.run(w) < 5.0:
          ...         step_context.run_with_hooks(double)
          ...     step_context.request_stop()
          >>> with tf.train.MonitoredSession() as session:
          ...     session.run_step_fn(step_fn)
        """
        names = _argument_names(step_fn)
        if names not in (("step_context",), ("self", "step_context")):
            raise ArgumentError(
                "`step_fn` may either have one `step_context` argument, or `self` and `step_context` arguments "
                f"if it's an instance method. Got {names} instead."
            )
        while True:
            try:
                hooked = self._live()
                return step_fn(StepContext(hooked.session, hooked.run))
            except _INTERRUPTIONS as error:
                self._recover(error)

    def should_stop(self) -> bool:
        """Return True when a hook or a thread has asked to stop, or the session is closed."""
        return self._hooked is None or self._hooked.stop_requested or self._coordinator.should_stop()

    # --- life ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Call the hooks' `end`, stop the threads and close the session.

        Raises:
          RuntimeError: when it is closed already.
        """
        self._close(clean=True)

    def __enter__(self) -> Any:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: Any) -> bool:
        is_end = kind is None or issubclass(kind, (OutOfRangeError, StopIteration))
        self._close(clean=is_end)
        return is_end

    def _close(self, *, clean: bool) -> None:
        if self._is_closed:
            raise GraphStateError("Session is already closed.")
        try:
            if self._hooked is not None:
                self._wake_hooks(self._hooked, clean=clean)
            if clean and self._hooked is not None:
                for hook in self._hooks:
                    hook.end(self._hooked.session)
        finally:
            self._is_closed = True
            try:
                self._end_session()
            finally:
                # The graph may be changed again, unless it was final before.
                self._graph.finalized = self._graph_was_finalized

    def _wake_hooks(self, hooked: HookedSession, *, clean: bool) -> None:
        """Let hooks that rest see what has passed without them; after an error nothing stands in its way."""
        try:
            hooked.wake_hooks()
        except Exception as error:
            if clean:
                raise
            _LOG.error("A hook failed while its session was closed after an error: %s", error)

    def _end_session(self) -> None:
        hooked, self._hooked = self._hooked, None
        try:
            self._coordinator.request_stop()
            self._coordinator.join(stop_grace_period_secs=self._stop_grace_period_secs, ignore_live_threads=True)
        finally:
            if hooked is not None:
                hooked.session.close()
            self._wait_for_saves()

    def _wait_for_saves(self) -> None:
        """Let what hooks write behind the training's back be done, also where an error kept their `end` from being called.

        Whoever comes next finds files that stay as they are. What goes wrong is logged: it must not hide the error that ended the session.
        """
        for hook in self._hooks:
            # Hooks need not be subclasses of SessionRunHook.
            wait = getattr(hook, "wait_for_saves", None)
            try:
                if wait is not None:
                    wait()
            except Exception as error:
                _LOG.error("A checkpoint was not written: %s", error)

    def _live(self) -> HookedSession:
        if self._hooked is None:
            if self._is_closed:
                raise SessionClosedError("The monitored session is closed: 'NoneType' object has no attribute 'run'.")
            self._create()
        if self._hooked is None:
            raise AssertionError("no session was created")
        return self._hooked

    def _create(self) -> None:
        """Make the session, again and again while the connection is lost."""
        while True:
            try:
                session = self._creator.create_session()
                self._coordinator = Coordinator(clean_stop_exception_types=[])
                self._show_to_hooks(session)
            except _INTERRUPTIONS as error:
                if not self._recovers:
                    raise
                _LOG.info("An error was raised while a session was being created. A new session is made. Error: %s", error)
            else:
                self._hooked = HookedSession(session, self._hooks)
                return

    def _show_to_hooks(self, session: Session) -> None:
        """Call the hooks' `after_create_session`; a session that one of them refuses is closed."""
        try:
            for hook in self._hooks:
                hook.after_create_session(session, self._coordinator)
        except BaseException:
            session.close()
            self._wait_for_saves()
            raise

    def _recover(self, error: Exception) -> None:
        """Close a session whose connection is lost, so that a new one is made; or raise the error."""
        if not self._recovers:
            raise error
        _LOG.info("An error was raised. The current session is closed and a new one is made. Error: %s", error)
        try:
            try:
                if self._hooked is not None:
                    self._hooked.wake_hooks()
            finally:
                self._end_session()
        except _INTERRUPTIONS:
            _LOG.info("The session could not be closed in order.")


class MonitoredSession(_MonitoredSession):
    """A session with hooks, which is made anew after an AbortedError or UnavailableError.

    Its life: the hooks' `begin`; the graph is finalized; the session is restored or initialised; the hooks' `after_create_session`; runs;
    the hooks' `end`, unless an error ends it. An OutOfRangeError or StopIteration ends the ``with`` block without an error.

    Args:
      session_creator: makes the session (a `ChiefSessionCreator` by default). hooks: a list of hooks.
      stop_grace_period_secs: how many seconds threads have to stop at the end.

    Source: tensorflow/python/training/monitored_session.py (r1.15).

    Example:
      >>> step = tf.train.get_or_create_global_step()
      >>> count = tf.assign_add(step, 1)
      >>> with tf.train.MonitoredSession(hooks=[tf.train.StopAtStepHook(num_steps=2)]) as session:
      ...     while not session.should_stop():
      ...         print(session.run(count))
      1
      2
    """

    def __init__(
        self, session_creator: SessionCreator | None = None, hooks: Iterable[Any] | None = None, stop_grace_period_secs: float = 120
    ) -> None:
        super().__init__(session_creator or ChiefSessionCreator(), hooks, stop_grace_period_secs)


class SingularMonitoredSession(_MonitoredSession):
    """A session with hooks that is made once: an AbortedError or UnavailableError ends it.

    Args:
      hooks: a list of hooks. scaffold: the pieces of the graph. master: accepted for TensorFlow's sake. config: a `ConfigProto`.
      checkpoint_dir: where the latest checkpoint is restored from. checkpoint_filename_with_path: the checkpoint itself, in its place.
      stop_grace_period_secs: how many seconds threads have to stop at the end.

    Example:
      >>> w = tf.get_variable("w", initializer=2.0)
      >>> with tf.train.SingularMonitoredSession() as session:
      ...     print(session.run(w), session.raw_session().run(w))
      2.0 2.0
    """

    _recovers = False

    def __init__(
        self,
        hooks: Iterable[Any] | None = None,
        scaffold: Scaffold | None = None,
        master: str = "",
        config: Any = None,
        checkpoint_dir: Any = None,
        stop_grace_period_secs: float = 120,
        checkpoint_filename_with_path: Any = None,
    ) -> None:
        creator = ChiefSessionCreator(scaffold, master, config, checkpoint_dir, checkpoint_filename_with_path)
        super().__init__(creator, hooks, stop_grace_period_secs)

    def raw_session(self) -> Session:
        """Return the session without hooks."""
        return self._live().session


def _argument_names(function: Any) -> tuple[str, ...]:
    if not callable(function):
        raise ArgumentTypeError(f"step_fn must be a function of step_context, got {function!r}.")
    names = tuple(inspect.signature(function).parameters)
    return ("self", *names) if inspect.ismethod(function) else names
