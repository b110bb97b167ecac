"""Pictures of graphs, written to files."""

from __future__ import annotations

from collections.abc import Callable
from os import PathLike
from typing import Any

from graphopt.errors import ArgumentError
from graphopt.inspection.files import write_text
from graphopt.inspection.pictures.arrange import arrange
from graphopt.inspection.pictures.boxes import drawing_of
from graphopt.inspection.pictures.formats import to_dot
from graphopt.inspection.pictures.page import to_page
from graphopt.inspection.pictures.svg import to_svg
from graphopt.system_errors import to_path


def draw(train_op_or_graph: Any, path: str | PathLike[str] | None = None) -> str:
    """Draw what a training op does, or a whole graph: name scopes as frames; state, forward, backward and update in colours.

    Args:
      train_op_or_graph: a training op, tensor, operation or a list of these: what a run of it needs is drawn; or a graph.
      path: where to write: ``.html`` is a page whose scopes open and close by click, which needs no server and no network; ``.svg`` is
        a picture (with more than 300 boxes inner scopes are closed); ``.dot`` or ``.gv`` is text for Graphviz.

    Returns:
      What was written; the SVG when there is no path.

    Raises:
      ValueError: for another ending. TypeError: for what is no graph or part of one, or no path.
      tf.errors.OpError: when the file can't be written.

    Example:
      >>> w = tf.Variable(1.0, name="w")
      >>> train_op = tf.train.GradientDescentOptimizer(0.1).minimize(w * w)
      >>> page = tf.inspection.draw(train_op, "graph.html")
      >>> page.splitlines()[0]
      '<!DOCTYPE html>'
    """
    make = _svg if path is None else _MAKERS.get(to_path(path, "The path of a picture").suffix.lower())
    if make is None:
        raise ArgumentError(f"A picture is written to a file that ends in {', '.join(_MAKERS)}, got {str(path)!r}.")
    text = make(train_op_or_graph)
    if path is not None:
        write_text(path, text)
    return text


def _svg(given: Any) -> str:
    drawing = drawing_of(given)
    return to_svg(drawing, arrange(drawing))


def _page(given: Any) -> str:
    drawing = drawing_of(given)
    return to_page(drawing, arrange(drawing))


_MAKERS: dict[str, Callable[[Any], str]] = {".html": _page, ".htm": _page, ".svg": _svg, ".dot": to_dot, ".gv": to_dot}
