"""`SyncReplicasOptimizer` for one replica, where there is nothing to wait for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphopt.errors import ArgumentError, UnsupportedError
from graphopt.graph.graph import get_default_graph
from graphopt.graph.operation import Operation
from graphopt.graph.variables import group
from graphopt.train.optimizers.base import Pair
from graphopt.train.optimizers.contrib.common import OptimizerWrapper
from graphopt.train.unknown_arguments import naming_nearest

_INSTEAD = "graphopt trains in one process: compute the gradients of a larger batch, or accumulate those of several batches."


class SyncReplicasOptimizer(OptimizerWrapper):
    """Makes the updates of another optimizer, once for every replica: the one there is.

    Args:
      opt: the optimizer. replicas_to_aggregate, total_num_replicas: 1.
      variable_averages: an `ExponentialMovingAverage` that is updated after each step, or None. variables_to_average: its variables.
      use_locking: accepted for TensorFlow's sake. name: its name.

    Raises:
      TypeError: unless `opt` is an optimizer. NotImplementedError: for another number of replicas than 1.

    Source: tensorflow/python/training/sync_replicas_optimizer.py (r1.15).

    Example:
      >>> w = tf.Variable(1.0)
      >>> opt = tf.train.SyncReplicasOptimizer(tf.train.GradientDescentOptimizer(0.5), replicas_to_aggregate=1)
      >>> step = opt.minimize(w * w, global_step=tf.train.get_or_create_global_step())
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run([w, tf.train.get_global_step()]))
      [np.float32(0.0), np.int64(1)]
    """

    def __init__(
        self,
        opt: Any,
        replicas_to_aggregate: int,
        total_num_replicas: int | None = None,
        variable_averages: Any = None,
        variables_to_average: Iterable[Any] | None = None,
        use_locking: bool = False,
        name: str = "sync_replicas",
    ) -> None:
        super().__init__(opt, use_locking, name)
        total = replicas_to_aggregate if total_num_replicas is None else total_num_replicas
        if replicas_to_aggregate != 1 or total != 1:
            given = f"replicas_to_aggregate={replicas_to_aggregate}, total_num_replicas={total}"
            raise UnsupportedError(f"SyncReplicasOptimizer works with one replica, got {given}. {_INSTEAD}")
        self._variable_averages = variable_averages
        self._variables_to_average = None if variables_to_average is None else list(variables_to_average)

    @naming_nearest
    def apply_gradients(self, grads_and_vars: Iterable[Pair], global_step: Any = None, name: str | None = None) -> Operation:
        """Return an operation that makes the update and adds one to the global step; see `Optimizer.apply_gradients`.

        Raises:
          ValueError: without pairs or global step.
        """
        pairs = list(grads_and_vars)
        if not pairs:
            raise ArgumentError("Must supply at least one variable")
        if global_step is None:
            raise ArgumentError("Global step is required to check staleness")
        update = self._opt.apply_gradients(pairs, global_step=global_step, name=name)
        if self._variable_averages is None:
            return update
        with get_default_graph().control_dependencies([update]):
            averaged = self._variable_averages.apply(self._variables_to_average)
        return group(update, averaged, name=f"{self._name}_with_averages")

    def make_session_run_hook(self, is_chief: bool, num_tokens: int = -1) -> Any:
        """Raise: one replica needs no hook.

        Raises:
          NotImplementedError: always.
        """
        raise UnsupportedError("One replica needs no session run hook of SyncReplicasOptimizer: run the training op in a tf.Session.")

    def get_chief_queue_runner(self) -> Any:
        """Raise: one replica needs no queues.

        Raises:
          NotImplementedError: always.
        """
        raise UnsupportedError("One replica needs no chief queue runner: run the training op in a tf.Session.")

    def get_init_tokens_op(self, num_tokens: int = -1) -> Any:
        """Raise: one replica needs no tokens.

        Raises:
          NotImplementedError: always.
        """
        raise UnsupportedError("One replica needs no init tokens: run the training op in a tf.Session.")
