"""Where results are kept: places in one arena, shared by results whose lives don't overlap, and variables written in place.

This is the only part of the compiler that knows about memory; the program does not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from graphopt.compiler.passes.batch import find_batches
from graphopt.compiler.passes.schedule import schedule
from graphopt.compiler.passes.views import base_of, is_fallible, may_alias
from graphopt.ir.node import INPUT, Node
from graphopt.ir.plan import Batch, Bundle, Plan, Slice, Unit, aligned_size
from graphopt.ir.program import Program


class Storage(Protocol):
    """What the memory pass has to know of a backend: which results stand in memory it is given, and who shares whose."""

    def takes_place(self, node: Node) -> bool:
        """Return True when a result is written into memory that the plan gives."""

    def results_of(self, node: Node) -> tuple[Node, ...]:
        """Return the nodes whose values running `node` makes: itself, or the results of a node with several."""

    def base_of(self, node: Node) -> Node:
        """Return the node whose memory a value stands in."""

    def reads_of(self, node: Node) -> list[Node]:
        """Return the nodes whose memory running `node` reads."""

    def may_alias(self, maker: Node, result: Node, operand: Node) -> bool:
        """Return True when the step `maker` may write `result` over the memory of `operand`."""


class OneResultStorage:
    """The storage of a backend that runs a node at a time, as NumPy does.

    Args:
      takes_place: whether a node's result is written into memory it is given.
    """

    def __init__(self, takes_place: Callable[[Node], bool]) -> None:
        self.takes_place = takes_place

    def results_of(self, node: Node) -> tuple[Node, ...]:
        """Return the node itself."""
        return (node,)

    def base_of(self, node: Node) -> Node:
        """Return the node whose memory `node` may share."""
        return base_of(node)

    def reads_of(self, node: Node) -> list[Node]:
        """Return the nodes whose memory the operands may share."""
        return [base_of(source) for source in node.inputs]

    def may_alias(self, maker: Node, result: Node, operand: Node) -> bool:
        """Return True when the step may write its result over this operand."""
        return may_alias(maker, operand)


def make_plan(
    program: Program, takes_place: Callable[[Node], bool] | None = None, *, batched: bool = True, storage: Storage | None = None
) -> Plan:
    """Return the plan of a program.

    Args:
      program: an optimised program.
      takes_place: whether the backend writes the node's result into memory it is given; all that most backends say of their storage.
      batched: do the updates of several variables together where their memory can stand side by side.
      storage: what else is to know of the backend's storage.
    """
    if storage is None:
        if takes_place is None:
            raise AssertionError("a plan needs `takes_place` or `storage`")
        storage = OneResultStorage(takes_place)
    order = schedule(program)
    in_place = _find_in_place(program, order, storage)
    units: tuple[Unit, ...] = (find_batches(order, in_place, storage.takes_place) if batched else None) or order
    places, bundles, arena_bytes = _Placing(program, units, storage, set(in_place.values())).place_all()
    inputs = tuple([node for node in program.nodes() if node.op is INPUT])
    return Plan(program, units, inputs, places, bundles, arena_bytes, in_place)


def _find_in_place(program: Program, order: Sequence[Node], storage: Storage) -> dict[str, Node]:
    """Return the variables whose new value may overwrite the old one where it stands.

    The old value must not be looked at after the step (an elementwise step may look at it in the same place), nothing may fail from
    the first such step on, and the new value must belong to this variable alone.
    """
    position = {result: i for i, node in enumerate(order) for result in storage.results_of(node)}
    last_fallible = max([i for i, node in enumerate(order) if is_fallible(node)], default=-1)
    reads = _reads_of_inputs(order, storage)
    kept = _kept_bases(program, storage)
    variables = {n.attributes["name"]: n for n in program.inputs() if n.attributes["kind"] == "variable"}
    optional = {n.attributes["name"] for n in program.inputs() if n.attributes["kind"] == "optional"}
    found: dict[str, Node] = {}
    for kind, name, node in program.outputs:
        old = variables.get(name)
        if kind != "update" or old is None or name in optional or position.get(node, -1) <= last_fallible:
            continue
        if old.shape == () or not storage.takes_place(node):
            continue  # the store keeps a scalar as a value, not as memory
        at = position[node]
        belongs_to_it_alone = kept[node] == {name} and kept.get(old, set()) <= {name} and old.types == node.types
        if belongs_to_it_alone and all([p < at or (p == at and storage.may_alias(order[at], node, old)) for p in reads.get(old, ())]):
            found[name] = node
    return found


def _kept_bases(program: Program, storage: Storage) -> dict[Node, set[str]]:
    """Return, for memory that outlives the steps, which variables keep it as their new value ("" for any other output).

    A fetched new value may be the variable's own memory: fetches are copied when the run is over.
    """
    kept: dict[Node, set[str]] = {}
    for kind, name, node in program.outputs:
        base = storage.base_of(node)
        if kind == "update":
            kept.setdefault(base, set()).add(name)
        elif base.op is INPUT and kind != "effect":
            kept.setdefault(base, set()).add("")
    return kept


def _reads_of_inputs(order: Sequence[Node], storage: Storage) -> dict[Node, list[int]]:
    reads: dict[Node, list[int]] = {}
    for i, node in enumerate(order):
        for base in storage.reads_of(node):
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

    def __init__(self, program: Program, units: Sequence[Unit], storage: Storage, written: set[Node]) -> None:
        self.units = units
        self.storage = storage
        self.item_of: dict[Node, Item] = {}
        for unit in units:
            for node in self._results_of(unit):
                if storage.takes_place(node) and node not in written:
                    self.item_of.setdefault(node, node)
            if isinstance(unit, Batch):
                for bundle in (unit.result, *unit.operands):
                    if isinstance(bundle, Bundle) and not bundle.variables:
                        self.item_of.update(dict.fromkeys(bundle.nodes, bundle))
        self.first: dict[Item, int] = {}
        self.last: dict[Item, int] = {}
        self._find_lives(program)

    def _results_of(self, unit: Unit) -> tuple[Node, ...]:
        return unit.result.nodes if isinstance(unit, Batch) else self.storage.results_of(unit)

    def _find_lives(self, program: Program) -> None:
        base_of = self.storage.base_of
        for position, unit in enumerate(self.units):
            for node in self._results_of(unit):
                if node in self.item_of:
                    self.first.setdefault(self.item_of[node], position)
                    self.last[self.item_of[node]] = position
            for node in unit.result.nodes if isinstance(unit, Batch) else (unit,):
                for base in (base_of(node), *self.storage.reads_of(node)):
                    item = self.item_of.get(base)
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
            taken_over: set[Item] = set()
            for item in born.get(position, ()):
                size = sum([aligned_size(node) for node in _nodes_in(item)])
                fitting = (dead for dead in ending if dead in places and places[dead].size == size and dead not in taken_over)
                old = next((dead for dead in fitting if self._may_take_over(unit, item, dead)), None)
                places[item] = arena.take(size) if old is None else places[old]
                if old is not None:
                    taken_over.add(old)
            for item in ending:
                if item not in taken_over:
                    arena.give_back(places[item])
        return self._by_node(places), {item: place for item, place in places.items() if isinstance(item, Bundle)}, arena.size

    def _may_take_over(self, unit: Unit, new: Item, item: Item) -> bool:
        """Return True when a result of the unit may be written over an operand that nothing needs afterwards."""
        if isinstance(unit, Batch):
            return isinstance(item, Bundle) and item in unit.operands and not unit.result.variables and item != unit.result
        if isinstance(item, Bundle) or isinstance(new, Bundle) or item in self._results_of(unit) or new not in self._results_of(unit):
            return False
        return item.types == new.types and self.storage.may_alias(unit, new, item)

    def _by_node(self, places: dict[Item, Slice]) -> dict[Node, Slice]:
        found: dict[Node, Slice] = {}
        for item, place in places.items():
            offset = place.offset
            for node in _nodes_in(item):
                found[node] = Slice(offset, aligned_size(node))
                offset += aligned_size(node)
        return found


def _nodes_in(item: Item) -> tuple[Node, ...]:
    return item.nodes if isinstance(item, Bundle) else (item,)
