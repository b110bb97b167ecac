"""Assigning a checkpoint's values, or any values, to variables: `tf.contrib.framework`'s functions."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from graphopt.errors import ArgumentError
from graphopt.graph.graph import get_default_graph
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.variables import Variable, group
from graphopt.ops.control import placeholder as _placeholder
from graphopt.train.checkpoints.damage import warn
from graphopt.train.checkpoints.reader import CheckpointReader, checkpoint_of
from graphopt.train.checkpoints.saver import Saver


def assign_from_checkpoint(model_path: Any, var_list: Any, ignore_missing_vars: bool = False) -> tuple[Operation, dict[Tensor, Any]]:
    """Return an operation that gives variables the values they have in a checkpoint, and what it must be fed.

    Args:
      model_path: what `Saver.save` returned, or a folder, whose newest checkpoint is taken; ours or TensorFlow's.
      var_list: variables, or a dict from names in the checkpoint to variables.
      ignore_missing_vars: leave out, with a warning, what the checkpoint has not.

    Raises:
      ValueError: when the checkpoint has no such tensor, or one of another shape. tf.errors.OpError: when it can't be read.

    Example:
      >>> import tempfile
      >>> w, copy = tf.get_variable("w", initializer=7.0), tf.get_variable("copy", [])
      >>> with tempfile.TemporaryDirectory() as folder, tf.Session() as session:
      ...     session.run(w.initializer)
      ...     path = tf.train.Saver([w]).save(session, f"{folder}/model.ckpt")
      ...     session.run(*tf.contrib.framework.assign_from_checkpoint(path, {"w": copy}))
      ...     session.run(copy).item()
      7.0

    Source: tf.contrib.framework.python.ops.variables.
    """
    values = {}
    reader = CheckpointReader(checkpoint_of(model_path))
    for name, variable in _named(var_list):
        if reader.has_tensor(name):
            values[variable] = reader.get_tensor(name)
        else:
            _missing(name, reader, ignore_missing_vars)
    return _assigned(values)


def assign_from_checkpoint_fn(
    model_path: Any, var_list: Any, ignore_missing_vars: bool = False, reshape_variables: bool = False
) -> Callable[[Any], None] | None:
    """Return a function of a session that gives variables the values they have in a checkpoint.

    Args:
      model_path, var_list, ignore_missing_vars: as in `assign_from_checkpoint`.
      reshape_variables: take values of another shape and the same size.

    Returns:
      The function; None (with a warning) when the checkpoint has none of the variables.

    Raises:
      ValueError: when there are no variables. tf.errors.OpError: when the checkpoint can't be read; from the function, when it doesn't fit.

    Example:
      >>> import tempfile
      >>> w, copy = tf.get_variable("w", initializer=7.0), tf.get_variable("copy", [])
      >>> with tempfile.TemporaryDirectory() as folder, tf.Session() as session:
      ...     session.run(w.initializer)
      ...     path = tf.train.Saver([w]).save(session, f"{folder}/model.ckpt")
      ...     tf.contrib.framework.assign_from_checkpoint_fn(path, {"w": copy})(session)
      ...     session.run(copy).item()
      7.0
    """
    named = dict(_named(var_list))
    if not named:
        raise ArgumentError("var_list cannot be empty")
    path = checkpoint_of(model_path)
    if ignore_missing_vars:
        reader = CheckpointReader(path)
        for name in [name for name in named if not reader.has_tensor(name)]:
            _missing(name, reader, ignore_missing_vars)
            del named[name]
        if not named:
            return None
    saver = Saver(named, reshape=reshape_variables)
    return lambda session: saver.restore(session, path)


def assign_from_values(var_names_to_values: Mapping[str, Any]) -> tuple[Operation, dict[Tensor, Any]]:
    """Return an operation that gives variables values, and what it must be fed.

    Args:
      var_names_to_values: arrays by the full names of variables.

    Raises:
      ValueError: when there is no such variable, or the value has another shape.

    Example:
      >>> w = tf.get_variable("w", [2])
      >>> assign, feed = tf.contrib.framework.assign_from_values({"w": [1.0, 2.0]})
      >>> with tf.Session() as session:
      ...     session.run(assign, feed)
      ...     session.run(w).tolist()
      [1.0, 2.0]
    """
    known = {variable.op.name: variable for variable in get_default_graph().root.state.get("variables", {}).values()}
    unknown = [name for name in var_names_to_values if name not in known]
    if unknown:
        raise ArgumentError(f"There are no variables {', '.join(unknown)} to assign to")
    return _assigned({known[name]: value for name, value in var_names_to_values.items()})


def assign_from_values_fn(var_names_to_values: Mapping[str, Any]) -> Callable[[Any], None]:
    """Return a function of a session that gives variables values; see `assign_from_values`."""
    operation, feed = assign_from_values(var_names_to_values)
    return lambda session: session.run(operation, feed)


def _named(var_list: Any) -> Iterator[tuple[str, Variable]]:
    pairs = var_list.items() if isinstance(var_list, Mapping) else [(variable.op.name, variable) for variable in var_list]
    for name, given in pairs:
        yield name, given[0] if isinstance(given, list | tuple) and len(given) == 1 else given


def _missing(name: str, reader: CheckpointReader, ignore: bool) -> None:
    message = f"Checkpoint is missing variable [{name}]: {reader.path}"
    if not ignore:
        raise ArgumentError(message)
    warn(message)


def _assigned(values: Mapping[Variable, Any]) -> tuple[Operation, dict[Tensor, Any]]:
    """Return an operation that assigns values which are fed, so that they do not stand in the graph, and the feeds."""
    feed: dict[Tensor, Any] = {}
    operations = []
    for variable, value in values.items():
        array = np.asarray(value, variable.dtype.np)
        if not variable.shape.is_compatible_with(array.shape):
            rule = f"{variable.name} has shape {variable.shape}, and the value to assign has shape {list(array.shape)}"
            raise ArgumentError(rule)
        placeholder = _placeholder(dtype=variable.dtype, shape=array.shape, name=f"placeholder/{variable.op.name}")
        operations.append(variable.assign(placeholder))
        feed[placeholder] = array
    return group(*operations, name="assign_from_values"), feed
