"""Gradient descent, with and without momentum."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from graphopt.errors import ArgumentError
from graphopt.graph.variables import Variable
from graphopt.ops import training, training_keras
from graphopt.train.hyper import FRACTION
from graphopt.train.keras.built_in import MODULE, BuiltInOptimizer, Slot, check_flag
from graphopt.train.keras.hyper_arguments import Hyper
from graphopt.train.keras.serialization import register
from graphopt.train.optimizers.registry import registered


@registered("keras.optimizers.SGD", sparse="as dense", learning_rate=0.001, momentum=0.9)
@register(MODULE)
class SGD(BuiltInOptimizer):
    """Gradient descent: ``w -= lr g``; with momentum μ: ``m = μ m - lr g; w += m``, with Nesterov's look ahead ``w += μ m - lr g``.

    The rate is part of the momentum's memory, so that a schedule changes later steps only. Without momentum (0 when the updates are
    recorded) a sparse gradient touches its rows only.

    Args:
      learning_rate, momentum: numbers, scalar tensors, variables, schedules or callables; momentum is between 0 and 1.
      nesterov: look ahead. The other arguments are those of `Optimizer`.

    Raises:
      ValueError: for a momentum outside [0, 1], or as `Optimizer`.

    Example:
      >>> w = tf.Variable([1.0, 2.0])
      >>> step = tf.keras.optimizers.SGD(0.5).minimize(lambda: tf.reduce_sum(w * w), [w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     _ = session.run(step)
      ...     print(session.run(w))
      [0. 0.]

    Source: ``keras/optimizers/sgd.py``.
    """

    momentum = Hyper(FRACTION, switches=True)
    switches: ClassVar[tuple[str, ...]] = ("nesterov",)

    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: Any = 0.0,
        nesterov: bool = False,
        weight_decay: Any = None,
        clipnorm: Any = None,
        clipvalue: Any = None,
        global_clipnorm: Any = None,
        use_ema: bool = False,
        ema_momentum: Any = 0.99,
        ema_overwrite_frequency: int | None = None,
        jit_compile: bool = True,
        name: str | None = "SGD",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, jit_compile, **kwargs
        )
        self._build_learning_rate(learning_rate)
        if isinstance(momentum, int | float) and not 0 <= momentum <= 1:
            raise ArgumentError(f"`momentum` must be between [0, 1]. Received: momentum={momentum}")
        self.momentum = momentum
        self.nesterov = check_flag(nesterov, "nesterov")

    def slot_groups(self) -> Sequence[Sequence[Slot]]:
        """Return the slot: what is left of the steps before. It is made without momentum, too, as Keras makes it."""
        return ((Slot("m"),),)

    def step_scalars(self) -> dict[str, Any]:
        """Return the rate, under the names that both rules have for it, and the momentum."""
        rate = self._value("learning_rate")
        return {"alpha": rate} if self._is_off("momentum") else {"rate": rate, "momentum": self._value("momentum")}

    def update_step(self, gradient: Any, variable: Variable) -> None:
        """Record the update of one variable."""
        if self._is_off("momentum"):
            self._apply(training.gradient_descent, gradient, variable, by_rows=True)
        else:
            self._apply(training_keras.momentum, gradient, variable, ["m"], nesterov=self.nesterov)
