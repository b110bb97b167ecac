"""RegAdagrad: Adagrad that can leave its accumulator alone for some updates."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any, ClassVar

from graphopt.ops import training, training_contrib
from graphopt.ops.update_rule import Rule
from graphopt.train.hyper import NON_NEGATIVE
from graphopt.train.optimizers.adaptive import AdagradOptimizer
from graphopt.train.optimizers.contrib.common import check_hypers
from graphopt.train.optimizers.registry import registered
from graphopt.train.optimizers.rule import Hyper


@registered("contrib.opt.RegAdagradOptimizer", sparse="as dense", learning_rate=0.5)
class RegAdagradOptimizer(AdagradOptimizer):
    """Adagrad whose accumulator updates of a regularizer's gradient, recorded in `avoid_slot_update`, leave as it is.

    Args:
      learning_rate: a number, scalar tensor, schedule or callable. initial_accumulator_value: what the accumulator starts from, above 0.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and the slots.

    Raises:
      ValueError, TypeError: for a learning rate that can't be one, or an initial value that is not positive.

    Source: tensorflow/contrib/opt/python/training/reg_adagrad_optimizer.py (r1.15).

    Example:
      >>> w = tf.Variable(1.0)
      >>> opt = tf.contrib.opt.RegAdagradOptimizer(0.5, initial_accumulator_value=1.0)
      >>> with opt.avoid_slot_update():
      ...     step = opt.apply_gradients([(tf.constant(1.0), w)])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run([w, opt.get_slot(w, "accumulator")]))
      [np.float32(0.5), np.float32(1.0)]
    """

    hypers: ClassVar[tuple[Hyper, ...]] = (Hyper("lr", "_learning_rate", "_learning_rate_tensor", "learning_rate", NON_NEGATIVE),)

    def __init__(
        self, learning_rate: Any, initial_accumulator_value: float = 0.1, use_locking: bool = False, name: str = "RegAdagrad"
    ) -> None:
        super().__init__(learning_rate, initial_accumulator_value, use_locking, name)
        self._should_update_slots = True
        check_hypers(self)

    @contextlib.contextmanager
    def avoid_slot_update(self) -> Iterator[None]:
        """Make updates recorded inside a ``with`` block leave the accumulator as it is."""
        outer = self._should_update_slots
        self._should_update_slots = False
        try:
            yield
        finally:
            self._should_update_slots = outer

    @property
    def rule(self) -> Rule:
        """The update rule, as it stands at this place of the program."""
        return training.adagrad if self._should_update_slots else training_contrib.still_adagrad
