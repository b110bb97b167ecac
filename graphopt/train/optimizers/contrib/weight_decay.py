"""Weight decay apart from the gradient, as an extension of any optimizer's class."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from functools import partial
from typing import Any

from graphopt.errors import ArgumentTypeError
from graphopt.graph.graph import get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Operation
from graphopt.graph.scopes import name_scope
from graphopt.graph.variables import Variable, scatter_update
from graphopt.ops.elementwise import multiply, subtract
from graphopt.ops.indexing import gather
from graphopt.train.hyper import NON_NEGATIVE, check_hyper
from graphopt.train.optimizers.adam import AdamOptimizer
from graphopt.train.optimizers.base import Optimizer, Pair
from graphopt.train.optimizers.contrib.common import OptimizerWrapper, own_hyper
from graphopt.train.optimizers.descent import MomentumOptimizer
from graphopt.train.optimizers.registry import registered
from graphopt.train.unknown_arguments import keywords_of, naming_nearest


class DecoupledWeightDecayExtension(Optimizer):
    """Makes of an optimizer's class one whose variables decay, ``w -= weight_decay w``, before each update.

    It stands first among the base classes: ``class AdamW(DecoupledWeightDecayExtension, AdamOptimizer)``. The decay is not multiplied by
    the learning rate: where the rate follows a schedule, give the decay one, too. Of a sparse gradient only its own rows decay, each once.
    The gradient is that of the weights before the decay.

    Args:
      weight_decay: a number from 0 on, a scalar tensor, schedule or callable. Further arguments go to the optimizer.

    Raises:
      ValueError, TypeError: for a weight decay that can't be one.

    Source: tensorflow/contrib/opt/python/training/weight_decay_optimizers.py (r1.15), https://arxiv.org/abs/1711.05101.

    Example:
      >>> class DecayedSGD(tf.contrib.opt.DecoupledWeightDecayExtension, tf.train.GradientDescentOptimizer):
      ...     pass
      >>> w = tf.Variable(2.0)
      >>> step = DecayedSGD(0.25, learning_rate=1.0).apply_gradients([(tf.constant(1.0), w)])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w))
      0.5
    """

    def __init__(self, weight_decay: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._weight_decay = check_hyper(weight_decay, "weight_decay", NON_NEGATIVE)
        self._decay_var_list: frozenset[Variable] | None = None

    @partial(naming_nearest, known=[*inspect.signature(Optimizer.minimize).parameters, "decay_var_list"])
    def minimize(self, loss: Any, *args: Any, decay_var_list: Iterable[Variable] | None = None, **kwargs: Any) -> Operation:
        """Return an operation that makes one step; see `Optimizer.minimize`.

        Args:
          decay_var_list: the variables that decay (all by default). TensorFlow forgets it on the way to `apply_gradients`.
        """
        outer, self._decay_var_list = self._decay_var_list, _chosen(decay_var_list)
        try:
            return super().minimize(loss, *args, **kwargs)
        finally:
            self._decay_var_list = outer

    @naming_nearest
    def apply_gradients(
        self,
        grads_and_vars: Iterable[Pair],
        global_step: Any = None,
        name: str | None = None,
        decay_var_list: Iterable[Variable] | None = None,
    ) -> Operation:
        """Return an operation that makes variables decay and changes each by its gradient; see `Optimizer.apply_gradients`.

        Args:
          decay_var_list: the variables that decay (all by default).
        """
        outer = self._decay_var_list
        self._decay_var_list = outer if decay_var_list is None else _chosen(decay_var_list)
        try:
            return super().apply_gradients(grads_and_vars, global_step=global_step, name=name)
        finally:
            self._decay_var_list = outer

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The hyper-parameters as they were given, by name."""
        return {**super().hyper_parameters, "weight_decay": self._weight_decay}

    def _prepare(self) -> None:
        super()._prepare()
        own_hyper(self, self._weight_decay, "weight_decay", NON_NEGATIVE)

    def _update(self, gradient: Any, variable: Variable) -> Any:
        if self._decay_var_list is not None and variable not in self._decay_var_list:
            return super()._update(gradient, variable)
        with get_default_graph().control_dependencies([self._decay(gradient, variable)]):
            return super()._update(gradient, variable)

    def _decay(self, gradient: Any, variable: Variable) -> Any:
        decay = own_hyper(self, self._weight_decay, "weight_decay", NON_NEGATIVE).in_type(variable.dtype)
        with name_scope(f"decay_{variable.op.name}"):
            if not isinstance(gradient, IndexedSlices):
                return variable.assign_sub(multiply(variable.read_value(), decay))
            # Replaced, not subtracted: a row may come twice, and decays once.
            rows = gather(variable.read_value(), gradient.indices)
            return scatter_update(variable, gradient.indices, subtract(rows, multiply(rows, decay)))


def _chosen(decay_var_list: Iterable[Variable] | None) -> frozenset[Variable] | None:
    """Return the variables that decay; None, also for an empty list as in TensorFlow, for all."""
    return frozenset(decay_var_list or ()) or None


@naming_nearest
def extend_with_decoupled_weight_decay(base_optimizer: type[Optimizer]) -> type[Optimizer]:
    """Return a class like `base_optimizer` whose variables decay, ``w -= weight_decay w``, before each update.

    Its constructor takes `weight_decay` first and then what that of `base_optimizer` takes; `minimize` and `apply_gradients` take
    `decay_var_list`, the variables that decay. See `DecoupledWeightDecayExtension`.

    Args:
      base_optimizer: a subclass of `Optimizer` that updates variables itself.

    Raises:
      TypeError: for anything else, and for a wrapper of another optimizer.

    Source: tensorflow/contrib/opt/python/training/weight_decay_optimizers.py (r1.15).

    Example:
      >>> MyAdamW = tf.contrib.opt.extend_with_decoupled_weight_decay(tf.train.AdamOptimizer)
      >>> MyAdamW(weight_decay=0.001, learning_rate=0.001).get_name()
      'Adam'
    """
    if not isinstance(base_optimizer, type) or not issubclass(base_optimizer, Optimizer) or issubclass(base_optimizer, OptimizerWrapper):
        rule = "base_optimizer must be a subclass of tf.train.Optimizer that updates variables itself"
        raise ArgumentTypeError(f"{rule}, got {base_optimizer!r}. Extend the class of an optimizer before it is wrapped.")

    class OptimizerWithDecoupledWeightDecay(DecoupledWeightDecayExtension, base_optimizer):  # type: ignore[valid-type,misc]
        """Base_optimizer with decoupled weight decay."""

    taken = keywords_of(base_optimizer)
    if taken is not None:
        checked = naming_nearest(DecoupledWeightDecayExtension.__init__, base_optimizer.__name__, ["weight_decay", *taken])
        OptimizerWithDecoupledWeightDecay.__init__ = checked  # type: ignore[method-assign]
    return OptimizerWithDecoupledWeightDecay


@registered("contrib.opt.MomentumWOptimizer", sparse="only rows", weight_decay=1e-6, learning_rate=0.05, momentum=0.5)
class MomentumWOptimizer(DecoupledWeightDecayExtension, MomentumOptimizer):
    """Momentum with weight decay apart from the gradient: ``w -= λ w; a = μ a + g; w -= lr a``. See `DecoupledWeightDecayExtension`.

    Args:
      weight_decay, learning_rate, momentum: λ, lr, μ: numbers, scalar tensors, schedules or callables.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and the slots. use_nesterov: look ahead.

    Raises:
      ValueError, TypeError: for a weight decay that can't be one.

    Source: tensorflow/contrib/opt/python/training/weight_decay_optimizers.py (r1.15), https://arxiv.org/abs/1711.05101.

    Example:
      >>> w = tf.Variable(2.0)
      >>> opt = tf.contrib.opt.MomentumWOptimizer(0.25, learning_rate=1.0, momentum=0.9)
      >>> step = opt.apply_gradients([(tf.constant(1.0), w)])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(w))
      0.5
    """

    def __init__(
        self,
        weight_decay: Any,
        learning_rate: Any,
        momentum: Any,
        use_locking: bool = False,
        name: str = "MomentumW",
        use_nesterov: bool = False,
    ) -> None:
        super().__init__(
            weight_decay, learning_rate=learning_rate, momentum=momentum, use_locking=use_locking, name=name, use_nesterov=use_nesterov
        )


# Without decay its rows do as dense gradients do.
@registered("contrib.opt.AdamWOptimizer", sparse="as dense", weight_decay=0.0, learning_rate=0.1)
class AdamWOptimizer(DecoupledWeightDecayExtension, AdamOptimizer):
    """Adam with weight decay apart from the gradient: ``w -= λ w`` and Adam's update. See `DecoupledWeightDecayExtension`.

    A sparse gradient moves all rows, as with `AdamOptimizer`, but only its own decay.

    Args:
      weight_decay, learning_rate, beta1, beta2, epsilon: numbers, scalar tensors, schedules or callables.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and the slots.

    Raises:
      ValueError, TypeError: for a weight decay that can't be one.

    Source: tensorflow/contrib/opt/python/training/weight_decay_optimizers.py (r1.15), https://arxiv.org/abs/1711.05101.

    Example:
      >>> w = tf.Variable(2.0)
      >>> step = tf.contrib.opt.AdamWOptimizer(0.25, learning_rate=0.5).apply_gradients([(tf.constant(1.0), w)])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(round(float(session.run(w)), 4))
      1.0
    """

    def __init__(
        self,
        weight_decay: Any,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "AdamW",
    ) -> None:
        super().__init__(
            weight_decay, learning_rate=learning_rate, beta1=beta1, beta2=beta2, epsilon=epsilon, use_locking=use_locking, name=name
        )
