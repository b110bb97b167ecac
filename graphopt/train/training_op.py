"""The training op: from a loss, stages and an optimizer to one tensor that gives the loss and makes a step."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, NamedTuple

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.operation import Operation, Tensor, user_location
from graphopt.graph.training_info import StageInfo, TrainingOpInfo, VariableInfo, record_training_op, training_info
from graphopt.graph.variable_scope import variable_scope
from graphopt.graph.variables import Variable, trainable_variables, with_dependencies
from graphopt.train.choosing import to_optimizer
from graphopt.train.global_step import assert_global_step, get_global_step
from graphopt.train.gradients_missing import check_any_gradient
from graphopt.train.hyper import NON_NEGATIVE, HyperParameter, HyperParameters, hyper_parameter
from graphopt.train.optimizers import Optimizer
from graphopt.train.optimizers.modern.guards import apply_and_count
from graphopt.train.stages.stage import Pairs, Stage, Step, to_stage, unique_name
from graphopt.train.statistics import Statistics
from graphopt.train.step_summaries import StepSummaries
from graphopt.train.unknown_arguments import naming_nearest


class TrainingOp(Tensor):
    """The tensor of a training op: its value is the loss from before the step; a run that needs it makes the step.

    Attributes:
      hyper: the hyper-parameters by name, to read and to set while running. stats: tensors that tell how the step went, to fetch.
      info: what it is made of.
    """

    __slots__ = ()

    @property
    def info(self) -> TrainingOpInfo:
        """What the training op knows of itself."""
        return training_info(self)

    @property
    def hyper(self) -> HyperParameters:
        """The hyper-parameters of optimizer and stages, by name."""
        found: HyperParameters = self.graph.state["training_hyper"][self]
        return found

    @property
    def stats(self) -> Mapping[str, Tensor]:
        """Tensors that tell how the step went, by name; recorded when they are first asked for."""
        found: Statistics = self.graph.state["training_stats"][self]
        return found.tensors()


class GivenRate(NamedTuple):
    """The learning rate that a training op was given, if it was.

    Attributes:
      given: what the user gave. hyper: it as a hyper-parameter. tensor: the rate to use, after the decay. decay: the decay function.
    """

    given: Any = None
    hyper: HyperParameter | None = None
    tensor: Any = None
    decay: Any = None


@dataclass
class Assembly:
    """A training op while it is put together.

    Attributes:
      loss: the loss. optimizer: the optimizer. global_step: the variable that counts the steps, or None.
      increments: whether the step is counted. summaries: what is recorded for people. step: what the stages share.
      update_ops: what happens before the loss is returned. rate: the learning rate that was given; an optimizer object's own counts more.
    """

    loss: Tensor
    optimizer: Any
    global_step: Any
    increments: bool
    summaries: StepSummaries
    step: Step
    update_ops: Sequence[Operation] = ()
    rate: GivenRate = field(default_factory=GivenRate)

    def __post_init__(self) -> None:
        self.stages: list[StageInfo] = []
        self.computed: Pairs = []
        self.before: dict[Any, Any] = {}
        self.pairs: Pairs = []
        self.clipped_from: Pairs | None = None

    def compute(self, stages: Iterable[Stage], variables: Any, **options: Any) -> None:
        """Compute the gradients of the loss, scaled by the stages that do so."""
        loss = self.loss
        for stage in stages:
            if stage.scale_loss is not None:
                loss = stage.scale_loss(loss, self.step)
        chosen = list(trainable_variables() if variables is None else variables)
        if isinstance(self.optimizer, Optimizer):
            self.computed = self.optimizer.compute_gradients(loss, chosen, **options)
        elif hasattr(self.optimizer, "get_scaled_loss"):  # one that scales the loss has to compute the gradients itself
            self.computed = self.optimizer.compute_gradients(loss, chosen)
        else:
            self.computed = Optimizer(False, "gradients").compute_gradients(loss, chosen, **options)
        self.pairs = list(self.computed)
        self.before = _values_before(self.computed)

    def run(self, stages: Iterable[Stage]) -> None:
        """Put the pairs through stages."""
        for stage in stages:
            if stage.clips and self.clipped_from is None:
                self.clipped_from = list(self.pairs)
            first = self.loss.graph.version
            with self.summaries.watch(f"in the stage '{stage.name}'"):
                self.pairs = stage(self.pairs, self.step)
            self.stages.append(replace(stage.info, recorded=range(first, self.loss.graph.version)))

    def apply(self, name: str | None = "train") -> Operation:
        """Record the update, what comes after it, and the count of steps; return the operation of the whole step.

        Args:
          name: the update's name; the optimizer's for None.
        """
        check_any_gradient(self.loss, self.computed, self.pairs)
        counted = self.global_step if self.increments else None
        update = apply_and_count(self.optimizer, self.pairs, counted, name)
        return self.step.finish(update, self.pairs)

    def hypers(self) -> dict[str, HyperParameter]:
        """Return all hyper-parameters: the learning rate that was given, the optimizer's, the stages'."""
        found = dict(self.optimizer.hyper.parameters) if hasattr(self.optimizer, "hyper") else {}
        if self.rate.hyper is not None:
            found["learning_rate"] = self.rate.hyper
        for name, value in self.step.hypers.items():
            found[unique_name(name, found)] = value
        return found


@naming_nearest
def training_op(
    loss: Any,
    *,
    optimizer: Any,
    stages: Iterable[Any] = (),
    learning_rate: Any = None,
    global_step: Any = None,
    variables: Iterable[Any] | None = None,
    update_ops: Iterable[Any] | None = None,
    summaries: Iterable[str] | None = (),
    name: str | None = None,
    increment_global_step: bool = True,
) -> TrainingOp:
    """Return a training op whose stages stand in the order that you choose.

    A run computes the gradients of the loss, puts them through the stages in order, updates the variables, lets stages that act after
    the update do so (in order), and adds one to the global step. The value is the loss from before the step.

    Args:
      loss: a floating point scalar tensor.
      optimizer: one of any design (`tf.train`, `tf.keras.optimizers`, ...); its class; a name of `OPTIMIZER_CLS_NAMES`; or a function of
        the learning rate (without arguments when there is none) that gives one.
      stages: stages of `tf.train.stages`, and functions from pairs (gradient, variable) to such pairs. What they write is part of the step.
      learning_rate: a number from 0 on, a scalar tensor or variable, a schedule (a function of the global step) or a callable without
        arguments. Needed for an optimizer given by name or class; an optimizer object keeps its own.
      global_step: an integer variable that counts the steps (the graph's own by default, if there is one).
      variables: what to change (the trainable variables by default).
      update_ops: operations that happen before the loss is returned (those of the collection UPDATE_OPS by default).
      summaries: names of `OPTIMIZER_SUMMARIES`, or None for the usual ones; gradients are summarised after all stages.
      name: scope of the operations ("TrainingOp" by default, made unique).
      increment_global_step: whether a run adds one to the global step.

    Raises:
      ValueError: for a loss that is no scalar, a rate below 0 or NaN, no variables, or no variable with a gradient (the message says for
        each why). TypeError: for a global step that is no integer scalar, or a stage that is no function.

    Example:
      >>> w = tf.Variable([3.0, 4.0])
      >>> train_op = tf.train.training_op(
      ...     tf.nn.l2_loss(w),
      ...     learning_rate=1.0,
      ...     optimizer=tf.keras.optimizers.SGD,
      ...     stages=[tf.train.stages.clip_by_global_norm(1.0), tf.train.stages.decay_weights(0.1)],
      ... )
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     print(session.run(train_op), session.run(w).round(2))
      12.5 [2.1 2.8]
    """
    location = user_location()
    loss = checked_loss(loss)
    global_step = checked_step(global_step)
    known = [to_stage(stage) for stage in ([stages] if isinstance(stages, Stage) else stages)]
    with variable_scope(name, "TrainingOp", [loss]) as scope:
        operations = update_operations(update_ops)
        loss = with_dependencies(operations, loss) if operations else loss
        given = None
        if learning_rate is not None:
            given = hyper_parameter(learning_rate, "learning_rate", step=global_step, allowed=NON_NEGATIVE)
        rate = None if given is None else given.in_type(rate_type(loss.dtype))
        chosen = to_optimizer(optimizer, rate, has_rate=given is not None)
        recorder = StepSummaries(summaries)
        rate_now = partial(rate_of, chosen, given, global_step, chosen is optimizer)
        with Step(global_step=global_step, learning_rate=rate_now, learning_rate_of=getattr(chosen, "learning_rate_of", None)) as step:
            assembly = Assembly(loss, chosen, global_step, increment_global_step, recorder, step, operations)
            assembly.compute(known, variables)
            recorder.norm("global_norm/gradient_norm", assembly.pairs, "before the stages")
            assembly.run(known)
            recorder.scalar("loss", "loss", loss, "before the step")
            recorder.each(assembly.pairs)
            apply_op = assembly.apply()
        train_op = with_dependencies([apply_op], loss)
    has_own = chosen is optimizer and has_rate(chosen)
    assembly.rate = GivenRate(learning_rate) if has_own else GivenRate(learning_rate, given, rate)
    return describe(assembly, train_op, apply_op, scope.original_name_scope.rstrip("/"), location)


def rate_of(optimizer: Any, given: HyperParameter | None, global_step: Any, is_object: bool = False) -> Any:
    """Return the learning rate of a step: the one that was given, or the optimizer's own; None when there is none.

    Args:
      is_object: whether the user gave the optimizer as an object, whose own rate counts if it has one.
    """
    if given is not None and not is_object:
        return given.tensor
    if hasattr(optimizer, "prepare_hyper"):
        optimizer.prepare_hyper(global_step)
    if has_rate(optimizer):
        return optimizer.hyper.parameters["learning_rate"].tensor
    return None if given is None else given.tensor


def rate_type(dtype: DType) -> DType:
    """Return the element type in which users' functions get a learning rate: the loss's, but not half precision, which would round it."""
    return dtypes.float32 if dtype.size < 4 else dtype


def has_rate(optimizer: Any) -> bool:
    """Return whether an optimizer has a learning rate of its own, recorded already."""
    return hasattr(optimizer, "hyper") and "learning_rate" in optimizer.hyper.parameters


def _values_before(pairs: Pairs) -> dict[Any, Any]:
    """Return the values of the variables as the step finds them."""
    return {v: v.value() for gradient, v in pairs if gradient is not None and isinstance(v, Variable)}


def describe(assembly: Assembly, train_op: Tensor, apply_op: Operation, name: str, location: Any) -> TrainingOp:
    """Keep what is known of a training op with its graph; return it as such."""
    rate = assembly.rate
    optimizer = assembly.optimizer
    record_training_op(
        TrainingOpInfo(
            name=name,
            train_op=train_op,
            loss=assembly.loss,
            apply_op=apply_op,
            global_step=assembly.global_step,
            increments_global_step=assembly.increments and assembly.global_step is not None,
            given_learning_rate=rate.given,
            learning_rate=rate.tensor,
            decay=rate.decay,
            optimizer=optimizer,
            hyper_parameters=getattr(optimizer, "hyper_parameters", {}),
            stages=tuple(assembly.stages),
            variables=_variable_infos(optimizer, assembly.computed, assembly.pairs),
            optimizer_variables=tuple(_other_variables(optimizer)),
            summaries=tuple(assembly.summaries.recorded),
            update_ops=tuple(assembly.update_ops),
            location=location,
        )
    )
    # The tensor itself becomes a training op, so that it is one object wherever it is met.
    train_op.__class__ = TrainingOp
    assert isinstance(train_op, TrainingOp)
    state = train_op.graph.state
    state.setdefault("training_hyper", {})[train_op] = HyperParameters(assembly.hypers())
    step_rate = rate_of(optimizer, rate.hyper, assembly.global_step) if rate.decay is None else rate.tensor
    pairs_before = assembly.pairs if assembly.clipped_from is None else assembly.clipped_from
    state.setdefault("training_stats", {})[train_op] = Statistics(
        name, pairs_before, assembly.pairs, assembly.before, assembly.step.counters, step_rate
    )
    return train_op


def _other_variables(optimizer: Any) -> list[Variable]:
    return optimizer._non_slot_variables() if isinstance(optimizer, Optimizer) else []


def _variable_infos(optimizer: Any, computed: Pairs, final: Pairs) -> tuple[VariableInfo, ...]:
    """Return what each variable goes through; a stage may have dropped or reordered pairs."""
    first = {v: gradient for gradient, v in computed}
    infos = []
    for gradient, v in final:
        infos.append(VariableInfo(v, first.get(v), gradient, slots_of(optimizer, v)))
    return tuple(infos)


def slots_of(optimizer: Any, variable: Any) -> dict[str, Variable]:
    """Return what an optimizer keeps for a variable, by name."""
    names = optimizer.get_slot_names() if hasattr(optimizer, "get_slot_names") else ()
    found: dict[str, Any] = {}
    for name in names:
        with contextlib.suppress(KeyError):  # the legacy optimizers raise where others give None
            found[name] = optimizer.get_slot(variable, name)
    return {name: slot for name, slot in found.items() if slot is not None}


def checked_loss(loss: Any) -> Tensor:
    """Return the loss as a tensor; ValueError unless it is a scalar."""
    tensor = convert_to_tensor(loss)
    if tensor.get_shape().ndims != 0:
        raise ArgumentError(f"Expected scalar shape for {tensor.name}, saw shape: {tensor.get_shape()}.")
    return tensor


def checked_step(global_step: Any) -> Any:
    """Return the global step, or the graph's own for None; raise unless it is an integer scalar."""
    if global_step is None:
        return get_global_step()
    assert_global_step(global_step)
    return global_step


def update_operations(update_ops: Iterable[Any] | None) -> list[Operation]:
    """Return the operations that have to happen before the loss is returned, each once."""
    graph = get_default_graph()
    given = graph.root.get_collection(GraphKeys.UPDATE_OPS) if update_ops is None else update_ops
    elements = [graph.as_graph_element(item) for item in given]
    return list(dict.fromkeys(item.op if isinstance(item, Tensor) else item for item in elements))
