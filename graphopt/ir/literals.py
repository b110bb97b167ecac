"""Python and NumPy values as constants, by TensorFlow's conversion rules."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, ArgumentTypeError, DTypeError

_INT32_MIN, _INT32_MAX = -(2**31), 2**31 - 1


def to_array(value: Any, dtype: DType | None = None) -> np.ndarray[Any, Any]:
    """Return `value` as an array with TensorFlow's element type.

    A Python float becomes float32, an int int32 (int64 when it does not fit), a NumPy array keeps its type; with `dtype` given the
    value is converted to it, but a Python float never becomes an integer.

    Args:
      value: a number, string, (nested) list or NumPy array.
      dtype: the element type wanted, or None to infer it.

    Raises:
      ValueError: for None. TypeError: when the value can't have the type.

    >>> to_array(1.5).dtype, to_array([1, 2]).dtype, to_array(2, dtypes.float64).dtype
    (dtype('float32'), dtype('int32'), dtype('float64'))
    """
    exact = type(value)
    if exact is float and (dtype is None or dtype.is_floating):
        return np.asarray(value, (dtype or dtypes.float32).np)
    if exact is int and dtype is not None and dtype.is_floating:
        return np.asarray(value, dtype.np)
    if value is None:
        raise ArgumentError("None values not supported.")
    if isinstance(value, (np.ndarray, np.generic)):
        return _from_numpy(np.asarray(value), dtype)
    return _from_python(value, dtype)


def _from_numpy(array: np.ndarray[Any, Any], dtype: DType | None) -> np.ndarray[Any, Any]:
    if array.dtype.kind in "SU":
        array = np.vectorize(_to_bytes, otypes=[object])(array) if array.size else array.astype(object)
    natural = dtypes.as_dtype(array.dtype)
    wanted = dtype or natural
    if natural is dtypes.string and array.dtype.kind == "O":
        return _from_python(array.tolist(), dtype)
    if (wanted is dtypes.string) != (natural is dtypes.string):
        raise DTypeError(f"Expected {wanted.name}, got an array of {natural.name} instead.")
    return np.ascontiguousarray(array, wanted.np) if array.ndim else array.astype(wanted.np)


def _from_python(value: Any, dtype: DType | None) -> np.ndarray[Any, Any]:
    leaves = list(_leaves(value))
    if any(isinstance(leaf, (str, bytes)) for leaf in leaves):
        return _strings(value, leaves, dtype)
    for leaf in leaves:
        _check_leaf(leaf, dtype)
    try:
        array = np.array(value)
    except ValueError as error:
        raise ArgumentError(f"Argument must be a dense tensor: {value!r} - {error}") from None
    if array.dtype.kind == "O":
        raise ArgumentTypeError(
            f"Failed to convert object of type {type(value)} to Tensor. Contents: {value!r}. Consider casting elements to a supported type."
        )
    return array.astype((dtype or _natural(array, leaves)).np)


def _natural(array: np.ndarray[Any, Any], leaves: list[Any]) -> DType:
    if array.dtype.kind == "f" and not any(isinstance(leaf, (np.ndarray, np.generic)) for leaf in leaves):
        return dtypes.float32
    if array.dtype.kind in "iu" and not any(isinstance(leaf, (np.ndarray, np.generic)) for leaf in leaves):
        fits = array.size == 0 or (array.min() >= _INT32_MIN and array.max() <= _INT32_MAX)
        return dtypes.int32 if fits else dtypes.int64
    return dtypes.float32 if array.size == 0 and array.dtype.kind == "f" else dtypes.as_dtype(array.dtype)


def _leaves(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _check_leaf(leaf: Any, dtype: DType | None) -> None:
    if leaf is None:
        raise ArgumentError("None values not supported.")
    if dtype is None:
        return
    is_bool = isinstance(leaf, (bool, np.bool_))
    is_float = isinstance(leaf, float) or (isinstance(leaf, np.floating))
    if (dtype.is_integer and (is_float or is_bool)) or (dtype.is_bool and not is_bool and not isinstance(leaf, np.ndarray)) or (
        dtype.is_floating and is_bool
    ) or dtype is dtypes.string:  # fmt: skip
        raise DTypeError(f"Expected {dtype.name}, got {leaf!r} of type '{type(leaf).__name__}' instead.")


def _strings(value: Any, leaves: list[Any], dtype: DType | None) -> np.ndarray[Any, Any]:
    for leaf in leaves:
        if not isinstance(leaf, (str, bytes)):
            raise DTypeError(f"Expected string, got {leaf!r} of type '{type(leaf).__name__}' instead.")
    if dtype is not None and dtype is not dtypes.string:
        raise DTypeError(f"Expected {dtype.name}, got {leaves[0]!r} of type '{type(leaves[0]).__name__}' instead.")
    array = np.array(value, dtype=object)
    flat = array.reshape(-1)
    for i, item in enumerate(flat):
        flat[i] = _to_bytes(item)
    return flat.reshape(array.shape)


def _to_bytes(text: Any) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)
