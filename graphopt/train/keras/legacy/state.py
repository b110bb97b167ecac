"""What an older Keras optimizer keeps in one graph: its counter, slots and other weights, and what is recorded of its hyper-parameters."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any

from graphopt.graph.graph import Graph, get_default_graph
from graphopt.graph.operation import Tensor, default_session
from graphopt.graph.variables import Variable
from graphopt.train.hyper import HyperParameter


@dataclass(eq=False)
class GraphState:
    """The state of one optimizer in one graph.

    Attributes:
      weights: its variables in order of creation. iterations: the counter, once there is one.
      own: variables of the optimizer's own, by name. slots: by the variable's name, then by the slot's.
      hypers: the recorded hyper-parameters, by name. overrides: the numbers set in place of a schedule, callable or tensor.
      shown: what reading a hyper-parameter gives as a tensor. has_updates: whether updates are recorded.
    """

    weights: list[Variable] = field(default_factory=list)
    iterations: Variable | None = None
    own: dict[str, Variable] = field(default_factory=dict)
    slots: dict[str, dict[str, Variable]] = field(default_factory=dict)
    hypers: dict[str, HyperParameter] = field(default_factory=dict)
    overrides: dict[str, HyperParameter] = field(default_factory=dict)
    shown: dict[str, Tensor] = field(default_factory=dict)
    has_updates: bool = False


class StatePerGraph:
    """An object that keeps a `GraphState` in each graph it is used in, so that one object serves several graphs."""

    _graphs: weakref.WeakSet[Graph]

    def _state_in(self, graph: Graph) -> GraphState:
        """Return the state in a graph, or in the graph that a branch or loop belongs to."""
        root = graph.root
        kept: dict[Any, GraphState] = root.state.setdefault("legacy_keras_optimizers", {})
        if self not in kept:
            kept[self] = GraphState()
            self._graphs.add(root)
        return kept[self]

    @property
    def _present_graph(self) -> Graph:
        """The graph that is meant where none is named: the default graph or the default session's, whichever has a state or operations.

        Where that is still empty, as behind the `with` block in which everything was recorded, it is the only graph with a state.
        """
        session = default_session()
        recording: Graph = get_default_graph().root
        graphs = [recording] if session is None else [recording, session.graph]
        known = [graph for graph in graphs if graph in self._graphs]
        current = next(iter(known or [graph for graph in graphs if graph.version] or graphs))
        if current.version == 0 and current not in self._graphs and len(self._graphs) == 1:
            return next(iter(self._graphs))
        return current

    @property
    def _present_state(self) -> GraphState:
        return self._state_in(self._present_graph)

    def _known_states(self) -> list[tuple[Graph, GraphState]]:
        """Return the graphs that have a state, with it."""
        return [(graph, self._state_in(graph)) for graph in self._graphs]
