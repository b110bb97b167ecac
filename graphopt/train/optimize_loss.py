"""`optimize_loss`: from a loss to a training operation, with TensorFlow 1's fourteen arguments, names, tags, errors and value."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from graphopt.errors import ArgumentError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.initializers import Constant
from graphopt.graph.operation import Operation, Tensor, user_location
from graphopt.graph.summaries import histogram, scalar
from graphopt.graph.training_info import StageInfo, SummaryInfo, TrainingOpInfo, VariableInfo, record_training_op
from graphopt.graph.variable_scope import get_variable, variable_scope
from graphopt.graph.variables import trainable_variables, with_dependencies
from graphopt.train.clip import global_norm
from graphopt.train.global_step import assert_global_step, get_global_step
from graphopt.train.optimizers import (
    AdagradOptimizer,
    AdamOptimizer,
    FtrlOptimizer,
    GradientDescentOptimizer,
    MomentumOptimizer,
    Optimizer,
    RMSPropOptimizer,
)
from graphopt.train.stages import Pairs, Stage, clip_stage, multiplier_stage, noise_stage

OPTIMIZER_CLS_NAMES: dict[str, Callable[..., Optimizer]] = {
    "Adagrad": AdagradOptimizer,
    "Adam": AdamOptimizer,
    "Ftrl": FtrlOptimizer,
    "Momentum": lambda learning_rate: MomentumOptimizer(learning_rate, momentum=0.9),
    "RMSProp": RMSPropOptimizer,
    "SGD": GradientDescentOptimizer,
}

OPTIMIZER_SUMMARIES = ["learning_rate", "loss", "gradients", "gradient_norm", "global_gradient_norm"]

_DEFAULT_SUMMARIES = ["loss", "learning_rate", "global_gradient_norm"]


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
) -> Tensor:
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

    Raises:
      ValueError: for an argument of the wrong kind or value, without anything to change, or without a global step for the decay.
      TypeError: for a global step that is no integer scalar.

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
    loss = _checked_loss(loss)
    global_step = _checked_step(global_step)
    with variable_scope(name, "OptimizeLoss", [loss, global_step]) as scope:
        operations = _update_operations(update_ops)
        loss = with_dependencies(operations, loss) if operations else loss
        given = _learning_rate_tensor(learning_rate)
        recorder = _Summaries(summaries)
        rate = _decayed(given, global_step, learning_rate_decay_fn, recorder)
        opt = _to_optimizer(optimizer, rate, has_rate=given is not None)
        computed = opt.compute_gradients(
            loss, trainable_variables() if variables is None else variables, colocate_gradients_with_ops=colocate_gradients_with_ops
        )
        line = _Pipeline(computed, recorder)
        if gradient_noise_scale is not None:
            line.run(noise_stage(gradient_noise_scale))
        if gradient_multipliers is not None:
            line.run(multiplier_stage(gradient_multipliers))
        recorder.norm("global_norm/gradient_norm", line.pairs, "after noise and multipliers, before clipping")
        if clip_gradients is not None:
            line.run(clip_stage(clip_gradients))
        recorder.scalar("loss", "loss", loss, "before the step")
        recorder.each(line.pairs)
        if clip_gradients is not None:
            recorder.norm("global_norm/clipped_gradient_norm", line.pairs, "after clipping")
        apply_op = opt.apply_gradients(line.pairs, global_step=global_step if increment_global_step else None, name="train")
        train_op = with_dependencies([apply_op], loss)
    record_training_op(
        TrainingOpInfo(
            name=scope.original_name_scope.rstrip("/"),
            train_op=train_op,
            loss=loss,
            apply_op=apply_op,
            global_step=global_step,
            increments_global_step=increment_global_step and global_step is not None,
            given_learning_rate=learning_rate,
            learning_rate=rate,
            decay=learning_rate_decay_fn if given is not None else None,
            optimizer=opt,
            hyper_parameters=opt.hyper_parameters,
            stages=tuple(line.stages),
            variables=_variable_infos(opt, computed, line.pairs),
            optimizer_variables=tuple(opt._non_slot_variables()),
            summaries=tuple(recorder.recorded),
            update_ops=tuple(operations),
            location=location,
        )
    )
    return train_op


class _Pipeline:
    """The pairs on their way through the stages."""

    def __init__(self, pairs: Pairs, recorder: _Summaries) -> None:
        self.pairs = pairs
        self.stages: list[StageInfo] = []
        self._recorder = recorder

    def run(self, stage: Stage) -> None:
        """Put the pairs through a stage."""
        with self._recorder.watch(f"in the stage '{stage.name}'"):
            self.pairs = stage(self.pairs)
        self.stages.append(stage.info)


class _Summaries:
    """Records the summaries that are wanted, and notes where each is measured.

    Args:
      wanted: names of `OPTIMIZER_SUMMARIES`, or None for the usual ones.

    Raises:
      ValueError: for another name.
    """

    def __init__(self, wanted: Iterable[str] | None) -> None:
        self.wanted = list(_DEFAULT_SUMMARIES if wanted is None else wanted)
        self.recorded: list[SummaryInfo] = []
        for word in self.wanted:
            if word not in OPTIMIZER_SUMMARIES:
                raise ArgumentError(f"Summaries should be one of [{', '.join(OPTIMIZER_SUMMARIES)}], you provided {word}.")

    def _note(self, summary: Tensor, measured: str) -> None:
        self.recorded.append(SummaryInfo(summary, summary.op.attributes.get("tag", summary.op.name), measured))

    def scalar(self, word: str, name: str, value: Any, measured: str) -> None:
        """Record a number if `word` is wanted."""
        if word in self.wanted:
            self._note(scalar(name, value), measured)

    def norm(self, name: str, pairs: Pairs, measured: str) -> None:
        """Record the norm of all gradients if one of the two kinds of norms is wanted."""
        if "global_gradient_norm" in self.wanted or "gradient_norm" in self.wanted:
            self._note(scalar(name, global_norm([gradient for gradient, _ in pairs])), measured)

    def each(self, pairs: Pairs) -> None:
        """Record the histogram and the norm of each variable's gradient, as far as they are wanted."""
        for gradient, variable in pairs:
            if gradient is None:
                continue
            values = gradient.values if isinstance(gradient, IndexedSlices) else gradient
            name = variable.name.replace(":", "_")
            if "gradients" in self.wanted:
                self._note(histogram(f"gradients/{name}", values), "after clipping")
            if "gradient_norm" in self.wanted:
                self._note(scalar(f"gradient_norm/{name}", global_norm([values])), "after clipping")

    @contextlib.contextmanager
    def watch(self, measured: str) -> Iterator[None]:
        """Note the summaries that a stage or a decay records by itself."""
        known = set(get_default_graph().root.get_collection(GraphKeys.SUMMARIES))
        yield
        for summary in get_default_graph().root.get_collection(GraphKeys.SUMMARIES):
            if summary not in known:
                self._note(summary, measured)


def _checked_loss(loss: Any) -> Tensor:
    tensor = convert_to_tensor(loss)
    if tensor.get_shape().ndims != 0:
        raise ArgumentError(f"Expected scalar shape for {tensor.name}, saw shape: {tensor.get_shape()}.")
    return tensor


def _checked_step(global_step: Any) -> Any:
    if global_step is None:
        return get_global_step()
    assert_global_step(global_step)
    return global_step


def _update_operations(update_ops: Iterable[Any] | None) -> list[Operation]:
    """Return the operations that have to happen before the loss is returned, each once."""
    graph = get_default_graph()
    given = graph.root.get_collection(GraphKeys.UPDATE_OPS) if update_ops is None else update_ops
    elements = [graph.as_graph_element(item) for item in given]
    return list(dict.fromkeys(item.op if isinstance(item, Tensor) else item for item in elements))


def _learning_rate_tensor(learning_rate: Any) -> Any:
    """Return the learning rate as a scalar tensor or variable, or None.

    Raises:
      ValueError: for a negative float, or anything but a float and a scalar tensor.
    """
    if learning_rate is None or (isinstance(learning_rate, Tensor) and learning_rate.get_shape().ndims == 0):
        return learning_rate
    if not isinstance(learning_rate, float):
        raise ArgumentError(f"Learning rate should be 0d Tensor or float. Got {learning_rate!s} of type {type(learning_rate)}")
    if learning_rate < 0.0:
        raise ArgumentError("Invalid learning_rate %s.", learning_rate)
    return get_variable("learning_rate", [], trainable=False, initializer=Constant(learning_rate))


def _decayed(rate: Any, global_step: Any, decay_fn: Callable[[Any, Any], Any] | None, recorder: _Summaries) -> Any:
    if rate is None or decay_fn is None:
        return rate
    if global_step is None:
        raise ArgumentError("global_step is required for learning_rate_decay_fn.")
    with recorder.watch("in the decay function"):
        decayed = decay_fn(rate, global_step)
    recorder.scalar("learning_rate", "learning_rate", decayed, "after the decay")
    return decayed


def _to_optimizer(optimizer: Any, rate: Any, *, has_rate: bool) -> Optimizer:
    """Return the optimizer that a name, class, object or function stands for.

    Raises:
      ValueError: for anything else, or where the learning rate it needs is missing.
    """
    if isinstance(optimizer, str):
        if rate is None:
            raise ArgumentError(f"Learning rate is None, but should be specified if optimizer is string ({optimizer}).")
        if optimizer not in OPTIMIZER_CLS_NAMES:
            raise ArgumentError(f"Optimizer name should be one of [{', '.join(OPTIMIZER_CLS_NAMES)}], you provided {optimizer}.")
        return OPTIMIZER_CLS_NAMES[optimizer](learning_rate=rate)
    if isinstance(optimizer, type) and issubclass(optimizer, Optimizer):
        if rate is None:
            raise ArgumentError(f"Learning rate is None, but should be specified if optimizer is class ({optimizer}).")
        return optimizer(learning_rate=rate)  # type: ignore[call-arg]
    if isinstance(optimizer, Optimizer):
        return optimizer
    if not callable(optimizer):
        rule = "should be string, subclass of Optimizer, instance of subclass of Optimizer or function with one argument"
        raise ArgumentError(f"Unrecognized optimizer: {rule}. Got {optimizer}.")
    made = optimizer(rate) if has_rate else optimizer()
    if not isinstance(made, Optimizer):
        raise ArgumentError(f"Unrecognized optimizer: function should return subclass of Optimizer. Got {made}.")
    return made


def _variable_infos(optimizer: Optimizer, computed: Pairs, final: Pairs) -> tuple[VariableInfo, ...]:
    """Return what each variable goes through; a stage may have dropped or reordered pairs."""
    first = {v: gradient for gradient, v in computed}
    infos = []
    for gradient, v in final:
        found = {name: optimizer.get_slot(v, name) for name in optimizer.get_slot_names()}
        slots = {name: slot for name, slot in found.items() if slot is not None}
        infos.append(VariableInfo(v, first.get(v), gradient, slots))
    return tuple(infos)
