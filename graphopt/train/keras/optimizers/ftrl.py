"""Follow the regularised leader."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from graphopt.graph.variables import Variable
from graphopt.ops import training
from graphopt.train.hyper import NON_NEGATIVE, Range, check_number
from graphopt.train.keras.built_in import MODULE, BuiltInOptimizer, Slot
from graphopt.train.keras.hyper_arguments import Hyper
from graphopt.train.keras.serialization import register
from graphopt.train.optimizers.registry import registered

_STRENGTH = Range(low=0.0, words="positive or zero")
_POWER = Range(high=0.0, words="negative or zero")
_L1, _L2, _SHRINKAGE = "l1_regularization_strength", "l2_regularization_strength", "l2_shrinkage_regularization_strength"


@registered("keras.optimizers.Ftrl", sparse="only rows", learning_rate=0.5)
@register(MODULE)
class Ftrl(BuiltInOptimizer):
    """FTRL: ``n' = n + g²; z += g + 2 λ w - (n'ᵖ - nᵖ)/lr w; w = (sign(z) l1 - z)/(n'ᵖ/lr + 2 l2 + β/lr)`` where ``|z| > l1``, else 0.

    p is -learning_rate_power, λ the shrinkage. A sparse gradient touches its rows only, so that rows which never had a gradient keep their
    initial weights (Keras sets them to 0).

    Args:
      learning_rate, learning_rate_power, l1_regularization_strength, l2_regularization_strength, l2_shrinkage_regularization_strength,
        beta: numbers, scalar tensors, variables, schedules or callables. The power is negative or 0, the strengths are not negative.
      initial_accumulator_value: what `n` starts from, a number that is not negative. The other arguments are those of `Optimizer`.

    Raises:
      ValueError: for another sign, or as `Optimizer`.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.keras.optimizers.Ftrl(0.1).minimize(lambda: tf.reduce_sum(w * w), [w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     _ = session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.745 -1.743]

    Source: ``keras/optimizers/ftrl.py``; McMahan et al. 2013, https://research.google.com/pubs/archive/41159.pdf.
    """

    learning_rate_power = Hyper(_POWER)
    l1_regularization_strength = Hyper(_STRENGTH)
    l2_regularization_strength = Hyper(_STRENGTH)
    l2_shrinkage_regularization_strength = Hyper(_STRENGTH)
    beta = Hyper(NON_NEGATIVE)
    switches: ClassVar[tuple[str, ...]] = ("initial_accumulator_value",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: Any = -0.5,
        initial_accumulator_value: Any = 0.1,
        l1_regularization_strength: Any = 0.0,
        l2_regularization_strength: Any = 0.0,
        l2_shrinkage_regularization_strength: Any = 0.0,
        beta: Any = 0.0,
        weight_decay: Any = None,
        clipnorm: Any = None,
        clipvalue: Any = None,
        global_clipnorm: Any = None,
        use_ema: bool = False,
        ema_momentum: Any = 0.99,
        ema_overwrite_frequency: int | None = None,
        jit_compile: bool = True,
        name: str | None = "Ftrl",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, jit_compile, **kwargs
        )
        self._build_learning_rate(learning_rate)
        self.initial_accumulator_value = check_number(initial_accumulator_value, "initial_accumulator_value", _STRENGTH)
        self.learning_rate_power, self.beta = learning_rate_power, beta
        self.l1_regularization_strength, self.l2_regularization_strength = l1_regularization_strength, l2_regularization_strength
        self.l2_shrinkage_regularization_strength = l2_shrinkage_regularization_strength

    def slot_groups(self) -> Sequence[Sequence[Slot]]:
        """Return the slots: the sum of the squares and the linear term."""
        return ((Slot("accumulator", self.initial_accumulator_value), Slot("linear")),)

    def step_scalars(self) -> dict[str, Any]:
        """Return the rate and the strengths; β joins l2."""
        rate = self._value("learning_rate")
        return {
            "lr": rate,
            "l1": self._value(_L1),
            "l2": self._value(_L2) + self._value("beta") / (rate * 2.0),
            "l2_shrinkage": self._value(_SHRINKAGE),
            "lr_power": self._value("learning_rate_power"),
        }

    def update_step(self, gradient: Any, variable: Variable) -> None:
        """Record the update of one variable."""
        self._apply(training.ftrl_shrinkage, gradient, variable, ["accumulator", "linear"], by_rows=True)
