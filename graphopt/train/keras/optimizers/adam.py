"""Adam and its relatives: AdamW, Adamax, Nadam."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError
from graphopt.graph.variables import Variable
from graphopt.ops import training_keras
from graphopt.ops.elementwise import power, sqrt
from graphopt.train.hyper import DECAY, FRACTION, NON_NEGATIVE
from graphopt.train.keras.built_in import MODULE, BuiltInOptimizer, Slot, check_flag
from graphopt.train.keras.hyper_arguments import Hyper
from graphopt.train.keras.serialization import register
from graphopt.train.optimizers.registry import registered


class MomentsOptimizer(BuiltInOptimizer):
    """What all of the family have: averages of gradients and of their squares, or their largest."""

    beta_1 = Hyper(DECAY)
    beta_2 = Hyper(DECAY)
    epsilon = Hyper(NON_NEGATIVE)

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
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, jit_compile, **kwargs
        )
        self._build_learning_rate(learning_rate)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon


@registered("keras.optimizers.Adam", sparse="as dense", learning_rate=0.1)
@register(MODULE)
class Adam(MomentsOptimizer):
    """Adam: ``m += (g - m)(1-β1); v += (g² - v)(1-β2); w -= lr √(1-β2ᵗ)/(1-β1ᵗ) m / (√v + ε)``.

    ε is the paper's "epsilon hat", which bias correction does not scale; `adaptive_epsilon` scales it, as the paper's algorithm 1 does.

    Args:
      learning_rate, beta_1, beta_2, epsilon: numbers, scalar tensors, variables, schedules or callables.
      amsgrad: divide by the largest v so far. adaptive_epsilon: see above. The other arguments are those of `Optimizer`.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.keras.optimizers.Adam(0.1).minimize(lambda: tf.reduce_sum(w * w), [w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     _ = session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.9 -1.9]

    Source: ``keras/optimizers/adam.py``; Kingma, Ba 2015, https://arxiv.org/abs/1412.6980; Reddi et al. 2018 (amsgrad).
    """

    switches: ClassVar[tuple[str, ...]] = ("amsgrad", "adaptive_epsilon")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: Any = 1e-7,
        amsgrad: bool = False,
        weight_decay: Any = None,
        clipnorm: Any = None,
        clipvalue: Any = None,
        global_clipnorm: Any = None,
        use_ema: bool = False,
        ema_momentum: Any = 0.99,
        ema_overwrite_frequency: int | None = None,
        jit_compile: bool = True,
        name: str | None = "Adam",
        adaptive_epsilon: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, weight_decay, clipnorm, clipvalue, global_clipnorm,
            use_ema, ema_momentum, ema_overwrite_frequency, jit_compile, name, **kwargs,
        )  # fmt: skip
        self.amsgrad = check_flag(amsgrad, "amsgrad")
        self.adaptive_epsilon = check_flag(adaptive_epsilon, "adaptive_epsilon")

    def slot_groups(self) -> Sequence[Sequence[Slot]]:
        """Return the slots: averages of the gradients and their squares, and for amsgrad the largest of the latter."""
        moments = (Slot("m"), Slot("v"))
        return (moments, (Slot("vhat"),)) if self.amsgrad else (moments,)

    def step_scalars(self) -> dict[str, Any]:
        """Return the rate with its bias correction, and the rest."""
        t, beta_1, beta_2 = self._step_number(), self._value("beta_1"), self._value("beta_2")
        root = sqrt(1.0 - power(beta_2, t))
        epsilon = self._value("epsilon")
        return {
            "rate": self._value("learning_rate") * root / (1.0 - power(beta_1, t)),
            "rest_1": 1.0 - beta_1,
            "rest_2": 1.0 - beta_2,
            "epsilon": epsilon * root if self.adaptive_epsilon else epsilon,
        }

    def update_step(self, gradient: Any, variable: Variable) -> None:
        """Record the update of one variable."""
        if self.amsgrad:
            self._apply(training_keras.amsgrad, gradient, variable, ["m", "v", "vhat"])
        else:
            self._apply(training_keras.adam, gradient, variable, ["m", "v"])


@registered("keras.optimizers.AdamW", sparse="as dense", learning_rate=0.1)
@register(MODULE)
class AdamW(Adam):
    """Adam with decoupled weight decay: each step first takes ``w weight_decay lr`` from the weights.

    Args:
      weight_decay: how much; it must be given. The other arguments are those of `Adam`.

    Raises:
      ValueError: when `weight_decay` is None.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.keras.optimizers.AdamW(0.1, weight_decay=0.5).minimize(lambda: tf.reduce_sum(w * w), [w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     _ = session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.85 -1.8 ]

    Source: ``keras/optimizers/adamw.py``; Loshchilov, Hutter 2019, https://arxiv.org/abs/1711.05101.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: Any = 0.004,
        beta_1: Any = 0.9,
        beta_2: Any = 0.999,
        epsilon: Any = 1e-7,
        amsgrad: bool = False,
        clipnorm: Any = None,
        clipvalue: Any = None,
        global_clipnorm: Any = None,
        use_ema: bool = False,
        ema_momentum: Any = 0.99,
        ema_overwrite_frequency: int | None = None,
        jit_compile: bool = True,
        name: str | None = "AdamW",
        adaptive_epsilon: bool = False,
        **kwargs: Any,
    ) -> None:
        if weight_decay is None:
            raise ArgumentError("Missing value of `weight_decay` which is required and must be a float value.")
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, amsgrad, weight_decay, clipnorm, clipvalue, global_clipnorm,
            use_ema, ema_momentum, ema_overwrite_frequency, jit_compile, name, adaptive_epsilon, **kwargs,
        )  # fmt: skip


@registered("keras.optimizers.Adamax", sparse="as dense", learning_rate=0.1)
@register(MODULE)
class Adamax(MomentsOptimizer):
    """Adamax, Adam by the largest gradient: ``m += (g - m)(1-β1); u = max(β2 u, |g|); w -= lr/(1-β1ᵗ) m / (u + ε)``.

    Args:
      learning_rate, beta_1, beta_2, epsilon: numbers, scalar tensors, variables, schedules or callables.
      The other arguments are those of `Optimizer`.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.keras.optimizers.Adamax(0.1).minimize(lambda: tf.reduce_sum(w * w), [w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     _ = session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.9 -1.9]

    Source: ``keras/optimizers/adamax.py``; Kingma, Ba 2015, https://arxiv.org/abs/1412.6980, section 7.
    """

    beta_2 = Hyper(FRACTION)

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
        name: str | None = "Adamax",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, weight_decay, clipnorm, clipvalue, global_clipnorm,
            use_ema, ema_momentum, ema_overwrite_frequency, jit_compile, name, **kwargs,
        )  # fmt: skip

    def slot_groups(self) -> Sequence[Sequence[Slot]]:
        """Return the slots: an average of the gradients and the largest absolute value."""
        return ((Slot("m"), Slot("u")),)

    def step_scalars(self) -> dict[str, Any]:
        """Return the rate with its bias correction, and the rest."""
        beta_1 = self._value("beta_1")
        return {
            "rate": self._value("learning_rate") / (1.0 - power(beta_1, self._step_number())),
            "rest_1": 1.0 - beta_1,
            "beta_2": self._value("beta_2"),
            "epsilon": self._value("epsilon"),
        }

    def update_step(self, gradient: Any, variable: Variable) -> None:
        """Record the update of one variable."""
        self._apply(training_keras.adamax, gradient, variable, ["m", "u"])


@registered("keras.optimizers.Nadam", sparse="as dense", learning_rate=0.1)
@register(MODULE)
class Nadam(MomentsOptimizer):
    """Adam with Nesterov's momentum, which grows: ``μₜ = β1 (1 - 0.96ᵗ/2)``, with P the product of all so far.

    ``m̂ = μₜ₊₁ m/(1 - P μₜ₊₁) + (1-μₜ) g/(1-P); w -= lr m̂ / (√(v/(1-β2ᵗ)) + ε)``, with `m` and `v` as in Adam. The product is a variable
    that advances once a step, however many variables there are, and is saved with the others.

    Args:
      learning_rate, beta_1, beta_2, epsilon: numbers, scalar tensors, variables, schedules or callables.
      The other arguments are those of `Optimizer`.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.keras.optimizers.Nadam(0.1).minimize(lambda: tf.reduce_sum(w * w), [w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     _ = session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.894 -1.894]

    Source: ``keras/optimizers/nadam.py``; Dozat 2016, https://openreview.net/forum?id=OM0jvwB8jIp57ZJjtNEZ.
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
        name: str | None = "Nadam",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, weight_decay, clipnorm, clipvalue, global_clipnorm,
            use_ema, ema_momentum, ema_overwrite_frequency, jit_compile, name, **kwargs,
        )  # fmt: skip

    def slot_groups(self) -> Sequence[Sequence[Slot]]:
        """Return the slots: averages of the gradients and their squares."""
        return ((Slot("m"), Slot("v")),)

    def build(self, var_list: Iterable[Variable]) -> None:
        """Make the slots of the variables and the product, once.

        Args:
          var_list: the variables of the model that will be changed.
        """
        if self._built:
            return
        super().build(var_list)
        self._u_product = self.add_variable(None, dtypes.float64, "ones", "u_product")

    def step_scalars(self) -> dict[str, Any]:
        """Return the rates of momentum and gradient, the correction of the spread, and the rest; advance the product."""
        t, rate, beta_1 = self._step_number(), self._value("learning_rate"), self._value("beta_1")
        now, after = [beta_1 * (1.0 - power(np.float64(0.96), when) * 0.5) for when in (t, t + 1.0)]
        product: Any = self._u_product.assign(self._u_product.value() * now)
        beta_2 = self._value("beta_2")
        return {
            "m_rate": rate * after / (1.0 - product * after),
            "g_rate": rate * (1.0 - now) / (1.0 - product),
            "rest_1": 1.0 - beta_1,
            "rest_2": 1.0 - beta_2,
            "correction": 1.0 - power(beta_2, t),
            "epsilon": self._value("epsilon"),
        }

    def update_step(self, gradient: Any, variable: Variable) -> None:
        """Record the update of one variable."""
        self._apply(training_keras.nadam, gradient, variable, ["m", "v"])
