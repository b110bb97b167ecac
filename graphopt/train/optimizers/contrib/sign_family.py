"""Optimizers that look at whether a gradient agrees with the sign of its average: AddSign and PowerSign, and decays of that."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from graphopt.dtypes import DType
from graphopt.ops import training_contrib
from graphopt.ops.elementwise import cast, log
from graphopt.ops.update_rule import Rule
from graphopt.train.hyper import DECAY, NON_NEGATIVE, POSITIVE
from graphopt.train.optimizers.contrib.common import check_hypers
from graphopt.train.optimizers.registry import registered
from graphopt.train.optimizers.rule import Hyper, RuleOptimizer, Slot

_RATE = Hyper("lr", "_lr", "_lr_t", "learning_rate", NON_NEGATIVE)
_BETA = Hyper("beta", "_beta", "_beta_t", "beta", DECAY)
_SIGN_DECAY = Hyper("sign_decay", "_sign_decay", "_sign_decay_t", "sign_decay")


class _SignOptimizer(RuleOptimizer):
    """What AddSign and PowerSign have in common."""

    def __init__(self, learning_rate: Any, beta: Any, sign_decay_fn: Any, use_locking: bool, name: str) -> None:
        super().__init__(use_locking, name)
        self._lr = learning_rate
        self._beta = beta
        self._sign_decay_fn = sign_decay_fn
        self._sign_decay = 1.0 if sign_decay_fn is None else sign_decay_fn

    def slots(self) -> tuple[Slot, ...]:
        """Return the one slot: the average of the gradients."""
        return (Slot("m"),)


@registered("contrib.opt.AddSignOptimizer", sparse="as dense", learning_rate=0.02)
class AddSignOptimizer(_SignOptimizer):
    """AddSign: ``m = β m + (1-β) g; w -= lr (α + d sign(g) sign(m)) g``.

    A sparse gradient moves its own rows and decays `m` of all rows, as a dense gradient of zeros there would.

    Args:
      learning_rate, alpha, beta: numbers, scalar tensors, schedules or callables.
      sign_decay_fn: a function of the global step that gives `d`, such as `get_linear_decay_fn` makes; 1 by default.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and the slots.

    Raises:
      ValueError, TypeError: for a hyper-parameter that can't be one; for a decay function without a global step.

    Source: tensorflow/contrib/opt/python/training/addsign.py (r1.15), https://arxiv.org/abs/1709.07417.

    Example:
      >>> w = tf.Variable(1.0)
      >>> step = tf.contrib.opt.AddSignOptimizer(0.1).apply_gradients([(tf.constant(2.0), w)])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(round(float(session.run(w)), 4))
      0.6
    """

    hypers: ClassVar[tuple[Hyper, ...]] = (_RATE, Hyper("alpha", "_alpha", "_alpha_t", "alpha"), _BETA, _SIGN_DECAY)

    def __init__(
        self,
        learning_rate: Any = 0.1,
        alpha: Any = 1.0,
        beta: Any = 0.9,
        sign_decay_fn: Any = None,
        use_locking: bool = False,
        name: str = "AddSignOptimizer",
    ) -> None:
        super().__init__(learning_rate, beta, sign_decay_fn, use_locking, name)
        self._alpha = alpha
        check_hypers(self)

    @property
    def rule(self) -> Rule:
        """The update rule."""
        return training_contrib.add_sign


@registered("contrib.opt.PowerSignOptimizer", sparse="as dense", learning_rate=0.02)
class PowerSignOptimizer(_SignOptimizer):
    """PowerSign: ``m = β m + (1-β) g; w -= lr b^(d sign(g) sign(m)) g``.

    A sparse gradient moves its own rows and decays `m` of all rows, as a dense gradient of zeros there would.

    Args:
      learning_rate, base, beta: numbers, scalar tensors, schedules or callables; `base` is b, above 0.
      sign_decay_fn: a function of the global step that gives `d`, such as `get_linear_decay_fn` makes; 1 by default.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and the slots.

    Raises:
      ValueError, TypeError: for a hyper-parameter that can't be one; for a decay function without a global step.

    Source: tensorflow/contrib/opt/python/training/powersign.py (r1.15), https://arxiv.org/abs/1709.07417.

    Example:
      >>> w = tf.Variable(1.0)
      >>> step = tf.contrib.opt.PowerSignOptimizer(0.1, base=4.0).apply_gradients([(tf.constant(2.0), w)])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(round(float(session.run(w)), 4))
      0.2
    """

    hypers: ClassVar[tuple[Hyper, ...]] = (_RATE, Hyper("base", "_base", "_base_t", "base", POSITIVE), _BETA, _SIGN_DECAY)

    def __init__(
        self,
        learning_rate: Any = 0.1,
        base: Any = math.e,
        beta: Any = 0.9,
        sign_decay_fn: Any = None,
        use_locking: bool = False,
        name: str = "PowerSignOptimizer",
    ) -> None:
        super().__init__(learning_rate, beta, sign_decay_fn, use_locking, name)
        self._base = base
        check_hypers(self)

    @property
    def rule(self) -> Rule:
        """The update rule."""
        return training_contrib.power_sign

    def _prepare(self) -> None:
        super()._prepare()
        self._logbase_t = log(self.hyper.parameters["base"].tensor)

    def _operands(self, dtype: DType) -> dict[str, Any]:
        return super()._operands(dtype) | {"logbase": cast(self._logbase_t, dtype)}
