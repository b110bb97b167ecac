"""Arguments that TensorFlow renamed and still takes by the old name."""

from __future__ import annotations

from typing import Any

from graphopt.errors import ArgumentError


def either(new_name: str, new: Any, old_name: str, old: Any) -> Any:
    """Return the one of two names of an argument that was given, None when neither was.

    Raises:
      ValueError: when both were.

    >>> either("axis", None, "dim", 1)
    1
    """
    if old is not None and new is not None:
        raise ArgumentError(f"Cannot specify both '{old_name}' and '{new_name}'")
    return old if new is None else new
