"""Draws the steps of all peers as an SVG picture: horizontal bars, grouped by workload, on a logarithmic scale."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from xml.sax.saxutils import escape

from peers import PEERS, peer
from processes import Result, step_seconds
from table import in_units
from workloads import Workload

COLOURS = {"native": "#c2410c", "numpy": "#fb923c", "tf": "#15803d", "jax": "#7c3aed", "pytensor": "#0e7490", "torch": "#be185d"}
OTHER_COLOUR = "#6b7280"
INK, FAINT = "#1f2937", "#d1d5db"
WIDTH, LEFT, RIGHT, TOP, BOTTOM = 1000, 150, 110, 78, 42
BAR, GAP, TITLE, GROUP_GAP = 15, 3, 24, 14

Group = tuple[Workload, list[tuple[str, float | None]]]


def svg(results: Sequence[tuple[Workload, dict[str, Result]]]) -> str:
    """Return the picture.

    Args:
      results: for each workload what each peer measured.
    """
    groups = [(workload, bars_of(by_peer)) for workload, by_peer in results]
    times = [seconds for _, bars in groups for _, seconds in bars if seconds is not None]
    low, high = decades(times)
    height = TOP + sum(group_height(len(bars)) for _, bars in groups) + BOTTOM
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" '
        'font-family="Helvetica, Arial, DejaVu Sans, sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        text(LEFT, 26, "Time of one training step (logarithmic scale, shorter is faster)", size=16, weight="bold"),
        *legend(sorted({name for _, bars in groups for name, _ in bars}, key=[p.name for p in PEERS].index)),
        *grid(low, high, height),
        *group_parts(groups, low, high),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def bars_of(by_peer: dict[str, Result]) -> list[tuple[str, float | None]]:
    """Return name and median of each peer, None for an error; without those that have no entry for the workload."""
    ran = [(name, result) for name, result in by_peer.items() if "skipped" not in result]
    return [(name, step_seconds(result) if "ways" in result else None) for name, result in ran]


def decades(times: Sequence[float]) -> tuple[int, int]:
    """Return the powers of ten, in seconds, at both ends of the scale."""
    if not times:
        return -6, 0
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    return low, max(high, low + 1)


def position(seconds: float, low: int, high: int) -> float:
    """Return the horizontal place of a time."""
    return LEFT + (math.log10(seconds) - low) / (high - low) * (WIDTH - LEFT - RIGHT)


def group_height(bars: int) -> int:
    """Return what a group takes from top to bottom."""
    return TITLE + bars * (BAR + GAP) + GROUP_GAP


def legend(names: Sequence[str]) -> Iterator[str]:
    """Yield a coloured box and a title for each peer."""
    x = LEFT
    for name in names:
        title = peer(name).title
        yield f'<rect x="{x}" y="42" width="12" height="12" rx="2" fill="{COLOURS.get(name, OTHER_COLOUR)}"/>'
        yield text(x + 17, 52, title)
        x += 36 + 7 * len(title)


def grid(low: int, high: int, height: int) -> Iterator[str]:
    """Yield a line and its time for each power of ten."""
    for power in range(low, high + 1):
        x = position(10.0**power, low, high)
        yield f'<line x1="{x:.1f}" y1="{TOP - 8}" x2="{x:.1f}" y2="{height - BOTTOM + 4}" stroke="{FAINT}"/>'
        yield text(x, height - BOTTOM + 20, axis_label(power), anchor="middle")


def axis_label(power: int) -> str:
    """Return a power of ten seconds in units.

    >>> axis_label(-5), axis_label(-3)
    ('10 µs', '1 ms')
    """
    unit, exponent = next(((u, e) for u, e in (("s", 0), ("ms", -3), ("µs", -6)) if power >= e), ("ns", -9))
    return f"{10 ** (power - exponent)} {unit}"


def group_parts(groups: Sequence[Group], low: int, high: int) -> Iterator[str]:
    """Yield title and bars of each workload."""
    y = TOP
    for workload, bars in groups:
        yield text(12, y + 14, f"{workload.number}. {workload.title}", weight="bold", size=13)
        for number, (name, seconds) in enumerate(bars):
            yield from bar(name, seconds, y + TITLE + number * (BAR + GAP), low, high)
        y += group_height(len(bars))


def bar(name: str, seconds: float | None, y: int, low: int, high: int) -> Iterator[str]:
    """Yield a bar with the peer's name before it and its time behind it."""
    weight = "bold" if name == "native" else "normal"
    yield text(LEFT - 8, y + BAR - 3, peer(name).title, anchor="end", weight=weight)
    if seconds is None:
        yield text(LEFT + 6, y + BAR - 3, "did not run", colour=OTHER_COLOUR)
        return
    end = position(seconds, low, high)
    yield f'<rect x="{LEFT}" y="{y}" width="{max(end - LEFT, 1):.1f}" height="{BAR}" rx="2" fill="{COLOURS.get(name, OTHER_COLOUR)}"/>'
    yield text(end + 6, y + BAR - 3, in_units(seconds), weight=weight)


def text(x: float, y: float, content: str, *, anchor: str = "start", weight: str = "normal", size: int = 12, colour: str = INK) -> str:
    """Return a line of text, with a white edge that keeps it readable on grid lines."""
    style = f'text-anchor="{anchor}" font-weight="{weight}" font-size="{size}" fill="{colour}"'
    edge = 'stroke="#ffffff" stroke-width="3" paint-order="stroke"'
    return f'<text x="{x:.1f}" y="{y:.1f}" {style} {edge}>{escape(content)}</text>'
