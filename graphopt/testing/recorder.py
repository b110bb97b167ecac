"""What the steps of a random program are written with: a growing graph whose values are known while it grows."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.errors import OpError
from graphopt.graph.graph import Graph, convert_to_tensor
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.variables import Variable
from graphopt.ops.control import placeholder
from graphopt.ops.elementwise import tanh
from graphopt.testing.recorded import RecordedRun

# Results larger than this are squashed, so that rounding stays small; larger tensors are left alone, so that programs stay quick.
_LARGEST_VALUE = 20.0
_LARGEST_SIZE = 200
# Two numbers nearer than this may change their order by rounding, so nothing is decided by comparing them.
MARGIN = 1e-2

Condition = Callable[[Any], bool]


class NotPossible(Exception):
    """A step finds no operands it could work on."""


class Recorder:
    """A graph that is recorded and, operation by operation, run.

    Args:
      graph: an empty graph. random: makes all choices.

    Attributes:
      pool: the tensors that later steps may use.
      feeds: the placeholders' values. leaves: placeholders and variables that may be differentiated for.
      variables: the variables. updates: operations that change them.
    """

    def __init__(self, graph: Graph, random: np.random.Generator) -> None:
        self.graph = graph
        self.random = random
        self.pool: list[Tensor] = []
        self.feeds: dict[Tensor, np.ndarray[Any, Any]] = {}
        self.leaves: list[Any] = []
        self.variables: list[Variable] = []
        self.updates: list[Operation] = []
        self._run = RecordedRun({}, {})
        self._done = 0

    # --- leaves ------------------------------------------------------------------------------------------------------

    def feed(self, value: np.ndarray[Any, Any], *, hide: float) -> Tensor:
        """Record a placeholder; each of its sizes is unknown with probability `hide`, and sometimes its rank is."""
        array = np.asarray(value)
        known = None if self.random.random() < hide / 5 else tuple(None if self.random.random() < hide else d for d in array.shape)
        tensor = placeholder(dtype=convert_dtype(array), shape=known)
        self.feeds[tensor] = array
        self._run = RecordedRun(self.feeds, {})
        self._done = 0
        self.pool.append(tensor)
        if array.dtype.kind == "f":
            self.leaves.append(tensor)
        return tensor

    def variable(self, value: np.ndarray[Any, Any]) -> Variable:
        """Record a variable."""
        made = Variable(value)
        self.variables.append(made)
        self.leaves.append(made)
        self.pool.append(made.value())
        return made

    # --- choices -----------------------------------------------------------------------------------------------------

    def choice(self, items: Sequence[Any]) -> Any:
        """Return one of the items."""
        return items[int(self.random.integers(len(items)))]

    def chance(self, probability: float) -> bool:
        """Return True as often as `probability` says."""
        return bool(self.random.random() < probability)

    def value(self, tensor: Any) -> np.ndarray[Any, Any]:
        """Return what a tensor is worth for the present feeds.

        Raises:
          NotPossible: when it can't be computed.
        """
        operations = self.graph.get_operations()
        for operation in operations[self._done :]:
            self._done += 1
            with contextlib.suppress(OpError, KeyError):  # KeyError: an operand that failed has no value
                self._run.step(operation)
        try:
            return np.asarray(self._run.value(tensor))
        except KeyError:
            raise NotPossible from None

    def pick(self, kinds: str = "f", where: Condition = lambda value: True, like: Tensor | None = None) -> Tensor:
        """Return a tensor of the pool, one recorded late more likely than one recorded early.

        Args:
          kinds: NumPy's letters of the kinds of element types. where: what its value must satisfy.
          like: a tensor whose element type it has.

        Raises:
          NotPossible: when there is none.
        """
        fitting = [t for t in self.pool if t.dtype.np.kind in kinds and (like is None or t.dtype is like.dtype) and where(self.value(t))]
        if not fitting:
            raise NotPossible
        weights = np.arange(1, len(fitting) + 1, dtype=np.float64) ** 2
        return fitting[int(self.random.choice(len(fitting), p=weights / weights.sum()))]

    def axes(self, tensor: Tensor) -> list[int]:
        """Return some axes of a tensor, in no order, some counted from the end."""
        rank = self.value(tensor).ndim
        chosen = [a for a in range(rank) if self.chance(0.5)]
        return [int(a) - rank if self.chance(0.3) else int(a) for a in self.random.permutation(chosen)]

    # --- results -----------------------------------------------------------------------------------------------------

    def add(self, *results: Any) -> None:
        """Put results into the pool, unless they are too large or not finite.

        Raises:
          NotPossible: when the values can't be computed; then the operations stay in the graph, and nothing uses them.
        """
        for result in results:
            tensor = convert_to_tensor(result)
            value = self.value(tensor)
            if value.dtype.kind == "f" and not np.all(np.abs(value) <= _LARGEST_VALUE):
                tensor = tanh(tensor)
                value = self.value(tensor)
            if value.size <= _LARGEST_SIZE and (value.dtype.kind != "f" or bool(np.isfinite(value).all())):
                self.pool.append(tensor)

    def update(self, result: Tensor) -> None:
        """Note a change of a variable."""
        self.updates.append(result.op)
        self.add(result)


def convert_dtype(array: np.ndarray[Any, Any]) -> Any:
    """Return the element type of an array."""
    return dtypes.as_dtype(array.dtype)


def fits(value: Any) -> Condition:
    """Return the condition that a value broadcasts with `value` without growing it much."""

    def condition(other: Any) -> bool:
        try:
            return int(np.prod(np.broadcast_shapes(np.shape(value), other.shape))) <= _LARGEST_SIZE
        except ValueError:
            return False

    return condition


def is_rank(*ranks: int) -> Condition:
    """Return the condition that a value has one of these ranks and is not empty."""
    return lambda value: value.ndim in ranks and value.size > 0


def is_filled(value: Any) -> bool:
    """Return True for a value of rank 1 or more with elements."""
    return value.ndim > 0 and value.size > 0
