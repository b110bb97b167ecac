"""One recorded trajectory: what is made, on which variables, with which gradients. Needs NumPy alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np

Shapes = Mapping[str, tuple[int, ...]]

PAIR: Shapes = {"kernel": (2, 3), "bias": (3,)}
VECTOR: Shapes = {"w": (2,)}
MATRIX: Shapes = {"w": (2, 3)}
TABLE: Shapes = {"table": (6, 2)}

UNTOUCHED_ROW = 5  # no sparse gradient has it


class Call(NamedTuple):
    """Something that the peer makes from keyword arguments: a schedule, or an optimizer inside another."""

    name: str
    kwargs: Mapping[str, Any]


class Rows(NamedTuple):
    """A sparse gradient: `values[i]` belongs to row `indices[i]`; a row may come twice."""

    values: np.ndarray
    indices: np.ndarray
    rows: int


@dataclass(frozen=True)
class Case:
    """A trajectory: the peer's class, its arguments, the data, and how closely it can be followed.

    Attributes:
      name: "peer/class/label".
      kwargs: the arguments of the constructor; `Call` stands for what the peer makes itself.
      then: optax alone: the transformation that the gradients go to afterwards.
      repeated: whether a sparse gradient has a row twice.
      data: "seed", "f5" (the fixed vectors), "f5 matrix", "pipeline", "quadratic" (see `gradient_of_quadratic`).
      poison: an infinity or NaN in the first element of the first variable's gradient, by step.
      missing: variables whose gradient is None.
      excluded: variables without weight decay (Keras).
      bounds: variables whose constraint clips to these two numbers (Keras).
      finalize: ask Keras for the averaged weights at the end.
      tolerance: of a weight, relative to it or to 1. The peers' own rounding decides: tf_keras keeps hyper-parameters in float32.
    """

    name: str
    peer: str
    cls: str
    kwargs: Mapping[str, Any]
    then: Call | None = None
    shapes: Shapes = field(default_factory=lambda: PAIR)
    dtype: str = "float64"
    sparse: bool = False
    repeated: bool = True
    data: str = "seed"
    steps: int = 8
    seed: int = 0
    poison: Mapping[int, float] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    finalize: bool = False
    tolerance: float = 1e-12

    @property
    def key(self) -> tuple[str, str]:
        return self.peer, self.cls


Weights = dict[str, np.ndarray]
Gradients = dict[str, Any]  # by variable: an array, `Rows` or None

F5 = [[0.1, -0.2], [0.3, 0.05], [-0.2, 0.4], [0.15, -0.35], [0.02, 0.6]]
F5_MATRIX = [
    [[0.1, -0.2, 0.3], [0.4, 0.05, -0.1]],
    [[0.3, 0.05, -0.2], [0.1, 0.2, 0.3]],
    [[-0.2, 0.4, 0.1], [0.05, -0.3, 0.2]],
    [[0.15, -0.35, 0.2], [-0.1, 0.1, 0.05]],
    [[0.02, 0.6, -0.4], [0.2, -0.05, 0.15]],
]
PIPELINE = [([3, 4], [12]), ([0.3, 0.4], [0]), ([1, 1], [1]), ([-3, 0], [4])]


def data_of(case: Case) -> tuple[Weights, list[Gradients]]:
    """The weights at the start and the gradients of every step; those of "quadratic" come from the weights instead."""
    dtype = np.dtype(case.dtype)
    if case.data == "f5":
        return {"w": np.array([1, -2], dtype)}, [{"w": np.array(g, dtype)} for g in F5]
    if case.data == "f5 matrix":
        return {"w": np.array([[1, -2, 0.5], [0.3, 0.1, -1]], dtype)}, [{"w": np.array(g, dtype)} for g in F5_MATRIX]
    if case.data == "pipeline":
        start = {"a": np.array([1, -2], dtype), "b": np.array([3], dtype)}
        return start, [{"a": np.array(a, dtype), "b": np.array(b, dtype)} for a, b in PIPELINE]
    random = np.random.RandomState(case.seed)  # its numbers never change from one NumPy to another
    start = {name: _numbers(random, shape, dtype) for name, shape in case.shapes.items()}
    if case.data == "quadratic":
        return start, [{} for _ in range(case.steps)]
    return start, [_gradients(case, random, step) for step in range(case.steps)]


def _numbers(random: np.random.RandomState, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
    """Normal numbers in 64ths, so that they are the same in every element type."""
    return (np.round(random.randn(*shape) * 64) / 64).astype(dtype)


def _gradients(case: Case, random: np.random.RandomState, step: int) -> Gradients:
    made: Gradients = {}
    for name, shape in case.shapes.items():
        if case.sparse:
            values, indices = _numbers(random, (4, *shape[1:]), np.dtype(case.dtype)), random.randint(0, UNTOUCHED_ROW, 4)
            indices = [*indices[:3], indices[0]] if case.repeated else random.permutation(UNTOUCHED_ROW)[:4]
            made[name] = Rows(values, np.array(indices, np.int32), shape[0])
        else:
            made[name] = _numbers(random, shape, np.dtype(case.dtype))
        if name in case.missing:
            made[name] = None
    last = list(made)[-1]
    if step == 5 and len(made) > 1 and made[last] is not None:
        made[last] = np.zeros_like(made[last])  # once, a gradient that is zero everywhere
    if step in case.poison:
        made[next(iter(made))].flat[0] = case.poison[step]
    return made


def quadratic(shape: tuple[int, ...], dtype: Any) -> tuple[np.ndarray, np.ndarray]:
    """Curvature `h` and minimum `c` of the loss `0.5 * sum(h * (w - c)**2)` that a "quadratic" case trains on."""
    size = int(np.prod(shape))
    h, c = 0.25 + 0.125 * np.arange(size), 0.5 - 0.25 * np.arange(size)
    return h.reshape(shape).astype(dtype), c.reshape(shape).astype(dtype)


def gradient_of_quadratic(weights: Mapping[str, Any]) -> Gradients:
    """The gradients of that loss at `weights`, which may be any kind of array."""
    made: Gradients = {}
    for name, w in weights.items():
        h, c = quadratic(tuple(w.shape), str(w.dtype))
        made[name] = h * (w - c)
    return made
