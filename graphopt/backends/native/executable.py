"""A program that runs natively: fused, planned, put together, compiled, and called once a step."""

from __future__ import annotations

import contextlib
import ctypes
import dataclasses
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphopt.backends.description import Description, KernelUse, PythonStep
from graphopt.backends.native.assembly import RECORD_HEADER, Assembly
from graphopt.backends.native.calls import Work, find_work
from graphopt.backends.native.code import Code, code_for
from graphopt.backends.native.entries import FRAME
from graphopt.backends.native.entry import Entry, can_enter
from graphopt.backends.native.host import this_host
from graphopt.backends.native.host_steps import HostStep, PythonValues
from graphopt.backends.native.memory import StepMemory, aligned_bytes
from graphopt.backends.native.threads import pool_for
from graphopt.backends.numpy_plan import NumpyExecutable
from graphopt.backends.numpy_plan.closures import Timing
from graphopt.backends.numpy_plan.source import Source
from graphopt.backends.numpy_plan.steps import is_scalar
from graphopt.compiler.passes.fuse import is_loop
from graphopt.compiler.passes.memory import make_plan
from graphopt.compiler.pipeline import fused
from graphopt.config import settings
from graphopt.errors import InternalError
from graphopt.ir.node import INPUT, Node
from graphopt.ir.plan import Plan
from graphopt.ir.program import Program


class NativeExecutable:
    """A program, made ready to run as machine code.

    Args:
      program: an optimised program with the actual shapes of its inputs. batched: accepted; updates are
        fused here. feeds: how many arrays the caller gives. threads: how many threads to use; 0 for what the settings say.

    Attributes:
      plan: the plan of the fused program.
      has_updates: whether a run changes state.
      work: which nodes run natively, and why others don't.
      code: the machine code.
      running: held while the step's memory is in use.
    """

    name = "native"
    is_hot = False

    def __init__(self, program: Program, *, batched: bool = True, feeds: int = 0, threads: int = 0) -> None:
        self.program = program
        whole = fused(program)
        self.work: Work = find_work(whole, this_host())
        # The inputs are those of the program before it was fused, so that the reference takes the same.
        plan = make_plan(whole, batched=False, storage=self.work.storage)
        self.plan: Plan = dataclasses.replace(plan, inputs=tuple(program.inputs()))
        self.has_updates = any(output.kind == "update" for output in program.outputs)
        self.assembly = Assembly(feeds=feeds)
        self._parts = self._divide()
        self._threads = threads or settings().threads
        self.code: Code = code_for(self.assembly)
        self.running = threading.Lock()
        self._runner: int | None = None
        self._reference: NumpyExecutable | None = None
        self._prepare()

    def entry(self, feeds: Sequence[Node]) -> Entry | None:
        """Return the way into the step by a single call, or None when part of it runs in Python.

        Args:
          feeds: the input that each array of the caller is.
        """
        if len(self._parts) > 1 or len(feeds) != self.assembly.feeds or not can_enter(self.plan, self._memory, feeds):
            return None
        return Entry(self.plan, self._memory, self.code, self._frame, feeds)

    def _divide(self) -> list[int | HostStep]:
        """Return the parts of a step in order: the number of a native segment, or a numpy step."""
        parts: list[int | HostStep] = []
        stretch: list[tuple[Node, Any]] = []

        def close() -> None:
            if stretch or not parts:
                parts.append(len(self.assembly.segments))
                self.assembly.add_segment(stretch)
                stretch.clear()

        for node in self.plan.order:
            if node in self.work.calls:
                stretch.append((node, self.work.calls[node]))
            elif node in self.work.reasons:
                close()
                parts.append(HostStep(node, self.plan))
        close()
        return parts

    def _prepare(self) -> None:
        pool = pool_for(self._threads)
        self._memory = StepMemory(self.plan, self.work.storage, self.assembly, pool.threads)
        self._input_addresses = np.zeros(max(len(self.plan.inputs), 1), np.int64)
        self._frame = np.zeros(len(FRAME), np.int64)
        memory = self._memory
        self._frame[:6] = [
            memory.words.ctypes.data,
            memory.fixups.ctypes.data,
            len(memory.fixups),
            self._input_addresses.ctypes.data,
            pool.address,
            memory.status.ctypes.data,
        ]
        self._frame_address = self._frame.ctypes.data
        self._functions = [self.code.function(f"segment{i}") for i in range(len(self.assembly.segments))]
        self._numbers = {node: i for i, node in enumerate(self.plan.inputs)}
        in_records = {number for _, number, _ in memory.fixups.tolist()}
        self._array_inputs = sorted(in_records)
        self._written = [(name, self._numbers[node]) for node in self.plan.inputs if (name := self._written_name(node)) is not None]

    def _written_name(self, node: Node) -> str | None:
        name = node.attributes["name"]
        return name if node.attributes["kind"] == "variable" and name in self.plan.in_place else None

    # --- running ---------------------------------------------------------------------------------------------------

    def run(self, inputs: Sequence[Any], *, may_overwrite: bool, together: Sequence[Any] | None = ()) -> list[Any]:
        """Return the outputs' values; see `NumpyExecutable.run`."""
        if self._runner == threading.get_ident():
            # A Python function of the step runs the same step: the memory is in use.
            return self.reference.run(inputs, may_overwrite=False)
        with self._own_memory():
            return self._run(list(inputs), may_overwrite)

    @contextlib.contextmanager
    def _own_memory(self) -> Iterator[None]:
        """Have the step's memory for this thread alone inside a ``with`` block."""
        with self.running:
            self._runner = threading.get_ident()
            try:
                yield
            finally:
                self._runner = None

    def _run(self, inputs: list[Any], may_overwrite: bool) -> list[Any]:
        if not may_overwrite:
            for _, number in self._written:
                inputs[number] = _copied(inputs[number])
        self._enter(inputs)
        values = PythonValues(self._memory, inputs, self._numbers)
        for part in self._parts:
            if isinstance(part, HostStep):
                part.run(values)
            else:
                failed = self._functions[part](self._frame_address)
                if failed:
                    self._raise_error(self.assembly.segments[part][failed - 1].node, values)
        return [self._output(i, values, inputs, may_overwrite) for i in range(len(self.plan.program.outputs))]

    def _enter(self, inputs: list[Any]) -> None:
        """Write the addresses of the input arrays, and the scalars, to where the kernels look for them."""
        for number in self._array_inputs:
            array = inputs[number]
            if not array.flags.c_contiguous or not array.flags.aligned:
                array = inputs[number] = np.array(array, order="C")
            self._input_addresses[number] = array.ctypes.data
        for number, place in self._memory.scalars:
            place[()] = inputs[number]

    def _raise_error(self, node: Node, values: PythonValues) -> None:
        """Raise the error that a check has found. NumPy looks at the operands again and words it; no variable has been written yet."""
        HostStep(node, self.plan).check(values)
        raise InternalError(None, None, f"The native check of {node.op.name} failed where NumPy finds nothing wrong.")

    def _output(self, index: int, values: PythonValues, inputs: list[Any], may_overwrite: bool) -> Any:
        kind, name, node = self.plan.program.outputs[index]
        if kind == "effect":
            return None
        if kind == "update" and name in self.plan.in_place:
            return None if may_overwrite else values.get(node)
        value = values.get(node)
        if is_scalar(node) or not isinstance(value, np.ndarray):
            return value
        if kind == "update" and (node not in self._memory.storage.views or self._memory.input_of(node) is None):
            return value  # the store copies what it keeps
        return value.copy()

    # --- inspection ------------------------------------------------------------------------------------------------

    @property
    def reference(self) -> NumpyExecutable:
        """The same program on the numpy backend."""
        if self._reference is None:
            self._reference = NumpyExecutable(self.program, batched=False)
        return self._reference

    @property
    def source(self) -> Source:
        """The generated Python/NumPy source of the same program."""
        return self.reference.source

    @property
    def llvm(self) -> str:
        """LLVM's intermediate representation of the step."""
        return self.code.llvm

    @property
    def assembly_text(self) -> str:
        """The step's machine code as assembly."""
        return self.code.assembly_text

    @property
    def description(self) -> Description:
        """The kernels, and what runs in Python."""
        origins = self.plan.program.origins
        steps = [PythonStep(node.op.name, getattr(origins.get(node), "name", ""), reason) for node, reason in self.work.reasons.items()]
        threads = pool_for(self._threads).threads
        return Description(self.name, threads, tuple(kernel_uses(self.assembly)), tuple(steps), self.code.was_cached)

    def run_timed(self, inputs: Sequence[Any], timings: list[Timing]) -> list[Any]:
        """Return the outputs' values and note when the calls of each node ran, one thread each."""
        if self._runner == threading.get_ident():
            return self.reference.run_timed(inputs, timings)
        with self._own_memory():
            return self._run_timed(list(inputs), timings)

    def _run_timed(self, held: list[Any], timings: list[Timing]) -> list[Any]:
        for _, number in self._written:
            held[number] = _copied(held[number])
        self._enter(held)
        values = PythonValues(self._memory, held, self._numbers)
        self.code.function("bind_only")(self._frame_address)
        for part in self._parts:
            if isinstance(part, HostStep):
                start = time.perf_counter()
                part.run(values)
                timings.append(Timing(part.node, start, time.perf_counter()))
            else:
                self._run_segment_timed(part, timings)
                if self._memory.status[0]:
                    self._raise_error(timings[-1].node, values)
        return [self._output(i, values, held, False) for i in range(len(self.plan.program.outputs))]

    def _run_segment_timed(self, segment: int, timings: list[Timing]) -> None:
        kernel_type = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)
        for record in self.assembly.segments[segment]:
            kernel = kernel_type(self.code.address(self.assembly.kernels[record.call.kernel]))
            address = self._memory.words.ctypes.data + 8 * (record.position + RECORD_HEADER)
            start = time.perf_counter()
            kernel(address, 0, record.call.extent, 0)
            timings.append(Timing(record.node, start, time.perf_counter()))
            if self._memory.status[0]:
                return


def kernel_uses(assembly: Assembly) -> list[KernelUse]:
    """Return each kernel of a step with what it fuses and costs."""
    found: dict[str, KernelUse] = {}
    for segment in assembly.segments:
        for record in segment:
            kernel, call = record.call.kernel, record.call
            name = assembly.kernels[kernel]
            known = found.get(name) or KernelUse(name, kernel.title, _ops_of(record.node), 0, 0, 0)
            found[name] = known._replace(calls=known.calls + 1, flops=known.flops + call.flops, bytes=known.bytes + call.bytes_moved)
    return list(found.values())


def _ops_of(node: Node) -> tuple[str, ...]:
    if not is_loop(node):
        return (node.op.name,)
    return tuple([step.op.name for step in node.attributes["body"].nodes() if step.op is not INPUT])


def _copied(array: Any) -> Any:
    memory = aligned_bytes(array.nbytes).view(array.dtype).reshape(array.shape)
    np.copyto(memory, array)
    return memory
