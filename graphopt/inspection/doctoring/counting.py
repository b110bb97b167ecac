"""Faults of the step that is counted: the global step, and whatever else a schedule reads."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from graphopt.compiler.needed import needed_operations
from graphopt.graph.collections import GraphKeys
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.variables import Variable, variable_of
from graphopt.inspection.doctoring.case import Case, Finding, line_of, rule
from graphopt.inspection.rates import rate_tensors, step_read_by
from graphopt.inspection.recorded import branches_of, is_state, with_branches, writes


def _steps(case: Case) -> dict[Variable, Tensor | None]:
    """Return the variables that count steps, each with a learning rate that reads it, or None."""
    found: dict[Variable, Tensor | None] = {}
    for part in case.subject.parts:
        for rate in rate_tensors(part).values():
            step = step_read_by(part, needed_operations([rate], ()))
            if step is not None:
                found.setdefault(step, rate)
    given = [part.global_step for part in case.subject.parts] + case.graph.get_collection(GraphKeys.GLOBAL_STEP)[:1]
    for step in given:
        known = variable_of(step) if isinstance(step, Tensor) else step
        if isinstance(known, Variable):
            found.setdefault(known, None)
    return found


def _writers(operations: Iterable[Operation], step: Variable) -> list[Operation]:
    """Return the operations of one run that write a variable: of several branches those of the one with the most."""
    found: list[Operation] = []
    for operation in operations:
        if writes(operation, step) and operation is not step.initializer:
            found.append(operation)
        inside = [_writers(branch.graph.get_operations(), step) for branch in branches_of(operation)]
        most = max([len(writers) for writers in inside], default=0)
        found += next((writers for writers in inside if len(writers) == most), [])
    return found


@rule("step-counted-twice")
def step_counted_twice(case: Case) -> Iterator[Finding]:
    """Find a step that one run changes more than once."""
    for step in _steps(case):
        writers = _writers(case.needed, step)
        if len(writers) > 1:
            names = ", ".join(f"'{op.name}' ({line_of(op)})" for op in writers)
            yield Finding(
                "step-counted-twice",
                "error",
                f"One run changes the step '{step.op.name}' {len(writers)} times: {names}. Schedules run too fast.",
                line_of(writers[-1]),
                "Let one training op count: pass increment_global_step=False to the others, or no global_step.",
            )


@rule("step-never-counted")
def step_never_counted(case: Case) -> Iterator[Finding]:
    """Find a step that is read, by a schedule say, and that no step counts."""
    for step, rate in _steps(case).items():
        if _writers(case.needed, step) or _writers(case.needed_by_others, step):
            continue
        reader = _reader(case, step)
        if reader is None and rate is None:
            continue
        elsewhere = _writers_elsewhere(case, step)
        what = f"The learning rate '{rate.name}'" if rate is not None else "The training op"
        if elsewhere:
            counted = f"only '{elsewhere[0].name}' ({line_of(elsewhere[0])}) counts it, which is not part of the training op"
        else:
            counted = "nothing counts it"
        yield Finding(
            "step-never-counted",
            "warning" if elsewhere else "error",
            f"{what} reads the step '{step.op.name}', but {counted}: a schedule stays where it begins.",
            line_of(reader if reader is not None else step.op),
            "Pass global_step to minimize, apply_gradients or optimize_loss.",
        )


def _reader(case: Case, step: Variable) -> Operation | None:
    """Return the first needed operation that takes the step's value for something."""
    reads = {op for op in case.inside if is_state(op) and step.as_ref() in op.inputs}
    return next((op for op in case.inside if op not in reads and any(t.op in reads for t in op.inputs)), None)


def _writers_elsewhere(case: Case, step: Variable) -> list[Operation]:
    return [
        op
        for op in with_branches(case.graph.get_operations())
        if writes(op, step) and op is not step.initializer and op not in case.needed_set
    ]
