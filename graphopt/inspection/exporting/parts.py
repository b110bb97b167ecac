"""What every exported file has, whatever it does: these functions are written into it as they stand here."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

import numpy as np


def aligned(values: Any) -> Any:
    """Return a copy of an array in memory that begins at a multiple of 64 bytes."""
    raw = np.empty(values.nbytes + 64, np.uint8)
    start = -raw.ctypes.data % 64
    result = raw[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    np.copyto(result, values)
    return result


def unpacked(kind: str, shape: tuple[int, ...], text: str) -> Any:
    """Return the array (a NumPy scalar for shape ()) that a text holds: bytes compressed by zlib and written in base 64."""
    values = np.frombuffer(zlib.decompress(base64.b64decode(text)), kind).reshape(shape)
    return aligned(values.astype(values.dtype.newbyteorder("="))) if shape else values.astype(values.dtype.newbyteorder("="))[()]


def described(kind: str, shape: tuple[int | None, ...]) -> str:
    """Return a type as text, such as float32[64, 3]."""
    return f"{kind}{list(shape)}"


def checked_feeds(feeds: Mapping[str, Any], expected: Mapping[str, Any], written: Iterable[Any]) -> dict[str, Any]:
    """Return the feeds as arrays of the expected types; none shares memory with an array that the step writes.

    Raises ValueError for a feed that is missing, unknown or of another type.
    """
    names = ", ".join([f"{name} of {described(*kind)}" for name, kind in expected.items()]) or "none"
    if feeds.keys() != expected.keys():
        wrong = sorted(feeds.keys() ^ expected.keys())[0]
        raise ValueError(f"The feed {wrong} is {'unknown' if wrong in feeds else 'missing'}. The feeds of this step: {names}.")
    found = {}
    for name, (kind, shape) in expected.items():
        value = feeds[name]
        array: Any = value if isinstance(value, (np.ndarray, np.generic)) else np.asarray(value, kind)
        if array.dtype.name != kind or array.shape != shape:
            raise ValueError(f"The feed {name} must be {described(kind, shape)}, got {described(array.dtype.name, array.shape)}.")
        array = np.array(array) if any(np.may_share_memory(array, other) for other in written) else array
        found[name] = array if shape else array[()]
    return found


def checked_state(state: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    """Raise ValueError unless every piece of state is there, of its type, and can be written."""
    for name, (kind, shape) in expected.items():
        if name not in state:
            raise ValueError(f"The state has no {name}: it must be {described(kind, shape)}, as in initial_state().")
        value = state[name]
        fits = isinstance(value, np.ndarray if shape else np.generic) and value.dtype.name == kind and value.shape == shape
        if not fits or (shape and not (value.flags.writeable and value.flags.c_contiguous)):
            found = described(value.dtype.name, value.shape) if hasattr(value, "dtype") else type(value).__name__
            raise ValueError(f"The state's {name} must be {described(kind, shape)} in writable, contiguous memory, got {found}.")


def commit(state: MutableMapping[str, Any], values: Mapping[str, Any]) -> None:
    """Put new values into the state: arrays into the memory of the old ones. None stands for no new value."""
    for name, value in values.items():
        old = state.get(name)
        if isinstance(value, np.ndarray) and value.ndim:
            if isinstance(old, np.ndarray) and old.shape == value.shape and old.dtype == value.dtype:
                np.copyto(old, value)
            else:
                state[name] = aligned(value)
        elif value is not None:
            state[name] = value[()]
