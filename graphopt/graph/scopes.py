"""`name_scope` with TensorFlow's arguments, on the right graph."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from graphopt.errors import ArgumentError
from graphopt.graph.graph import Graph, get_default_graph


@contextlib.contextmanager
def name_scope(name: str | None, default_name: str | None = None, values: Iterable[Any] | None = None) -> Iterator[str]:
    """Put operations recorded inside a ``with`` block under a scope; yields ``"scope/"``.

    Args:
      name: the scope's name; `default_name` is used when it is None. values: tensors whose graph becomes the default one inside.

    Raises:
      ValueError: without any name, or when the values come from different graphs.
    """
    if name is None and default_name is None and values is not None:
        raise ArgumentError(f"At least one of name ({name}) and default_name ({default_name}) must be provided.")
    graph = graph_of(values) if values is not None else get_default_graph()
    with contextlib.ExitStack() as stack:
        if graph is not get_default_graph():
            stack.enter_context(graph.as_default())
        yield stack.enter_context(graph.name_scope(default_name if name is None else name))


@contextlib.contextmanager
def init_scope() -> Iterator[Graph]:
    """Leave all branches, control dependencies and guards inside a ``with`` block, as variables do when they are made; name scopes stay."""
    current = get_default_graph()
    graph, scope = current.root, current.get_name_scope()
    with contextlib.ExitStack() as stack:
        if graph is not current:
            stack.enter_context(graph.as_default())
            stack.enter_context(graph.name_scope(f"{scope}/" if scope else None))
        stack.enter_context(graph.control_dependencies(None))
        stack.enter_context(graph.write_only_if(None))
        stack.enter_context(graph.collect_writes(suspend=True))
        yield graph


def graph_of(values: Iterable[Any]) -> Graph:
    """Return the graph the values belong to, or the default graph; ValueError when they belong to several."""
    current = get_default_graph()
    found: Any = None
    first: Any = None
    for value in values:
        own = getattr(value, "graph", None)
        if not isinstance(own, Graph):
            continue
        own = current if current.preferred_over(own) is current else own
        if found is None:
            found, first = own, value
        elif own is not found:
            raise ArgumentError(f"{value} must be from the same graph as {first}.")
    return current if found is None else found
