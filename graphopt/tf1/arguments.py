"""TensorFlow's deprecated argument names, and arguments that may be given as constant tensors."""

from __future__ import annotations

from typing import Any

from graphopt.errors import ArgumentError
from graphopt.graph.graph import convert_to_tensor


def renamed(new_name: str, new_value: Any, old_name: str, old_value: Any) -> Any:
    """Return the value of an argument that has two names.

    Args:
      new_name, new_value: the argument under its present name. old_name, old_value: under its former one.

    Raises:
      ValueError: when both are given.

    >>> renamed("axis", None, "dim", 1)
    1
    """
    if old_value is None:
        return new_value
    if new_value is not None:
        raise ArgumentError(f"Cannot specify both '{old_name}' and '{new_name}'")
    return old_value


def known(value: Any, what: str) -> Any:
    """Return an argument that decides how the graph looks as a Python value, also when it is given as a constant tensor.

    Args:
      value: an int, a list of ints, or an integer tensor. what: its name, for the message.

    Raises:
      ValueError: when a tensor's value is not known while the graph is recorded.
    """
    if not hasattr(value, "builder"):
        return value
    tensor = convert_to_tensor(value)
    found = tensor.builder.static_value(tensor)
    if found is None or (isinstance(found, tuple) and None in found):
        raise ArgumentError(f"'{what}' must be known while the graph is recorded, got {tensor}")
    return found
