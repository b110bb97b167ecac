"""Curves and histograms on the page: the figures, the data the script draws, and the text that stands for each."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphopt.inspection.reporting.log import Array, Contents, Curve, is_loss
from graphopt.inspection.reporting.markup import element, number, tag_name
from graphopt.inspection.reporting.thinning import Ridges, ThinCurve, points_for, quantile, ridges, rows_for, thin

# So many groups of curves are open at first.
_OPEN_GROUPS = 8
_DIGITS = re.compile(r"(\d+)")


def start_of(contents: Contents) -> float:
    """Return when the first number was written, in seconds since 1970; 0 without one."""
    return min([float(curve.wall_times.min()) for curves in contents.curves.values() for curve in curves], default=0.0)


def chart_data(contents: Contents) -> list[dict[str, Any]]:
    """Return what the script draws of each tag."""
    start = start_of(contents)
    points = points_for(sum(map(len, contents.curves.values())))
    return [
        {
            "id": i,
            "label": f"Curve of {tag}. {describe(tag, curves, contents.runs)}",
            "series": [_series(thin(curve, points), curve.run, start) for curve in curves],
        }
        for i, (tag, curves) in enumerate(contents.curves.items())
    ]


def _series(curve: ThinCurve, run: int, start: float) -> dict[str, Any]:
    return {
        "run": run,
        "step": curve.steps.tolist(),
        "time": _rounded(curve.wall_times - start, 3),
        "value": _short(curve.means),
        "low": None if curve.lows is None else _short(curve.lows),
        "high": None if curve.highs is None else _short(curve.highs),
        "bad": [(step, round(time - start, 3), what) for step, time, what in curve.bad],
    }


def _rounded(values: Array, digits: int) -> list[float]:
    return [round(value, digits) for value in values.tolist()]


def _short(values: Array) -> list[float | None]:
    """Return numbers with six digits, None for what is not finite."""
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in values.tolist()]


def groups_of(tags: Sequence[str]) -> dict[str, list[int]]:
    """Return the numbers of tags by what stands before the first slash: what has a loss comes first, and then those without a slash.

    >>> groups_of(["loss", "gradients/w10", "gradients/w9"])
    {'': [0], 'gradients': [2, 1]}
    >>> groups_of(["conv/zeros", "train/accuracy", "train/loss"])
    {'train': [2, 1], 'conv': [0]}
    """
    groups: dict[str, list[int]] = {}
    for i in sorted(range(len(tags)), key=lambda i: (not is_loss(tags[i]), _natural(tags[i]))):
        group = tags[i].partition("/")[0] if "/" in tags[i] else ""
        groups.setdefault(group, []).append(i)
    return dict(sorted(groups.items(), key=lambda item: (not is_loss(tags[item[1][0]]), _natural(item[0]))))


def _natural(text: str) -> list[Any]:
    return [(int(part), "") if part.isdigit() and part.isascii() else (-1, part) for part in _DIGITS.split(text) if part]


def curve_figures(contents: Contents) -> str:
    """Return the figures of all curves, in groups."""
    tags = list(contents.curves)
    figures = [_curve_figure(i, tag, contents.curves[tag], contents.runs) for i, tag in enumerate(tags)]
    return _in_groups(tags, figures)


def _in_groups(tags: Sequence[str], figures: Sequence[str]) -> str:
    blocks = []
    for place, (group, members) in enumerate(groups_of(tags).items()):
        count = element("span", f"{len(members)} chart{'s' * (len(members) != 1)}")
        head = element("summary", [element("h3", group or "overall", style="display:inline"), count])
        body = element("div", [figures[i] for i in members], class_="charts")
        blocks.append(element("details", [head, body], class_="group", open=place < _OPEN_GROUPS))
    return "".join(blocks)


def _curve_figure(place: int, tag: str, curves: Sequence[Curve], runs: Sequence[str]) -> str:
    plot = element("div", [], class_="plot", tabindex="0", role="group", aria_label=f"{tag}: arrow keys read the values")
    text = element("details", [element("summary", "in words"), element("p", describe(tag, curves, runs))])
    parts = [element("figcaption", [tag_name(tag)]), _larger(), plot, text]
    return element("figure", parts, data_chart=str(place), data_tag=tag)


def _larger() -> str:
    return element("button", "larger", type="button", aria_pressed="false")


def describe(tag: str, curves: Sequence[Curve], runs: Sequence[str]) -> str:
    """Return in words what the curves of a tag show."""
    return " ".join(_describe(curve, runs[curve.run] if len(runs) > 1 else "") for curve in curves)


def _describe(curve: Curve, run: str) -> str:
    name = f"{run}: " if run else ""
    at = np.flatnonzero(curve.is_finite)
    bad = len(curve.steps) - at.size
    unseen = f" {bad:,} of {len(curve.steps):,} values are not finite." if bad else ""
    if not at.size:
        return f"{name}no finite value.{unseen}"
    values, steps = curve.values[at], curve.steps[at]
    low, high = int(values.argmin()), int(values.argmax())
    return (
        f"{name}{number(values[0])} at step {steps[0]}, {number(values[-1])} at step {steps[-1]}; "
        f"least {number(values[low])} at step {steps[low]}, greatest {number(values[high])} at step {steps[high]}.{unseen}"
    )


# --- histograms ------------------------------------------------------------------------------------------------------


def histogram_data(contents: Contents) -> list[dict[str, Any]]:
    """Return what the script draws of each histogram."""
    found = []
    rows_of_plot = rows_for(len(contents.histograms))
    for tag, run, series in contents.histograms:
        binned = ridges(series, rows_of_plot)
        by_step = dict(zip(np.asarray(series.steps).tolist(), series.values, strict=True))
        rows = [{"step": step, "counts": _counts(counts), "text": _row_text(step, by_step[step])} for step, counts in binned.rows]
        found.append({"run": run, "low": binned.low, "high": binned.high, "rows": rows, "label": _ridge_label(tag, series, binned)})
    return found


def _counts(counts: Array) -> list[float]:
    return [float(f"{count:.4g}") for count in counts.tolist()]


def _row_text(step: int, histogram: Any) -> str:
    ends = f"{number(histogram.min)} to {number(histogram.max)}"
    return f"step {step}: {int(histogram.num):,} values, {ends}, median {number(quantile(histogram, 0.5))}"


def _ridge_label(tag: str, series: Any, binned: Ridges) -> str:
    return f"Histograms of {tag} at {len(binned.rows)} of {len(series.steps)} steps. {_ridge_text(series)}"


def _ridge_text(series: Any) -> str:
    first, last = (_row_text(int(series.steps[i]), series.values[i]) for i in (0, -1))
    return f"First {first}." if len(series.steps) == 1 else f"First {first}. Last {last}."


def histogram_figures(contents: Contents) -> str:
    """Return the figures of all histograms, in groups."""
    figures = []
    for i, (tag, run, series) in enumerate(contents.histograms):
        of_run = [element("span", f" in {contents.runs[run]}")] if len(contents.runs) > 1 else []
        plot = element("div", [], class_="plot", tabindex="0", role="group", aria_label=f"{tag}: arrow keys go from step to step")
        text = element("details", [element("summary", "in words"), element("p", _ridge_text(series))])
        parts = [element("figcaption", [tag_name(tag), *of_run]), _larger(), plot, text]
        figures.append(element("figure", parts, data_ridges=str(i), data_tag=tag, data_of_run=str(run)))
    return _in_groups([tag for tag, _, _ in contents.histograms], figures)


# --- the table of values ---------------------------------------------------------------------------------------------


def final_values(curves: Mapping[str, Sequence[Curve]], runs: Sequence[str]) -> str:
    """Return a table with the last, least and greatest value of each curve."""
    of_run = ["run"] if len(runs) > 1 else []
    head = ["tag", *of_run, "last value", "at step", "least", "at step", "greatest", "at step", "values", "not finite"]
    names = element("tr", [element("th", name, scope="col", class_="" if i < 1 + len(of_run) else "number") for i, name in enumerate(head)])
    rows = [_value_row(curve, runs) for group in curves.values() for curve in group]
    table = element("table", [element("thead", [names]), element("tbody", rows)])
    return element("div", [table], class_="scroll", tabindex="0", role="region", aria_label="table of final values")


def _value_row(curve: Curve, runs: Sequence[str]) -> str:
    at = np.flatnonzero(curve.is_finite)
    cells = [number(curve.values[-1]), str(curve.steps[-1])]
    if at.size:
        for place in (at[curve.values[at].argmin()], at[curve.values[at].argmax()]):
            cells += [number(curve.values[place]), str(curve.steps[place])]
    else:
        cells += ["-"] * 4
    cells += [f"{len(curve.steps):,}", f"{len(curve.steps) - at.size:,}"]
    of_run = [element("td", runs[curve.run])] if len(runs) > 1 else []
    return element("tr", [element("th", curve.tag, scope="row"), *of_run, *[element("td", cell, class_="number") for cell in cells]])
