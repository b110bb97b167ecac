"""What has to be finite in a training step, and the check of it that runs within the step."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphopt.compiler.needed import needed_operations
from graphopt.graph.graph import get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Operation, Tensor
from graphopt.ops.elementwise import is_finite, logical_and, logical_not, logical_or, select
from graphopt.ops.reduce import reduce_all
from graphopt.ops.state import read
from graphopt.ops.state import variable as variable_op
from graphopt.ops.update_rule import check_sign
from graphopt.train.hooks.diagnosis import forward_of, starts_backward, writes
from graphopt.train.hooks.protocol import SessionRunArgs

_MESSAGE = "The loss, a gradient or an updated variable is not finite."


class Check:
    """A check that tensors are finite.

    Args:
      watched: the tensors, each with the name it is reported by. guards: where one of them is false, no step is made.

    Attributes:
      watched: the tensors. finite: whether all are. failing: fails when not all are.
      checking, looking: what a hook has to ask for: to let the run fail, or to see what it was like.
    """

    def __init__(self, watched: Mapping[Tensor, str], guards: Iterable[Tensor]) -> None:
        self.watched = dict(watched)
        finite: Any = None
        for tensor in self.watched:
            here = reduce_all(is_finite(tensor))
            finite = here if finite is None else logical_and(finite, here)
        # A step that a guard leaves out, such as one whose scaled loss overflows, does no harm.
        for guard in guards:
            finite = logical_or(finite, logical_not(guard))
        self.finite = finite
        self.failing = check_sign(select(finite, 0.0, -1.0), rule="non-negative", message=_MESSAGE)
        self.checking = SessionRunArgs(self.failing)
        self.looking = SessionRunArgs(self.finite)


def loss_and_gradients(train_op: Any, loss: Any, info: Any) -> dict[Tensor, str]:
    """Return the loss and the gradients as they come from the loss, with their names.

    Args:
      train_op: a training op. loss: the loss, or None. info: what is known of the training op, or None.
    """
    gradients = _gradients_used(train_op) if info is None else [v.gradient for v in info.variables]
    dense = [gradient.values if isinstance(gradient, IndexedSlices) else gradient for gradient in gradients]
    found = [tensor for tensor in (loss, *dense) if tensor is not None and tensor.dtype.is_floating]
    return {tensor: tensor.name for tensor in found}


def updated_variables(train_op: Any) -> dict[Tensor, Tensor]:
    """Record reads of the variables that a training op writes, after it; return each read with its variable.

    Variables of which only some rows are written, such as embeddings, are left out: to look at them costs more than the step.
    """
    variables: dict[Tensor, bool] = {}
    for operation in needed_operations([train_op], ()):
        if not writes(operation):
            continue
        takes_rows = any(t.dtype.is_integer and t.tensor_type.rank != 0 and t.op.opdef is not variable_op for t in operation.inputs)
        for tensor in operation.inputs:
            if tensor.op.opdef is variable_op and tensor.dtype.is_floating:
                variables[tensor] = variables.get(tensor, False) or takes_rows
    with get_default_graph().control_dependencies([train_op]):
        return {read(tensor): tensor for tensor, takes_rows in variables.items() if not takes_rows}


def _gradients_used(train_op: Any) -> list[Tensor]:
    """Return what comes from `tf.gradients` and is written, in some way, into variables."""
    backward: set[Operation] = set()
    found: list[Tensor] = []
    for operation in needed_operations([train_op], ()):
        if starts_backward(operation) or any(source.op in backward for source in operation.inputs):
            backward.add(operation)
        if writes(operation):
            found += [source for source in operation.inputs if source.op in backward]
    return found


def loss_of(train_op: Any) -> Tensor | None:
    """Return what a training op minimises, when the names of its gradients say so: what `tf.gradients` begins with."""
    starts = [operation for operation in needed_operations([train_op], ()) if starts_backward(operation)]
    for consumer in [consumer for start in starts for consumer in start.graph.consumers_of(start.outputs[0])]:
        forward = forward_of(consumer)
        if forward is not None and len(forward.outputs) == 1:
            return forward.outputs[0]
    return None


def guards_of(train_op: Any) -> list[Tensor]:
    """Return the guards of a training op's writes: where one is false its step is not made."""
    found = [operation.guard for operation in needed_operations([train_op], ()) if operation.guard is not None]
    return list(dict.fromkeys(found))
