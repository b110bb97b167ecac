"""What the command line says of a training op: `explain`, or an outline for an operation that `explain` does not take."""

from __future__ import annotations

from typing import Any

from graphopt.compiler.needed import needed_operations
from graphopt.errors import ArgumentError
from graphopt.graph.operation import Operation
from graphopt.inspection.explain import explain
from graphopt.ops import state


class Outline:
    """What an operation made by `minimize` or `apply_gradients` changes.

    Args:
      operation: the operation.
    """

    def __init__(self, operation: Operation) -> None:
        needed = needed_operations([operation], ())
        self._content: dict[str, Any] = {
            "training_op": operation.name,
            "built_at": str(operation.location),
            "variables": [_variable(op) for op in dict.fromkeys(ref for op in needed for ref in _written(op))],
            "cost": {"recorded_operations": len(needed)},
        }

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain dicts, lists and strings."""
        return self._content

    def __str__(self) -> str:
        content = self._content
        rows = [f"training op {content['training_op']}, made by an optimizer's minimize or apply_gradients"]
        rows.append(f"  built at {content['built_at']}")
        rows.append(f"  {content['cost']['recorded_operations']} recorded operations")
        rows += ["", "variables that it changes, slots and counters among them"]
        return "\n".join([*rows, *[f"  {v['name']}  {v['type']}" for v in content["variables"]]])


def _written(operation: Operation) -> list[Operation]:
    """Return the variables that an operation writes."""
    if operation.opdef.discharge is None or operation.opdef.only_reads:
        return []
    return [tensor.op for tensor in operation.inputs if tensor.op.opdef is state.variable]


def _variable(op: Operation) -> dict[str, str]:
    return {"name": op.name, "type": str(op.outputs[0].tensor_type)}


def explanation(train_op: Any, session: Any = None) -> Any:
    """Return what `explain` says of a training op, or an `Outline` of an operation that it does not know."""
    try:
        return explain(train_op, session=session)
    except ArgumentError:
        return Outline(getattr(train_op, "op", train_op))
