"""One step as a single call from Python: the inputs are found, and the new state is kept, in machine code."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from graphopt.backends.native.code import Code
from graphopt.backends.native.entries import FRAME, MOST_DIMENSIONS, arrays_are_readable, feed_row
from graphopt.backends.native.memory import SCALAR_BYTES, StepMemory, aligned_bytes
from graphopt.ir.node import INPUT, Node
from graphopt.ir.plan import Plan


class State(NamedTuple):
    """What an entry needs of one piece of state, or does to it.

    Attributes:
      kind: ``variable`` or ``counter``. name: its name.
      number: the input that reads it, or None. slot: where its scalar value stands between steps, or None for an array.
      source: the array of the new value that has to be copied, or None when it is written where it stands, or not at all.
      node: a node of its type.
    """

    kind: str
    name: str
    number: int | None
    slot: Any
    source: Any
    node: Node


class Entry:
    """The way into a step that is native from end to end.

    Args:
      plan, memory, code: the step's. frame: the frame its functions take.
      feeds: for each array that the caller gives the input that it is, or None for one that the step doesn't look at, with its type.

    Attributes:
      states: the state that the step reads and writes.
      has_moved: whether `arm` found arrays that it had not seen the time before.
      function: ``function(frame_address, array, ...)`` runs a step and returns 0, or what went wrong; state is untouched then.
    """

    def __init__(self, plan: Plan, memory: StepMemory, code: Code, frame: Any, feeds: Sequence[Node]) -> None:
        self._plan = plan
        self._memory = memory
        # Other runs of the step write the addresses of their own inputs into its frame, so this one has a copy.
        self._frame = frame.copy()
        self._inputs = np.zeros(max(len(plan.inputs), 1), np.int64)
        self._code = code
        self._slots = {number: place for number, place in memory.scalars}
        self._numbers = {node: i for i, node in enumerate(plan.inputs)}
        self.states = self._find_states()
        self._rows = np.array([self._feed(node) for node in feeds], np.int64)
        self._commits = np.zeros((len(self.states), 3), np.int64)
        self._frame[FRAME.index("inputs")] = self._inputs.ctypes.data
        self._frame[FRAME.index("feeds")] = self._rows.ctypes.data
        self._frame[FRAME.index("commits")] = self._commits.ctypes.data
        function = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, *[ctypes.py_object] * len(feeds))(code.address("enter"))
        address = self._frame.ctypes.data
        self.function, self.frame_address = function, address
        self._run_steps = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int64)(code.address("run_steps"))
        self._held: list[Any] = []
        self._arrays = [i for i, state in enumerate(self.states) if state.slot is None]
        self._scalars = [(i, state.slot) for i, state in enumerate(self.states) if state.slot is not None]
        self.has_moved = True

    def _feed(self, node: Node) -> list[int]:
        return feed_row(self._numbers.get(node, -1), node.shape, node.dtype.np)

    def _find_states(self) -> list[State]:
        new = {name: node for kind, name, node in self._plan.program.outputs if kind == "update"}
        found = []
        used = set(self._plan.program.inputs())
        for node, number in self._numbers.items():
            if node not in used:
                continue
            kind, name = node.attributes["kind"], node.attributes["name"]
            if kind != "feed":
                found.append(self._state(kind, name, number, new.pop(name, None), node))
        return [*found, *[self._state("variable", name, None, node, node) for name, node in new.items()]]

    def _state(self, kind: str, name: str, number: int | None, new: Node | None, node: Node) -> State:
        slot = None
        if node.shape == ():
            slot = self._slots[number] if number is not None else aligned_bytes(SCALAR_BYTES)[: node.dtype.np.itemsize].view(node.dtype.np)
            slot = slot.reshape(())
        source = None if new is None or name in self._plan.in_place else self._memory.value_of(new, [])
        return State(kind, name, number, slot, source, node)

    def arm(self, values: Sequence[Any]) -> bool:
        """Take in the present state; False when it isn't as the step needs it.

        Args:
          values: the value of each of `states`: an array, a scalar, or None.
        """
        held, self._held = self._held, []
        # Two plans that take turns give each other new scalars, but seldom new arrays.
        self.has_moved = not held or any([values[i] is not held[i] for i in self._arrays])
        if self.has_moved:
            return self._arm_anew(values)
        for i, slot in self._scalars:
            if values[i] is None:
                return False
            slot[()] = values[i]
        self._held = held
        return True

    def _arm_anew(self, values: Sequence[Any]) -> bool:
        commits: list[tuple[int, int, int]] = []
        for state, value in zip(self.states, values, strict=True):
            if value is None:
                return False
            if state.slot is not None:
                state.slot[()] = value
                target = state.slot
            else:
                if not _fits(value, state.node):
                    return False
                target = value
                if state.number is not None:
                    self._inputs[state.number] = value.ctypes.data
            if state.source is not None:
                size = 8 if state.slot is not None else value.nbytes
                commits.append((state.source.ctypes.data, target.ctypes.data, size))
        self._commits[: len(commits)] = np.array(commits, np.int64).reshape(-1, 3)
        self._frame[FRAME.index("commit_count")] = len(commits)
        self._held = list(values)
        return True

    def value_of(self, node: Node) -> Any:
        """Return the array in which an output's value stands after a step."""
        number = self._memory.input_of(node)
        if number is None:
            return self._memory.value_of(node, [])
        by_number = {state.number: value for state, value in zip(self.states, self._held, strict=True)}
        return self._memory.value_of(node, [by_number.get(i) for i in range(len(self._plan.inputs))])

    def run_steps(self, feeds: Sequence[tuple[Node, Any]], kept: Sequence[tuple[Any, Any]], steps: int) -> int:
        """Run many steps and return how many were done.

        Args:
          feeds: for each fed input the array with the values of all steps.
          kept: pairs of a value's array after a step and the array with a row for each step. steps: how many.
        """
        rows: list[tuple[int, int]] = []
        for node, array in feeds:
            number = self._numbers.get(node)
            if number is not None:
                rows.append((number, array.strides[0] if array.shape[0] > 1 else 0))
                self._inputs[number] = array.ctypes.data
        words = [len(rows), len(kept), *[word for row in rows for word in row]]
        for source, target in kept:
            words += [source.ctypes.data, target.ctypes.data, source.nbytes]
        moves = np.array(words, np.int64)
        return int(self._run_steps(self.frame_address, moves.ctypes.data, steps))


def _fits(value: Any, node: Node) -> bool:
    is_array = isinstance(value, np.ndarray) and value.dtype == node.dtype.np and value.shape == node.shape
    return is_array and bool(value.flags.c_contiguous and value.flags.aligned)


def can_enter(plan: Plan, memory: StepMemory, feeds: Sequence[Node]) -> bool:
    """Return True when a step of one native segment can be run by a single call.

    Not when an update is a view of another input (then the order of copies matters) or doesn't stand row by row, when a fetch is a view
    of a feed, or of a variable whose new value is copied over it, when a variable may have no value, or when a value stays in Python.
    """
    if not arrays_are_readable() or any(node.shape is None or not 0 < len(node.shape) <= MOST_DIMENSIONS for node in feeds):
        return False
    if any(node.attributes["kind"] == "optional" or node not in memory.storage.views for node in plan.program.inputs()):
        return False
    copied = {name for kind, name, _ in plan.program.outputs if kind == "update" and name not in plan.in_place}
    for kind, name, node in plan.program.outputs:
        if kind == "effect":
            continue
        if node not in memory.storage.views:
            return False
        base = memory.storage.views[node].pointer.node
        if base.op is INPUT and (base.attributes["kind"] == "feed" or base.attributes["name"] in copied):
            return False
        if kind == "update" and name in copied:
            if base.op is INPUT or memory.input_of(node) is not None or not memory.storage.is_contiguous(node):
                return False
    return True
