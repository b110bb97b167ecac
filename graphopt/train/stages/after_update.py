"""What happens to variables after the update: constraints, lookahead, moving averages."""

from __future__ import annotations

import contextlib
import difflib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Literal

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError, ArgumentTypeError, GraphStateError
from graphopt.graph.operation import Operation, default_session, user_location
from graphopt.graph.slots import create_own_slot, create_own_zeros_slot
from graphopt.graph.variables import Variable, assign, group
from graphopt.ops.elementwise import add, cast, divide, equal, floormod, greater, multiply, select, subtract, zeros_as
from graphopt.train.hyper import FRACTION, Range, check_hyper
from graphopt.train.stages.multiply import fits
from graphopt.train.stages.stage import Pairs, Stage, Step, stage
from graphopt.train.unknown_arguments import naming_nearest

_PERIOD = Range(low=1.0, words="1 or more")


@naming_nearest
def constrain(constraints: Callable[[Any], Any] | Mapping[Any, Callable[[Any], Any]]) -> Stage:
    """Return the stage that puts ``constraint(w)`` in place of each updated variable, after the update.

    Variables that were made with a constraint of their own have it applied by the optimizer; this is for others.

    Args:
      constraints: a function of a tensor for all variables, or functions by variable, name or compiled regular expression.

    Raises:
      ValueError: for a name or expression that fits no variable with a gradient. TypeError: for what is no function.

    Example:
      >>> w = tf.Variable(1.0)
      >>> stages = [tf.train.stages.constrain(lambda w: tf.maximum(w, 0.5))]
      >>> train_op = tf.train.training_op(w, optimizer=tf.train.GradientDescentOptimizer(2.0), stages=stages)
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     loss = session.run(train_op)
      ...     print(session.run(w))
      0.5
    """

    functions = constraints.values() if isinstance(constraints, Mapping) else [constraints]
    if not all(callable(function) for function in functions):
        raise ArgumentTypeError(f"Constraints are a function of a tensor, or a dict of such functions, got {constraints!r}.")

    def function(pairs: Pairs, step: Step) -> Pairs:
        chosen = _constraints_of([v for gradient, v in pairs if gradient is not None], constraints)

        def apply(_: Pairs) -> None:
            for v, constraint in chosen.items():
                assign(v, constraint(v.value()))

        step.after_update(apply)
        return pairs

    return stage("constrain", function, constraints=constraints)


def _constraints_of(variables: list[Any], constraints: Any) -> dict[Any, Callable[[Any], Any]]:
    if callable(constraints):
        return dict.fromkeys(variables, constraints)
    chosen: dict[Any, Callable[[Any], Any]] = {}
    for key, constraint in constraints.items():
        fitting = [v for v in variables if fits(key, v)]
        if not fitting:
            names = [v.op.name for v in variables]
            near = difflib.get_close_matches(str(key), names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            raise ArgumentError(f"The constraint of {getattr(key, 'pattern', key)!r} fits no variable of {', '.join(names)}.{hint}")
        for v in fitting:
            chosen.setdefault(v, constraint)
    return chosen


@naming_nearest
def look_ahead(every: Any = 6, slow_step: Any = 0.5) -> Stage:
    """Return the stage that every few steps takes the weights back part of the way: ``slow += slow_step (w - slow); w = slow``.

    Args:
      every: how many steps lie between (1 or more). slow_step: which part of the way is gone, between 0 and 1. Numbers, scalar tensors,
        schedules or callables. The slow weights start from the initial weights.

    Source: Zhang et al. 2019, https://arxiv.org/abs/1907.08610; optax.lookahead.

    Example:
      >>> w = tf.Variable(0.0)
      >>> train_op = tf.train.training_op(
      ...     -w, optimizer=tf.train.GradientDescentOptimizer(1.0), stages=[tf.train.stages.look_ahead(2, 0.5)])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     for _ in range(2):
      ...         loss = session.run(train_op)
      ...         print(session.run(w))
      1.0
      1.0
    """

    check_hyper(every, "lookahead_every", _PERIOD)
    check_hyper(slow_step, "lookahead_slow_step", FRACTION)

    def function(pairs: Pairs, step: Step) -> Pairs:
        period = step.hyper("lookahead_every", every, _PERIOD).tensor
        part = step.hyper("lookahead_slow_step", slow_step, FRACTION)
        count = step.counter("lookahead_steps")
        slow_weights = {v: create_own_slot(v, v.initialized_value, "lookahead") for gradient, v in pairs if gradient is not None}

        def apply(_: Pairs) -> None:
            reached = add(count.value(), 1)
            assign(count, reached)
            is_time = equal(floormod(cast(reached, dtypes.float64), period), 0.0)
            for v, slow in slow_weights.items():
                fast, old = v.value(), slow.value()
                new = select(is_time, add(old, multiply(subtract(fast, old), part.in_type(v.dtype))), old)
                assign(slow, new)
                assign(v, select(is_time, new, fast))

        step.after_update(apply)
        return pairs

    return stage("look ahead", function, every=every, slow_step=slow_step)


class MovingAverages(Stage):
    """The stage that keeps a moving average of every updated variable: ``average = decay average + (1 - decay) w`` after the update.

    Args:
      decay: between 0 and 1: a number, scalar tensor, schedule or callable.
      overwrite_every: every so many steps the averages become the weights, as Keras's `ema_overwrite_frequency` does; None for never.
      start: "weights": an average starts from the initial weights; "zeros": from 0, and what is read is debiased: divided by
        ``1 - decayᵗ`` after `t` steps, of a decay that changes by 1 minus the product of all (and 0 before the first).
      name: name of the averages' variables.

    Raises:
      ValueError: for another word for `start`.

    Example:
      >>> w = tf.Variable(2.0)
      >>> averages = tf.train.stages.MovingAverages(0.5)
      >>> train_op = tf.train.training_op(w, optimizer=tf.train.GradientDescentOptimizer(1.0), stages=[averages])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     loss = session.run(train_op)
      ...     with averages.swapped_in(session):
      ...         print(session.run(w))
      ...     print(session.run(w))
      1.5
      1.0
    """

    @partial(naming_nearest, name="MovingAverages")
    def __init__(
        self,
        decay: Any = 0.99,
        *,
        overwrite_every: Any = None,
        start: Literal["weights", "zeros"] = "weights",
        name: str = "moving_average",
    ) -> None:
        if start not in ("weights", "zeros"):
            raise ArgumentError(f"Moving averages start from 'weights' or 'zeros', got {start!r}.")
        check_hyper(decay, "average_decay", FRACTION)
        if overwrite_every is not None:
            check_hyper(overwrite_every, "average_overwrite_every", _PERIOD)
        given = {"decay": decay, "overwrite_every": overwrite_every, "start": start}
        shown = {key: value for key, value in given.items() if value is not None}
        super().__init__("average weights", shown, self._follow, user_location())
        self._decay, self._overwrite_every, self._debiased, self._slot_name = decay, overwrite_every, start == "zeros", name
        self._averages: dict[Any, Variable] = {}
        self._values: dict[Any, Any] = {}
        self._load: Operation | None = None

    def _follow(self, pairs: Pairs, step: Step) -> Pairs:
        """Return the pairs as they are; the averages are updated after the update of the step."""
        if self._averages:
            raise GraphStateError("These MovingAverages belong to another training op already: make new ones for this one.")
        decay = step.hyper("average_decay", self._decay, FRACTION)
        every = None if self._overwrite_every is None else step.hyper("average_overwrite_every", self._overwrite_every, _PERIOD)
        count = step.counter("averaged_steps")
        for gradient, v in pairs:
            if gradient is not None:
                self._averages[v] = self._slot_of(v)
        step.after_update(lambda _: self._record(decay, every, count))
        return pairs

    def _slot_of(self, variable: Any) -> Variable:
        if self._debiased:
            slot: Variable = create_own_zeros_slot(variable, self._slot_name)
        else:
            slot = create_own_slot(variable, variable.initialized_value, self._slot_name)
        return slot

    def _record(self, decay: Any, every: Any, count: Variable) -> None:
        reached = add(count.value(), 1)
        assign(count, reached)
        is_time = None if every is None else equal(floormod(cast(reached, dtypes.float64), every.tensor), 0.0)
        weight = self._weight_after(decay) if self._debiased else None
        for v, average in self._averages.items():
            keep = decay.in_type(v.dtype)
            new = assign(average, add(multiply(average.value(), keep), multiply(v.value(), subtract(1, keep))))
            if is_time is not None:
                assign(v, select(is_time, _unbiased(new, weight), v.value()))
        self._values = {v: _unbiased(average.value(), weight) for v, average in self._averages.items()}

    def _weight_after(self, decay: Any) -> Any:
        """Record how much weight the averages have by now, 1 minus the product of all decays; return it."""
        product = Variable(np.float64(1.0), name="decay_product", trainable=False)
        assign(product, multiply(product.value(), decay.tensor))
        return subtract(1.0, product.value())

    def average(self, variable: Any) -> Any:
        """Return the average of a variable as a tensor, debiased if it starts from zeros; None for a variable without one."""
        return self._values.get(variable)

    def average_variable(self, variable: Any) -> Variable | None:
        """Return the variable that holds the average of a variable, or None."""
        return self._averages.get(variable)

    def load(self) -> Operation:
        """Return an operation that gives every variable its average."""
        if self._load is None:
            if not self._values:
                raise GraphStateError(_NO_AVERAGES)
            with next(iter(self._values)).graph.as_default():
                self._load = group(*[assign(v, value) for v, value in self._values.items()])
        return self._load

    @contextlib.contextmanager
    def swapped_in(self, session: Any = None) -> Iterator[None]:
        """Give the variables their averages inside a ``with`` block, for evaluation; then the weights come back.

        Args:
          session: the session (the default session by default).

        Raises:
          ValueError: without a session. RuntimeError: before they belong to a training op.
        """
        session = session or default_session()
        if session is None:
            raise ArgumentError("Swapping averages in needs a session: pass one, or enter `with session.as_default()`.")
        if not self._values:
            raise GraphStateError(_NO_AVERAGES)
        weights, averages = session.run([list(self._values), list(self._values.values())])
        try:
            for v, value in zip(self._values, averages, strict=True):
                v.load(value, session)
            yield
        finally:
            for v, value in zip(self._values, weights, strict=True):
                v.load(value, session)


def _unbiased(average: Any, weight: Any) -> Any:
    """Return an average divided by the weight that it has; as it is for None."""
    if weight is None:
        return average
    own = cast(weight, average.dtype)
    is_known = greater(own, zeros_as(own))
    return select(is_known, divide(average, own), zeros_as(average))


_NO_AVERAGES = "There are no averages yet: pass these MovingAverages to training_op or optimize_loss first."
