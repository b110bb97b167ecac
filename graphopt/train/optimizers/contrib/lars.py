"""LARS: momentum whose rate is scaled, variable by variable, by the ratio of the norms of weights and gradient."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import numpy as np

from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.operation import Tensor
from graphopt.graph.variables import Variable
from graphopt.ops import training, training_contrib
from graphopt.ops.elementwise import multiply
from graphopt.ops.update_rule import Rule
from graphopt.train.hyper import NON_NEGATIVE
from graphopt.train.optimizers.contrib.common import check_hypers
from graphopt.train.optimizers.registry import registered
from graphopt.train.optimizers.rule import Hyper, RuleOptimizer, Slot


@registered("contrib.opt.LARSOptimizer", sparse="only rows", learning_rate=1.0, momentum=0.5, weight_decay=0.0, eeta=0.05, epsilon=1.0)
class LARSOptimizer(RuleOptimizer):
    """LARS: ``r = η ‖w‖ / (‖g‖ + λ ‖w‖ + ε); s = lr r (g + λ w); a = μ a + s; w -= a`` (with Nesterov's look ahead ``w -= s + μ a``).

    The trust ratio `r` is 1 where one of the norms is 0. A sparse gradient falls back on momentum, without ratio and weight decay. Half
    precision norms are taken in float32.

    Args:
      learning_rate, momentum, weight_decay, eeta, epsilon: lr, μ, λ, η, ε: numbers from 0 on, scalar tensors, schedules or callables.
      name: name of the training operation and the slots.
      skip_list: variables whose name contains one of these words get momentum alone, without ratio and weight decay.
      use_nesterov: look ahead.

    Raises:
      ValueError, TypeError: for a hyper-parameter that can't be one, or a skip list that is no list of words.

    Source: tensorflow/contrib/opt/python/training/lars_optimizer.py (r1.15), https://arxiv.org/abs/1708.03888.

    Example:
      >>> w = tf.Variable([3.0, 4.0])
      >>> opt = tf.contrib.opt.LARSOptimizer(1.0, momentum=0.0, weight_decay=0.0, eeta=0.5)
      >>> step = opt.apply_gradients([(tf.constant([0.0, 2.0]), w)])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w))
      [3.  1.5]
    """

    hypers: ClassVar[tuple[Hyper, ...]] = (
        Hyper("lr", "_learning_rate", "_learning_rate_tensor", "learning_rate", NON_NEGATIVE),
        Hyper("momentum", "_momentum", "_momentum_tensor", "momentum", NON_NEGATIVE),
        Hyper("weight_decay", "_weight_decay", "_weight_decay_tensor", "weight_decay", NON_NEGATIVE),
        Hyper("eeta", "_eeta", "_eeta_tensor", "eeta", NON_NEGATIVE),
        Hyper("epsilon", "_epsilon", "_epsilon_tensor", "epsilon", NON_NEGATIVE),
    )

    def __init__(
        self,
        learning_rate: Any,
        momentum: Any = 0.9,
        weight_decay: Any = 0.0001,
        eeta: Any = 0.001,
        epsilon: Any = 0.0,
        name: str = "LARSOptimizer",
        skip_list: Iterable[str] | None = None,
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(False, name)
        # TensorFlow's own words.
        for word, value in (("momentum", momentum), ("weight_decay", weight_decay)):
            if isinstance(value, int | float) and value < 0.0:
                raise ArgumentError(f"{word} should be positive: {value}")
        self._learning_rate = learning_rate
        self._momentum = momentum
        self._weight_decay = weight_decay
        self._eeta = eeta
        self._epsilon = epsilon
        self._skip_list = _words(skip_list)
        self._use_nesterov = use_nesterov
        check_hypers(self)

    @property
    def rule(self) -> Rule:
        """The update rule."""
        return training_contrib.lars

    @property
    def rule_attributes(self) -> dict[str, Any]:
        """Which form of momentum."""
        return {"use_nesterov": bool(self._use_nesterov)}

    def slots(self) -> tuple[Slot, ...]:
        """Return the one slot: the accumulated step."""
        return (Slot("momentum"),)

    def _apply_dense(self, grad: Tensor, var: Variable) -> Any:
        if not any(word in var.name for word in self._skip_list):
            return super()._apply_dense(grad, var)
        scaled = multiply(grad, self._hyper(self.hypers[0], var.dtype))
        return self._record(training.momentum.dense, var, {"grad": scaled, "lr": np.array(1, var.dtype.np)})


def _words(skip_list: Iterable[str] | None) -> tuple[str, ...]:
    words = () if skip_list is None else tuple(skip_list)
    if isinstance(skip_list, str) or not all(isinstance(word, str) for word in words):
        raise ArgumentTypeError(f"skip_list must be a list of parts of variables' names, got {skip_list!r}.")
    return words
