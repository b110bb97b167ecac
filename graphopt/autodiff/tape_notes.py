"""What a gradient tape notes: which operations were recorded while it was on, and what it watched by then."""

from __future__ import annotations

from collections.abc import Sequence

from graphopt.autodiff.derivations import Derivation, note_derivation
from graphopt.autodiff.gradients import Gradient, backpropagate
from graphopt.graph.capture import BranchGraph
from graphopt.graph.graph import Graph, get_default_graph
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.variables import Variable, variable_of
from graphopt.ir.opdef import NOT_DIFFERENTIABLE
from graphopt.ops import state
from graphopt.ops.branch import captured


class TapeNotes:
    """What a tape knows: the operations recorded while it was on that depend on what it watches.

    Attributes:
      graph: the graph in which the tape records.
    """

    def __init__(self, graph: Graph, watch_accessed_variables: bool) -> None:
        self.graph = graph
        self._watches_accessed = watch_accessed_variables
        self._operations: set[Operation] = set()
        self._tensors: set[Tensor] = set()
        self._variables: dict[Variable, None] = {}
        self._position: int | None = None

    def start(self) -> None:
        """Note what is recorded from here on."""
        self._position = self.graph.version
        self._forget_reads()

    def stop(self) -> None:
        """Note nothing from here on."""
        self._catch_up()
        self._position = None
        self._forget_reads()

    def _forget_reads(self) -> None:
        """Make the next use of each variable record a read of its own: one from the other side of the border would be taken for another."""
        self.graph.state["reads"] = {}

    def watch(self, tensor: Tensor) -> None:
        """Follow a tensor, or the variable that a reference stands for, from here on."""
        self._catch_up()
        if tensor.dtype.is_floating:
            self._tensors.add(_origin(tensor))
            variable = variable_of(tensor) if tensor.op.opdef is state.variable else None
            if variable is not None:
                self._variables[variable] = None

    def watched_variables(self) -> tuple[Variable, ...]:
        """Return the variables that are watched, in order of construction."""
        self._catch_up()
        return tuple(sorted(self._variables, key=lambda variable: variable.op.id))

    def _catch_up(self) -> None:
        """Look at what has been recorded since the last time."""
        if self._position is not None:
            for operation in self.graph.get_operations()[self._position :]:
                self._note(operation)
            self._position = self.graph.version

    def _note(self, operation: Operation) -> None:
        if _is_capture(operation):
            return
        if self._watches_accessed and operation.opdef.vjp is not NOT_DIFFERENTIABLE:
            self._watch_accessed(operation)
        if any(_origin(t) in self._tensors for t in operation.inputs):
            self._operations.add(operation)
            self._tensors.update([t for t in operation.outputs if t.dtype.is_floating])

    def _watch_accessed(self, operation: Operation) -> None:
        for tensor in operation.inputs:
            variable = variable_of(tensor) if tensor.op.opdef is state.variable else None
            if variable is not None and variable.trainable and variable.dtype.is_floating:
                self._tensors.add(_origin(tensor))
                self._variables[variable] = None

    def gradients(self, targets: Sequence[Tensor], sources: Sequence[Tensor], starts: Sequence[Gradient]) -> list[Gradient | None]:
        """Return a gradient for each source, None for one without influence."""
        self._catch_up()
        known = [_origin(x) for x in sources if x in targets or _origin(x) in self._tensors]
        graph = get_default_graph()
        first = graph.version
        found = dict(zip(known, backpropagate(targets, known, starts, set(), self._passes), strict=True))
        note_derivation(graph, Derivation(tuple(targets), tuple(found), tuple(found.values()), first, graph.version))
        return [found.get(_origin(x)) for x in sources]

    def connected(self, target: Tensor, sources: Sequence[Tensor]) -> list[bool]:
        """Return for each source whether the target depends on it."""
        self._catch_up()
        reached: set[Tensor] = set()
        pending = [target]
        while pending:
            tensor = pending.pop()
            if tensor not in reached:
                reached.add(tensor)
                pending.extend(tensor.graph.sources_of(tensor.op) if self._passes(tensor.op) else ())
        return [x in reached and (x is target or _origin(x) in self._tensors) for x in sources]

    def _passes(self, operation: Operation) -> bool:
        # What a branch inside of this graph holds is noted with the operation that holds the branch.
        return operation in self._operations or _is_capture(operation) or operation.graph.depth > self.graph.depth


def _is_capture(operation: Operation) -> bool:
    """Return whether an operation of a branch only stands for a tensor of a graph around it."""
    return operation.opdef is captured or (operation.opdef is state.variable and operation.graph.outer is not None)


def _origin(tensor: Tensor) -> Tensor:
    """Return the tensor that one captured by branches stands for."""
    while _is_capture(tensor.op) and isinstance(tensor.graph, BranchGraph):
        sources = tensor.graph.sources_of(tensor.op)
        if not sources:
            break
        tensor = sources[0]
    return tensor
