"""What derived functions share: a name scope around the ops they call, and shape arguments as operands."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphopt import shapes
from graphopt.errors import ArgumentError
from graphopt.ir.bind import CURRENT, current_builder


def builder_of(*operands: Any) -> Any:
    """Return the builder that an op called on these operands goes to."""
    for operand in operands:
        builder = getattr(operand, "builder", None)
        if builder is not None:
            current = CURRENT.get()
            return builder if current is None or current is builder else current.preferred_over(builder)
    return current_builder()


@contextlib.contextmanager
def scope(name: str, *operands: Any) -> Iterator[str | None]:
    """Record what is called inside under a name scope; yields the name that makes the last operation take the scope's own.

    Args:
      name: the scope's name. operands: what the ops inside are called on.
    """
    enter = getattr(builder_of(*operands), "name_scope", None)
    if enter is None:  # nodes have no names
        yield None
        return
    with enter(name) as entered:
        yield entered


def to_symbol(value: Any, dtype: Any = None, name: str | None = None, *others: Any) -> Any:
    """Return a plain value as a constant where the `others` are recorded, and a symbolic one as a value."""
    if hasattr(value, "builder"):
        return builder_of(value).admit(value) if not hasattr(value, "tensor_type") else value
    return builder_of(*others).constant(value, dtype, name)


def symbolic_dtype(*operands: Any) -> Any:
    """Return the element type of the first symbolic operand, or None when all are plain values."""
    return next((operand.dtype for operand in operands if hasattr(operand, "builder")), None)


def shape_operand(shape: Any) -> Any:
    """Return a shape argument as an operand: an integer vector, or a list that becomes one.

    Args:
      shape: an int, a list or tuple of ints and integer scalars, a TensorShape, an array, or an integer vector.

    Raises:
      ValueError: when a size is unknown. TypeError: when it is no shape.

    >>> shape_operand([]), shape_operand(3)
    (array([], dtype=int32), array([3], dtype=int32))
    """
    if hasattr(shape, "builder"):
        return shape
    if isinstance(shape, (list, tuple)) and any(hasattr(size, "builder") for size in shape):
        return list(shape)
    if isinstance(shape, np.ndarray) and shape.ndim == 1 and shape.size and shape.dtype.kind in "iu":
        return shape
    known = _sizes(shape)
    return np.array(known, np.int32 if max(known, default=0) < 2**31 else np.int64)


def _sizes(shape: Any) -> list[int]:
    if isinstance(shape, np.ndarray):
        shape = shape.reshape(-1).tolist()
    sizes = shapes.to_shape(shape)
    if sizes is None or None in sizes:
        raise ArgumentError(f"Cannot convert a partially known shape to a Tensor: {shapes.format_tf(sizes)}")
    return [int(size) for size in sizes if size is not None]


def as_tuple(results: Any) -> tuple[Any, ...]:
    """Return the results of an op with several as a tuple, also where there is only one."""
    return results if isinstance(results, tuple) else (results,)
