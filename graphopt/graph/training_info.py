"""What a training operation knows of itself, for inspection: its stages, variables, slots and summaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from graphopt.errors import ArgumentError
from graphopt.graph.operation import Location, Operation, Tensor, user_location
from graphopt.graph.variables import Variable

_KEY = "training_ops"
_UPDATES = "optimizer_updates"


@dataclass(frozen=True)
class StageInfo:
    """One stage between the loss and the step.

    Attributes:
      name: what it does, in a few words. settings: its settings by name.
      location: the line it comes from: the user's call, or where the user's function is defined.
      acts_after_update: whether it acts after the update, not on the gradients.
      recorded: the numbers (`Operation.id`) of the operations that it recorded between gradients and update.
    """

    name: str
    settings: Mapping[str, Any]
    location: Location | None = None
    acts_after_update: bool = False
    recorded: range = field(default=range(0), compare=False)


@dataclass(frozen=True)
class VariableInfo:
    """One variable that a training operation changes.

    Attributes:
      variable: the variable. gradient: its gradient of the loss, or None.
      final_gradient: what the stages made of it: what the optimizer gets. slots: what the optimizer keeps for it, by name.
    """

    variable: Variable
    gradient: Any
    final_gradient: Any
    slots: Mapping[str, Variable]


@dataclass(frozen=True)
class SummaryInfo:
    """One summary of a training operation.

    Attributes:
      tensor: the summary's tensor. tag: its tag. measured: at which place between the loss and the step.
    """

    tensor: Tensor
    tag: str
    measured: str


@dataclass(frozen=True)
class TrainingOpInfo:
    """A training operation as it was put together.

    Attributes:
      name: the name scope. train_op: the tensor that `optimize_loss` returned; its value is the loss from before the step.
      loss: the loss that is differentiated. apply_op: the operation that makes the step.
      global_step: the variable that counts the steps, or None. increments_global_step: whether this operation counts.
      given_learning_rate: what the user gave. learning_rate: the tensor or variable the optimizer was given, after the decay, or None.
      decay: the decay function, or None.
      optimizer: the optimizer. hyper_parameters: its hyper-parameters, by name.
      stages: in order. variables: what is changed. optimizer_variables: what the optimizer keeps besides slots.
      summaries: in order of recording. update_ops: what happens before the loss is returned.
      location: the user's line.
    """

    name: str
    train_op: Tensor
    loss: Tensor
    apply_op: Operation
    global_step: Any
    increments_global_step: bool
    given_learning_rate: Any
    learning_rate: Any
    decay: Any
    optimizer: Any
    hyper_parameters: Mapping[str, Any]
    stages: tuple[StageInfo, ...]
    variables: tuple[VariableInfo, ...]
    optimizer_variables: tuple[Variable, ...] = ()
    summaries: tuple[SummaryInfo, ...] = ()
    update_ops: tuple[Operation, ...] = ()
    location: Location | None = field(default=None, compare=False)

    @property
    def summary_tensors(self) -> list[Tensor]:
        """The tensors of the summaries."""
        return [summary.tensor for summary in self.summaries]


@dataclass(frozen=True)
class UpdateInfo:
    """What one call of an optimizer's `apply_gradients` has recorded.

    Attributes:
      step: what it returned: to run it is to make the step. optimizer: the optimizer. pairs: (gradient or None, variable), as it was given.
      global_step: the variable it counts the steps in, or None. location: the user's line.
    """

    step: Operation
    optimizer: Any
    pairs: tuple[tuple[Any, Any], ...]
    global_step: Any = None
    location: Location | None = field(default=None, compare=False)


def record_update(step: Any, optimizer: Any, pairs: Any, global_step: Any = None) -> None:
    """Keep with its graph what an optimizer has recorded.

    Args:
      step: the operation or tensor that makes the step. optimizer, pairs, global_step: as those of `UpdateInfo`.
    """
    operation = step.op if isinstance(step, Tensor) else step
    info = UpdateInfo(operation, optimizer, tuple(pairs), global_step, user_location())
    operation.graph.state.setdefault(_UPDATES, []).append(info)


def updates_of(graph: Any) -> list[UpdateInfo]:
    """Return what optimizers have recorded in a graph, in order."""
    return list(graph.state.get(_UPDATES, ()))


def record_training_op(info: TrainingOpInfo) -> None:
    """Keep what a training operation knows of itself with its graph."""
    info.train_op.graph.state.setdefault(_KEY, {})[info.train_op] = info


def training_ops_of(graph: Any) -> list[Tensor]:
    """Return the training ops that were recorded in a graph, in order."""
    return list(graph.root.state.get(_KEY, {}))


def training_info(train_op: Any) -> TrainingOpInfo:
    """Return what a training operation knows of itself.

    Args:
      train_op: what `optimize_loss` returned.

    Raises:
      ValueError: for anything else.

    Example:
      >>> w = tf.Variable(1.0)
      >>> train_op = tf.contrib.layers.optimize_loss(w * w, None, 0.1, "SGD", clip_gradients=1.0)
      >>> [stage.name for stage in tf.train.training_info(train_op).stages]
      ['clip by global norm']
    """
    graph = getattr(train_op, "graph", None)
    known: Mapping[Any, TrainingOpInfo] = {} if graph is None else graph.state.get(_KEY, {})
    if not isinstance(train_op, Tensor) or train_op not in known:
        names = ", ".join(tensor.name for tensor in known) or "none"
        raise ArgumentError(f"{train_op!r} is not a training op: pass what optimize_loss returned (in this graph: {names}).")
    return known[train_op]
