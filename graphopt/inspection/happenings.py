"""What a training op does besides computing: side effects, random numbers, what it has to be fed, what its summaries measure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphopt.graph.collections import GraphKeys
from graphopt.graph.operation import Operation, Tensor
from graphopt.inspection.recorded import before, has_effect, is_placeholder, is_random, place, with_branches, written_variables
from graphopt.inspection.subject import Subject
from graphopt.ops.control import assert_op, no_op, print_op, py_func


def effects(subject: Subject) -> list[dict[str, Any]]:
    """Return what a run of the op does besides giving a value, in order: what it writes, prints, checks and calls."""
    trained = {v.variable.op.name for part in subject.parts for v in part.variables}
    found = []
    for operation in with_branches(subject.operations):
        if is_random(operation) or not has_effect(operation) or operation.opdef is no_op:
            continue
        written = written_variables(operation)
        if not written and operation.opdef not in (assert_op, print_op, py_func):
            continue  # a placeholder, or what holds branches: their operations follow
        what = "calls Python" if operation.opdef is py_func else "prints" if operation.opdef is print_op else "checks"
        found.append(
            {
                "operation": operation.name,
                "type": operation.type,
                "does": f"writes {', '.join([v.name for v in written])}" if written else what,
                "is_update": any(v.name in trained for v in written),
                "guarded_by": None if operation.guard is None else operation.guard.name,
                "made_at": place(operation),
            }
        )
    return found


def random_operations(subject: Subject) -> list[dict[str, Any]]:
    """Return the operations that draw random numbers, with their seeds and where these come from."""
    found = []
    for operation in with_branches(subject.operations):
        if is_random(operation):
            graph_seed, op_seed = operation.attributes["seed"], operation.attributes["seed2"]
            if graph_seed is None:
                source = "drawn anew by every session: call tf.set_random_seed for the same numbers in every run"
            elif op_seed is None:
                source = "the graph's seed and the operation's name"
            else:
                source = "given"
            row = {"operation": operation.name, "type": operation.type, "graph_seed": graph_seed, "seed": op_seed, "seeded_by": source}
            found.append({**row, "made_at": place(operation)})
    return found


def placeholders(subject: Subject) -> list[dict[str, Any]]:
    """Return the placeholders of the graph that something of the training op needs, and what needs each."""
    fetches: dict[str, Tensor | Operation] = {}
    rates = list(dict.fromkeys([part.learning_rate for part in subject.parts if isinstance(part.learning_rate, Tensor)]))
    for name, tensors in (("the loss", subject.losses), ("the learning rate", rates)):
        fetches |= {name if len(tensors) == 1 else f"{name} {tensor.name}": tensor for tensor in tensors}
    is_one = len(subject.targets) == 1
    fetches |= {"the training op" if is_one else f"the training op {target.name}": target for target in subject.targets}
    fetches.update({f"the summary {s['tag']}": s["tensor"] for s in _summary_tensors(subject)})
    needs = _needs(subject.graph.get_operations())
    found: dict[Operation, list[str]] = {}
    for name, fetch in fetches.items():
        for operation in needs.get(fetch.op if isinstance(fetch, Tensor) else fetch, ()):
            found.setdefault(operation, []).append(name)
    return [_placeholder(operation, names) for operation, names in sorted(found.items(), key=lambda item: item[0].id)]


def _placeholder(operation: Operation, needed_by: list[str]) -> dict[str, Any]:
    tensor = operation.outputs[0]
    has_default = bool(operation.inputs)
    row = {"name": operation.name, "type": str(tensor.tensor_type), "has_default": has_default, "needed_by": needed_by}
    return {**row, "made_at": place(operation)}


def _needs(operations: Iterable[Operation]) -> dict[Operation, frozenset[Operation]]:
    """Return for each operation the placeholders that it needs."""
    nothing: frozenset[Operation] = frozenset()
    found: dict[Operation, frozenset[Operation]] = {}
    shared: dict[tuple[frozenset[Operation], ...], frozenset[Operation]] = {}
    for operation in operations:
        parts = tuple(dict.fromkeys([found.get(op, nothing) for op in before(operation)]))
        parts = tuple([part for part in parts if part])
        if len(parts) == 1:
            own = parts[0]
        else:
            own = shared.get(parts) or shared.setdefault(parts, nothing.union(*parts))
        found[operation] = own | {operation} if is_placeholder(operation) else own
    return found


def summaries(subject: Subject) -> list[dict[str, Any]]:
    """Return the summaries of the training op and the others of its graph, with where in the pipeline each is measured."""
    return [{"tag": s["tag"], "measured": s["measured"], "made_at": place(s["tensor"])} for s in _summary_tensors(subject)]


def _summary_tensors(subject: Subject) -> list[dict[str, Any]]:
    own = {s.tensor: s for part in subject.parts for s in part.summaries}
    found = [{"tensor": s.tensor, "tag": s.tag, "measured": s.measured} for s in own.values()]
    losses = {part.loss for part in subject.parts}
    others = {s.tensor for info in subject.graph.state.get("training_ops", {}).values() for s in info.summaries}
    for tensor in subject.graph.root.get_collection(GraphKeys.SUMMARIES):
        if isinstance(tensor, Tensor) and tensor not in own and tensor not in others:
            tag = tensor.op.attributes.get("tag")
            found.append({"tensor": tensor, "tag": tag or tensor.op.name, "measured": _measured(tensor, losses)})
    return found


def _measured(tensor: Tensor, losses: Iterable[Any]) -> str:
    """Return in words what a summary of the user's own looks at."""
    values = [t for t in tensor.op.inputs]
    if any(t in set(losses) for t in values):
        return "the loss, where it is computed"
    names = ", ".join([t.name for t in values[:2]])
    return f"{names}, where it is computed" if names else "where it is computed"


def in_bytes(size: Any) -> str:
    """Return a number of bytes for people.

    >>> in_bytes(2048), in_bytes(10), in_bytes(None)
    ('2.0 KiB', '10 B', '?')
    """
    if size is None:
        return "?"
    amount = float(size)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{int(amount)} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def settings_text(settings: Mapping[str, Any]) -> str:
    """Return settings in one line."""
    return "; ".join([f"{name}: {short(value)}" for name, value in settings.items()])


def short(value: Any) -> str:
    """Return a plain value in one line."""
    if isinstance(value, Mapping):
        return ", ".join(f"{k}: {short(v)}" for k, v in value.items())
    if isinstance(value, float):
        return f"{value:.7g}"
    return ", ".join(map(short, value)) if isinstance(value, list | tuple) else str(value)
