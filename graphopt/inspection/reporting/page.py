"""The report as one HTML page."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphopt.inspection.reporting.charts import chart_data, curve_figures, final_values, histogram_data, histogram_figures, start_of
from graphopt.inspection.reporting.log import Contents, is_loss
from graphopt.inspection.reporting.markup import duration, element, number, script_data
from graphopt.inspection.reporting.media import pictures, sounds, texts
from graphopt.inspection.reporting.script import SCRIPT
from graphopt.inspection.reporting.style import STYLE
from graphopt.inspection.reporting.training import findings, hyper_parameters, pipeline

# The browser itself keeps the page from loading anything.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; media-src data:"
# So many warnings about tags are shown one by one.
_TAGS = 20
# A run with more values than this in a curve is smoothed at first.
_MANY = 100
_NO_SCRIPT = "The curves are drawn by a script, and this browser runs none. The table of final values says the most important."


def page(contents: Contents, title: str) -> str:
    """Return the page.

    Args:
      contents: what it shows. title: its heading.
    """
    seen, heard, read = pictures(contents), sounds(contents), texts(contents)
    left_out = [*seen.left_out, *heard.left_out, *read.left_out]
    sections = [
        ("warnings", "Warnings", _warnings(contents)),
        ("findings", "Findings", _by_run(contents, findings)),
        ("curves", "Curves", _curves(contents)),
        ("histograms", "Histograms", histogram_figures(contents)),
        ("pictures", "Pictures", seen.figures),
        ("sounds", "Sounds", heard.figures),
        ("texts", "Texts", read.figures),
        ("pipeline", "Pipeline of the training op", _by_run(contents, pipeline)),
        ("hyper-parameters", "Hyper-parameters", hyper_parameters(contents.runs, contents.hparams)),
        (
            "values",
            "Final values",
            element("div", [final_values(contents.curves, contents.runs)], class_="card") if contents.curves else "",
        ),
    ]
    shown = [(key, name, body) for key, name, body in sections if body]
    if not any((training.get("diagnosis") or {}).get("findings") for training in contents.training.values()):
        # That all is well is no news: it comes after the curves.
        shown.sort(key=lambda section: section[0] in ("findings", "pipeline", "hyper-parameters", "values"))
    nothing = [] if shown else [element("p", "There is nothing to show yet.", class_="message note")]
    main = [element("section", [element("h2", name), body], id=key, aria_label=name) for key, name, body in shown]
    notes = [element("p", note) for note in left_out]
    made = element("p", f"Made by graphopt report, {time.strftime('%Y-%m-%d %H:%M:%S')}. This page needs no network and no other file.")
    body = [
        element("a", "Skip to the curves", class_="skip", href="#curves") if contents.curves else "",
        element("header", [element("h1", title), _tiles(contents), _links(shown)]),
        element("main", [*nothing, *main]),
        element("footer", [*notes, made]),
        element("script", [script_data(_data(contents))], type="application/json", id="data"),
        element("script", [SCRIPT]),
    ]
    head = [
        '<meta charset="utf-8">',
        element("meta", http_equiv="Content-Security-Policy", content=_POLICY),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("title", title),
        '<link rel="icon" href="data:,">',
        element("style", [STYLE]),
    ]
    return f"<!doctype html>\n{element('html', [element('head', head), element('body', body)], lang='en')}\n"


def _data(contents: Contents) -> dict[str, Any]:
    start = start_of(contents)
    begun: dict[int, float] = {}
    for curves in contents.curves.values():
        for curve in curves:
            first = float(curve.wall_times.min())
            begun[curve.run] = min(begun.get(curve.run, first), first)
    runs = [{"name": name, "start": round(begun.get(i, start) - start, 3)} for i, name in enumerate(contents.runs)]
    return {"start": start, "runs": runs, "charts": chart_data(contents), "histograms": histogram_data(contents)}


def _links(shown: Sequence[tuple[str, str, str]]) -> str:
    links = [element("a", name, href=f"#{key}") for key, name, _ in shown]
    options = [element("option", name, value=value) for value, name in (("", "as the system"), ("light", "light"), ("dark", "dark"))]
    theme = element("label", ["colours ", element("select", options, id="theme")], style="margin-left:auto")
    return element("nav", [*links, theme], aria_label="Sections")


def _tiles(contents: Contents) -> str:
    curves = [curve for group in contents.curves.values() for curve in group]
    tiles = [(str(len(contents.runs)), f"run{'s' * (len(contents.runs) != 1)}")]
    if curves:
        ends = [float(curve.wall_times.max()) for curve in curves]
        start = start_of(contents)
        tiles.append((f"{max(int(curve.steps.max()) for curve in curves):,}", "last step"))
        tiles.append((duration(max(ends) - start), "from the first to the last value"))
        tiles.append((f"{sum(len(curve.steps) for curve in curves):,}", "values"))
        tiles.append((time.strftime("%Y-%m-%d %H:%M", time.localtime(start)), "started"))
    losses = [curve for tag, group in contents.curves.items() if is_loss(tag) for curve in group]
    if len(losses) == 1 and np.isfinite(losses[0].values[-1]):
        tiles.insert(1, (number(losses[0].values[-1]), "last loss"))
    return element("ul", [element("li", [element("b", value), element("span", name)]) for value, name in tiles], class_="tiles")


def _warnings(contents: Contents) -> str:
    bad_tags = _bad_tags(contents)
    more = [f"{len(bad_tags) - _TAGS:,} more curves have values that are not finite."] if len(bad_tags) > _TAGS else []
    found = [*contents.warnings, *bad_tags[:_TAGS], *more]
    return "".join(
        element("div", [element("b", "warning", class_="kind"), element("span", text)], class_="message warning") for text in found
    )


def _bad_tags(contents: Contents) -> list[str]:
    found = []
    for tag, curves in contents.curves.items():
        for curve in curves:
            bad = np.flatnonzero(~curve.is_finite)
            if bad.size:
                of_run = f" in run '{contents.runs[curve.run]}'" if len(contents.runs) > 1 else ""
                what = number(curve.values[bad[0]])
                count = f"{bad.size:,} of {len(curve.steps):,} values are not finite"
                found.append(f"{tag}{of_run}: {count}, the first at step {curve.steps[bad[0]]} ({what}).")
    return found


def _by_run(contents: Contents, show: Any) -> str:
    runs_of: dict[str, list[str]] = {}
    for run, training in contents.training.items():
        body = show(training)
        if body:
            runs_of.setdefault(body, []).append(contents.runs[run])
    return "".join((element("h3", ", ".join(runs)) if len(contents.runs) > 1 else "") + body for body, runs in runs_of.items())


def _curves(contents: Contents) -> str:
    if not contents.curves:
        return ""
    return element("noscript", [element("p", _NO_SCRIPT, class_="message note")]) + _bar(contents) + curve_figures(contents)


def _bar(contents: Contents) -> str:
    most = max(len(curve.steps) for curves in contents.curves.values() for curve in curves)
    smooth = "0.6" if most > _MANY else "0"
    axes = [
        element("option", name, value=key) for key, name in (("step", "step"), ("relative", "time since the start"), ("wall", "wall time"))
    ]
    parts = [
        element("label", ["search ", element("input", type="search", id="filter", placeholder="tag or pattern")]),
        element(
            "label",
            [
                "smoothing ",
                element("input", type="range", id="smooth", min="0", max="0.99", step="0.01", value=smooth),
                element("output", smooth, id="smooth-value", for_="smooth"),
            ],
        ),
        element("label", ["along ", element("select", axes, id="x")]),
        element("label", [element("input", type="checkbox", id="log"), "logarithmic"]),
        element("label", [element("input", type="checkbox", id="outliers"), "without outliers"]),
        element("button", "show all steps", type="button", id="unzoom", hidden=True),
        element("span", "drag to zoom, arrow keys to read", class_="soft"),
    ]
    if len(contents.runs) > 1:
        boxes = [
            element("label", [element("input", type="checkbox", checked=True, data_run=str(i)), element("span", name)])
            for i, name in enumerate(contents.runs)
        ]
        parts.append(element("fieldset", [element("legend", "runs"), *boxes], class_="runs"))
    return element("div", parts, class_="bar", role="toolbar", aria_label="How the curves are drawn")
