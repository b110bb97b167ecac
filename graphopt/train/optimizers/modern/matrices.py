"""Optimizers that know rows and columns, as optax defines them: Muon, Adafactor, SM3."""

from __future__ import annotations

import functools
import math
from types import SimpleNamespace
from typing import Any

import numpy as np

from graphopt.errors import ArgumentError
from graphopt.graph.graph import get_default_graph
from graphopt.graph.operation import Tensor
from graphopt.graph.variables import Variable
from graphopt.ops import training_modern, training_norms
from graphopt.ops.array import reshape
from graphopt.ops.elementwise import cast, greater, minimum, power, rsqrt, select, square, zeros_as
from graphopt.ops.reduce import reduce_max
from graphopt.ops.step_rule import StepRule, checked_gradient, compute_type
from graphopt.train.optimizers.modern.base import CountingOptimizer, StepSlot, bias_correction, check_whole_number, direction_scales, write
from graphopt.train.optimizers.modern.selection import is_selected
from graphopt.train.optimizers.registry import registered


def known_shape(var: Variable, what: str) -> tuple[int, ...]:
    """Return a variable's shape; raise ValueError when it isn't fully known."""
    if not var.get_shape().is_fully_defined():
        raise ArgumentError(f"{what} needs variables of known shape, got {var.op.name} of shape {var.get_shape()}.")
    return tuple([int(length or 0) for length in var.get_shape().as_list()])


@registered("optimizers.Muon", sparse="as dense", learning_rate=0.02)
class Muon(CountingOptimizer):
    """Momentum whose direction is made orthogonal, for matrices; `AdamW` for all other variables.

    Args:
      learning_rate, beta, eps, weight_decay: numbers, scalar tensors, schedules of the number of updates, or functions.
      ns_steps: number of Newton-Schulz iterations. weight_decay_mask: which matrices decay (all by default).
      nesterov: look ahead. adaptive: scale by the dual norm of the average.
      adam_b1, adam_b2, adam_eps_root, adam_weight_decay, adam_learning_rate: AdamW's (learning_rate by default).
      consistent_rms: a number: scale by ``consistent_rms √max(rows, columns)``, in place of ``√max(1, columns/rows)``.
      name: name of the training operation and the slots.

    Raises:
      ValueError: for a variable whose shape isn't fully known.

    Source: Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/; optax.contrib.muon.

    Example:
      >>> w = tf.Variable([[3.0, 0.0], [0.0, 4.0]])
      >>> step = tf.optimizers.Muon(1.0, ns_steps=5).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(1))
      [[2.3 0. ]
       [0.  2.9]]
    """

    def __init__(
        self,
        learning_rate: Any,
        ns_steps: int = 5,
        beta: Any = 0.95,
        eps: Any = 1e-8,
        weight_decay: Any = 0.0,
        weight_decay_mask: Any = None,
        *,
        nesterov: bool = True,
        adaptive: bool = False,
        adam_b1: Any = 0.9,
        adam_b2: Any = 0.999,
        adam_eps_root: Any = 0.0,
        adam_weight_decay: Any = 0.0,
        adam_learning_rate: Any = None,
        consistent_rms: Any = None,
        name: str = "Muon",
    ) -> None:
        given = {"learning_rate": learning_rate, "beta": beta, "eps": eps, "weight_decay": weight_decay}
        adam = {"adam_b1": adam_b1, "adam_b2": adam_b2, "adam_eps_root": adam_eps_root, "adam_weight_decay": adam_weight_decay}
        optional = {"adam_learning_rate": adam_learning_rate, "consistent_rms": consistent_rms}
        super().__init__(name, **given, **adam, **{key: value for key, value in optional.items() if value is not None})
        self.decays = lambda var: var.get_shape().ndims != 2 or is_selected(weight_decay_mask, var)
        self._ns_steps = check_whole_number(ns_steps, "ns_steps", 1)
        self._nesterov = nesterov
        self._adaptive = bool(adaptive)

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule: for a matrix, or for another variable."""
        return training_norms.muon if len(known_shape(var, "Muon")) == 2 else training_modern.adamw

    def rule_attributes_of(self, var: Variable) -> dict[str, Any]:
        """Return what the rule for matrices has to know."""
        shape = known_shape(var, "Muon")
        if len(shape) != 2:
            return {}
        return {"steps": self._ns_steps, "adaptive": self._adaptive, "is_tall": shape[0] > shape[1]}

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the scalars of the rule for matrices, and under names with ``adam_`` those of AdamW."""
        self._consistent_rms = getattr(h, "consistent_rms", None)
        rate = getattr(h, "adam_learning_rate", h.learning_rate)
        matrix = direction_scales(h.beta, t, self._nesterov) | {"beta": h.beta, "eps": h.eps, "lr": h.learning_rate}
        adam = direction_scales(h.adam_b1, t, self._nesterov) | {
            "b1": h.adam_b1,
            "b2": h.adam_b2,
            "eps": h.eps,
            "eps_root": h.adam_eps_root,
            "v_scale": bias_correction(h.adam_b2, t),
            "lr": rate,
            "decay": rate * h.adam_weight_decay,
        }
        return matrix | {"decay": h.learning_rate * h.weight_decay} | {f"adam_{key}": value for key, value in adam.items()}

    def _scalar(self, name: str, var: Variable) -> Any:
        shape = known_shape(var, "Muon")
        if len(shape) != 2:
            return self._scalars[f"adam_{name}"]
        if name != "scale":
            return super()._scalar(name, var)
        if self._consistent_rms is not None:
            return self._consistent_rms * np.float64(math.sqrt(max(shape)))
        return np.float64(math.sqrt(max(1.0, shape[1] / shape[0]))) if shape[0] else np.float64(1.0)


@registered("optimizers.Adafactor", sparse="as dense", learning_rate=0.1)
class Adafactor(CountingOptimizer):
    """Adam without momentum whose second moment is kept as averages of rows and columns.

    Args:
      learning_rate: a number, scalar tensor, schedule of the number of updates, or function; None for 1.
      min_dim_size_to_factor: the second moment is factored over the two largest axes where both are at least so long.
      decay_rate: the second moment forgets by ``1 - t^-decay_rate`` in step t. decay_offset: what is subtracted from t.
      multiply_by_parameter_scale: multiply steps by the root mean square of the variable, at least 1e-3.
      clipping_threshold: what the root mean square of a step may be before the rate; None: no limit.
      momentum: averages the steps; None: no average. weight_decay_rate: None, or the decay, which is not multiplied by the rate.
      eps: added to squared gradients. factored: whether to factor at all. weight_decay_mask: which variables decay (all by default).
      name: name of the training operation and the slots.
      Those that are numbers may be scalar tensors, schedules of the number of updates, or functions.

    Raises:
      ValueError: for a variable whose shape isn't fully known.

    Source: Shazeer, Stern 2018, https://arxiv.org/abs/1804.04235; optax.adafactor.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.optimizers.Adafactor(0.1).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.842 -1.842]
    """

    def __init__(
        self,
        learning_rate: Any = None,
        min_dim_size_to_factor: int = 128,
        decay_rate: Any = 0.8,
        decay_offset: Any = 0,
        multiply_by_parameter_scale: bool = True,
        clipping_threshold: Any = 1.0,
        momentum: Any = None,
        weight_decay_rate: Any = None,
        eps: Any = 1e-30,
        factored: bool = True,
        weight_decay_mask: Any = None,
        name: str = "Adafactor",
    ) -> None:
        given = {"decay_rate": decay_rate, "decay_offset": decay_offset, "eps": eps, "learning_rate": learning_rate}
        optional = {"clipping_threshold": clipping_threshold, "momentum": momentum, "weight_decay_rate": weight_decay_rate}
        super().__init__(name, **{key: value for key, value in (given | optional).items() if value is not None})
        self.decays = weight_decay_mask if weight_decay_rate is not None else False
        self._least = check_whole_number(min_dim_size_to_factor, "min_dim_size_to_factor", 1)
        self._by_parameter = bool(multiply_by_parameter_scale)
        self._factored = factored

    def _axes(self, var: Variable) -> tuple[int, int] | None:
        """Return the two longest axes, the longest last; None where the second moment isn't factored."""
        shape = known_shape(var, "Adafactor")
        order = [int(axis) for axis in np.argsort(shape)]
        is_factored = self._factored and len(shape) >= 2 and shape[order[-2]] >= self._least
        return (order[-2], order[-1]) if is_factored else None

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule."""
        return training_norms.adafactor[self._axes(var) is not None, "momentum" in self._given]

    def rule_attributes_of(self, var: Variable) -> dict[str, Any]:
        """Return the factored axes, and which parts of the step there are."""
        options = {"clips": "clipping_threshold" in self._given, "by_parameter": self._by_parameter}
        return {"axes": self._axes(var) or (0, 1), **options}

    def slots_of(self, var: Variable) -> list[StepSlot]:
        """Return the slots: for a factored second moment its rows and columns."""
        axes = self._axes(var)
        momentum = [StepSlot("m")] if "momentum" in self._given else []
        if axes is None:
            return [StepSlot("v"), *momentum]
        shape = known_shape(var, "Adafactor")
        without = [tuple(n for i, n in enumerate(shape) if i != axis) for axis in axes]
        return [StepSlot("v_row", shape=without[1]), StepSlot("v_column", shape=without[0]), *momentum]

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars; those of parts that are left out are not looked at."""
        none = np.float64(0.0)
        return {
            "beta": 1 - power(t - h.decay_offset, -h.decay_rate),
            "eps": h.eps,
            "momentum": getattr(h, "momentum", none),
            "clipping_threshold": getattr(h, "clipping_threshold", none),
            "lr": getattr(h, "learning_rate", np.float64(1.0)),
            "weight_decay": getattr(h, "weight_decay_rate", none),
        }


@registered("optimizers.SM3", sparse="as dense", learning_rate=0.1)
class SM3(CountingOptimizer):
    """Adagrad that keeps one accumulator for each row, column, ... in place of one for each element; with momentum.

    Args:
      learning_rate, momentum: numbers, scalar tensors, schedules of the number of updates, or functions.
      name: name of the training operation and the slots.

    Raises:
      ValueError: for a variable whose shape isn't fully known.

    Source: Anil et al. 2019, https://arxiv.org/abs/1901.11150; optax.sm3.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.optimizers.SM3(0.1).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.99 -1.99]
    """

    def __init__(self, learning_rate: Any, momentum: Any = 0.9, name: str = "SM3") -> None:
        super().__init__(name, learning_rate=learning_rate, momentum=momentum)

    def slots_of(self, var: Variable) -> list[StepSlot]:
        """Return the slots: an accumulator for each axis, and an average of the steps."""
        shape = known_shape(var, "SM3")
        lengths: list[tuple[int, ...]] = [(length,) for length in shape] or [()]
        return [*[StepSlot(f"accumulator_{axis}", shape=own) for axis, own in enumerate(lengths)], StepSlot("m")]

    def _apply_dense(self, grad: Tensor, var: Variable) -> Any:
        # A variable has as many accumulators as axes, so that its update is no single rule.
        dtype, rank = compute_type(var.dtype), len(known_shape(var, "SM3"))
        rate, momentum = [cast(self._scalars[name], dtype) for name in ("learning_rate", "momentum")]
        grad, m = cast(checked_gradient(grad, var.value()), dtype), self._kept(var, "m")
        accumulators = [self._kept(var, f"accumulator_{axis}") for axis in range(max(rank, 1))]
        bounds = [_along(slot, axis, rank) for axis, slot in enumerate(accumulators)]
        total = square(grad) + functools.reduce(minimum, bounds)
        scaled = select(greater(total, zeros_as(total)), grad * rsqrt(total + np.array(1e-8, dtype.np)), zeros_as(grad))
        average = training_modern.average(m.value(), scaled, momentum)
        largest = [
            total if rank < 2 else reduce_max(total, axis=[other for other in range(rank) if other != axis]) for axis in range(len(bounds))
        ]
        new_value = cast(var.value(), dtype) - average * rate
        kept = [write(slot, value) for slot, value in zip([*accumulators, m], [*largest, average], strict=True)]
        with get_default_graph().control_dependencies(kept):
            return write(var, new_value)


def _along(slot: Any, axis: int, rank: int) -> Any:
    """Return an accumulator so shaped that it goes along its axis."""
    if rank < 2:
        return slot.value()
    return reshape(slot.value(), [-1 if other == axis else 1 for other in range(rank)])
