"""Optimizers inside others: their updates recorded as a part, and only in some runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.scopes import name_scope
from graphopt.graph.variables import Variable, assign_add, group, variable_of
from graphopt.ops.elementwise import logical_and
from graphopt.train.optimizers.base import Optimizer


@contextlib.contextmanager
def write_only_if(condition: Tensor) -> Iterator[None]:
    """Make what is recorded inside change variables only where a bool scalar is true, and what guards it around is true, too."""
    graph = get_default_graph()
    around = graph.current_guard
    with graph.write_only_if(condition if around is None else logical_and(condition, around)):
        yield


def has_own_way(optimizer: Any) -> bool:
    """Return whether an optimizer applies gradients in a way of its own, and not by the steps of `Optimizer`."""
    return not isinstance(optimizer, Optimizer) or type(optimizer).apply_gradients is not Optimizer.apply_gradients


def create_member_slots(member: Any, variables: Sequence[Variable]) -> None:
    """Make what an optimizer inside another keeps for variables; one that goes its own way makes it later."""
    if variables and not has_own_way(member):
        member._create_slots(variables)


def apply_member(member: Any, pairs: Sequence[tuple[Any, Variable]], step: Any) -> Any:
    """Record the updates of an optimizer inside another one.

    Args:
      member: the optimizer, whose slots are made. pairs: gradients, none of which is None, with their variables.
      step: the global step, which schedules look at and which is not incremented here; or None.
    """
    if has_own_way(member):
        return _apply_in_own_way(member, pairs)
    with name_scope(None, member.get_name()) as scope:
        member._step = step
        member._prepare()
        updates = [member._update(gradient, variable) for gradient, variable in pairs]
        return member._finish(updates, scope)


def apply_and_count(optimizer: Any, pairs: Sequence[tuple[Any, Any]], global_step: Any, name: str | None) -> Operation:
    """Record `apply_gradients` of an optimizer of any design, and that the step is counted; return the operation of both.

    Args:
      optimizer: the optimizer. pairs: gradients and variables. global_step: what is counted, or None. name: the operation's name.
    """
    if isinstance(optimizer, Optimizer):
        return optimizer.apply_gradients(pairs, global_step=global_step, name=name)
    made = optimizer.apply_gradients(pairs, name=name)
    update: Operation = getattr(made, "op", made)
    if global_step is None:
        return update
    counter: Any = variable_of(global_step) if isinstance(global_step, Tensor) else global_step
    with get_default_graph().control_dependencies([update]):
        counted = assign_add(counter, convert_to_tensor(1, dtype=counter.dtype))
    operation: Operation = group(update, counted)
    get_default_graph().root.add_to_collection(GraphKeys.TRAIN_OP, operation)
    return operation


def _apply_in_own_way(member: Any, pairs: Sequence[tuple[Any, Variable]]) -> Any:
    """Record `apply_gradients`, whose operation is a part and no training operation of the graph."""
    train_ops = get_default_graph().root.get_collection_ref(GraphKeys.TRAIN_OP)
    before = list(train_ops)
    operation = member.apply_gradients(list(pairs))
    train_ops[:] = before
    return operation
