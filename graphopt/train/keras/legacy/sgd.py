"""Gradient descent, with momentum or without."""

from __future__ import annotations

from typing import Any

from graphopt.errors import ArgumentError, GraphStateError
from graphopt.graph.operation import Tensor
from graphopt.ops import training, training_legacy
from graphopt.ops.update_rule import Rule
from graphopt.train.keras.legacy.hypers import is_number
from graphopt.train.keras.legacy.rule import RuleOptimizer
from graphopt.train.keras.serialization import register
from graphopt.train.optimizers.registry import registered

MODULE = "keras.optimizers.legacy"


class MomentumSwitch(RuleOptimizer):
    """An optimizer that keeps a slot for its momentum only where there is one."""

    _momentum: bool

    def _set_momentum(self, momentum: Any) -> None:
        if is_number(momentum) and isinstance(momentum, int | float) and not 0 <= momentum <= 1:
            raise ArgumentError(f"`momentum` must be between [0, 1]. Received: momentum={momentum} (of type {type(momentum)}).")
        self._set_hyper("momentum", momentum)
        self._momentum = not is_number(momentum) or float(momentum) > 0

    def _unread(self) -> set[str]:
        return set() if self._momentum else {"momentum"}

    def _check_change(self, name: str, value: Any) -> None:
        if name != "momentum" or self._momentum or (is_number(value) and float(value) == 0):
            return
        if any(state.has_updates for _, state in self._known_states()):
            raise GraphStateError(
                f"momentum can't be set to {value!r}: the updates of {self._name} were recorded without momentum, so there is no slot for "
                "it. Give the constructor a momentum that is not 0, or a variable: that one may be set to 0 and back."
            )
        self._momentum = True


@registered("keras.optimizers.legacy.SGD", sparse="only rows", learning_rate=0.001, momentum=0.9)
@register(MODULE)
class SGD(MomentumSwitch):
    """Gradient descent: ``w -= lr g``; with momentum ``v = μ v - lr g; w += v``, and with Nesterov's look ahead ``w += μ v - lr g``.

    Sparse rows: only they, and their velocity, change.

    Args:
      learning_rate: a number, scalar tensor or variable, a schedule, or a function without arguments that is called at every run.
      momentum: likewise; from 0 to 1. With the number 0 there is no slot. nesterov: whether to look ahead.
      name: scope of what is recorded and of the slots. kwargs: see `Optimizer`.

    Raises:
      TypeError, ValueError: for what these can't be.

    Example:
      >>> opt = tf.keras.optimizers.legacy.SGD(learning_rate=0.1, momentum=0.9)
      >>> w = tf.Variable(1.0)
      >>> step = opt.minimize(lambda: w**2 / 2.0, [w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     print(session.run(step), round(float(session.run(w)), 4))
      1 0.9

    Source: ``tf_keras/optimizers/legacy/gradient_descent.py`` (2.15).
    """

    def __init__(
        self, learning_rate: Any = 0.01, momentum: Any = 0.0, nesterov: bool = False, name: str | None = "SGD", **kwargs: Any
    ) -> None:
        super().__init__(name, **kwargs)
        self._set_hyper("learning_rate", kwargs.get("lr", learning_rate))
        self._set_hyper("decay", self._initial_decay)
        self._set_momentum(momentum)
        self.nesterov = nesterov

    @property
    def _rule(self) -> Rule:
        return training_legacy.momentum if self._momentum else training.gradient_descent

    @property
    def _rule_attributes(self) -> dict[str, Any]:
        return {"use_nesterov": bool(self.nesterov)} if self._momentum else {}

    def _slots_of_rule(self) -> list[str]:
        return ["momentum"] if self._momentum else []

    def _scalars(self) -> dict[str, Tensor]:
        rate = self._rate()
        return {"lr": rate, "alpha": rate, "momentum": self._hyper_tensor("momentum")}

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal optimizer."""
        hypers = {name: self._serialize_hyperparameter(name) for name in ("learning_rate", "decay", "momentum")}
        return {**super().get_config(), **hypers, "nesterov": self.nesterov}
