"""An optimizer that keeps moving averages of the variables it trains, and can put them in the variables' place."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from graphopt import dtypes
from graphopt.errors import GraphStateError, UnsupportedError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.operation import Operation, Tensor, default_session
from graphopt.graph.scopes import init_scope, name_scope
from graphopt.graph.variables import Variable, group
from graphopt.ops.elementwise import add, cast, divide, logical_not, minimum
from graphopt.train.averages import assign_moving_average
from graphopt.train.hyper import FRACTION, check_hyper
from graphopt.train.optimizers.base import Pair
from graphopt.train.optimizers.contrib.common import OptimizerWrapper, own_hyper
from graphopt.train.optimizers.descent import GradientDescentOptimizer
from graphopt.train.optimizers.modern.guards import apply_and_count
from graphopt.train.optimizers.registry import registered
from graphopt.train.unknown_arguments import naming_nearest

_AVERAGE = "ExponentialMovingAverage"
_SWAPPED = "averages_swapped_in"


@registered("contrib.opt.MovingAverageOptimizer", sparse="as dense", opt=GradientDescentOptimizer(0.05))
class MovingAverageOptimizer(OptimizerWrapper):
    """Keeps moving averages of the variables that another optimizer trains: ``average -= (1 - decay)(average - value)``.

    `swap_in` and `swap_out` put the averages in the variables' place and back, as `swapped` does for a ``with`` block.

    Args:
      opt: the optimizer, of any design, that makes the updates.
      average_decay: a number between 0 and 1, a scalar tensor, schedule or callable.
      num_updates: a scalar count; with it the decay is ``min(decay, (1 + n) / (10 + n))``, so that averages move faster at first.
      sequential_update: whether the averages take the variables after the update; else those from before it.

    Raises:
      TypeError: unless `opt` is an optimizer. ValueError: for a decay that is not between 0 and 1.

    Source: tensorflow/contrib/opt/python/training/moving_average_optimizer.py (r1.15).

    Example:
      >>> w = tf.Variable(1.0)
      >>> opt = tf.contrib.opt.MovingAverageOptimizer(tf.train.GradientDescentOptimizer(1.0), average_decay=0.5)
      >>> step = opt.apply_gradients([(tf.constant(2.0), w)])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     session.run(step)
      ...     with opt.swapped(session):
      ...         print(session.run(w))
      ...     print(session.run(w))
      0.0
      -1.0
    """

    _wraps_any_design = True

    def __init__(self, opt: Any, average_decay: Any = 0.9999, num_updates: Any = None, sequential_update: bool = True) -> None:
        super().__init__(opt, False, "MovingAverage")
        self._average_decay = check_hyper(average_decay, "average_decay", FRACTION)
        self._num_updates = num_updates
        self._sequential_update = sequential_update

    @property
    def hyper_parameters(self) -> dict[str, Any]:
        """The hyper-parameters as they were given, by name."""
        return {**super().hyper_parameters, "average_decay": self._average_decay}

    @naming_nearest
    def apply_gradients(self, grads_and_vars: Iterable[Pair], global_step: Any = None, name: str | None = None) -> Operation:
        """Return an operation that makes the update and changes the averages; see `Optimizer.apply_gradients`."""
        pairs = list(grads_and_vars)
        self._step = global_step
        changed = [v for gradient, v in pairs if gradient is not None]
        # Without an order of their own, the averages are recorded first: they then read what was there before the step.
        first = [] if self._sequential_update else [self._update_averages(changed)]
        update = apply_and_count(self._opt, pairs, global_step, name)
        with get_default_graph().control_dependencies([update]):
            last = [self._update_averages(changed)] if self._sequential_update else []
        return group(update, *first, *last, name="train_with_avg")

    def _update_averages(self, variables: list[Variable]) -> Operation:
        with init_scope() as graph:
            averages = [self._get_or_make_slot(v, v.initialized_value(), _AVERAGE, _AVERAGE) for v in variables]
            self._create_non_slot_variable(False, _SWAPPED, dtype=dtypes.bool_)
            averaged = graph.get_collection_ref(GraphKeys.MOVING_AVERAGE_VARIABLES)
            averaged.extend(v for v in variables if v not in averaged)
        with name_scope(_AVERAGE):
            decay = self._decay()
            updates = [assign_moving_average(a, v, decay, zero_debias=False) for a, v in zip(averages, variables, strict=True)]
            return group(*updates, name="update")

    def _decay(self) -> Tensor:
        decay = own_hyper(self, self._average_decay, "average_decay", FRACTION).tensor
        if self._num_updates is None:
            return decay
        count = cast(convert_to_tensor(self._num_updates), dtypes.float64, name="num_updates")
        sooner: Tensor = minimum(divide(add(count, 1), add(count, 10)), decay)
        return sooner

    # --- the averages in the variables' place ------------------------------------------------------------------------

    def average(self, var: Any) -> Variable | None:
        """Return the average of a variable, or None."""
        return self.get_slot(var, _AVERAGE)

    def swap_in(self) -> Operation:
        """Return an operation that exchanges each variable with its average, unless they are exchanged. Don't train meanwhile.

        Raises:
          RuntimeError: before `minimize` or `apply_gradients`.
        """
        return self._exchange(into=True)

    def swap_out(self) -> Operation:
        """Return an operation that undoes `swap_in`; it does nothing where there is nothing to undo.

        Raises:
          RuntimeError: before `minimize` or `apply_gradients`.
        """
        return self._exchange(into=False)

    @contextlib.contextmanager
    def swapped(self, session: Any = None) -> Iterator[None]:
        """Have the averages in the variables' place inside a ``with`` block.

        Args:
          session: the session (the default session by default).

        Raises:
          RuntimeError: before `minimize` or `apply_gradients`; without a session.
        """
        found = session or default_session()
        if found is None:
            raise GraphStateError("swapped needs a session: pass one, or enter `with session.as_default()`.")
        with found.graph.as_default():
            swap_in, swap_out = self.swap_in(), self.swap_out()
        found.run(swap_in)
        try:
            yield
        finally:
            found.run(swap_out)

    def _exchange(self, *, into: bool) -> Operation:
        name = "swap_in" if into else "swap_out"
        graph = get_default_graph()
        pairs, is_swapped = self._averaged(name)
        recorded = graph.state.setdefault("average_swaps", {})
        if (self, name) in recorded:
            operation: Operation = recorded[self, name]
            return operation
        with name_scope(name) as scope:
            guard = logical_not(is_swapped.read_value()) if into else is_swapped.read_value()
            values = [(v.read_value(), average.read_value()) for v, average in pairs]
            with graph.write_only_if(guard):
                writes = [[v.assign(b), average.assign(a)] for (v, average), (a, b) in zip(pairs, values, strict=True)]
            recorded[self, name] = group(*writes, is_swapped.assign(into), name=scope)
        return self._exchange(into=into)

    def _averaged(self, what: str) -> tuple[list[tuple[Variable, Variable]], Variable]:
        """Return the variables with their averages, and the flag that says whether they are exchanged."""
        graph = get_default_graph()
        averages, flag = self._slot_dict(_AVERAGE), self._get_non_slot_variable(_SWAPPED)
        if flag is None:
            raise GraphStateError(f"Must call apply_gradients or minimize before {what}: there are no averages yet.")
        known = {v.op.name: v for v in graph.root.get_collection(GraphKeys.MOVING_AVERAGE_VARIABLES)}
        return [(known[name], average) for name, average in averages.items()], flag

    def swapped_names(self) -> dict[str, str]:
        """Return what a checkpoint with the averages in the variables' place takes from where: names of variables and averages, both ways.

        Raises:
          RuntimeError: before `minimize` or `apply_gradients`.
        """
        pairs, _ = self._averaged("swapped_names")
        names = [(v.op.name, average.op.name) for v, average in pairs]
        return dict(names) | {average: v for v, average in names}

    def swapping_saver(self, var_list: Any = None, name: str = "swapping_saver", **kwargs: Any) -> Any:
        """Raise: there is no `Saver` that could be made.

        Raises:
          RuntimeError: before `minimize` or `apply_gradients`. NotImplementedError: after it.
        """
        self._averaged("creating the swapping_saver")
        raise UnsupportedError("swapping_saver needs tf.train.Saver. Evaluate inside `with optimizer.swapped(session)`, or save there.")
