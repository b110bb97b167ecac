"""Puts a step together: one LLVM function for each stretch of native work, and the records its kernels read.

A function's text depends on the kernels' structure alone. Whatever depends on sizes, and every address, stands in the records, so that
another batch size runs the same machine code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from graphopt.backends.native.emitter import Module, Value, constant
from graphopt.backends.native.entries import FRAME, emit_enter, emit_run_steps
from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Argument, Call, Kernel
from graphopt.backends.native.parallel import emit_parallel
from graphopt.ir.node import Node

# Each record begins with the extent and the grain of its call.
RECORD_HEADER = 2


@dataclass(frozen=True)
class Record:
    """The record of one call.

    Attributes:
      call: the call. node: the node it is part of. position: its first word (the extent) among all words of the step.
    """

    call: Call
    node: Node
    position: int


@dataclass
class Assembly:
    """The calls of a step, in segments between numpy steps.

    Attributes:
      segments: the records of each stretch of native work. kernels: every kernel once, with its function's name. words: how many
        words all records take. feeds: how many arrays a run is fed.
    """

    segments: list[list[Record]] = field(default_factory=list)
    kernels: dict[Kernel, str] = field(default_factory=dict)
    words: int = 0
    feeds: int = 0

    def add_segment(self, work: Sequence[tuple[Node, Sequence[Call]]]) -> None:
        """Append a stretch of native work: nodes with their calls, in running order."""
        records = []
        for node, calls in work:
            for call in calls:
                self.kernels.setdefault(call.kernel, f"kernel{len(self.kernels)}")
                records.append(Record(call, node, self.words))
                self.words += RECORD_HEADER + len(call.arguments)
        self.segments.append(records)

    @property
    def structure(self) -> str:
        """Everything the machine code depends on, besides the machine: the key of its cache is made of it."""
        lines = [f"{self.feeds} feeds", *[f"{name}: {kernel!r}" for kernel, name in self.kernels.items()]]
        for records in self.segments:
            calls = [f"{self.kernels[r.call.kernel]}@{r.position}{'!' * r.call.fallible}" for r in records]
            lines.append(" ".join(calls))
        return "\n".join(lines)

    def text(self, host: Host) -> str:
        """Return the module's text: kernels, segments, and the functions that drive them."""
        module = Module(host)
        emit_parallel(module)
        for kernel, name in self.kernels.items():
            kernel.emit(module, name)
        _emit_bind(module)
        _emit_bind_only(module)
        for index, records in enumerate(self.segments):
            self._emit_segment(module, index, records)
        if len(self.segments) == 1:
            emit_enter(module, self.feeds)
            emit_run_steps(module)
        return module.text

    def _emit_segment(self, module: Module, index: int, records: Sequence[Record]) -> None:
        """Write ``i64 segment(ptr frame)``: 0, or the number, from 1, of the call whose check failed."""
        f = module.function(f"segment{index}", [("ptr", "frame")], "i64", internal=False, attributes="nounwind")
        (frame,) = f.parameters
        words = {name: f.load("ptr", f.offset(frame, "i64", i), 8) for i, name in enumerate(FRAME) if name != "fixup_count"}
        if index == 0:
            f.call("bind", "void", frame)
            f.store(constant("i64", 0), words["status"])
        for number, record in enumerate(records, start=1):
            name = self.kernels[record.call.kernel]
            at = f.offset(words["records"], "i64", record.position)
            extent, grain = f.load("i64", at, 8), f.load("i64", f.offset(at, "i64", 1), 8)
            f.call("parallel", "void", words["pool"], Value(f"@{name}", "ptr"), f.offset(at, "i64", RECORD_HEADER), extent, grain)
            if record.call.fallible:
                status = f.load("i64", words["status"], 8)
                with f.when(f.compare("ne", status, constant("i64", 0))):
                    f.ret(constant("i64", number))
        f.ret(constant("i64", 0))


def _emit_bind(module: Module) -> None:
    """Write ``void bind(ptr frame)``: put the addresses of the inputs into the records.

    A fixup has three words: the record's word, the input's number, and the bytes to add.
    """
    f = module.function("bind", [("ptr", "frame")], attributes="nounwind")
    (frame,) = f.parameters
    records, fixups = (f.load("ptr", f.offset(frame, "i64", i), 8) for i in (0, 1))
    count = f.load("i64", f.offset(frame, "i64", 2), 8)
    inputs = f.load("ptr", f.offset(frame, "i64", 3), 8)
    with f.loop(0, count) as loop:
        entry = f.offset(fixups, "i64", f.mul(loop.index, 3))
        word, number, offset = (f.load("i64", f.offset(entry, "i64", i), 8) for i in range(3))
        address = f.load("i64", f.offset(inputs, "i64", number), 8)
        f.store(f.add(address, offset), f.offset(records, "i64", word))
    f.ret()


def _emit_bind_only(module: Module) -> None:
    """Write ``i64 bind_only(ptr frame)``, for running the kernels one by one."""
    f = module.function("bind_only", [("ptr", "frame")], "i64", internal=False, attributes="nounwind")
    (frame,) = f.parameters
    f.call("bind", "void", frame)
    f.store(constant("i64", 0), f.load("ptr", f.offset(frame, "i64", FRAME.index("status")), 8))
    f.ret(constant("i64", 0))


def record_words(record: Record) -> list[Argument]:
    """Return what stands in the words of a record: numbers, and addresses still to be found."""
    return [record.call.extent, record.call.grain, *record.call.arguments]
