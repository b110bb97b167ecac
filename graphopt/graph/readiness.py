"""Which variables have no value yet, as a tensor."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from graphopt.graph import variables
from graphopt.graph.constants import bind_constant
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ops import elementwise, picking
from graphopt.ops.array import stack


def report_uninitialized_variables(var_list: Iterable[Any] | None = None, name: str = "report_uninitialized_variables") -> Tensor:
    """Return the names of the variables that have no value, as a vector of strings.

    Args:
      var_list: the variables (all global and local ones by default). name: name of the scope.

    Example:
      >>> v = tf.Variable(1.0, name="v")
      >>> tf.Session().run(tf.report_uninitialized_variables()).tolist()
      [b'v']
    """
    wanted = [*variables.global_variables(), *variables.local_variables()] if var_list is None else list(var_list)
    with name_scope(name):
        names: Tensor = bind_constant(np.array([v.op.name.encode() for v in wanted], object), "Const")
        if not wanted:
            return names
        missing = elementwise.logical_not(stack([variables.is_variable_initialized(v) for v in wanted]))
        tensor: Tensor = picking.boolean_mask(names, missing)
        return tensor
