"""Why a loss gives a variable or tensor no gradient, in words."""

from __future__ import annotations

from typing import Any

from graphopt.autodiff.gradients import source_of
from graphopt.graph.operation import Operation, Tensor
from graphopt.ir.opdef import NOT_DIFFERENTIABLE


def why_no_gradient(loss: Tensor, variable: Any) -> str:
    """Return why the gradient of a loss for a variable is None: integer, no path, or a path that an operation cuts.

    Args:
      loss: the loss. variable: a variable or tensor whose gradient is None.
    """
    if not variable.dtype.is_floating:
        return f"it holds {variable.dtype.name}, and whole numbers have no gradient"
    source = source_of(variable).op
    between = _between(loss.op, source)
    if not between:
        return f"the loss {loss.name} does not depend on it"
    cut = _nearest_cut(loss, between)
    if cut is None:
        return "no gradient arrives on any of its paths to the loss"
    return f"its path to the loss is cut at '{cut.name}' ({cut.type}), which passes no gradient on, at {cut.location}"


def _between(end: Operation, start: Operation) -> set[Operation]:
    """Return the operations on paths from `start` to `end`; none when there is no path."""
    order, seen, pending = [], {end}, [end]
    while pending:
        operation = pending.pop()
        order.append(operation)
        for tensor in operation.inputs:
            if tensor.op not in seen:
                seen.add(tensor.op)
                pending.append(tensor.op)
    if start not in seen:
        return set()
    found = {start}
    for operation in sorted(order, key=lambda op: op.id):
        if any(tensor.op in found for tensor in operation.inputs):
            found.add(operation)
    return found


def _nearest_cut(loss: Tensor, between: set[Operation]) -> Operation | None:
    """Return the first operation, seen from the loss, at which the way back to the variable ends."""
    cuts, seen, pending = [], {loss.op}, [loss.op]
    while pending:
        operation = pending.pop()
        for i, tensor in enumerate(operation.inputs):
            if tensor.op not in between:
                continue
            if _is_cut(operation, i, tensor):
                cuts.append(operation)
            elif tensor.op not in seen:
                seen.add(tensor.op)
                pending.append(tensor.op)
    return max(cuts, key=lambda op: op.id, default=None)


def _is_cut(operation: Operation, place: int, operand: Tensor) -> bool:
    if not operand.dtype.is_floating:
        return False  # the cut lies behind, where numbers became whole
    rule = operation.opdef.vjp
    if rule is NOT_DIFFERENTIABLE or not any(out.dtype.is_floating for out in operation.outputs):
        return True
    return isinstance(rule, tuple) and place < len(rule) and rule[place] in (None, NOT_DIFFERENTIABLE)
