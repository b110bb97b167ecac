"""Any registered optimizer, used in one way: variables, gradients that are fed, one training operation."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.backends import choose
from graphopt.train.optimizers.registry import OPTIMIZERS

NAMES = sorted(OPTIMIZERS)
BACKENDS = sorted({"numpy", choose("auto")})

SHAPES = {"vector": (2,), "matrix": (3, 4), "number": ()}

Arrays = dict[str, Any]


def random_arrays(seed: int, shapes: Mapping[str, tuple[int, ...]] = SHAPES, dtype: Any = np.float64) -> Arrays:
    """Normal numbers, none of them near 0, for each shape."""
    random = np.random.RandomState(seed)
    return {name: np.asarray((1.0 + random.rand(*shape)) * random.choice([-1.0, 1.0], shape), dtype) for name, shape in shapes.items()}


def make_optimizer(name: str, **changes: Any) -> Any:
    """The optimizer that an entry's example arguments make, with some of them changed."""
    entry = OPTIMIZERS[name]
    arguments = {**entry.example, **changes}
    step = inspect.signature(entry.make).parameters.get("global_step")
    if step is not None and step.default is step.empty:
        arguments["global_step"] = tf.train.get_or_create_global_step()
    return entry.make(**arguments)


def apply_gradients(optimizer: Any, pairs: Sequence[tuple[Any, Any]]) -> Any:
    """What makes one step when it is run; with a global step where the method takes one."""
    if "global_step" in inspect.signature(optimizer.apply_gradients).parameters:
        return optimizer.apply_gradients(pairs, global_step=tf.train.get_or_create_global_step())
    return optimizer.apply_gradients(pairs)


@contextlib.contextmanager
def warned_of_none(name: str) -> Iterator[None]:
    """Around the recording of a step in which a gradient is None: Keras warns (its legacy optimizers log it)."""
    if name.startswith("keras.") and not name.startswith("keras.optimizers.legacy."):
        with pytest.warns(UserWarning, match="Gradients do not exist for variables"):
            yield
    else:
        yield


class Training:
    """An optimizer in a graph and a session of its own.

    Args:
      name: the optimizer's registered name. start: the variables' values by name.
      rows: for variables with sparse gradients how many rows one has. none: variables whose gradient is None. backend: the session's.
      optimizer: what makes the optimizer, in the graph (the entry's example arguments by default).
    """

    def __init__(
        self,
        name: str,
        start: Mapping[str, Any],
        *,
        rows: Mapping[str, int] | None = None,
        none: Sequence[str] = (),
        backend: str = "numpy",
        optimizer: Any = None,
    ) -> None:
        self.graph = tf.Graph()
        with self.graph.as_default():
            self.variables = {key: tf.Variable(value, name=key) for key, value in start.items()}
            self.holders = {key: _holder(v, (rows or {}).get(key)) for key, v in self.variables.items() if key not in none}
            self.optimizer = make_optimizer(name) if optimizer is None else optimizer()
            pairs = [(self.holders.get(key), v) for key, v in self.variables.items()]
            with warned_of_none(name) if none else contextlib.nullcontext():
                self.train_op = apply_gradients(self.optimizer, pairs)
            self.all_variables = {v.op.name: v for v in tf.global_variables()}
            self.initializer = tf.global_variables_initializer()
        self.session = self.new_session(backend)
        self.session.run(self.initializer)

    def new_session(self, backend: str = "numpy") -> Any:
        return tf.Session(graph=self.graph, backend=backend)

    def step(self, gradients: Mapping[str, Any]) -> None:
        """One step; a sparse gradient is a pair of values and row numbers."""
        feeds = {}
        for key, holder in self.holders.items():
            if isinstance(holder, tf.IndexedSlices):
                feeds[holder.values], feeds[holder.indices] = gradients[key]
            else:
                feeds[holder] = gradients[key]
        self.session.run(self.train_op, feeds)

    def weights(self) -> Arrays:
        return self.session.run(self.variables)

    def after(self, steps: Sequence[Mapping[str, Any]]) -> list[Arrays]:
        """The weights after each of some steps."""
        seen = []
        for gradients in steps:
            self.step(gradients)
            seen.append(self.weights())
        return seen

    def state(self) -> Arrays:
        """The values of all variables, by name."""
        return self.session.run(self.all_variables)

    def load(self, state: Mapping[str, Any]) -> None:
        for key, value in state.items():
            self.all_variables[key].load(value, self.session)

    @property
    def hyper(self) -> Any:
        """The hyper-parameters by name, as the session has them."""
        with self.graph.as_default():
            return self.optimizer.hyper.of(self.session)


def _holder(variable: Any, rows: int | None) -> Any:
    shape = variable.get_shape().as_list()
    if rows is None:
        return tf.placeholder(variable.dtype, shape)
    return tf.IndexedSlices(tf.placeholder(variable.dtype, [rows, *shape[1:]]), tf.placeholder(tf.int32, [rows]), tf.constant(shape))


def gradients_of(steps: int, shapes: Mapping[str, tuple[int, ...]] = SHAPES, dtype: Any = np.float64, seed: int = 1) -> list[Arrays]:
    """Random gradients of some steps."""
    random = np.random.RandomState(seed)
    return [{name: np.asarray(random.randn(*shape), dtype) for name, shape in shapes.items()} for _ in range(steps)]


def largest_deviation(got: Any, want: Any) -> float:
    """The largest difference of two arrays, relative to `want` or to 1; infinite where only one is finite."""
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    if not np.array_equal(np.isfinite(got), np.isfinite(want)):
        return float("inf")
    finite = np.isfinite(want)
    return float(np.max(np.abs(got[finite] - want[finite]) / np.maximum(1.0, np.abs(want[finite])), initial=0.0))
