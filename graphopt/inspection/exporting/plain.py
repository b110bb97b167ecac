"""Numbers, strings, arrays and element types as Python code that gives the very same bits."""

from __future__ import annotations

import base64
import math
import zlib
from typing import Any

import numpy as np

# An array with more elements than this is written as text that stands for its bytes.
MOST_ELEMENTS = 16
_WIDTH = 120


def scalar_code(value: Any) -> str:
    """Return the code of a number, bool, string or None.

    >>> scalar_code(2.5), scalar_code(float("-inf")), scalar_code(np.float32(0.1))
    ('2.5', '-np.inf', 'np.float32(0.1)')
    """
    if isinstance(value, np.generic):
        return _numpy_scalar_code(value)
    if isinstance(value, float) and not math.isfinite(value):
        return "np.nan" if math.isnan(value) else "np.inf" if value > 0 else "-np.inf"
    return repr(value)


def _numpy_scalar_code(value: np.generic) -> str:
    exact = scalar_code(value.item())
    for inner in (exact if "np." in exact else str(value), exact):
        if np.asarray(_read(inner), value.dtype).tobytes() == value.tobytes():
            return f"{type_code(value.dtype)}({inner})"
    return f"np.frombuffer({value.tobytes()!r}, {type_code(value.dtype)})[0]"


def _read(text: str) -> Any:
    """Return the number or bool that a text stands for."""
    if text in ("True", "False"):
        return text == "True"
    return float(text.replace("np.", "")) if not text.lstrip("-").isdigit() else int(text)


def type_code(dtype: Any) -> str:
    """Return the NumPy class of an element type.

    >>> type_code(np.dtype("float32")), type_code(np.dtype("bool"))
    ('np.float32', 'np.bool_')
    """
    name = np.dtype(dtype).name
    return f"np.{name}_" if name in ("bool", "object") else f"np.{name}"


def array_code(array: np.ndarray[Any, Any]) -> str:
    """Return the code of a small array of numbers, or None.

    >>> array_code(np.float32([[0.5, 1.0]]))
    'np.array([[0.5, 1.0]], np.float32)'
    """
    return f"np.array({_nested_code(array.tolist())}, {type_code(array.dtype)})"


def is_small(array: np.ndarray[Any, Any]) -> bool:
    """Return True for an array that `array_code` is for: few elements, none of them NaN, whose bits may differ."""
    return 0 < array.size <= MOST_ELEMENTS and not (array.dtype.kind == "f" and bool(np.isnan(array).any()))


def _nested_code(value: Any) -> str:
    return f"[{', '.join(map(_nested_code, value))}]" if isinstance(value, list) else scalar_code(value)


def packed_code(value: Any) -> str:
    """Return the code of an array's element type, shape and compressed bytes as text: what `unpacked` (parts.py) takes.

    >>> packed_code(np.zeros((2, 2), np.float32)).rpartition(",")[0]
    '("<f4", (2, 2)'
    """
    array = np.asarray(value)
    array = np.ascontiguousarray(array).reshape(array.shape).astype(array.dtype.newbyteorder("<"), copy=False)
    text = base64.b64encode(zlib.compress(array.tobytes(), 9)).decode("ascii")
    kind = array.dtype.str.replace("=", "<")
    if len(text) <= _WIDTH - 40:
        return f'("{kind}", {array.shape}, "{text}")'
    lines = [text[i : i + _WIDTH] for i in range(0, len(text), _WIDTH)]
    return "\n".join([f'("{kind}", {array.shape}, """', *lines, '""")'])
