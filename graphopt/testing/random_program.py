"""Random programs over all op families, for comparing what must be the same: levels, tiers, backends."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphopt.compiler.discharge import discharge
from graphopt.compiler.pipeline import optimize
from graphopt.graph.graph import Graph
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.variables import group, variables_initializer
from graphopt.ir.program import Program
from graphopt.ir.samples import SPECIAL
from graphopt.ir.types import TensorType
from graphopt.testing import random_network_steps as random_network_steps  # enters its steps
from graphopt.testing.random_steps import FAMILIES
from graphopt.testing.recorded import run_recorded
from graphopt.testing.recorder import NotPossible, Recorder

_TRIES = 25
_STEPS_PER_LEVEL = 3
_FETCHES = 8
_SPECIAL_SHARE = 0.2


@dataclass(frozen=True, slots=True, eq=False)
class RandomProgram:
    """A recorded graph with something to feed and to fetch.

    Attributes:
      graph: the graph. feeds: values for its placeholders. fetches: tensors.
      variables: the variables' references. train: does all updates. initializer: gives the variables their values.
    """

    graph: Graph
    feeds: dict[Tensor, np.ndarray[Any, Any]]
    fetches: list[Tensor]
    variables: list[Tensor]
    train: Operation
    initializer: Operation

    @property
    def everything(self) -> list[Any]:
        """Fetches, variables and updates together."""
        return [*self.fetches, *self.variables, self.train]

    def state(self) -> dict[str, Any]:
        """Return the variables' initial values by name."""
        values: dict[str, Any] = {}
        run_recorded([self.initializer], {}, values)
        return values

    def discharged(self) -> Program:
        """Return the program as it comes through the door."""
        return discharge(self.everything, {t: t.tensor_type for t in self.feeds}, lambda name: 1).program

    def optimized(self) -> Program:
        """Return the program for the shapes of the feeds, optimised as the settings say."""
        types = {("feed", t.name): TensorType(t.dtype, value.shape) for t, value in self.feeds.items()}
        return optimize(self.discharged(), types)

    def other_values(self, seed: int) -> dict[Tensor, np.ndarray[Any, Any]]:
        """Return feeds of the same shapes with other values, special ones among them. The program may fail for them."""
        random = np.random.default_rng(seed)
        found = {}
        for tensor, value in self.feeds.items():
            fresh = _random_array(random, value.dtype, value.shape)
            special = random.choice(SPECIAL, value.shape) if value.dtype.kind == "f" else fresh
            found[tensor] = np.where(random.random(value.shape) < _SPECIAL_SHARE, special, fresh).astype(value.dtype)
        return found

    def other_feeds(self, seed: int) -> dict[Tensor, np.ndarray[Any, Any]]:
        """Return feeds of other shapes: what was one unknown size before is another now, the same everywhere.

        The program need not run for them: a size may have been written into it as a number.
        """
        random = np.random.default_rng(seed)
        sizes = {size: int(random.integers(1, 6)) for size in range(1, 8)}
        found = {}
        for tensor, value in self.feeds.items():
            known = tensor.tensor_type.shape
            shape = tuple(d if known is not None and known[i] is not None else sizes[d] for i, d in enumerate(value.shape))
            found[tensor] = _random_array(random, value.dtype, shape)
        return found


def random_program(seed: int, depth: int = 8, *, hide: float = 0.4) -> RandomProgram:
    """Return a random program; the same seed gives the same one.

    Args:
      seed: chooses everything. depth: how many levels of steps are recorded, 1 to 8.
      hide: how likely a placeholder's size is unknown while recording.

    Example:
      >>> p = random_program(1, depth=2)
      >>> len(p.fetches) > 0
      True
    """
    graph = Graph()
    with graph.as_default():
        recorder = Recorder(graph, np.random.default_rng([seed, depth]))
        _record_leaves(recorder, hide)
        for _ in range(depth * _STEPS_PER_LEVEL):
            _record_step(recorder)
        late = recorder.pool[-2 * _FETCHES :]
        fetches = [late[i] for i in sorted(recorder.random.permutation(len(late))[:_FETCHES])]
        references = [v.as_ref() for v in recorder.variables]
        return RandomProgram(
            graph, recorder.feeds, fetches, references, group(*recorder.updates, name="train"), variables_initializer(recorder.variables)
        )


def _record_leaves(recorder: Recorder, hide: float) -> None:
    random = recorder.random
    main = np.dtype(random.choice(["float32", "float64"]))
    shapes = [tuple(int(d) for d in random.integers(1, 5, rank)) for rank in (2, 1, 3)]
    for shape in (shapes[0], shapes[0], shapes[0][1:], shapes[1], shapes[2], ()):
        recorder.feed(_random_array(random, main, shape), hide=hide)
    recorder.feed(_random_array(random, np.dtype(np.int32), shapes[0][:1]), hide=hide)
    recorder.feed(_random_array(random, np.dtype(np.bool_), shapes[1]), hide=hide)
    for shape in (shapes[0], shapes[0][1:], ()):
        recorder.variable(_random_array(random, main, shape))


def _random_array(random: np.random.Generator, dtype: Any, shape: tuple[int, ...]) -> np.ndarray[Any, Any]:
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.asarray(random.random(shape) < 0.5)
    values = random.integers(0, 5, shape) if kind == "i" else random.standard_normal(shape)
    return np.asarray(values).astype(dtype)


def _record_step(recorder: Recorder) -> None:
    """Record one step of some family; when it isn't possible try another."""
    for _ in range(_TRIES):
        family = recorder.choice(list(FAMILIES))
        try:
            recorder.choice(FAMILIES[family])(recorder)
        except NotPossible:
            continue
        return
