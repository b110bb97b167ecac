"""Adam's relatives of ``tf.contrib.opt``: lazy rows, the global step in place of powers, Nesterov's look ahead, the largest gradient."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentTypeError
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.operation import Tensor
from graphopt.graph.variables import Variable, group
from graphopt.ops import training, training_contrib
from graphopt.ops.elementwise import add, cast, multiply, power
from graphopt.ops.update_rule import Rule
from graphopt.train.hyper import DECAY, NON_NEGATIVE
from graphopt.train.optimizers.adam import AdamOptimizer
from graphopt.train.optimizers.base import Optimizer
from graphopt.train.optimizers.contrib.common import check_hypers
from graphopt.train.optimizers.registry import registered
from graphopt.train.optimizers.rule import Hyper, RuleOptimizer

_HYPERS = (
    Hyper("lr", "_lr", "_lr_t", "learning_rate", NON_NEGATIVE),
    Hyper("beta1", "_beta1", "_beta1_t", "beta1", DECAY),
    Hyper("beta2", "_beta2", "_beta2_t", "beta2", DECAY),
    Hyper("epsilon", "_epsilon", "_epsilon_t", "epsilon", NON_NEGATIVE),
)


class _CheckedAdam(AdamOptimizer):
    """Adam that looks at its hyper-parameters when it is made."""

    hypers: ClassVar[tuple[Hyper, ...]] = _HYPERS

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, use_locking, name)
        check_hypers(self)


@registered("contrib.opt.LazyAdamOptimizer", sparse="only rows", learning_rate=0.1)
class LazyAdamOptimizer(_CheckedAdam):
    """Adam that leaves the rows alone of which a sparse gradient says nothing.

    Their averages `m` and `v` don't decay and they don't move, where `AdamOptimizer` decays and moves all rows. Faster on large tables, and
    not quite the same algorithm. A dense gradient does what it does with `AdamOptimizer`.

    Args:
      learning_rate, beta1, beta2, epsilon: numbers, scalar tensors, schedules or callables.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and the slots.

    Raises:
      ValueError, TypeError: for a hyper-parameter that can't be one.

    Source: tensorflow/contrib/opt/python/training/lazy_adam_optimizer.py (r1.15).

    Example:
      >>> table = tf.Variable([[1.0], [2.0], [3.0]])
      >>> step = tf.contrib.opt.LazyAdamOptimizer(0.5).minimize(tf.reduce_sum(tf.gather(table, [1])))
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(session.run(table).ravel().round(4))
      [1.  1.5 3. ]
    """

    @property
    def rule(self) -> Rule:
        """The update rule: Adam's where all rows have a gradient."""
        return training.adam._replace(sparse=training_contrib.lazy_adam.sparse)


@registered("contrib.opt.AdamGSOptimizer", sparse="as dense", learning_rate=0.1)
class AdamGSOptimizer(_CheckedAdam):
    """Adam whose bias correction comes from the global step: β1ᵗ and β2ᵗ with t = global_step + 1, in place of variables for the powers.

    Args:
      global_step: the variable that counts the steps. With a number, such as TensorFlow's default 0, the correction never changes.
      learning_rate, beta1, beta2, epsilon: numbers, scalar tensors, schedules or callables.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and the slots.

    Raises:
      ValueError, TypeError: for a hyper-parameter that can't be one.

    Source: tensorflow/contrib/opt/python/training/adam_gs_optimizer.py (r1.15).

    Example:
      >>> w = tf.Variable(1.0)
      >>> step = tf.train.get_or_create_global_step()
      >>> train = tf.contrib.opt.AdamGSOptimizer(step, 0.1).minimize(w * w, global_step=step)
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(train)
      ...     print(round(float(session.run(w)), 4))
      0.9
    """

    def __init__(
        self,
        global_step: Any = 0,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "Adam",
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, use_locking, name)
        if not isinstance(global_step, int | Tensor | Variable):
            raise ArgumentTypeError(
                f"global_step of {type(self).__name__} must be a variable, a tensor or an integer, got {global_step!r}."
            )
        self._global_step = global_step
        self._powers: dict[str, Tensor] = {}

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        RuleOptimizer._create_slots(self, var_list)

    def _prepare(self) -> None:
        super()._prepare()
        count = add(cast(convert_to_tensor(self._global_step), dtypes.float64), 1)
        self._powers = {f"{beta}_power": power(self.hyper.parameters[beta].tensor, count) for beta in ("beta1", "beta2")}

    def _operands(self, dtype: DType) -> dict[str, Any]:
        return RuleOptimizer._operands(self, dtype) | {name: cast(value, dtype) for name, value in self._powers.items()}

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        return Optimizer._finish(self, update_ops, name_scope)


@registered("contrib.opt.LazyAdamGSOptimizer", sparse="only rows", learning_rate=0.1)
class LazyAdamGSOptimizer(AdamGSOptimizer):
    """`LazyAdamOptimizer` whose bias correction comes from the global step, as that of `AdamGSOptimizer`.

    Args:
      global_step: the variable that counts the steps. With a number, such as TensorFlow's default 0, the correction never changes.
      learning_rate, beta1, beta2, epsilon: numbers, scalar tensors, schedules or callables.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and the slots.

    Raises:
      ValueError, TypeError: for a hyper-parameter that can't be one.

    Source: tensorflow/contrib/opt/python/training/lazy_adam_gs_optimizer.py (r1.15).

    Example:
      >>> step = tf.train.get_or_create_global_step()
      >>> tf.contrib.opt.LazyAdamGSOptimizer(step, learning_rate=0.1).get_name()
      'Adam'
    """

    @property
    def rule(self) -> Rule:
        """The update rule: Adam's where all rows have a gradient."""
        return training.adam._replace(sparse=training_contrib.lazy_adam.sparse)


@registered("contrib.opt.NadamOptimizer", sparse="only rows", learning_rate=0.1)
class NadamOptimizer(_CheckedAdam):
    """Adam with Nesterov's look ahead: β1 m + (1-β1) g in place of m. There is no schedule of the momentum, as Keras's Nadam has.

    A sparse gradient moves its own rows alone, but decays `m` and `v` of all rows.

    Args:
      learning_rate, beta1, beta2, epsilon: numbers, scalar tensors, schedules or callables.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and the slots.

    Raises:
      ValueError, TypeError: for a hyper-parameter that can't be one.

    Source: tensorflow/contrib/opt/python/training/nadam_optimizer.py (r1.15), http://cs229.stanford.edu/proj2015/054_report.pdf.

    Example:
      >>> w = tf.Variable(1.0)
      >>> step = tf.contrib.opt.NadamOptimizer(0.1).minimize(w * w)
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(round(float(session.run(w)), 4))
      0.81
    """

    @property
    def rule(self) -> Rule:
        """The update rule."""
        return training_contrib.nadam


@registered("contrib.opt.AdaMaxOptimizer", sparse="only rows", learning_rate=0.1)
class AdaMaxOptimizer(_CheckedAdam):
    """AdaMax: ``m += (g - m)(1-β1); v = max(β2 v, |g|); w -= lr/(1-β1ᵗ) m / (v + ε)``.

    A sparse gradient changes its own rows alone, and their `m` and `v`.

    Args:
      learning_rate, beta1, beta2, epsilon: numbers, scalar tensors, schedules or callables.
      use_locking: accepted for TensorFlow's sake. name: name of the training operation and the slots.

    Raises:
      ValueError, TypeError: for a hyper-parameter that can't be one.

    Source: tensorflow/contrib/opt/python/training/adamax.py (r1.15), https://arxiv.org/abs/1412.6980, section 7.1.

    Example:
      >>> w = tf.Variable(1.0)
      >>> step = tf.contrib.opt.AdaMaxOptimizer(0.1).minimize(w * w)
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     print(round(float(session.run(w)), 4))
      0.9
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta1: Any = 0.9,
        beta2: Any = 0.999,
        epsilon: Any = 1e-8,
        use_locking: bool = False,
        name: str = "AdaMax",
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, use_locking, name)

    @property
    def rule(self) -> Rule:
        """The update rule."""
        return training_contrib.ada_max

    def _create_slots(self, var_list: Sequence[Variable]) -> None:
        self._create_power("beta1_power", self._beta1, var_list)
        RuleOptimizer._create_slots(self, var_list)

    def _operands(self, dtype: DType) -> dict[str, Any]:
        beta1_power, _ = self._get_beta_accumulators()
        return RuleOptimizer._operands(self, dtype) | {"beta1_power": self._power(beta1_power, dtype)}

    def _finish(self, update_ops: list[Any], name_scope: str) -> Any:
        beta1_power, _ = self._get_beta_accumulators()
        with get_default_graph().control_dependencies(update_ops):
            update = beta1_power.assign(multiply(beta1_power.value(), self._hyper(self.hypers[1], beta1_power.dtype)))  # type: ignore[union-attr]
        return group(*update_ops, update, name=name_scope)
