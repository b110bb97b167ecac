"""Where hooks find the writer of a log directory.

Summaries are a layer beside this one: neither imports the other. Who imports both names the function that gives writers, as the default
session is found.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphopt.errors import GraphStateError

_WRITER_OF: list[Callable[[Any], Any]] = []


def set_writer_of(function: Callable[[Any], Any]) -> None:
    """Name the function that returns the writer of a directory, such as ``FileWriterCache.get``."""
    _WRITER_OF[:] = [function]


def writer_for(directory: Any) -> Any:
    """Return the writer of a log directory.

    Args:
      directory: the directory; it is made when it is missing.

    Raises:
      RuntimeError: when nobody has said where writers come from.
    """
    if not _WRITER_OF:
        raise GraphStateError("There is no writer of summaries: import graphopt as a whole, or pass summary_writer.")
    return _WRITER_OF[0](directory)
