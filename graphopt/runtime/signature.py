"""One signature: what is fetched and fed. It is discharged once, compiled once for every combination of shapes, and then run."""

from __future__ import annotations

import contextlib
import gc
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from graphopt import shapes
from graphopt.backends import backend_for
from graphopt.backends.numpy_plan.source import bundled_size
from graphopt.compiler.discharge import Discharged, discharge
from graphopt.compiler.pipeline import optimize
from graphopt.errors import ArgumentError, FailedPreconditionError
from graphopt.graph.graph import Graph
from graphopt.graph.operation import Tensor
from graphopt.ir.node import Node, input_node
from graphopt.ir.plan import Plan
from graphopt.ir.types import TensorType
from graphopt.runtime.fetching import Fetches, to_feed
from graphopt.runtime.interrupts import DeferredInterrupt
from graphopt.runtime.profile import RunMetadata
from graphopt.runtime.quick import QuickRun
from graphopt.runtime.store import Cell, Store

_MAX_EXECUTABLES = 64


@contextlib.contextmanager
def paused_collection() -> Iterator[None]:
    """Keep the cyclic garbage collector out of a ``with`` block: compiling makes many objects and no garbage cycles,
    and each collection would walk the whole graph again."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class Signature:
    """What is fetched and fed.

    Args:
      graph: the recorded graph. store: the session's state. fetches: what is fetched. feeds: the tensors that are fed.
      backend: the name of the backend. threads: how many threads it may use; 0 for what the settings say.
    """

    def __init__(
        self, graph: Graph, store: Store, fetches: Fetches, feeds: Sequence[Tensor], backend: str = "numpy", threads: int = 0
    ) -> None:
        self._backend = backend
        self._threads = threads
        self._graph = graph
        self._store = store
        self._fetches = fetches
        self._feeds = list(feeds)
        self._feed_dtypes = [t.dtype.np for t in feeds]
        self._discharged: Discharged | None = None
        self._changing: list[tuple[str, Cell]] = []
        self._runners: dict[Any, Runner] = {}
        self._lock = threading.Lock()
        self._quick: QuickRun | None = None
        store.signatures.add(self)

    def forget(self) -> None:
        """Forget what was compiled: the seeds in it hold no longer."""
        with self._lock:
            self._discharged, self._quick = None, None
            self._changing.clear()
            self._runners.clear()

    def run(self, values: Sequence[Any], metadata: RunMetadata | None = None) -> Any:
        """Return the fetched values for the fed values, in the caller's structure."""
        return self._fetches.assemble(self.run_flat(values, metadata))

    def run_flat(self, values: Sequence[Any], metadata: RunMetadata | None = None) -> list[Any]:
        """Return the values of the fetched elements, in their order."""
        quick = self._quick
        if quick is not None and metadata is None:
            results = quick.run(values)
            if results is not None:
                return results
        feeds = [
            value if type(value) is np.ndarray and value.dtype == dtype and value.ndim else to_feed(tensor, value)
            for value, dtype, tensor in zip(values, self._feed_dtypes, self._feeds, strict=True)
        ]
        key = [value.shape if type(value) is np.ndarray else () for value in feeds]
        for _, cell in self._changing:
            key.append(np.shape(cell.value))
        runner = self._runners.get(tuple(key))
        if runner is None:
            runner = self._compile(feeds)
        outputs = runner.run(feeds, metadata)
        self._quick = runner.quick
        return outputs

    def run_quickly(self, arrays: Sequence[Any], steps: int) -> tuple[int, list[Any]] | None:
        """Run as many of `steps` steps as go natively, with the rows of the arrays as feeds.

        Returns:
          How many were done and the fetched elements' values of all of them, stacked; None when none goes.
        """
        runner = self.runner_for([array[0] for array in arrays])
        if runner.quick is None:
            return None
        return runner.quick.run_steps(list(zip(runner.feeds, arrays, strict=True)), steps)

    def runner_for(self, values: Sequence[Any]) -> Runner:
        """Return what runs for feeds of the shapes of these values (for inspection and benchmarks)."""
        return self._compile([to_feed(tensor, value) for tensor, value in zip(self._feeds, values, strict=True)])

    def _compile(self, feeds: list[Any]) -> Runner:
        with self._lock, paused_collection():
            for tensor, value in zip(self._feeds, feeds, strict=True):
                if not shapes.is_compatible(tensor.tensor_type.shape, np.shape(value)):
                    expected = shapes.format_tf(tensor.tensor_type.shape)
                    raise ArgumentError(
                        f"Cannot feed value of shape {np.shape(value)} for Tensor '{tensor.name}', which has shape '{expected}'"
                    )
            if self._discharged is None:
                self._discharged = discharge(self._fetches.elements, {t: t.tensor_type for t in self._feeds}, self._store.entropy)
                self._changing = [
                    (node.attributes["name"], self._store.cell(node.attributes["name"]))
                    for node in self._discharged.program.inputs()
                    if node.attributes["kind"] in ("variable", "optional") and not node.tensor_type.is_static
                ]
            key = tuple([np.shape(value) for value in feeds] + [np.shape(cell.value) for _, cell in self._changing])
            runner = self._runners.get(key)
            if runner is None:
                runner = self._make_runner(feeds)
                if len(self._runners) >= _MAX_EXECUTABLES:
                    del self._runners[next(iter(self._runners))]
                self._runners[key] = runner
            return runner

    def _make_runner(self, feeds: list[Any]) -> Runner:
        if self._discharged is None:
            raise AssertionError("compile before discharge")
        types = {("feed", t.name): TensorType(t.dtype, np.shape(v)) for t, v in zip(self._feeds, feeds, strict=True)}
        for node in self._discharged.program.inputs():
            kind, name = node.attributes["kind"], node.attributes["name"]
            cell = self._store.cell(name) if kind in ("variable", "optional") and not node.tensor_type.is_static else None
            if cell is not None and cell.value is not None:
                types[kind, name] = TensorType(node.dtype, np.shape(cell.value))
        self._check_initialized()
        fed = {t.name: value for t, value in zip(self._feeds, feeds, strict=True)}
        inputs = [input_node("feed", t.name, types["feed", t.name]) for t in self._feeds]
        make = backend_for(self._backend, self._discharged.program)
        program = optimize(self._discharged.program, types, fed, make.name)
        executable = make(program, feeds=len(inputs), threads=self._threads)
        return Runner(self, executable, inputs)

    def _check_initialized(self) -> None:
        if self._discharged is None:
            return
        for node in self._discharged.program.inputs():
            if node.attributes["kind"] == "variable" and self._store.cell(node.attributes["name"]).value is None:
                raise self.uninitialized(node.attributes["name"])

    def uninitialized(self, name: str) -> FailedPreconditionError:
        """Return the error for reading a variable without a value."""
        operation = self._graph.get_operation_by_name(name)
        return FailedPreconditionError(None, operation, f"Attempting to use uninitialized value {name}")

    @property
    def elements(self) -> Sequence[Any]:
        """The fetched tensors and operations."""
        return self._fetches.elements

    @property
    def last_plan(self) -> Plan | None:
        """The plan made last, or None before the first run."""
        executable = self.last_executable
        return None if executable is None else executable.plan

    @property
    def last_executable(self) -> Any:
        """The executable made last, or None before the first run."""
        runners = list(self._runners.values())
        return runners[-1].executable if runners else None

    @property
    def store(self) -> Store:
        """The session's state."""
        return self._store

    @property
    def fetched_names(self) -> list[str | None]:
        """The names of the fetched tensors, None for operations."""
        return [e.name if isinstance(e, Tensor) else None for e in self._fetches.elements]


class Runner:
    """An executable with the state it reads and writes."""

    def __init__(self, signature: Signature, executable: Any, feeds: Sequence[Node]) -> None:
        self.executable = executable
        self.feeds = feeds
        feed_names = [node.attributes["name"] for node in feeds]
        self._signature = signature
        self._store = signature.store
        plan = executable.plan
        self._cells = [
            (i, self._store.cell(n.attributes["name"]), n.attributes) for i, n in enumerate(plan.inputs) if n.attributes["kind"] != "feed"
        ]
        self._feed_places = [
            (i, feed_names.index(n.attributes["name"])) for i, n in enumerate(plan.inputs) if n.attributes["kind"] == "feed"
        ]
        self._blank: list[Any] = [None] * len(plan.inputs)
        outputs = plan.program.outputs
        fetched = {name: i for i, (kind, name, _) in enumerate(outputs) if kind == "fetch"}
        self._fetched = [None if name is None else fetched[name] for name in signature.fetched_names]
        self._bundles = [(names, bundled_size(plan, names)) for names in plan.variable_bundles]
        self._together: list[Any] = []
        self._layout = -1
        self._updates = [(i, self._store.cell(name)) for i, (kind, name, _) in enumerate(outputs) if kind == "update"]
        self.quick = self._find_quick()

    def _find_quick(self) -> QuickRun | None:
        """Return the short way of this executable's runs, or None when it has none."""
        executable = self.executable
        entry = executable.entry(self.feeds)
        if entry is None:
            return None
        outputs = executable.plan.program.outputs
        fetched = [None if i is None else outputs[i].node for i in self._fetched]
        return QuickRun(self._store, entry, executable.running, fetched, executable.has_updates)

    def run(self, feeds: list[Any], metadata: RunMetadata | None) -> list[Any]:
        """Return the fetched values; commit the new state when all went well."""
        store = self._store
        with np.errstate(all="ignore"):
            if not self._updates:
                with store.lock:
                    inputs = self._inputs(feeds)
                    store.readers += 1
                try:
                    outputs = self._execute(inputs, False, metadata)
                finally:
                    with store.lock:
                        store.readers -= 1
            else:
                outputs = self._run_with_updates(feeds, metadata)
        return [None if i is None else outputs[i] for i in self._fetched]

    def plan_call(self, feeds: Sequence[Any]) -> Callable[[], Any]:
        """Return a function that runs the machine code, or the generated source, with the present values."""
        bare = None if self.quick is None else self.quick.bare_call(feeds)
        if bare is not None:
            return bare
        with self._store.lock:
            self._put_together()
            inputs = self._inputs(list(feeds))
        arguments = (*inputs, *(self._together or ()))
        compiled = self.executable.source.compile()
        return lambda: compiled(*arguments)

    def _run_with_updates(self, feeds: list[Any], metadata: RunMetadata | None) -> list[Any]:
        store = self._store
        with store.lock, DeferredInterrupt():
            alone = store.readers == 0
            if self._bundles and alone and self._layout != store.layout and self.executable.is_hot:
                self._put_together()
            inputs = self._inputs(feeds)
            store.readers += 1
            try:
                outputs = self._execute(inputs, alone, metadata)
            finally:
                store.readers -= 1
            for i, cell in self._updates:
                value = outputs[i]
                if value is not None:
                    store.commit(cell, value, alone=alone)
        return outputs

    def _put_together(self) -> None:
        """Bring variables side by side in memory as the plan wants it; plan without that when they belong to another plan."""
        memories = [self._store.put_together(names, sizes) for names, sizes in self._bundles]
        if any(memory is None for memory in memories):
            self.executable = type(self.executable)(self.executable.plan.program, batched=False)
            self._bundles, memories = [], []
        self._together = memories
        self._layout = self._store.layout

    def _inputs(self, feeds: list[Any]) -> list[Any]:
        inputs = self._blank.copy()
        for i, at in self._feed_places:
            inputs[i] = feeds[at]
        for i, cell, attributes in self._cells:
            value = cell.value
            if value is None and attributes["kind"] == "counter":
                value = np.int64(0)
            inputs[i] = value
        return inputs

    def _execute(self, inputs: list[Any], alone: bool, metadata: RunMetadata | None) -> list[Any]:
        if metadata is None:
            placed = not self._bundles or self._layout == self._store.layout
            return self.executable.run(inputs, may_overwrite=alone, together=self._together if placed else None)
        timings: list[Any] = []
        outputs = self.executable.run_timed(inputs, timings)
        metadata.fill(timings, self.executable.plan.program.origins)
        return outputs
