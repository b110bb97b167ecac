"""TensorFlow 1's functions on graphs, placeholders, variables and collections: its names and argument orders."""
# Long because: one function for each public name.

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.graph import graph as graphs
from graphopt.graph import variables
from graphopt.graph.constants import constant as constant
from graphopt.graph.graph import get_default_graph
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.readiness import report_uninitialized_variables as report_uninitialized_variables
from graphopt.graph.scopes import init_scope as init_scope
from graphopt.graph.scopes import name_scope as name_scope
from graphopt.graph.sparse_tensor import SparseTensor
from graphopt.ops import control, state

_LOG = logging.getLogger("graphopt")

# --- values ----------------------------------------------------------------------------------------------------------------


def placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> Tensor:
    """Return a tensor whose value every run must feed.

    Args:
      dtype: its element type. shape: its shape, None for unknown sizes or an unknown shape. name: name of the operation.

    Raises:
      tf.errors.InvalidArgumentError: from a run that does not feed it.

    Example:
      >>> x = tf.placeholder(tf.float32, [None, 2])
      >>> tf.Session().run(x * 2.0, {x: [[1.0, 2.0]]}).tolist()
      [[2.0, 4.0]]
    """
    graph = get_default_graph().root
    with graph.as_default():
        tensor: Tensor = control.placeholder(dtype=dtypes.as_dtype(dtype), shape=shapes.to_shape(shape), name=name)
    return tensor


def fixed_size_partitioner(num_shards: int, axis: int = 0) -> Callable[..., list[int]]:
    """Return a partitioner: a function of a variable's shape that gives the number of parts along each axis.

    `get_variable` and `variable_scope` accept partitioners; their variables stay whole.

    Args:
      num_shards: how many parts at most. axis: the axis that is divided.

    Example:
      >>> tf.fixed_size_partitioner(3)(shape=tf.TensorShape([10, 2]), dtype=tf.float32)
      [3, 1]
    """

    def partitioner(shape: Any, **_: Any) -> list[int]:
        sizes = shapes.to_shape(shape) or ()
        parts = [1] * len(sizes)
        parts[axis] = min(num_shards, sizes[axis] or num_shards)
        return parts

    return partitioner


def sparse_placeholder(dtype: Any, shape: Any = None, name: str | None = None) -> SparseTensor:
    """Return a sparse tensor whose parts every run must feed, with a `tf.SparseTensorValue` or indices, values and shape.

    Args:
      dtype: its element type. shape: its shape, with None for unknown sizes; then runs need not feed the shape. name: of the parts' scope.

    Example:
      >>> x = tf.sparse_placeholder(tf.float32)
      >>> tf.Session().run(tf.reduce_sum(x.values), {x: tf.SparseTensorValue([[0, 1], [2, 0]], [5.0, 6.0], [3, 2])}).item()
      11.0
    """
    part = {word: None if name is None else f"{name}/{word}" for word in ("shape", "values", "indices")}
    if shape is None:
        rank, dense_shape = None, placeholder(dtypes.int64, [None], part["shape"])
    else:
        sizes = np.array([-1 if size is None else size for size in shapes.to_shape(shape) or ()], np.int64)
        rank, dense_shape = len(sizes), placeholder_with_default(sizes, [len(sizes)], part["shape"])
    values = placeholder(dtype, [None], part["values"])
    return SparseTensor(placeholder(dtypes.int64, [None, rank], part["indices"]), values, dense_shape)


def placeholder_with_default(input: Any, shape: Any, name: str | None = None) -> Tensor:
    """Return a tensor that a run may feed, and that is `input` otherwise.

    Args:
      input: the value when nothing is fed. shape: what is known of the shape. name: name of the operation.

    Example:
      >>> x = tf.placeholder_with_default([1.0], [None])
      >>> tf.Session().run(x).tolist(), tf.Session().run(x, {x: [2.0, 3.0]}).tolist()
      ([1.0], [2.0, 3.0])
    """
    tensor: Tensor = control.placeholder_with_default(input, shape=shapes.to_shape(shape), name=name)
    return tensor


def convert_to_tensor(
    value: Any, dtype: Any = None, name: str | None = None, preferred_dtype: Any = None, dtype_hint: Any = None
) -> Tensor:
    """Return a value as a tensor.

    Args:
      value: a tensor, variable, sparse slices, number, string, list or array. dtype: the element type it must have.
      name: name of the constant. preferred_dtype, dtype_hint: the element type a plain value takes if it can.

    Raises:
      ValueError: for None, or a tensor of another type. TypeError: when it can't be converted.
    """
    preferred = dtype_hint if preferred_dtype is None else preferred_dtype
    return graphs.convert_to_tensor(
        value, None if dtype is None else dtypes.as_dtype(dtype), name, None if preferred is None else dtypes.as_dtype(preferred)
    )


# --- writing variables -----------------------------------------------------------------------------------------------------


def assign(ref: Any, value: Any, validate_shape: bool | None = None, use_locking: bool | None = None, name: str | None = None) -> Tensor:
    """Record an operation that replaces a variable's value; return the new value.

    Args:
      ref: the variable. value: the new value. validate_shape: whether its shape must be the variable's (yes).
      use_locking: accepted for TensorFlow's sake. name: name of the operation.

    Raises:
      ValueError: when the shapes can't match.
    """
    return variables.assign(ref, value, validate_shape=validate_shape is not False, name=name)


def assign_add(ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None) -> Tensor:
    """Record an operation that adds to a variable; return the new value."""
    return variables.assign_add(ref, value, name=name)


def assign_sub(ref: Any, value: Any, use_locking: bool | None = None, name: str | None = None) -> Tensor:
    """Record an operation that subtracts from a variable; return the new value."""
    return variables.assign_sub(ref, value, name=name)


def _scatter(function: Any, ref: Any, indices: Any, updates: Any, name: str | None) -> Tensor:
    tensor: Tensor = function(ref, indices, updates, name=name)
    return tensor


def scatter_update(ref: Any, indices: Any, updates: Any, use_locking: bool = True, name: str | None = None) -> Tensor:
    """Record an operation that replaces rows of a variable; return the new value."""
    return _scatter(variables.scatter_update, ref, indices, updates, name)


def scatter_add(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Record an operation that adds to rows of a variable; return the new value."""
    return _scatter(variables.scatter_add, ref, indices, updates, name)


def scatter_sub(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Record an operation that subtracts from rows of a variable; return the new value."""
    return _scatter(variables.scatter_sub, ref, indices, updates, name)


def scatter_mul(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Record an operation that multiplies rows of a variable; return the new value."""
    return _scatter(variables.scatter_mul, ref, indices, updates, name)


def scatter_div(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Record an operation that divides rows of a variable; return the new value."""
    return _scatter(variables.scatter_div, ref, indices, updates, name)


def scatter_max(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Record an operation that takes the larger of rows of a variable and the updates; return the new value."""
    return _scatter(variables.scatter_max, ref, indices, updates, name)


def scatter_min(ref: Any, indices: Any, updates: Any, use_locking: bool = False, name: str | None = None) -> Tensor:
    """Record an operation that takes the smaller of rows of a variable and the updates; return the new value."""
    return _scatter(variables.scatter_min, ref, indices, updates, name)


def count_up_to(ref: Any, limit: int, name: str | None = None) -> Tensor:
    """Record an operation that returns a variable's value and adds one; OutOfRangeError at the limit."""
    return variables.count_up_to(ref, limit, name=name)


# --- initialising variables ------------------------------------------------------------------------------------------------


def assert_variables_initialized(var_list: Any = None) -> Operation | None:
    """Return an operation that raises FailedPreconditionError unless all variables have a value; None when there are none.

    Args:
      var_list: the variables (all global and local ones by default).
    """
    wanted = [*variables.global_variables(), *variables.local_variables()] if var_list is None else list(var_list)
    if not wanted:
        return None
    return variables.group(*[state.require_value(v.as_ref()) for v in wanted], name="assert_variables_initialized")


_WARNED: set[str] = set()


def _deprecated(old: str, new: str) -> None:
    """Warn once in a process that a function has another name now."""
    if old not in _WARNED:
        _WARNED.add(old)
        _LOG.warning("`tf.%s` is deprecated. Use `tf.%s` instead.", old, new)


def initialize_all_variables() -> Operation:
    """Return an operation that initialises all global variables; the former name of `global_variables_initializer`."""
    _deprecated("initialize_all_variables", "global_variables_initializer")
    return variables.global_variables_initializer()


def initialize_local_variables() -> Operation:
    """Return an operation that initialises all local variables; the former name of `local_variables_initializer`."""
    _deprecated("initialize_local_variables", "local_variables_initializer")
    return variables.local_variables_initializer()


def initialize_variables(var_list: Any, name: str = "init") -> Operation:
    """Return an operation that initialises variables; the former name of `variables_initializer`."""
    _deprecated("initialize_variables", "variables_initializer")
    return variables.variables_initializer(var_list, name)


def all_variables() -> list[Any]:
    """Return the global variables; the former name of `global_variables`."""
    _deprecated("all_variables", "global_variables")
    found: list[Any] = variables.global_variables()
    return found


def tables_initializer(name: str = "init_all_tables") -> Operation:
    """Return an operation that does nothing: graphopt has no lookup tables."""
    operation: Operation = control.no_op(name=name)
    return operation


# --- the default graph -----------------------------------------------------------------------------------------------------


def device(device_name_or_function: Any) -> Any:
    """Note a device name on the operations recorded inside a ``with`` block; it has no effect."""
    return get_default_graph().device(device_name_or_function)


def colocate_with(op: Any, ignore_existing: bool = False) -> Any:
    """Open a ``with`` block without effect: every operation runs in the same place."""
    return get_default_graph().colocate_with(op, ignore_existing)


def container(container_name: str) -> Any:
    """Open a ``with`` block without effect: variables belong to sessions."""
    return get_default_graph().container(container_name)


def add_to_collection(name: Any, value: Any) -> None:
    """Append a value to a collection of the default graph.

    >>> tf.add_to_collection("mine", 1)
    >>> tf.get_collection("mine")
    [1]
    """
    get_default_graph().add_to_collection(name, value)


def add_to_collections(names: Any, value: Any) -> None:
    """Append a value to several collections of the default graph."""
    get_default_graph().add_to_collections(names, value)


def get_collection(key: Any, scope: str | None = None) -> list[Any]:
    """Return a copy of a collection of the default graph, only what is named ``scope...`` when `scope` is given."""
    return get_default_graph().get_collection(key, scope)


def get_collection_ref(key: Any) -> list[Any]:
    """Return a collection of the default graph itself."""
    return get_default_graph().get_collection_ref(key)


def get_all_collection_keys() -> list[Any]:
    """Return the names of the collections of the default graph that hold something."""
    return get_default_graph().get_all_collection_keys()
