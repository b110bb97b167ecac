"""Gradients of several runs added up before one update, and of several replicas."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from graphopt import dtypes
from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.indexed_slices import map_values
from graphopt.graph.slots import create_own_zeros_slot
from graphopt.graph.variables import assign
from graphopt.ops.elementwise import add, cast, divide, greater_equal, multiply, select, zeros_as
from graphopt.train.hyper import Range, check_hyper
from graphopt.train.stages.stage import Pairs, Stage, Step, stage, to_dense
from graphopt.train.unknown_arguments import naming_nearest

_COUNT = Range(low=1.0, words="1 or more")


@naming_nearest
def accumulate(steps: Any, how: Literal["mean", "sum"] = "mean") -> Stage:
    """Return the stage that adds up the gradients of `steps` runs, and lets what follows happen in every `steps`-th run alone.

    In the other runs no variable changes but the sums: no noise is drawn, no average moves, and the global step is not counted. The sum is
    dense, also of sparse rows, and of float32 for gradients in half precision. The loss that a run gives is its own.

    Args:
      steps: from 1 on: a number, scalar tensor, schedule of the global step, or callable. how: what is used of the gradients.

    Raises:
      TypeError, ValueError: for what is no number of steps, or another word for `how`.

    Example:
      >>> x, w = tf.placeholder(tf.float32, []), tf.Variable(0.0)
      >>> stages = [tf.train.stages.accumulate(2)]
      >>> train_op = tf.train.training_op(w * x, optimizer=tf.train.GradientDescentOptimizer(1.0), stages=stages)
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     for value in (1.0, 3.0):
      ...         loss = session.run(train_op, {x: value})
      ...         print(session.run(w))
      0.0
      -2.0
    """
    if how not in ("mean", "sum"):
        raise ArgumentError(f"Gradients are accumulated as 'mean' or 'sum', got {how!r}.")
    check_hyper(steps, "accumulate_steps", _COUNT)

    def function(pairs: Pairs, step: Step) -> Pairs:
        wanted = step.hyper("accumulate_steps", steps, _COUNT).tensor
        count = step.counter("accumulated_steps")
        reached = add(count.value(), 1)
        complete = greater_equal(cast(reached, dtypes.float64), wanted)
        assign(count, select(complete, zeros_as(reached), reached))
        inverse = divide(1.0, cast(reached, dtypes.float64)) if how == "mean" else None
        totals = [(_added(gradient, v, complete, inverse), v) for gradient, v in pairs]
        step.only_if(complete)
        return totals

    return stage("accumulate", function, steps=steps, how=how)


def _added(gradient: Any, variable: Any, complete: Any, inverse: Any) -> Any:
    """Record the sum with one more gradient; return what is used of it when it is complete."""
    if gradient is None:
        return None
    dtype = dtypes.float32 if variable.dtype.size < 4 else variable.dtype
    total = create_own_zeros_slot(variable, "accumulated_gradient", dtype)
    # No row is written where it stands: who fetches what comes after, without the step, must change nothing.
    now = add(total.value(), cast(to_dense(gradient, variable), dtype))
    assign(total, select(complete, zeros_as(now), now))
    used = now if inverse is None else multiply(now, cast(inverse, dtype))
    return cast(used, variable.dtype)


@naming_nearest
def aggregate(all_reduce: Callable[[Any], Any] | None = None) -> Stage:
    """Return the stage that combines the gradients of all replicas: on one replica it changes nothing.

    Args:
      all_reduce: a function that gives, for a replica's tensor, the sum or mean over all replicas; None where there is one.

    Raises:
      TypeError: for what is no function.

    Example:
      >>> w = tf.Variable([1.0])
      >>> pairs = tf.train.stages.aggregate(lambda gradient: gradient * 2.0)([(tf.constant([3.0]), w)])
      >>> tf.Session().run(pairs[0][0])
      array([6.], dtype=float32)
    """
    if all_reduce is not None and not callable(all_reduce):
        raise ArgumentTypeError(f"all_reduce is a function of a tensor, or None for one replica, got {all_reduce!r}.")

    def function(pairs: Pairs, _: Step) -> Pairs:
        if all_reduce is None:
            return pairs
        return [(map_values(all_reduce, gradient), v) for gradient, v in pairs]

    return stage("aggregate", function, all_reduce=all_reduce)
