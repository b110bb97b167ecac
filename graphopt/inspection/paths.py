"""The shortest way through the graph from one tensor to another, with the user's lines."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.graph import get_default_graph
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.variables import Variable
from graphopt.inspection.networks import networkx
from graphopt.inspection.recorded import before, is_variable, written_variables


@dataclass(frozen=True)
class Path:
    """A way through the graph. Printed it is one line for each operation.

    Attributes:
      operations: from the first to the last. by_control: for each operation but the first whether it only waits for the one before it,
        without taking its value.
    """

    operations: tuple[Operation, ...]
    by_control: tuple[bool, ...]

    def __len__(self) -> int:
        return len(self.operations)

    def __str__(self) -> str:
        marks = ["", *["waits for it: " if control else "" for control in self.by_control]]
        rows = [f"{mark}{_described(op)}" for mark, op in zip(marks, self.operations, strict=True)]
        return "\n-> ".join(rows)

    __repr__ = __str__


def _described(operation: Operation) -> str:
    types = ", ".join([str(t.tensor_type) for t in operation.outputs]) or "no result"
    return f"{operation.name} ({operation.type}), {types}, made at {operation.location}"


def path(a: Any, b: Any) -> Path:
    """Return the shortest way from one tensor to another: data where there is a way of data alone, else control edges and writes too.

    Args:
      a, b: tensors, operations, variables, or their names in the default graph. From a variable all its reads start.

    Raises:
      ValueError: when b doesn't depend on a (the message says whether a depends on b), or they belong to different graphs.
      TypeError: for anything else.

    Example:
      >>> w = tf.Variable(1.0, name="w")
      >>> loss = tf.square(w * 2.0, name="loss")
      >>> [operation.name for operation in tf.inspection.path(w, loss).operations]
      ['w', 'w/read', 'mul', 'loss']
    """
    start, end = operation_of(a), operation_of(b)
    if start.graph is not end.graph:
        raise ArgumentError(f"{start.name!r} and {end.name!r} belong to different graphs, or to different branches.")
    for make in (_data_edges, _all_edges):
        found = _shortest(make(start.graph.get_operations()), start, end)
        if found is not None:
            return found
    backwards = _shortest(_all_edges(start.graph.get_operations()), end, start) is not None
    hint = f": it is the other way round, path({end.name!r}, {start.name!r})" if backwards else ""
    raise ArgumentError(f"{end.name!r} does not depend on {start.name!r}{hint}.")


def operation_of(given: Any) -> Operation:
    """Return the operation of a tensor, operation, variable or name.

    Raises:
      TypeError: for anything else. KeyError, ValueError: for a name that isn't there.
    """
    if isinstance(given, str):
        given = get_default_graph().as_graph_element(given)
    if isinstance(given, Variable | Tensor):
        operation: Operation = given.op
        return operation
    if not isinstance(given, Operation):
        raise ArgumentTypeError(f"A tensor, an operation, a variable or a name is needed, got {given!r}.")
    return given


def _data_edges(operations: list[Operation]) -> Any:
    graph = networkx().DiGraph()
    graph.add_nodes_from(operations)
    graph.add_edges_from([(t.op, op, {"control": False}) for op in operations for t in op.inputs])
    return graph


def _all_edges(operations: list[Operation]) -> Any:
    """Return data edges, control edges, and edges from a write to the variable, as later reads see it."""
    graph = _data_edges(operations)
    for operation in operations:
        for earlier in before(operation):
            if not graph.has_edge(earlier, operation):
                graph.add_edge(earlier, operation, control=True)
        for variable in written_variables(operation):
            if not graph.has_edge(operation, variable):
                graph.add_edge(operation, variable, control=True)
    return graph


def _shortest(graph: Any, start: Operation, end: Operation) -> Path | None:
    try:
        operations = networkx().shortest_path(graph, start, end)
    except networkx().NetworkXNoPath:
        return None
    control = [graph.edges[a, b]["control"] and not is_variable(b) for a, b in itertools.pairwise(operations)]
    return Path(tuple(operations), tuple(control))
