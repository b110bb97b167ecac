"""Which operations a run needs, and in which order they stand."""

from __future__ import annotations

import heapq
from collections.abc import Iterable

from graphopt.errors import GraphStateError
from graphopt.graph.operation import Operation, Tensor
from graphopt.ops.control import placeholder


def needed_operations(fetches: Iterable[Tensor | Operation], feeds: Iterable[Tensor]) -> list[Operation]:
    """Return the operations that the fetches reach through data and control edges, cut at fed tensors, in order of creation.

    A control edge that was added later and points to a newer operation moves its target behind that operation, and nothing else.
    """
    fed = set(feeds)
    needed: set[Operation] = set()
    pending = [f if isinstance(f, Operation) else f.op for f in fetches if f not in fed]
    while pending:
        operation = pending.pop()
        if operation in needed:
            continue
        needed.add(operation)
        pending.extend([t.op for t in operation.inputs if t not in fed and t.op not in needed])
        if operation.guard is not None and operation.guard not in fed:
            pending.append(operation.guard.op)
        # A placeholder that is fed has nothing to do; anything else behind a control edge happens, fed or not.
        pending.extend([op for op in operation._control_inputs if op.opdef is not placeholder or op.outputs[0] not in fed])
    order = sorted(needed, key=lambda op: op.id)
    if all(control.id < operation.id for operation in order for control in operation._control_inputs):
        return order
    return _stable_sort(order, fed)


def _stable_sort(order: list[Operation], fed: set[Tensor]) -> list[Operation]:
    """Sort by edges; among the operations that are ready the oldest comes first."""
    waiting = set(order)
    waits: dict[Operation, int] = {}
    followers: dict[Operation, list[Operation]] = {}
    for operation in order:
        taken = [*operation.inputs, operation.guard] if operation.guard is not None else operation.inputs
        before = {t.op for t in taken if t not in fed} | {op for op in operation._control_inputs if op in waiting}
        waits[operation] = len(before)
        for earlier in before:
            followers.setdefault(earlier, []).append(operation)
    by_id = {operation.id: operation for operation in order}
    ready = [operation.id for operation in order if waits[operation] == 0]
    heapq.heapify(ready)
    result: list[Operation] = []
    while ready:
        operation = by_id[heapq.heappop(ready)]
        result.append(operation)
        for follower in followers.get(operation, ()):
            waits[follower] -= 1
            if waits[follower] == 0:
                heapq.heappush(ready, follower.id)
    if len(result) < len(order):
        stuck = [op.name for op in order if waits[op] > 0]
        raise GraphStateError(f"Control edges form a cycle through {', '.join(stuck[:5])}.")
    return result
