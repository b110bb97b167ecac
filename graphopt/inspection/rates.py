"""The learning rate over the steps: formula, values, a sparkline, and who counts the steps."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphopt.compiler.needed import needed_operations
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.variables import Variable
from graphopt.inspection.formula import formula
from graphopt.inspection.pipeline import Present, name_of, setting
from graphopt.inspection.recorded import has_effect, is_placeholder, is_random, is_variable, place, with_branches, writes
from graphopt.inspection.scratch import number
from graphopt.inspection.subject import Part, Subject, group_names

_BARS = "▁▂▃▄▅▆▇█"
_LONGEST = 1_000_000
_POINTS = 32
_CHANGED = 0.05


def schedules(subject: Subject, present: Present) -> list[dict[str, Any]]:
    """Return what each learning rate is: formula, values over the steps, and who counts them."""
    return [_row(tensor, group, part, subject, present) for part in subject.parts for group, tensor in rate_tensors(part).items()]


def _row(tensor: Tensor, group: str, part: Part, subject: Subject, present: Present) -> dict[str, Any]:
    operations = needed_operations([tensor], ())
    step = step_read_by(part, operations)
    found: dict[str, Any] = {
        "rate": tensor.name,
        "given": _given(part, group, present),
        "formula": formula(tensor),
        "now": number(present.scratch.value(tensor)),
        "step": None if step is None else step.op.name,
    }
    if group:
        found["group"] = group
    if step is None:
        found["varies"] = any(is_placeholder(op) or has_effect(op) or is_random(op) for op in operations)
    else:
        found.update(_over_steps(tensor, step, present))
        found["increments"] = increments(step, subject)
    return found


def rate_tensors(part: Part) -> dict[str, Tensor]:
    """Return the learning rates that an update uses by the name of the group they are for, which is empty where one is for all."""
    if isinstance(part.learning_rate, Tensor):
        return {"": part.learning_rate}
    if isinstance(part.learning_rate, Variable):
        return {"": part.learning_rate.value()}
    found = {group: _hyper_of(part, group).tensor for group in ("", *group_names(part.optimizer)) if _hyper_of(part, group) is not None}
    return {"": found[""]} if "" in found else found


def _hyper_of(part: Part, group: str) -> Any:
    """Return the hyper-parameter that is the learning rate of a group, or of all; None where there is none."""
    start = f"{group}/" if group else ""
    return part.hypers.get(f"{start}learning_rate") or part.hypers.get(f"{start}lr")


def _given(part: Part, group: str, present: Present) -> str:
    hyper = _hyper_of(part, group)
    given = part.given_learning_rate if part.given_learning_rate is not None else getattr(hyper, "given", None)
    text = _described(given, present)
    return text if part.decay is None else f"{text} decayed by {name_of(part.decay)}"


def _described(given: Any, present: Present) -> str:
    configure = getattr(given, "get_config", None)
    if configure is None:
        return str(setting(given, present))
    config = {key: setting(value, present) for key, value in configure().items() if key != "name"}
    return f"{name_of(given)}({', '.join([f'{key}={value!r}' for key, value in config.items()])})"


def step_read_by(part: Part, operations: Sequence[Operation]) -> Variable | None:
    """Return the variable that a rate reads as the number of steps: the global step, or the only whole number it reads."""
    refs = [op.outputs[0] for op in operations if is_variable(op)]
    known = refs[0].graph.state.get("variables", {}) if refs else {}
    whole = [known[ref] for ref in refs if ref.dtype.is_integer and ref in known and known[ref].shape.ndims == 0]
    return next((v for v in whole if v is part.global_step), whole[0] if len(whole) == 1 else None)


def _over_steps(tensor: Tensor, step: Variable, present: Present) -> dict[str, Any]:
    ref, dtype = step.as_ref(), step.dtype.np

    def rate(at: float) -> float | None:
        return number(present.scratch.value(tensor, {ref: np.asarray(at, dtype)}))

    decades = [0, *[m * 10**k for k in range(6) for m in (1, 2, 5)], _LONGEST]
    coarse = {at: rate(at) for at in decades}
    if coarse[0] is None:
        return {"values": [], "sparkline": None}
    now = present.of_variable(step)
    horizon = _horizon(coarse, now)
    points = np.unique(np.linspace(0, horizon, _POINTS).round().astype(np.int64))
    curve = [[int(at), rate(int(at))] for at in points]
    shown = {at: value for at, value in coarse.items() if at <= horizon and str(at)[0] in "01"}
    shown.setdefault(horizon, rate(horizon))
    if now is not None:
        shown[int(now)] = rate(now)
    return {
        "values": [[at, shown[at]] for at in sorted(shown)],
        "curve": curve,
        "sparkline": sparkline([value for _, value in curve]),
        "horizon": horizon,
    }


def _horizon(coarse: dict[int, float | None], now: float | None) -> int:
    """Return how many steps to show: as many as it takes until the rate hardly changes any more."""
    known = [(at, value) for at, value in coarse.items() if value is not None]
    largest = max([abs(value) for _, value in known], default=0.0)
    changes = [at for (_, old), (at, new) in itertools.pairwise(known) if abs(new - old) > _CHANGED * largest]
    horizon = min(max(changes[-1], 10), 100 * changes[0], _LONGEST) if changes else 1000
    return max(horizon, 2 * int(now or 0))


def sparkline(values: Sequence[float | None]) -> str:
    """Return values as a row of bars, from the lowest to the highest.

    >>> sparkline([0.0, 1.0, 2.0, None, 4.0])
    '▁▃▅ █'
    """
    known = [v for v in values if v is not None and np.isfinite(v)]
    if not known:
        return " " * len(values)
    low, span = min(known), max(known) - min(known)

    def bar(value: float | None) -> str:
        if value is None or not np.isfinite(value):
            return " "
        return _BARS[round((value - low) / span * (len(_BARS) - 1))] if span else _BARS[3]

    return "".join(map(bar, values))


def increments(step: Variable, subject: Subject) -> list[dict[str, Any]]:
    """Return the operations that write the step variable, without its initializer: name, line, and whether the training op runs them."""
    needed = set(with_branches(subject.operations))
    return [
        {"operation": operation.name, "runs_with_the_op": operation in needed, "made_at": place(operation)}
        for operation in with_branches(subject.graph.root.get_operations())
        if writes(operation, step) and operation is not step.initializer
    ]
