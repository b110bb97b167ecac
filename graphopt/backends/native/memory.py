"""The memory of a native step: arena, constants and scratch, and the address of whatever a record names."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt.backends.native.assembly import Assembly, record_words
from graphopt.backends.native.kernel import Argument, Pointer, Scratch, Status
from graphopt.backends.native.products import blas
from graphopt.backends.native.storage import NativeStorage, as_array
from graphopt.ir.node import CONST, INPUT, Node
from graphopt.ir.plan import ALIGNMENT, Plan

# A scalar input has a word for itself, where the run writes its value.
SCALAR_BYTES = 16


def aligned_bytes(size: int) -> np.ndarray[Any, Any]:
    """Return `size` bytes of zeroed memory that start at a multiple of 64."""
    raw = np.zeros(size + ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % ALIGNMENT
    return raw[start : start + size]


class StepMemory:
    """The memory of one step.

    Args:
      plan: the plan. storage: where values stand. assembly: the calls. threads: how many threads may work at a time.

    Attributes:
      words: all records, with the addresses that don't change filled in. fixups: (word, input's number, bytes) of those that do.
      scalars: for each scalar input its number and its place, an array of rank 0.
      status: what a fallible kernel leaves behind.
    """

    def __init__(self, plan: Plan, storage: NativeStorage, assembly: Assembly, threads: int) -> None:
        self.plan = plan
        self.storage = storage
        self._threads = threads
        self._numbers = {node: i for i, node in enumerate(plan.inputs)}
        self._owners = {node: plan.inputs[self._number_of(name)] for name, node in plan.in_place.items()}
        self._arrays: dict[Node, Any] = {}
        self._arena = aligned_bytes(plan.arena_bytes)
        self.status = np.zeros(1, np.int64)
        self.scalars: list[tuple[int, Any]] = []
        self._place_scalars()
        self._scratch, self._scratch_places = self._place_scratch(assembly)
        self.words = np.zeros(max(assembly.words, 1), np.int64)
        fixups: list[tuple[int, int, int]] = []
        for segment in assembly.segments:
            for record in segment:
                for i, argument in enumerate(record_words(record), start=record.position):
                    self._fill(i, argument, record.node, fixups)
        self.fixups = np.array(fixups, np.int64).reshape(-1, 3)

    def _number_of(self, variable: str) -> int:
        for node, number in self._numbers.items():
            if node.attributes["name"] == variable and node.attributes["kind"] == "variable":
                return number
        raise AssertionError(f"the plan writes {variable} in place, but has no such input")

    def _place_scalars(self) -> None:
        scalars = [node for node in self.plan.inputs if node.shape == () and node in self.storage.views]
        memory = aligned_bytes(SCALAR_BYTES * len(scalars))
        for i, node in enumerate(scalars):
            place = memory[i * SCALAR_BYTES :][: node.dtype.np.itemsize].view(node.dtype.np).reshape(())
            self._arrays[node] = place
            self.scalars.append((self._numbers[node], place))

    def _place_scratch(self, assembly: Assembly) -> tuple[Any, dict[tuple[Node, str], int]]:
        """Return the scratch memory, and where in it the scratch of each node begins, by label."""
        places: dict[tuple[Node, str], int] = {}
        ends: dict[Node, int] = {}
        for segment in assembly.segments:
            for record in segment:
                key = record.node
                for argument in record.call.arguments:
                    if isinstance(argument, Scratch) and (key, argument.label) not in places:
                        places[key, argument.label] = ends.get(key, 0)
                        parts = self._threads if argument.per_thread else 1
                        ends[key] = ends.get(key, 0) + -(-argument.size // ALIGNMENT) * ALIGNMENT * parts
        return aligned_bytes(max(ends.values(), default=0)), places

    def _fill(self, word: int, argument: Argument, owner: Node, fixups: list[tuple[int, int, int]]) -> None:
        match argument:
            case int():
                self.words[word] = argument
            case Scratch(label=label):
                self.words[word] = self._scratch.ctypes.data + self._scratch_places[owner, label]
            case Status():
                self.words[word] = self.status.ctypes.data
            case Pointer(node=node, offset=offset):
                view = self.storage.views[node]
                base, total = view.pointer.node, view.pointer.offset + offset
                base = self._owners.get(base, base)
                if base.op is INPUT and base not in self._arrays:
                    fixups.append((word, self._numbers[base], total))
                else:
                    self.words[word] = self.array_of(base).ctypes.data + total
            case symbol:
                self.words[word] = blas.address(symbol.name)

    def array_of(self, base: Node) -> Any:
        """Return the array of a node that has memory of its own in the step: a scalar input, a constant, a result in the arena."""
        if base not in self._arrays:
            if base.op is CONST:
                memory = aligned_bytes(base.value.nbytes)
                memory[:] = np.ascontiguousarray(base.value).reshape(-1).view(np.uint8)
                self._arrays[base] = memory.view(base.dtype.np).reshape(base.shape)
            else:
                place = self.plan.places[base]
                size = base.tensor_type.num_bytes or 0
                self._arrays[base] = self._arena[place.offset :][:size].view(base.dtype.np).reshape(base.shape)
        return self._arrays[base]

    def input_of(self, node: Node) -> int | None:
        """Return the number of the input in whose array a value stands, or None when it stands in the step's own memory."""
        base = self.storage.views[node].pointer.node
        base = self._owners.get(base, base)
        return self._numbers[base] if base.op is INPUT and base not in self._arrays else None

    def value_of(self, node: Node, inputs: list[Any]) -> Any:
        """Return the array of a value, which may be part of the step's memory or of an input."""
        view = self.storage.views[node]
        number = self.input_of(node)
        base = view.pointer.node
        return as_array(view, node, {base: self.array_of(base) if number is None else inputs[number]})
