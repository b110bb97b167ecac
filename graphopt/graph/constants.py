"""`constant`: a value in the graph, filled up to a shape by TensorFlow 1's rules."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.graph import get_default_graph
from graphopt.graph.operation import Tensor
from graphopt.ir.bind import bind
from graphopt.ir.literals import to_array
from graphopt.ir.node import CONST, Literal


def constant(value: Any, dtype: Any = None, shape: Any = None, name: str = "Const", verify_shape: bool = False) -> Tensor:
    """Return a constant tensor.

    Args:
      value: a number, string, (nested) list or array. dtype: its element type; by default TensorFlow's for the value.
      shape: its shape; the last element of a smaller value is repeated. name: name of the operation.
      verify_shape: raise when the value has another shape.

    Raises:
      ValueError: when the value has more elements than the shape. TypeError: when it can't have the type, or the shape to verify.

    >>> tf.Session().run(tf.constant([1, 2], shape=[2, 2])).tolist()
    [[1, 2], [2, 2]]
    """
    array = to_array(value, None if dtype is None else dtypes.as_dtype(dtype))
    if shape is not None:
        array = _filled(array, shape, verify_shape)
    tensor: Tensor = bind_constant(array, name)
    return tensor


def bind_constant(array: Any, name: str) -> Tensor:
    """Record an array as a constant of the default graph."""
    graph = get_default_graph()
    with graph.as_default():
        tensor: Tensor = bind(CONST, (), {"value": Literal(array)}, name)
    return tensor


def _filled(array: Any, shape: Any, verify_shape: bool) -> Any:
    sizes = shapes.to_shape(shape)
    if not shapes.is_fully_defined(sizes):
        raise ArgumentTypeError(f"A constant needs a fully known shape, got {shapes.format_tf(sizes)}.")
    wanted: tuple[Any, ...] = sizes or ()
    count = int(np.prod(wanted, dtype=np.int64))
    if verify_shape and array.shape != wanted:
        raise ArgumentTypeError(f"Expected Tensor's shape: {wanted}, got {array.shape}.")
    if array.size > count:
        raise ArgumentError(f"Too many elements provided. Needed at most {count}, but received {array.size}")
    if array.size == count:
        return array.reshape(wanted)
    # TensorFlow keeps the given elements and repeats the last; nothing at all becomes zeros.
    last: Any = array.reshape(-1)[-1] if array.size else np.zeros((), array.dtype)[()]
    whole = np.full(count, last, array.dtype)
    whole[: array.size] = array.reshape(-1)
    return whole.reshape(wanted)


def zeros_value(shape: Any, dtype: DType, name: str = "zeros") -> Tensor:
    """Record zeros (False, empty strings) of a fully known shape as a constant."""
    return bind_constant(np.full(tuple(shape), b"" if dtype is dtypes.string else 0, dtype.np), name)
