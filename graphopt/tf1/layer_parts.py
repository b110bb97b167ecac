"""What the layers of `tf.layers` share: their scopes, variables and the reading of their arguments."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, lines
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import get_default_graph
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.graph.variable_scope import VariableScope, get_variable, variable_scope


class OwnScope(NamedTuple):
    """The scope of a layer that is an object, in place of a name.

    Attributes:
      scope: its variable scope; operations get names in the name scope that was opened with it. reuse: take the variables there.
    """

    scope: VariableScope
    reuse: Any


@contextlib.contextmanager
def layer_scope(name: Any, default_name: str, reuse: Any) -> Iterator[Any]:
    """Open the scope of a layer: the given name, or a default one that is not taken yet (the taken one with `reuse`)."""
    if isinstance(name, OwnScope):
        with variable_scope(name.scope, reuse=name.reuse, auxiliary_name_scope=False) as scope, name_scope(scope.original_name_scope):
            yield scope
        return
    given = name if name is not None or not reuse else default_name
    with variable_scope(given, default_name=default_name, reuse=reuse) as scope:
        yield scope


def weight(name: str, shape: list[int], dtype: DType, *, initializer: Any, regularizer: Any = None, constraint: Any = None,
            trainable: bool = True) -> Any:  # fmt: skip
    return get_variable(name, shape, dtype, initializer=initializer, regularizer=regularizer, constraint=constraint, trainable=trainable)


def known_size(x: Tensor, axis: int, layer: str) -> int:
    """Return the size of an axis that decides the shape of a variable; ValueError when it is not known."""
    size = x.tensor_type.shape[axis] if x.tensor_type.shape is not None else None
    if size is None:
        rule = f"The last dimension of the inputs to `{layer}` should be defined. Found `None`."
        raise ArgumentError(lines(rule, f"inputs: {x.tensor_type} = {x.name} ({x.op.location})"))
    return size


def check_rank(x: Tensor, rank: int, layer: str) -> None:
    if x.tensor_type.rank not in (None, rank):
        rule = f"Input 0 of layer {layer} is incompatible with the layer: expected ndim={rank}, found ndim={x.tensor_type.rank}."
        raise ArgumentError(lines(rule, f"inputs: {x.tensor_type} = {x.name} ({x.op.location})"))


def finished(result: Any, activation: Callable[..., Any] | None, activity_regularizer: Callable[..., Any] | None) -> Any:
    if activation is not None:
        result = activation(result)
    if activity_regularizer is not None:
        get_default_graph().add_to_collection(GraphKeys.REGULARIZATION_LOSSES, activity_regularizer(result))
    return result


def is_channels_first(data_format: str) -> bool:
    if data_format not in ("channels_last", "channels_first"):
        raise ArgumentError(f'The `data_format` argument must be one of "channels_first", "channels_last". Received: {data_format}')
    return data_format == "channels_first"


def two_numbers(value: Any, what: str) -> tuple[int, int]:
    sizes = (value, value) if np.ndim(value) == 0 else tuple(value)
    if len(sizes) != 2:
        raise ArgumentError(f"The `{what}` argument must be a tuple of 2 integers. Received: {value}")
    return int(sizes[0]), int(sizes[1])


def first_number(value: Any) -> int:
    return int(np.reshape(value, -1)[0])
