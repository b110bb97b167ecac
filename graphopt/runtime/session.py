"""Sessions: they own the values of variables, compile what is asked of them, and run it."""
# Long because: TensorFlow's Session has this many members, each a few lines.

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from graphopt.backends import choose
from graphopt.backends.description import Description
from graphopt.config import settings
from graphopt.errors import ArgumentError, ArgumentTypeError, GraphStateError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import Graph, get_default_graph
from graphopt.graph.graph_def import GraphDef
from graphopt.graph.operation import Tensor, set_session_stack
from graphopt.graph.settings import default_settings, stores_of
from graphopt.ir.plan import Plan
from graphopt.runtime.compiled import Compiled
from graphopt.runtime.config import ConfigProto
from graphopt.runtime.fetching import Fetches, fetch_key, flatten_feeds
from graphopt.runtime.many_steps import ManySteps, StepResults, SummaryOfValues, first_feeds, merged, run_stacked, stacked_feeds
from graphopt.runtime.profile import RunMetadata, RunOptions
from graphopt.runtime.signature import Signature
from graphopt.runtime.store import Store


class _SessionStack(threading.local):
    def __init__(self) -> None:
        self.sessions: list[Any] = []

    def current(self) -> Any:
        """Return the innermost default session of this thread, or None."""
        return self.sessions[-1] if self.sessions else None


_STACK = _SessionStack()
set_session_stack(_STACK)


def get_default_session() -> Any:
    """Return the innermost session entered with ``as_default`` in this thread, or None."""
    return _STACK.current()


class StepResult(NamedTuple):
    """What `Session.step` returns.

    Attributes:
      loss: the training op's value: the loss from before the update.
      global_step: the step after the update, or None when there is none.
      summaries: every summary of the step in one `Summary`, or None when there is none.
    """

    loss: Any
    global_step: int | None
    summaries: Any


class Session:
    """Runs parts of a graph and keeps the values of its variables.

    Args:
      target: accepted for TensorFlow's sake; must be a string.
      graph: the graph to run; the default graph by default.
      config: a `ConfigProto`; its ``intra_op_parallelism_threads`` is how many threads native code uses (0: one on each processor).
      backend: ``native``, ``numpy`` or ``auto`` (native where its extra is installed); by default what ``GRAPHOPT_BACKEND`` says.

    Attributes:
      backend: the name of the backend in use.
      graph_versions: how many operations the graph had when each combination of fetches and feeds was first run.

    Raises:
      TypeError: when an argument has the wrong type. ValueError: when there is no such backend, or it isn't installed.

    Example:
      >>> with tf.Graph().as_default():
      ...     x = tf.placeholder(tf.float32, [None])
      ...     y = tf.reduce_sum(x)
      ...     with tf.Session() as sess:
      ...         sess.run(y, {x: [1.0, 2.0]}).item()
      3.0
    """

    def __init__(
        self, target: str = "", graph: Graph | None = None, config: ConfigProto | None = None, *, backend: str | None = None
    ) -> None:
        if graph is not None and not isinstance(graph, Graph):
            raise ArgumentTypeError(f"graph must be a tf.Graph, but got {type(graph)}")
        if isinstance(target, ConfigProto):
            raise ArgumentTypeError(
                f'target must be a string, but got {type(target)}. Did you do "Session(config)" instead of "Session(config=config)"?'
            )
        if not isinstance(target, (str, bytes)):
            raise ArgumentTypeError(f"target must be a string, but got {type(target)}")
        if config is not None and not isinstance(config, ConfigProto):
            raise ArgumentTypeError(f"config must be a tf.ConfigProto, but got {type(config)}")
        self.backend: str = choose(settings().backend if backend is None else backend)
        self._graph = graph or get_default_graph()
        self._closed = False
        self._entered: contextlib.ExitStack | None = None
        self._signatures: dict[Any, Signature] = {}
        self._steps: dict[Any, Any] = {}
        self.graph_versions: list[int] = []
        self.store = Store(born=default_settings(self._graph))
        stores_of(self._graph).add(self.store)
        self.sess_str = target
        self.config = config or ConfigProto()

    @property
    def graph(self) -> Graph:
        """The graph this session runs."""
        return self._graph

    @property
    def graph_def(self) -> GraphDef:
        """The graph this session runs, as a `GraphDef`."""
        return self._graph.as_graph_def()

    # --- running ---------------------------------------------------------------------------------------------------

    def run(self, fetches: Any, feed_dict: Any = None, options: RunOptions | None = None, run_metadata: RunMetadata | None = None) -> Any:
        """Run what the fetches need, in the order in which it was recorded, and return their values.

        Args:
          fetches: a tensor, operation, variable, sparse slices or name, or nested lists, tuples, named tuples and dicts of them.
          feed_dict: values for tensors (any feedable tensor or variable, or its name).
          options: `RunOptions`; with a trace level `run_metadata` is filled. run_metadata: a `RunMetadata`.

        Returns:
          The values in the same structure: arrays, NumPy scalars, None for operations.

        Raises:
          RuntimeError: when the session is closed or the graph is empty. TypeError, ValueError: for a bad fetch or feed.
          tf.errors.OpError: when an operation fails; then no variable has changed.
        """
        signature, values = self._prepare(fetches, feed_dict)
        if signature is None:
            return fetches
        metadata = run_metadata if options is not None and options.trace_level > 0 else None
        return signature.run(values, metadata)

    def _prepare(self, fetches: Any, feed_dict: Any) -> tuple[Signature | None, list[Any]]:
        if self._closed:
            raise GraphStateError("Attempted to use a closed Session.")
        if feed_dict:
            if type(feed_dict) is not dict and not isinstance(feed_dict, Mapping):
                raise ArgumentTypeError(f"feed_dict must be a dictionary, got {type(feed_dict)}.")
            for key in feed_dict:
                if type(key) is not Tensor:
                    feed_dict = flatten_feeds(self._graph, feed_dict)
                    break
            key = (fetch_key(fetches), tuple(feed_dict), self._graph.late_edges)
        else:
            feed_dict = {}
            key = (fetch_key(fetches), self._graph.late_edges)
        signature = self._signatures.get(key)
        if signature is None:
            if self._graph.version == 0:
                raise GraphStateError("The Session graph is empty.  Add operations to the graph before calling run().")
            parsed = Fetches(self._graph, fetches)
            if not parsed.elements:
                return None, []
            signature = self._signature(parsed, list(flatten_feeds(self._graph, feed_dict)))
            self._signatures[key] = signature
            self.graph_versions.append(self._graph.version)
        return signature, list(feed_dict.values())

    def _signature(self, fetches: Fetches, feeds: list[Any]) -> Signature:
        return Signature(self._graph, self.store, fetches, feeds, self.backend, self.config.intra_op_parallelism_threads)

    def make_callable(self, fetches: Any, feed_list: Any = None, accept_options: bool = False) -> Callable[..., Any]:
        """Return a function that runs the fetches with the values of `feed_list` as its arguments.

        Args:
          fetches: as in `run`. feed_list: a list of tensors.
          accept_options: the function also takes ``options=`` and ``run_metadata=``.

        Raises:
          TypeError: when feed_list is no list. RuntimeError: from the function, when the session is closed.
        """
        if feed_list is not None and not isinstance(feed_list, (list, tuple)):
            raise ArgumentTypeError("`feed_list` must be a list or tuple.")
        feeds = list(flatten_feeds(self._graph, dict.fromkeys(feed_list or (), 0)))
        parsed = Fetches(self._graph, fetches)
        if not parsed.elements:
            return lambda *values, **_: parsed.assemble([])
        signature = self._signature(parsed, feeds)

        def call(*values: Any, options: RunOptions | None = None, run_metadata: RunMetadata | None = None) -> Any:
            if self._closed:
                raise GraphStateError("Attempted to use a closed Session.")
            if len(values) != len(feeds):
                raise ArgumentTypeError(f"The callable takes {len(feeds)} values, one for each feed, got {len(values)}.")
            return signature.run(values, run_metadata if options is not None and options.trace_level > 0 else None)

        return call

    def compiled(self, fetches: Any, feed_dict: Any = None) -> Compiled:
        """Return what the fetches compile to, for feeds of the given shapes.

        Args:
          fetches, feed_dict: as in `run`.

        Returns:
          The program (as text), the plan, the generated Python/NumPy source and, from the native backend, LLVM's intermediate
          representation and the assembly.
        """
        signature, values = self._prepare(fetches, feed_dict)
        if signature is None:
            raise ArgumentError("There is nothing to compile: no fetches were given.")
        return Compiled(signature.runner_for(values).executable)

    def plan_of(self, fetch: Any) -> Plan | None:
        """Return the plan this session last made for a run that fetches `fetch`, or None when there was none."""
        for signature in reversed(list(self._signatures.values())):
            plan = signature.last_plan if fetch in signature.elements else None
            if plan is not None:
                return plan
        return None

    def description_of(self, fetch: Any) -> Description | None:
        """Return what the backend last made for a run that fetches `fetch`: its kernels; None when there was no such run."""
        for signature in reversed(list(self._signatures.values())):
            executable = signature.last_executable if fetch in signature.elements else None
            if executable is not None:
                found: Description = executable.description
                return found
        return None

    def plan_call(self, fetches: Any, feed_dict: Any = None) -> Callable[[], Any]:
        """Return a function without arguments that runs the compiled plan of a signature and nothing else, for benchmarks.

        Variables that the plan writes in place change; nothing else is committed.
        """
        signature, values = self._prepare(fetches, feed_dict)
        if signature is None:
            return lambda: None
        return signature.runner_for(values).plan_call(values)

    def step(self, train_op: Tensor, feed_dict: Any = None) -> StepResult:
        """Run a training op with all summaries that the feeds allow, in one atomic run.

        Args:
          train_op: what `optimize_loss` returned. feed_dict: as in `run`.

        Returns:
          Loss, global step (after the update) and summaries: the op's own and every other of the graph that needs no further feed.
        """
        feeds = flatten_feeds(self._graph, feed_dict or {})
        known = self._graph.get_collection(GraphKeys.SUMMARIES)
        key = (train_op, tuple(feeds), len(known), self._graph.version)
        if key not in self._steps:
            self._steps[key] = self._step_fetches(train_op, feeds, known)
        fetches = self._steps[key]
        values = self.run(fetches, feeds)
        step = values.get("global_step")
        return StepResult(values["loss"], None if step is None else int(step), merged(values["summaries"]))

    def run_steps(self, train_op: Tensor, feeds: Any = None, *, steps: int | None = None) -> StepResults:
        """Run a training op many times, with the losses and summaries of every step.

        On the native backend the whole loop is machine code, when the step is; its summaries are made at the end from the values they
        would have seen. A step that fails raises its error, and those before it have been done.

        Args:
          train_op: what `optimize_loss` returned.
          feeds: tensors with the values of all steps along a leading axis; or an iterator of feed dictionaries, one for each step.
          steps: how many steps, where nothing is fed; how many at most, for an iterator.

        Raises:
          ValueError: when the feeds' leading axes differ, or `steps` is missing. TypeError: for a feed without a leading axis, or what
            is no mapping and no iterator.

        Example:
          >>> with tf.Graph().as_default():
          ...     w = tf.Variable(4.0)
          ...     x = tf.placeholder(tf.float32, [])
          ...     train_op = tf.train.GradientDescentOptimizer(0.5).minimize(tf.square(w - x))
          ...     with tf.Session() as sess:
          ...         sess.run(tf.global_variables_initializer())
          ...         results = sess.run_steps(w - x, {x: [1.0, 2.0, 3.0]})
          >>> results.losses.tolist()
          [3.0, 2.0, 1.0]
        """
        if self._closed:
            raise GraphStateError("Attempted to use a closed Session.")
        if feeds is not None and not isinstance(feeds, Mapping):
            return _collected([self.step(train_op, feed) for feed in first_feeds(feeds, steps)])
        named = flatten_feeds(self._graph, feeds or {})
        arrays, count = stacked_feeds(named, steps)
        return self._run_stacked(train_op, named, arrays, count)

    def _run_stacked(self, train_op: Tensor, feeds: dict[Tensor, Any], arrays: list[Any], steps: int) -> StepResults:
        key = ("steps", train_op, tuple(feeds), self._graph.version, self._graph.late_edges)
        if key not in self._steps:
            self._steps[key] = self._many_steps(train_op, feeds)
        many: ManySteps = self._steps[key]
        if many.can_wait or not steps:
            return many.results(run_stacked(many.signature, arrays, steps), steps)
        rows = [dict(zip(feeds, [array[i] for array in arrays], strict=True)) for i in range(steps)]
        return _collected([self.step(train_op, row) for row in rows])

    def _many_steps(self, train_op: Tensor, feeds: dict[Tensor, Any]) -> ManySteps:
        """Return what many steps of a training op fetch: its value, the global step, and what its summaries summarise."""
        fetches = self._step_fetches(train_op, feeds, self._graph.get_collection(GraphKeys.SUMMARIES))
        can_wait = all([SummaryOfValues.can_wait(summary) for summary in fetches["summaries"]])
        summaries = [SummaryOfValues(summary) for summary in fetches["summaries"]]
        values = list(dict.fromkeys(value for summary in summaries for value in summary.values))
        step = [fetches["global_step"]] if "global_step" in fetches else []
        signature = self._signature(Fetches(self._graph, [train_op, *step, *values]), list(feeds))
        self._signatures["steps", train_op, tuple(feeds), self._graph.version] = signature
        return ManySteps(signature, can_wait, bool(step), summaries, values)

    def _step_fetches(self, train_op: Tensor, feeds: dict[Tensor, Any], known: list[Any]) -> dict[str, Any]:
        info = self._graph.state.get("training_ops", {}).get(train_op)
        own = [] if info is None else [summary.tensor for summary in info.summaries]
        summaries = [s for s in dict.fromkeys([*own, *known]) if can_run([s], feeds)]
        fetches: dict[str, Any] = {"loss": train_op, "summaries": summaries}
        step = info.global_step if info is not None else next(iter(self._graph.get_collection(GraphKeys.GLOBAL_STEP)), None)
        if step is not None:
            fetches["global_step"] = step
        return fetches

    # --- life ------------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """End the session and forget its values; closing twice is allowed."""
        self._closed = True
        self._signatures.clear()
        self.store = Store()

    @contextlib.contextmanager
    def as_default(self) -> Iterator[Session]:
        """Make this the default session inside a ``with`` block, without closing it at the end."""
        _STACK.sessions.append(self)
        try:
            yield self
        finally:
            if _STACK.sessions[-1] is not self:
                raise AssertionError(f"Nesting violated for default stack of {type(self)} objects")
            _STACK.sessions.pop()

    def __enter__(self) -> Session:
        if self._entered is not None:
            raise GraphStateError(
                "Session context managers are not re-entrant. Use `Session.as_default()` if you want to enter a session multiple times."
            )
        self._entered = contextlib.ExitStack()
        self._entered.enter_context(self._graph.as_default())
        self._entered.enter_context(self.as_default())
        return self

    def __exit__(self, *exception: Any) -> None:
        entered, self._entered = self._entered, None
        if entered is not None:
            entered.close()
        self.close()

    def list_devices(self) -> list[str]:
        """Return the names of the devices that operations run on."""
        return ["/job:localhost/replica:0/task:0/device:CPU:0"]


class InteractiveSession(Session):
    """A session that becomes the default one when it is made, for use in a shell or notebook."""

    _active = 0

    def __init__(
        self, target: str = "", graph: Graph | None = None, config: ConfigProto | None = None, *, backend: str | None = None
    ) -> None:
        super().__init__(target, graph, config, backend=backend)
        if InteractiveSession._active:
            warnings.warn(
                "An interactive session is already active. Call `InteractiveSession.close()` on it to free its memory.", stacklevel=2
            )
        InteractiveSession._active += 1
        _STACK.sessions.append(self)

    def close(self) -> None:
        """End the session; it is no longer the default one."""
        if not self._closed:
            InteractiveSession._active -= 1
            with contextlib.suppress(ValueError):
                _STACK.sessions.remove(self)
        super().close()


def can_run(fetches: list[Any], feeds: Any) -> bool:
    """Return True when the fetches need no placeholder that is not fed."""
    fed = set(feeds)
    pending = [f.op if isinstance(f, Tensor) else f for f in fetches if f not in fed]
    seen = set(pending)
    while pending:
        operation = pending.pop()
        if operation.opdef.tf_name == "Placeholder":
            return False
        for source in [t.op for t in operation.inputs if t not in fed] + operation.control_inputs:
            if source not in seen:
                seen.add(source)
                pending.append(source)
    return True


def _collected(results: list[StepResult]) -> StepResults:
    """Return the results of single steps as those of many."""
    losses = np.array([result.loss for result in results])
    has_step = bool(results) and results[0].global_step is not None
    has_summaries = bool(results) and results[0].summaries is not None
    return StepResults(
        losses,
        np.array([result.global_step for result in results], np.int64) if has_step else None,
        [result.summaries for result in results] if has_summaries else None,
    )
