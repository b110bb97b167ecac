"""Which variables: by list, by name, by regular expression or by predicate."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from graphopt.errors import ArgumentTypeError
from graphopt.graph.variables import Variable


def is_selected(which: Any, variable: Variable) -> bool:
    """Return whether a selection holds a variable.

    Args:
      which: None or True (all), False (none), a regular expression that is looked for in the variable's name, a function of the
        variable, a mapping from names to bools, or a list of variables and regular expressions.
      variable: a variable.

    Raises:
      TypeError: for any other selection.

    Example:
      >>> kernel, bias = tf.Variable([[1.0]], name="dense/kernel"), tf.Variable([0.0], name="dense/bias")
      >>> is_selected("kernel$", kernel), is_selected(["bias"], kernel), is_selected(lambda v: v.shape.ndims < 2, bias)
      (True, False, True)
    """
    if which is None or isinstance(which, bool):
        return which is not False
    if isinstance(which, str | re.Pattern):
        return re.search(which, variable.op.name) is not None
    if isinstance(which, Variable):
        return which is variable
    if isinstance(which, Mapping):
        return bool(which.get(variable.op.name, which.get(variable.name, False)))
    if callable(which):
        return bool(which(variable))
    if isinstance(which, Iterable):
        return any([is_selected(one, variable) for one in which])
    raise ArgumentTypeError(f"Variables are selected by a list, a regular expression or a function of the variable, got {which!r}.")
