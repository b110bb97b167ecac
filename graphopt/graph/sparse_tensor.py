"""Sparse tensors: the places and values of the elements that are there."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.graph.graph import Graph, convert_to_tensor
from graphopt.graph.operation import Tensor
from graphopt.shapes import TensorShape


class SparseTensorValue(NamedTuple):
    """The arrays of a sparse tensor.

    Attributes:
      indices: int64, one row of places for each value. values: the values. dense_shape: the shape of the whole.
    """

    indices: Any
    values: Any
    dense_shape: Any


class SparseTensor:
    """A tensor given by the elements that are there.

    Args:
      indices: int64 ``[n, rank]``, sorted by rows. values: ``[n]``. dense_shape: int64 ``[rank]``.

    >>> s = tf.SparseTensor([[0, 1], [2, 0]], [5.0, 6.0], [3, 2])
    >>> s.shape.as_list(), s.dtype.name
    ([3, 2], 'float32')
    """

    __slots__ = ("_dense_shape", "_indices", "_values")

    def __init__(self, indices: Any, values: Any, dense_shape: Any) -> None:
        self._values = convert_to_tensor(values, name="values")
        with self._values.graph.as_default():
            self._indices = convert_to_tensor(indices, None if hasattr(indices, "builder") else dtypes.int64, name="indices")
            self._dense_shape = convert_to_tensor(dense_shape, None if hasattr(dense_shape, "builder") else dtypes.int64, name="shape")

    @property
    def indices(self) -> Tensor:
        """The places of the values."""
        return self._indices

    @property
    def values(self) -> Tensor:
        """The values."""
        return self._values

    @property
    def dense_shape(self) -> Tensor:
        """The shape of the whole, as a tensor."""
        return self._dense_shape

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._values.dtype

    @property
    def graph(self) -> Graph:
        """The graph it belongs to."""
        return self._values.graph

    @property
    def shape(self) -> TensorShape:
        """The shape of the whole, as far as it is known."""
        return self.get_shape()

    def get_shape(self) -> TensorShape:
        """Return the shape of the whole, as far as it is known."""
        known = self.graph.static_value(self._dense_shape)
        return TensorShape(known if isinstance(known, tuple) else None)

    def __repr__(self) -> str:
        return f"SparseTensor(indices={self._indices}, values={self._values}, dense_shape={self._dense_shape})"

    __str__ = __repr__
