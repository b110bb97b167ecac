"""Values of tensors in a session's present state, computed in a session of their own: the user's compiles and changes nothing."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from graphopt.compiler.needed import needed_operations
from graphopt.errors import GraphOptError, OpError
from graphopt.graph.operation import Tensor
from graphopt.inspection.recorded import is_variable
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
        """Return a tensor's value, or None where it can't be known: a feed or a variable is missing, or an operation fails.

        Args:
          tensor: the tensor. given: values that tensors and variables (their references) have instead.
        """
        if tensor.graph is not self._graph:
            return None
        feeds = {**self._variables(tensor), **(given or {})}
        feeds = {t: value for t, value in feeds.items() if value is not None}
        try:
            return self._own().run(tensor, feeds)
        except (OpError, GraphOptError, ArithmeticError):
            return None

    def _own(self) -> Session:
        if self._session is None:
            self._session = Session(graph=self._graph, backend="numpy")
            if self._source is not None:
                with self._source.store.lock:
                    settings = {name: copy.copy(cell.value) for name, cell in self._source.store.cells.items()}
                for name, value in settings.items():
                    self._session.store.cell(name).value = value
        return self._session

    def _variables(self, tensor: Tensor) -> dict[Tensor, Any]:
        """Return the present values of the variables that a tensor needs; where the session has none, their initial values."""
        if self._source is not None:
            return {}
        found: dict[Tensor, Any] = {}
        initial: Mapping[Tensor, Any] = self._graph.state.get("variables", {})
        for operation in needed_operations([tensor], ()):
            ref = operation.outputs[0] if is_variable(operation) else None
            if ref is not None and ref in initial and ref is not tensor:
                known = initial[ref].initial_value
                if isinstance(known, Tensor) and not any(is_variable(op) for op in needed_operations([known], ())):
                    found[ref] = self.value(known)
        return found


def number(value: Any) -> float | None:
    """Return a value as a float, or None for what is no number."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return None
