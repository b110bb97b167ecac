"""Sparse rows of a tensor: what the gradient of `gather` is."""

from __future__ import annotations

import logging
from typing import Any

from graphopt.dtypes import DType
from graphopt.errors import ArgumentError
from graphopt.graph.operation import Operation, Tensor
from graphopt.ir.value import Symbolic
from graphopt.ops.broadcast import fill
from graphopt.ops.elementwise import negative
from graphopt.ops.state import rows_add, write_rows

_LOG = logging.getLogger("graphopt")


class IndexedSlices(Symbolic):
    """Rows `values` of a tensor at `indices`; repeated rows add up.

    Args:
      values: rows, of shape ``[n, ...]``.
      indices: integer vector of length n.
      dense_shape: shape of the whole tensor, or None when it is unknown.
    """

    __slots__ = ("_dense_shape", "_indices", "_values")

    def __init__(self, values: Tensor, indices: Tensor, dense_shape: Any = None) -> None:
        self._values = values
        self._indices = indices
        self._dense_shape = dense_shape

    @property
    def values(self) -> Tensor:
        """The rows."""
        return self._values

    @property
    def indices(self) -> Tensor:
        """The places of the rows."""
        return self._indices

    @property
    def dense_shape(self) -> Any:
        """The shape of the whole tensor, or None."""
        return self._dense_shape

    @property
    def builder(self) -> Any:
        """The graph it belongs to."""
        return self._values.builder

    @property
    def graph(self) -> Any:
        """The graph it belongs to."""
        return self._values.graph

    @property
    def name(self) -> str:
        """The name of the values."""
        return self._values.name

    @property
    def op(self) -> Operation:
        """The operation that gives the values."""
        return self._values.op

    @property
    def device(self) -> str:
        """The device name of the values."""
        return self._values.device

    @property
    def dtype(self) -> DType:
        """The element type."""
        return self._values.dtype

    def to_tensor(self) -> Tensor:
        """Return the whole tensor: zeros with the rows added.

        Raises:
          ValueError: when the dense shape is unknown.
        """
        if self._dense_shape is None:
            raise ArgumentError(f"Tensor conversion requested for IndexedSlices without dense_shape: {self}")
        zero = fill(self._dense_shape, self._values.dtype.np_type(0))
        if zero.tensor_type.rank is None or any(d is None for d in zero.tensor_type.shape):
            _LOG.warning("Converting sparse IndexedSlices to a dense Tensor of unknown shape. This may consume a large amount of memory.")
        dense: Tensor = write_rows(rows_add, zero, self._indices, self._values)
        return dense

    def with_values(self, values: Tensor) -> IndexedSlices:
        """Return the same rows with other values."""
        return IndexedSlices(values, self._indices, self._dense_shape)

    def __neg__(self) -> IndexedSlices:
        return self.with_values(negative(self._values))

    def __repr__(self) -> str:
        dense = "" if self._dense_shape is None else f", dense_shape={self._dense_shape}"
        return f"IndexedSlices(indices={self._indices}, values={self._values}{dense})"

    __str__ = __repr__


def map_values(function: Any, gradient: Any) -> Any:
    """Apply `function` to a gradient: to the tensor, to the values of sparse rows, or not at all when it is None.

    Args:
      function: takes a tensor, gives one of the same shape.
      gradient: a tensor, an `IndexedSlices`, or None.

    Returns:
      A gradient of the same kind.
    """
    if gradient is None:
        return None
    if isinstance(gradient, IndexedSlices):
        return gradient.with_values(function(gradient.values))
    return function(gradient)
