"""Tables of the results, as text and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from peers import peer
from processes import Result
from targets import Outcome
from workloads import Workload

HEAD = ("peer", "build", "first step", "second start", "step, median", "step, p10", "memory", "ratio", "loss")
MISSING = "–"
MAX_OTHERS_CORES = 0.1

Row = tuple[str, ...]


def in_units(seconds: float | None) -> str:
    """Return a time with the unit that suits it, a dash for None.

    >>> in_units(8.5e-6), in_units(0.25), in_units(None)
    ('8.50 µs', '250 ms', '–')
    """
    if seconds is None:
        return MISSING
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:#.3g} {unit}".replace(". ", " ")
    return f"{seconds / 1e-9:#.3g} ns".replace(". ", " ")


def rows(results: dict[str, Result], fastest: float | None) -> Iterator[Row]:
    """Yield a row for each peer, and one more for each further way to run its steps."""
    for name, result in results.items():
        title = peer(name).title
        if "ways" not in result:
            yield (title, *[MISSING] * (len(HEAD) - 2), "")
            continue
        start = [in_units(result.get(key)) for key in ("build_s", "first_step_s", "warm_first_step_s")]
        memory = f"{result['peak_bytes'] / 2**20:.0f} MiB"
        for way, timing in result["ways"].items():
            step = [in_units(timing.get("median_s")), in_units(timing.get("p10_s"))]
            ratio = f"{timing['median_s'] / fastest:.2f}" if fastest and "median_s" in timing else MISSING
            if way:
                yield (f"{title}, {way}", "", "", "", *step, "", ratio, "")
            else:
                yield (title, *start, *step, memory, ratio, loss_mark(result))


def loss_mark(result: Result) -> str:
    """Return what is said of the losses: how far from the others', when that is too far."""
    if "loss_difference" not in result:
        return "alone"
    return f"DIFFERS by {result['loss_difference']:.1e}" if result["loss_differs"] else "ok"


def text_table(head: Row, body: Sequence[Row]) -> str:
    """Return the rows in columns: the first to the left, others to the right."""
    widths = [max(len(row[column]) for row in (head, *body)) for column in range(len(head))]
    lines = []
    for row in (head, *body):
        cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def markdown_table(head: Row, body: Sequence[Row]) -> str:
    """Return the rows as a Markdown table."""
    marks = ("---", *["---:"] * (len(head) - 1))
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, marks, *body))


def notes(results: dict[str, Result]) -> Iterator[str]:
    """Yield the version and the settings of each peer, or why it has no numbers."""
    for name, result in results.items():
        title = peer(name).title
        if "error" in result or "skipped" in result:
            yield f"{title}: {result.get('error') or result['skipped']}"
            continue
        others = {variant: made for variant, made in result["variants"].items() if variant != result["variant"]}
        tried = "".join(f"; {variant}: {made.get('error') or in_units(made['median_s'])}" for variant, made in others.items())
        yield f"{title}: {result['versions']}; {result['settings']}; import {in_units(result['import_s'])}{tried}{disturbance(result)}"
        yield from (f"{title}, {way}: {timing['error']}" for way, timing in result["ways"].items() if "error" in timing)


def disturbance(result: Result) -> str:
    """Return a warning where other processes kept cores busy while the steps were timed."""
    cores = result.get("others_cores") or 0.0
    return f"; DISTURBED: others used {cores:.1f} cores" if cores > MAX_OTHERS_CORES else ""


def target_rows(outcomes: Sequence[Outcome]) -> list[Row]:
    """Return a row for each target."""
    measured = [MISSING if o.measured is None else f"{o.measured:.3g}{o.unit}" for o in outcomes]
    return [(f"{o.workload}: {o.what}", o.limit, value, o.verdict) for o, value in zip(outcomes, measured, strict=True)]


TARGET_HEAD = ("graphopt native's target", "limit", "measured", "verdict")


def report(workload: Workload, results: dict[str, Result], fastest: float | None) -> str:
    """Return the table of one workload with its notes, as text."""
    lines = [f"{workload.number}. {workload.title}", text_table(HEAD, list(rows(results, fastest)))]
    return "\n".join([*lines, *(f"  {note}" for note in notes(results))])


def markdown_report(workload: Workload, results: dict[str, Result], fastest: float | None) -> str:
    """Return the table of one workload with its notes, as Markdown."""
    table = markdown_table(HEAD, list(rows(results, fastest)))
    return "\n".join([f"### {workload.number}. {workload.title}", "", table, "", *(f"* {note}" for note in notes(results)), ""])
