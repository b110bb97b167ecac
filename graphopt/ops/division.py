"""Arithmetic made of other ops: the divisions of Python 2 and 3, exclusive or, casts that stop at a type's limits."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import DTypeError
from graphopt.ir.bind import current_builder
from graphopt.ops.composing import scope, to_symbol
from graphopt.ops.elementwise import cast, divide, floordiv, logical_and, logical_not, logical_or, maximum, minimum

_WIDE = 4  # bytes from which on a whole number needs float64


def division_dtype(dtype: DType) -> DType:
    """Return the element type in which `/` divides operands of type `dtype`.

    Raises:
      TypeError: for bool and string.

    >>> division_dtype(dtypes.int32), division_dtype(dtypes.int8), division_dtype(dtypes.float16)
    (tf.float64, tf.float32, tf.float16)
    """
    if dtype.is_floating:
        return dtype
    if not dtype.is_integer:
        raise DTypeError(f"Invalid dtype {dtype!r} in __truediv__")
    return dtypes.float64 if dtype.size >= _WIDE else dtypes.float32


def to_pair(x: Any, y: Any, name: str) -> tuple[Any, Any]:
    """Return both operands as symbolic values; a plain one takes the other's element type where it can.

    Args:
      x, y: tensors, variables, or Python and NumPy values. name: name of the operation they are for.
    """
    builder = getattr(x, "builder", None) or getattr(y, "builder", None) or current_builder()
    if not hasattr(x, "builder"):
        x = _plain(builder, x, getattr(y, "dtype", None) if hasattr(y, "builder") else None, f"{name}/x")
    if not hasattr(y, "builder"):
        y = _plain(builder, y, x.dtype, f"{name}/y")
    return x, y


def _plain(builder: Any, value: Any, hint: DType | None, name: str) -> Any:
    try:
        return builder.constant(value, hint, name)
    except TypeError:
        return builder.constant(value, None, name)


def truediv(x: Any, y: Any, name: str | None = None) -> Any:
    """Return x / y; whole numbers are divided in float64 (8 and 16 bits: float32).

    Args:
      x, y: tensors of one numeric type that broadcast. name: name of the operation.

    Raises:
      TypeError: when the types differ or can't be divided.
    """
    label = name or "truediv"
    x, y = to_pair(x, y, label)
    if x.dtype is not y.dtype:
        raise DTypeError(f"x and y must have the same dtype, got {x.dtype!r} != {y.dtype!r}")
    wanted = division_dtype(x.dtype)
    return divide(cast(x, wanted, name=f"{label}/Cast"), cast(y, wanted, name=f"{label}/Cast_1"), name=label)


def div(x: Any, y: Any, name: str | None = None) -> Any:
    """Return x / y as Python 2 did: rounded towards minus infinity for whole numbers.

    Args:
      x, y: tensors of one numeric type that broadcast. name: name of the operation.

    Raises:
      TypeError: when the types differ or can't be divided.
    """
    label = name or "div"
    x, y = to_pair(x, y, label)
    if x.dtype is not y.dtype:
        raise DTypeError(f"x and y must have the same dtype, got {x.dtype!r} != {y.dtype!r}")
    return (floordiv if x.dtype.is_integer else divide)(x, y, name=label)


def logical_xor(x: Any, y: Any, name: str | None = "LogicalXor") -> Any:
    """Return where exactly one of two bool tensors is true.

    Args:
      x, y: bool tensors that broadcast. name: name of the operation.
    """
    label = name or "LogicalXor"
    either = logical_or(x, y, name=f"{label}/LogicalOr")
    both = logical_and(x, y, name=f"{label}/LogicalAnd")
    return logical_and(either, logical_not(both, name=f"{label}/LogicalNot"), name=label)


def saturate_cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """Return `x` with another element type; what that type can't hold becomes its nearest number.

    Args:
      x: numbers. dtype: a numeric element type. name: scope of the operations.
    """
    wanted = dtypes.as_dtype(dtype)
    with scope(name or "saturate_cast", x) as entered:
        x = to_symbol(x, None, "value")
        if x.dtype.min < wanted.min:
            x = maximum(x, _limit(wanted.min, x.dtype))
        if x.dtype.max > wanted.max:
            x = minimum(x, _limit(wanted.max, x.dtype))
        return cast(x, wanted, name=entered)


def _limit(value: Any, dtype: DType) -> Any:
    """Return a limit in another type: the nearest number that is not beyond it (2**31 - 1 has no float32)."""
    limit = dtype.np_type(value)
    beyond = abs(int(limit)) > abs(int(value)) if dtype.is_floating and np.isfinite(limit) else False
    return np.nextafter(limit, dtype.np_type(0)) if beyond else limit
