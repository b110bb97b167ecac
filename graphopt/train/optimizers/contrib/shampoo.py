"""Shampoo: gradients multiplied, along each dimension, by a root of the inverse of their second moments there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.autodiff.branches import cond
from graphopt.errors import ArgumentError, ArgumentTypeError, ShapeError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.initializers import Constant, Identity, Zeros
from graphopt.graph.operation import Tensor
from graphopt.graph.variables import Variable
from graphopt.ops.array import reshape, transpose_op
from graphopt.ops.contraction import tensordot
from graphopt.ops.decompositions import self_adjoint_eig_op
from graphopt.ops.elementwise import (
    add,
    cast,
    divide,
    floormod,
    greater,
    is_finite,
    less,
    maximum,
    multiply,
    negative,
    power,
    select,
    zeros_as,
)
from graphopt.ops.linalg import matmul
from graphopt.ops.reduce import reduce_all, reduce_sum
from graphopt.train.hyper import ANY_NUMBER, NON_NEGATIVE, POSITIVE, Range, check_hyper
from graphopt.train.optimizers.base import Optimizer
from graphopt.train.optimizers.contrib.common import own_hyper
from graphopt.train.optimizers.contrib.weight_decay import DecoupledWeightDecayExtension
from graphopt.train.optimizers.registry import registered

_HYPERS: dict[str, Range] = {
    "gbar_decay": ANY_NUMBER,
    "gbar_weight": ANY_NUMBER,
    "mat_gbar_decay": NON_NEGATIVE,
    "mat_gbar_weight": NON_NEGATIVE,
    "learning_rate": NON_NEGATIVE,
    "epsilon": POSITIVE,
    "alpha": NON_NEGATIVE,
}


@registered("contrib.opt.ShampooOptimizer", sparse="as dense", learning_rate=0.5)
class ShampooOptimizer(Optimizer):
    """Shampoo, a method of second order: ``w -= lr H_1 ... H_k b``, where each `H_i` multiplies along one of the `k` dimensions.

    ``b = gbar_decay b + gbar_weight g; G_i = mat_gbar_decay G_i + mat_gbar_weight Σ g gᵀ`` (the sum over all other dimensions), and
    ``H_i = (G_i / d_i + ε I)^(-α/k)``, d_i the size of dimension i. Where that is more than `max_matrix_size` only the diagonal of
    `G_i` is kept and `H_i` is its power, 0 where the diagonal is 0; g² is then divided by d_i before it is added, except for a vector.

    A scalar is a vector of one element. A sparse gradient is made dense.

    Args:
      global_step: the variable that counts the steps; the functions and intervals below go by it. With a number it never changes.
      max_matrix_size: the largest dimension that gets a full matrix.
      gbar_decay, gbar_weight, mat_gbar_decay, mat_gbar_weight, learning_rate, epsilon, alpha: numbers, scalar tensors, callables, or
        schedules, which are given ``global_step + 1``.
      svd_interval: every how many steps the roots `H_i` are computed anew. precond_update_interval: every how many the `G_i` are, whose new
        part then counts as many times.
      use_iterative_root: accepted for TensorFlow's sake: the roots are always computed from eigenvalues, in full precision.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and the slots.

    Raises:
      ValueError, TypeError: for a hyper-parameter, interval or step that can't be one; for a variable of unknown shape.

    Source: tensorflow/contrib/opt/python/training/shampoo.py (r1.15), https://arxiv.org/abs/1802.09568.

    Example:
      >>> w = tf.Variable([3.0, 4.0])
      >>> step = tf.contrib.opt.ShampooOptimizer(learning_rate=0.5, epsilon=1e-6).minimize(tf.nn.l2_loss(w))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w).round(2))
      [2.58 3.43]
    """

    def __init__(
        self,
        global_step: Any = 0,
        max_matrix_size: int = 768,
        gbar_decay: Any = 0.0,
        gbar_weight: Any = 1.0,
        mat_gbar_decay: Any = 1.0,
        mat_gbar_weight: Any = 1.0,
        learning_rate: Any = 1.0,
        svd_interval: int = 1,
        precond_update_interval: int = 1,
        epsilon: Any = 1e-4,
        alpha: Any = 0.5,
        use_iterative_root: bool = False,
        use_locking: bool = False,
        name: str = "Shampoo",
    ) -> None:
        super().__init__(use_locking, name)
        if not isinstance(global_step, int | Tensor | Variable):
            raise ArgumentTypeError(
                f"global_step of {type(self).__name__} must be a variable, a tensor or an integer, got {global_step!r}."
            )
        given = (gbar_decay, gbar_weight, mat_gbar_decay, mat_gbar_weight, learning_rate, epsilon, alpha)
        self._given = dict(zip(_HYPERS, given, strict=True))
        for word, value in self._given.items():
            check_hyper(value, word, _HYPERS[word])
        self._global_step = global_step
        self._max_matrix_size = max_matrix_size
        self._svd_interval = _interval(svd_interval, "svd_interval")
        self._precond_update_interval = _interval(precond_update_interval, "precond_update_interval")
        self._time: Any = None

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The hyper-parameters as they were given, by name."""
        intervals = {"svd_interval": self._svd_interval, "precond_update_interval": self._precond_update_interval}
        return {**self._given, "max_matrix_size": self._max_matrix_size, **intervals}

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        for var in var_list:
            if not var.get_shape().is_fully_defined():
                raise ShapeError(f"Shampoo needs to know the shape of {var.name}: it is {var.get_shape()}.")
            self._zeros_slot(var, "gbar", self._name)
            for i, size in enumerate(_dimensions(var)):
                if size > self._max_matrix_size:
                    self._get_or_make_slot_with_initializer(var, Zeros(), [size], var.dtype, f"Gbar_{i}", self._name)
                    continue
                if self._svd_interval > 1:
                    self._get_or_make_slot_with_initializer(var, Identity(), [size, size], var.dtype, f"H_{i}", self._name)
                self._get_or_make_slot_with_initializer(var, Constant(0.0), [size, size], var.dtype, f"Gbar_{i}", self._name)

    def prepare_hyper(self, global_step: Any = None) -> None:
        """Record the hyper-parameters in the default graph, unless they are there.

        Args:
          global_step: not looked at: schedules are called with that of the constructor.
        """
        self._time = add(cast(convert_to_tensor(self._global_step), dtypes.int64), 1)
        for name in _HYPERS:
            self._value(name, dtypes.float64)

    def _prepare(self) -> None:
        super()._prepare()
        self.prepare_hyper()

    def _value(self, name: str, dtype: Any) -> Tensor:
        return own_hyper(self, self._given[name], name, _HYPERS[name], step=self._time).in_type(dtype)

    def _every(self, interval: int, make: Callable[[], Any], kept: Variable) -> Any:
        """Return what `make` gives, at every so many steps, else what is kept."""
        if interval == 1:
            return make()
        return cond(less(floormod(self._time, interval), 1), make, kept.read_value)

    def _apply_sparse_duplicate_indices(self, grad: IndexedSlices, var: Variable) -> Any:
        return self._apply_dense(convert_to_tensor(grad), var)

    def _apply_dense(self, grad: Tensor, var: Variable) -> Any:
        dtype, sizes = var.dtype, _dimensions(var)
        gbar = self._slot_of(var, "gbar")
        average = gbar.assign(
            add(multiply(gbar.read_value(), self._value("gbar_decay", dtype)), multiply(grad, self._value("gbar_weight", dtype)))
        )
        grad, direction = reshape(grad, sizes), reshape(average, sizes)
        exponent = cast(divide(negative(self._value("alpha", dtypes.float64)), len(sizes)), dtype)
        for i, size in enumerate(sizes):
            # Each turn moves the first dimension to the end: after all of them the order is what it was.
            if size <= self._max_matrix_size:
                direction = tensordot(direction, self._root(grad, var, i, exponent), [[0], [0]])
            else:
                direction = multiply(transpose_op(direction, perm=(*range(1, len(sizes)), 0)), self._diagonal(grad, var, i, exponent))
        step = multiply(reshape(direction, var.get_shape().as_list()), self._value("learning_rate", dtype))
        return var.assign_sub(step)

    def _slot_of(self, var: Variable, name: str) -> Variable:
        return self._slot_dict(name)[var.op.name]

    def _root(self, grad: Tensor, var: Variable, i: int, exponent: Tensor) -> Any:
        """Update one full matrix of second moments; return its power."""
        moments, size = self._slot_of(var, f"Gbar_{i}"), _dimensions(var)[i]
        others = [axis for axis in range(len(_dimensions(var))) if axis != i]

        def updated() -> Any:
            weight = multiply(self._value("mat_gbar_weight", var.dtype), np.array(self._precond_update_interval, var.dtype.np))
            fresh = multiply(tensordot(grad, grad, [others, others]), weight)
            return add(multiply(moments.read_value(), self._value("mat_gbar_decay", var.dtype)), fresh)

        latest = moments.assign(self._every(self._precond_update_interval, updated, moments))

        def root() -> Any:
            return _power_of_symmetric(divide(latest, float(size)), exponent, self._value("epsilon", var.dtype))

        if self._svd_interval == 1:
            return root()
        kept = self._slot_of(var, f"H_{i}")
        return kept.assign(self._every(self._svd_interval, root, kept))

    def _diagonal(self, grad: Tensor, var: Variable, i: int, exponent: Tensor) -> Any:
        """Update the diagonal of a matrix of second moments; return its power."""
        moments, sizes = self._slot_of(var, f"Gbar_{i}"), _dimensions(var)
        others = [axis for axis in range(len(sizes)) if axis != i]
        squares = multiply(grad, grad)
        fresh = divide(reduce_sum(squares, axis=others), float(sizes[i])) if others else squares
        decay, weight = self._value("mat_gbar_decay", var.dtype), self._value("mat_gbar_weight", var.dtype)
        latest = moments.assign(add(multiply(moments.read_value(), decay), multiply(fresh, weight)))
        return select(greater(latest, 0), power(latest, exponent), zeros_as(latest))


def _interval(value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ArgumentError(f"{name} must be an integer from 1 on, got {value!r}.")
    return value


def _dimensions(var: Variable) -> list[int]:
    """Return the shape of a variable; a scalar counts as a vector of one element."""
    return [size or 0 for size in var.get_shape().as_list()] or [1]


def _power_of_symmetric(matrix: Any, exponent: Any, epsilon: Any) -> Any:
    """Return ``(matrix + ε I)^exponent`` of a symmetric matrix without negative eigenvalues; NaN where it is not finite."""
    finite = reduce_all(is_finite(matrix))
    eigenvalues, vectors = self_adjoint_eig_op(select(finite, matrix, zeros_as(matrix)))
    # What rounding has made negative counts as 0.
    powers = power(add(maximum(eigenvalues, zeros_as(eigenvalues)), epsilon), exponent)
    result = matmul(multiply(vectors, powers), vectors, transpose_b=True)
    return select(finite, result, add(zeros_as(result), np.array(np.nan, result.dtype.np)))


@registered("contrib.opt.ShampooWOptimizer", sparse="as dense", weight_decay=0.0, global_step=0, learning_rate=0.5)
class ShampooWOptimizer(DecoupledWeightDecayExtension, ShampooOptimizer):
    """Shampoo with weight decay apart from the gradient. See `DecoupledWeightDecayExtension` and `ShampooOptimizer`.

    Args:
      weight_decay: a number from 0 on, a scalar tensor, schedule or callable. The others are those of `ShampooOptimizer`.

    Raises:
      ValueError, TypeError: as those two.

    Source: tensorflow/contrib/opt/python/training/weight_decay_optimizers.py (r1.15).

    Example:
      >>> tf.contrib.opt.ShampooWOptimizer(0.01, tf.train.get_or_create_global_step()).get_name()
      'ShampooW'
    """

    def __init__(
        self,
        weight_decay: Any,
        global_step: Any,
        max_matrix_size: int = 768,
        gbar_decay: Any = 0.0,
        gbar_weight: Any = 1.0,
        mat_gbar_decay: Any = 1.0,
        mat_gbar_weight: Any = 1.0,
        learning_rate: Any = 1.0,
        svd_interval: int = 1,
        precond_update_interval: int = 1,
        epsilon: Any = 1e-4,
        alpha: Any = 0.5,
        use_iterative_root: bool = False,
        use_locking: bool = False,
        name: str = "ShampooW",
    ) -> None:
        super().__init__(
            weight_decay,
            global_step,
            max_matrix_size,
            gbar_decay,
            gbar_weight,
            mat_gbar_decay,
            mat_gbar_weight,
            learning_rate,
            svd_interval,
            precond_update_interval,
            epsilon,
            alpha,
            use_iterative_root,
            use_locking,
            name,
        )
