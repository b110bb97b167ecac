"""The training op on the page: its pipeline, its variables, what the doctor found, and the hyper-parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from graphopt.inspection.reporting.markup import element, number

# A setting longer than this gets a box of its own to scroll in.
_LONG = 160


def pipeline(training: Mapping[str, Any]) -> str:
    """Return the steps of a training op from the loss to the updated variables, and its variables; nothing without an explanation."""
    found = training.get("explanation") or {}
    steps = found.get("pipeline") or []
    if not steps:
        return ""
    facts = [f"{found[key]}" for key in ("training_op", "value") if found.get(key)]
    where = [f"built at {found['built_at']}"] if found.get("built_at") else []
    head = element("p", " · ".join([*facts, *where]), class_="soft")
    rates = [element("p", _schedule(schedule)) for schedule in found.get("schedules") or [] if schedule.get("formula")]
    stages = element("ol", [_stage(step) for step in steps], class_="pipeline")
    return "".join([head, stages, *rates, _variables(found.get("variables") or [])])


def _schedule(schedule: Mapping[str, Any]) -> str:
    now = schedule.get("now")
    present = f"; now {number(now)}" if isinstance(now, float) else ""
    return f"learning rate = {schedule['formula']}{present}"


def _stage(step: Mapping[str, Any]) -> str:
    settings = {**(step.get("settings") or {}), **{f"{name} now": value for name, value in (step.get("now") or {}).items()}}
    details = []
    for name, value in settings.items():
        text = plain(value)
        details += [element("dt", str(name)), element("dd", text, class_="long" if len(text) > _LONG else "", tabindex=_reach(text))]
    return element("li", [element("b", str(step.get("stage", "")))] + ([element("dl", details)] if details else []))


def _reach(text: str) -> str:
    return "0" if len(text) > _LONG else ""


def plain(value: Any) -> str:
    """Return a setting as people write it.

    >>> plain({"bias": 2.0, "names": ["a", "b"]}), plain(None), plain(0.1 + 0.2)
    ('bias: 2, names: a, b', 'none', '0.3')
    """
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {plain(item)}" for key, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(plain, value))
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return number(value) if isinstance(value, float) else str(value)


def _variables(rows: Sequence[Mapping[str, Any]]) -> str:
    if not rows:
        return ""
    columns = [
        name for name in ("name", "type", "gradient", "why", "multiplier", "decay", "slots", "made_at") if any(name in row for row in rows)
    ]
    head = element("tr", [element("th", {"made_at": "made at"}.get(name, name), scope="col") for name in columns])
    body = [element("tr", [_cell(name, row.get(name, "")) for name in columns]) for row in rows]
    table = element("table", [element("thead", [head]), element("tbody", body)])
    scroll = element("div", [table], class_="scroll card", tabindex="0", role="region", aria_label="table of variables")
    return element("details", [element("summary", f"{len(rows)} variable{'s' * (len(rows) != 1)}"), scroll])


def _cell(name: str, value: Any) -> str:
    text = ", ".join(value) if name == "slots" and isinstance(value, Mapping) else plain(value)
    return element("th", text, scope="row") if name == "name" else element("td", text)


def findings(training: Mapping[str, Any]) -> str:
    """Return what the doctor found as messages, the worst first; nothing when the doctor has not looked."""
    diagnosis = training.get("diagnosis")
    if diagnosis is None:
        return ""
    found = diagnosis.get("findings") or []
    nothing = element("p", f"Nothing found; {len(diagnosis.get('checked') or [])} rules looked.", class_="message note")
    return ("".join(map(_finding, found)) or nothing) + _not_checked(diagnosis.get("not_checked") or {})


def _not_checked(reasons: Mapping[str, Any]) -> str:
    """Return the rules that could not look, each with its reason, folded; nothing where all looked."""
    if not reasons:
        return ""
    rows = [element("li", [element("code", str(name)), element("span", f": {reason}")]) for name, reason in reasons.items()]
    title = f"{len(rows)} rule{'s' * (len(rows) != 1)} could not look"
    return element("details", [element("summary", title), element("ul", rows, class_="soft")])


def _finding(finding: Mapping[str, Any]) -> str:
    severity = str(finding.get("severity", "note"))
    parts = [element("b", severity, class_="kind"), element("code", str(finding.get("name", "")))]
    parts += [element("p", str(finding.get("message", "")))]
    parts += [element("p", [element("code", f"at {finding['where']}")])] if finding.get("where") else []
    parts += [element("p", str(finding["mend"]), class_="soft")] if finding.get("mend") else []
    return element("div", parts, class_=f"message {severity}")


def hyper_parameters(runs: Sequence[str], hparams: Sequence[Mapping[str, Any]]) -> str:
    """Return a table of hyper-parameters with a column for each run; nothing without any."""
    names = sorted({name for found in hparams for name in found})
    if not names:
        return ""
    chosen = [i for i, found in enumerate(hparams) if found]
    heads = ["hyper-parameter", *[runs[i] if len(runs) > 1 else "value" for i in chosen]]
    head = element("tr", [element("th", text, scope="col") for text in heads])
    rows = []
    for name in names:
        values = [plain(hparams[i][name]) if name in hparams[i] else "-" for i in chosen]
        rows.append(element("tr", [element("th", name, scope="row"), *[element("td", value) for value in values]]))
    table = element("table", [element("thead", [head]), element("tbody", rows)])
    return element("div", [table], class_="scroll card", tabindex="0", role="region", aria_label="table of hyper-parameters")
