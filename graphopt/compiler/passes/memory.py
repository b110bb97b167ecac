"""Where results are kept: places in one arena, shared by results whose lives don't overlap, and variables written in place.

This is the only part of the compiler that knows about memory; the program does not.
"""

from __future__ import annotations

from collections.abc import Callable

from graphopt.compiler.passes.schedule import is_fallible, schedule
from graphopt.ir.node import INPUT, ITEM, Node
from graphopt.ir.plan import Plan, Slice
from graphopt.ir.program import Program

ALIGNMENT = 64


def make_plan(program: Program, takes_place: Callable[[Node], bool]) -> Plan:
    """Return the plan of a program.

    Args:
      program: an optimised program.
      takes_place: whether the backend writes the node's result into memory it is given.
    """
    order = schedule(program)
    in_place = _find_in_place(program, order, takes_place)
    written = set(in_place.values())
    places, arena_bytes = _assign_places(program, order, [n for n in order if takes_place(n) and n not in written])
    inputs = tuple(node for node in program.nodes() if node.op is INPUT)
    return Plan(program, order, inputs, places, arena_bytes, in_place)


def base_of(node: Node) -> Node:
    """Return the node whose memory `node` may share: through views, to where the memory was made."""
    while True:
        if node.op is ITEM:
            node = node.inputs[0]
        view_of = node.op.view_of
        if view_of is None:
            return node
        node = node.inputs[[p.name for p in node.op.parameters].index(view_of)]


def _last_uses(order: tuple[Node, ...], program: Program) -> dict[Node, int]:
    """Return, for every node that owns memory, the position of the last step that looks at that memory."""
    last: dict[Node, int] = {}
    for position, node in enumerate(order):
        for source in node.inputs:
            last[base_of(source)] = position
        last.setdefault(base_of(node), position)
    for output in program.outputs:
        last[base_of(output.node)] = len(order)
    return last


def _find_in_place(program: Program, order: tuple[Node, ...], takes_place: Callable[[Node], bool]) -> dict[str, Node]:
    """Return the variables whose new value may overwrite the old one where it stands.

    The old value must not be looked at after the step (an elementwise step may look at it in the same place), nothing may fail from
    the first such step on, and the new value must belong to this variable alone.
    """
    position = {node: i for i, node in enumerate(order)}
    last_fallible = max([i for i, node in enumerate(order) if is_fallible(node)], default=-1)
    reads = _reads_of_inputs(order)
    kept = _kept_bases(program)
    variables = {n.attributes["name"]: n for n in program.inputs() if n.attributes["kind"] == "variable"}
    optional = {n.attributes["name"] for n in program.inputs() if n.attributes["kind"] == "optional"}
    found: dict[str, Node] = {}
    for kind, name, node in program.outputs:
        old = variables.get(name)
        if kind != "update" or old is None or name in optional or position.get(node, -1) <= last_fallible or not takes_place(node):
            continue
        at = position[node]
        belongs_to_it_alone = kept[node] == {name} and kept.get(old, set()) <= {name} and old.types == node.types
        if belongs_to_it_alone and all(p < at or (p == at and _may_alias(node, old)) for p in reads.get(old, ())):
            found[name] = node
    return found


def _kept_bases(program: Program) -> dict[Node, set[str]]:
    """Return, for memory that outlives the steps, which variables keep it as their new value ("" for any other output).

    A fetched new value may be the variable's own memory: fetches are copied when the run is over.
    """
    kept: dict[Node, set[str]] = {}
    for kind, name, node in program.outputs:
        base = base_of(node)
        if kind == "update":
            kept.setdefault(base, set()).add(name)
        elif base.op is INPUT:
            kept.setdefault(base, set()).add("")
    return kept


def _reads_of_inputs(order: tuple[Node, ...]) -> dict[Node, list[int]]:
    reads: dict[Node, list[int]] = {}
    for i, node in enumerate(order):
        for source in node.inputs:
            base = base_of(source)
            if base.op is INPUT:
                reads.setdefault(base, []).append(i)
    return reads


def _may_alias(node: Node, operand: Node) -> bool:
    """Return True when the step may write its result over this operand."""
    if node.op.overwrites is not None:
        index = [p.name for p in node.op.parameters].index(node.op.overwrites)
        return node.inputs[index] is operand and all(base_of(s) is not operand for i, s in enumerate(node.inputs) if i != index)
    return node.op.ufunc is not None and all(source is operand or base_of(source) is not operand for source in node.inputs)


class _Arena:
    """Free places by offset; first fit, neighbours joined."""

    def __init__(self) -> None:
        self.size = 0
        self.free: list[tuple[int, int]] = []

    def take(self, size: int) -> int:
        for i, (offset, length) in enumerate(self.free):
            if length >= size:
                if length == size:
                    del self.free[i]
                else:
                    self.free[i] = (offset + size, length - size)
                return offset
        offset = self.size
        self.size += size
        return offset

    def give_back(self, offset: int, size: int) -> None:
        self.free.append((offset, size))
        self.free.sort()
        joined: list[tuple[int, int]] = []
        for start, length in self.free:
            if joined and joined[-1][0] + joined[-1][1] == start:
                joined[-1] = (joined[-1][0], joined[-1][1] + length)
            else:
                joined.append((start, length))
        self.free = joined


def _assign_places(program: Program, order: tuple[Node, ...], placed: list[Node]) -> tuple[dict[Node, Slice], int]:
    last = _last_uses(order, program)
    wanted = set(placed)
    dies_at: dict[int, list[Node]] = {}
    for node in placed:
        dies_at.setdefault(last[node], []).append(node)
    arena = _Arena()
    places: dict[Node, Slice] = {}
    for position, node in enumerate(order):
        dying = [n for n in dies_at.get(position, ()) if n is not node]
        # An elementwise step may write over an operand of its own shape that nothing needs afterwards.
        early = [n for n in dying if node in wanted and n.types == node.types and _may_alias(node, n)]
        for dead in early:
            arena.give_back(*places[dead])
        if node in wanted:
            size = -(-(node.tensor_type.num_bytes or 0) // ALIGNMENT) * ALIGNMENT
            places[node] = Slice(arena.take(size), size)
        for dead in dying:
            if dead not in early:
                arena.give_back(*places[dead])
        if node in wanted and last[node] == position:
            arena.give_back(*places[node])
    return places, arena.size


