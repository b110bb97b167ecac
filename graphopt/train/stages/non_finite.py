"""What happens when a gradient is infinite or NaN; scaling of the loss, which makes that rarer in half precision."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.indexed_slices import map_values
from graphopt.graph.operation import Tensor, user_location
from graphopt.graph.variables import Variable, assign
from graphopt.ops.elementwise import (
    add,
    cast,
    divide,
    greater_equal,
    is_finite,
    less,
    logical_and,
    logical_not,
    logical_or,
    maximum,
    multiply,
    ones_as,
    select,
    subtract,
    zeros_as,
)
from graphopt.ops.reduce import reduce_all
from graphopt.ops.update_rule import check_sign
from graphopt.train.hyper import NON_NEGATIVE, POSITIVE, check_hyper, check_number
from graphopt.train.stages.stage import Pairs, Stage, Step, each_gradient, stage, values_of
from graphopt.train.unknown_arguments import naming_nearest


def all_finite(pairs: Pairs) -> Tensor:
    """Return a bool scalar: whether every number of every gradient is finite."""
    finite = None
    for gradient, _ in pairs:
        if gradient is not None:
            here = reduce_all(is_finite(values_of(gradient)))
            finite = here if finite is None else logical_and(finite, here)
    return convert_to_tensor(True) if finite is None else finite


class _Counters(NamedTuple):
    """What is counted of steps with gradients that are not finite: all of them, and those in a row up to now."""

    total: Variable
    in_a_row: Variable

    @classmethod
    def of(cls, step: Step, word: str) -> _Counters:
        """Return new counters of a step."""
        return cls(step.counter(word), step.counter(f"{word}_in_a_row"))

    def record(self, finite: Any, most: Any = None) -> Any:
        """Record the counting of this run; return how many there are in a row.

        Args:
          finite: whether all is. most: how many in a row are allowed, a float64 scalar; a run with more fails.
        """
        row = select(finite, zeros_as(self.in_a_row.value()), add(self.in_a_row.value(), 1))
        left = [] if most is None else [check_sign(_left(most, row), rule="non-negative", message=_TOO_MANY).op]
        with get_default_graph().control_dependencies(left):
            assign(self.in_a_row, row)
        assign(self.total, add(self.total.value(), select(finite, zeros_as(row), ones_as(row))))
        return row


def _left(most: Any, row: Any) -> Any:
    return subtract(most, cast(row, dtypes.float64))


_TOO_MANY = "The gradients of too many steps in a row are not finite."


@naming_nearest
def skip_non_finite(max_in_a_row: Any = None, beyond: Literal["raise", "apply"] = "raise") -> Stage:
    """Return the stage that skips the rest of a step whose gradients are not all finite: nothing changes but two counters.

    ``train_op.stats["skipped_steps"]`` and ``["skipped_steps_in_a_row"]`` give the counters.

    Args:
      max_in_a_row: how many steps in a row may be skipped (a number, scalar tensor, schedule or callable); None for any number.
      beyond: what the next bad step does: "raise" an InvalidArgumentError, or "apply" its gradients as they are, as optax does.

    Raises:
      ValueError: for another word for `beyond`. tf.errors.InvalidArgumentError: at run time, as said.

    Source: optax.apply_if_finite.

    Example:
      >>> x, w = tf.placeholder(tf.float32, []), tf.Variable(1.0)
      >>> stages = [tf.train.stages.skip_non_finite()]
      >>> train_op = tf.train.training_op(w * x, optimizer=tf.train.GradientDescentOptimizer(1.0), stages=stages)
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     loss = session.run(train_op, {x: np.nan})
      ...     print(session.run([w, train_op.stats["skipped_steps"]]))
      [np.float32(1.0), np.int64(1)]
    """
    if beyond not in ("raise", "apply"):
        raise ArgumentError(f"Beyond the bound, non-finite steps 'raise' or 'apply', got {beyond!r}.")
    if max_in_a_row is not None:
        check_hyper(max_in_a_row, "max_skipped_steps", NON_NEGATIVE)

    def function(pairs: Pairs, step: Step) -> Pairs:
        finite = all_finite(pairs)
        most = None if max_in_a_row is None else step.hyper("max_skipped_steps", max_in_a_row, NON_NEGATIVE).tensor
        row = _Counters.of(step, "skipped_steps").record(finite, most if beyond == "raise" else None)
        is_beyond = None if most is None or beyond == "raise" else less(_left(most, row), 0.0)
        step.only_if(finite if is_beyond is None else logical_or(finite, is_beyond))
        return pairs

    return stage("skip if not finite", function, max_in_a_row=max_in_a_row, beyond=beyond if max_in_a_row is not None else None)


@naming_nearest
def zero_non_finite(max_in_a_row: Any = None) -> Stage:
    """Return the stage that puts 0 in place of every infinite number and NaN of a gradient.

    ``train_op.stats["zeroed_steps"]`` and ``["zeroed_steps_in_a_row"]`` count the steps in which it did.

    Args:
      max_in_a_row: how many such steps in a row are allowed, or None for any number.

    Raises:
      tf.errors.InvalidArgumentError: at run time, for more in a row.

    Example:
      >>> w = tf.Variable([1.0, 2.0])
      >>> pairs = tf.train.stages.zero_non_finite()([(tf.constant([np.nan, 3.0]), w)])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     print(session.run(pairs[0][0]))
      [0. 3.]
    """

    if max_in_a_row is not None:
        check_hyper(max_in_a_row, "max_zeroed_steps", NON_NEGATIVE)

    def function(pairs: Pairs, step: Step) -> Pairs:
        finite = all_finite(pairs)
        most = None if max_in_a_row is None else step.hyper("max_zeroed_steps", max_in_a_row, NON_NEGATIVE).tensor
        _Counters.of(step, "zeroed_steps").record(finite, most)
        return each_gradient(lambda g, _: map_values(lambda x: select(is_finite(x), x, zeros_as(x)), g), pairs)

    return stage("zero what is not finite", function, max_in_a_row=max_in_a_row)


class LossScale(NamedTuple):
    """How a dynamic loss scale moves.

    Attributes:
      initial: where it starts. growth_steps: after how many finite steps in a row it is doubled. least: it is never halved below.
    """

    initial: float = 2.0**15
    growth_steps: float = 2000
    least: float = 1.0


@naming_nearest
def scale_loss(scale: Any) -> Stage:
    """Return the stage that multiplies the loss before gradients are computed, and divides the gradients again.

    With a dynamic scale, a step whose gradients are not finite is skipped and the scale is halved; after `growth_steps` finite steps in a
    row it is doubled. The scale is ``train_op.stats["loss_scale"]``.

    Args:
      scale: a fixed factor (a number, scalar tensor, schedule or callable), "dynamic", or a `LossScale` for a dynamic scale.

    Raises:
      ValueError: for another word.

    Source: Micikevicius et al. 2018, https://arxiv.org/abs/1710.03740.

    Example:
      >>> w = tf.Variable(1.0)
      >>> stages = [tf.train.stages.scale_loss("dynamic")]
      >>> train_op = tf.train.training_op(w * w, optimizer=tf.train.GradientDescentOptimizer(0.25), stages=stages)
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     print(session.run([train_op, train_op.stats["loss_scale"]]), session.run(w))
      [np.float32(1.0), np.float64(32768.0)] 0.5
    """
    if isinstance(scale, str):
        if scale != "dynamic":
            raise ArgumentError(f"A loss scale is a number or 'dynamic', got {scale!r}.")
        scale = LossScale()
    _check_scale(scale)
    made = _DynamicScale(scale) if isinstance(scale, LossScale) else _FixedScale(scale)
    settings = scale._asdict() if isinstance(scale, LossScale) else {"scale": scale}
    return Stage("unscale loss", settings, made.unscale, user_location(), made.scaled)


def _check_scale(scale: Any) -> None:
    if not isinstance(scale, LossScale):
        check_hyper(scale, "loss_scale", POSITIVE)
        return
    check_number(scale.initial, "loss_scale", POSITIVE)
    check_hyper(scale.growth_steps, "loss_scale_growth_steps", POSITIVE)
    check_hyper(scale.least, "least_loss_scale", POSITIVE)


class _FixedScale:
    """A factor of the loss."""

    def __init__(self, scale: Any) -> None:
        self._given = scale

    def scaled(self, loss: Tensor, step: Step) -> Tensor:
        """Return the loss times the factor."""
        self.value = self._value(step)
        step.counters["loss_scale"] = self.value
        scaled: Tensor = multiply(loss, cast(self.value, loss.dtype))
        return scaled

    def _value(self, step: Step) -> Any:
        return step.hyper("loss_scale", self._given, POSITIVE).tensor

    def unscale(self, pairs: Pairs, step: Step) -> Pairs:
        """Return the gradients divided by the factor."""
        if not hasattr(self, "value"):
            raise ArgumentError("The loss has not been scaled: pass this stage to training_op or optimize_loss.")
        inverse = divide(1.0, self.value)
        return each_gradient(lambda g, _: map_values(lambda x: multiply(x, cast(inverse, x.dtype)), g), pairs)


class _DynamicScale(_FixedScale):
    """A factor of the loss that is halved when gradients overflow, and doubled when they have not for long."""

    def _value(self, step: Step) -> Any:
        given: LossScale = self._given
        self._scale = Variable(np.float64(given.initial), name="loss_scale", trainable=False)
        self._good = Variable(np.int64(0), name="good_steps", trainable=False)
        return self._scale.value()

    def unscale(self, pairs: Pairs, step: Step) -> Pairs:
        """Return the gradients divided by the factor; skip the step and halve the factor when they are not finite."""
        given: LossScale = self._given
        pairs = super().unscale(pairs, step)
        finite = all_finite(pairs)
        _Counters.of(step, "overflowed_steps").record(finite)
        good = add(self._good.value(), 1)
        grows = greater_equal(cast(good, dtypes.float64), step.hyper("loss_scale_growth_steps", given.growth_steps, POSITIVE).tensor)
        least = step.hyper("least_loss_scale", given.least, POSITIVE).tensor
        after_good = select(grows, multiply(self.value, 2.0), self.value)
        assign(self._scale, select(finite, after_good, maximum(multiply(self.value, 0.5), least)))
        assign(self._good, select(logical_and(finite, logical_not(grows)), good, zeros_as(good)))
        step.only_if(finite)
        return pairs
