"""Wrappers that clip: variables after each update, gradients before it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from graphopt.errors import ArgumentError
from graphopt.graph.graph import get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Operation
from graphopt.graph.scopes import name_scope
from graphopt.graph.variables import Variable, group, scatter_update
from graphopt.ops.indexing import gather
from graphopt.train.clip import clip_by_global_norm, clip_by_norm, global_norm
from graphopt.train.hyper import POSITIVE, check_hyper
from graphopt.train.optimizers.base import Optimizer, Pair
from graphopt.train.optimizers.contrib.common import OptimizerWrapper, own_hyper
from graphopt.train.optimizers.descent import GradientDescentOptimizer
from graphopt.train.optimizers.registry import registered
from graphopt.train.unknown_arguments import naming_nearest


@registered(
    "contrib.opt.VariableClippingOptimizer",
    sparse="as dense",
    opt=GradientDescentOptimizer(0.05),
    vars_to_clip_dims={},
    max_norm=1.0,
)
class VariableClippingOptimizer(OptimizerWrapper):
    """Scales variables down to a largest norm after each update of another optimizer.

    A sparse gradient makes it clip its own rows alone, each once however often it comes; over the first dimension, the whole variable.

    Args:
      opt: the optimizer that makes the updates.
      vars_to_clip_dims: for each variable to clip, a list of the dimensions over which a norm is taken: ``{table: [1]}`` clips rows.
      max_norm: the largest norm: a number above 0, a scalar tensor, a schedule or a callable.
      use_locking, colocate_clip_ops_with_vars: accepted for TensorFlow's sake. name: name of the training operation.

    Raises:
      TypeError: unless `opt` is an optimizer. ValueError: for a norm that is not above 0.

    Source: tensorflow/contrib/opt/python/training/variable_clipping_optimizer.py (r1.15), which subtracts too much of rows that repeat.

    Example:
      >>> w = tf.Variable([[3.0, 4.0]])
      >>> opt = tf.contrib.opt.VariableClippingOptimizer(tf.train.GradientDescentOptimizer(1.0), {w: [1]}, 1.0)
      >>> step = opt.apply_gradients([(tf.zeros([1, 2]), w)])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w))
      [[0.6 0.8]]
    """

    def __init__(
        self,
        opt: Any,
        vars_to_clip_dims: Mapping[Variable, Sequence[int]],
        max_norm: Any,
        use_locking: bool = False,
        colocate_clip_ops_with_vars: bool = False,
        name: str = "VariableClipping",
    ) -> None:
        super().__init__(opt, use_locking, name)
        self._vars_to_clip_dims = dict(vars_to_clip_dims)
        self._max_norm = check_hyper(max_norm, "max_norm", POSITIVE)

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The hyper-parameters as they were given, by name."""
        return {**super().hyper_parameters, "max_norm": self._max_norm}

    @naming_nearest
    def apply_gradients(self, grads_and_vars: Iterable[Pair], global_step: Any = None, name: str | None = None) -> Operation:
        """Return an operation that makes the update and then clips; see `Optimizer.apply_gradients`."""
        pairs = list(grads_and_vars)
        self._step = global_step
        with name_scope(name, self._name) as scope:
            update = self._opt.apply_gradients(pairs, global_step=global_step)
            with get_default_graph().control_dependencies([update]):
                clips = [self._clip(gradient, v) for gradient, v in pairs if gradient is not None and v in self._vars_to_clip_dims]
            return group(update, *clips, name=scope)

    def _clip(self, gradient: Any, variable: Variable) -> Any:
        dims = list(self._vars_to_clip_dims[variable])
        largest = own_hyper(self, self._max_norm, "max_norm", POSITIVE).in_type(variable.dtype)
        with name_scope(f"clip_{variable.op.name}"):
            if not isinstance(gradient, IndexedSlices) or 0 in dims:
                return variable.assign(clip_by_norm(variable.read_value(), largest, dims))
            rows = gather(variable.read_value(), gradient.indices)
            return scatter_update(variable, gradient.indices, clip_by_norm(rows, largest, dims))


class _TransformGradients(OptimizerWrapper):
    """Puts the gradients through a function before another optimizer applies them.

    Args:
      optimizer: the optimizer. transform_grads_fn: a function from pairs (gradient, variable) to such pairs. name: its name.
    """

    def __init__(self, optimizer: Any, transform_grads_fn: Callable[[Any, list[Pair]], list[Pair]], name: str) -> None:
        super().__init__(optimizer, False, name)
        self._transform = transform_grads_fn

    @naming_nearest
    def apply_gradients(self, grads_and_vars: Iterable[Pair], global_step: Any = None, name: str | None = None) -> Operation:
        """Return an operation that makes the update; see `Optimizer.apply_gradients`."""
        self._step = global_step
        return self._opt.apply_gradients(self._transform(self, list(grads_and_vars)), global_step=global_step, name=name)


def clip_gradients_by_norm(optimizer: Any, clip_norm: Any) -> Optimizer:
    """Return an optimizer that clips gradients by their global norm before another one applies them.

    Args:
      optimizer: the optimizer. clip_norm: the largest norm: a number above 0, a scalar tensor, a schedule or a callable.

    Raises:
      ValueError: unless `optimizer` is one, or for a norm that is not above 0.

    Source: tensorflow/contrib/estimator/python/estimator/extenders.py (r1.15).

    Example:
      >>> w = tf.Variable([0.0, 0.0])
      >>> opt = tf.contrib.estimator.clip_gradients_by_norm(tf.train.GradientDescentOptimizer(1.0), 1.0)
      >>> step = opt.apply_gradients([(tf.constant([3.0, 4.0]), w)])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w))
      [-0.6 -0.8]
    """
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(f"Given optimizer is not an instance of tf.train.Optimizer. Given: {optimizer}")
    check_hyper(clip_norm, "clip_norm", POSITIVE)

    def clip(owner: Any, pairs: list[Pair]) -> list[Pair]:
        gradients = [gradient for gradient, _ in pairs]
        norm = global_norm(gradients)
        largest = own_hyper(owner, clip_norm, "clip_norm", POSITIVE).in_type(norm.dtype)
        clipped, _ = clip_by_global_norm(gradients, largest, use_norm=norm)
        return [(gradient, v) for gradient, (_, v) in zip(clipped, pairs, strict=True)]

    return _TransformGradients(optimizer, clip, f"ClipByNorm{optimizer.get_name()}")
