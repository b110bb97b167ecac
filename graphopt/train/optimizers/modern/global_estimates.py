"""Optimizers that estimate their learning rate from all variables together, as optax defines them: Prodigy, DoG."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError
from graphopt.graph.graph import get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.graph.variables import Variable, assign
from graphopt.ops import training_modern
from graphopt.ops.elementwise import absolute, add_n, cast, equal, maximum, power, select, sqrt, square
from graphopt.ops.reduce import reduce_sum
from graphopt.ops.step_rule import StepRule, compute_type, dense_gradient
from graphopt.train.hyper import POSITIVE, Range
from graphopt.train.optimizers.modern.base import CountingOptimizer, StepSlot, bias_correction, check_choice
from graphopt.train.optimizers.registry import registered


class GlobalOptimizer(CountingOptimizer):
    """An optimizer that looks at all gradients before it changes a variable.

    A subclass gives `first_rule` (what happens to each variable first), `estimate` (then, to all) and `last_rule` (last, to each).
    """

    first_rule: ClassVar[StepRule]
    last_rule: ClassVar[StepRule]

    def slots_of(self, var: Variable) -> list[StepSlot]:
        """Return the slots of both rules."""
        return [StepSlot(name) for name in dict.fromkeys(self.first_rule.slots + self.last_rule.slots)]

    def estimate(self, pairs: list[tuple[Tensor, Variable]]) -> Iterable[Any]:
        """Add the scalars of `last_rule` to the others; return the operations that write the optimizer's own variables."""
        raise NotImplementedError

    def _prepare(self) -> None:
        super()._prepare()
        self._pairs: list[tuple[Tensor, Variable]] = []

    def _update(self, gradient: Any, variable: Variable) -> Any:
        with name_scope(f"update_{variable.op.name}"):
            if isinstance(gradient, IndexedSlices):
                gradient = dense_gradient(gradient.values, gradient.indices, variable)
            self._pairs.append((gradient, variable))
            return self._record(self.first_rule, gradient, variable)

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        with get_default_graph().control_dependencies(update_ops):
            own = list(self.estimate(self._pairs))
            steps = [self._last_step(gradient, variable) for gradient, variable in self._pairs]
        return super()._finish([*update_ops, *own, *steps], name_scope)

    def _last_step(self, gradient: Tensor, variable: Variable) -> Any:
        update = self._record(self.last_rule, gradient, variable)
        if variable.constraint is None:
            return update
        with get_default_graph().control_dependencies([update]):
            return variable.assign(variable.constraint(variable))

    def _moved(self, variable: Variable) -> Tensor:
        """Return how far a variable is from where it began."""
        start = self._kept(variable, "start")
        moved: Tensor = start.value() - cast(variable.value(), start.dtype)
        return moved


def total_over(pairs: list[tuple[Tensor, Variable]], term: Callable[[Tensor, Variable], Tensor]) -> Any:
    """Return the sum over all elements of all variables of a term, float64."""
    return add_n([cast(reduce_sum(term(gradient, variable)), dtypes.float64) for gradient, variable in pairs])


@registered("optimizers.Prodigy", sparse="as dense", learning_rate=1.0, estim_lr0=0.01)
class Prodigy(GlobalOptimizer):
    """AdamW that finds its learning rate: the distance to the solution, estimated over all variables, which only grows.

    Args:
      learning_rate: multiplies the estimate; a schedule of the number of updates, as a rule, that starts at 1.
      betas: of the averages of the gradients and of their squares. beta3: of the estimate; None: √β2.
      eps: added to roots, times the estimate. estim_lr0: the first estimate. estim_lr_coef: multiplies estimates. weight_decay: λ.
      safeguard_warmup: leave the learning rate out of the estimate's denominator.
      mask: which variables decay (all by default). name: name of the training operation and the slots.
      Those that are numbers may be scalar tensors, schedules of the number of updates, or functions.

    Source: Mishchenko, Defazio 2023, https://arxiv.org/abs/2306.06101; optax.contrib.prodigy.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.optimizers.Prodigy(estim_lr0=0.01).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.99 -1.99]
    """

    own: ClassVar[Mapping[str, Any]] = {"distance": np.float64(0.0), "numerator": np.float64(0.0)}
    first_rule = training_modern.prodigy_averages
    last_rule = training_modern.prodigy

    def __init__(
        self,
        learning_rate: Any = 1.0,
        betas: tuple[Any, Any] = (0.9, 0.999),
        beta3: Any = None,
        eps: Any = 1e-8,
        estim_lr0: Any = 1e-6,
        estim_lr_coef: Any = 1.0,
        weight_decay: Any = 0.0,
        safeguard_warmup: bool = False,
        name: str = "Prodigy",
        *,
        mask: Any = None,
    ) -> None:
        if not isinstance(betas, tuple | list) or len(betas) != 2:
            raise ArgumentError(f"betas must be two numbers, got {betas!r}.")
        given = {"learning_rate": learning_rate, "b1": betas[0], "b2": betas[1], "eps": eps, "weight_decay": weight_decay}
        estimate = {"estim_lr0": estim_lr0, "estim_lr_coef": estim_lr_coef}
        super().__init__(name, **given, **estimate, **({} if beta3 is None else {"beta3": beta3}))
        self.decays = mask
        self._safeguards = safeguard_warmup

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the scalars of the averages, and what the estimate needs."""
        distance = select(self._is_first(), h.estim_lr0, self._own("distance").value())
        rate = distance * h.learning_rate * sqrt(1 - power(h.b2, t)) * bias_correction(h.b1, t)
        return vars(h) | {
            "is_first": self._is_first_number(),
            "b3": getattr(h, "beta3", sqrt(h.b2)),
            "distance": distance,
            "total_scale": (distance if self._safeguards else rate) / h.estim_lr0,
            "lr": rate,
            "decay": rate * h.weight_decay,
        }

    def estimate(self, pairs: list[tuple[Tensor, Variable]]) -> Iterable[Any]:
        """Estimate the distance anew from how far the variables have moved along their gradients."""
        s, numerator = self._scalars, self._own("numerator")
        along = total_over(pairs, lambda grad, var: cast(grad, compute_type(var.dtype)) * self._moved(var))
        total = total_over(pairs, lambda grad, var: absolute(self._kept(var, "total").value()))
        weighted = s["b3"] * numerator.value() + s["distance"] / s["estim_lr0"] * s["lr"] * along
        # Without any gradient so far the estimate is 0/0: it stays as it is.
        estimated = select(equal(total, np.float64(0.0)), np.float64(0.0), s["estim_lr_coef"] * weighted / total)
        distance = maximum(s["distance"], estimated)
        s["eps"] = s["eps"] * distance
        return assign(numerator, weighted), assign(self._own("distance"), distance)


@registered("optimizers.DoG", sparse="as dense", init_step=("heuristic", 0.01))
class DoG(GlobalOptimizer):
    """Gradient descent whose rate is the largest distance from the start, over the root of all squared gradients so far.

    Args:
      learning_rate: multiplies the rate. init_step: ("distance", d): the distance counts as d at least; ("heuristic", a): as
        ``a (1 + ‖w‖)``; ("learning_rate", r): the first rate is r. eps: added to the sum of squares. weight_decay: λ, added to the
        gradient as ``λ w``; None: 0. Numbers may be scalar tensors, schedules of the number of updates, or functions.
      mask: which variables decay (all by default). name: name of the training operation and the slots.

    Raises:
      ValueError: for an unknown kind of first step.

    Source: Ivgi, Hinder, Carmon 2023, https://arxiv.org/abs/2302.12022; optax.contrib.dog.

    Example:
      >>> w = tf.Variable([3.0, -4.0])
      >>> step = tf.optimizers.DoG(init_step=("distance", 0.1)).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(3))
      [ 2.94 -3.92]
    """

    own: ClassVar[Mapping[str, Any]] = {"distance": np.float64(0.0), "squares": np.float64(0.0)}
    first_rule = training_modern.remember
    last_rule = training_modern.dog
    ranges: ClassVar[Mapping[str, Range]] = {"init_step_value": POSITIVE}

    def __init__(
        self,
        learning_rate: Any = 1.0,
        init_step: tuple[str, Any] = ("heuristic", 1e-6),
        eps: Any = 1e-8,
        weight_decay: Any = None,
        mask: Any = None,
        name: str = "DoG",
    ) -> None:
        kinds = ("distance", "learning_rate", "heuristic")
        if not isinstance(init_step, tuple | list) or len(init_step) != 2:
            raise ArgumentError(f"init_step must be a pair (kind, number), got {init_step!r}.")
        self._kind = check_choice(init_step[0], "The kind of init_step", kinds)
        decay = 0.0 if weight_decay is None else weight_decay
        super().__init__(name, learning_rate=learning_rate, init_step_value=init_step[1], eps=eps, weight_decay=decay)
        self.decays = mask

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the first rule's scalar, and the hyper-parameters."""
        return vars(h) | {"is_first": self._is_first_number()}

    def estimate(self, pairs: list[tuple[Tensor, Variable]]) -> Iterable[Any]:
        """Compute the rate from the distance and the gradients."""
        s, first = self._scalars, self._is_first()
        farthest, squares = self._own("distance"), self._own("squares")
        least = select(first, self._least_distance(pairs), farthest.value())
        distance = maximum(least, sqrt(total_over(pairs, lambda grad, var: square(self._moved(var)))))
        total = squares.value() + total_over(pairs, self._decayed_square)
        rate = distance / sqrt(total + s["eps"])
        if self._kind == "learning_rate":
            rate = select(first, s["init_step_value"], rate)
        s["lr"] = rate * s["learning_rate"]
        s["decay"] = s["lr"] * s["weight_decay"]
        return assign(farthest, distance), assign(squares, total)

    def _least_distance(self, pairs: list[tuple[Tensor, Variable]]) -> Any:
        if self._kind == "learning_rate":
            return np.float64(0.0)
        norm = sqrt(total_over(pairs, lambda grad, var: square(cast(var.value(), compute_type(var.dtype)))))
        return self._scalars["init_step_value"] * (1 + norm if self._kind == "heuristic" else np.float64(1.0))

    def _decayed_square(self, gradient: Tensor, variable: Variable) -> Tensor:
        dtype = compute_type(variable.dtype)
        decay = cast(self._scalar("weight_decay", variable), dtype)
        squared: Tensor = square(cast(gradient, dtype) + cast(variable.value(), dtype) * decay)
        return squared
