"""Weights of losses and metrics: whether they fit the values they weigh, and how they are brought to the values' shape."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt.errors import ArgumentError, lines
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ops.array import shape_op
from graphopt.ops.control import assert_op
from graphopt.ops.elementwise import cast, equal, logical_or, multiply, ones_as
from graphopt.ops.reduce import reduce_all

_PREFIX = "weights can not be broadcast to values."


def broadcast_checks(weights: Tensor, values: Tensor) -> list[Any]:
    """Check that weights broadcast to values; return the checks that must wait until the shapes are known.

    Args:
      weights: a scalar, or of the rank of the values, each size 1 or that of the values. values: what they weigh.

    Raises:
      ValueError: when the shapes that are known don't fit.
    """
    own, other = weights.tensor_type, values.tensor_type
    if own.shape == () or own.shape is None or other.shape is None:
        return []
    found = f"values.shape={values.shape}. weights.shape={weights.shape}."
    where = f"weights: {own} = {weights.name}; values: {other} = {values.name}"
    if len(own.shape) != len(other.shape):
        rule = f"{_PREFIX} values.rank={len(other.shape)}. weights.rank={len(own.shape)}. {found}"
        raise ArgumentError(lines(rule, where))
    for i, (w, v) in enumerate(zip(own.shape, other.shape, strict=True)):
        if w is not None and w != 1 and v is not None and v != w:
            raise ArgumentError(lines(f"{_PREFIX} Mismatch at dim {i}. {found}", where))
    if all(w == 1 or (w is not None and w == v) for w, v in zip(own.shape, other.shape, strict=True)):
        return []
    sizes, wanted = shape_op(weights), shape_op(values)
    fits = reduce_all(logical_or(equal(sizes, 1), equal(sizes, wanted)))
    return [assert_op(fits, np.array(_PREFIX, object), sizes, wanted, summarize=8, name="assert_broadcastable")]


def broadcast_weights(weights: Any, values: Tensor) -> Tensor:
    """Return the weights in the shape and element type of the values.

    Args:
      weights: a number, or as in `broadcast_checks`. values: what they weigh.

    Raises:
      ValueError: when the shapes that are known don't fit.
      tf.errors.InvalidArgumentError: when the others don't fit at run time.
    """
    with name_scope(None, "broadcast_weights", [weights, values]) as scope:
        factor = cast(convert_to_tensor(weights, name="weights"), values.dtype)
        own, other = factor.tensor_type.shape, values.tensor_type.shape
        if own is not None and own == other and None not in own:
            return factor
        with values.graph.control_dependencies(broadcast_checks(factor, values)):
            return multiply(factor, ones_as(values), name=scope)
