"""The report of a run of the digits example, opened in headless Chromium.

Where Chromium or chromedriver is not installed, the tests here check the page as far as one can without looking at it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Browser
from digits_run import RUNS, STEPS

import graphopt as tf
from graphopt.cli import main
from graphopt.inspection import report
from graphopt.summary.log_data import LogData, RunData, Series

_CURVE_LENGTHS = "return [...document.querySelectorAll('#curves path.curve')].map(path => Math.round(path.getTotalLength()))"
_LOSS = "document.querySelector('figure[data-tag=\"OptimizeLoss/loss\"]')"


@pytest.fixture(scope="module")
def page(logdir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert main(["report", str(logdir), "-o", str(path)]) == 0
    return path


@pytest.fixture
def shown(page: Path, browser: Browser | None) -> Browser | None:
    if browser is not None:
        browser.open(page.as_uri())
    return browser


def data_of(page: Path) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page.read_text(encoding="utf-8"), re.DOTALL)
    assert found is not None
    return json.loads(found[1])


def test_the_page_holds_all_curves(page: Path, logdir: Path) -> None:
    data, log = data_of(page), tf.summary.read(logdir)
    assert [run["name"] for run in data["runs"]] == list(RUNS)
    assert len(data["charts"]) == len(log.tags()["scalars"])
    for chart in data["charts"]:
        assert [series["run"] for series in chart["series"]] == [0, 1]
        assert all(len(series["step"]) == len(series["value"]) == STEPS for series in chart["series"])
    assert len(data["histograms"]) == 2 * len(log.tags()["histograms"])
    assert page.stat().st_size < 2_000_000


def test_curves_and_ridges_are_drawn(page: Path, shown: Browser | None) -> None:
    curves = sum(len(chart["series"]) for chart in data_of(page)["charts"])
    if shown is None:
        assert curves > 0
        return
    lengths = shown.run(_CURVE_LENGTHS)
    assert len(lengths) == curves
    assert min(lengths) > 100
    shown.run("document.querySelector('#histograms').scrollIntoView()")
    shown.wait_for("return document.querySelectorAll('#histograms path.ridge').length > 10", what="histograms")
    # No ridge stands above its plot, over the heading: not those of many steps, and not those of few.
    top = "Math.min(...[...document.querySelectorAll('#histograms path.ridge')].map(path => path.getBBox().y))"
    assert shown.run(f"document.querySelectorAll('#histograms figure').forEach(f => f.scrollIntoView()); return {top}") >= 0
    ridge = "document.querySelector('#histograms figure')"
    shown.run(f"{ridge}.querySelector('.plot').focus()")
    shown.press("down", "down")
    assert shown.run(f"return {ridge}.querySelector('[aria-live]').textContent") == data_of(page)["histograms"][0]["rows"][1]["text"]
    shown.run("document.querySelector('#pictures').scrollIntoView()")
    assert shown.run("return [...document.querySelectorAll('#pictures img')].every(picture => picture.naturalWidth === 8)")
    assert shown.run("return document.querySelectorAll('#pipeline li').length") >= 6
    assert shown.console() == []


def test_the_loss_is_the_first_chart(page: Path, shown: Browser | None) -> None:
    figures = re.findall(r'<figure [^>]*data-tag="([^"]*)"', page.read_text(encoding="utf-8"))
    assert figures[0] == "OptimizeLoss/loss"
    if shown is not None:
        assert shown.run("return document.querySelector('#curves figure').dataset.tag") == "OptimizeLoss/loss"


def test_on_a_telephone_nothing_stands_out_at_the_side(shown: Browser | None, page: Path) -> None:
    if shown is None:
        assert "max-width: 700px" in page.read_text(encoding="utf-8")
        return
    shown.resize(420, 900)
    try:
        shown.wait_for("return innerWidth < 500", what="the smaller window")
        assert shown.run("return document.documentElement.scrollWidth - innerWidth") <= 0
    finally:
        shown.resize(1400, 1000)


def test_hover_and_keyboard_tell_the_values(page: Path, shown: Browser | None) -> None:
    (loss,) = [
        chart for chart in data_of(page)["charts"] if "least" in chart["label"] and chart["label"].startswith("Curve of OptimizeLoss/loss.")
    ]
    if shown is None:
        assert all(f"at step {STEPS - 1 + series['step'][0]};" in loss["label"] for series in loss["series"])
        return
    shown.run(f"{_LOSS}.querySelector('.plot').focus()")
    shown.press("home", "right", "right")
    said = shown.run(f"return {_LOSS}.querySelector('[aria-live]').textContent")
    for name, series in zip(RUNS, loss["series"], strict=True):
        value, step = series["value"][2], series["step"][2]
        assert f"{name} {value:.5g} step {step}, " in said
    shown.press("end")
    assert f"step {loss['series'][0]['step'][-1]}, " in shown.run(f"return {_LOSS}.querySelector('[aria-live]').textContent")
    shown.press("escape")
    assert shown.run(f"return {_LOSS}.querySelector('.tip').classList.contains('hidden')")
    box = shown.run(
        f"{_LOSS}.scrollIntoView({{block: 'center'}}); const b = {_LOSS}.querySelector('.plot').getBoundingClientRect(); return b"
    )
    shown.point_at(int(box["left"] + box["width"] / 2), int(box["top"] + box["height"] / 2))
    assert "step" in shown.run(f"return {_LOSS}.querySelector('.tip').innerText")
    assert shown.console() == []


def test_controls_change_the_curves(shown: Browser | None, page: Path) -> None:
    if shown is None:
        text = page.read_text(encoding="utf-8")
        assert all(f'id="{name}"' in text for name in ("smooth", "log", "x", "outliers", "filter", "theme", "unzoom"))
        return
    seen = [shown.run(f"return {_LOSS}.querySelector('svg').outerHTML")]
    for change in (
        "const s = document.getElementById('smooth'); s.value = 0.9; s.dispatchEvent(new Event('input'))",
        "document.getElementById('log').click()",
        "const s = document.getElementById('x'); s.value = 'relative'; s.dispatchEvent(new Event('change'))",
        "const s = document.getElementById('x'); s.value = 'wall'; s.dispatchEvent(new Event('change'))",
        "document.getElementById('outliers').click()",
        "document.querySelector('input[data-run=\"1\"]').click()",
        f"{_LOSS}.querySelector('button').click()",
    ):
        shown.run(change)
        seen.append(shown.run(f"return {_LOSS}.querySelector('svg').outerHTML"))
        assert seen[-1] not in seen[:-1], change
        assert "NaN" not in seen[-1], change
    assert shown.run(f"return {_LOSS}.querySelectorAll('path.curve').length") == 1
    shown.run("const f = document.getElementById('filter'); f.value = 'loss$'; f.dispatchEvent(new Event('input'))")
    tags = shown.run("return [...document.querySelectorAll('#curves figure:not(.hidden)')].map(figure => figure.dataset.tag)")
    assert tags == ["OptimizeLoss/loss"]
    shown.run("const f = document.getElementById('filter'); f.value = '('; f.dispatchEvent(new Event('input'))")
    assert shown.console() == []


def test_dragging_zooms_and_a_button_goes_back(shown: Browser | None, page: Path) -> None:
    if shown is None:
        assert "pointerdown" in page.read_text(encoding="utf-8")
        return
    box = shown.run(f"{_LOSS}.scrollIntoView({{block: 'center'}}); return {_LOSS}.querySelector('.plot').getBoundingClientRect()")
    middle = int(box["top"] + box["height"] / 2)
    before = shown.run(f"return {_LOSS}.querySelector('path.curve').getAttribute('d')")
    shown.drag((int(box["left"] + box["width"] * 0.4), middle), (int(box["left"] + box["width"] * 0.7), middle))
    assert shown.run(f"return {_LOSS}.querySelector('path.curve').getAttribute('d')") != before
    assert shown.run("const button = document.getElementById('unzoom'); const was = button.hidden; button.click(); return was") is False
    assert shown.run(f"return {_LOSS}.querySelector('path.curve').getAttribute('d')") == before
    assert shown.console() == []


def test_dark_and_light_have_their_colours(shown: Browser | None, page: Path) -> None:
    if shown is None:
        assert "prefers-color-scheme: dark" in page.read_text(encoding="utf-8")
        return
    choose = "const s = document.getElementById('theme'); s.value = arguments[0]; s.dispatchEvent(new Event('change'));"
    colours = [shown.run(choose + "return getComputedStyle(document.body).backgroundColor", theme) for theme in ("light", "dark", "")]
    assert colours[0] == colours[2] == "rgb(245, 246, 248)"
    assert colours[1] == "rgb(16, 19, 24)"


def million() -> LogData:
    """Return a log of two runs with ten curves of 50,000 values each; one value stands out."""
    rng = np.random.default_rng(0)
    runs = []
    for name in ("a", "b"):
        run = RunData(name)
        for i in range(10):
            values = rng.normal(size=50_000).astype(np.float32)
            values[30_000] = 99.0
            run.series["scalars"][f"loss{i}"] = Series(np.arange(50_000), 1.7e9 + np.arange(50_000) / 100, values)
        runs.append(run)
    return LogData(runs)


def test_a_million_values_make_a_small_page(browser: Browser | None, tmp_path: Path) -> None:
    path = tmp_path / "million.html"
    path.write_text(report(million()), encoding="utf-8")
    assert path.stat().st_size < 3_000_000
    assert all(max(series["high"]) == 99.0 for chart in data_of(path)["charts"] for series in chart["series"])
    if browser is not None:
        browser.open(path.as_uri())
        assert len(browser.run(_CURVE_LENGTHS)) == 20
        assert browser.console() == []
