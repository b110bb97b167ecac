"""Which variables a `Saver` is given, and their names in checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.operation import Tensor
from graphopt.graph.variables import Variable, variable_of


def saved_variables(given: Any) -> dict[str, Variable]:
    """Return variables by their names in a checkpoint, in the names' order.

    Args:
      given: a list, tuple or set of variables, or a dict from names to variables.

    Raises:
      TypeError: for anything else. ValueError: when two variables have one name, or one has two.
    """
    if isinstance(given, Mapping):
        named = dict(sorted((str(name), _variable(item)) for name, item in given.items()))
        seen: set[Variable] = set()
        for name, variable in named.items():
            if variable in seen:
                raise ArgumentError(f"The same saveable will be restored with two names: {name}")
            seen.add(variable)
        return named
    if not isinstance(given, list | tuple | set | frozenset):
        raise ArgumentTypeError(f"Variables to save should be passed in a dict or a list: {given}")
    found: dict[str, Variable] = {}
    for variable in [_variable(item) for item in given]:
        if found.get(variable.op.name, variable) is not variable:
            raise ArgumentError(f"At least two variables have the same name: {variable.op.name}")
        found[variable.op.name] = variable
    return dict(sorted(found.items()))


def _variable(item: Any) -> Variable:
    variable = variable_of(item) if isinstance(item, Tensor) else item
    if isinstance(variable, list | tuple) and len(variable) == 1:
        variable = variable[0]
    if not isinstance(variable, Variable):
        raise ArgumentTypeError(f"Variable to save is not a Variable: {item}")
    return variable
