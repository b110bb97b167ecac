"""The variables that an optimizer changes: those it was given, nested as users like, or the trainable ones."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import get_default_graph
from graphopt.graph.variables import trainable_variables


def default_variables() -> list[Any]:
    """Return the trainable variables of the default graph."""
    return [*trainable_variables(), *get_default_graph().root.get_collection(GraphKeys.TRAINABLE_RESOURCE_VARIABLES)]


def flatten(value: Any) -> Iterable[Any]:
    """Yield what stands in lists, tuples, sets and dictionaries, nested as you like."""
    if isinstance(value, dict):
        value = [value[key] for key in sorted(value)]
    if isinstance(value, list | tuple | set) or hasattr(value, "__next__"):
        for item in value:
            yield from flatten(item)
    else:
        yield value
