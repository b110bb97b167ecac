"""A session with hooks: what all of them ask for goes into the caller's own run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphopt.errors import GraphStateError
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.variables import Variable
from graphopt.runtime.fetching import fetch_key, flatten_feeds
from graphopt.runtime.profile import RunMetadata, RunOptions
from graphopt.runtime.session import Session
from graphopt.runtime.signature import Signature
from graphopt.train.global_step import get_global_step
from graphopt.train.hooks.protocol import Recovered, SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues
from graphopt.train.monitored.resting import Callers

_ELEMENTS = (Tensor, Operation, Variable)
_MOST_SIGNATURES = 100


class HookedSession:
    """Runs a session with hooks.

    Args:
      session: the session. hooks: the hooks, in the order in which they are called.
    """

    def __init__(self, session: Session, hooks: Sequence[SessionRunHook]) -> None:
        self._session = session
        # What somebody puts around a session, or makes of it, has a `run` of its own.
        self._is_plain = getattr(type(session), "run", None) is Session.run and "run" not in session.__dict__
        self._hooks = tuple(hooks)
        self._callers = Callers(hooks)
        self._step = _step_of(session.graph) if self._callers.may_rest else None
        # What hooks are given when nobody asks for a trace; nobody fills it.
        self._untraced = (RunOptions(), RunMetadata())
        self._nothing = SessionRunValues(None, *self._untraced)
        self._signatures: dict[Any, Signature] = {}
        self._constants: dict[int, Any] = {}
        self.stop_requested = False

    @property
    def session(self) -> Session:
        """The session without hooks."""
        return self._session

    def wake_hooks(self) -> None:
        """Tell all hooks that rest what has passed without them: no run with these hooks comes any more."""
        self._callers.wake_all()

    def run(self, fetches: Any, feed_dict: Any = None, options: Any = None, run_metadata: Any = None) -> Any:
        """Run with hooks; the arguments are those of `Session.run`.

        Raises:
          RuntimeError: after a hook has asked to stop, and when a tensor is fed twice.
        """
        if self.stop_requested:
            raise GraphStateError("Run called even after should_stop requested.")
        callers = self._callers
        callers.begin_run()
        if callers.all_rest and self._step is not None and options is None and run_metadata is None:
            return self._run_alone(fetches, feed_dict)
        context = SessionRunContext((fetches, feed_dict), self._session)
        wanted, feeds = [fetches], feed_dict
        places: dict[int, int] = {}
        try:
            feeding = self._ask(context, wanted, places)
            if feeding:
                feeds = self._merged_feeds(feed_dict, feeding)
                options = _merged_options(options, feeding)
            if options is None and run_metadata is None:
                results = self._run(wanted, feeds)
                extra = self._untraced
            else:
                extra = (options or RunOptions(), run_metadata or RunMetadata())
                results = self._session.run(wanted, feeds, *extra)
            self._tell(context, results, places, extra)
        except BaseException as error:
            results = self._recover(context, error, SessionRunArgs(wanted, feeds), places)
        if context.stop_requested:
            self.stop_requested = True
        return results[0]

    def _run_alone(self, fetches: Any, feeds: Any) -> Any:
        """Run while all hooks rest; call those that the run wakes."""
        callers = self._callers
        wanted = [fetches, self._step]
        try:
            if callers.collected:
                wanted += [asked for asked, _ in callers.collected]
            results = self._run(wanted, feeds)
            if callers.collected:
                callers.collect(results[2:])
            if callers.pass_by(results[1]):
                return results[0]
        except BaseException as error:
            context = SessionRunContext((fetches, feeds), self._session)
            results = self._recover(context, error, SessionRunArgs(wanted, feeds), {})
        else:
            context = SessionRunContext((fetches, feeds), self._session)
            try:
                callers.end_rests(context, results[1], {}, self._nothing)
            except BaseException as error:
                results = self._recover(context, error, SessionRunArgs(wanted, feeds), {})
        if context.stop_requested:
            self.stop_requested = True
        return results[0]

    def _ask(self, context: SessionRunContext, wanted: list[Any], places: dict[int, int]) -> list[SessionRunArgs]:
        """Ask the hooks what they want: add it to `wanted`, note where in `places`, and return the requests with feeds or options."""
        known: dict[int, int] = {}
        if self._step is not None:
            # It wakes those who rest, and most others ask for it.
            wanted.append(self._step)
            known[id(self._step)] = 1
            wanted += [asked for asked, _ in self._callers.collected]
        feeding: list[SessionRunArgs] = []
        for i, before_run in self._callers.before:
            request = before_run(context)
            if request is not None:
                asked = request.fetches
                if asked is not None:
                    at = known.get(id(asked))
                    if at is None:
                        at = known[id(asked)] = len(wanted)
                        wanted.append(asked)
                    places[i] = at
                if request.feed_dict or request.options is not None:
                    feeding.append(request)
        return feeding

    def _recover(self, context: SessionRunContext, error: BaseException, run_args: SessionRunArgs, places: Mapping[int, int]) -> Any:
        """Return the results that a hook has for a run that failed, and tell all hooks; raise the error when none has any."""
        recovered = self._on_error(context, error, run_args)
        if recovered is None:
            raise error
        self._tell(context, recovered.results, places, self._untraced)
        return recovered.results

    def _run(self, wanted: list[Any], feeds: Any) -> list[Any]:
        """Run the session; what was asked for before in the very same way is found without being taken apart."""
        if not feeds:
            feeds = {}
        if type(feeds) is not dict or not self._is_plain:
            results: list[Any] = self._session.run(wanted, feeds)
            return results
        key = self._key(wanted, feeds)
        known = self._signatures.get(key)
        if known is None or self._session._closed:
            return self._run_first(wanted, feeds)
        results = known.run(list(feeds.values()))
        return results

    def _run_first(self, wanted: list[Any], feeds: dict[Any, Any]) -> list[Any]:
        """Run the session, and keep what the key stands for if it can be found again by identities."""
        if any([type(fed) is not Tensor for fed in feeds]):
            results: list[Any] = self._session.run(wanted, feeds)
            return results
        signature, _ = self._session._prepare(wanted, feeds)
        if signature is None:
            return wanted
        if len(self._signatures) >= _MOST_SIGNATURES:
            self._signatures.clear()
            self._constants.clear()
        # Fed tensors are kept by the signature, and these here: nothing else gets their identities.
        self._constants.update({id(each): each for each in wanted if _is_constant(each)})
        self._signatures[self._key(wanted, feeds)] = signature
        results = signature.run(list(feeds.values()))
        return results

    def _key(self, wanted: Sequence[Any], feeds: Mapping[Any, Any]) -> Any:
        """Return what a run is found again by; the number of fetches tells them from what is fed."""
        asked = [id(each) if id(each) in self._constants else fetch_key(each) for each in wanted]
        return (len(asked), self._session._graph.late_edges, *asked, *map(id, feeds))

    def _tell(self, context: SessionRunContext, results: list[Any], places: Mapping[int, int], extra: tuple[Any, Any]) -> None:
        """Give each hook the values it asked for."""
        callers = self._callers
        nothing = self._nothing if extra is self._untraced else SessionRunValues(None, *extra)
        values = {number: SessionRunValues(results[at], *extra) for number, at in places.items()}
        if callers.collected:
            callers.collect(results[2 : 2 + len(callers.collected)])
        callers.end_run(context, None if self._step is None else results[1], values, nothing)

    def _merged_feeds(self, feed_dict: Any, requests: Sequence[SessionRunArgs]) -> dict[Any, Any]:
        """Return the caller's feeds and those of the hooks by tensor.

        Raises:
          RuntimeError: when one tensor is fed by two.
        """
        merged: dict[Any, Any] = {}
        for request in requests:
            feeds = flatten_feeds(self._session.graph, request.feed_dict or {})
            _check_disjoint(merged, feeds, "Same tensor is fed by two hooks.")
            merged.update(feeds)
        given = flatten_feeds(self._session.graph, feed_dict or {})
        _check_disjoint(given, merged, "Same tensor is fed by a SessionRunHook and user.")
        return given | merged

    def _on_error(self, context: SessionRunContext, error: BaseException, run_args: SessionRunArgs) -> Recovered | None:
        """Tell the hooks of an error; return what the first of them has mended, or None."""
        for hook in self._hooks:
            # Hooks need not be subclasses of SessionRunHook.
            on_error = getattr(hook, "on_error", None)
            recovered = None if on_error is None else on_error(context, error, run_args)
            if recovered is not None:
                found: Recovered = recovered
                return found
        return None


def _step_of(graph: Any) -> Any:
    """Return the graph's global step, None when there is none or it is no whole number."""
    try:
        return get_global_step(graph)
    except TypeError:
        return None


def _is_constant(fetch: Any) -> bool:
    """Tell whether a fetch is the same for ever: an element, or a tuple of elements. What is in a list may be changed."""
    return isinstance(fetch, _ELEMENTS) or (type(fetch) is tuple and all([isinstance(each, _ELEMENTS) for each in fetch]))


def _check_disjoint(first: Mapping[Any, Any], second: Mapping[Any, Any], rule: str) -> None:
    both = [tensor for tensor in first if tensor in second]
    if both:
        raise GraphStateError(f"{rule} Conflict(s): {both}")


def _merged_options(options: RunOptions | None, requests: Sequence[SessionRunArgs]) -> RunOptions | None:
    """Return the options of the caller and the hooks: the highest trace level, the longest timeout, partition graphs if any asks."""
    given = [o for o in (options, *(request.options for request in requests)) if o is not None]
    if len(given) <= 1:
        return given[0] if given else None
    return RunOptions(
        trace_level=max(o.trace_level for o in given),
        timeout_in_ms=max(o.timeout_in_ms for o in given),
        output_partition_graphs=any(o.output_partition_graphs for o in given),
    )
