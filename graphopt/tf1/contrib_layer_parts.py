"""What the layers of `tf.contrib.layers` share: their variables, collections, and the reading of their arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt.dtypes import DType
from graphopt.errors import ArgumentError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import get_default_graph
from graphopt.graph.operation import Tensor
from graphopt.graph.variable_scope import get_variable


def _collections_for(given: Any, name: str) -> list[Any]:
    """Return the collections of one variable: a dict names them by variable, a list is for all."""
    return list((given.get(name) if isinstance(given, dict) else given) or ())


def layer_variable(name: str, shape: Any, dtype: DType, initializer: Any, *, regularizer: Any = None, trainable: bool = True,
              collections: Any = None) -> Any:  # fmt: skip
    """Return a model variable, entered in further collections too."""
    names = [GraphKeys.GLOBAL_VARIABLES, GraphKeys.MODEL_VARIABLES]
    variable = get_variable(name, shape, dtype, initializer=initializer, regularizer=regularizer, trainable=trainable, collections=names)
    enter(collections, name, variable)
    return variable


def enter(collections: Any, name: str, variable: Any) -> None:
    """Enter a variable in the collections of its name, once."""
    # In a dict, the weights of both convolutions of `separable_conv2d` go by one name.
    for collection in _collections_for(collections, "weights" if name.endswith("_weights") else name):
        if variable not in get_default_graph().get_collection_ref(collection):
            get_default_graph().add_to_collection(collection, variable)


def collected(collections: Any, outputs: Any) -> Any:
    if collections:
        get_default_graph().root.add_to_collections(collections, outputs)
    return outputs


def finished(outputs: Any, normalizer_fn: Any, normalizer_params: Any, activation_fn: Any, collections: Any) -> Any:
    if normalizer_fn is not None:
        outputs = normalizer_fn(outputs, **(normalizer_params or {}))
    if activation_fn is not None:
        outputs = activation_fn(outputs)
    return collected(collections, outputs)


def last_size(x: Tensor, axis: int = -1) -> int:
    shape = x.tensor_type.shape
    size = None if shape is None else shape[axis]
    if size is None:
        raise ArgumentError(f"The number of channels of inputs {x.name} should be defined. Found `None`.")
    return size


def to_layout(data_format: str | None) -> str:
    if data_format not in (None, "NHWC", "NCHW"):
        raise ArgumentError("data_format has to be either NCHW or NHWC.")
    return data_format or "NHWC"


def both_sides(value: Any) -> tuple[int, int]:
    sizes = np.reshape(value, -1)
    return int(sizes[0]), int(sizes[-1])
