"""Optimizers that look at signs alone, as optax defines them: Lion, SignSGD, Signum, Rprop."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from graphopt.graph.variables import Variable
from graphopt.ops import training_modern
from graphopt.ops.step_rule import StepRule
from graphopt.train.optimizers.modern.base import CountingOptimizer
from graphopt.train.optimizers.registry import registered


@registered("optimizers.Lion", sparse="as dense", learning_rate=0.01)
class Lion(CountingOptimizer):
    """The sign of a mix of average and gradient: ``w -= lr (sign(β1 m + (1-β1) g) + λ w); m = β2 m + (1-β2) g``.

    Args:
      learning_rate, b1, b2, weight_decay: numbers, scalar tensors, schedules of the number of updates, or functions.
      mask: which variables decay: a list, a regular expression on the name, or a function of the variable (all by default).
      name: name of the training operation and the slots.

    Source: Chen et al. 2023, https://arxiv.org/abs/2302.06675; optax.lion.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.optimizers.Lion(0.1, weight_decay=0.0).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w))
      [ 0.9 -1.9]
    """

    def __init__(
        self, learning_rate: Any, b1: Any = 0.9, b2: Any = 0.99, weight_decay: Any = 1e-3, mask: Any = None, name: str = "Lion"
    ) -> None:
        super().__init__(name, learning_rate=learning_rate, b1=b1, b2=b2, weight_decay=weight_decay)
        self.decays = mask

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule."""
        return training_modern.lion

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars."""
        return vars(h) | {"lr": h.learning_rate, "decay": h.learning_rate * h.weight_decay}


@registered("optimizers.SignSGD", sparse="as dense", learning_rate=0.01)
class SignSGD(CountingOptimizer):
    """Gradient descent with the sign of the gradient: ``w -= lr sign(g)``.

    Args:
      learning_rate: a number, scalar tensor, schedule of the number of updates, or function. name: name of the training operation.

    Source: Bernstein et al. 2018, https://arxiv.org/abs/1802.04434; optax.sign_sgd.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.optimizers.SignSGD(0.5).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w))
      [ 0.5 -1.5]
    """

    def __init__(self, learning_rate: Any, name: str = "SignSGD") -> None:
        super().__init__(name, learning_rate=learning_rate)

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule."""
        return training_modern.sign_descent

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars."""
        return {"lr": h.learning_rate}


@registered("optimizers.Signum", sparse="as dense", learning_rate=0.01)
class Signum(CountingOptimizer):
    """The sign of the gradients' average: ``m = β m + (1-β) g; w -= lr sign(m)``.

    Args:
      learning_rate, beta: numbers, scalar tensors, schedules of the number of updates, or functions.
      name: name of the training operation and the slots.

    Source: Bernstein et al. 2018, https://arxiv.org/abs/1802.04434; optax.signum.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.optimizers.Signum(0.5).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w))
      [ 0.5 -1.5]
    """

    def __init__(self, learning_rate: Any, beta: Any = 0.9, name: str = "Signum") -> None:
        super().__init__(name, learning_rate=learning_rate, beta=beta)

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule."""
        return training_modern.signum

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars."""
        return {"beta": h.beta, "lr": h.learning_rate}


@registered("optimizers.Rprop", sparse="as dense", learning_rate=0.01)
class Rprop(CountingOptimizer):
    """A step size for each element, which grows while the gradient keeps its sign and shrinks when it changes.

    As in optax, a run makes the step that the run before found, so that the first run changes no variable.

    Args:
      learning_rate: the first step size. eta_minus, eta_plus: what step sizes are multiplied by. min_step_size, max_step_size: their
        bounds. All are numbers, scalar tensors, schedules of the number of updates, or functions.
      name: name of the training operation and the slots.

    Source: Riedmiller, Braun 1993, https://doi.org/10.1109/ICNN.1993.298623; optax.rprop.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.optimizers.Rprop(0.5).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     for _ in range(2):
      ...         session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.5 -1.5]
    """

    def __init__(
        self,
        learning_rate: Any,
        eta_minus: Any = 0.5,
        eta_plus: Any = 1.2,
        min_step_size: Any = 1e-6,
        max_step_size: Any = 50.0,
        name: str = "Rprop",
    ) -> None:
        bounds = {"min_step_size": min_step_size, "max_step_size": max_step_size}
        super().__init__(name, learning_rate=learning_rate, eta_minus=eta_minus, eta_plus=eta_plus, **bounds)

    def rule_of(self, var: Variable) -> StepRule:
        """Return the rule."""
        return training_modern.rprop

    def scalars(self, h: SimpleNamespace, t: Any) -> dict[str, Any]:
        """Return the rule's scalars."""
        bounds = {"smallest": h.min_step_size, "largest": h.max_step_size, "is_first": self._is_first_number()}
        return {"lr": h.learning_rate, "eta_minus": h.eta_minus, "eta_plus": h.eta_plus} | bounds
