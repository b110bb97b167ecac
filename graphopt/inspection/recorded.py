"""What a recorded operation does, told by its op's properties: writes, draws random numbers, calls Python, holds branches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from graphopt.graph.capture import Branch
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Operation, Tensor
from graphopt.ops import state
from graphopt.ops.branch import captured
from graphopt.ops.random import counter_after

_SEEDS = {"seed", "seed2"}


def is_variable(operation: Operation) -> bool:
    """Return whether an operation stands for a variable."""
    return operation.opdef is state.variable


def is_state(operation: Operation) -> bool:
    """Return whether an operation is state or only reads it: a variable, its value, a setting."""
    opdef = operation.opdef
    return is_variable(operation) or opdef is state.read or opdef is state.setting


def is_placeholder(operation: Operation) -> bool:
    """Return whether an operation waits for a feed (a placeholder with a default among them)."""
    return operation.type.startswith("Placeholder")


def is_random(operation: Operation) -> bool:
    """Return whether an operation draws random numbers from its own stream."""
    return operation.opdef is not counter_after and operation.opdef.discharge is not None and _SEEDS <= operation.opdef.attributes.keys()


def has_effect(operation: Operation) -> bool:
    """Return whether an operation does something besides giving a value."""
    return operation.opdef.discharge is not None and not operation.opdef.only_reads and operation.opdef is not captured


def written_variables(operation: Operation) -> list[Operation]:
    """Return the variables (their operations) that an operation itself gives new values; branches it holds are not looked into."""
    if not has_effect(operation):
        return []
    refs = [
        t.op
        for i, t in enumerate(operation.inputs)
        if operation.opdef.parameters and operation.opdef.parameter_of(i).is_ref and is_variable(t.op)
    ]
    return list(dict.fromkeys(refs))


def writes(operation: Operation, variable: Any) -> bool:
    """Return whether an operation itself gives a variable a new value; in a branch the variable has an operation of its own."""
    own: Operation = variable.op
    return any(op is own or (op.name == own.name and op.graph.root is own.graph.root) for op in written_variables(operation))


def branches_of(operation: Operation) -> list[Branch]:
    """Return the branches that an operation holds."""
    return [value for value in operation.attributes.values() if isinstance(value, Branch)]


def with_branches(operations: Iterable[Operation]) -> Iterator[Operation]:
    """Yield operations and, after each that holds branches, what stands in these."""
    for operation in operations:
        yield operation
        for branch in branches_of(operation):
            yield from with_branches(branch.graph.get_operations())


def before(operation: Operation) -> list[Operation]:
    """Return the operations that have to happen before one: inputs, control inputs, the condition it depends on."""
    guard = [] if operation.guard is None else [operation.guard.op]
    return [*[t.op for t in operation.inputs], *operation._control_inputs, *guard]


def reach_back(starts: Iterable[Operation], *, first: int = 0) -> set[Operation]:
    """Return the operations that some depend on through data, themselves among them; those with a number below `first` are left out."""
    found: set[Operation] = set()
    pending = [operation for operation in starts if operation.id >= first]
    while pending:
        operation = pending.pop()
        if operation not in found:
            found.add(operation)
            pending.extend([t.op for t in operation.inputs if t.op.id >= first and t.op not in found])
    return found


def tensors_of(gradient: Any) -> list[Tensor]:
    """Return the tensors of a gradient: of sparse rows values and indices; of None none."""
    if isinstance(gradient, IndexedSlices):
        return [gradient.values, gradient.indices]
    return [gradient] if isinstance(gradient, Tensor) else []


def place(operation: Any) -> str | None:
    """Return the user's line of an operation, variable or anything else that knows it, as text."""
    found = getattr(getattr(operation, "op", operation), "location", None)
    return None if found is None else str(found)


def short_place(location: Any) -> str:
    """Return a line without the folders of its file."""
    return str(location or "").replace("\\", "/").rsplit("/", 1)[-1]
