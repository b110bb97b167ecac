"""Muon."""

from __future__ import annotations

import numbers
import re
from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np

from graphopt.errors import ArgumentError
from graphopt.graph.variables import Variable
from graphopt.ops import operators as operators
from graphopt.ops import training_keras
from graphopt.ops.array import shape_of, transpose_op
from graphopt.ops.elementwise import cast, power, sqrt, square
from graphopt.ops.linalg import matmul
from graphopt.ops.reduce import reduce_max, reduce_sum
from graphopt.train.hyper import DECAY, FRACTION, NON_NEGATIVE
from graphopt.train.keras.built_in import MODULE, BuiltInOptimizer, Slot, check_flag, dense_gradient
from graphopt.train.keras.hyper_arguments import Hyper
from graphopt.train.keras.serialization import register
from graphopt.train.optimizers.registry import registered


@registered("keras.optimizers.Muon", sparse="as dense", learning_rate=0.02, weight_decay=None, adam_weight_decay=None)
@register(MODULE)
class Muon(BuiltInOptimizer):
    """Muon: matrices move by their momentum made nearly orthogonal, all other variables by Adam.

    ``m = μ m + g; x = g + μ m`` (``x = m`` without Nesterov's look ahead); `ns_steps` times ``A = x xᵀ; x = a x + (b A + c A²) x``,
    beginning with ``x/‖x‖``; ``w -= lr rms_rate √max(rows, columns) x``.

    Args:
      learning_rate: the rate; of Adam, times `adam_lr_ratio`. momentum, nesterov, ns_steps, muon_a, muon_b, muon_c: see above.
      rms_rate: see above; None: no such factor. adam_beta_1, adam_beta_2, epsilon: Adam's.
      weight_decay, adam_weight_decay: the weight decay of the matrices and of the variables that Adam changes.
      exclude_embeddings: let Adam change matrices with "embedding" in their names.
      exclude_layers: regular expressions; Adam changes matrices in whose names one is found.
      The other arguments are those of `Optimizer`.

    Example:
      >>> w = tf.Variable([[1.0, 2.0], [3.0, 4.0]])
      >>> step = tf.keras.optimizers.Muon(0.5, weight_decay=None).minimize(lambda: tf.reduce_sum(w * [[1.0, 6.0], [7.0, 2.0]]), [w])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     _ = session.run(step)
      ...     print(session.run(w).round(2))
      [[0.99 1.89]
       [2.87 3.97]]

    Source: ``keras/src/optimizers/muon.py`` of Keras 3; Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/.
    """

    adam_beta_1 = Hyper(DECAY)
    adam_beta_2 = Hyper(DECAY)
    adam_weight_decay = Hyper(NON_NEGATIVE, switches=True)
    epsilon = Hyper(NON_NEGATIVE)
    muon_a = Hyper()
    muon_b = Hyper()
    muon_c = Hyper()
    adam_lr_ratio = Hyper(NON_NEGATIVE)
    momentum = Hyper(FRACTION)
    rms_rate = Hyper(NON_NEGATIVE)
    switches: ClassVar[tuple[str, ...]] = ("exclude_layers", "ns_steps", "nesterov", "exclude_embeddings")

    def __init__(
        self,
        learning_rate: Any = 0.001,
        adam_beta_1: Any = 0.9,
        adam_beta_2: Any = 0.999,
        adam_weight_decay: Any = 0.004,
        epsilon: Any = 1e-7,
        weight_decay: Any = 0.004,
        clipnorm: Any = None,
        clipvalue: Any = None,
        global_clipnorm: Any = None,
        use_ema: bool = False,
        ema_momentum: Any = 0.99,
        ema_overwrite_frequency: int | None = None,
        jit_compile: bool = True,
        name: str | None = "Muon",
        exclude_layers: Sequence[str] | None = None,
        exclude_embeddings: bool = True,
        muon_a: Any = 3.4445,
        muon_b: Any = -4.775,
        muon_c: Any = 2.0315,
        adam_lr_ratio: Any = 1.0,
        momentum: Any = 0.95,
        ns_steps: int = 5,
        nesterov: bool = True,
        rms_rate: Any = 0.2,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            name, weight_decay, clipnorm, clipvalue, global_clipnorm, use_ema, ema_momentum, ema_overwrite_frequency, jit_compile, **kwargs
        )
        self._build_learning_rate(learning_rate)
        self.adam_beta_1, self.adam_beta_2, self.epsilon = adam_beta_1, adam_beta_2, epsilon
        self.adam_weight_decay, self.adam_lr_ratio = adam_weight_decay, adam_lr_ratio
        self.muon_a, self.muon_b, self.muon_c = muon_a, muon_b, muon_c
        self.momentum, self.rms_rate = momentum, rms_rate
        self.nesterov = check_flag(nesterov, "nesterov")
        self.exclude_embeddings = check_flag(exclude_embeddings, "exclude_embeddings")
        self.exclude_layers = list(exclude_layers or [])
        self.ns_steps = _checked_count(ns_steps)

    def _by_adam(self, variable: Variable) -> bool:
        """Tell whether Adam changes a variable: no matrix, or one that is excluded."""
        excluded = any(re.search(pattern, variable.name) for pattern in self.exclude_layers)
        embedding = self.exclude_embeddings and "embedding" in variable.name.lower()
        return variable.get_shape().ndims != 2 or excluded or embedding

    def slot_groups(self) -> Sequence[Sequence[Slot]]:
        """Return the slots; `_make_slot` leaves `v` to the variables that Adam changes."""
        return ((Slot("m"), Slot("v")),)

    def _make_slot(self, variable: Variable, slot: Slot) -> None:
        if slot.name == "m" or self._by_adam(variable):
            super()._make_slot(variable, slot)

    def step_scalars(self) -> dict[str, Any]:
        """Return Adam's scalars, and those of the momentum and its orthogonal form."""
        t, rate = self._step_number(), self._value("learning_rate")
        beta_1, beta_2 = self._value("adam_beta_1"), self._value("adam_beta_2")
        root = sqrt(1.0 - power(beta_2, t))
        return {
            "rate": rate * self._value("adam_lr_ratio") * root / (1.0 - power(beta_1, t)),
            "rest_1": 1.0 - beta_1,
            "rest_2": 1.0 - beta_2,
            "muon_rate": rate if self.rms_rate is None else rate * self._value("rms_rate"),
        } | {name: self._value(name) for name in ("epsilon", "momentum", "muon_a", "muon_b", "muon_c")}

    def update_step(self, gradient: Any, variable: Variable) -> None:
        """Record the update of one variable."""
        if self._by_adam(variable):
            self._apply(training_keras.adam, gradient, variable, ["m", "v"])
            return
        momentum, grad = self.scalar("momentum", variable.dtype), dense_gradient(gradient, variable)
        slot = self._slots["m"][variable]
        m = slot.assign(slot.value() * momentum + grad)
        direction = self._orthogonal(grad + m * momentum if self.nesterov else m)
        rate = self.scalar("muon_rate", variable.dtype)
        if self.rms_rate is not None:
            rate = rate * sqrt(cast(reduce_max(shape_of(direction)), variable.dtype))
        variable.assign_sub(direction * rate)

    def _orthogonal(self, x: Any) -> Any:
        """Return a matrix with singular values near 1 in place of its own, by Newton and Schulz's iteration."""
        a, b, c = [self.scalar(name, x.dtype) for name in ("muon_a", "muon_b", "muon_c")]
        rows, columns = x.get_shape().as_list()
        is_tall = rows is not None and columns is not None and rows > columns
        x = transpose_op(x) if is_tall else x
        x = x / (sqrt(reduce_sum(square(x))) + np.array(1e-7, x.dtype.np))
        for _ in range(self.ns_steps):
            product = matmul(x, x, transpose_b=True)
            x = x * a + matmul(product * b + matmul(product, product) * c, x)
        return transpose_op(x) if is_tall else x

    def _decay_weights(self, variables: Sequence[Variable]) -> None:
        by_adam = [variable for variable in variables if self._by_adam(variable)]
        self._decay_by("adam_weight_decay", by_adam)
        self._decay_by("weight_decay", [variable for variable in variables if variable not in by_adam])


def _checked_count(ns_steps: Any) -> int:
    if not isinstance(ns_steps, numbers.Integral) or isinstance(ns_steps, bool) or ns_steps < 1:
        raise ArgumentError(f"ns_steps must be an integer of 1 or more, got {ns_steps!r}.")
    return int(ns_steps)
