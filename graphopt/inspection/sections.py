"""The sections of an explanation, made from its plain content."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

from graphopt.inspection.document import Block, Items, Lines, Picture, Section, Table
from graphopt.inspection.happenings import in_bytes, short
from graphopt.inspection.recorded import short_place
from graphopt.inspection.roles import UPDATE

_WIDTH, _HEIGHT = 560, 110


def sections_of(content: Mapping[str, Any]) -> list[Section]:
    """Return the sections of an explanation's content."""
    found = [
        _header(content),
        Section("pipeline, in order", [Items([_stage(step) for step in content["pipeline"]])]),
        _variables(content),
        *[_schedule(schedule) for schedule in content["schedules"]],
        _effects(content),
        _random(content),
        _placeholders(content),
        _summaries(content),
        _cost(content["cost"]),
        *_kernels(content["cost"]),
    ]
    return [section for section in found if section is not None]


def _header(content: Mapping[str, Any]) -> Section:
    losses = content["losses"]
    loss = f" ({losses[0]})" if len(losses) == 1 and "loss" in content["value"] else ""
    lines = [f"value: {content['value']}{loss}"]
    if losses and not loss:
        lines.append(f"{'loss' if len(losses) == 1 else 'losses'}: {', '.join(losses)}")
    if content["built_at"]:
        lines.append(f"built at {content['built_at']}")
    lines += [f"unknown: {what}" for what in content["unknown"]]
    return Section(f"training op {content['training_op']}", [Lines(lines)])


def _stage(step: Mapping[str, Any]) -> tuple[str, list[str]]:
    details = [f"{name}: {short(value)}" for name, value in step["settings"].items()]
    details += [f"{name} is now {short(value)}" for name, value in step.get("now", {}).items()]
    return step["stage"], details


def _variables(content: Mapping[str, Any]) -> Section:
    rows = content["variables"]
    columns = {
        "name": lambda v: v["name"],
        "type": lambda v: v["type"],
        "bytes": lambda v: in_bytes(v["bytes"]),
        "gradient": lambda v: v["gradient"] + (f", then {v['after_stages']}" if "after_stages" in v else ""),
        "slots": lambda v: ", ".join(v["slots"]) or "-",
        "group": lambda v: v.get("group", "-"),
        "multiplier": lambda v: short(v.get("multiplier", "-")),
        "rate multiplier": lambda v: short(v.get("rate_multiplier", "-")),
        "decay": lambda v: short(v.get("decay", "-")),
        "made at": lambda v: short_place(v["made_at"]),
    }
    cells = {head: [make(v) for v in rows] for head, make in columns.items()}
    always = ("name", "type", "bytes", "gradient", "slots", "made at")
    kept = [head for head in columns if head in always or any(cell != "-" for cell in cells[head])]
    blocks: list[Block] = [Table(kept, list(zip(*[cells[head] for head in kept], strict=True)))] if rows else []
    notes = [f"{v['name']} has no gradient: {v['why']}" for v in rows if "why" in v]
    if content["optimizer_variables"]:
        notes.append(f"kept by the optimizer besides: {', '.join(content['optimizer_variables'])}")
    total = sum([v["bytes"] or 0 for v in rows])
    notes.append(f"together {in_bytes(total)}, slots {in_bytes(sum([v['slot_bytes'] for v in rows]))}")
    return Section("variables", [*blocks, Lines(notes)])


def _schedule(schedule: Mapping[str, Any]) -> Section:
    title = f"learning rate {schedule['rate']}" + (f" of the group {schedule['group']}" if "group" in schedule else "")
    lines = [f"given: {schedule['given']}"]
    if schedule["formula"]:
        lines.append(f"formula: {schedule['formula']}")
    if schedule["now"] is not None:
        lines.append(f"now: {schedule['now']:.7g}")
    blocks: list[Block] = [Lines(lines)]
    if schedule["step"] is None:
        lines.append("it changes with what is fed or computed" if schedule["varies"] else "it does not change with the steps")
        return Section(title, blocks)
    if schedule["values"]:
        head, values = zip(*schedule["values"], strict=True)
        blocks.append(Table(["step", *[f"{at:,}" for at in head]], [["rate", *[_rate(value) for value in values]]]))
        text = f"steps 0 to {schedule['horizon']:,}  {schedule['sparkline']}"
        blocks.append(Picture(curve(schedule["curve"], "learning rate over the steps"), text))
    return Section(title, [*blocks, Lines(_counted(schedule))])


def _counted(schedule: Mapping[str, Any]) -> list[str]:
    step, found = schedule["step"], schedule["increments"]
    rows = [
        f"{step} is counted by {row['operation']} ({short_place(row['made_at'])})"
        + ("" if row["runs_with_the_op"] else ", which this op does not run")
        for row in found
    ]
    return rows or [f"nothing in this graph counts {step}: the rate stays as it is"]


def _rate(value: float | None) -> str:
    return "?" if value is None else f"{value:.4g}"


def curve(points: Sequence[Sequence[Any]], title: str) -> str:
    """Return points (x, y or None) as a small line chart in SVG.

    Args:
      points: in order of x. title: what a screen reader says.
    """
    known = [(x, y) for x, y in points if y is not None and abs(y) != float("inf") and y == y]
    if not known:
        return ""
    low, high = min([y for _, y in known]), max([y for _, y in known])
    right = max([x for x, _ in known]) or 1
    span = (high - low) or 1.0
    path = " ".join([f"{70 + x / right * (_WIDTH - 90):.1f},{12 + (high - y) / span * (_HEIGHT - 36):.1f}" for x, y in known])
    labels = [(66, 16, "end", f"{high:.4g}"), (66, _HEIGHT - 20, "end", f"{low:.4g}"), (70, _HEIGHT - 4, "start", "0")]
    labels.append((_WIDTH - 20, _HEIGHT - 4, "end", f"{right:,} steps"))
    texts = "".join([f'<text x="{x}" y="{y}" text-anchor="{anchor}">{html.escape(text)}</text>' for x, y, anchor, text in labels])
    frame = f'<path d="M70 8V{_HEIGHT - 18}H{_WIDTH - 16}" fill="none" stroke="#888"/>'
    line = f'<polyline points="{path}" fill="none" stroke="#1f4e8c" stroke-width="2"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}"'
    return f'{head} font-family="sans-serif" font-size="11"><title>{html.escape(title)}</title>{frame}{line}{texts}</svg>'


def _effects(content: Mapping[str, Any]) -> Section | None:
    rows = [[e["operation"], _does(e["does"]), e["guarded_by"] or "always", short_place(e["made_at"])] for e in content["effects"]]
    return Section("side effects, in order", [Table(["operation", "does", "only if", "made at"], rows)]) if rows else None


def _does(words: str) -> str:
    first, *rest = words.split(", ")
    return f"{first} and {len(rest)} more" if rest else first


def _random(content: Mapping[str, Any]) -> Section | None:
    rows = [[r["operation"], r["type"], _seed(r["graph_seed"]), _seed(r["seed"]), r["seeded_by"]] for r in content["random"]]
    return Section("random operations", [Table(["operation", "type", "graph seed", "seed", "seeded by"], rows)]) if rows else None


def _seed(seed: Any) -> str:
    return "-" if seed is None else str(seed)


def _placeholders(content: Mapping[str, Any]) -> Section | None:
    rows = [[p["name"], p["type"], _needed_by(p["needed_by"]), "yes" if p["has_default"] else "no"] for p in content["placeholders"]]
    return Section("placeholders", [Table(["name", "type", "needed by", "default"], rows)]) if rows else None


def _needed_by(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:5])} and {len(names) - 5} more"


def _summaries(content: Mapping[str, Any]) -> Section | None:
    rows = [[s["tag"], s["measured"]] for s in content["summaries"]]
    return Section("summaries", [Table(["tag", "measured"], rows)]) if rows else None


def _cost(cost: Mapping[str, Any]) -> Section:
    lines = [
        f"{cost['steps_for_several_variables']} of them update several variables at once; "
        f"{len(cost['written_in_place'])} variables are written in place",
        f"working memory {cost['arena_bytes']:,} bytes; with variables and feeds {cost['peak_bytes']:,} bytes at the peak{_besides(cost)}",
        *_flops(cost),
    ]
    head = ["part", "operations", "nodes", "flops"]
    total = sum([p["microseconds"] or 0 for p in cost["parts"]]) or 1
    rows = []
    for part in cost["parts"]:
        rows.append(_cost_row(part["part"], part, total))
        inner = cost["stages"] if part["part"] == UPDATE else []
        rows += [_cost_row(f"{UPDATE}: {stage['part'].removeprefix('update by ')}", stage, total) for stage in inner]
    if cost["measured"]:
        head += ["time", "share"]
    title = f"compiled: {cost['recorded_operations']} recorded operations became {cost['steps']} steps"
    return Section(title, [Lines(lines), Table(head, rows)])


def _cost_row(name: str, part: Mapping[str, Any], total: int) -> list[str]:
    time = part["microseconds"]
    measured = [] if time is None else [f"{time:,} µs", f"{100 * time / total:.0f} %"]
    return [name, f"{part['operations']:,}", f"{part['nodes']:,}", f"{part['flops']:,}", *measured]


def _besides(cost: Mapping[str, Any]) -> str:
    count = cost["results_of_unknown_size"]
    return f", and {count} results whose size only a run knows" if count else ""


def _flops(cost: Mapping[str, Any]) -> list[str]:
    """Return how many floating-point operations there are, and what that number leaves open."""
    unknown = cost["nodes_of_unknown_shape"]
    about = f" at least: {unknown} of the shapes are known only when something has been fed" if unknown else ""
    rows = [f"floating-point operations {cost['flops']:,}{about}"]
    for loop in cost["loops"]:
        name = f"the loop {loop['operation']} ({short_place(loop['made_at'])})"
        each = f"{loop['flops_per_turn']:,}"
        if loop["turns"] is None:
            rows.append(f"and {each} per turn of {name}, whose number of turns depends on what is fed")
        else:
            rows.append(f"{each} per turn of {name}, which makes {loop['turns']:,} turns")
    for branch in cost["branches"]:
        then, otherwise = branch["flops"]
        name = f"{branch['operation']} ({short_place(branch['made_at'])})"
        rows.append(f"{then:,} if {name} is true, else {otherwise:,}: the larger is counted")
    return rows


def _kernels(cost: Mapping[str, Any]) -> list[Section]:
    if not cost.get("kernels"):
        return []
    head = ["kernel", "what it does", "fused", "calls", "flops", "bytes"]
    table = [[k["name"], k["title"], _tallied(k["fused"]), str(k["calls"]), f"{k['flops']:,}", f"{k['bytes']:,}"] for k in cost["kernels"]]
    lines = []
    for step in cost["python_steps"]:
        where = f" ({step['operation']})" if step["operation"] else ""
        lines.append(f"in Python: {step['op']}{where}: {step['reason']}")
    return [Section(f"kernels of the {cost['backend']} backend, up to {cost['threads']} threads", [Table(head, table), Lines(lines)])]


def _tallied(names: Sequence[str]) -> str:
    """Return names with how often each comes, in order of first coming."""
    counts = {name: list(names).count(name) for name in names}
    return " ".join(name if count == 1 else f"{name}*{count}" for name, count in counts.items())
