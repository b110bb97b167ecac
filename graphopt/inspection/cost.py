"""What a training op costs: operations, floating-point operations, memory, and measured time, by its parts."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

from graphopt.backends.numpy_plan import NumpyExecutable
from graphopt.compiler.discharge import discharge
from graphopt.compiler.pipeline import optimize
from graphopt.graph.operation import Operation
from graphopt.inspection.flops import Work, total, work_of
from graphopt.inspection.recorded import is_placeholder
from graphopt.inspection.roles import ROLES, UPDATE, roles_of
from graphopt.inspection.subject import Subject
from graphopt.ir.node import Node
from graphopt.ir.plan import Batch, Plan
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
    roles = roles_of(subject.operations)
    batched = [unit for unit in plan.units if isinstance(unit, Batch)]
    works = work_of(plan.order, plan.program.origins)
    work = total(works.values())
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
        "results_of_unknown_size": sum([not t.is_static for node in plan.order for t in node.types]),
        "flops": work.flops,
        "flops_are_complete": work.is_complete,
        "nodes_of_unknown_shape": work.unknown,
        "loops": [dataclasses.asdict(loop) for loop in work.loops],
        "branches": [{**dataclasses.asdict(choice), "flops": list(choice.flops)} for choice in work.choices],
        "parts": _rows(ROLES, roles, "other", plan, works, metadata),
        "stages": _stages(subject, roles, plan, works, metadata),
        "measured": metadata is not None,
        **_kernels(subject, session),
    }


def _rows(
    names: Iterable[str],
    assigned: Mapping[Operation, str],
    rest: str | None,
    plan: Plan,
    works: Mapping[Node, Work],
    metadata: RunMetadata | None,
) -> list[dict[str, Any]]:
    """Return operations, nodes, flops and time of each part of a training op.

    Args:
      names: of the parts, in order. assigned: the part of each operation. rest: the part of what comes from no operation; None leaves
        out what has no part.
    """
    by_name = {operation.name: name for operation, name in assigned.items()}
    time = None if metadata is None else 0
    rows = {name: {"part": name, "operations": 0, "nodes": 0, "flops": 0, "microseconds": time} for name in names}

    def add(name: str | None, column: str, number: int) -> None:
        if name is not None:
            rows[name][column] += number  # type: ignore[operator]

    for part in assigned.values():
        add(part, "operations", 1)
    for node, work in works.items():
        origin = plan.program.origins.get(node)
        name = rest if origin is None else assigned.get(origin) or by_name.get(origin.name, rest)
        add(name, "nodes", 1)
        add(name, "flops", work.flops)
    for device in [] if metadata is None else metadata.step_stats.dev_stats:
        for stats in device.node_stats:
            add(by_name.get(stats.node_name, rest), "microseconds", stats.all_end_rel_micros)
    return [row for row in rows.values() if row["operations"] or row["nodes"] or row["microseconds"]]


def _stages(
    subject: Subject, roles: Mapping[Operation, str], plan: Plan, works: Mapping[Node, Work], metadata: RunMetadata | None
) -> list[dict[str, Any]]:
    """Return the same of what the update consists of: each stage that recorded something, and the rest; nothing without such stages."""
    known: dict[int, str] = {}
    for part in subject.parts:
        for stage in part.stages:
            known.update(dict.fromkeys(stage.recorded, stage.name))
    optimizers = dict.fromkeys([type(part.optimizer).__name__ for part in subject.parts if part.optimizer is not None])
    after = [stage.name for part in subject.parts for stage in part.stages if stage.acts_after_update]
    update = ", ".join([f"update by {' and '.join(optimizers)}", *dict.fromkeys(after)])
    assigned = {op: known.get(op.id, update) for op, role in roles.items() if role == UPDATE}
    names = [*dict.fromkeys(known.values()), update]
    return _rows(names, assigned, None, plan, works, metadata) if set(assigned.values()) - {update} else []


def _kernels(subject: Subject, session: Session | None) -> dict[str, Any]:
    """Return what the session's backend made of the training op; nothing before its first run."""
    found = None if session is None or _run_plan(subject, session) is None else session.description_of(subject.targets[0])
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
    found = None if session is None else _run_plan(subject, session)
    if found is not None:
        return found
    fed = [op.outputs[0] for op in subject.operations if is_placeholder(op) and not op.inputs]
    program = discharge(list(subject.targets), {t: t.tensor_type for t in fed}, Store().entropy).program
    return NumpyExecutable(optimize(program, {})).plan


def _run_plan(subject: Subject, session: Session) -> Plan | None:
    """Return the plan of the last run that fetched the training op; of several those that were fetched together."""
    first, *others = [session.plan_of(target) for target in subject.targets]
    return first if all(plan is first for plan in others) else None
