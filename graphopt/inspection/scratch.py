"""Values of tensors in a session's present state, computed in a session of their own: the user's compiles and changes nothing."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from graphopt.compiler.needed import needed_operations
from graphopt.errors import GraphOptError, OpError
from graphopt.graph.operation import Operation, Tensor
from graphopt.inspection.recorded import is_variable, with_branches
from graphopt.ops.control import py_func
from graphopt.runtime.session import Session


class Scratch:
    """Computes values of tensors of one graph.

    Args:
      graph: the graph. session: the session whose state counts, or None for the settings' defaults and no variables.
    """

    def __init__(self, graph: Any, session: Session | None) -> None:
        self._graph = graph.root
        self._source = session if session is not None and session.graph is self._graph else None
        self._session: Session | None = None

    def value(self, tensor: Tensor, given: Mapping[Tensor, Any] | None = None) -> Any:
        """Return a tensor's value, or None where it can't be known: a feed or a variable is missing, an operation
        fails, or the user's Python would be called.

        Args:
          tensor: the tensor. given: values that tensors and variables (their references) have instead.
        """
        if tensor.graph is not self._graph:
            return None
        operations = needed_operations([tensor], given or ())
        if any(operation.opdef is py_func for operation in with_branches(operations)):
            return None  # a function of the user's may count its calls, or do anything else
        feeds = {**self._initial(tensor, operations), **(given or {})}
        session = self._own()
        self._copy_state(session, operations)
        try:
            return session.run(tensor, {t: value for t, value in feeds.items() if value is not None})
        except (OpError, GraphOptError, ArithmeticError):
            return None

    def _own(self) -> Session:
        if self._session is None:
            self._session = Session(graph=self._graph, backend="numpy")
        return self._session

    def _copy_state(self, session: Session, operations: list[Operation]) -> None:
        """Give the own session what the operations read, as the user's session has it now."""
        if self._source is None:
            return
        with self._source.store.lock:
            known = self._source.store.cells
            found = {op.name: copy.copy(known[op.name].value) for op in operations if op.name in known}
        for name, value in found.items():
            session.store.cell(name).value = value

    def _initial(self, tensor: Tensor, operations: list[Operation]) -> dict[Tensor, Any]:
        """Return initial values for the variables that a tensor needs, where there is no session that has values."""
        if self._source is not None:
            return {}
        known: Mapping[Tensor, Any] = self._graph.state.get("variables", {})
        refs = [op.outputs[0] for op in operations if is_variable(op) and op.outputs[0] in known and op.outputs[0] is not tensor]
        starts = {ref: known[ref].initial_value for ref in refs}
        return {ref: self.value(start) for ref, start in starts.items() if _stands_alone(start)}


def _stands_alone(start: Any) -> bool:
    return isinstance(start, Tensor) and not any(is_variable(op) for op in needed_operations([start], ()))


def number(value: Any) -> float | None:
    """Return a value as a float, or None for what is no number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
