"""Settings: numbers that a graph takes from outside at every run, such as hyper-parameters.

A setting is a float64 scalar with a value from the start. Each session has its own, which may be set at any time; nothing is compiled
anew, because programs read it like a variable. It stands in no collection: it is no variable of the model.
"""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from graphopt.graph.graph import Graph
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import init_scope
from graphopt.ops import state


def setting(value: float, name: str) -> Tensor:
    """Record a setting; return its value's tensor, a float64 scalar.

    Args:
      value: what it is until it is set. name: name of the operation.
    """
    with init_scope() as graph:
        tensor: Tensor = state.setting(name=name)
        default_settings(graph)[tensor.op.name] = np.float64(value)
    return tensor


def default_settings(graph: Graph) -> dict[str, Any]:
    """Return the values of a graph's settings in sessions that have not set them, by the operation's name."""
    found: dict[str, Any] = graph.root.state.setdefault("settings", {})
    return found


def stores_of(graph: Graph) -> weakref.WeakSet[Any]:
    """Return the stores of the graph's sessions."""
    found: weakref.WeakSet[Any] = graph.root.state.setdefault("stores", weakref.WeakSet())
    return found
