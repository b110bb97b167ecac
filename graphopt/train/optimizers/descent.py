"""Gradient descent, with momentum, and with a proximal step."""

from __future__ import annotations

from typing import Any, ClassVar

from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.variables import Variable
from graphopt.ops import training
from graphopt.ops.elementwise import multiply
from graphopt.ops.update_rule import Rule
from graphopt.train.hyper import NON_NEGATIVE, check_learning_rate
from graphopt.train.optimizers.registry import registered
from graphopt.train.optimizers.rule import Hyper, RuleOptimizer, Slot


@registered("train.GradientDescentOptimizer", sparse="as dense", learning_rate=0.05)
class GradientDescentOptimizer(RuleOptimizer):
    """Gradient descent: ``w -= lr g``.

    Args:
      learning_rate: a number, scalar tensor, variable, or function without arguments that gives one.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation.

    Source: tensorflow/python/training/gradient_descent.py (r1.15).

    Example:
      >>> w = tf.Variable([1.0, 2.0])
      >>> step = tf.train.GradientDescentOptimizer(0.5).minimize(tf.reduce_sum(w * w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w))
      [0. 0.]
    """

    hypers: ClassVar[tuple[Hyper, ...]] = (Hyper("alpha", "_learning_rate", "_learning_rate_tensor", "learning_rate", NON_NEGATIVE),)

    def __init__(self, learning_rate: Any, use_locking: bool = False, name: str = "GradientDescent") -> None:
        super().__init__(use_locking, name)
        self._learning_rate = check_learning_rate(learning_rate)

    @property
    def rule(self) -> Rule:
        """The update rule."""
        return training.gradient_descent

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Variable) -> Any:
        # Repeated rows may be subtracted one by one.
        rate = self._hyper(self.hypers[0], var.dtype)
        return var.scatter_sub(grad.with_values(multiply(grad.values, rate)))

    def _resource_apply_sparse(self, grad: Any, handle: Variable, indices: Any) -> Any:
        return self._apply_sparse_duplicate_indices(IndexedSlices(grad, indices), handle)


@registered("train.MomentumOptimizer", sparse="only rows", learning_rate=0.05, momentum=0.5)
class MomentumOptimizer(RuleOptimizer):
    """Gradient descent with momentum: ``a = μ a + g; w -= lr a``, or with Nesterov's look ahead ``w -= lr g + lr μ a``.

    Args:
      learning_rate, momentum: numbers, scalar tensors, variables, or functions without arguments.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and the slots.
      use_nesterov: look ahead, as in http://jmlr.org/proceedings/papers/v28/sutskever13.pdf (in TensorFlow's form, which keeps the
        variable at the looked-ahead place).

    Source: tensorflow/python/training/momentum.py (r1.15).

    Example:
      >>> w = tf.Variable(1.0)
      >>> step = tf.train.MomentumOptimizer(0.1, momentum=0.5).minimize(w * w)
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     for _ in range(2):
      ...         session.run(step)
      ...     print(round(float(session.run(w)), 4))
      0.54
    """

    hypers: ClassVar[tuple[Hyper, ...]] = (
        Hyper("lr", "_learning_rate", "_learning_rate_tensor", "learning_rate", NON_NEGATIVE),
        Hyper("momentum", "_momentum", "_momentum_tensor", "momentum"),
    )

    def __init__(
        self, learning_rate: Any, momentum: Any, use_locking: bool = False, name: str = "Momentum", use_nesterov: bool = False
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = check_learning_rate(learning_rate)
        self._momentum = momentum
        self._use_nesterov = use_nesterov

    @property
    def rule(self) -> Rule:
        """The update rule."""
        return training.momentum

    @property
    def rule_attributes(self) -> dict[str, Any]:
        """Which form of momentum."""
        return {"use_nesterov": bool(self._use_nesterov)}

    def slots(self) -> tuple[Slot, ...]:
        """Return the one slot: the accumulated gradient."""
        return (Slot("momentum"),)


@registered("train.ProximalGradientDescentOptimizer", sparse="only rows", learning_rate=0.05)
class ProximalGradientDescentOptimizer(RuleOptimizer):
    """Gradient descent with a proximal step: ``q = w - lr g; w = sign(q) max(|q| - lr l1, 0) / (1 + lr l2)``.

    Args:
      learning_rate: a number or scalar tensor. l1_regularization_strength, l2_regularization_strength: numbers from 0 on.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation.

    Source: tensorflow/python/training/proximal_gradient_descent.py (r1.15), http://papers.nips.cc/paper/3793.

    Example:
      >>> w = tf.Variable([1.0, 0.1])
      >>> opt = tf.train.ProximalGradientDescentOptimizer(0.5, l1_regularization_strength=0.5)
      >>> step = opt.apply_gradients([(tf.constant([0.5, 0.0]), w)])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w))
      [0.5 0. ]
    """

    hypers: ClassVar[tuple[Hyper, ...]] = (
        Hyper("alpha", "_learning_rate", "_learning_rate_tensor", "learning_rate", NON_NEGATIVE),
        Hyper("l1", "_l1_regularization_strength", "_l1_regularization_strength_tensor", "l1_regularization_strength"),
        Hyper("l2", "_l2_regularization_strength", "_l2_regularization_strength_tensor", "l2_regularization_strength"),
    )

    def __init__(
        self,
        learning_rate: Any,
        l1_regularization_strength: Any = 0.0,
        l2_regularization_strength: Any = 0.0,
        use_locking: bool = False,
        name: str = "ProximalGradientDescent",
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = check_learning_rate(learning_rate)
        self._l1_regularization_strength = l1_regularization_strength
        self._l2_regularization_strength = l2_regularization_strength

    @property
    def rule(self) -> Rule:
        """The update rule."""
        return training.proximal_gradient_descent
