"""Optimizers for losses of several tasks, of which a run has the gradients of some alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Operation, Tensor
from graphopt.ops.elementwise import logical_and, not_equal
from graphopt.ops.reduce import reduce_any
from graphopt.train.clip import clip_by_global_norm, global_norm
from graphopt.train.optimizers.base import Pair
from graphopt.train.optimizers.contrib.common import OptimizerWrapper, innermost
from graphopt.train.optimizers.descent import MomentumOptimizer
from graphopt.train.optimizers.registry import registered
from graphopt.train.unknown_arguments import naming_nearest


@registered("contrib.opt.MultitaskOptimizerWrapper", sparse="only rows", opt=MomentumOptimizer(0.05, 0.5))
class MultitaskOptimizerWrapper(OptimizerWrapper):
    """Leaves a variable and its slots as they are in runs in which its gradient is zero everywhere.

    A task that has no part in a run has gradients of zeros, by which momentum and averages would still change its variables.

    Args:
      opt: the optimizer that makes the updates. Used without the wrapper it is what it was (TensorFlow's wrapper changes it for good).

    Raises:
      TypeError: unless `opt` is an optimizer.

    Source: tensorflow/contrib/opt/python/training/multitask_optimizer_wrapper.py (r1.15).

    Example:
      >>> w = tf.Variable(1.0)
      >>> g = tf.placeholder(tf.float32, [])
      >>> opt = tf.contrib.opt.MultitaskOptimizerWrapper(tf.train.MomentumOptimizer(1.0, momentum=0.5))
      >>> step = opt.apply_gradients([(g, w)])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     for value in (1.0, 0.0, 1.0):
      ...         session.run(step, {g: value})
      ...     print(session.run(w))
      -1.5
    """

    def __init__(self, opt: Any) -> None:
        super().__init__(opt, False, "MultitaskOptimizerWrapper")

    @naming_nearest
    def apply_gradients(self, grads_and_vars: Iterable[Pair], global_step: Any = None, name: str | None = None) -> Operation:
        """Return an operation that makes the update; see `Optimizer.apply_gradients`."""
        target: Any = innermost(self._opt)
        record, was_set = target._update, "_update" in vars(target)

        def update(gradient: Any, variable: Any) -> Any:
            graph = get_default_graph()
            wanted = _is_nonzero(gradient)
            around = graph.current_guard
            with graph.write_only_if(wanted if around is None else logical_and(around, wanted)):
                return record(gradient, variable)

        # While it records, the optimizer inside records its updates through the wrapper.
        target._update = update
        try:
            return self._opt.apply_gradients(grads_and_vars, global_step=global_step, name=name)
        finally:
            if was_set:
                target._update = record
            else:
                del target._update


def _is_nonzero(gradient: Any) -> Tensor:
    values = gradient.values if isinstance(gradient, IndexedSlices) else convert_to_tensor(gradient)
    found: Tensor = reduce_any(not_equal(values, 0))
    return found


def clip_gradients_by_global_norm(gradients_variables: Iterable[Pair], clip_norm: Any = 20.0) -> tuple[list[Pair], Tensor]:
    """Scale all gradients by one factor so that their global norm is at most `clip_norm`; those that are zero everywhere stay zero.

    Args:
      gradients_variables: pairs of a gradient (a tensor, `IndexedSlices` or None) and a variable. clip_norm: a scalar above 0.

    Returns:
      The pairs with clipped gradients, and the global norm before.

    Source: tensorflow/contrib/opt/python/training/multitask_optimizer_wrapper.py (r1.15).

    Example:
      >>> w = tf.Variable([1.0, 1.0])
      >>> pairs, norm = tf.contrib.opt.clip_gradients_by_global_norm([(tf.constant([3.0, 4.0]), w)], 1.0)
      >>> tf.Session().run([pairs[0][0], norm])
      [array([0.6, 0.8], dtype=float32), np.float32(5.0)]
    """
    pairs = list(gradients_variables)
    gradients = [gradient for gradient, _ in pairs]
    norm = global_norm(gradients)
    clipped, _ = clip_by_global_norm(gradients, clip_norm, use_norm=norm)
    return [(gradient, v) for gradient, (_, v) in zip(clipped, pairs, strict=True)], norm
