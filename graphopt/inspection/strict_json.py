"""Plain values as JSON that every parser reads: what JSON has no number for becomes text."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any


def finite(value: Any) -> Any:
    """Return plain values with the numbers that JSON does not know as text.

    Args:
      value: dicts, lists, tuples, text and numbers.

    Example:
      >>> finite({"rates": (0.1, float("inf"))})
      {'rates': [0.1, 'inf']}
    """
    if isinstance(value, Mapping):
        return {str(key): finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return str(float(value)) if isinstance(value, float) and not math.isfinite(value) else value


def strict_json(value: Any, *, indent: int | None = 2) -> str:
    """Return plain values as JSON; numbers that JSON has not are the strings "nan", "inf" and "-inf", other objects their text.

    Args:
      value: dicts, lists, tuples, text and numbers. indent: by how many spaces inner values are moved in; None for one line.

    Example:
      >>> strict_json({"now": float("nan")}, indent=None)
      '{"now": "nan"}'
    """
    return json.dumps(finite(value), indent=indent, default=str, allow_nan=False)
