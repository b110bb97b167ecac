"""What a caller may fetch and feed, taken apart and put together again."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from operator import itemgetter
from typing import Any, NamedTuple

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError, ArgumentTypeError, first_line
from graphopt.graph.graph import Graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.sparse_tensor import SparseTensor, SparseTensorValue
from graphopt.ops.summary_proto import SerializedSummary, Summary

Element = Tensor | Operation
Assemble = Callable[[list[Any]], Any]


class IndexedSlicesValue(NamedTuple):
    """A fetched `IndexedSlices`: arrays."""

    values: Any
    indices: Any
    dense_shape: Any


def _bytes_of_scalar(value: Any) -> Any:
    """Return a scalar string, a summary too, as bytes, as TensorFlow does, and other strings as they are."""
    if isinstance(value, Summary):
        return SerializedSummary.of(value)
    return value[()] if isinstance(value, np.ndarray) and value.ndim == 0 else value


class Fetches:
    """The structure of a fetch: its distinct elements, and how their values are put together.

    Args:
      graph: the session's graph. structure: a tensor, operation, variable or name, or nested lists, tuples, dicts of them.

    Raises:
      TypeError, ValueError: as TensorFlow does, for what can't be fetched.
    """

    def __init__(self, graph: Graph, structure: Any) -> None:
        self.elements: list[Element] = []
        self._graph = graph
        self._positions: dict[Element, int] = {}
        # Where the values are that are fetched as they are: `itemgetter` finds several of them in one call.
        # Each is kept beside its position: what another object is given its identity for would be taken for it.
        self._plain: dict[int, tuple[int, Assemble]] = {}
        self.assemble: Assemble = self._take_apart(structure)

    def _take_apart(self, structure: Any) -> Assemble:
        if isinstance(structure, (list, tuple)):
            return self._sequence(structure)
        if isinstance(structure, Mapping):
            return self._mapping(structure)
        if isinstance(structure, IndexedSlices):
            return self._slices(structure)
        if isinstance(structure, SparseTensor):
            return self._sparse(structure)
        if hasattr(type(structure), "__attrs_attrs__"):
            return self._attributes(structure)
        element = self._element(structure)
        if isinstance(element, Operation):
            self._position(element)
            return lambda values: None
        position = self._position(element)
        if element.dtype is dtypes.string:
            return lambda values: _bytes_of_scalar(values[position])
        return self._value_at(position)

    def _value_at(self, position: int) -> Assemble:
        get = itemgetter(position)
        self._plain[id(get)] = (position, get)
        return get

    def _position(self, element: Element) -> int:
        if element not in self._positions:
            self._positions[element] = len(self.elements)
            self.elements.append(element)
        return self._positions[element]

    def _sequence(self, structure: Any) -> Assemble:
        parts = [self._take_apart(item) for item in structure]
        kind = type(structure)
        if hasattr(structure, "_fields"):
            return lambda values: kind(*[part(values) for part in parts])
        places = [self._plain[id(part)][0] for part in parts if id(part) in self._plain]
        if kind in (list, tuple) and len(parts) > 1 and len(places) == len(parts):
            get_all = itemgetter(*places)
            return get_all if kind is tuple else lambda values: list(get_all(values))
        if kind is list:
            return lambda values: [part(values) for part in parts]
        return lambda values: kind([part(values) for part in parts])

    def _mapping(self, structure: Any) -> Assemble:
        parts = {key: self._take_apart(item) for key, item in structure.items()}
        kind = type(structure)
        if kind is dict:
            return lambda values: {key: part(values) for key, part in parts.items()}
        if isinstance(structure, defaultdict):
            missing = structure.default_factory
            return lambda values: kind(missing, [(key, part(values)) for key, part in parts.items()])
        return lambda values: kind([(key, part(values)) for key, part in parts.items()])

    def _slices(self, structure: IndexedSlices) -> Assemble:
        values_at, indices_at = self._position(structure.values), self._position(structure.indices)
        shape_at = None if structure.dense_shape is None else self._position(self._element(structure.dense_shape))
        return lambda values: IndexedSlicesValue(values[values_at], values[indices_at], None if shape_at is None else values[shape_at])

    def _sparse(self, structure: SparseTensor) -> Assemble:
        parts = [self._position(part) for part in (structure.indices, structure.values, structure.dense_shape)]
        return lambda values: SparseTensorValue(*[values[part] for part in parts])

    def _attributes(self, structure: Any) -> Assemble:
        """Take apart an object of a class made with attrs."""
        kind = type(structure)
        parts = [self._take_apart(getattr(structure, field.name)) for field in kind.__attrs_attrs__]
        return lambda values: kind(*[part(values) for part in parts])

    def _element(self, fetch: Any) -> Element:
        if fetch is None:
            raise ArgumentTypeError(f"Fetch argument None has invalid type {type(None)}")
        try:
            element: Element = self._graph.as_graph_element(fetch)
        except TypeError as error:
            raise ArgumentTypeError(
                f"Fetch argument {fetch!r} has invalid type {type(fetch)}, must be a string or Tensor. ({first_line(error)})"
            ) from None
        except (ValueError, KeyError) as error:
            raise ArgumentError(f"Fetch argument {fetch!r} cannot be interpreted as a Tensor. ({first_line(error)})") from None
        if not self._graph.is_fetchable(element):
            raise ArgumentError(
                f"Operation {(element.op if isinstance(element, Tensor) else element).name!r} has been marked as not fetchable."
            )
        return element


_CONTAINERS = (list, tuple, dict)


def fetch_key(structure: Any) -> Any:
    """Return a hashable key of a fetch structure: equal for the same structure of the same elements."""
    kind = type(structure)
    if kind is list or kind is tuple:
        return (kind, *[fetch_key(item) if isinstance(item, _CONTAINERS) else item for item in structure])
    if isinstance(structure, Mapping):
        return (kind, *[(key, fetch_key(item)) for key, item in structure.items()])
    if isinstance(structure, tuple):
        return (kind, *[fetch_key(item) for item in structure])
    return structure


def flatten_feeds(graph: Graph, feed_dict: Mapping[Any, Any]) -> dict[Tensor, Any]:
    """Return the feeds by tensor: names looked up, variables by their reference, sparse slices and tuples taken apart.

    Raises:
      TypeError: for a key that is no tensor. ValueError: for a tensor that may not be fed.
    """
    flat: dict[Tensor, Any] = {}
    for key, value in feed_dict.items():
        for tensor, part in _feed_parts(graph, key, value):
            if not graph.is_feedable(tensor):
                raise ArgumentError(f"Tensor {tensor} may not be fed.")
            flat[tensor] = part
    return flat


def _feed_parts(graph: Graph, key: Any, value: Any) -> list[tuple[Tensor, Any]]:
    if isinstance(key, tuple):
        if not isinstance(value, (list, tuple)) or len(key) != len(value):
            raise ArgumentTypeError(f"Cannot interpret feed_dict key as Tensor: the tuple {key!r} needs as many values, got {value!r}")
        return [pair for k, v in zip(key, value, strict=True) for pair in _feed_parts(graph, k, v)]
    if isinstance(key, IndexedSlices):
        parts = [(key.values, value[0]), (key.indices, value[1])]
        return parts if key.dense_shape is None else [*parts, (key.dense_shape, value[2])]
    if isinstance(key, SparseTensor):
        return list(zip((key.indices, key.values, key.dense_shape), value, strict=True))
    try:
        tensor: Tensor = graph.as_graph_element(key, allow_operation=False)
    except (TypeError, ValueError, KeyError) as error:
        raise ArgumentTypeError(f"Cannot interpret feed_dict key as Tensor: {first_line(error)}") from None
    return [(tensor, value)]


def to_feed(tensor: Tensor, value: Any) -> Any:
    """Return a fed value as an array of the tensor's element type (a NumPy scalar for rank 0).

    Raises:
      TypeError: for a tensor, or an int that doesn't fit. ValueError: for what is no array.
    """
    if hasattr(value, "builder"):
        raise ArgumentTypeError(
            "The value of a feed cannot be a tf.Tensor object. "
            "Acceptable feed values include Python scalars, strings, lists, numpy ndarrays, or TensorHandles. "
            f"For reference, the tensor object was {value} which was passed to the feed with key {tensor}."
        )
    dtype = tensor.dtype
    if isinstance(value, int) and dtype.is_integer and not dtype.min <= value <= dtype.max:
        raise ArgumentTypeError(
            f"Type of feed value {value} with type {type(value)} is not compatible with Tensor type {dtype!r}. "
            "Try explicitly setting the type of the feed tensor to a larger type (e.g. int64)."
        )
    if dtype is dtypes.string:
        return _to_strings(value)
    try:
        array = np.asarray(value, dtype.np)
    except (TypeError, ValueError, OverflowError) as error:
        raise ArgumentError(
            f"Cannot feed {type(value).__name__} for Tensor {tensor.name!r} of type {dtype.name}: {first_line(error)}"
        ) from None
    return array if array.ndim else array[()]


def _to_strings(value: Any) -> Any:
    array = np.array(value, object)
    flat = array.reshape(-1)
    for i, item in enumerate(flat):
        flat[i] = item.encode() if isinstance(item, str) else item
    return array if array.ndim else flat[0]
