"""`tf.contrib.framework`: variables of models, and looking variables up."""

from __future__ import annotations

from typing import Any

from graphopt import dtypes
from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import get_default_graph
from graphopt.graph.variable_scope import VariableScope
from graphopt.graph.variable_scope import get_variable as get_or_make
from graphopt.graph.variables import Variable


def variable(
    name: str,
    shape: Any = None,
    dtype: Any = None,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool = True,
    collections: Any = None,
    caching_device: Any = None,
    device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    use_resource: Any = None,
    synchronization: Any = None,
    aggregation: Any = None,
) -> Any:
    """Return the variable of that name in the current variable scope, or make it; see `tf.get_variable`."""
    names = [GraphKeys.GLOBAL_VARIABLES] if collections is None else list(dict.fromkeys(collections))
    return get_or_make(name, shape, dtype, initializer, regularizer, trainable, names, custom_getter=custom_getter)


def model_variable(
    name: str,
    shape: Any = None,
    dtype: Any = dtypes.float32,
    initializer: Any = None,
    regularizer: Any = None,
    trainable: bool = True,
    collections: Any = None,
    caching_device: Any = None,
    device: Any = None,
    partitioner: Any = None,
    custom_getter: Any = None,
    use_resource: Any = None,
    synchronization: Any = None,
    aggregation: Any = None,
) -> Any:
    """Return a variable as `variable` does; it enters MODEL_VARIABLES too.

    >>> w = tf.contrib.framework.model_variable("w", [2])
    >>> tf.contrib.framework.get_model_variables() == [w]
    True
    """
    names = [*(collections or ()), GraphKeys.GLOBAL_VARIABLES, GraphKeys.MODEL_VARIABLES]
    return variable(name, shape, dtype, initializer, regularizer, trainable, names, custom_getter=custom_getter)


def local_variable(initial_value: Any, validate_shape: bool = True, name: str | None = None, use_resource: Any = None) -> Variable:
    """Make a variable that is initialised, but neither trained nor saved."""
    return Variable(initial_value, trainable=False, collections=[GraphKeys.LOCAL_VARIABLES], validate_shape=validate_shape, name=name)


def add_model_variable(var: Any) -> None:
    """Enter a variable in MODEL_VARIABLES, once."""
    if var not in get_default_graph().get_collection(GraphKeys.MODEL_VARIABLES):
        get_default_graph().add_to_collection(GraphKeys.MODEL_VARIABLES, var)


def get_variables(scope: Any = None, suffix: str | None = None, collection: str = GraphKeys.GLOBAL_VARIABLES) -> list[Any]:
    """Return the variables of a collection.

    Args:
      scope: a name scope, a `VariableScope`, or None for all. suffix: the end of the names. collection: the collection's name.
    """
    prefix = scope.name if isinstance(scope, VariableScope) else scope
    if suffix is not None:
        prefix = f"{prefix or ''}.*{suffix}{'' if ':' in suffix else ':'}"
    return get_default_graph().get_collection(collection, prefix)


def get_model_variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
    """Return the variables of the model; see `get_variables`."""
    return get_variables(scope, suffix, GraphKeys.MODEL_VARIABLES)


def get_local_variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
    """Return the local variables; see `get_variables`."""
    return get_variables(scope, suffix, GraphKeys.LOCAL_VARIABLES)


def get_trainable_variables(scope: Any = None, suffix: str | None = None) -> list[Any]:
    """Return the trainable variables; see `get_variables`."""
    return get_variables(scope, suffix, GraphKeys.TRAINABLE_VARIABLES)


def get_variables_by_name(given_name: str, scope: Any = None) -> list[Any]:
    """Return the variables whose last name part is the given one.

    >>> with tf.variable_scope("layer"):
    ...     w = tf.get_variable("w", [2])
    >>> tf.contrib.framework.get_variables_by_name("w") == [w]
    True
    """
    return get_variables(scope, f"/{given_name}:" if scope else f"/{given_name}:|^{given_name}:")


def get_variables_by_suffix(suffix: str, scope: Any = None) -> list[Any]:
    """Return the variables whose name ends with a suffix."""
    return get_variables(scope, suffix)


def get_unique_variable(var_op_name: str) -> Any:
    """Return the variable of that full name.

    Raises:
      ValueError: when there is none, or several.
    """
    candidates = get_variables(var_op_name)
    if not candidates:
        raise ArgumentError(f"Couldn't find variable {var_op_name}")
    for candidate in candidates:
        if candidate.op.name == var_op_name:
            return candidate
    raise ArgumentError(f"Variable {var_op_name} does not uniquely identify a variable")


def get_variable_full_name(var: Any) -> str:
    """Return the name of a variable in a checkpoint."""
    name: str = var.op.name
    return name


def get_variables_to_restore(include: Any = None, exclude: Any = None) -> list[Any]:
    """Return the variables to restore: those of some scopes, without those of others.

    Args:
      include: scopes (all by default). exclude: scopes.

    Raises:
      TypeError: unless both are lists.
    """
    for what, given in (("include", include), ("exclude", exclude)):
        if given is not None and not isinstance(given, (list, tuple)):
            raise ArgumentTypeError(f"{what} is provided but is not a list or a tuple.")
    wanted = get_variables() if include is None else [v for scope in include for v in get_variables(scope)]
    excluded = {v for scope in exclude or () for v in get_variables(scope)}
    return [v for v in wanted if v not in excluded]
