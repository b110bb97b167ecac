"""The learning rate of the code against that of a checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from graphopt.compiler.needed import needed_operations
from graphopt.graph.operation import Operation
from graphopt.graph.settings import default_settings
from graphopt.inspection.doctoring.case import Case, Finding, NotLooked, line_of, rule
from graphopt.inspection.rates import rate_tensors
from graphopt.inspection.recorded import is_variable
from graphopt.ir.node import CONST
from graphopt.ops.state import setting

_NAME = "learning-rate-differs-from-checkpoint"


@rule(_NAME)
def learning_rate_differs_from_checkpoint(case: Case) -> Iterator[Finding | NotLooked]:
    """Find a learning rate in the code that is not the one of the checkpoint, of `optimize_loss` or any optimizer."""
    rates = _rates(case)
    if not rates:
        return
    if case.checkpoint is None:
        yield NotLooked(_NAME, "no checkpoint was given")
        return
    held = case.checkpoint
    if not any(operation.name in held.scalars for operation in rates):
        names = ", ".join(f"'{operation.name}'" for operation in rates)
        yield NotLooked(_NAME, f"{held.name} holds no learning rate of this training op ({names})")
    for operation, rate in rates.items():
        saved = held.scalars.get(operation.name)
        is_edited = not np.isclose(held.code.get(operation.name, np.nan), rate, rtol=1e-6, atol=0.0)
        if saved is not None and is_edited and not np.isclose(saved, rate, rtol=1e-6, atol=0.0):
            yield Finding(
                _NAME,
                "warning",
                f"The code gives the learning rate {rate:.7g}; {held.name} holds {saved:.7g} in '{operation.name}'.",
                line_of(operation),
                'Say which holds when you restore: Saver.restore(..., on_difference="code") or "checkpoint", '
                "or set train_op.hyper['learning_rate'] after restoring.",
            )


def _rates(case: Case) -> dict[Operation, float]:
    """Return what a checkpoint may hold of the learning rates, settings and scalar variables, with what the code gives each."""
    found: dict[Operation, float] = {}
    for part in case.subject.parts:
        for operation in needed_operations(list(rate_tensors(part).values()), ()):
            value = _value_in_code(case, operation, part)
            if value is not None:
                found[operation] = value
    return found


def _value_in_code(case: Case, operation: Operation, part: Any) -> float | None:
    if operation.opdef is setting:
        hyper = next((h for h in part.hypers.values() if h.tensor.op is operation), None)
        given = default_settings(case.graph).get(operation.name) if hyper is None else hyper.given
        return float(given) if isinstance(given, int | float | np.number) else None
    if not is_variable(operation) or operation.outputs[0].dtype.is_integer:
        return None
    variable = case.graph.state.get("variables", {}).get(operation.outputs[0])
    start: Any = getattr(getattr(variable, "initial_value", None), "op", None)
    is_number = start is not None and start.opdef is CONST and np.ndim(start.attributes["value"].array) == 0
    return float(start.attributes["value"].array) if is_number else None
