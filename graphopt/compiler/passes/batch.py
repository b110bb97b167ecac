"""Do the same elementwise steps of several variables in one call.

The update of each variable is the same little program on other arrays. Where the arrays of all of them stand side by side in memory,
one call does the step for every variable: a network of twenty variables needs no more calls than one. Only steps that round each
element by itself are batched, so the bits stay the same.
"""

from __future__ import annotations

import contextlib
import heapq
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphopt.compiler.passes.views import base_of, is_fallible, may_alias
from graphopt.ir.node import INPUT, Node
from graphopt.ir.plan import Batch, Bundle, Unit

# Longest chain of steps that is followed back from an update: enough for any update rule.
_DEEPEST = 64

# How many steps of two updates are compared before they are thought alike; deeper differences only make batches shorter.
_LOOKS = 3


class _Mismatch(Exception):
    """The lanes differ."""


def find_batches(order: Sequence[Node], in_place: Mapping[str, Node], takes_place: Callable[[Node], bool]) -> tuple[Unit, ...] | None:
    """Return the units of a plan with the updates of several variables batched, or None when there is nothing to batch.

    Args:
      order: the nodes in running order. in_place: variables written in place, with their new values.
      takes_place: whether a node's result is written into memory it is given.
    """
    finder = _Finder(in_place, takes_place)
    for names in finder.groups():
        finder.try_group(names)
    return _order_units(order, in_place, finder.batches) if finder.batches else None


class _Finder:
    """Matches the updates of several variables step by step."""

    def __init__(self, in_place: Mapping[str, Node], takes_place: Callable[[Node], bool]) -> None:
        self.in_place = in_place
        self.takes_place = takes_place
        self.owner = {node: name for name, node in in_place.items()}
        self.bundle_of: dict[Node, Bundle] = {}
        self.variables_of: dict[str, tuple[str, ...]] = {}
        self.batches: dict[Bundle, Batch] = {}
        self.depth = 0

    def groups(self) -> list[tuple[str, ...]]:
        """Return the variables whose updates look alike as far as the first few steps go."""
        found: dict[object, list[str]] = {}
        for name, node in self.in_place.items():
            found.setdefault(self._shape_of(node, _LOOKS), []).append(name)
        return [tuple(names) for names in found.values() if len(names) > 1]

    def _shape_of(self, node: Node, depth: int) -> object:
        """Return a key of the expression that gives `node`: the same for the same steps on other arrays."""
        if _is_scalar(node):
            return node
        if depth == 0 or not self._is_step(node):
            return node.dtype
        return (node.op, *[self._shape_of(source, depth - 1) for source in node.inputs])

    def _is_step(self, node: Node) -> bool:
        """Return True for a step that can be batched: exactly rounded, and all its arrays of the result's own shape."""
        if not node.op.correctly_rounded or node.op.ufunc is None or not self.takes_place(node):
            return False
        return all([_is_scalar(source) or source.types == node.types for source in node.inputs])

    def try_group(self, names: tuple[str, ...]) -> None:
        """Batch the updates of these variables, or leave all as it was."""
        with contextlib.suppress(_Mismatch):
            self._attempt(tuple([self.in_place[name] for name in names]), self._unify)

    def _attempt(self, nodes: tuple[Node, ...], build: Callable[[tuple[Node, ...]], Bundle]) -> Bundle:
        """Return ``build(nodes)``; when it fails nothing it did is kept."""
        tables: list[dict[Any, Any]] = [self.bundle_of, self.variables_of, self.batches]
        sizes = [len(table) for table in tables]
        self.depth += 1
        try:
            return build(nodes)
        except _Mismatch:
            for table, size in zip(tables, sizes, strict=True):
                while len(table) > size:
                    table.popitem()
            raise
        finally:
            self.depth -= 1

    def _unify(self, nodes: tuple[Node, ...]) -> Bundle:
        known = self.bundle_of.get(nodes[0])
        if known is not None or any([node in self.bundle_of for node in nodes]):
            if known is None or known.nodes != nodes:
                raise _Mismatch
            return known
        if len(set(nodes)) < len(nodes):
            raise _Mismatch
        if self.depth < _DEEPEST and all([self._is_step(node) and node.op is nodes[0].op for node in nodes]):
            with contextlib.suppress(_Mismatch):
                return self._attempt(nodes, self._batch)
        return self._leaves(nodes)

    def _batch(self, nodes: tuple[Node, ...]) -> Bundle:
        """Return the bundle of a step that is done for all lanes at once."""
        bundle = Bundle(nodes, self._variables(nodes))
        operands = tuple([self._operand(tuple([node.inputs[i] for node in nodes])) for i in range(len(nodes[0].inputs))])
        self.batches[bundle] = Batch(bundle, operands)
        self.bundle_of.update(dict.fromkeys(nodes, bundle))
        return bundle

    def _leaves(self, nodes: tuple[Node, ...]) -> Bundle:
        """Return the bundle of values that are made one by one, but side by side: old values of variables, or results in places."""
        bundle = Bundle(nodes, self._variables(nodes))
        if any(
            [node.op is not INPUT and (node in self.owner or not self.takes_place(node) or base_of(node) is not node) for node in nodes]
        ):
            raise _Mismatch
        self.bundle_of.update(dict.fromkeys(nodes, bundle))
        return bundle

    def _operand(self, sources: tuple[Node, ...]) -> Bundle | Node:
        if _is_scalar(sources[0]):
            if any(source is not sources[0] for source in sources):
                raise _Mismatch
            return sources[0]
        return self._unify(sources)

    def _variables(self, nodes: tuple[Node, ...]) -> tuple[str, ...]:
        """Return the variables whose memory the nodes are: old values, or new ones written in place."""
        if all([node.op is INPUT for node in nodes]):
            names = tuple([node.attributes["name"] for node in nodes if node.attributes["kind"] == "variable"])
            if len(names) < len(nodes) or any(name not in self.in_place for name in names):
                raise _Mismatch
        elif all([node in self.owner for node in nodes]):
            names = tuple([self.owner[node] for node in nodes])
        elif any([node in self.owner or node.op is INPUT for node in nodes]):
            raise _Mismatch
        else:
            return ()
        for name in names:
            if self.variables_of.setdefault(name, names) != names:
                raise _Mismatch
        return names


def _is_scalar(node: Node) -> bool:
    return node.types[0].shape == ()


def _order_units(order: Sequence[Node], in_place: Mapping[str, Node], batches: Mapping[Bundle, Batch]) -> tuple[Unit, ...] | None:
    """Return nodes and batches so that everything stands after what it needs, and what may fail before what writes in place.

    None when that is impossible: when a lane needs another lane's later result.
    """
    unit_of: dict[Node, Unit] = {node: node for node in order}
    for batch in batches.values():
        unit_of.update(dict.fromkeys(batch.result.nodes, batch))
    barrier = object()
    before: dict[object, set[object]] = {unit: set() for unit in unit_of.values()}
    before[barrier] = set()
    for node in order:
        before[unit_of[node]].update(unit_of[source] for source in node.inputs if source in unit_of)
        if is_fallible(node):
            before[barrier].add(unit_of[node])
    readers = _readers(order)
    for name, root in in_place.items():
        before[unit_of[root]].add(barrier)
        before[unit_of[root]].update(
            unit_of[reader] for reader in readers.get(name, ()) if not (reader is root and may_alias_all(root, name))
        )
    position: dict[object, int] = {unit_of[node]: i for i, node in enumerate(order)}
    position[barrier] = -1
    for unit, earlier in before.items():
        earlier.discard(unit)
    return _kahn(before, position)


def may_alias_all(root: Node, name: str) -> bool:
    """Return True when the step that gives a variable's new value may look at the old one while it overwrites it."""
    return all([may_alias(root, source) for source in root.inputs if source.op is INPUT and source.attributes["name"] == name])


def _readers(order: Sequence[Node]) -> dict[str, list[Node]]:
    found: dict[str, list[Node]] = {}
    for node in order:
        for source in node.inputs:
            base = base_of(source)
            if base.op is INPUT and base.attributes["kind"] == "variable":
                found.setdefault(base.attributes["name"], []).append(node)
    return found


def _kahn(before: dict[object, set[object]], position: Mapping[object, int]) -> tuple[Unit, ...] | None:
    followers: dict[object, list[object]] = {}
    waits = {unit: len(earlier) for unit, earlier in before.items()}
    for unit, earlier in before.items():
        for other in earlier:
            followers.setdefault(other, []).append(unit)
    by_position = {position[unit]: unit for unit in before}
    ready = [position[unit] for unit, count in waits.items() if count == 0]
    heapq.heapify(ready)
    result: list[Unit] = []
    while ready:
        unit = by_position[heapq.heappop(ready)]
        if isinstance(unit, (Node, Batch)):
            result.append(unit)
        for follower in followers.get(unit, ()):
            waits[follower] -= 1
            if waits[follower] == 0:
                heapq.heappush(ready, position[follower])
    return tuple(result) if len(result) == len(before) - 1 else None
