"""Gradients against central differences, first and higher orders, as `autograd.test_util.check_grads` does it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.autodiff import gradients
from graphopt.graph.graph import Graph
from graphopt.graph.graph import convert_to_tensor as to_tensor
from graphopt.graph.operation import Tensor
from graphopt.ops.control import placeholder
from graphopt.runtime.session import Session
from graphopt.testing.calls import as_tuple
from graphopt.testing.errors import ContractError

# A central difference over four points: its error is of the order of STEP**4, and rounding is divided by STEP.
_STEP = 2e-4
_POINTS = ((1.0, 8.0), (-1.0, -8.0), (2.0, -1.0), (-2.0, 1.0))
_TOLERANCE = 1e-6

_FLOAT64 = dtypes.float64

_KNOWN: dict[str, Callable[[Any], Any]] = {
    "sizes": lambda array: array.shape,
    "ranks": lambda array: (None,) * array.ndim,
    "nothing": lambda array: None,
}

Feeds = dict[Tensor, np.ndarray[Any, Any]]


def check_gradient(function: Callable[..., Any], arrays: Sequence[Any], *, order: int = 2, known: str = "sizes", seed: int = 0) -> int:
    """Compare the gradient of a function of tensors with a central difference in float64, along random directions.

    Args:
      function: takes one tensor for each array, gives a tensor or several.
      arrays: where to differentiate; floating point ones become float64 placeholders, others constants.
      order: how many times to differentiate: the gradient is itself checked as a function.
      known: what is known of the placeholders while recording: "sizes", "ranks" or "nothing".
      seed: chooses directions and weights.

    Returns:
      How many operands have a gradient.

    Raises:
      ContractError: when a gradient differs, has the wrong type, or is None though the result does depend on the operand.

    Example:
      >>> check_gradient(lambda x, y: x * y, [np.ones((2, 3)), np.ones(3)])
      2
    """
    graph = Graph()
    feeds: Feeds = {}
    operands: list[Tensor] = []
    with graph.as_default():
        for i, array in enumerate(arrays):
            if array.dtype.kind != "f":
                operands.append(graph.constant(array, None, f"x{i}"))
                continue
            operands.append(placeholder(dtype=_FLOAT64, shape=_KNOWN[known](array), name=f"x{i}"))
            feeds[operands[-1]] = array.astype(np.float64)
        results = [y for y in as_tuple(function(*operands)) if y.dtype.is_floating]
        if not results or not feeds:
            return 0
        checker = _Checker(graph, np.random.default_rng(seed))
        if len(results) > 1:
            for i, result in enumerate(results):
                checker.check([result], list(feeds), feeds, 1, f" of result {i}")
        return checker.check(results, list(feeds), feeds, order, "")


class _Checker:
    def __init__(self, graph: Graph, random: np.random.Generator) -> None:
        self.session = Session(graph=graph)
        self.random = random

    def check(self, ys: list[Tensor], xs: list[Tensor], feeds: Feeds, order: int, of: str) -> int:
        """Check the gradients of ys for each of xs; return how many there are."""
        weights: Feeds = {}
        with self.session.graph.as_default():
            for y, value in zip(ys, self.session.run(ys, feeds), strict=True):
                weight = placeholder(dtype=y.dtype, shape=y.tensor_type.shape, name="weight")
                weights[weight] = np.asarray(self.random.standard_normal(np.shape(value)), y.dtype.np)
            found = [None if g is None else to_tensor(g) for g in gradients(ys, xs, grad_ys=list(weights))]
        feeds = {**feeds, **weights}
        connected = [g for g in found if g is not None]
        values = iter(self.session.run(connected, feeds))
        for x, gradient in zip(xs, found, strict=True):
            self._compare(ys, x, None if gradient is None else next(values), feeds, list(weights), f"gradient{of} for {x.op.name}")
        if order > 1 and connected:
            self.check(connected, [*xs, *weights], feeds, order - 1, f" of the gradient{of}")
        return len(connected)

    def _compare(self, ys: list[Tensor], x: Tensor, gradient: Any, feeds: Feeds, weights: list[Tensor], what: str) -> None:
        at = feeds[x]
        known = None if gradient is None else np.asarray(gradient)
        if known is not None and (known.shape != at.shape or known.dtype != at.dtype):
            raise ContractError("gradient", f"the {what} has type {known.dtype}{list(known.shape)}, not {at.dtype}{list(at.shape)}")
        if at.size == 0:
            return
        direction = self.random.standard_normal(at.shape)
        slope = self._slope(ys, x, direction, feeds, weights)
        products = np.zeros(()) if known is None else known * direction
        if not abs(float(products.sum()) - slope) <= _TOLERANCE * max(1.0, float(np.abs(products).sum())):
            ours = "None (not connected)" if known is None else f"{products.sum():.9g}"
            raise ContractError("gradient", f"the {what} is {ours} along a random direction, a central difference gives {slope:.9g}")

    def _slope(self, ys: list[Tensor], x: Tensor, direction: Any, feeds: Feeds, weights: list[Tensor]) -> float:
        total = 0.0
        for distance, factor in _POINTS:
            moved = {**feeds, x: np.asarray(feeds[x] + distance * _STEP * direction)}
            values = self.session.run(ys, moved)
            total += factor * sum(float(np.sum(np.float64(value) * feeds[w])) for value, w in zip(values, weights, strict=True))
        return total / (12 * _STEP)
