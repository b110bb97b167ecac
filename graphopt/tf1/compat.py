"""`tf.compat`: text and bytes."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from graphopt.errors import ArgumentTypeError

bytes_or_text_types = (bytes, str)
complex_types = (numbers.Complex, np.number)
integral_types = (numbers.Integral, np.integer)
real_types = (numbers.Real, np.integer, np.floating)


def as_bytes(bytes_or_text: Any, encoding: str = "utf-8") -> bytes:
    """Return text as bytes; bytes stay as they are.

    Raises:
      TypeError: for anything else.

    >>> tf.compat.as_bytes("name")
    b'name'
    """
    if isinstance(bytes_or_text, (bytes, bytearray)):
        return bytes(bytes_or_text)
    if isinstance(bytes_or_text, str):
        return bytes_or_text.encode(encoding)
    raise ArgumentTypeError(f"Expected binary or unicode string, got {bytes_or_text!r}")


def as_text(bytes_or_text: Any, encoding: str = "utf-8") -> str:
    """Return bytes as text; text stays as it is.

    Raises:
      TypeError: for anything else.

    >>> tf.compat.as_str(b"name")
    'name'
    """
    if isinstance(bytes_or_text, str):
        return bytes_or_text
    return as_bytes(bytes_or_text).decode(encoding)


as_str = as_text


def as_str_any(value: Any) -> str:
    """Return any value as text, bytes decoded."""
    return as_text(value) if isinstance(value, bytes) else str(value)


def path_to_str(path: Any) -> str:
    """Return a path as text."""
    return as_str_any(path.__fspath__() if hasattr(path, "__fspath__") else path)
