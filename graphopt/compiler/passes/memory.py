"""Where results are kept: places in one arena, shared by results whose lives don't overlap, and variables written in place.

This is the only part of the compiler that knows about memory; the program does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphopt.compiler.passes.batch import find_batches
from graphopt.compiler.passes.schedule import schedule
from graphopt.compiler.passes.views import base_of, is_fallible, may_alias
from graphopt.ir.node import INPUT, Node
from graphopt.ir.plan import Batch, Bundle, Plan, Slice, Unit, aligned_size
from graphopt.ir.program import Program


def make_plan(program: Program, takes_place: Callable[[Node], bool], *, batched: bool = True) -> Plan:
    """Return the plan of a program.

    Args:
      program: an optimised program.
      takes_place: whether the backend writes the node's result into memory it is given.
      batched: do the updates of several variables together where their memory can stand side by side.
    """
    order = schedule(program)
    in_place = _find_in_place(program, order, takes_place)
    units: tuple[Unit, ...] = (find_batches(order, in_place, takes_place) if batched else None) or order
    places, bundles, arena_bytes = _Placing(program, units, takes_place, set(in_place.values())).place_all()
    inputs = tuple([node for node in program.nodes() if node.op is INPUT])
    return Plan(program, units, inputs, places, bundles, arena_bytes, in_place)


def _find_in_place(program: Program, order: Sequence[Node], takes_place: Callable[[Node], bool]) -> dict[str, Node]:
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
        if belongs_to_it_alone and all([p < at or (p == at and may_alias(node, old)) for p in reads.get(old, ())]):
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
        elif base.op is INPUT and kind != "effect":
            kept.setdefault(base, set()).add("")
    return kept


def _reads_of_inputs(order: Sequence[Node]) -> dict[Node, list[int]]:
    reads: dict[Node, list[int]] = {}
    for i, node in enumerate(order):
        for source in node.inputs:
            base = base_of(source)
            if base.op is INPUT:
                reads.setdefault(base, []).append(i)
    return reads


class _Arena:
    """Free places by offset; first fit, neighbours joined."""

    def __init__(self) -> None:
        self.size = 0
        self.free: list[Slice] = []

    def take(self, size: int) -> Slice:
        for i, (offset, length) in enumerate(self.free):
            if length >= size:
                self.free[i : i + 1] = [Slice(offset + size, length - size)] if length > size else []
                return Slice(offset, size)
        place = Slice(self.size, size)
        self.size += size
        return place

    def give_back(self, place: Slice) -> None:
        self.free.append(place)
        self.free.sort()
        joined: list[Slice] = []
        for start, length in self.free:
            if joined and joined[-1].offset + joined[-1].size == start:
                joined[-1] = Slice(joined[-1].offset, joined[-1].size + length)
            else:
                joined.append(Slice(start, length))
        self.free = joined


Item = Node | Bundle


class _Placing:
    """Gives each result, or bundle of results, a place for as long as it lives."""

    def __init__(self, program: Program, units: Sequence[Unit], takes_place: Callable[[Node], bool], written: set[Node]) -> None:
        self.units = units
        self.item_of: dict[Node, Item] = {}
        for unit in units:
            for node in _nodes_of(unit):
                if takes_place(node) and node not in written:
                    self.item_of.setdefault(node, node)
            if isinstance(unit, Batch):
                for bundle in (unit.result, *unit.operands):
                    if isinstance(bundle, Bundle) and not bundle.variables:
                        self.item_of.update(dict.fromkeys(bundle.nodes, bundle))
        self.first: dict[Item, int] = {}
        self.last: dict[Item, int] = {}
        self._find_lives(program)

    def _find_lives(self, program: Program) -> None:
        for position, unit in enumerate(self.units):
            for node in _nodes_of(unit):
                if node in self.item_of:
                    self.first.setdefault(self.item_of[node], position)
                for used in (node, *node.inputs):
                    item = self.item_of.get(base_of(used))
                    if item is not None:
                        self.last[item] = position
        for output in program.outputs:
            item = self.item_of.get(base_of(output.node))
            if item is not None and output.kind != "effect":
                self.last[item] = len(self.units)

    def place_all(self) -> tuple[dict[Node, Slice], dict[Bundle, Slice], int]:
        """Return the places of single results, of bundles, and the size of the arena."""
        born: dict[int, list[Item]] = {}
        dying: dict[int, list[Item]] = {}
        for item, position in self.first.items():
            born.setdefault(position, []).append(item)
            dying.setdefault(self.last[item], []).append(item)
        arena = _Arena()
        places: dict[Item, Slice] = {}
        for position, unit in enumerate(self.units):
            ending = dying.get(position, [])
            # A result stands exactly over a dying operand or apart from it: NumPy copies operands that overlap it in part.
            left = [item for item in ending if self._may_take_over(unit, item)]
            taken_over: set[Item] = set()
            for item in born.get(position, ()):
                size = sum([aligned_size(node) for node in _nodes_in(item)])
                old = next((dead for dead in left if places[dead].size == size and dead not in taken_over), None)
                places[item] = arena.take(size) if old is None else places[old]
                if old is not None:
                    taken_over.add(old)
            for item in ending:
                if item not in taken_over:
                    arena.give_back(places[item])
        return self._by_node(places), {item: place for item, place in places.items() if isinstance(item, Bundle)}, arena.size

    def _may_take_over(self, unit: Unit, item: Item) -> bool:
        """Return True when the unit's result may be written over an operand that nothing needs afterwards."""
        if isinstance(unit, Batch):
            return isinstance(item, Bundle) and item in unit.operands and not unit.result.variables and item != unit.result
        if isinstance(item, Bundle) or item is unit or self.item_of.get(unit) is not unit:
            return False
        return item.types == unit.types and may_alias(unit, item)

    def _by_node(self, places: dict[Item, Slice]) -> dict[Node, Slice]:
        found: dict[Node, Slice] = {}
        for item, place in places.items():
            offset = place.offset
            for node in _nodes_in(item):
                found[node] = Slice(offset, aligned_size(node))
                offset += aligned_size(node)
        return found


def _nodes_of(unit: Unit) -> tuple[Node, ...]:
    return unit.result.nodes if isinstance(unit, Batch) else (unit,)


def _nodes_in(item: Item) -> tuple[Node, ...]:
    return item.nodes if isinstance(item, Bundle) else (item,)
