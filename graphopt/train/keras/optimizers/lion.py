"""Lion and LAMB: steps whose length does not depend on the size of the gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphopt.graph.variables import Variable
from graphopt.ops import training_keras
from graphopt.ops.elementwise import power
from graphopt.train.hyper import FRACTION, Range
from graphopt.train.keras.built_in import MODULE, BuiltInOptimizer, Slot
from graphopt.train.keras.hyper_arguments import Hyper
from graphopt.train.keras.optimizers.adam import MomentsOptimizer
from graphopt.train.keras.serialization import register
from graphopt.train.optimizers.registry import registered

_WEIGHT = Range(low=0.0, high=1.0, open_low=True, words="more than 0 and at most 1")


@registered("keras.optimizers.Lion", sparse="as dense", learning_rate=0.01)
@register(MODULE)
class Lion(BuiltInOptimizer):
    """Lion: ``w -= lr sign(β1 m + (1-β1) g); m = β2 m + (1-β2) g``. The sign of 0 is 0.

    Args:
      learning_rate: 1e-4 by default, as in Keras 2.15 (Keras 3: 1e-3). beta_1: more than 0 and at most 1. beta_2: between 0 and 1.
        All are numbers, scalar tensors, variables, schedules or callables. The other arguments are those of `Optimizer`.

    Raises:
      ValueError: for numbers outside, or as `Optimizer`.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.keras.optimizers.Lion(0.1).minimize(lambda: tf.reduce_sum(w * w), [w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     _ = session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.9 -1.9]

    Source: ``keras/optimizers/lion.py``; Chen et al. 2023, https://arxiv.org/abs/2302.06675.
    """

    beta_1 = Hyper(_WEIGHT)
    beta_2 = Hyper(FRACTION)

    def __init__(
        self,
        learning_rate: Any = 0.0001,
        beta_1: Any = 0.9,
        beta_2: Any = 0.99,
        weight_decay: Any = None,
        clipnorm: Any = None,
        clipvalue: Any = None,
        global_clipnorm: Any = None,
        use_ema: bool = False,
        ema_momentum: Any = 0.99,
        ema_overwrite_frequency: int | None = None,
        jit_compile: bool = True,
        name: str | None = "Lion",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, jit_compile, **kwargs
        )
        self._build_learning_rate(learning_rate)
        self.beta_1, self.beta_2 = beta_1, beta_2

    def slot_groups(self) -> Sequence[Sequence[Slot]]:
        """Return the slot: an average of the gradients."""
        return ((Slot("m"),),)

    def step_scalars(self) -> dict[str, Any]:
        """Return the rate and the weights of old and new."""
        beta_1, beta_2 = self._value("beta_1"), self._value("beta_2")
        return {"rate": self._value("learning_rate"), "beta_1": beta_1, "rest_1": 1.0 - beta_1, "beta_2": beta_2, "rest_2": 1.0 - beta_2}

    def update_step(self, gradient: Any, variable: Variable) -> None:
        """Record the update of one variable."""
        self._apply(training_keras.lion, gradient, variable, ["m"])


@registered("keras.optimizers.Lamb", sparse="as dense", learning_rate=0.01)
@register(MODULE)
class Lamb(MomentsOptimizer):
    """LAMB: Adam's direction ``d = m̂ / (√v̂ + ε)``, as long as the variable: ``w -= lr ‖w‖/‖d‖ d`` (``w -= lr d`` where a norm is 0).

    Args:
      learning_rate, beta_1, beta_2, epsilon: numbers, scalar tensors, variables, schedules or callables.
      The other arguments are those of `Optimizer`.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.keras.optimizers.Lamb(0.1).minimize(lambda: tf.reduce_sum(w * w), [w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     _ = session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.842 -1.842]

    Source: ``keras/src/optimizers/lamb.py`` of Keras 3; You et al. 2020, https://arxiv.org/abs/1904.00962.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: Any = 1e-7,
        weight_decay: Any = None,
        clipnorm: Any = None,
        clipvalue: Any = None,
        global_clipnorm: Any = None,
        use_ema: bool = False,
        ema_momentum: Any = 0.99,
        ema_overwrite_frequency: int | None = None,
        jit_compile: bool = True,
        name: str | None = "Lamb",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, weight_decay, clipnorm, clipvalue, global_clipnorm,
            use_ema, ema_momentum, ema_overwrite_frequency, jit_compile, name, **kwargs,
        )  # fmt: skip

    def slot_groups(self) -> Sequence[Sequence[Slot]]:
        """Return the slots: averages of the gradients and their squares."""
        return ((Slot("m"), Slot("v")),)

    def step_scalars(self) -> dict[str, Any]:
        """Return the rate, the bias corrections and the rest."""
        t, beta_1, beta_2 = self._step_number(), self._value("beta_1"), self._value("beta_2")
        return {
            "rate": self._value("learning_rate"),
            "correction_1": 1.0 - power(beta_1, t),
            "correction_2": 1.0 - power(beta_2, t),
            "rest_1": 1.0 - beta_1,
            "rest_2": 1.0 - beta_2,
            "epsilon": self._value("epsilon"),
        }

    def update_step(self, gradient: Any, variable: Variable) -> None:
        """Record the update of one variable."""
        self._apply(training_keras.lamb, gradient, variable, ["m", "v"])
