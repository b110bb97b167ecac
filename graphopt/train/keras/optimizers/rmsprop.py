"""RMSprop."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from graphopt.graph.variables import Variable
from graphopt.ops import training_keras
from graphopt.train.hyper import FRACTION, NON_NEGATIVE
from graphopt.train.keras.built_in import MODULE, BuiltInOptimizer, Slot, check_flag
from graphopt.train.keras.hyper_arguments import Hyper
from graphopt.train.keras.serialization import register
from graphopt.train.optimizers.registry import registered


@registered("keras.optimizers.RMSprop", sparse="as dense", learning_rate=0.01)
@register(MODULE)
class RMSprop(BuiltInOptimizer):
    """RMSprop: ``v += (g² - v)(1-ρ); w -= lr g / √(v+ε)``.

    With momentum μ: ``m = μ m + lr g / √(v+ε); w -= m``. Centered, the divisor is ``√(v - a² + ε)`` with `a` the average gradient.

    Args:
      learning_rate, rho, momentum, epsilon: numbers, scalar tensors, variables, schedules or callables. centered: see above.
      ema_overwrite_frequency: 100 by default, unlike that of other optimizers. The other arguments are those of `Optimizer`.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.keras.optimizers.RMSprop(0.1).minimize(lambda: tf.reduce_sum(w * w), [w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     _ = session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.684 -1.684]

    Source: ``keras/optimizers/rmsprop.py``; Tieleman, Hinton 2012; Graves 2013, https://arxiv.org/abs/1308.0850 (centered).
    """

    rho = Hyper(FRACTION)
    momentum = Hyper(FRACTION, switches=True)
    epsilon = Hyper(NON_NEGATIVE)
    switches: ClassVar[tuple[str, ...]] = ("centered",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: Any = 0.9,
        momentum: Any = 0.0,
        epsilon: Any = 1e-7,
        centered: bool = False,
        weight_decay: Any = None,
        clipnorm: Any = None,
        clipvalue: Any = None,
        global_clipnorm: Any = None,
        use_ema: bool = False,
        ema_momentum: Any = 0.99,
        ema_overwrite_frequency: int | None = 100,
        jit_compile: bool = True,
        name: str | None = "RMSprop",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, jit_compile, **kwargs
        )
        self._build_learning_rate(learning_rate)
        self.rho, self.momentum, self.epsilon = rho, momentum, epsilon
        self.centered = check_flag(centered, "centered")

    def slot_groups(self) -> Sequence[Sequence[Slot]]:
        """Return the slots: the average square, and what momentum and centering need."""
        groups = [(Slot("velocity"),)]
        if not self._is_off("momentum"):
            groups.append((Slot("momentum"),))
        if self.centered:
            groups.append((Slot("average_gradient"),))
        return groups

    def step_scalars(self) -> dict[str, Any]:
        """Return the rate and the rest."""
        scalars = {"rate": self._value("learning_rate"), "rest": 1.0 - self._value("rho"), "epsilon": self._value("epsilon")}
        return scalars if self._is_off("momentum") else scalars | {"momentum": self._value("momentum")}

    def update_step(self, gradient: Any, variable: Variable) -> None:
        """Record the update of one variable."""
        rules = {
            (): training_keras.rmsprop,
            ("momentum",): training_keras.rmsprop_momentum,
            ("average_gradient",): training_keras.rmsprop_centered,
            ("average_gradient", "momentum"): training_keras.rmsprop_centered_momentum,
        }
        further = tuple(name for name in ("average_gradient", "momentum") if name in self._slots)
        self._apply(rules[further], gradient, variable, ["velocity", *further])
