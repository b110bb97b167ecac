"""Optimizers that scale each element's step by its past gradients: Adagrad and its relatives, Adadelta, RMSProp."""

from __future__ import annotations

from typing import Any, ClassVar

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError
from graphopt.graph.graph import convert_to_tensor
from graphopt.ops import training
from graphopt.ops.elementwise import add, cast
from graphopt.ops.update_rule import Rule
from graphopt.train.hyper import NON_NEGATIVE, check_learning_rate
from graphopt.train.optimizers.registry import registered
from graphopt.train.optimizers.rule import Hyper, RuleOptimizer, Slot, check_start

_RATE = Hyper("lr", "_learning_rate", "_learning_rate_tensor", "learning_rate", NON_NEGATIVE)
_L1 = Hyper("l1", "_l1_regularization_strength", "_l1_regularization_strength_tensor", "l1_regularization_strength")
_L2 = Hyper("l2", "_l2_regularization_strength", "_l2_regularization_strength_tensor", "l2_regularization_strength")


def _check_positive(name: str, value: float) -> None:
    check_start(name, value)
    if not value > 0.0:  # NaN, too
        raise ArgumentError(f"{name} must be positive: {value}")


@registered("train.AdagradOptimizer", sparse="as dense", learning_rate=0.5)
class AdagradOptimizer(RuleOptimizer):
    """Adagrad: ``a += g²; w -= lr g / √a``.

    Args:
      learning_rate: a number, scalar tensor, variable, or function without arguments.
      initial_accumulator_value: what `a` starts from, above 0.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and the slots.

    Raises:
      ValueError: for an initial value that is not positive.

    Source: tensorflow/python/training/adagrad.py (r1.15), http://www.jmlr.org/papers/volume12/duchi11a/duchi11a.pdf.

    Example:
      >>> w = tf.Variable(1.0)
      >>> step = tf.train.AdagradOptimizer(0.5, initial_accumulator_value=9.0).apply_gradients([(tf.constant(4.0), w)])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(round(float(session.run(w)), 4))
      0.6
    """

    hypers: ClassVar[tuple[Hyper, ...]] = (_RATE,)

    def __init__(
        self, learning_rate: Any, initial_accumulator_value: float = 0.1, use_locking: bool = False, name: str = "Adagrad"
    ) -> None:
        _check_positive("initial_accumulator_value", initial_accumulator_value)
        super().__init__(use_locking, name)
        self._learning_rate = check_learning_rate(learning_rate)
        self._initial_accumulator_value = initial_accumulator_value

    @property
    def rule(self) -> Rule:
        """The update rule."""
        return training.adagrad

    def slots(self) -> tuple[Slot, ...]:
        """Return the one slot: the sum of squared gradients."""
        return (Slot("accumulator", self._initial_accumulator_value),)

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The hyper-parameters as they were given, by name."""
        return super().hyper_parameters | {"initial_accumulator_value": self._initial_accumulator_value}


@registered("train.ProximalAdagradOptimizer", sparse="only rows", learning_rate=0.5)
class ProximalAdagradOptimizer(AdagradOptimizer):
    """Adagrad with a proximal step: ``a += g²; η = lr/√a; q = w - η g; w = sign(q) max(|q| - η l1, 0) / (1 + η l2)``.

    Args:
      learning_rate: a number or scalar tensor. initial_accumulator_value: what `a` starts from, above 0.
      l1_regularization_strength, l2_regularization_strength: numbers from 0 on.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and the slots.

    Raises:
      ValueError: for an initial value that is not positive.

    Source: tensorflow/python/training/proximal_adagrad.py (r1.15), http://papers.nips.cc/paper/3793.

    Example:
      >>> opt = tf.train.ProximalAdagradOptimizer(0.1, l1_regularization_strength=0.01)
      >>> opt.get_name()
      'ProximalAdagrad'
    """

    hypers: ClassVar[tuple[Hyper, ...]] = (_RATE, _L1, _L2)

    def __init__(
        self,
        learning_rate: Any,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: Any = 0.0,
        l2_regularization_strength: Any = 0.0,
        use_locking: bool = False,
        name: str = "ProximalAdagrad",
    ) -> None:
        super().__init__(learning_rate, initial_accumulator_value, use_locking, name)
        self._l1_regularization_strength = l1_regularization_strength
        self._l2_regularization_strength = l2_regularization_strength

    @property
    def rule(self) -> Rule:
        """The update rule."""
        return training.proximal_adagrad


@registered("train.AdagradDAOptimizer", sparse="only rows", learning_rate=0.5)
class AdagradDAOptimizer(RuleOptimizer):
    """Adagrad with dual averaging: ``G += g; Q += g²; w = -lr sign(G) max(|G| - l1 T, 0) / (l2 T lr + √Q)``, T = global step + 1.

    The old value of the variable does not enter.

    Args:
      learning_rate: a number or scalar tensor. global_step: the variable that counts the steps.
      initial_gradient_squared_accumulator_value: what `Q` starts from, above 0.
      l1_regularization_strength, l2_regularization_strength: numbers from 0 on.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and the slots.

    Raises:
      ValueError: for an initial value that is not positive.

    Source: tensorflow/python/training/adagrad_da.py (r1.15), http://www.jmlr.org/papers/volume12/duchi11a/duchi11a.pdf.

    Example:
      >>> opt = tf.train.AdagradDAOptimizer(0.1, tf.train.get_or_create_global_step())
      >>> opt.get_name()
      'AdagradDA'
    """

    hypers: ClassVar[tuple[Hyper, ...]] = (_RATE, _L1, _L2)

    def __init__(
        self,
        learning_rate: Any,
        global_step: Any,
        initial_gradient_squared_accumulator_value: float = 0.1,
        l1_regularization_strength: Any = 0.0,
        l2_regularization_strength: Any = 0.0,
        use_locking: bool = False,
        name: str = "AdagradDA",
    ) -> None:
        _check_positive("initial_gradient_squared_accumulator_value", initial_gradient_squared_accumulator_value)
        super().__init__(use_locking, name)
        self._learning_rate = check_learning_rate(learning_rate)
        self._global_step = global_step
        self._initial_gradient_squared_accumulator_value = initial_gradient_squared_accumulator_value
        self._l1_regularization_strength = l1_regularization_strength
        self._l2_regularization_strength = l2_regularization_strength

    @property
    def rule(self) -> Rule:
        """The update rule."""
        return training.adagrad_da

    def slots(self) -> tuple[Slot, ...]:
        """Return the slots: the sum of gradients and that of their squares."""
        return (
            Slot("gradient_accumulator"),
            Slot("gradient_squared_accumulator", self._initial_gradient_squared_accumulator_value),
        )

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The hyper-parameters as they were given, by name."""
        start = self._initial_gradient_squared_accumulator_value
        return super().hyper_parameters | {"initial_gradient_squared_accumulator_value": start}

    def _prepare(self) -> None:
        super()._prepare()
        self._next_step = add(cast(convert_to_tensor(self._global_step), dtypes.int64), 1)

    def _operands(self, dtype: DType) -> dict[str, Any]:
        return super()._operands(dtype) | {"global_step": self._next_step}


@registered("train.AdadeltaOptimizer", sparse="only rows", learning_rate=1.0, epsilon=1e-3)
class AdadeltaOptimizer(RuleOptimizer):
    """Adadelta: ``a = ρ a + (1-ρ) g²; u = √(x+ε) / √(a+ε) g; w -= lr u; x = ρ x + (1-ρ) u²``.

    Args:
      learning_rate, rho, epsilon: numbers, scalar tensors, variables, or functions without arguments. The paper's rate is 1.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and the slots.

    Source: tensorflow/python/training/adadelta.py (r1.15), http://arxiv.org/abs/1212.5701.

    Example:
      >>> opt = tf.train.AdadeltaOptimizer(1.0)
      >>> opt.hyper_parameters
      {'learning_rate': 1.0, 'rho': 0.95, 'epsilon': 1e-08}
    """

    hypers: ClassVar[tuple[Hyper, ...]] = (
        Hyper("lr", "_lr", "_lr_t", "learning_rate", NON_NEGATIVE),
        Hyper("rho", "_rho", "_rho_t", "rho"),
        Hyper("epsilon", "_epsilon", "_epsilon_t", "epsilon"),
    )

    def __init__(
        self, learning_rate: Any = 0.001, rho: Any = 0.95, epsilon: Any = 1e-8, use_locking: bool = False, name: str = "Adadelta"
    ) -> None:
        super().__init__(use_locking, name)
        self._lr = check_learning_rate(learning_rate)
        self._rho = rho
        self._epsilon = epsilon

    @property
    def rule(self) -> Rule:
        """The update rule."""
        return training.adadelta

    def slots(self) -> tuple[Slot, ...]:
        """Return the slots: averages of squared gradients and of squared changes."""
        return Slot("accum"), Slot("accum_update")


@registered("train.RMSPropOptimizer", sparse="only rows", learning_rate=0.01)
class RMSPropOptimizer(RuleOptimizer):
    """RMSProp: ``s += (g² - s)(1-ρ); m = μ m + lr g / √(s + ε); w -= m``; centred: ``√(s - b² + ε)`` with ``b += (g - b)(1-ρ)``.

    Args:
      learning_rate, decay (ρ), momentum (μ), epsilon: numbers, scalar tensors, variables, or functions without arguments.
      use_locking: accepted for TensorFlow's sake.
      centered: estimate the gradients' variance in place of their mean square.
      name: name of the training operation and the slots.

    `s` starts from 1, and ε stands under the root, as in TensorFlow.

    Source: tensorflow/python/training/rmsprop.py (r1.15),
    http://www.cs.toronto.edu/~tijmen/csc321/slides/lecture_slides_lec6.pdf.

    Example:
      >>> opt = tf.train.RMSPropOptimizer(0.01, centered=True)
      >>> w = tf.Variable([1.0])
      >>> step = opt.minimize(tf.reduce_sum(w * w))
      >>> opt.get_slot_names()
      ['mg', 'momentum', 'rms']
    """

    hypers: ClassVar[tuple[Hyper, ...]] = (
        _RATE,
        Hyper("rho", "_decay", "_decay_tensor", "decay"),
        Hyper("momentum", "_momentum", "_momentum_tensor", "momentum"),
        Hyper("epsilon", "_epsilon", "_epsilon_tensor", "epsilon"),
    )

    def __init__(
        self,
        learning_rate: Any,
        decay: Any = 0.9,
        momentum: Any = 0.0,
        epsilon: Any = 1e-10,
        use_locking: bool = False,
        centered: bool = False,
        name: str = "RMSProp",
    ) -> None:
        super().__init__(use_locking, name)
        self._learning_rate = check_learning_rate(learning_rate)
        self._decay = decay
        self._momentum = momentum
        self._epsilon = epsilon
        self._centered = centered

    @property
    def rule(self) -> Rule:
        """The update rule."""
        return training.centered_rmsprop if self._centered else training.rmsprop

    def slots(self) -> tuple[Slot, ...]:
        """Return the slots: the mean square, the mean (centred only), and the momentum."""
        mean = (Slot("mg"),) if self._centered else ()
        return (Slot("rms", 1.0), *mean, Slot("momentum"))

    def slot_order(self) -> list[str]:
        """Return the slots' names in the order of TensorFlow's kernels."""
        return ["mg", "rms", "momentum"] if self._centered else ["rms", "momentum"]

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The hyper-parameters as they were given, by name."""
        return super().hyper_parameters | {"centered": self._centered}
