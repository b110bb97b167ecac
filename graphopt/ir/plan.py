"""A plan: the program's nodes in the order in which they run, and where each result is kept. One format for every backend."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from graphopt.ir.node import Node
from graphopt.ir.program import Program


class Slice(NamedTuple):
    """A place in the plan's arena, for one result."""

    offset: int
    size: int


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """What a backend turns into something that runs.

    Attributes:
      program: the program.
      order: its nodes without inputs and constants, in running order; what may fail stands before what writes a variable in place.
      inputs: its input nodes.
      places: results that are kept in the arena, with their places; two results share bytes when their lives don't overlap.
      arena_bytes: the size of the arena.
      in_place: variables whose new value is written straight into their own memory, with the node that gives it.
    """

    program: Program
    order: tuple[Node, ...]
    inputs: tuple[Node, ...]
    places: dict[Node, Slice]
    arena_bytes: int
    in_place: dict[str, Node]
