"""Adafactor."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from graphopt.errors import ArgumentError
from graphopt.graph.variables import Variable
from graphopt.ops import operators as operators
from graphopt.ops.array import expand_dims_op
from graphopt.ops.elementwise import maximum, minimum, power, rsqrt, sqrt, square
from graphopt.ops.reduce import reduce_mean
from graphopt.train.hyper import NON_NEGATIVE, POSITIVE
from graphopt.train.keras.built_in import MODULE, BuiltInOptimizer, Slot, check_flag, dense_gradient
from graphopt.train.keras.hyper_arguments import Hyper
from graphopt.train.keras.serialization import register
from graphopt.train.optimizers.registry import registered


@registered("keras.optimizers.Adafactor", sparse="as dense", learning_rate=0.1, relative_step=False)
@register(MODULE)
class Adafactor(BuiltInOptimizer):
    """Adafactor: steps relative to the size of the variable, second moments of matrices kept by rows and columns.

    ``ρ = min(lr, 1/√t); b = 1 - t^beta_2_decay; q = g² + ε1``; for a matrix ``r = b r + (1-b) mean(q by row)``, `c` alike by column and
    ``v = r/mean(r) c``; else ``v = b v + (1-b) q``; ``u = g/√v; w -= max(ε2, RMS(w)) ρ u / max(1, RMS(u)/clip_threshold)``.

    Args:
      learning_rate, beta_2_decay, epsilon_1, epsilon_2, clip_threshold: numbers, scalar tensors, variables, schedules or callables.
      relative_step: cap the rate by 1/√t. It is capped in ρ in any case, as in Keras. The other arguments are those of `Optimizer`.

    Raises:
      ValueError: for a variable whose shape is not known.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> step = tf.keras.optimizers.Adafactor(0.1).minimize(lambda: tf.reduce_sum(w * w), [w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     _ = session.run(step)
      ...     print(session.run(w).round(3))
      [ 0.842 -1.842]

    Source: ``keras/optimizers/adafactor.py``; Shazeer, Stern 2018, https://arxiv.org/abs/1804.04235.
    """

    beta_2_decay = Hyper()
    epsilon_1 = Hyper(NON_NEGATIVE)
    epsilon_2 = Hyper(NON_NEGATIVE)
    clip_threshold = Hyper(POSITIVE)
    switches: ClassVar[tuple[str, ...]] = ("relative_step",)

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: Any = -0.8,
        epsilon_1: Any = 1e-30,
        epsilon_2: Any = 1e-3,
        clip_threshold: Any = 1.0,
        relative_step: bool = True,
        weight_decay: Any = None,
        clipnorm: Any = None,
        clipvalue: Any = None,
        global_clipnorm: Any = None,
        use_ema: bool = False,
        ema_momentum: Any = 0.99,
        ema_overwrite_frequency: int | None = None,
        jit_compile: bool = True,
        name: str | None = "Adafactor",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, jit_compile, **kwargs
        )
        self._build_learning_rate(learning_rate)
        self.beta_2_decay, self.clip_threshold = beta_2_decay, clip_threshold
        self.epsilon_1, self.epsilon_2 = epsilon_1, epsilon_2
        self.relative_step = check_flag(relative_step, "relative_step")

    def slot_groups(self) -> Sequence[Sequence[Slot]]:
        """Return one slot for each variable; `_make_slot` knows which a matrix has besides."""
        return ((Slot("v"),),)

    def _make_slot(self, variable: Variable, slot: Slot) -> None:
        if not variable.get_shape().is_fully_defined():
            raise ArgumentError(f"Adafactor needs variables of known shapes, and {variable.name} has {variable.get_shape()}.")
        shape = variable.get_shape().as_list()
        if len(shape) >= 2:
            for name, factor in (("r", shape[:-1]), ("c", shape[:-2] + shape[-1:])):
                self._slots.setdefault(name, {})[variable] = self.add_variable_from_reference(variable, name, shape=factor)
        super()._make_slot(variable, slot)

    def step_scalars(self) -> dict[str, Any]:
        """Return the relative rate, how much of the moments is kept, and the rest."""
        t, rate = self._step_number(), self._value("learning_rate")
        kept = 1.0 - power(t, self._value("beta_2_decay"))
        names = ("epsilon_1", "epsilon_2", "clip_threshold")
        return {"rho": minimum(rate, rsqrt(t)), "kept": kept, "rest": 1.0 - kept} | {name: self._value(name) for name in names}

    def update_step(self, gradient: Any, variable: Variable) -> None:
        """Record the update of one variable."""
        scalar = {name: self.scalar(name, variable.dtype) for name in ("rho", "kept", "rest", "epsilon_2", "clip_threshold")}
        grad = dense_gradient(gradient, variable)
        # In float16 the usual ε1 would be 0, and a gradient of 0 then 0/0.
        least = np.finfo(variable.dtype.np).smallest_subnormal
        squares = square(grad) + maximum(self.scalar("epsilon_1", variable.dtype), least)
        change = grad * rsqrt(self._second_moment(squares, variable, scalar))
        length = maximum(scalar["epsilon_2"], _rms(variable.value())) * scalar["rho"]
        variable.assign_sub(change * (length / maximum(np.ones((), variable.dtype.np), _rms(change) / scalar["clip_threshold"])))

    def _second_moment(self, squares: Any, variable: Variable, scalar: dict[str, Any]) -> Any:
        """Record the new second moment of a variable and return it."""

        def averaged(name: str, new: Any) -> Any:
            slot = self._slots[name][variable]
            return slot.assign(slot.value() * scalar["kept"] + new * scalar["rest"])

        if variable not in self._slots.get("r", {}):
            return averaged("v", squares)
        rows = averaged("r", reduce_mean(squares, axis=-1))
        columns = averaged("c", reduce_mean(squares, axis=-2))
        by_row = rows / reduce_mean(rows, axis=-1, keepdims=True)
        return self._slots["v"][variable].assign(expand_dims_op(by_row, axis=-1) * expand_dims_op(columns, axis=-2))


def _rms(x: Any) -> Any:
    return sqrt(reduce_mean(square(x)))
