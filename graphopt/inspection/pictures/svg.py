"""A drawing as SVG: boxes in frames, one frame for each open scope, edges between them, and a legend."""

from __future__ import annotations

from collections.abc import Mapping

from graphopt.inspection.pictures.arrange import Arrangement, Link, Point, scopes_of
from graphopt.inspection.pictures.boxes import Box, Drawing, Scope
from graphopt.inspection.pictures.looks import LINES, LOOKS, escaped
from graphopt.inspection.pictures.place import HEIGHT, Placed, Rectangle, ends_of, place, second_line, shown

MOST_BOXES = 300
LEGEND = 84.0
_NARROWEST = 960.0
_MARGIN = 12.0
ARROW = (
    '<marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" '
    'orient="auto-start-reverse"><path d="M0 0.5L8 4L0 7.5z" fill="#444"/></marker>'
)
_STYLE = """
.graph { font-family: system-ui, sans-serif; font-size: 12px; }
.graph text { fill: #111; } .graph .second { font-size: 10.5px; fill: #333; } .graph .letter { font-size: 10px; font-weight: 700; }
.graph .frame { fill: #000; fill-opacity: 0.025; stroke: #999; }
.graph .title { font-weight: 600; paint-order: stroke; stroke: #fff; stroke-width: 4px; }
.graph .link { fill: none; stroke: #666; stroke-opacity: 0.75; } .graph .control { stroke-dasharray: 4 3; }
.graph .back { stroke: #b00; stroke-dasharray: 8 3 2 3; }
"""


def to_svg(drawing: Drawing, arrangements: Mapping[Scope, Arrangement]) -> str:
    """Return a drawing as SVG. With more than 300 boxes inner scopes are closed.

    Args:
      drawing: what it shows. arrangements: the rows of each scope.
    """
    opened = opened_scopes(drawing.root, MOST_BOXES)
    placed = place(drawing.root, arrangements, opened)
    own = placed[drawing.root]
    width, height = max(own.width, _NARROWEST) + 2 * _MARGIN, own.height + LEGEND + 2 * _MARGIN
    writer = _Writer(arrangements, placed)
    writer.scope(drawing.root, _MARGIN + (width - 2 * _MARGIN - own.width) / 2, _MARGIN + LEGEND)
    what = escaped(drawing.title)
    head = f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}"'
    body = "\n".join([legend(what), *writer.rows])
    label = f'role="img" aria-label="{what}" class="graph"'
    back = '<rect width="100%" height="100%" fill="#fff"/>'
    return f"{head} {label}><title>{what}</title><style>{_STYLE}</style><defs>{ARROW}</defs>{back}\n{body}\n</svg>\n"


def opened_scopes(root: Scope, most: int) -> set[Scope]:
    """Return which scopes to open so that not more than `most` boxes and closed scopes are seen; outer ones first.

    The root is always open.
    """
    opened = {root}
    seen = len(root.children)
    level = [root]
    while level:
        inner = sorted([c for scope in level for c in scope.children if isinstance(c, Scope)], key=lambda scope: scope.size)
        level = []
        for scope in inner:
            if seen + len(scope.children) - 1 <= most:
                seen += len(scope.children) - 1
                opened.add(scope)
                level.append(scope)
    return opened


def legend(title: str) -> str:
    """Return the title and the legend of a picture, 84 pixels high.

    Args:
      title: escaped text.
    """
    parts = [f'<g class="legend"><text class="title" x="{_MARGIN}" y="24" font-size="14">{title}</text>']
    x = _MARGIN
    for look in LOOKS.values():
        parts.append(f'<rect x="{x}" y="36" width="18" height="16" rx="3" fill="{look.fill}" stroke="{look.edge}"/>')
        parts.append(f'<text class="letter" x="{x + 9}" y="48" text-anchor="middle">{look.letter}</text>')
        parts.append(f'<text x="{x + 24}" y="48">{look.words}</text>')
        x += 24 + len(look.words) * 6.9 + 12
    x = _MARGIN
    for kind, words in LINES.items():
        parts.append(f'<path class="link {kind}" d="M{x} 66h24"/><text x="{x + 30}" y="70">{words}</text>')
        x += 30 + len(words) * 6.9 + 14
    parts.append("</g>")
    return "".join(parts)


class _Writer:
    def __init__(self, arrangements: Mapping[Scope, Arrangement], placed: Mapping[Scope, Placed]) -> None:
        self._arrangements = arrangements
        self._placed = placed
        self.rows: list[str] = []

    def scope(self, scope: Scope, x: float, y: float) -> None:
        """Write an open scope with its upper left corner at x, y."""
        own = self._placed[scope]
        if scope.label:
            self.rows.append(f'<g class="scope"><title>{escaped(scope_title(scope))}</title>')
            self.rows.append(f'<rect class="frame" x="{x:.1f}" y="{y:.1f}" width="{own.width:.1f}" height="{own.height:.1f}" rx="6"/></g>')
        for link in self._arrangements[scope].links:
            self.rows.append(self._link(link, own, x, y))
        if scope.label:
            self.rows.append(f'<text class="title" x="{x + 8:.1f}" y="{y + 16:.1f}">{escaped(shown(scope.label))}</text>')
        for item, at in own.items.items():
            if isinstance(item, Scope) and item in self._placed:
                self.scope(item, x + at.x, y + at.y)
            elif not isinstance(item, Point):
                self.rows.append(_box(item, Rectangle(x + at.x, y + at.y, at.width, at.height)))

    def _link(self, link: Link, own: Placed, x: float, y: float) -> str:
        chain = link.chain
        start, end = ends_of(link, self._placed, own)
        at = (start[0], own.bottoms[chain[0]])
        rows = [f"M{start[0] + x:.1f} {start[1] + y:.1f}", "" if at[1] == start[1] else f"V{at[1] + y:.1f}"]
        for item in chain[1:]:
            to = (end[0] if item is chain[-1] else own.items[item].centre, own.tops[item])
            bend = (to[1] - at[1]) / 2
            turn = f"{at[0] + x:.1f} {at[1] + bend + y:.1f} {to[0] + x:.1f} {to[1] - bend + y:.1f}"
            rows.append(f"C{turn} {to[0] + x:.1f} {to[1] + y:.1f}")
            at = (to[0], end[1] if item is chain[-1] else own.bottoms[item])
            rows.append("" if at[1] == to[1] else f"V{at[1] + y:.1f}")
        kind = f"link{' control' if link.is_control else ''}{' back' if link.goes_back else ''}"
        is_end = isinstance(link.b, Box) or (isinstance(link.b, Scope) and link.b not in self._placed)
        marker = f' marker-{"start" if link.goes_back else "end"}="url(#arrow)"' if is_end else ""
        width = "" if link.count < 2 else f' stroke-width="{min(3.0, 1 + 0.25 * link.count):.2g}"'
        return f'<path class="{kind}" d="{"".join(rows)}"{marker}{width}/>'


def _box(item: Box | Scope, at: Rectangle) -> str:
    look = LOOKS[item.role]
    title = scope_title(item) if isinstance(item, Scope) else box_title(item)
    round_by = HEIGHT / 2 if item.role == "state" and isinstance(item, Box) else 4
    size = f'width="{at.width:.1f}" height="{at.height:.1f}" rx="{round_by}"'
    colours = f'fill="{look.fill}" stroke="{look.edge}"'
    rows = [f'<g class="{"closed" if isinstance(item, Scope) else "box"}"><title>{escaped(title)}</title>']
    if isinstance(item, Scope):
        rows.append(f'<rect x="{at.x + 3:.1f}" y="{at.y + 3:.1f}" {size} {colours}/>')
    rows.append(f'<rect x="{at.x:.1f}" y="{at.y:.1f}" {size} {colours}/>')
    rows.append(f'<text class="letter" x="{at.x + 11:.1f}" y="{at.y + 15:.1f}" text-anchor="middle">{look.letter}</text>')
    middle = f'x="{at.centre + 6:.1f}"'
    rows.append(f'<text {middle} y="{at.y + 15:.1f}" text-anchor="middle">{escaped(shown(item.label))}</text>')
    rows.append(f'<text class="second" {middle} y="{at.y + 29:.1f}" text-anchor="middle">{escaped(second_line(item))}</text></g>')
    return "".join(rows)


def box_title(box: Box) -> str:
    """Return all that there is to say about a box, line by line."""
    rows = [f"{box.name} ({box.kind})", box.result, f"{box.role}, made at {box.made_at}", *box.details]
    if len(box.operations) > 1:
        rows.append(f"with {', '.join([op.name for op in box.operations[1:5]])}{' …' if len(box.operations) > 5 else ''}")
    return "\n".join([row for row in rows if row])


def scope_title(scope: Scope) -> str:
    """Return all that there is to say about a scope, line by line."""
    parts = ", ".join([f"{count} {role}" for role, count in scope.roles.most_common()])
    inner = sum(1 for _ in scopes_of(scope)) - 1
    return f"{scope.name or scope.label}\n{scope.size} operations: {parts}" + (f"\n{inner} scopes in it" if inner else "")
