"""What was differentiated in a graph: kept with it, so that inspection can tell the backward pass from the rest."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphopt.graph.graph import Graph
from graphopt.graph.operation import Tensor

_KEY = "derivations"


class Derivation(NamedTuple):
    """One differentiation.

    Attributes:
      targets: what was differentiated. sources: by what. gradients: the results, one for each source: a tensor, sparse rows or None.
      first, end: the operations it recorded have numbers (`Operation.id`) from `first` to `end`, which is left out.
    """

    targets: tuple[Tensor, ...]
    sources: tuple[Tensor, ...]
    gradients: tuple[Any, ...]
    first: int
    end: int


def note_derivation(graph: Graph, derivation: Derivation) -> None:
    """Keep a differentiation with its graph."""
    graph.state.setdefault(_KEY, []).append(derivation)


def derivations_of(graph: Graph) -> list[Derivation]:
    """Return the differentiations that were recorded in a graph, in order."""
    return list(graph.state.get(_KEY, ()))
