"""Watches a script that runs in this process for its training ops: which are recorded, and when one is about to run."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from graphopt.cli.command import progress
from graphopt.cli.scripts import output_to_stderr, run_script
from graphopt.compiler.needed import needed_operations
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import Graph, get_default_graph
from graphopt.graph.operation import Operation, Tensor
from graphopt.runtime.fetching import Fetches
from graphopt.runtime.session import Session
from graphopt.train.monitored.hooked_session import HookedSession


class TrainingRun(NamedTuple):
    """A run of a training op that a script is about to make.

    Attributes:
      session: the session. train_ops: the training ops that the run would make a step of. fetches, feeds: what it is to run with.
      known_feeds: the feeds of the last run of each training op, this one's among them.
    """

    session: Session
    train_ops: list[Any]
    fetches: Any
    feeds: Any
    known_feeds: Mapping[Any, Any]


class Stopped(BaseException):
    """Ends a script at the run of a training op. No `Exception`, so that a script's own handlers let it pass."""


def training_ops(graph: Graph) -> list[Tensor | Operation]:
    """Return the training ops of a graph: what `optimize_loss` and the like returned, then the operations of `minimize`."""
    described = graph.state.get("training_ops", {})
    known = {info.apply_op for info in described.values()} | {tensor.op for tensor in described}
    others = [op for op in dict.fromkeys(graph.get_collection(GraphKeys.TRAIN_OP)) if getattr(op, "op", op) not in known]
    # A training op's own update is recorded by its optimizer too.
    inner = {op for tensor in described for op in needed_operations([tensor], ())}
    return [*described, *[op for op in others if getattr(op, "op", op) not in inner]]


class Watch:
    """What happens in a script, as far as training ops go.

    Args:
      steps: how many runs of training ops the script makes before it is stopped; None for all.
      at_run: called with each run when the script would make one more; then the script is stopped.
      bar: what counts the runs.
    """

    def __init__(self, steps: int | None, at_run: Callable[[TrainingRun], None], bar: Any) -> None:
        self.graphs: list[Graph] = [get_default_graph()]
        self.stopped = False
        self._steps = steps
        self._at_run = at_run
        self._bar = bar
        self._made = 0
        self._known_feeds: dict[Any, Any] = {}
        self._cache: dict[Any, list[Any]] = {}

    def training_ops(self) -> list[Tensor | Operation]:
        """Return the training ops of all graphs that the script made."""
        return [op for graph in self.graphs if graph.root is graph for op in training_ops(graph)]

    def before_run(self, session: Session, fetches: Any, feeds: Any) -> None:
        """Count a run, or stop the script."""
        if self.stopped or (self._steps is None and self._bar.disable):
            return
        found = self._needed(session, fetches)
        if self._steps is None:
            self._bar.update(bool(found))
            return
        self._known_feeds.update(dict.fromkeys(found, feeds))
        if found and self._made >= self._steps:
            self.stopped = True
            self._bar.close()
            self._at_run(TrainingRun(session, found, fetches, feeds, self._known_feeds))
            raise Stopped
        self._bar.update(bool(found))
        self._made += bool(found)

    def _needed(self, session: Session, fetches: Any) -> list[Any]:
        elements = tuple(Fetches(session.graph, fetches).elements)
        key = (elements, session.graph.version)
        if key not in self._cache:
            needed = set(needed_operations(elements, ()))
            self._cache[key] = [op for op in training_ops(session.graph) if getattr(op, "op", op) in needed]
        return self._cache[key]


def watch_script(
    script: str,
    arguments: list[str],
    *,
    steps: int | None,
    at_run: Callable[[TrainingRun], None] = lambda run: None,
    full_traceback: bool = False,
) -> tuple[Watch, int]:
    """Run a script until it has made so many runs of training ops; what it prints goes to standard error.

    Returns:
      The watch, and the script's exit code (0 when it was stopped).
    """
    with progress(steps, "run", "running the script") as bar:
        watch = Watch(steps, at_run, bar)
        with _watching(watch), output_to_stderr(bar):
            try:
                code = run_script(script, arguments, full_traceback=full_traceback)
            except Stopped:
                code = 0
    return watch, code


@contextlib.contextmanager
def _watching(watch: Watch) -> Iterator[None]:
    """Have sessions and graphs report to a watch inside a ``with`` block."""

    def run(self: Session, fetches: Any, feed_dict: Any = None, *others: Any, **named: Any) -> Any:
        watch.before_run(self, fetches, feed_dict)
        return original_run(self, fetches, feed_dict, *others, **named)

    def run_steps(self: Session, train_op: Any, feeds: Any = None, **named: Any) -> Any:
        watch.before_run(self, train_op, None)
        return original_steps(self, train_op, feeds, **named)

    def make_callable(self: Session, fetches: Any, feed_list: Any = None, accept_options: bool = False) -> Any:
        call = original_callable(self, fetches, feed_list, accept_options)

        def watched(*values: Any, **named: Any) -> Any:
            watch.before_run(self, fetches, dict(zip(feed_list or (), values, strict=False)))
            return call(*values, **named)

        return watched

    def run_with_hooks(self: HookedSession, fetches: Any, feeds: Any) -> Any:
        # Its own way into the session's plans is shorter than the `run` that is watched.
        return self.session.run(fetches, feeds)

    def make_graph(self: Graph, *others: Any, **named: Any) -> None:
        original_graph(self, *others, **named)
        watch.graphs.append(self)

    original_run, original_steps, original_callable, original_graph = Session.run, Session.run_steps, Session.make_callable, Graph.__init__
    replacements = {
        (Session, "run"): functools.wraps(original_run)(run),
        (HookedSession, "_run"): run_with_hooks,
        (Session, "run_steps"): functools.wraps(original_steps)(run_steps),
        (Session, "make_callable"): functools.wraps(original_callable)(make_callable),
        (Graph, "__init__"): functools.wraps(original_graph)(make_graph),
    }
    originals = {(owner, name): vars(owner)[name] for owner, name in replacements}
    for (owner, name), function in replacements.items():
        setattr(owner, name, function)
    try:
        yield
    finally:
        for (owner, name), function in originals.items():
            setattr(owner, name, function)
