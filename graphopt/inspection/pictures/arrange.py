"""Rows of a layered drawing: which box of a scope stands in which row, in which order, and the way that each edge takes between them.

It does not depend on which scopes are open, so that a page can open and close them without arranging anything anew. An edge between
boxes of different scopes runs inside each scope from or to its border, where a *port* stands for it.

The method is that of Sugiyama, Tagawa, Toda 1981 (layers, places for long edges, ordering by barycentres), with the edges of one source
sharing their places.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from graphopt.inspection.pictures.boxes import Box, Drawing, Edge, Scope

_SWEEPS = 8


@dataclass(eq=False)
class Point:
    """A place without a size: where an edge passes a row (``way``), enters the scope (``in``) or leaves it (``out``)."""

    kind: str


Item = Box | Scope | Point


@dataclass(eq=False)
class Link:
    """An edge between two things of one scope; it stands for all edges between what is in them.

    Attributes:
      a, b: the ends. count: how many edges it stands for. is_control: whether all of them are control edges.
      via: the places it passes, from a to b. goes_back: whether b stands above a; then `via` is from b to a.
      ends: the ports that continue it inside of `a` and inside of `b`.
    """

    a: Item
    b: Item
    count: int = 0
    is_control: bool = True
    via: list[Point] = field(default_factory=list)
    goes_back: bool = False
    ends: dict[Item, Point] = field(default_factory=dict)

    @property
    def chain(self) -> list[Item]:
        """What it passes from top to bottom, ends included."""
        return [self.b, *self.via, self.a] if self.goes_back else [self.a, *self.via, self.b]


@dataclass
class Arrangement:
    """The rows and links of one scope."""

    rows: list[list[Item]] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)


def arrange(drawing: Drawing) -> dict[Scope, Arrangement]:
    """Return rows and links of every scope of a drawing."""
    links = _Links(drawing)
    for edge in drawing.edges:
        links.add(edge)
    return {scope: _arranged(scope, links.of(scope)) for scope in scopes_of(drawing.root)}


def scopes_of(root: Scope) -> Iterator[Scope]:
    """Yield a scope and all in it, outer ones first."""
    yield root
    for child in root.children:
        if isinstance(child, Scope):
            yield from scopes_of(child)


class _Links:
    """Lifts edges between boxes to links in the scopes that the edges pass."""

    def __init__(self, drawing: Drawing) -> None:
        self._around: dict[Item, Scope] = {child: scope for scope in scopes_of(drawing.root) for child in scope.children}
        self._links: dict[Scope, dict[tuple[Item, Item], Link]] = {}

    def of(self, scope: Scope) -> list[Link]:
        """Return the links of a scope."""
        return list(self._links.get(scope, {}).values())

    def add(self, edge: Edge) -> None:
        """Enter an edge in the scope that has both ends, and in the scopes below it on both sides."""
        above, below = self._way_up(edge.a), self._way_up(edge.b)
        while above[-1] is below[-1]:
            above.pop()
            below.pop()
        link = self._link(self._around[above[-1]], above[-1], below[-1], edge)
        self._continue(link, above, "out", edge)
        self._continue(link, below, "in", edge)

    def _way_up(self, item: Item) -> list[Item]:
        way = [item]
        while way[-1] in self._around:
            way.append(self._around[way[-1]])
        return way

    def _continue(self, link: Link, way: list[Item], kind: str, edge: Edge) -> None:
        """Go on with a link inside of its end, `way[-1]`, down to the box `way[0]`."""
        for scope, inner in zip(reversed(way[1:]), reversed(way[:-1]), strict=True):
            assert isinstance(scope, Scope)
            port = link.ends.setdefault(scope, Point(kind))
            a, b = (inner, port) if kind == "out" else (port, inner)
            link = self._link(scope, a, b, edge)

    def _link(self, scope: Scope, a: Item, b: Item, edge: Edge) -> Link:
        link = self._links.setdefault(scope, {}).setdefault((a, b), Link(a, b))
        link.count += 1
        link.is_control = link.is_control and edge.is_control
        return link


# --- rows ------------------------------------------------------------------------------------------------------------------------------


def _arranged(scope: Scope, links: list[Link]) -> Arrangement:
    ports = list(dict.fromkeys([item for link in links for item in (link.a, link.b) if isinstance(item, Point)]))
    items: list[Item] = [*[p for p in ports if p.kind == "in"], *scope.children, *[p for p in ports if p.kind == "out"]]
    order = _order(items, links)
    place = {item: i for i, item in enumerate(order)}
    for link in links:
        link.goes_back = place[link.a] > place[link.b]
    row_of = _rows_of(order, links)
    rows: list[list[Item]] = [[] for _ in range(max(row_of.values(), default=-1) + 1)]
    for item in order:
        rows[row_of[item]].append(item)
    _lay_ways(rows, row_of, links)
    _reorder(rows, links)
    return Arrangement(rows, links)


def _order(items: Sequence[Item], links: Iterable[Link]) -> list[Item]:
    """Return the items so that as few links as possible go back (Eades, Lin, Smyth 1993)."""
    after: dict[Item, set[Item]] = {item: set() for item in items}
    before: dict[Item, set[Item]] = {item: set() for item in items}
    for link in links:
        after[link.a].add(link.b)
        before[link.b].add(link.a)
    rest = dict.fromkeys(items)
    order: list[Item] = []
    while rest:
        ready = [item for item in rest if not before[item]]
        if not ready:
            ready = [max(rest, key=lambda item: (_entering(item), len(after[item]) - len(before[item])))]
        for item in ready:
            order.append(item)
            del rest[item]
            for other in after[item]:
                before[other].discard(item)
            for other in before[item]:
                after[other].discard(item)
    return order


def _entering(item: Item) -> bool:
    return isinstance(item, Point) and item.kind == "in"


def _rows_of(order: Sequence[Item], links: Sequence[Link]) -> dict[Item, int]:
    """Return the row of each item: below all that it takes from; what takes nothing stands right above what takes it."""
    above: dict[Item, list[Item]] = {item: [] for item in order}
    below: dict[Item, list[Item]] = {item: [] for item in order}
    for link in links:
        top, bottom = link.chain[0], link.chain[-1]
        above[bottom].append(top)
        below[top].append(bottom)
    has_entries = any(_entering(item) for item in order)
    row: dict[Item, int] = {}
    for item in order:
        first = 1 if has_entries and not _entering(item) else 0
        row[item] = max([row[other] + 1 for other in above[item]], default=first)
        row[item] = max(row[item], first)
    for item in reversed(order):
        if not above[item] and below[item] and not _entering(item):
            row[item] = min([row[other] for other in below[item]]) - 1
    last = max(row.values(), default=0)
    leaving = [item for item in order if isinstance(item, Point) and item.kind == "out"]
    inner = max([row[item] for item in order if item not in set(leaving)], default=0)
    for item in leaving:
        row[item] = max(inner + 1, 1) if last else 1
    return _without_gaps(row)


def _without_gaps(row: dict[Item, int]) -> dict[Item, int]:
    known = {old: new for new, old in enumerate(sorted(set(row.values())))}
    return {item: known[old] for item, old in row.items()}


def _lay_ways(rows: list[list[Item]], row_of: dict[Item, int], links: Iterable[Link]) -> None:
    """Give links over several rows a place in each row between; those of one source share them."""
    ways: dict[tuple[Item, int], Point] = {}
    for link in links:
        top, bottom = (link.b, link.a) if link.goes_back else (link.a, link.b)
        for row in range(row_of[top] + 1, row_of[bottom]):
            if (top, row) not in ways:
                ways[top, row] = Point("way")
                rows[row].append(ways[top, row])
            link.via.append(ways[top, row])


def _reorder(rows: list[list[Item]], links: Iterable[Link]) -> None:
    """Order each row by where the neighbours of its items stand, down and up again."""
    above: dict[Item, list[Item]] = {}
    below: dict[Item, list[Item]] = {}
    for link in links:
        chain = link.chain
        for top, bottom in itertools.pairwise(chain):
            above.setdefault(bottom, []).append(top)
            below.setdefault(top, []).append(bottom)
    for sweep in range(_SWEEPS):
        neighbours = above if sweep % 2 == 0 else below
        for row in rows[1:] if sweep % 2 == 0 else rows[-2::-1]:
            _sort_row(row, rows, neighbours)


def _sort_row(row: list[Item], rows: list[list[Item]], neighbours: dict[Item, list[Item]]) -> None:
    near: dict[Item, float] = {}
    wanted = {other for item in row for other in neighbours.get(item, ())}
    for other_row in rows:
        for i, item in enumerate(other_row):
            if item in wanted:
                near[item] = (i + 0.5) / len(other_row)
    own = {item: (i + 0.5) / len(row) for i, item in enumerate(row)}

    def centre(item: Item) -> float:
        places = [near[other] for other in neighbours.get(item, ()) if other in near]
        return sum(places) / len(places) if places else own[item]

    row.sort(key=centre)
