"""What differs between two training ops."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphopt.inspection.explain import explain
from graphopt.inspection.explanation import Explanation
from graphopt.inspection.happenings import short

_COST = ("recorded_operations", "program_nodes", "steps", "flops", "arena_bytes", "peak_bytes")


@dataclass(frozen=True)
class Difference:
    """One difference.

    Attributes:
      part: ``pipeline``, ``settings``, ``variables``, ``learning rate``, ``summaries``, ``side effects`` or ``cost``.
      what: what differs. a, b: how it is in the one and in the other; None where it isn't there.
    """

    part: str
    what: str
    a: Any
    b: Any

    def __str__(self) -> str:
        if self.b is None:
            return f"{self.part}: {self.what}: only in a{_value(self.a)}"
        if self.a is None:
            return f"{self.part}: {self.what}: only in b{_value(self.b)}"
        return f"{self.part}: {self.what}: {short(self.a)} in a, {short(self.b)} in b"


def _value(value: Any) -> str:
    return "" if value in ("", True) else f" ({short(value)})"


class Differences(Sequence[Difference]):
    """The differences of two training ops, in order: false when there are none. Print it."""

    def __init__(self, found: Iterable[Difference]) -> None:
        self._found = tuple(found)

    def __getitem__(self, index: Any) -> Any:
        return self._found[index]

    def __len__(self) -> int:
        return len(self._found)

    def to_dict(self) -> list[dict[str, Any]]:
        """Return the differences as plain dicts."""
        return [{"part": d.part, "what": d.what, "a": d.a, "b": d.b} for d in self._found]

    def __str__(self) -> str:
        return "\n".join(map(str, self._found)) or "no difference"

    __repr__ = __str__


def diff(a: Any, b: Any) -> Differences:
    """Return what differs between two training ops: pipeline, settings, variables, rates, summaries, side effects and cost.

    Args:
      a, b: training ops, or what `explain` gave for them. Name scopes of the two ops themselves make no difference.

    Raises:
      ValueError: for what is no training op.

    Example:
      >>> w = tf.Variable(1.0, name="w")
      >>> loss = tf.square(w)
      >>> plain = tf.contrib.layers.optimize_loss(loss, None, 0.1, "SGD")
      >>> clipped = tf.contrib.layers.optimize_loss(loss, None, 0.1, "SGD", clip_gradients=1.0)
      >>> print(tf.inspection.diff(plain, clipped)[0])
      pipeline: clip by global norm: only in b (clip_norm: 1)
    """
    one, other = [_neutral((x if isinstance(x, Explanation) else explain(x)).to_dict()) for x in (a, b)]
    found = [
        *_pipelines(one["pipeline"], other["pipeline"]),
        *_rows("variables", _by(one["variables"], "name"), _by(other["variables"], "name")),
        *_mappings("learning rate", *[_rate(content["schedules"]) for content in (one, other)]),
        *_mappings("summaries", *[{s["tag"]: s["measured"] for s in content["summaries"]} for content in (one, other)]),
        *_mappings("side effects", *[{e["operation"]: e["does"] for e in content["effects"]} for content in (one, other)]),
        *_mappings("cost", *[{name: content["cost"][name] for name in _COST} for content in (one, other)]),
    ]
    return Differences(found)


def _neutral(content: dict[str, Any]) -> dict[str, Any]:
    """Return the content with the op's own scope taken off all names, so that two scopes can be compared."""
    scope = content["training_op"].rpartition("/")[0]

    def renamed(value: Any) -> Any:
        if isinstance(value, str):
            return value.replace(f"{scope}/", "") if scope else value
        if isinstance(value, Mapping):
            return {renamed(k): renamed(v) for k, v in value.items()}
        return [renamed(v) for v in value] if isinstance(value, list) else value

    result: dict[str, Any] = renamed(content)
    return result


def _pipelines(a: list[dict[str, Any]], b: list[dict[str, Any]]) -> Iterable[Difference]:
    names = [[step["stage"] for step in steps] for steps in (a, b)]
    for kind, i, i_end, j, j_end in difflib.SequenceMatcher(None, names[0], names[1], autojunk=False).get_opcodes():
        if kind == "equal":
            for mine, other in zip(a[i:i_end], b[j:j_end], strict=True):
                for difference in _mappings("settings", mine["settings"], other["settings"]):
                    yield Difference("settings", f"{mine['stage']}, {difference.what}", difference.a, difference.b)
        else:
            yield from [Difference("pipeline", step["stage"], short(step["settings"]), None) for step in a[i:i_end]]
            yield from [Difference("pipeline", step["stage"], None, short(step["settings"])) for step in b[j:j_end]]


def _by(rows: list[dict[str, Any]], key: str) -> dict[str, dict[str, Any]]:
    return {row[key]: row for row in rows}


def _rows(part: str, a: Mapping[str, Mapping[str, Any]], b: Mapping[str, Mapping[str, Any]]) -> Iterable[Difference]:
    for name in dict.fromkeys([*a, *b]):
        if name not in a or name not in b:
            row = a.get(name) or b[name]
            yield Difference(part, name, row["type"] if name in a else None, row["type"] if name in b else None)
            continue
        for key in dict.fromkeys([*a[name], *b[name]]):
            if key not in ("made_at", "line", "slots") and a[name].get(key) != b[name].get(key):
                yield Difference(part, f"{name}, {key}", a[name].get(key), b[name].get(key))
        slots = [sorted(row[name]["slots"]) for row in (a, b)]
        if slots[0] != slots[1]:
            yield Difference(part, f"{name}, slots", slots[0], slots[1])


def _rate(schedules: list[dict[str, Any]]) -> dict[str, Any]:
    wanted = ("formula", "now", "step")
    return {key: schedule.get(key) for schedule in schedules[:1] for key in wanted}


def _mappings(part: str, a: Mapping[str, Any], b: Mapping[str, Any]) -> Iterable[Difference]:
    for name in dict.fromkeys([*a, *b]):
        if a.get(name) != b.get(name):
            yield Difference(part, name, a.get(name), b.get(name))
