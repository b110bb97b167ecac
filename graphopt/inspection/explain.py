"""Say what a training op does: its stages, variables, slots, summaries, and what it compiles to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphopt.backends.numpy_plan import NumpyExecutable
from graphopt.compiler.discharge import discharge
from graphopt.compiler.needed import needed_operations
from graphopt.compiler.pipeline import optimize
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.training_info import StageInfo, TrainingOpInfo, training_info
from graphopt.graph.variables import Variable
from graphopt.ir.plan import Batch, Plan
from graphopt.runtime.session import Session
from graphopt.runtime.store import Store


class Explanation:
    """What `explain` found. `str()` is for people, `to_dict()` and `to_json()` are for machines.

    Attributes:
      content: everything, as plain dicts, lists, strings and numbers.
    """

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain dicts, lists, strings and numbers."""
        return self.content

    def to_json(self) -> str:
        """Return everything as JSON."""
        return json.dumps(self.content, indent=2)

    def __str__(self) -> str:
        return "\n".join(_text(self.content))

    __repr__ = __str__


def explain(train_op: Tensor, *, session: Session | None = None) -> Explanation:
    """Say what a training op does.

    Args:
      train_op: what `optimize_loss` returned.
      session: a session that has run it: then the plan it runs is described, and hyper-parameters that are variables are shown
        with their present values.

    Returns:
      An `Explanation`: print it, or take `to_dict()`.

    Raises:
      ValueError: for anything but a training op.

    Example:
      >>> w = tf.Variable(1.0, name="w")
      >>> train_op = tf.contrib.layers.optimize_loss(w * w, None, 0.1, "SGD", clip_gradients=1.0)
      >>> print(tf.explain(train_op))  # doctest: +ELLIPSIS
      training op OptimizeLoss/control_dependency:0
      ...
    """
    info = training_info(train_op)
    return Explanation(
        {
            "training_op": train_op.name,
            "loss": info.loss.name,
            "value": "the loss from before the step",
            "built_at": None if info.location is None else str(info.location),
            "pipeline": _pipeline(info, session),
            "variables": [_variable(v) for v in info.variables],
            "optimizer_variables": [v.op.name for v in info.optimizer_variables],
            "summaries": [{"tag": s.tag, "measured": s.measured} for s in info.summaries],
            "cost": _cost(train_op, session),
        }
    )


# --- what was recorded -----------------------------------------------------------------------------------------------------


def _pipeline(info: TrainingOpInfo, session: Session | None) -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    if info.update_ops:
        steps.append({"stage": "update ops", "settings": {"operations": [op.name for op in info.update_ops]}})
    steps.append({"stage": "gradients", "settings": {"loss": info.loss.name, "variables": len(info.variables)}})
    stages = {after: [_stage(s, session) for s in info.stages if s.acts_after_update is after] for after in (False, True)}
    update = {"stage": f"update by {type(info.optimizer).__name__}", "settings": _hyper_parameters(info, session)}
    steps += [*stages[False], update, *stages[True]]
    if info.global_step is not None:
        settings = {"variable": _setting(info.global_step, session), "increment": 1 if info.increments_global_step else 0}
        steps.append({"stage": "global step", "settings": settings})
    return steps


def _stage(stage: StageInfo, session: Session | None) -> dict[str, Any]:
    return {"stage": stage.name, "settings": {name: _setting(value, session) for name, value in stage.settings.items()}}


def _hyper_parameters(info: TrainingOpInfo, session: Session | None) -> dict[str, Any]:
    settings = {name: _setting(value, session) for name, value in info.hyper_parameters.items()}
    if info.learning_rate is not None:
        settings = {"learning_rate": _setting(info.learning_rate, session), **{k: v for k, v in settings.items() if k != "learning_rate"}}
    if info.decay is not None:
        settings["decay"] = f"{_setting(info.given_learning_rate, session)} decayed by {_name_of(info.decay)}"
    return settings


def _setting(value: Any, session: Session | None) -> Any:
    if isinstance(value, Variable):
        present = None if session is None or session.graph is not value.graph else session.store.cell(value.op.name).value
        return value.op.name if present is None or np.ndim(present) else f"{value.op.name} (now {present.item():g})"
    if isinstance(value, Tensor):
        return value.name
    if isinstance(value, Operation):
        return value.name
    if isinstance(value, Mapping):
        return {str(_setting(k, session)): _setting(v, session) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_setting(v, session) for v in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return value.item() if isinstance(value, np.generic) else _name_of(value)


def _name_of(value: Any) -> str:
    return getattr(value, "__name__", None) or type(value).__name__


def _variable(v: Any) -> dict[str, Any]:
    shape = v.variable.shape.as_list()
    return {
        "name": v.variable.op.name,
        "type": f"{v.variable.dtype.short}{shape}".replace(" ", ""),
        "bytes": int(np.prod(shape, dtype=np.int64)) * v.variable.dtype.size,
        "gradient": "none" if v.gradient is None else "sparse rows" if isinstance(v.gradient, IndexedSlices) else "dense",
        "slots": {name: slot.op.name for name, slot in v.slots.items()},
        "made_at": str(v.variable.op.location),
    }


# --- what it compiles to -----------------------------------------------------------------------------------------------------


def _cost(train_op: Tensor, session: Session | None) -> dict[str, Any]:
    operations = needed_operations([train_op], ())
    plan = _plan_of(train_op, session)
    batched = [unit for unit in plan.units if isinstance(unit, Batch)]
    return {
        "recorded_operations": len(operations),
        "program_nodes": len(plan.order),
        "steps": len(plan.units),
        "steps_for_several_variables": len(batched),
        "written_in_place": sorted(plan.in_place),
        "arena_bytes": plan.arena_bytes,
        **_kernels(train_op, session),
    }


def _kernels(train_op: Tensor, session: Session | None) -> dict[str, Any]:
    """Return what the session's backend made of the training op; nothing before its first run."""
    found = None if session is None else session.description_of(train_op)
    if found is None:
        return {}
    kernels = [{**kernel._asdict(), "fused": list(kernel.fused)} for kernel in found.kernels]
    return {
        "backend": found.backend,
        "threads": found.threads,
        "kernels": kernels,
        "python_steps": [step._asdict() for step in found.python_steps],
    }


def _plan_of(train_op: Tensor, session: Session | None) -> Plan:
    """Return the plan the session runs for the training op; without one a plan for the shapes as they were recorded."""
    found = None if session is None else session.plan_of(train_op)
    if found is not None:
        return found
    placeholders = [op.outputs[0] for op in needed_operations([train_op], ()) if not op.inputs and op.opdef.tf_name == "Placeholder"]
    program = discharge([train_op], {t: t.tensor_type for t in placeholders}, Store().entropy).program
    return NumpyExecutable(optimize(program, {})).plan


# --- text ------------------------------------------------------------------------------------------------------------------


def _text(content: dict[str, Any]) -> list[str]:
    rows = [f"training op {content['training_op']}", f"  value: {content['value']} ({content['loss']})"]
    if content["built_at"]:
        rows.append(f"  built at {content['built_at']}")
    rows += ["", "pipeline, in order"]
    for i, step in enumerate(content["pipeline"], 1):
        rows.append(f"  {i:2}. {step['stage']}")
        rows.extend(f"        {name}: {_short(value)}" for name, value in step["settings"].items())
    rows += ["", *_table("variables", ["name", "type", "gradient", "slots"], [_row(v) for v in content["variables"]])]
    if content["optimizer_variables"]:
        rows.append(f"  kept by the optimizer besides: {', '.join(content['optimizer_variables'])}")
    if content["summaries"]:
        rows += ["", *_table("summaries", ["tag", "measured"], [[s["tag"], s["measured"]] for s in content["summaries"]])]
    cost = content["cost"]
    rows += [
        "",
        f"compiled: {cost['recorded_operations']} recorded operations became {cost['steps']} steps",
        f"  {cost['steps_for_several_variables']} of them update several variables at once; "
        f"{len(cost['written_in_place'])} variables are written in place",
        f"  working memory {cost['arena_bytes']:,} bytes",
    ]
    return [*rows, *_kernel_rows(cost)]


def _kernel_rows(cost: dict[str, Any]) -> list[str]:
    if not cost.get("kernels"):
        return []
    head = ["kernel", "what it does", "fused", "calls", "flops", "bytes"]
    table = [[k["name"], k["title"], _counted(k["fused"]), str(k["calls"]), f"{k['flops']:,}", f"{k['bytes']:,}"] for k in cost["kernels"]]
    rows = ["", *_table(f"kernels of the {cost['backend']} backend, up to {cost['threads']} threads", head, table)]
    for step in cost["python_steps"]:
        where = f" ({step['operation']})" if step["operation"] else ""
        rows.append(f"  in Python: {step['op']}{where}: {step['reason']}")
    return rows


def _counted(names: list[str]) -> str:
    """Return names with how often each comes, in order of first coming."""
    counts = {name: names.count(name) for name in names}
    return " ".join(name if count == 1 else f"{name}*{count}" for name, count in counts.items())


def _row(v: dict[str, Any]) -> list[str]:
    return [v["name"], v["type"], v["gradient"], ", ".join(v["slots"]) or "-"]


def _short(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{k}: {v}" for k, v in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _table(title: str, head: list[str], rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(row: list[str]) -> str:
        return "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()

    return [title, line(head), line(["-" * width for width in widths]), *map(line, rows)]
