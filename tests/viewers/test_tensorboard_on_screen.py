"""What our writer writes is what TensorBoard reads, and what it shows on its pages.

A recorded event file with the listing of TensorBoard's own loader is checked always, its loader itself where TensorBoard is installed, and
its pages in headless Chromium where that is installed, too. `on_screen.py` takes pictures of the pages.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import board
import pytest
from browser import Browser
from digits_run import NOTE, RUNS, write_run
from listing import STEPS, by_graphopt, by_tensorboard, event_file, load

import graphopt as tf

SCALARS = ["OptimizeLoss/global_norm/clipped_gradient_norm", "OptimizeLoss/global_norm/gradient_norm", "OptimizeLoss/learning_rate_1"]
LOSS = "OptimizeLoss/loss"


@pytest.fixture(scope="module")
def address(logdir: Path, browser: Browser | None) -> Iterator[str | None]:
    """Start TensorBoard on the runs; None where it or the browser is not installed."""
    if browser is None or board.command() is None:
        yield None
        return
    with board.serving(logdir) as found:
        yield found


def shown(address: str | None, browser: Browser | None, page: str) -> Browser | None:
    """Open one of TensorBoard's pages; None where there is no browser or no TensorBoard."""
    if address is None or browser is None:
        return None
    # Another query makes the browser load the page anew, and not only scroll to another part of it.
    browser.open(f"{address}/?darkMode=false&page={page}#{page}")
    return browser


def test_the_recorded_file_reads_as_tensorboard_reads_it(tmp_path: Path) -> None:
    events, listing = load()
    path = tmp_path / "events.out.tfevents.1.recorded"
    path.write_bytes(events)
    ours = by_graphopt(path)
    assert ours.keys() == listing.keys()
    for kind, items in listing.items():
        assert ours[kind] == items, kind


def test_a_run_of_today_has_what_the_recorded_one_has(tmp_path: Path) -> None:
    _, listing = load()
    write_run(tmp_path, 0, STEPS)
    today = by_graphopt(event_file(tmp_path))
    for kind in ("scalars", "histograms", "images", "texts"):
        assert {tag: [item[0] for item in items] for tag, items in today[kind].items()} == {
            tag: [item[0] for item in items] for tag, items in listing[kind].items()
        }
    for tag, items in listing["scalars"].items():
        assert [item[2] for item in today["scalars"][tag]] == pytest.approx([item[2] for item in items], rel=1e-3)
    assert [items[-1][2] for items in today["images"].values()] == [items[-1][2] for items in listing["images"].values()]
    assert today["texts"]["note"][-1][2] == [NOTE]


def test_the_graph_is_whole(logdir: Path) -> None:
    nodes = tf.summary.read(logdir).graph("first").node
    names = {node.name for node in nodes}
    assert len(names) == len(nodes) > 100
    assert {name.partition(":")[0].lstrip("^") for node in nodes for name in node.input} <= names


def test_tensorboards_loader_agrees_where_it_is_installed(logdir: Path) -> None:
    path = event_file(logdir / "first")
    if importlib.util.find_spec("tensorboard") is None:
        with pytest.raises(ModuleNotFoundError, match="tensorboard"):
            by_tensorboard(path)
        return
    assert by_graphopt(path) == by_tensorboard(path)


def test_scalars_page(logdir: Path, address: str | None, browser: Browser | None) -> None:
    tags = tf.summary.read(logdir).tags()["scalars"]
    assert tags == [*SCALARS, LOSS]
    window = shown(address, browser, "scalars")
    if window is None:
        return
    lengths = """
      return deep('vz-line-chart2').map(chart => deep('path', chart.shadowRoot).filter(isSeen)
        .filter(path => getComputedStyle(path).stroke !== 'none').map(path => path.getTotalLength()).filter(length => length > 100).length)
    """
    # Each chart has two runs, each with its values and a smoothed line.
    window.wait_for(f"{board.DEEP} const counts = (() => {{ {lengths} }})(); return counts.length === 4 && Math.min(...counts) >= 4")
    headings = window.run(f"{board.DEEP} return deep('tf-card-heading').map(heading => heading.shadowRoot.textContent).join()")
    assert all(f"tag: {tag}" in " ".join(headings.split()) for tag in tags)
    assert window.run(f"{board.DEEP} return deep('tf-multi-checkbox').map(list => list.runs || list.names).flat()") == list(RUNS)
    assert window.console("SEVERE") == []


def test_histograms_page(logdir: Path, address: str | None, browser: Browser | None) -> None:
    tags = tf.summary.read(logdir).tags()["histograms"]
    assert len(tags) == 10
    window = shown(address, browser, "histograms")
    if window is None:
        return
    paths = "deep('vz-histogram-timeseries').map(plot => deep('path', plot.shadowRoot).filter(isSeen).length)"
    window.wait_for(f"{board.DEEP} const counts = {paths}; return counts.length === {2 * len(tags)} && Math.max(...counts) >= 50")
    # A plot has a ridge for each step at which there is a histogram; those of the weights are fewer.
    window.wait_for(f"{board.DEEP} return Math.min(...{paths}) >= 6")
    text = window.run(f"{board.DEEP} return deep('tf-card-heading').map(heading => heading.shadowRoot.textContent).join()")
    assert all(tag in text for tag in tags)
    assert window.console("SEVERE") == []


def test_graphs_page(logdir: Path, address: str | None, browser: Browser | None) -> None:
    names = {node.name for node in tf.summary.read(logdir).graph("first").node}
    expected = {"classifier", "OptimizeLoss", "global_step", "images", "labels"}
    assert expected <= {name.partition("/")[0] for name in names}
    window = shown(address, browser, "graphs")
    if window is None:
        return
    # Each node holds its name, and the boxes of scopes open with a double click.
    nodes = "deep('g.node').map(node => node.__data__ ? node.__data__.node.name : node.dataset.name)"
    window.wait_for(f"{board.DEEP} return deep('g.node').length > 8 && deep('tf-graph-scene').some(isSeen)")
    drawn = set(window.run(f"{board.DEEP} return {nodes}"))
    assert expected <= drawn
    boxes = "deep('g.node > g.nodeshape').filter(isSeen).length"
    assert window.run(f"{board.DEEP} return {boxes}") > 8
    window.run(
        f"{board.DEEP} const box = deep('g.node').find(node => node.__data__.node.name === 'classifier');"
        "box.querySelector('.nodeshape').dispatchEvent(new MouseEvent('dblclick', {bubbles: true, composed: true, view: window}))"
    )
    window.wait_for(f"{board.DEEP} return {nodes}.includes('classifier/hidden_weights')", what="the opened scope")
    assert window.console("SEVERE") == []


def test_images_texts_and_hyper_parameters_pages(logdir: Path, address: str | None, browser: Browser | None) -> None:
    log = tf.summary.read(logdir)
    assert log.hparams("second") == {"learning_rate": 0.01, "optimizer": "Adam", "seed": 1.0}
    assert log.tags()["images"] == ["digits/image/0", "digits/image/1"]
    window = shown(address, browser, "images")
    if window is None:
        return
    window.wait_for(
        f"{board.DEEP} const found = deep('img').filter(isSeen); return found.length === 4 && found.every(i => i.naturalWidth === 8)"
    )
    window = _opened(address, window, "text")
    window.wait_for(
        f"{board.DEEP} return deep('tf-markdown-view').some(view => deep('*', view.shadowRoot).some(e => /Digits/.test(e.textContent)))"
    )
    window = _opened(address, window, "hparams")
    window.wait_for(f"{board.DEEP} return deep('vaadin-grid-cell-content').map(cell => cell.textContent).join().includes('learning_rate')")
    assert window.console("SEVERE") == []


def _opened(address: Any, window: Browser, page: str) -> Browser:
    found = shown(address, window, page)
    assert found is not None
    return found
