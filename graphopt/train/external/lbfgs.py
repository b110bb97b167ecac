"""L-BFGS without SciPy: two-loop recursion and a line search for the strong Wolfe conditions, in float64."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Unpack

import numpy as np

from graphopt.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from graphopt.train.external.base import ExternalOptimizerInterface, Function, Problem, Vector
from graphopt.train.external.line_search import Point, strong_wolfe

_LOG = logging.getLogger("graphopt")

# A pair whose curvature is below this share of its length squared says nothing about the loss but its rounding.
_LEAST_CURVATURE = 1e-10


@dataclass(frozen=True)
class LBFGSResult:
    """How a minimisation ended.

    Attributes:
      message: why it ended. has_converged: whether a tolerance was met.
      loss: at the end. gradient_norm: the largest element of the gradient, by its absolute value.
      iterations: accepted steps. evaluations: of the loss and its gradient.
    """

    message: str
    has_converged: bool
    loss: float
    gradient_norm: float
    iterations: int
    evaluations: int


class Settings(NamedTuple):
    """When to stop, and how much to remember; see `LBFGSOptimizerInterface`."""

    memory: int
    gradient_tolerance: float
    loss_tolerance: float
    max_iterations: int
    max_line_search: int


class LBFGSOptimizerInterface(ExternalOptimizerInterface):
    """Minimises a loss by the limited-memory BFGS method, without SciPy.

    Each direction comes from the last `memory` steps by the two-loop recursion, each step length from a line search for the strong Wolfe
    conditions. Variables are packed in float64; the loss is evaluated in their own types. A line search that finds nothing lower ends the
    minimisation: with float32 that is where rounding begins. Bounds and constraints are `ScipyOptimizerInterface`'s.

    Args:
      loss, var_list: as in `ExternalOptimizerInterface`.
      memory: how many steps to remember, 1 or more.
      gradient_tolerance: converged when no element of the gradient is larger.
      loss_tolerance: converged when a step lowers the loss by no more than this times ``max(|before|, |after|, 1)``.
      max_iterations: how many steps at most. max_line_search: how many evaluations at most to find one step's length.

    Attributes:
      result: the `LBFGSResult` of the last call of `minimize`, or None.

    Raises:
      ValueError: for a number out of its range. TypeError: for an argument that is no such number.
      NotImplementedError: for bounds and constraints.

    Source: Nocedal and Wright, Numerical Optimization (2nd edition), algorithms 7.4, 7.5, 3.5 and 3.6.

    Example:
      >>> from graphopt.train.external import LBFGSOptimizerInterface
      >>> w = tf.Variable([7.0, -2.0], dtype=tf.float64)
      >>> optimizer = LBFGSOptimizerInterface(tf.square(1.0 - w[0]) + 100.0 * tf.square(w[1] - tf.square(w[0])))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     optimizer.minimize(session)
      ...     print(session.run(w).round(4), optimizer.result.has_converged)
      [1. 1.] True
    """

    def __init__(
        self,
        loss: Any,
        var_list: Iterable[Any] | None = None,
        equalities: Iterable[Any] | None = None,
        inequalities: Iterable[Any] | None = None,
        var_to_bounds: Mapping[Any, Any] | None = None,
        *,
        memory: int = 10,
        gradient_tolerance: float = 1e-5,
        loss_tolerance: float = 2.2e-9,
        max_iterations: int = 15000,
        max_line_search: int = 30,
    ) -> None:
        given = {"equalities": equalities, "inequalities": inequalities, "var_to_bounds": var_to_bounds}
        for name, value in given.items():
            if value:
                raise UnsupportedError(
                    f"LBFGSOptimizerInterface minimises without constraints and takes no {name}: ScipyOptimizerInterface does."
                )
        counts = {"memory": memory, "max_iterations": max_iterations, "max_line_search": max_line_search}
        tolerances = {"gradient_tolerance": gradient_tolerance, "loss_tolerance": loss_tolerance}
        for name, count in counts.items():
            _check_count(name, count, least=0 if name == "max_iterations" else 1)
        for name, tolerance in tolerances.items():
            _check_tolerance(name, tolerance)
        super().__init__(loss, var_list, None, None, None, **counts, **tolerances)
        self.result: LBFGSResult | None = None

    def _minimize(self, **problem: Unpack[Problem]) -> Vector:
        packed, self.result = minimize_lbfgs(
            problem["loss_grad_func"], problem["initial_val"], Settings(**problem["optimizer_kwargs"]), problem["step_callback"]
        )
        _LOG.info(
            "Optimization terminated with:\n  Message: %s\n  Objective function value: %f\n"
            "  Number of iterations: %d\n  Number of functions evaluations: %d",
            self.result.message,
            self.result.loss,
            self.result.iterations,
            self.result.evaluations,
        )
        return packed


def minimize_lbfgs(
    function: Function, start: Vector, settings: Settings, on_step: Callable[[Vector], Any] = lambda x: None
) -> tuple[Vector, LBFGSResult]:
    """Return where a function is small, and how the search ended.

    Args:
      function: from a float64 vector to its value and gradient. start: the vector to start from. settings: when to stop.
      on_step: called after each accepted step; it may raise StopIteration to end the search.

    Raises:
      ValueError: when value or gradient are not finite at the start.
    """
    search = _Search(function, settings)
    here = search.evaluate(start)
    if not here.is_finite:
        raise ArgumentError(f"The loss is {here.value} at the values the variables start from, and its gradient {_largest(here.gradient)}.")
    message = None
    while message is None:
        here, message = search.step(here, on_step)
    converged = message in (_SMALL_GRADIENT, _SMALL_CHANGE)
    return here.x, LBFGSResult(message, converged, here.value, _largest(here.gradient), search.iterations, search.evaluations)


_SMALL_GRADIENT = "The gradient is within its tolerance."
_SMALL_CHANGE = "The change of the loss is within its tolerance."
_MOST_ITERATIONS = "The largest number of iterations is reached."
_NOTHING_LOWER = "The line search found no lower loss."
_STOPPED = "The callback raised StopIteration."


class _Search:
    """What one minimisation remembers."""

    def __init__(self, function: Function, settings: Settings) -> None:
        self._function = function
        self._settings = settings
        self._pairs: deque[tuple[Vector, Vector]] = deque(maxlen=settings.memory)
        self.iterations = 0
        self.evaluations = 0

    def evaluate(self, x: Vector) -> Point:
        """Return value and gradient at a vector."""
        self.evaluations += 1
        value, gradient = self._function(x)
        return Point(x, float(value), np.asarray(gradient, np.float64))

    def step(self, here: Point, on_step: Callable[[Vector], Any]) -> tuple[Point, str | None]:
        """Return the next point, and why the search ends there; None when it goes on."""
        if _largest(here.gradient) <= self._settings.gradient_tolerance:
            return here, _SMALL_GRADIENT
        if self.iterations >= self._settings.max_iterations:
            return here, _MOST_ITERATIONS
        there = self._next(here)
        if there is None:
            return here, _NOTHING_LOWER
        self.iterations += 1
        self._remember(there.x - here.x, there.gradient - here.gradient)
        try:
            on_step(there.x)
        except StopIteration:
            return there, _STOPPED
        change = abs(here.value - there.value) / max(abs(here.value), abs(there.value), 1.0)
        return there, _SMALL_CHANGE if change <= self._settings.loss_tolerance else None

    def _next(self, here: Point) -> Point | None:
        """Return the point of the next step, or None when nothing is lower along the direction, nor along the gradient."""
        direction = -two_loop(self._pairs, here.gradient)
        if self._pairs and direction @ here.gradient < 0:
            there = strong_wolfe(self.evaluate, here, direction, 1.0, self._settings.max_line_search)
            if there is not None:
                return there
        self._pairs.clear()
        first = 1.0 / max(1.0, float(np.linalg.norm(here.gradient)))
        return strong_wolfe(self.evaluate, here, -here.gradient, first, self._settings.max_line_search)

    def _remember(self, moved: Vector, turned: Vector) -> None:
        if moved @ turned > _LEAST_CURVATURE * float(np.linalg.norm(moved) * np.linalg.norm(turned)):
            self._pairs.append((moved, turned))


def two_loop(pairs: Iterable[tuple[Vector, Vector]], gradient: Vector) -> Vector:
    """Return the inverse Hessian that the pairs stand for, times the gradient.

    Args:
      pairs: by how much the variables and the gradient changed in the last steps, the oldest first. gradient: a vector.

    >>> two_loop([(np.array([1.0, 0.0]), np.array([4.0, 0.0]))], np.array([8.0, 0.0]))
    array([2., 0.])
    """
    known = [(moved, turned, 1.0 / float(moved @ turned)) for moved, turned in pairs]
    result = gradient.copy()
    shares = []
    for moved, turned, inverse in reversed(known):
        share = inverse * float(moved @ result)
        shares.append(share)
        result -= share * turned
    if known:
        _, turned, inverse = known[-1]
        result /= inverse * float(turned @ turned)
    for (moved, turned, inverse), share in zip(known, reversed(shares), strict=True):
        result += (share - inverse * float(turned @ result)) * moved
    return result


def _largest(gradient: Vector) -> float:
    return float(np.max(np.abs(gradient), initial=0.0))


def _check_count(name: str, count: Any, *, least: int) -> None:
    if isinstance(count, bool) or not isinstance(count, (int, np.integer)):
        raise ArgumentTypeError(f"{name} must be an integer, got {count!r}.")
    if count < least:
        raise ArgumentError(f"{name} must be {least} or more, got {count}.")


def _check_tolerance(name: str, tolerance: Any) -> None:
    if isinstance(tolerance, bool) or not isinstance(tolerance, (int, float, np.number)):
        raise ArgumentTypeError(f"{name} must be a number, got {tolerance!r}.")
    if not 0 <= tolerance < math.inf:
        raise ArgumentError(f"{name} must be finite and 0 or more, got {tolerance}.")
