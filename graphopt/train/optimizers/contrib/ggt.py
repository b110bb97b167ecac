"""GGT: full-matrix adaptive regularization from a window of past gradients."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError, ShapeError
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.operation import Tensor
from graphopt.graph.variables import Variable, group, scatter_update
from graphopt.ops.array import concat, reshape
from graphopt.ops.decompositions import self_adjoint_eig_op
from graphopt.ops.elementwise import (
    add,
    cast,
    divide,
    floormod,
    greater,
    is_finite,
    maximum,
    minimum,
    multiply,
    power,
    select,
    sqrt,
    subtract,
    zeros_as,
)
from graphopt.ops.linalg import matmul
from graphopt.ops.reduce import reduce_all, reduce_min
from graphopt.train.hyper import DECAY, NON_NEGATIVE, POSITIVE, Range, check_hyper
from graphopt.train.optimizers.base import Optimizer
from graphopt.train.optimizers.contrib.common import own_hyper

_HYPERS: dict[str, Range] = {
    "learning_rate": NON_NEGATIVE,
    "beta1": DECAY,
    "eps": NON_NEGATIVE,
    "svd_eps": POSITIVE,
    "sigma_eps": NON_NEGATIVE,
}


class GGTOptimizer(Optimizer):
    """GGT: all variables as one vector, its gradients averaged, times the inverse root of the second moments of the last averages.

    ``μ = β1 μ + (1-β1) g``; the last `window` values of μ, divided by the root of their number, are the columns of `M`; with eigenvalues σ²
    and eigenvectors `U` of ``Mᵀ M + svd_eps I`` the step is ``s = M U (σ + sigma_eps)⁻³ Uᵀ Mᵀ μ``, plus, where the smallest σ is more than
    `eps`, what of μ lies outside of `M`, divided by that σ: ``(μ - M U σ⁻² Uᵀ Mᵀ μ) / min σ``. Then ``w -= lr s``.

    All variables must be of one element type and have known shapes; each `apply_gradients` has the same ones. A sparse gradient is made
    dense.

    Args:
      learning_rate, beta1, eps, svd_eps, sigma_eps: numbers, scalar tensors, schedules or callables. window: how many averages are kept.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and of what it keeps.

    Raises:
      ValueError, TypeError: for a hyper-parameter or window that can't be one; for other variables than the first time.

    Source: tensorflow/contrib/opt/python/training/ggt.py (r1.15), https://arxiv.org/abs/1806.02958.

    Example:
      >>> w = tf.Variable([3.0, 4.0])
      >>> step = tf.contrib.opt.GGTOptimizer(0.1, beta1=0.0, svd_eps=1e-9, sigma_eps=0.0).minimize(tf.nn.l2_loss(w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(2))
      [2.94 3.92]
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        use_locking: bool = False,
        name: str = "GGT",
        window: int = 10,
        eps: Any = 1e-4,
        svd_eps: Any = 1e-6,
        sigma_eps: Any = 1e-2,
    ) -> None:
        super().__init__(use_locking, name)
        self._given = dict(zip(_HYPERS, (learning_rate, beta1, eps, svd_eps, sigma_eps), strict=True))
        for word, value in self._given.items():
            check_hyper(value, word, _HYPERS[word])
        if isinstance(window, bool) or not isinstance(window, int) or window < 1:
            raise ArgumentError(f"window of GGTOptimizer must be an integer from 1 on, got {window!r}.")
        self._window = window
        self._gradients: dict[Variable, Any] = {}

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The hyper-parameters as they were given, by name."""
        return {**self._given, "window": self._window}

    def prepare_hyper(self, global_step: Any = None) -> None:
        """Record the hyper-parameters in the default graph, unless they are there.

        Args:
          global_step: what a schedule is called with.
        """
        for name, given in self._given.items():
            own_hyper(self, given, name, _HYPERS[name], step=global_step)

    def _value(self, name: str, dtype: Any) -> Tensor:
        return own_hyper(self, self._given[name], name, _HYPERS[name]).in_type(dtype)

    def _prepare(self) -> None:
        self.prepare_hyper(self._step)
        self._gradients = {}

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        dtype = var_list[0].dtype
        for v in var_list:
            if not v.get_shape().is_fully_defined():
                raise ShapeError(f"GGTOptimizer needs to know the shape of {v.name}: it is {v.get_shape()}.")
            if v.dtype is not dtype:
                raise ArgumentError(f"GGTOptimizer needs variables of one element type: {v.name} is {v.dtype.name}, others {dtype.name}.")
        size = sum(_size(v) for v in var_list)
        kept = self._get_non_slot_variable("moment1", get_default_graph().root)
        if kept is not None and kept.get_shape().as_list() != [size]:
            known = kept.get_shape().as_list()[0]
            raise ArgumentError(
                f"GGTOptimizer keeps gradients of {known} elements in all, got variables of {size}: give the same ones again."
            )
        self._create_non_slot_variable(np.zeros([], np.int64), "ggt_step")
        self._create_non_slot_variable(np.zeros([size], dtype.np), "moment1")
        self._create_non_slot_variable(np.zeros([self._window, size], dtype.np), "grad_buffer")

    def _update(self, gradient: Any, variable: Variable) -> Any:
        # The constraint waits for `_finish`, where the variable is changed.
        self._gradients[variable] = reshape(convert_to_tensor(gradient), [-1])
        return gradient

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        variables = sorted(self._gradients, key=lambda v: v.name)
        step = multiply(
            self._direction(concat([self._gradients[v] for v in variables], 0)), self._value("learning_rate", variables[0].dtype)
        )
        updates, start = [], 0
        for v in variables:
            end = start + _size(v)
            updates.append(v.assign_sub(reshape(step[start:end], v.get_shape().as_list())))
            if v.constraint is not None:
                with get_default_graph().control_dependencies([updates[-1]]):
                    updates.append(v.assign(v.constraint(v)))
            start = end
        return group(*update_ops, *updates, name=name_scope)

    def _direction(self, gradient: Tensor) -> Any:
        """Update what is kept; return the step before it is multiplied by the learning rate, a vector."""
        kept, dtype = self._state_in(get_default_graph()).others, gradient.dtype
        time, moment, buffer = kept["ggt_step"], kept["moment1"], kept["grad_buffer"]
        beta1 = self._value("beta1", dtype)
        latest = moment.assign(add(multiply(moment.read_value(), beta1), multiply(gradient, subtract(1, beta1))))
        count = time.assign_add(1)
        rows = scatter_update(buffer, reshape(floormod(subtract(count, 1), self._window), [1]), reshape(latest, [1, -1]))
        columns = divide(rows, cast(sqrt(cast(minimum(count, self._window), dtypes.float64)), dtype))
        return self._solved(columns, reshape(latest, [-1, 1]))

    def _solved(self, rows: Any, moment: Any) -> Any:
        """Return (M Mᵀ)^(-1/2) μ, where `rows` is Mᵀ and `moment` μ, a column, by way of the small matrix Mᵀ M."""
        dtype = rows.dtype
        small = matmul(rows, rows, transpose_b=True)
        finite = reduce_all(is_finite(small))
        eigenvalues, vectors = self_adjoint_eig_op(select(finite, small, zeros_as(small)))
        # What rounding has made negative counts as 0.
        squares = add(maximum(eigenvalues, zeros_as(eigenvalues)), self._value("svd_eps", dtype))
        sigma = sqrt(squares)
        seen = matmul(vectors, matmul(rows, moment), transpose_a=True)

        def back(factors: Any) -> Any:
            return matmul(rows, matmul(vectors, multiply(reshape(factors, [-1, 1]), seen)), transpose_a=True)

        head = back(divide(1, power(add(sigma, self._value("sigma_eps", dtype)), 3)))
        smallest = reduce_min(sigma)
        tail = divide(subtract(moment, back(divide(1, squares))), smallest)
        whole = select(greater(smallest, self._value("eps", dtype)), add(head, tail), head)
        return reshape(select(finite, whole, add(zeros_as(whole), np.array(np.nan, dtype.np))), [-1])


def _size(variable: Variable) -> int:
    return int(np.prod([size or 0 for size in variable.get_shape().as_list()], dtype=np.int64))
