"""A drawing as one HTML page whose scopes open and close. It needs no server, no network and no other file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from graphopt.inspection.pictures.arrange import Arrangement, Item, Link, Point, scopes_of
from graphopt.inspection.pictures.boxes import Box, Drawing, Scope
from graphopt.inspection.pictures.looks import LINES, LOOKS, escaped
from graphopt.inspection.pictures.page_script import SCRIPT
from graphopt.inspection.pictures.place import (
    BETWEEN,
    BETWEEN_WAYS,
    CHARACTER,
    HEADER,
    HEIGHT,
    PADDING,
    SWEEPS,
    closed_width,
    second_line,
    shown,
)
from graphopt.inspection.pictures.svg import ARROW, box_title, opened_scopes, scope_title, to_svg

_FIRST_SEEN = 40
_STYLE = """
* { box-sizing: border-box; }
body { margin: 0; height: 100vh; display: flex; flex-direction: column; }
body { font: 13px/1.4 system-ui, sans-serif; color: #1c1c1c; background: #fff; }
header { padding: 8px 12px; border-bottom: 1px solid #bbb; display: flex; flex-wrap: wrap; gap: 6px 14px; align-items: center; }
h1 { font-size: 15px; margin: 0; overflow-wrap: anywhere; }
button, input { font: inherit; padding: 2px 8px; border: 1px solid #777; border-radius: 4px; background: #f5f5f5; color: #111; }
button:focus-visible, input:focus-visible, [tabindex]:focus-visible { outline: 3px solid #0a58ca; outline-offset: 1px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 12px; margin: 0; padding: 0; list-style: none; }
.legend b { display: inline-block; width: 18px; text-align: center; border: 1px solid; border-radius: 3px; margin-right: 4px; }
.legend b { font-size: 11px; }
main { flex: 1; min-height: 0; display: flex; }
#view { flex: 1; overflow: auto; padding: 8px; cursor: grab; }
#canvas { display: block; margin: 0 auto; font-size: 12px; user-select: none; }
aside { width: 300px; overflow: auto; border-left: 1px solid #bbb; padding: 10px 12px; }
#about { white-space: pre-wrap; overflow-wrap: anywhere; }
#about ul { margin: 2px 0; padding-left: 0; list-style: none; white-space: normal; }
#about p { margin: 8px 0 2px; }
#about li button { border: 0; background: none; color: #0a3d8f; padding: 1px 0; text-align: left; }
#about li button { text-decoration: underline; cursor: pointer; }
#canvas text { fill: #111; pointer-events: none; } #canvas .second { font-size: 10.5px; fill: #333; }
#canvas .letter { font-size: 10px; font-weight: 700; }
#canvas .frame { fill: #000; fill-opacity: 0.025; stroke: #999; }
#canvas .title { font-weight: 600; paint-order: stroke; stroke: #fff; stroke-width: 4px; }
#canvas .head rect { fill: #fff; fill-opacity: 0; } #canvas .head:hover rect { fill: #dfe8f5; fill-opacity: 1; }
#canvas .head, #canvas .closed, #canvas .box { cursor: pointer; }
#canvas .link, .legend .link { fill: none; stroke: #666; stroke-opacity: 0.75; }
#canvas .control, .legend .control { stroke-dasharray: 4 3; } #canvas .back, .legend .back { stroke: #b00; stroke-dasharray: 8 3 2 3; }
#canvas .link.chosen { stroke: #0a58ca; stroke-width: 2.5px; stroke-opacity: 1; }
#canvas .box.chosen rect { stroke: #0a58ca; stroke-width: 3px; }
@media (max-width: 800px) {
  main { flex-direction: column; }
  aside { width: auto; max-height: 35vh; border-left: 0; border-top: 1px solid #bbb; }
}
"""


def to_page(drawing: Drawing, arrangements: Mapping[Scope, Arrangement]) -> str:
    """Return a drawing as a page.

    Args:
      drawing: what it shows. arrangements: the rows of each scope.
    """
    title = escaped(drawing.title)
    data = json.dumps(page_data(drawing, arrangements), ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    legend = "".join(
        [f'<li><b style="background:{look.fill};border-color:{look.edge}">{look.letter}</b>{look.words}</li>' for look in LOOKS.values()]
    )
    buttons = "".join(
        [
            f'<button id="{key}" type="button">{word}</button>'
            for key, word in (
                ("more", "larger"),
                ("less", "smaller"),
                ("real", "100 %"),
                ("whole", "whole graph"),
                ("open", "open all"),
                ("close", "close all"),
            )
        ]
    )
    find = '<label>find <input id="find" type="search" placeholder="name of an operation"></label>'
    canvas = f'<svg id="canvas" xmlns="http://www.w3.org/2000/svg" role="group" aria-label="{title}"><defs>{ARROW}</defs></svg>'
    return f"""<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>{title}</title>
<style>{_STYLE}</style></head>
<body><header><h1>{title}</h1><div>{buttons} {find} <span id="status" role="status"></span></div>
<ul class="legend">{legend}{_lines()}</ul></header>
<main><div id="view" tabindex="0" aria-label="the graph: scroll, drag, or turn the wheel with Ctrl to zoom">{canvas}
<noscript>{to_svg(drawing, arrangements)}</noscript></div>
<aside aria-live="polite"><div id="about"></div></aside></main>
<script id="graph-data" type="application/json">{data}</script>
<script>{SCRIPT}</script></body></html>
"""


def _lines() -> str:
    head = '<svg width="28" height="8" aria-hidden="true">'
    return "".join([f'<li>{head}<path class="link {kind}" d="M2 4h24"/></svg> {words}</li>' for kind, words in LINES.items()])


def page_data(drawing: Drawing, arrangements: Mapping[Scope, Arrangement]) -> dict[str, Any]:
    """Return all that the page's script needs, as plain lists and dicts: things by number, with rows and links of each scope."""
    number: dict[Item, int] = {}
    for scope, arrangement in arrangements.items():
        number.setdefault(scope, len(number))
        for row in arrangement.rows:
            for item in row:
                number.setdefault(item, len(number))
    items: list[dict[str, Any]] = [{} for _ in number]
    for item, i in number.items():
        items[i] = _item(item)
    for scope, arrangement in arrangements.items():
        own = items[number[scope]]
        own["rows"] = [[number[item] for item in row] for row in arrangement.rows]
        own["links"] = [_link(link, number) for link in arrangement.links]
        for child in scope.children:
            items[number[child]]["around"] = number[scope]
    measures = {
        "height": HEIGHT, "header": HEADER, "padding": PADDING, "between": BETWEEN, "betweenWays": BETWEEN_WAYS, "character": CHARACTER,
        "sweeps": SWEEPS,
    }  # fmt: skip
    return {
        "root": number[drawing.root],
        "items": items,
        "opened": sorted([number[scope] for scope in opened_scopes(drawing.root, _FIRST_SEEN)]),
        "edges": [[number[edge.a], number[edge.b]] for edge in drawing.edges],
        "looks": {role: {"letter": look.letter, "fill": look.fill, "edge": look.edge} for role, look in LOOKS.items()},
        "measures": measures,
    }


def _item(item: Item) -> dict[str, Any]:
    if isinstance(item, Point):
        return {"t": "p"}
    own = {"n": item.name or item.label, "l": shown(item.label), "s": second_line(item), "r": item.role, "w": round(closed_width(item), 1)}
    if isinstance(item, Box):
        return {"t": "b", **own, "k": item.kind, "x": box_title(item)}
    return {"t": "s", **own, "x": scope_title(item), "count": len(list(scopes_of(item))) - 1}


def _link(link: Link, number: Mapping[Item, int]) -> dict[str, Any]:
    return {
        "a": number[link.a],
        "b": number[link.b],
        "count": link.count,
        "control": link.is_control,
        "back": link.goes_back,
        "via": [number[point] for point in link.via],
        "ends": {str(number[scope]): number[port] for scope, port in link.ends.items()},
    }
