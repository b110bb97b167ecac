"""Moving averages of variables and tensors."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentTypeError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.initializers import Zeros
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.scopes import init_scope, name_scope
from graphopt.graph.slots import create_slot, create_zeros_slot
from graphopt.graph.variable_scope import get_variable, get_variable_scope, variable_scope
from graphopt.graph.variables import (
    Variable,
    assign,
    assign_add,
    assign_sub,
    global_variables,
    group,
    moving_average_variables,
    trainable_variables,
)
from graphopt.ops.division import truediv
from graphopt.ops.elementwise import add, cast, divide, minimum, multiply, power, subtract


def assign_moving_average(variable: Any, value: Any, decay: Any, zero_debias: bool = True, name: str | None = None) -> Tensor:
    """Record an update of a moving average, ``v -= (1 - decay)(v - value)``; return the new average.

    Args:
      variable: the average. value: a tensor of its shape and element type. decay: a scalar between 0 and 1.
      zero_debias: correct for the start from 0: an average `b` that starts from 0 is kept beside `variable` in ``<v>/biased``, the number
        `t` of updates in ``<v>/local_step``, and ``v = b / (1 - decayᵗ)``.
      name: name of the operation.

    Source: tensorflow/python/training/moving_averages.py (r1.15).

    Example:
      >>> average = tf.Variable(0.0)
      >>> update = tf.train.assign_moving_average(average, 4.0, decay=0.5, zero_debias=False)
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     print(session.run(update), session.run(update))
      2.0 3.0
    """
    dtype = variable.dtype
    with name_scope(name, "AssignMovingAvg", [variable, value, decay]) as scope:
        rest = cast(subtract(1, decay), dtype) if hasattr(decay, "builder") else np.array(1.0 - decay, dtype.np)
        target = convert_to_tensor(value, dtype=dtype) if not hasattr(value, "builder") else convert_to_tensor(value)
        if zero_debias:
            return _assign_debiased(variable, target, rest, scope)
        return assign_sub(variable, multiply(subtract(variable, target), rest, name="mul"), name=scope)


def _assign_debiased(variable: Any, value: Tensor, rest: Any, scope: str) -> Tensor:
    dtype, shape = variable.dtype, variable.get_shape()
    with variable_scope(variable.op.name, values=[variable, value]):
        biased = get_variable(_unused("biased"), shape, dtype, Zeros(), trainable=False)
        steps = get_variable(_unused("local_step"), [], dtype, Zeros(), trainable=False)
    new_biased = assign_sub(biased, multiply(subtract(biased, value), rest, name="mul"), name="biased")
    new_steps = assign_add(steps, 1.0, name="local_step")
    keep = subtract(convert_to_tensor(np.array(1, dtype.np)), rest)
    return assign(variable, divide(new_biased, subtract(1, power(keep, new_steps))), name=scope)


def _unused(name: str) -> str:
    """Return `name`, or `name_1`, ..., whichever the current variable scope has not yet."""
    scope = get_variable_scope()
    if scope.reuse:
        return name
    taken = {v.op.name for v in scope.global_variables()}
    candidate, number = name, 0
    while f"{scope.name}/{candidate}" in taken:
        number += 1
        candidate = f"{name}_{number}"
    return candidate


def weighted_moving_average(
    value: Any, decay: Any, weight: Any, truediv: bool = True, collections: Any = None, name: str | None = None
) -> Tensor:
    """Return the moving average of ``value weight`` divided by that of ``weight``; each run updates both.

    Args:
      value, weight: tensors whose product exists. decay: a scalar between 0 and 1.
      truediv: divide as Python's ``/`` (also integers). collections: of the two variables (GLOBAL_VARIABLES by default).
      name: name of the operation and the variables' scope.

    Source: tensorflow/python/training/moving_averages.py (r1.15).

    Example:
      >>> average = tf.train.weighted_moving_average(tf.constant(3.0), 0.8, tf.constant(2.0))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     print(session.run(average).round(4))
      3.0
    """
    names = [GraphKeys.GLOBAL_VARIABLES] if collections is None else collections
    value, weight = convert_to_tensor(value), convert_to_tensor(weight)
    with variable_scope(name, "WeightedMovingAvg", [value, weight, decay]) as scope:
        products = get_variable("value_x_weight", value.get_shape(), value.dtype, Zeros(), trainable=False, collections=names)
        weights = get_variable("weight", weight.get_shape(), weight.dtype, Zeros(), trainable=False, collections=names)
        numerator = assign_moving_average(products, multiply(value, weight), decay, zero_debias=False)
        denominator = assign_moving_average(weights, weight, decay, zero_debias=False)
        quotient = _true_quotient if truediv else divide
        average: Tensor = quotient(numerator, denominator, name=scope.original_name_scope)
    return average


_true_quotient = truediv


class ExponentialMovingAverage:
    """Averages of variables, ``average -= (1 - decay)(average - value)``, kept beside them under ``<variable>/<name>``.

    Args:
      decay: a scalar between 0 and 1, near 1.
      num_updates: a scalar count; with it the decay is ``min(decay, (1 + n) / (10 + n))``, so that averages move faster at first.
      zero_debias: correct averages of tensors for their start from 0. Those of variables start from the variable.
      name: name of the averages and of the operation that `apply` gives.

    Source: tensorflow/python/training/moving_averages.py (r1.15).

    Example:
      >>> w = tf.Variable(1.0, name="w")
      >>> ema = tf.train.ExponentialMovingAverage(decay=0.5)
      >>> with tf.control_dependencies([w.assign(3.0)]):
      ...     update = ema.apply([w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(update)
      ...     print(session.run(ema.average(w)))
      2.0
    """

    def __init__(self, decay: Any, num_updates: Any = None, zero_debias: bool = False, name: str = "ExponentialMovingAverage") -> None:
        self._decay = decay
        self._num_updates = num_updates
        self._zero_debias = zero_debias
        self._name = name
        self._averages: dict[Any, Variable] = {}

    @property
    def name(self) -> str:
        """The name of the averages."""
        return self._name

    def apply(self, var_list: Iterable[Any] | None = None) -> Operation:
        """Return an operation that updates the averages, making those that are new.

        Args:
          var_list: variables and tensors (the trainable variables by default). The average of a variable starts from its value, that of a
            tensor from 0.

        Raises:
          TypeError: for what is no floating point number.
        """
        followed = list(trainable_variables() if var_list is None else var_list)
        debiased = set()
        for var in followed:
            if not var.dtype.is_floating:
                raise ArgumentTypeError(f"The variables must be half, float, or double: {var.name}")
            if var not in self._averages:
                self._averages[var] = self._make_average(var)
                if self._zero_debias and not isinstance(var, Variable):
                    debiased.add(var)
        with name_scope(self._name) as scope:
            decay = self._current_decay(followed)
            updates = [assign_moving_average(self._averages[var], var, decay, zero_debias=var in debiased) for var in followed]
            return group(*updates, name=scope)

    def _make_average(self, var: Any) -> Variable:
        with init_scope() as graph:
            if not isinstance(var, Variable):
                average: Variable = create_zeros_slot(var, self._name)
                return average
            graph.add_to_collection(GraphKeys.MOVING_AVERAGE_VARIABLES, var)
            average = create_slot(var, var.initialized_value(), self._name)
            return average

    def _current_decay(self, followed: list[Any]) -> Any:
        if self._num_updates is None:
            return self._decay
        dtype = dtypes.float64 if any(var.dtype is dtypes.float64 for var in followed) else dtypes.float32
        count = cast(convert_to_tensor(self._num_updates), dtype, name="num_updates")
        return minimum(divide(add(count, 1), add(count, 10)), self._decay)

    def average(self, var: Any) -> Variable | None:
        """Return the average of a variable or tensor, or None."""
        return self._averages.get(var)

    def average_name(self, var: Any) -> str:
        """Return the name that the average of a variable or tensor has, or will have, in a checkpoint."""
        if var in self._averages:
            return self._averages[var].op.name
        return get_default_graph().unique_name(f"{var.op.name}/{self._name}", mark_as_used=False)

    def variables_to_restore(self, moving_avg_variables: Iterable[Any] | None = None) -> dict[str, Any]:
        """Return variables by the name under which a checkpoint holds what they should be given: their average's where they have one.

        Args:
          moving_avg_variables: the variables to be given their averages (by default the trainable ones and those of
            MOVING_AVERAGE_VARIABLES).
        """
        given = [*trainable_variables(), *moving_average_variables()] if moving_avg_variables is None else moving_avg_variables
        averaged = list(dict.fromkeys(given))
        found = {self.average_name(v): v for v in averaged}
        for v in dict.fromkeys(global_variables()):
            if v not in averaged and v.op.name not in found:
                found[v.op.name] = v
        return found
