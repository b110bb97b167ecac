"""A plan: the program's nodes in the order in which they run, and where each result is kept. One format for every backend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from graphopt.ir.node import Node
from graphopt.ir.program import Program


class Slice(NamedTuple):
    """A place in the plan's arena."""

    offset: int
    size: int


class Bundle(NamedTuple):
    """Values that stand side by side in memory, so that one call can work on all of them.

    Attributes:
      nodes: the values, one for each lane.
      variables: the variables whose memory it is, or empty when it stands in the plan's arena.
    """

    nodes: tuple[Node, ...]
    variables: tuple[str, ...]


class Batch(NamedTuple):
    """The same elementwise step for several lanes at once.

    Attributes:
      result: where the results stand.
      operands: bundles with one operand for each lane, or a scalar that all lanes share.
    """

    result: Bundle
    operands: tuple[Bundle | Node, ...]


Unit = Node | Batch


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a backend turns into something that runs.

    Attributes:
      program: the program.
      units: its nodes without inputs and constants, single or in batches, in running order; what may fail stands before what
        writes a variable in place.
      inputs: its input nodes.
      places: results that are kept in the arena, with their places; two results share bytes when their lives don't overlap.
      bundles: for each bundle in the arena its place.
      arena_bytes: the size of the arena.
      in_place: variables whose new value is written straight into their own memory, with the node that gives it.
    """

    program: Program
    units: tuple[Unit, ...]
    inputs: tuple[Node, ...]
    places: Mapping[Node, Slice]
    bundles: Mapping[Bundle, Slice]
    arena_bytes: int
    in_place: Mapping[str, Node]

    @property
    def order(self) -> list[Node]:
        """The nodes one by one, in running order."""
        return [node for unit in self.units for node in (unit.result.nodes if isinstance(unit, Batch) else (unit,))]

    @property
    def variable_bundles(self) -> list[tuple[str, ...]]:
        """The variables that have to stand side by side in memory."""
        found: dict[tuple[str, ...], None] = {}
        for unit in self.units:
            if isinstance(unit, Batch):
                for bundle in (unit.result, *unit.operands):
                    if isinstance(bundle, Bundle) and bundle.variables:
                        found[bundle.variables] = None
        return list(found)


ALIGNMENT = 64


def aligned_size(node: Node) -> int:
    """Return the bytes a node's result takes, rounded up so that the next one is aligned."""
    return -(-(node.types[0].num_bytes or 0) // ALIGNMENT) * ALIGNMENT
