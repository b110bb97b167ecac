"""Where everything of a drawing stands, for given open scopes. The page's script does the same arithmetic in the browser."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from graphopt.inspection.pictures.arrange import Arrangement, Item, Link, Point
from graphopt.inspection.pictures.boxes import Box, Scope

CHARACTER = 6.9  # the width of a character of 12 pixels, on average
LONGEST = 30
HEIGHT = 36.0
HEADER = 24.0
PADDING = 12.0
BETWEEN = 16.0
BETWEEN_WAYS = 9.0
SWEEPS = 8


@dataclass
class Rectangle:
    """Where something stands: its left upper corner and its size in pixels."""

    x: float
    y: float
    width: float
    height: float

    @property
    def centre(self) -> float:
        """The middle between left and right."""
        return self.x + self.width / 2

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.y + self.height


@dataclass
class Placed:
    """What stands where, relative to the upper left corner of its scope.

    Attributes:
      width, height: of the whole scope. items: the place of each. tops, bottoms: of the rows.
    """

    width: float
    height: float
    items: dict[Item, Rectangle]
    tops: dict[Item, float]
    bottoms: dict[Item, float]


def shown(label: str) -> str:
    """Return a label, shortened in its middle when it is long."""
    return label if len(label) <= LONGEST else f"{label[:13]}…{label[-(LONGEST - 14) :]}"


def closed_width(item: Box | Scope) -> float:
    """Return the width of a box, or of a closed scope."""
    second = second_line(item)
    return max(len(shown(item.label)) + 3, len(second) * 0.9) * CHARACTER + 24


def second_line(item: Box | Scope) -> str:
    """Return what stands below the label."""
    if isinstance(item, Scope):
        return f"{item.size} operations"
    return shown(f"{item.kind} {item.result}".strip() if item.kind != item.label else item.result or item.kind)


def place(scope: Scope, arrangements: Mapping[Scope, Arrangement], opened: Collection[Scope]) -> dict[Scope, Placed]:
    """Return the places in a scope and in all open scopes in it.

    Args:
      scope: the scope. arrangements: rows and links of each scope. opened: the scopes that are open.
    """
    found: dict[Scope, Placed] = {}
    for child in scope.children:
        if isinstance(child, Scope) and child in opened:
            found.update(place(child, arrangements, opened))
    sizes: dict[Item, tuple[float, float]] = {}
    arrangement = arrangements[scope]
    for row in arrangement.rows:
        for item in row:
            if isinstance(item, Point):
                sizes[item] = (0.0, 0.0)
            elif isinstance(item, Scope) and item in found:
                sizes[item] = (found[item].width, found[item].height)
            else:
                sizes[item] = (closed_width(item), HEIGHT)
    found[scope] = _placed(scope, arrangement, sizes)
    return found


def _placed(scope: Scope, arrangement: Arrangement, sizes: Mapping[Item, tuple[float, float]]) -> Placed:
    centres = _centres(arrangement, sizes)
    left = min([centres[item] - sizes[item][0] / 2 for item in centres], default=0.0)
    right = max([centres[item] + sizes[item][0] / 2 for item in centres], default=0.0)
    title = (len(shown(scope.label)) + 6) * CHARACTER + 30
    spare = max(0.0, title - (right - left) - 2 * PADDING) / 2
    items: dict[Item, Rectangle] = {}
    tops: dict[Item, float] = {}
    bottoms: dict[Item, float] = {}
    y = HEADER
    for i, row in enumerate(arrangement.rows):
        height = max([sizes[item][1] for item in row], default=0.0)
        for item in row:
            width, own = sizes[item]
            items[item] = Rectangle(centres[item] - width / 2 - left + PADDING + spare, y + (height - own) / 2, width, own)
            tops[item], bottoms[item] = y, y + height
        y += height
        if i + 1 < len(arrangement.rows):
            y += _gap(row, arrangement.rows[i + 1])
    return Placed(right - left + 2 * (PADDING + spare), y + PADDING, items, tops, bottoms)


def _gap(row: list[Item], below: list[Item]) -> float:
    """Return the room between two rows: more where more edges turn, little at a border."""
    if all(isinstance(item, Point) for item in row) or all(isinstance(item, Point) for item in below):
        return 20.0
    return 24.0 + min(40.0, 1.5 * (len(row) + len(below)))


def _centres(arrangement: Arrangement, sizes: Mapping[Item, tuple[float, float]]) -> dict[Item, float]:
    """Return the middle of each item: near its neighbours' in the rows above and below, in order and without overlap."""
    above: dict[Item, list[Item]] = {}
    below: dict[Item, list[Item]] = {}
    for link in arrangement.links:
        chain = link.chain
        for top, bottom in itertools.pairwise(chain):
            above.setdefault(bottom, []).append(top)
            below.setdefault(top, []).append(bottom)
    centres: dict[Item, float] = {}
    for row in arrangement.rows:
        x = 0.0
        for i, item in enumerate(row):
            x += _distance(row[i - 1], item, sizes) if i else 0.0
            centres[item] = x
        for item in row:
            centres[item] -= x / 2
    for sweep in range(SWEEPS):
        neighbours = above if sweep % 2 == 0 else below
        for row in arrangement.rows if sweep % 2 == 0 else arrangement.rows[::-1]:
            wanted = []
            for item in row:
                near = [centres[other] for other in neighbours.get(item, ())]
                wanted.append(sum(near) / len(near) if near else centres[item])
            centres.update(zip(row, _apart(row, wanted, sizes), strict=True))
    return centres


def _distance(a: Item, b: Item, sizes: Mapping[Item, tuple[float, float]]) -> float:
    """Return how far the middles of two neighbours in a row have to be apart."""
    between = BETWEEN_WAYS if isinstance(a, Point) and isinstance(b, Point) else BETWEEN
    return (sizes[a][0] + sizes[b][0]) / 2 + between


def _apart(row: list[Item], wanted: list[float], sizes: Mapping[Item, tuple[float, float]]) -> list[float]:
    """Return places near the wanted ones, in order and far enough apart: between pushing all to the right and all to the left."""
    right, left = list(wanted), list(wanted)
    for i in range(1, len(row)):
        right[i] = max(right[i], right[i - 1] + _distance(row[i - 1], row[i], sizes))
    for i in range(len(row) - 2, -1, -1):
        left[i] = min(left[i], left[i + 1] - _distance(row[i], row[i + 1], sizes))
    return [(a + b) / 2 for a, b in zip(right, left, strict=True)]


def ends_of(link: Link, placed: Mapping[Scope, Placed], own: Placed) -> list[tuple[float, float]]:
    """Return the x and y at which a link leaves its upper and enters its lower end: of an open scope the port's; at a border its own."""
    found = []
    for item, is_top in ((link.chain[0], True), (link.chain[-1], False)):
        box = own.items[item]
        x = box.centre
        if isinstance(item, Scope) and item in placed and item in link.ends and not link.goes_back:
            x = box.x + placed[item].items[link.ends[item]].centre
        y = box.bottom if is_top else box.y
        if isinstance(item, Point):
            y = 0.0 if is_top else own.height
        found.append((x, y))
    return found
