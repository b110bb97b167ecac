"""Adagrad and Adadelta."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from graphopt.graph.variables import Variable
from graphopt.ops import training, training_keras
from graphopt.train.hyper import FRACTION, NON_NEGATIVE, check_number
from graphopt.train.keras.built_in import MODULE, BuiltInOptimizer, Slot
from graphopt.train.keras.hyper_arguments import Hyper
from graphopt.train.keras.serialization import register
from graphopt.train.optimizers.registry import registered


@registered("keras.optimizers.Adagrad", sparse="as dense", learning_rate=0.5)
@register(MODULE)
class Adagrad(BuiltInOptimizer):
    """Adagrad: ``a += g²; w -= lr g / √(a+ε)``. A sparse gradient touches its rows only.

    Args:
      learning_rate, epsilon: numbers, scalar tensors, variables, schedules or callables.
      initial_accumulator_value: what `a` starts from, a number that is not negative. The other arguments are those of `Optimizer`.

    Raises:
      ValueError: for a negative `initial_accumulator_value`, or as `Optimizer`.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.keras.optimizers.Adagrad(0.1).minimize(lambda: tf.reduce_sum(w * w), [w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     _ = session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.901 -1.9  ]

    Source: ``keras/optimizers/adagrad.py``; Duchi, Hazan, Singer 2011, https://jmlr.org/papers/v12/duchi11a.html.
    """

    epsilon = Hyper(NON_NEGATIVE)
    switches: ClassVar[tuple[str, ...]] = ("initial_accumulator_value",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: Any = 0.1,
        epsilon: Any = 1e-7,
        weight_decay: Any = None,
        clipnorm: Any = None,
        clipvalue: Any = None,
        global_clipnorm: Any = None,
        use_ema: bool = False,
        ema_momentum: Any = 0.99,
        ema_overwrite_frequency: int | None = None,
        jit_compile: bool = True,
        name: str | None = "Adagrad",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, jit_compile, **kwargs
        )
        self._build_learning_rate(learning_rate)
        self.initial_accumulator_value = check_number(initial_accumulator_value, "initial_accumulator_value", NON_NEGATIVE)
        self.epsilon = epsilon

    def slot_groups(self) -> Sequence[Sequence[Slot]]:
        """Return the slot: the sum of the squares."""
        return ((Slot("accumulator", self.initial_accumulator_value),),)

    def step_scalars(self) -> dict[str, Any]:
        """Return the rate and ε."""
        return {"rate": self._value("learning_rate"), "epsilon": self._value("epsilon")}

    def update_step(self, gradient: Any, variable: Variable) -> None:
        """Record the update of one variable."""
        self._apply(training_keras.adagrad, gradient, variable, ["accumulator"], by_rows=True)


@registered("keras.optimizers.Adadelta", sparse="as dense", learning_rate=1.0, epsilon=1e-6)
@register(MODULE)
class Adadelta(BuiltInOptimizer):
    """Adadelta: ``a = ρ a + (1-ρ) g²; d = √(x+ε)/√(a+ε) g; w -= lr d; x = ρ x + (1-ρ) d²``.

    Args:
      learning_rate: 1 is the paper's method. rho, epsilon: as it, numbers, scalar tensors, variables, schedules or callables.
      The other arguments are those of `Optimizer`.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.keras.optimizers.Adadelta(1.0).minimize(lambda: tf.reduce_sum(w * w), [w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     _ = session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.999 -1.999]

    Source: ``keras/optimizers/adadelta.py``; Zeiler 2012, https://arxiv.org/abs/1212.5701.
    """

    rho = Hyper(FRACTION)
    epsilon = Hyper(NON_NEGATIVE)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: Any = 0.95,
        epsilon: Any = 1e-7,
        weight_decay: Any = None,
        clipnorm: Any = None,
        clipvalue: Any = None,
        global_clipnorm: Any = None,
        use_ema: bool = False,
        ema_momentum: Any = 0.99,
        ema_overwrite_frequency: int | None = None,
        jit_compile: bool = True,
        name: str | None = "Adadelta",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, jit_compile, **kwargs
        )
        self._build_learning_rate(learning_rate)
        self.rho, self.epsilon = rho, epsilon

    def slot_groups(self) -> Sequence[Sequence[Slot]]:
        """Return the slots: averages of the squares of gradients and of changes."""
        return ((Slot("accumulated_grad"), Slot("accumulated_delta_var")),)

    def step_scalars(self) -> dict[str, Any]:
        """Return the rate, ρ and ε."""
        return {"lr": self._value("learning_rate"), "rho": self._value("rho"), "epsilon": self._value("epsilon")}

    def update_step(self, gradient: Any, variable: Variable) -> None:
        """Record the update of one variable."""
        self._apply(training.adadelta, gradient, variable, ["accumulated_grad", "accumulated_delta_var"])
