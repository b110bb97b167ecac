"""Pairs of gradients and variables as users hand them to Keras's optimizers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Tensor
from graphopt.graph.variables import Variable, trainable_variables
from graphopt.train.keras.hyper_arguments import warn_user

Pair = tuple[Any, Any]


def to_variables(var_list: Any) -> list[Any]:
    """Return the variables of a list, of a function that gives one, or the trainable ones for None.

    Raises:
      ValueError: when there are none.
    """
    given = var_list() if callable(var_list) else var_list
    variables = trainable_variables() if given is None else [given] if isinstance(given, Variable) else list(given)
    if not variables:
        raise ArgumentError("No variables to optimize.")
    return variables


def to_pairs(grads_and_vars: Any) -> list[Pair]:
    """Return pairs (gradient or None, variable) after checking each; arrays and numbers become tensors.

    Raises:
      TypeError: for what are no pairs, or a gradient of another element type. ValueError: for one of another shape.
    """
    if not isinstance(grads_and_vars, Iterable) or isinstance(grads_and_vars, Tensor | Variable | str):
        raise ArgumentTypeError(f"grads_and_vars must be pairs (gradient, variable), got {grads_and_vars!r}.")
    return [_checked_pair(pair) for pair in grads_and_vars]


def _checked_pair(pair: Any) -> Pair:
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ArgumentTypeError(f"grads_and_vars must be pairs (gradient, variable), got {pair!r} among them.")
    gradient, variable = pair
    if not isinstance(variable, Variable):
        raise ArgumentTypeError(f"Trying to update what is no variable: {variable!r}. A pair is (gradient, variable).")
    if gradient is None:
        return None, variable
    if not isinstance(gradient, Tensor | IndexedSlices):
        gradient = convert_to_tensor(gradient, dtype=None if hasattr(gradient, "builder") else variable.dtype)
    if gradient.dtype is not variable.dtype:
        raise DTypeError(f"The gradient of {variable.name} has type {gradient.dtype.name}, the variable {variable.dtype.name}.")
    if isinstance(gradient, Tensor) and not gradient.get_shape().is_compatible_with(variable.get_shape()):
        raise ShapeError(f"The gradient of {variable.name} has shape {gradient.get_shape()}, the variable {variable.get_shape()}.")
    return gradient, variable


def present_pairs(pairs: list[Pair]) -> list[Pair]:
    """Return the pairs that have a gradient; warn of the others.

    Raises:
      ValueError: when none has.
    """
    present = [(gradient, variable) for gradient, variable in pairs if gradient is not None]
    missing = [variable.name for gradient, variable in pairs if gradient is None]
    if not present:
        raise ArgumentError(f"No gradients provided for any variable: {missing}. Provided `grads_and_vars` is {pairs}.")
    if missing:
        warn_user(
            f"Gradients do not exist for variables {missing} when minimizing the loss. If you're using `model.compile()`, did you forget "
            "to provide a `loss` argument?"
        )
    return present
