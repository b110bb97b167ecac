"""The `summarize_*` functions of `tf.contrib.layers`."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.operation import Tensor
from graphopt.graph.summaries import histogram, scalar
from graphopt.ops.elementwise import cast, greater, less
from graphopt.ops.reduce import reduce_mean

_CUT_AT_ZERO = ("Relu", "Softplus", "Relu6")
_CUT_AT_SIX = ("Relu6",)


def _scalar(tensor: Any, tag: str) -> Any:
    value = convert_to_tensor(tensor)
    value.shape.assert_has_rank(0)
    return scalar(tag, value)


def summarize_tensor(tensor: Any, tag: str | None = None) -> Any:
    """Record a summary of a tensor or variable: a number for a scalar, else a histogram; nothing (None) for strings and bools.

    >>> tf.contrib.layers.summarize_tensor(tf.constant(1.0, name="x")).op.name
    'x_summary'
    """
    if tensor.dtype in (dtypes.string, dtypes.bool_):
        return None
    label = tag or f"{tensor.op.name}_summary"
    return _scalar(tensor, label) if tensor.get_shape().ndims == 0 else histogram(label, tensor)


def summarize_activation(op: Any) -> Any:
    """Record a histogram of an activation, and for a `relu`, `relu6` or `softplus` how much of it is cut off."""
    value = convert_to_tensor(op)
    name = value.op.name
    if value.op.type in _CUT_AT_ZERO:
        _scalar(_share(less(value.op.inputs[0], _like(0, value))), f"{name}/zeros")
    if value.op.type in _CUT_AT_SIX:
        _scalar(_share(greater(value.op.inputs[0], _like(6, value))), f"{name}/sixes")
    return histogram(f"{name}/activation", value)


def _like(number: float, tensor: Tensor) -> Any:
    return np.array(number, tensor.dtype.np)


def _share(condition: Any) -> Any:
    return reduce_mean(cast(condition, dtypes.float32))


def summarize_tensors(tensors: Iterable[Any], summarizer: Callable[[Any], Any] = summarize_tensor) -> list[Any]:
    """Record a summary of each tensor."""
    return [summarizer(tensor) for tensor in tensors]


def summarize_collection(collection: Any, name_filter: str | None = None, summarizer: Callable[[Any], Any] = summarize_tensor) -> list[Any]:
    """Record a summary of what a collection holds, only of what is named ``name_filter...`` when it is given."""
    return summarize_tensors(get_default_graph().get_collection(collection, name_filter), summarizer)


def summarize_variables(name_filter: str | None = None, summarizer: Callable[[Any], Any] = summarize_tensor) -> list[Any]:
    """Record a summary of each global variable."""
    return summarize_collection(GraphKeys.GLOBAL_VARIABLES, name_filter, summarizer)


def summarize_weights(name_filter: str | None = None, summarizer: Callable[[Any], Any] = summarize_tensor) -> list[Any]:
    """Record a summary of each element of the collection WEIGHTS."""
    return summarize_collection(GraphKeys.WEIGHTS, name_filter, summarizer)


def summarize_biases(name_filter: str | None = None, summarizer: Callable[[Any], Any] = summarize_tensor) -> list[Any]:
    """Record a summary of each element of the collection BIASES."""
    return summarize_collection(GraphKeys.BIASES, name_filter, summarizer)


def summarize_activations(name_filter: str | None = None, summarizer: Callable[[Any], Any] = summarize_activation) -> list[Any]:
    """Record a summary of each element of the collection ACTIVATIONS."""
    return summarize_collection(GraphKeys.ACTIVATIONS, name_filter, summarizer)
