"""Named type rules: what the right side of a signature's ``->`` may say.

A rule receives operand types (a `StaticOperand` for a static operand, a tuple of types for a variadic one) and attribute values, in
the order in which the signature names them, and returns the result's type.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphopt import dtypes, shapes
from graphopt.dtypes import DType
from graphopt.errors import ShapeError
from graphopt.ir.types import StaticOperand, TensorType
from graphopt.shapes import Shape

RULES: dict[str, Callable[..., TensorType]] = {}


def rule(function: Callable[..., TensorType]) -> Callable[..., TensorType]:
    """Register a type rule under its function's name."""
    RULES[function.__name__] = function
    return function


@rule
def like(x: TensorType) -> TensorType:
    """Return the operand's own type."""
    return x


@rule
def like_as(x: TensorType, dtype: DType) -> TensorType:
    """Return the operand's shape with another element type."""
    return TensorType(dtype, x.shape)


@rule
def bool_like(x: TensorType) -> TensorType:
    """Return the operand's shape with bool elements."""
    return TensorType(dtypes.bool_, x.shape)


@rule
def broadcast(x: TensorType, y: TensorType) -> TensorType:
    """Return the type of an elementwise result of two operands."""
    if x.shape == y.shape and x.shape is not None and None not in x.shape:
        return x
    return TensorType(x.dtype, shapes.broadcast_shapes(x.shape, y.shape))


@rule
def bool_broadcast(x: TensorType, y: TensorType) -> TensorType:
    """Return the type of an elementwise comparison of two operands."""
    return TensorType(dtypes.bool_, shapes.broadcast_shapes(x.shape, y.shape))


@rule
def scalar(x: TensorType) -> TensorType:
    """Return a scalar with the operand's element type."""
    return TensorType(x.dtype, ())


@rule
def string_scalar() -> TensorType:
    """Return a scalar string."""
    return TensorType(dtypes.string, ())


@rule
def reduced(x: TensorType, axis: tuple[int, ...] | None, keepdims: bool) -> TensorType:
    """Return the type of `x` reduced over `axis` (all axes when None)."""
    return TensorType(x.dtype, reduced_shape(x.shape, axis, keepdims))


@rule
def shaped(shape: StaticOperand, dtype: DType) -> TensorType:
    """Return the type whose shape is the value of a static operand."""
    return TensorType(dtype, shape_from(shape))


def reduced_shape(shape: Shape, axis: tuple[int, ...] | None, keepdims: bool) -> Shape:
    """Return `shape` without the reduced axes (with size 1 there when `keepdims`).

    >>> reduced_shape((2, 3, 4), (1,), False)
    (2, 4)
    """
    if shape is None:
        return () if axis is None and not keepdims else None
    if axis is None:
        return (1,) * len(shape) if keepdims else ()
    dropped = {shapes.normalize_axis(a, len(shape)) for a in axis}
    if keepdims:
        return tuple([1 if i in dropped else d for i, d in enumerate(shape)])
    return tuple([d for i, d in enumerate(shape) if i not in dropped])


def shape_from(operand: StaticOperand) -> Shape:
    """Return the shape that the value of a static operand describes.

    Raises:
      ShapeError: when the operand is not a vector or a size is negative.
    """
    shape = operand.type.shape
    if shape is not None and len(shape) != 1:
        raise ShapeError(f"Shape must be rank 1 but is rank {len(shape)}")
    if operand.value is None:
        return None if shape is None or shape[0] is None else (None,) * shape[0]
    for size in operand.value:
        if size is not None and size < 0:
            raise ShapeError(f"Dimension {size} must be >= 0")
    known: Shape = operand.value
    return known


def as_types(result: Any) -> tuple[TensorType, ...]:
    """Return the result of an inference as a tuple of types."""
    return (result,) if isinstance(result, TensorType) else tuple(result)
