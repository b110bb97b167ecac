"""Branches: graphs inside a graph. What is recorded in one may use what the graphs around it hold; such tensors are captured.

A branch is recorded once, closed, and then held by one operation of the graph around it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from graphopt.errors import ArgumentError, lines
from graphopt.graph.graph import Graph
from graphopt.graph.operation import Operation, Tensor, user_location
from graphopt.ir.bind import bind
from graphopt.ir.types import TensorType
from graphopt.ops import state
from graphopt.ops.branch import captured

Made = TypeVar("Made")


class BranchGraph(Graph):
    """The graph of a branch. It shares names and collections with the graph around it.

    Args:
      outer: the graph around it.
      owner: what it is a branch of, for messages.
      mirror: for the gradient of a branch: that branch, whose tensors it sees too.

    Attributes:
      captures: tensors of the graph around it, each with the tensor that stands for it here.
      owner: what it is a branch of. control_captures: operations of the graph around it that have to happen before the branch.
    """

    def __init__(self, outer: Graph, owner: str, mirror: Mirror | None = None) -> None:
        super().__init__()
        self.outer = outer
        self.seed = outer.seed
        self.captures: dict[Tensor, Tensor] = {}
        self.control_captures: list[Operation] = []
        self._origins: dict[Operation, Tensor] = {}
        self.owner = owner
        self._mirror = mirror
        self._names = outer._names
        self._scope = outer._scope
        self._collections = outer._collections
        self._devices = list(outer._devices)
        self._overrides = dict(outer._overrides)
        self._is_closed = False

    # --- what it sees ----------------------------------------------------------------------------------------------

    def sees(self, other: Any) -> bool:
        """Return True when this branch may use tensors of `other`: a graph around it, or a branch that it mirrors."""
        graph: Graph | None = self
        while graph is not None:
            if graph is other or (isinstance(graph, BranchGraph) and graph._mirror is not None and graph._mirror.graph is other):
                return True
            graph = graph.outer
        return False

    def preferred_over(self, other: Any) -> Any:
        """Return this graph when it sees `other`, so that ops on captured tensors belong to the branch."""
        return self if self.sees(other) else other

    def adopt(self, tensor: Tensor) -> Tensor:
        """Return what stands for a tensor of another graph here.

        Raises:
          ValueError: when that graph is not around this one.
        """
        if tensor.graph is self:
            return tensor
        if not self.sees(tensor.graph) or self.outer is None:
            return super().adopt(tensor)
        if self._mirror is not None and tensor.graph is self._mirror.graph:
            return self._mirror.resolve(tensor, self)
        source = tensor if tensor.graph is self.outer else self.outer.adopt(tensor)
        if source not in self.captures:
            self.captures[source] = self._capture(source)
        return self.captures[source]

    def _capture(self, source: Tensor) -> Tensor:
        attributes = {"dtype": source.dtype, "shape": source.tensor_type.shape}
        is_reference = source.op.opdef is state.variable
        op = state.variable if is_reference else captured
        # A variable keeps its name: that is how state is known.
        operation = Operation(self, source.op.name, op, (), attributes, (source.tensor_type,), [], source.op.location, source.op.device)
        self._append(operation)
        for scope in self._control_scopes:
            # It waits for nothing, so what takes it has to wait itself.
            scope.seen.discard(operation)
        inner = operation.outputs[0]
        self._origins[operation] = source
        if is_reference and source.graph.state.get("variables", {}).get(source) is not None:
            self.state.setdefault("variables", {})[inner] = source.graph.state["variables"][source]
        return inner

    @property
    def mirror(self) -> Mirror | None:
        """What it sees in place of the branch that it is the gradient of; None when it is no gradient."""
        return self._mirror

    @property
    def current_guard(self) -> Tensor | None:
        """What the innermost `write_only_if` was given, here or around this branch."""
        if self._guards or self.outer is None:
            return super().current_guard
        return self.outer.current_guard

    def add_input(self, tensor_type: TensorType, name: str) -> Tensor:
        """Return a new tensor that whoever holds the branch gives a value."""
        attributes = {"dtype": tensor_type.dtype, "shape": tensor_type.shape}
        operation = Operation(self, self._operation_name(name), captured, (), attributes, (tensor_type,), [], user_location(), "")
        self._append(operation)
        return operation.outputs[0]

    def sources_of(self, operation: Operation) -> tuple[Tensor, ...]:
        """Return the operation's inputs; for a captured tensor the one it stands for."""
        origin = self._origins.get(operation)
        return operation.inputs if origin is None else (origin,)

    def as_graph_element(self, obj: Any, allow_tensor: bool = True, allow_operation: bool = True) -> Any:
        """Return the tensor or operation that `obj` stands for, here or in a graph around."""
        found = obj if isinstance(obj, (str, Tensor, Operation)) else getattr(obj, "_as_graph_element", lambda: obj)()
        is_outer = isinstance(found, (Tensor, Operation)) and found.graph is not self and self.sees(found.graph)
        if self.outer is not None and (is_outer or (isinstance(found, str) and found.partition(":")[0] not in self._by_name)):
            return self.outer.as_graph_element(found, allow_tensor, allow_operation)
        return super().as_graph_element(found, allow_tensor, allow_operation)

    def _control_operations(self, elements: Iterable[Any]) -> list[Operation]:
        found = super()._control_operations(elements)
        self.control_captures.extend(op for op in found if op.graph is not self)
        return [op for op in found if op.graph is self]

    # --- its life --------------------------------------------------------------------------------------------------

    def close(self) -> None:
        """Take no more operations: the branch is held by an operation now."""
        self._is_closed = True

    def check_not_finalized(self) -> None:
        """Raise unless operations may be recorded here."""
        super().check_not_finalized()
        if self._is_closed:
            rule = f"A tensor from inside a branch of {self.owner} is used outside of it."
            raise ArgumentError(lines(rule, "Return it from the branch.", "See docs/errors.md#branches"))


class Mirror:
    """What a gradient branch sees in place of the tensors of the branch that it differentiates.

    Inputs and results of that branch are operands and results of the operation that holds it. What has an effect must not happen
    again, so its results are results of that operation too. Everything else is computed again.

    Args:
      graph: the branch. known: tensors of the branch, each with what stands for it.
    """

    def __init__(self, graph: BranchGraph, known: dict[Tensor, Tensor]) -> None:
        self.graph = graph
        self._known = known

    @classmethod
    def of(cls, branch: Branch, operands: Sequence[Tensor], results: Sequence[Tensor]) -> Mirror:
        """Return the mirror of a branch that an operation with these operands and results holds."""
        known = {inner: outer for inner, outer in zip(branch.inputs, operands, strict=True) if inner is not None}
        for output, result in zip(branch.outputs, results, strict=True):
            if output is not None:
                known.setdefault(output, result)
        return cls(branch.graph, known)

    def learn(self, known: dict[Tensor, Tensor]) -> None:
        """Add what stands for tensors of the branch."""
        self._known.update(known)

    def original(self, operation: Operation) -> Operation | None:
        """Return the operation of the branch that is computed again by `operation`, or None."""
        return next((tensor.op for tensor, known in self._known.items() if known.op is operation), None)

    def resolve(self, tensor: Tensor, into: BranchGraph) -> Tensor:
        """Return what stands for a tensor of the branch in the gradient branch `into`."""
        for operation in self._missing(tensor):
            operands = [into.adopt(self._known[t]) for t in operation.inputs]
            with into.as_default(), into.control_dependencies(None):
                made = bind(operation.opdef, tuple(operands), operation.attributes, operation.name.rsplit("/", 1)[-1])
            self._known.update(zip(operation.outputs, made if isinstance(made, tuple) else (made,), strict=True))
        return into.adopt(self._known[tensor])

    def _missing(self, tensor: Tensor) -> list[Operation]:
        """Return the operations to compute again before `tensor` is known, in order."""
        found: dict[Operation, None] = {}
        pending = [] if tensor in self._known else [tensor.op]
        while pending:
            operation = pending.pop()
            if operation not in found:
                found[operation] = None
                pending.extend([t.op for t in operation.inputs if t not in self._known])
        return sorted(found, key=lambda op: op.id)


class Branch:
    """A closed branch, held by an operation; compared by identity.

    Attributes:
      graph: what was recorded.
      inputs: for each operand of the operation the tensor that stands for it here, or None.
      outputs: for each result of the operation the tensor that gives it, or None for one that only another branch has.
    """

    __slots__ = ("graph", "inputs", "outputs")

    def __init__(self, graph: BranchGraph, inputs: tuple[Tensor | None, ...], outputs: tuple[Tensor | None, ...]) -> None:
        self.graph = graph
        self.inputs = inputs
        self.outputs = outputs

    def __repr__(self) -> str:
        return f"<branch of {self.graph.owner}: {len(self.graph.get_operations())} operations>"


def record_branch(graph: BranchGraph, function: Callable[[], Made]) -> Made:
    """Call `function` with the branch as the default graph; return what it gives."""
    with graph.as_default():
        return function()


def effects_reached(results: Iterable[Tensor]) -> list[Tensor]:
    """Return the results of operations with an effect (reads among them) that the branch's results reach, apart from references."""
    seen: set[Operation] = set()
    pending = [tensor.op for tensor in results]
    while pending:
        operation = pending.pop()
        if operation not in seen:
            seen.add(operation)
            pending.extend([*[t.op for t in operation.inputs], *operation.control_inputs])
    effects = [
        op for op in sorted(seen, key=lambda op: op.id) if op.opdef.discharge is not None and op.opdef not in (state.variable, captured)
    ]
    return [tensor for operation in effects for tensor in operation.outputs]
