"""What `explain` gives: one content in five forms."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from os import PathLike
from typing import Any

from graphopt.inspection.document import Section, to_fragment, to_markdown, to_page, to_text
from graphopt.inspection.files import write_text
from graphopt.inspection.sections import sections_of
from graphopt.inspection.strict_json import strict_json


class Explanation:
    """What `explain` found. `str()`, `to_markdown()` and `to_html()` are for people, `to_dict()` and `to_json()` for machines.

    A notebook shows it as HTML.

    Attributes:
      content: everything, as plain dicts, lists, strings and numbers.

    Example:
      >>> w = tf.Variable(1.0, name="w")
      >>> found = tf.explain(tf.train.GradientDescentOptimizer(0.1).minimize(w * w))
      >>> print(found.to_markdown().splitlines()[0])
      # training op GradientDescent
    """

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain dicts, lists, strings and numbers."""
        return self.content

    def to_json(self) -> str:
        """Return everything as JSON; numbers that JSON has not are the strings "nan", "inf" and "-inf"."""
        return strict_json(self.content)

    def to_markdown(self) -> str:
        """Return everything as Markdown."""
        return to_markdown(self._sections)

    def to_html(self, path: str | PathLike[str] | None = None) -> str:
        """Return everything as one HTML page that needs no other file and no network.

        Args:
          path: a file to write it to as well.

        Raises:
          TypeError, ValueError: when `path` is no path. tf.errors.OpError: when the file can't be written.
        """
        page = to_page(self._sections)
        if path is not None:
            write_text(path, page)
        return page

    def _repr_html_(self) -> str:
        return to_fragment(self._sections)

    @functools.cached_property
    def _sections(self) -> Sequence[Section]:
        return sections_of(self.content)

    def __str__(self) -> str:
        return to_text(self._sections)

    __repr__ = __str__
