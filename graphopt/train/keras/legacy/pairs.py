"""Pairs of gradients and variables, as the older Keras optimizers take them: checked, and without those that have no gradient."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any

from graphopt import shapes
from graphopt.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Tensor
from graphopt.graph.variables import Variable

_LOG = logging.getLogger("graphopt")
Pair = tuple[Any, Any]


def as_pairs(grads_and_vars: Any) -> list[Pair]:
    """Return pairs as a list; raise for something else."""
    rule = "apply_gradients takes an iterable of pairs (gradient, variable)"
    if not isinstance(grads_and_vars, Iterable):
        raise ArgumentTypeError(f"{rule}, got {grads_and_vars!r}.")
    pairs = list(grads_and_vars)
    for pair in pairs:
        if not isinstance(pair, tuple | list):
            raise ArgumentTypeError(f"{rule}, but one of them is {pair!r}.")
        if len(pair) != 2:
            raise ArgumentError(f"{rule}, but one of them has {len(pair)} elements: {pair!r}.")
    return [(gradient, v) for gradient, v in pairs]


def with_gradients(pairs: list[Pair]) -> list[Pair]:
    """Return the pairs that have a gradient; say so when some have none."""
    kept = [(gradient, v) for gradient, v in pairs if gradient is not None]
    missing = [v.name for gradient, v in pairs if gradient is None]
    if pairs and not kept:
        raise ArgumentError(f"No gradients provided for any variable: {missing}. Provided `grads_and_vars` is {pairs}.")
    if missing:
        _LOG.warning("Gradients do not exist for variables %s when minimizing the loss: they stay as they are.", missing)
    return kept


def as_gradient(gradient: Any, var: Variable) -> Any:
    """Return a gradient as a tensor or rows; plain numbers get the variable's element type."""
    if isinstance(gradient, IndexedSlices):
        return gradient
    is_plain = isinstance(gradient, int | float | list | tuple)
    return convert_to_tensor(gradient, dtype=var.dtype if is_plain else None)


def checked(gradient: Any, var: Variable) -> Any:
    """Return a gradient as a tensor or rows; raise unless it has its variable's element type and shape."""
    gradient = as_gradient(gradient, var)
    if gradient.dtype is not var.dtype:
        raise DTypeError(f"The gradient of {var.name} has dtype {gradient.dtype.name}, but the variable has {var.dtype.name}.")
    if isinstance(gradient, Tensor) and not shapes.is_compatible(gradient.tensor_type.shape, var.get_shape().raw):
        raise ShapeError(f"The gradient of {var.name} has shape {gradient.shape}, but the variable has {var.get_shape()}.")
    return gradient
