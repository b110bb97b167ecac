"""The part that each operation plays in a training op: state, forward, backward, update, or something else."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from graphopt.autodiff.derivations import Derivation, derivations_of
from graphopt.graph.operation import Operation
from graphopt.inspection.recorded import before, is_placeholder, is_state, reach_back, tensors_of, written_variables

STATE = "state"
FORWARD = "forward"
BACKWARD = "backward"
UPDATE = "update"
OTHER = "other"
ROLES = (STATE, FORWARD, BACKWARD, UPDATE, OTHER)


def roles_of(operations: Collection[Operation]) -> dict[Operation, str]:
    """Return the role of each operation of one graph.

    Forward is what the differentiated losses need, backward what the differentiation recorded, update what comes between gradients and
    variables, and what else new values of variables need. Where nothing was differentiated, all that writes nothing is forward.
    """
    if not operations:
        return {}
    graph = next(iter(operations)).graph
    derivations = derivations_of(graph)
    ordered = sorted(operations, key=lambda op: op.id)
    present = set(operations)
    used = [d for d in derivations if any(t.op in present for gradient in d.gradients for t in tensors_of(gradient))]
    backward = _backward(ordered, used)
    forward = reach_back([target.op for d in used for target in d.targets]) - backward
    after = _after(ordered, backward)
    updating = _needed_by([op for op in ordered if written_variables(op)])

    def role(operation: Operation) -> str:
        if is_state(operation):
            return STATE
        if operation in backward:
            return BACKWARD
        if operation in forward or is_placeholder(operation):
            return FORWARD
        if operation in after or operation in updating:
            return UPDATE if used or written_variables(operation) else FORWARD
        return OTHER if used else FORWARD

    return {operation: role(operation) for operation in operations}


def _backward(ordered: Iterable[Operation], derivations: Iterable[Derivation]) -> set[Operation]:
    recorded: set[int] = set()
    for derivation in derivations:
        recorded.update(range(derivation.first, derivation.end))
    return {operation for operation in ordered if operation.id in recorded}


def _after(ordered: Iterable[Operation], starts: set[Operation]) -> set[Operation]:
    """Return the operations that depend on some of `starts`."""
    found: set[Operation] = set()
    for operation in ordered:
        if any(op in starts or op in found for op in before(operation)):
            found.add(operation)
    return found


def _needed_by(starts: Iterable[Operation]) -> set[Operation]:
    return reach_back(starts)
