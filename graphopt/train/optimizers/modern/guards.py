"""Optimizers inside others: their updates recorded as a part, and only in some runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import Any

from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import get_default_graph
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.graph.variables import Variable
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


def _apply_in_own_way(member: Any, pairs: Sequence[tuple[Any, Variable]]) -> Any:
    """Record `apply_gradients`, whose operation is a part and no training operation of the graph."""
    train_ops = get_default_graph().root.get_collection_ref(GraphKeys.TRAIN_OP)
    before = list(train_ops)
    operation = member.apply_gradients(list(pairs))
    train_ops[:] = before
    return operation
