"""`create_train_op` of `contrib.training` and of `slim`: training ops from an optimizer object, with the names and tags of each."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, NamedTuple

from graphopt.errors import ArgumentTypeError, AssertedArgumentError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.operation import Operation, user_location
from graphopt.graph.scopes import name_scope
from graphopt.graph.variables import group, trainable_variables, with_dependencies
from graphopt.ops.control import check_numerics as checked_numerics
from graphopt.train.choosing import is_optimizer
from graphopt.train.global_step import get_or_create_global_step
from graphopt.train.optimizers import Optimizer
from graphopt.train.slim_stages import Transform, add_gradients_summaries, clip_stage, multiplier_stage, transform_stage
from graphopt.train.stages.stage import Stage, Step
from graphopt.train.step_summaries import StepSummaries
from graphopt.train.training_op import Assembly, TrainingOp, describe, rate_of, update_operations
from graphopt.train.unknown_arguments import naming_nearest

_LOG = logging.getLogger("graphopt")

# The value of `global_step` that stands for the graph's own step.
_USE_GLOBAL_STEP = 0


@naming_nearest
def create_train_op(
    total_loss: Any,
    optimizer: Any,
    global_step: Any = _USE_GLOBAL_STEP,
    update_ops: Iterable[Any] | None = None,
    variables_to_train: Iterable[Any] | None = None,
    transform_grads_fn: Transform | None = None,
    summarize_gradients: bool = False,
    gate_gradients: int = Optimizer.GATE_OP,
    aggregation_method: int | None = None,
    colocate_gradients_with_ops: bool = False,
    check_numerics: bool = True,
) -> TrainingOp:
    """Return a training op: a tensor that gives the loss and, when it is run, makes one step.

    In this order: update ops, gradients, `transform_grads_fn`, summaries, update, global step. A loss that is NaN or infinite raises, and
    then the step has changed nothing.

    Args:
      total_loss: a floating point tensor.
      optimizer: an optimizer object of any design (`tf.train`, `tf.optimizers`, `tf.keras.optimizers`).
      global_step: an integer variable that counts the steps; the graph's own, made when it is missing, by default; None to count none.
      update_ops: operations that happen before the loss is taken (those of the collection UPDATE_OPS by default). A warning is logged
        when one of the collection is not among them.
      variables_to_train: what to change (the trainable variables by default).
      transform_grads_fn: a function from a list of pairs (gradient, variable) to such a list.
      summarize_gradients: whether each gradient gets a histogram ``summarize_grads/<variable>_gradient`` and the summary of its norm,
        ``summarize_grads/<variable>_gradient_norm``.
      gate_gradients, aggregation_method, colocate_gradients_with_ops: as in `Optimizer.compute_gradients`.
      check_numerics: whether a loss that is NaN or infinite raises.

    Raises:
      AssertionError: for a variable that is not trainable, or without variables.
      TypeError: for what is no optimizer. ValueError: when no gradient is left.
      tf.errors.InvalidArgumentError: from a run whose loss is NaN or infinite.

    Source: tensorflow/contrib/training/python/training/training.py (r1.15).

    Example:
      >>> w = tf.get_variable("w", initializer=[3.0, 4.0])
      >>> sgd = tf.train.GradientDescentOptimizer(1.0)
      >>> train_op = create_train_op(tf.nn.l2_loss(w), sgd, transform_grads_fn=lambda pairs: [(0.2 * g, v) for g, v in pairs])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     print(session.run(train_op), session.run(w).round(4), session.run(tf.train.get_global_step()))
      12.5 [2.4 3.2] 1
    """
    stages = [] if transform_grads_fn is None else [transform_stage(transform_grads_fn)]
    arguments = _Arguments(optimizer, global_step, update_ops, variables_to_train, summarize_gradients, check_numerics)
    return _create(total_loss, arguments, stages, _gradient_options(gate_gradients, aggregation_method, colocate_gradients_with_ops))


@partial(naming_nearest, name="create_train_op")
def create_slim_train_op(
    total_loss: Any,
    optimizer: Any,
    global_step: Any = _USE_GLOBAL_STEP,
    update_ops: Iterable[Any] | None = None,
    variables_to_train: Iterable[Any] | None = None,
    clip_gradient_norm: Any = 0,
    summarize_gradients: bool = False,
    gate_gradients: int = Optimizer.GATE_OP,
    aggregation_method: int | None = None,
    colocate_gradients_with_ops: bool = False,
    gradient_multipliers: Mapping[Any, Any] | None = None,
    check_numerics: bool = True,
) -> TrainingOp:
    """Return a training op: a tensor that gives the loss and, when it is run, makes one step.

    In this order: update ops, gradients, multipliers, clipping of each gradient by its own norm, summaries, update, global step.

    Args:
      clip_gradient_norm: the largest norm of each gradient; 0 or less for no clipping.
      gradient_multipliers: a dict of numbers or scalar tensors by variable, or by the variable's name without ``:0``.
      The other arguments are those of `contrib.training.create_train_op`.

    Raises:
      AssertionError: for a variable that is not trainable, or without variables.
      TypeError: for what is no optimizer, and a clipping norm that is no number.
      ValueError: for multipliers that are no dict, a multiplier of a gradient that is None, and when no gradient is left.
      tf.errors.InvalidArgumentError: from a run whose loss is NaN or infinite.

    Source: tensorflow/contrib/slim/python/slim/learning.py (r1.15).

    Example:
      >>> w = tf.get_variable("w", initializer=[3.0, 4.0])
      >>> sgd = tf.train.GradientDescentOptimizer(1.0)
      >>> train_op = create_slim_train_op(tf.nn.l2_loss(w), sgd, clip_gradient_norm=1.0, gradient_multipliers={"w": 10.0})
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     print(session.run(train_op), session.run(w).round(4))
      12.5 [2.4 3.2]
    """
    stages = []
    if gradient_multipliers:
        stages.append(multiplier_stage(gradient_multipliers))
    if _is_above_zero(clip_gradient_norm):
        stages.append(clip_stage(clip_gradient_norm))
    arguments = _Arguments(optimizer, global_step, update_ops, variables_to_train, summarize_gradients, check_numerics)
    return _create(total_loss, arguments, stages, _gradient_options(gate_gradients, aggregation_method, colocate_gradients_with_ops))


def _is_above_zero(clip_gradient_norm: Any) -> bool:
    try:
        return bool(clip_gradient_norm > 0)
    except TypeError:
        raise ArgumentTypeError(f"clip_gradient_norm must be a number (0 for no clipping), got {clip_gradient_norm!r}.") from None


class _Arguments(NamedTuple):
    """What both forms of the function are given."""

    optimizer: Any
    global_step: Any
    update_ops: Iterable[Any] | None
    variables_to_train: Iterable[Any] | None
    summarize_gradients: bool
    check_numerics: bool


def _gradient_options(gate_gradients: int, aggregation_method: int | None, colocate_gradients_with_ops: bool) -> dict[str, Any]:
    return {
        "gate_gradients": gate_gradients,
        "aggregation_method": aggregation_method,
        "colocate_gradients_with_ops": colocate_gradients_with_ops,
    }


def _create(total_loss: Any, given: _Arguments, stages: list[Stage], gradient_options: dict[str, Any]) -> TrainingOp:
    location = user_location()
    _check_optimizer(given.optimizer)
    global_step = _to_step(given.global_step)
    operations = update_operations(given.update_ops)
    _warn_of_missing(operations)
    loss = convert_to_tensor(total_loss)
    if operations:
        loss = with_dependencies([group(*operations, name="update_barrier")], loss)
    with Step(global_step=global_step, learning_rate=lambda: rate_of(given.optimizer, None, global_step)) as step:
        line = Assembly(loss, given.optimizer, global_step, True, StepSummaries(()), step, operations)
        line.compute([], _checked_variables(given.variables_to_train), **gradient_options)
        line.run(stages)
        if given.summarize_gradients:
            with name_scope("summarize_grads"), line.summaries.watch("after the stages, before the update"):
                add_gradients_summaries(line.pairs)
        apply_op = line.apply(name=None)
    with name_scope("train_op"):
        value = checked_numerics(loss, message="LossTensor is inf or nan", name="CheckNumerics") if given.check_numerics else loss
        train_op = with_dependencies([apply_op], value)
    collected = get_default_graph().root.get_collection_ref(GraphKeys.TRAIN_OP)
    if train_op not in collected:
        collected.append(train_op)
    return describe(line, train_op, apply_op, "train_op", location)


def _check_optimizer(optimizer: Any) -> None:
    if isinstance(optimizer, type) or not is_optimizer(optimizer):
        raise ArgumentTypeError(
            f"create_train_op takes an optimizer object, such as tf.train.GradientDescentOptimizer(0.1), got {optimizer!r}; "
            "optimize_loss takes names and classes as well."
        )


def _to_step(global_step: Any) -> Any:
    is_default = isinstance(global_step, int) and global_step == _USE_GLOBAL_STEP
    return get_or_create_global_step() if is_default else global_step


def _warn_of_missing(operations: list[Operation]) -> None:
    """Warn when an operation of the collection UPDATE_OPS is not among those that will happen."""
    missing = [operation.name for operation in update_operations(None) if operation not in operations]
    if missing:
        _LOG.warning(
            "update_ops in create_train_op does not contain all the update_ops in GraphKeys.UPDATE_OPS: %s will not happen.",
            ", ".join(missing),
        )


def _checked_variables(variables_to_train: Iterable[Any] | None) -> list[Any]:
    known = trainable_variables()
    variables = list(known if variables_to_train is None else variables_to_train)
    for v in variables:
        if not v.trainable and v not in known:
            raise AssertedArgumentError(f"{v.name} in variables_to_train is not trainable: it was made with trainable=False.")
    if not variables:
        raise AssertedArgumentError("There are no variables to train: the graph has no trainable ones, or variables_to_train is empty.")
    return variables
