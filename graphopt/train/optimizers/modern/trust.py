"""Optimizers that scale each variable's step by norms, as optax defines them: LAMB, LARS, NovoGrad, Fromage."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from graphopt.graph.variables import Variable
from graphopt.ops import training_norms
from graphopt.ops.elementwise import select, sqrt, square
from graphopt.ops.step_rule import StepRule
from graphopt.train.optimizers.modern.adaptive import adam_scalars
from graphopt.train.optimizers.modern.base import CountingOptimizer, StepSlot
from graphopt.train.optimizers.modern.selection import is_selected
from graphopt.train.optimizers.registry import registered


@registered("optimizers.LAMB", sparse="as dense", learning_rate=0.02)
class LAMB(CountingOptimizer):
    """Adam with a trust ratio for each variable: ``u = m̂ / (√(v̂ + ε_root) + ε) + λ w; w -= lr ‖w‖/‖u‖ u``.

    Args:
      learning_rate, b1, b2, eps, eps_root, weight_decay: numbers, scalar tensors, schedules of the number of updates, or functions.
      mask: which variables decay: a list, a regular expression on the name, or a function of the variable (all by default).
      name: name of the training operation and the slots.

    Source: You et al. 2020, https://arxiv.org/abs/1904.00962; optax.lamb.

    Example:
      >>> w = tf.Variable([3.0, -4.0])
      >>> step = tf.optimizers.LAMB(0.1).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(3))
      [ 2.646 -3.646]
    """

    def __init__(
        self,
        learning_rate: Any,
        b1: Any = 0.9,
        b2: Any = 0.999,
        eps: Any = 1e-6,
        eps_root: Any = 0.0,
        weight_decay: Any = 0.0,
        mask: Any = None,
        name: str = "LAMB",
    ) -> None:
        super().__init__(name, learning_rate=learning_rate, b1=b1, b2=b2, eps=eps, eps_root=eps_root, weight_decay=weight_decay)
        self.decays = mask

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule."""
        return training_norms.lamb

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars."""
        return adam_scalars(h, t, nesterov=False)


@registered("optimizers.LARS", sparse="as dense", learning_rate=1.0, trust_coefficient=0.02)
class LARS(CountingOptimizer):
    """Momentum with a trust ratio for each variable: ``u = g + λ w; a = μ a - lr η ‖w‖/(‖u‖ + ε) u; w += a``.

    Args:
      learning_rate, weight_decay, trust_coefficient, eps, momentum: numbers, scalar tensors, schedules of the number of updates, or
        functions.
      weight_decay_mask, trust_ratio_mask: which variables decay and have a trust ratio: lists, regular expressions on the name, or
        functions of the variable (all by default).
      nesterov: look ahead. name: name of the training operation and the slots.

    Source: You, Gitman, Ginsburg 2017, https://arxiv.org/abs/1708.03888; optax.lars.

    Example:
      >>> w = tf.Variable([3.0, -4.0])
      >>> step = tf.optimizers.LARS(1.0, trust_coefficient=0.1).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(3))
      [ 2.7 -3.6]
    """

    def __init__(
        self,
        learning_rate: Any,
        weight_decay: Any = 0.0,
        weight_decay_mask: Any = True,
        trust_coefficient: Any = 0.001,
        eps: Any = 0.0,
        trust_ratio_mask: Any = True,
        momentum: Any = 0.9,
        nesterov: bool = False,
        name: str = "LARS",
    ) -> None:
        numbers = {"trust_coefficient": trust_coefficient, "eps": eps, "momentum": momentum}
        super().__init__(name, learning_rate=learning_rate, weight_decay=weight_decay, **numbers)
        self.decays = weight_decay_mask
        self._trusts = trust_ratio_mask
        self._nesterov = bool(nesterov)

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule."""
        return training_norms.lars

    def rule_attributes_of(self, var: Variable) -> dict[str, Any]:
        """Return whether to look ahead, and whether the variable has a trust ratio."""
        return {"nesterov": self._nesterov, "trusts": is_selected(self._trusts, var)}

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars."""
        return vars(h) | {"lr": h.learning_rate}


@registered("optimizers.NovoGrad", sparse="as dense", learning_rate=0.05)
class NovoGrad(CountingOptimizer):
    """Momentum on gradients that are divided by their average norm, one number for each variable.

    Args:
      learning_rate, b1, b2, eps, eps_root, weight_decay: numbers, scalar tensors, schedules of the number of updates, or functions.
      name: name of the training operation and the slots.
      mask: which variables decay (all by default).

    Source: Ginsburg et al. 2019, https://arxiv.org/abs/1905.11286; optax.novograd.

    Example:
      >>> w = tf.Variable([3.0, -4.0])
      >>> step = tf.optimizers.NovoGrad(0.1).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(3))
      [ 2.94 -3.92]
    """

    def __init__(
        self,
        learning_rate: Any,
        b1: Any = 0.9,
        b2: Any = 0.25,
        eps: Any = 1e-6,
        eps_root: Any = 0.0,
        weight_decay: Any = 0.0,
        name: str = "NovoGrad",
        *,
        mask: Any = None,
    ) -> None:
        super().__init__(name, learning_rate=learning_rate, b1=b1, b2=b2, eps=eps, eps_root=eps_root, weight_decay=weight_decay)
        self.decays = mask

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule."""
        return training_norms.novograd

    def slots_of(self, var: Variable) -> list[StepSlot]:
        """Return the slots: an average of the gradients, and one number."""
        return [StepSlot("m"), StepSlot("v", shape=())]

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars: the first norm is taken as it is."""
        return vars(h) | {"b2": select(self._is_first(), np.float64(0.0), h.b2), "lr": h.learning_rate}


@registered("optimizers.Fromage", sparse="as dense", learning_rate=0.01)
class Fromage(CountingOptimizer):
    """Steps as long as the rate times the variable's norm: ``w = (w - lr ‖w‖/‖g‖ g) / √(1 + lr²)``.

    Args:
      learning_rate, min_norm: numbers, scalar tensors, schedules of the number of updates, or functions. Norms count as min_norm at
        least.
      name: name of the training operation.

    Source: Bernstein et al. 2020, https://arxiv.org/abs/2002.03432; optax.fromage.

    Example:
      >>> w = tf.Variable([3.0, -4.0])
      >>> step = tf.optimizers.Fromage(0.1).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(3))
      [ 2.687 -3.582]
    """

    def __init__(self, learning_rate: Any, min_norm: Any = 1e-6, name: str = "Fromage") -> None:
        super().__init__(name, learning_rate=learning_rate, min_norm=min_norm)

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule."""
        return training_norms.fromage

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars."""
        return {"min_norm": h.min_norm, "lr": h.learning_rate, "shrink": 1 / sqrt(1 + square(h.learning_rate))}
