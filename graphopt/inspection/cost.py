"""What a training op costs: operations, floating-point operations, memory, and measured time, by its parts."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from graphopt.backends.numpy_plan import NumpyExecutable
from graphopt.compiler.discharge import discharge
from graphopt.compiler.pipeline import optimize
from graphopt.graph.operation import Operation
from graphopt.inspection.recorded import is_placeholder
from graphopt.inspection.roles import ROLES, roles_of
from graphopt.inspection.subject import Subject
from graphopt.ir.nested import has_programs
from graphopt.ir.node import CONST, INPUT, ITEM, Node
from graphopt.ir.plan import Batch, Plan
from graphopt.ir.types import TensorType
from graphopt.ops.fused import fused
from graphopt.runtime.profile import RunMetadata
from graphopt.runtime.session import Session
from graphopt.runtime.store import Store


def cost(subject: Subject, session: Session | None, metadata: RunMetadata | None) -> dict[str, Any]:
    """Return what a step costs.

    Args:
      subject: the training op. session: a session that has run it: then the plan it runs is described.
      metadata: of a traced run of it: then the time of each part is there.
    """
    plan = _plan_of(subject, session)
    batched = [unit for unit in plan.units if isinstance(unit, Batch)]
    roles = roles_of(subject.operations)
    flops = {node: flops_of(node) for node in plan.order}
    known = [count for count in flops.values() if count is not None]
    kernels = _kernels(subject, session)
    total = sum([k["flops"] for k in kernels["kernels"]]) if kernels.get("kernels") else sum(known)
    inputs = sum([node.types[0].num_bytes or 0 for node in plan.inputs])
    return {
        "recorded_operations": len(subject.operations),
        "program_nodes": len(plan.order),
        "steps": len(plan.units),
        "steps_for_several_variables": len(batched),
        "written_in_place": sorted(plan.in_place),
        "arena_bytes": plan.arena_bytes,
        "input_bytes": inputs,
        "peak_bytes": plan.arena_bytes + inputs,
        "flops": total,
        "flops_are_complete": len(known) == len(flops),
        "parts": _parts(subject, plan, flops, roles, metadata),
        "measured": metadata is not None,
        **kernels,
    }


def _parts(
    subject: Subject, plan: Plan, flops: Mapping[Node, int | None], roles: Mapping[Operation, str], metadata: RunMetadata | None
) -> list[dict[str, Any]]:
    """Return operations, steps, flops and time of each role."""
    by_name = {operation.name: role for operation, role in roles.items()}
    rows = {role: {"part": role, "operations": 0, "nodes": 0, "flops": 0, "microseconds": None} for role in ROLES}
    for role in roles.values():
        rows[role]["operations"] += 1  # type: ignore[operator]
    for node, count in flops.items():
        origin = plan.program.origins.get(node)
        row = rows[roles.get(origin, by_name.get(getattr(origin, "name", ""), "other")) if origin is not None else "other"]
        row["nodes"] += 1  # type: ignore[operator]
        row["flops"] += count or 0  # type: ignore[operator]
    if metadata is not None:
        for row in rows.values():
            row["microseconds"] = 0
        for device in metadata.step_stats.dev_stats:
            for stats in device.node_stats:
                rows[by_name.get(stats.node_name, "other")]["microseconds"] += stats.all_end_rel_micros  # type: ignore[operator]
    return [row for row in rows.values() if row["operations"] or row["nodes"] or row["microseconds"]]


def _kernels(subject: Subject, session: Session | None) -> dict[str, Any]:
    """Return what the session's backend made of the training op; nothing before its first run."""
    found = None if session is None else session.description_of(subject.target)
    if found is None:
        return {}
    kernels = [{**kernel._asdict(), "fused": list(kernel.fused)} for kernel in found.kernels]
    return {
        "backend": found.backend,
        "threads": found.threads,
        "kernels": kernels,
        "python_steps": [step._asdict() for step in found.python_steps],
    }


def _plan_of(subject: Subject, session: Session | None) -> Plan:
    """Return the plan the session runs for the training op; without one a plan for the shapes as they were recorded."""
    found = None if session is None else session.plan_of(subject.target)
    if found is not None:
        return found
    fed = [op.outputs[0] for op in subject.operations if is_placeholder(op) and not op.inputs]
    program = discharge([subject.target], {t: t.tensor_type for t in fed}, Store().entropy).program
    return NumpyExecutable(optimize(program, {})).plan


# --- floating-point operations -------------------------------------------------------------------------------------------------------


def flops_of(node: Node) -> int | None:
    """Return about how many floating-point operations a node takes; None where a shape isn't known.

    A multiplication and an addition count as two; a function such as `exp` counts as one; what only moves numbers counts as none.
    """
    if node.op in (CONST, INPUT, ITEM) or node.op.view_of is not None:
        return 0
    if not all(t.is_static for t in node.types) or not all(source.types[0].is_static for source in node.inputs):
        return None
    if has_programs(node):
        # A loop of fused steps does all of them; how often a loop turns, and which branch is taken, is known only when it runs.
        return total_flops(node.attributes["body"].nodes()) if node.op is fused else None
    out = _size(node.types[0])
    if node.op.elementwise:
        return out
    if node.op.reduction is not None:
        return _size(node.inputs[0].types[0])
    if len(node.op.linear_in) == 2:
        return 2 * _multiplications(node)
    if node.op.fused_kernel or node.op.expand is not None:
        return sum([_size(source.types[0]) for source in node.inputs])
    return 0


def _size(tensor_type: TensorType) -> int:
    return math.prod([size or 0 for size in tensor_type.shape or ()])


def _multiplications(node: Node) -> int:
    """Return how many products of two numbers a matrix product or a convolution adds up."""
    operands = dict(zip([p.name for p in node.op.parameters], node.inputs, strict=False))
    if "transpose_a" in node.attributes:
        rows = node.inputs[0].types[0].shape or (1,)
        return _size(node.types[0]) * (rows[-2 if node.attributes["transpose_a"] else -1] or 0)
    filters = operands.get("w", node).types[0].shape or ()
    results = _size(operands.get("g", node).types[0])
    inner = filters[:2] if "depthwise" in node.op.name else filters[:-1]
    return results * math.prod([size or 0 for size in inner])


def total_flops(nodes: Iterable[Node]) -> int:
    """Return how many floating-point operations nodes take, as far as their shapes are known."""
    return sum([flops_of(node) or 0 for node in nodes])
