"""Slots: the variables that an optimizer or a moving average keeps for each variable, named as TensorFlow names them."""

from __future__ import annotations

from typing import Any

from graphopt import shapes
from graphopt.dtypes import DType
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.initializers import Zeros
from graphopt.graph.variable_scope import get_variable, no_regularizer, variable_scope
from graphopt.graph.variables import Variable
from graphopt.ops.elementwise import cast, zeros_as


def create_slot(primary: Any, initial_value: Any, name: str) -> Any:
    """Make a slot of a variable or tensor from an initial value.

    Args:
      primary: the variable or tensor it belongs to. initial_value: a tensor or array, which gives shape and element type.
      name: name of the slot, the optimizer's as a rule; the variable is called ``<scope>/<primary>/<name>``, the next one ``..._1``.

    Returns:
      A variable that is saved, but not trained.
    """
    value = convert_to_tensor(initial_value)
    static = shapes.is_fully_defined(value.tensor_type.shape)
    with variable_scope(None, f"{primary.op.name}/{name}"):
        return get_variable("", initializer=value, trainable=False, regularizer=no_regularizer, validate_shape=static)


def create_slot_with_initializer(primary: Any, initializer: Any, shape: Any, dtype: Any, name: str) -> Any:
    """Make a slot of a variable or tensor from an initializer, a fully known shape and an element type.

    Args:
      primary: the variable or tensor. initializer: a callable ``(shape, dtype)``. shape: its shape. dtype: its element type.
      name: the slot's name, put below the name of `primary`.
    """
    with variable_scope(None, f"{primary.op.name}/{name}"):
        return get_variable("", shape, dtype, initializer, trainable=False, regularizer=no_regularizer)


def create_zeros_slot(primary: Any, name: str, dtype: DType | None = None) -> Any:
    """Make a slot of zeros, of the shape of its variable and, by default, its element type.

    >>> w = tf.Variable([1.0, 2.0], name="w")
    >>> create_zeros_slot(w, "Adam").name, create_zeros_slot(w, "Adam").name
    ('w/Adam:0', 'w/Adam_1:0')
    """
    shape = primary.get_shape()
    if shape.is_fully_defined():
        return create_slot_with_initializer(primary, Zeros(), shape, dtype or primary.dtype, name)
    value = primary.initialized_value() if hasattr(primary, "initialized_value") else primary
    return create_slot(primary, zeros_as(cast(value, dtype or primary.dtype)), name)


def create_own_slot(primary: Any, initial_value: Any, name: str) -> Variable:
    """Make a slot as `create_slot` does, but a new one also where a variable scope reuses: for state that one training op alone may write.

    Args:
      primary: the variable it belongs to. initial_value: a tensor, or a function that gives one. name: the last part of the slot's name.
    """
    static = primary.get_shape().is_fully_defined()
    return Variable(initial_value, trainable=False, name=f"{primary.op.name}/{name}", validate_shape=static)


def create_own_zeros_slot(primary: Any, name: str, dtype: DType | None = None) -> Variable:
    """Make a slot of zeros as `create_zeros_slot` does, but a new one also where a variable scope reuses.

    >>> w = tf.Variable([1.0, 2.0], name="w")
    >>> with tf.variable_scope("", reuse=True):
    ...     print(create_own_zeros_slot(w, "sum").name)
    w/sum:0
    """
    kind, shape = dtype or primary.dtype, primary.get_shape()
    if shape.is_fully_defined():
        return create_own_slot(primary, lambda: Zeros()(shape, dtype=kind), name)
    return create_own_slot(primary, lambda: zeros_as(cast(primary.initialized_value(), kind)), name)
