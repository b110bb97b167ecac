"""The pipeline of a training op and its variables, as plain dicts and lists."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from graphopt.autodiff.unconnected import why_no_gradient
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.training_info import StageInfo, VariableInfo
from graphopt.graph.variables import Variable
from graphopt.inspection.recorded import place
from graphopt.inspection.scratch import Scratch, number
from graphopt.inspection.subject import Part, Subject, group_of, is_frozen
from graphopt.ops.state import setting as SETTING


class Present:
    """Present values of hyper-parameters and variables.

    Args:
      scratch: computes what has to be computed. session: the session whose values count, or None.
    """

    def __init__(self, scratch: Scratch, session: Any) -> None:
        self.scratch = scratch
        self.session = session

    def of_hyper(self, hyper: Any) -> float | None:
        """Return a hyper-parameter's present value; without a session what a session starts with; None where it isn't known."""
        return number(self.scratch.value(hyper.tensor))

    def of_variable(self, variable: Variable) -> float | None:
        """Return a scalar variable's value in the session, or None."""
        if self.session is None or self.session.graph is not variable.graph or variable.shape.ndims != 0:
            return None
        return number(self.session.store.cell(variable.op.name).value)


def pipeline(subject: Subject, present: Present) -> list[dict[str, Any]]:
    """Return the steps from the loss to the updated variables, in order: stage, settings, and the line of each."""
    steps: list[dict[str, Any]] = []
    for part in subject.parts:
        steps += _steps(part, present)
    return steps


def _steps(part: Part, present: Present) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    if part.update_ops:
        steps.append({"stage": "update ops", "settings": {"operations": [op.name for op in part.update_ops]}})
    loss = "unknown" if part.loss is None else part.loss.name
    steps.append({"stage": "gradients", "settings": {"loss": loss, "variables": len(part.variables)}})
    taken: set[str] = set()
    before = [_stage(s, part, present, taken) for s in part.stages if not s.acts_after_update]
    after = [_stage(s, part, present, taken) for s in part.stages if s.acts_after_update]
    title = "update by operations of your own" if part.optimizer is None else f"update by {type(part.optimizer).__name__}"
    steps += [*before, {"stage": title, "settings": _hyper_parameters(part, present)}, *after]
    if part.global_step is not None:
        settings = {"variable": setting(part.global_step, present), "increment": 1 if part.increments else 0}
        steps.append({"stage": "global step", "settings": settings})
    return steps


def _stage(stage: StageInfo, part: Part, present: Present, taken: set[str]) -> dict[str, Any]:
    settings = {name: setting(value, present) for name, value in stage.settings.items()}
    found: dict[str, Any] = {"stage": stage.name, "settings": settings}
    now = {name: value for name, value in _changed(stage, part, present, taken)}
    if now:
        found["now"] = now
    if stage.location is not None:
        found["made_at"] = str(stage.location)
    return found


def _changed(stage: StageInfo, part: Part, present: Present, taken: set[str]) -> Iterable[tuple[str, Any]]:
    """Yield a stage's hyper-parameters whose present value is another than the one that was given."""
    given = [value for setting in stage.settings.values() for value in (setting.values() if isinstance(setting, Mapping) else [setting])]
    own = getattr(part.optimizer, "hyper_parameters", {})
    for name, hyper in part.hypers.items():
        if name in taken or name in own or name == "learning_rate" or not any(hyper.given is value for value in given):
            continue
        taken.add(name)
        now = present.of_hyper(hyper)
        if now is not None and now != number(hyper.given):
            yield name, now


def _hyper_parameters(part: Part, present: Present) -> dict[str, Any]:
    settings = {} if part.learning_rate is None else {"learning_rate": setting(part.learning_rate, present)}
    settings |= {name: setting(value, present) for name, value in part.constants.items() if name not in settings}
    is_computed = isinstance(part.learning_rate, Tensor) and part.learning_rate.op.opdef is not SETTING
    if is_computed:
        settings["learning_rate"] = _named_with_present(part.learning_rate, present)
    for name, hyper in part.hypers.items():
        is_own = name in settings or (not part.stages and part.optimizer is not None)
        if is_own and not (is_computed and name == "learning_rate"):
            settings[name] = _with_present(settings.get(name), hyper, present)
    if part.decay is not None:
        settings["decay"] = f"{setting(part.given_learning_rate, present)} decayed by {name_of(part.decay)}"
    return settings


def _named_with_present(tensor: Any, present: Present) -> str:
    now = number(present.scratch.value(tensor))
    return str(tensor.name) if now is None else f"{tensor.name} (now {now:.7g})"


def _with_present(given: Any, hyper: Any, present: Present) -> Any:
    """Return a hyper-parameter as a number where it is what was given, else both."""
    now = present.of_hyper(hyper)
    was = setting(hyper.given, present) if given is None else given
    if now is None:
        return was
    is_told = isinstance(was, str) and "(now " in was
    return now if number(was) == now or hyper.kind == "number" else was if is_told else f"{was} (now {now:g})"


def setting(value: Any, present: Present) -> Any:
    """Return a setting as a plain value: numbers, names, lists and dicts of them; a scalar variable with its present value."""
    if isinstance(value, Variable):
        now = present.of_variable(value)
        return value.op.name if now is None else f"{value.op.name} (now {now:g})"
    if isinstance(value, Tensor | Operation):
        return value.name
    if isinstance(value, Mapping):
        return {str(setting(k, present)): setting(v, present) for k, v in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [setting(v, present) for v in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, re.Pattern):
        return f"/{value.pattern}/"
    return value.item() if isinstance(value, np.generic) else name_of(value)


def name_of(value: Any) -> str:
    """Return what a function, class or object is called."""
    return getattr(value, "__name__", None) or type(value).__name__


# --- variables -----------------------------------------------------------------------------------------------------------------------


def variable_rows(subject: Subject, present: Present) -> list[dict[str, Any]]:
    """Return a row for each variable: type, bytes, slots, gradient and why, multipliers, decay, the user's line."""
    return [_row(info, part, present) for part in subject.parts for info in part.variables]


def _row(info: VariableInfo, part: Part, present: Present) -> dict[str, Any]:
    v = info.variable
    row: dict[str, Any] = {
        "name": v.op.name,
        "type": str(v.as_ref().tensor_type),
        "bytes": bytes_of(v),
        "gradient": gradient_kind(info.gradient),
        "slots": {name: slot.op.name for name, slot in info.slots.items()},
        "slot_bytes": sum([bytes_of(slot) or 0 for slot in info.slots.values()]),
        "made_at": place(v),
    }
    line = v.op.location.text if v.op.location is not None else ""
    if line:
        row["line"] = line
    group = group_of(part.optimizer, v)
    if group is not None:
        row["group"] = group.name
    if info.gradient is None and part.loss is not None:
        row["why"] = "its group is frozen" if is_frozen(part.optimizer, v) else why_no_gradient(part.loss, v)
    if info.gradient is not None and gradient_kind(info.final_gradient) != row["gradient"]:
        row["after_stages"] = gradient_kind(info.final_gradient)
    row.update(_factors(info, part, present))
    return row


def bytes_of(variable: Any) -> int | None:
    """Return how large a variable is, or None when its shape isn't known."""
    size: int | None = variable.as_ref().tensor_type.num_bytes
    return size


def gradient_kind(gradient: Any) -> str:
    """Return ``dense``, ``sparse rows`` or ``none``."""
    return "none" if gradient is None else "sparse rows" if isinstance(gradient, IndexedSlices) else "dense"


def _factors(info: VariableInfo, part: Part, present: Present) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, prefix in (("multiplier", "gradient_multiplier"), ("rate_multiplier", "learning_rate_multiplier")):
        hyper = part.hypers.get(f"{prefix}/{info.variable.op.name}")
        if hyper is not None:
            now = present.of_hyper(hyper)
            found[key] = setting(hyper.given, present) if now is None else now
    if not found:
        found.update(_multiplier_setting(info.variable, part, present))
    decay = _decay(info, part, present)
    if decay is not None:
        found["decay"] = decay
    return found


def _multiplier_setting(variable: Any, part: Part, present: Present) -> dict[str, Any]:
    """Return the multiplier as it stands in a stage's settings, for makers that keep no hyper-parameters of stages."""
    for stage in part.stages:
        given = stage.settings.get("multipliers")
        if isinstance(given, Mapping):
            for key in (variable, variable.name, variable.op.name):
                if key in given:
                    return {"multiplier": setting(given[key], present)}
    return {}


def _decay(info: VariableInfo, part: Part, present: Present) -> Any:
    """Return the rate of decoupled weight decay of a variable, or None where it does not decay."""
    hyper = part.hypers.get("weight_decay")
    if hyper is None or info.gradient is None:
        return None
    for stage in part.stages:
        if "times_learning_rate" in stage.settings:
            mask, excluded = stage.settings.get("mask"), stage.settings.get("exclude") or ()
            if (callable(mask) and not mask(info.variable)) or any(_fits(key, info.variable) for key in excluded):
                return 0.0
    decides = getattr(part.optimizer, "_use_weight_decay", None)
    if decides is not None and not decides(info.variable):
        return 0.0
    now = present.of_hyper(hyper)
    return setting(hyper.given, present) if now is None else now


def _fits(key: Any, variable: Any) -> bool:
    if isinstance(key, re.Pattern):
        return key.search(variable.name) is not None
    return key is variable or key in (variable.name, variable.op.name)
