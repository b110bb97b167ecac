"""`optimize_loss`: from a loss to a training operation, with TensorFlow 1's fourteen arguments, names, tags, errors and value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from graphopt.dtypes import DType
from graphopt.errors import ArgumentError
from graphopt.graph.operation import user_location
from graphopt.graph.variable_scope import variable_scope
from graphopt.graph.variables import with_dependencies
from graphopt.train.choosing import OPTIMIZER_CLS_NAMES as OPTIMIZER_CLS_NAMES
from graphopt.train.choosing import learning_rate_tensor, to_optimizer
from graphopt.train.hyper import NON_NEGATIVE, HyperParameter, hyper_parameter
from graphopt.train.more_stages import MoreStages
from graphopt.train.stages.clip import clip_gradients as clip_stage
from graphopt.train.stages.multiply import multiply_gradients_by_name
from graphopt.train.stages.noise import add_noise
from graphopt.train.stages.stage import Step
from graphopt.train.step_summaries import OPTIMIZER_SUMMARIES as OPTIMIZER_SUMMARIES
from graphopt.train.step_summaries import StepSummaries
from graphopt.train.training_op import (
    Assembly,
    GivenRate,
    TrainingOp,
    checked_loss,
    checked_step,
    describe,
    has_rate,
    rate_of,
    rate_type,
    update_operations,
)


def optimize_loss(
    loss: Any,
    global_step: Any,
    learning_rate: Any,
    optimizer: Any,
    gradient_noise_scale: Any = None,
    gradient_multipliers: Mapping[Any, Any] | None = None,
    clip_gradients: Any = None,
    learning_rate_decay_fn: Callable[[Any, Any], Any] | None = None,
    update_ops: Iterable[Any] | None = None,
    variables: Iterable[Any] | None = None,
    name: str | None = None,
    summaries: Iterable[str] | None = None,
    colocate_gradients_with_ops: bool = False,
    increment_global_step: bool = True,
    **more_stages: Any,
) -> TrainingOp:
    """Return a training op: a tensor that gives the loss and, when it is run, makes one step.

    A run computes the gradients, adds noise, multiplies, clips, applies the optimizer's update and adds one to the global step. The value
    is the loss from before the step.

    Args:
      loss: a scalar tensor.
      global_step: an integer variable that counts the steps; None for the graph's own, if there is one.
      learning_rate: a Python float, for which a variable ``<scope>/learning_rate`` is made, a scalar tensor, or None.
      optimizer: a name of `OPTIMIZER_CLS_NAMES`; a subclass of `Optimizer` that takes `learning_rate`; an `Optimizer`; or a function of
        the learning rate (without arguments when that is None) that gives one.
      gradient_noise_scale: a number: normal noise times it is added to every gradient.
      gradient_multipliers: numbers or scalar tensors by variable, or by the variable's name with ``:0``.
      clip_gradients: a float, the largest global norm allowed, or a function from pairs (gradient, variable) to such pairs.
      learning_rate_decay_fn: a function of the learning rate and the global step that gives the rate to use.
      update_ops: operations that happen before the loss is returned (those of the collection UPDATE_OPS by default).
      variables: what to change (the trainable variables by default).
      name: scope of the operations, variables and summaries ("OptimizeLoss" by default, made unique).
      summaries: names of `OPTIMIZER_SUMMARIES` (by default loss, learning_rate, global_gradient_norm).
      colocate_gradients_with_ops: accepted for TensorFlow's sake.
      increment_global_step: whether a run adds one to the global step.
      more_stages: the stages that TensorFlow's does not have; see `MoreStages` for their names.

    Raises:
      ValueError: for an argument of the wrong kind or value, without a variable to change (the message says for each why), or without a
        global step for the decay. TypeError: for a global step that is no integer scalar, or an unknown argument.

    Source: tensorflow/contrib/layers/python/layers/optimizers.py (r1.15).

    Example:
      >>> x = tf.placeholder(tf.float32, [None])
      >>> w = tf.get_variable("w", [], initializer=tf.zeros_initializer())
      >>> loss = tf.reduce_mean(tf.square(x * w - 2.0 * x))
      >>> train_op = tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 0.1, "SGD", clip_gradients=5.0)
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     for _ in range(50):
      ...         value = session.run(train_op, {x: [1.0, 2.0]})
      ...     print(session.run(w).round(3), session.run(tf.train.get_global_step()))
      2.0 50
    """
    location = user_location()
    more = MoreStages.of(more_stages)
    loss = checked_loss(loss)
    global_step = checked_step(global_step)
    with variable_scope(name, "OptimizeLoss", [loss, global_step]) as scope:
        operations = update_operations(update_ops)
        loss = with_dependencies(operations, loss) if operations else loss
        given, base = _given_rate(learning_rate, global_step, loss.dtype)
        recorder = StepSummaries(summaries)
        rate = _decayed(given, global_step, learning_rate_decay_fn, recorder)
        opt = to_optimizer(optimizer, rate, has_rate=given is not None)
        rate_now = partial(_rate_of_step, opt, opt is optimizer, rate, global_step)
        with Step(global_step=global_step, learning_rate=rate_now, learning_rate_of=getattr(opt, "learning_rate_of", None)) as step:
            line = Assembly(loss, opt, global_step, increment_global_step, recorder, step, operations)
            line.compute(more.scaling, variables, colocate_gradients_with_ops=colocate_gradients_with_ops)
            line.run(more.before_noise)
            line.run([] if gradient_noise_scale is None else [add_noise(gradient_noise_scale)])
            line.run(more.noise)
            line.run([] if gradient_multipliers is None else [multiply_gradients_by_name(gradient_multipliers)])
            line.run(more.multipliers)
            recorder.norm("global_norm/gradient_norm", line.pairs, "after noise and multipliers, before clipping")
            line.clipped_from = list(line.pairs)
            clips = more.clips_around([] if clip_gradients is None else [clip_stage(clip_gradients)])
            line.run(clips)
            recorder.scalar("loss", "loss", loss, "before the step")
            recorder.each(line.pairs)
            if clips:
                recorder.norm("global_norm/clipped_gradient_norm", line.pairs, "after clipping")
            line.run(more.after_clipping)
            apply_op = line.apply()
        train_op = with_dependencies([apply_op], loss)
    has_own, decay = opt is optimizer and has_rate(opt), None if given is None else learning_rate_decay_fn
    line.rate = GivenRate(learning_rate) if has_own else GivenRate(learning_rate, base, rate, decay)
    return describe(line, train_op, apply_op, scope.original_name_scope.rstrip("/"), location)


def _rate_of_step(optimizer: Any, is_object: bool, rate: Any, global_step: Any) -> Any:
    own = rate_of(optimizer, None, global_step) if is_object or rate is None else None
    return rate if own is None else own


def _given_rate(learning_rate: Any, global_step: Any, dtype: DType) -> tuple[Any, HyperParameter | None]:
    """Return the learning rate as a tensor or variable, or None, and as a hyper-parameter."""
    if callable(learning_rate) and not hasattr(learning_rate, "builder"):
        made = hyper_parameter(learning_rate, "learning_rate", step=global_step, allowed=NON_NEGATIVE)
        return made.in_type(rate_type(dtype)), made
    given = learning_rate_tensor(learning_rate)
    return given, None if given is None else hyper_parameter(given, "learning_rate", allowed=NON_NEGATIVE)


def _decayed(rate: Any, global_step: Any, decay_fn: Callable[[Any, Any], Any] | None, recorder: StepSummaries) -> Any:
    if rate is None or decay_fn is None:
        return rate
    if global_step is None:
        raise ArgumentError("global_step is required for learning_rate_decay_fn.")
    with recorder.watch("in the decay function"):
        decayed = decay_fn(rate, global_step)
    recorder.scalar("learning_rate", "learning_rate", decayed, "after the decay")
    return decayed
