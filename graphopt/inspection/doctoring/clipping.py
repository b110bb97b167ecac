"""Where a training op clips its gradients, by a stage or by hand, and whether that acted in a step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphopt.graph.operation import Operation
from graphopt.inspection.doctoring.case import line_of
from graphopt.inspection.happenings import settings_text
from graphopt.inspection.recorded import reach_back, tensors_of
from graphopt.inspection.subject import Part, Subject
from graphopt.ops.elementwise import maximum, minimum
from graphopt.runtime.fetching import IndexedSlicesValue

# A factor that is 1 but for rounding has clipped nothing.
_ROUNDING = 1e-4


@dataclass(frozen=True)
class Clipping:
    """The gradients of one update before and after they are clipped.

    Attributes:
      what: what clips, in words. where: the user's line, or None. fetches: pairs of gradients, before and after.
      is_mixed: whether another stage between the two changes them as well, so that they don't tell what clipping did.
    """

    what: str
    where: str | None
    fetches: list[tuple[Any, Any]]
    is_mixed: bool = False

    def norm_where_it_acted(self, values: Iterable[tuple[Any, Any]]) -> float | None:
        """Return the global norm before clipping, from the values of the fetches; None where nothing was clipped."""
        pairs = [_aligned(before, after) for before, after in values]
        norm = np.sqrt(sum([np.sum(np.square(before)) for before, _ in pairs]))
        change = np.sqrt(sum([np.sum(np.square(after - before)) for before, after in pairs]))
        return float(norm) if change > _ROUNDING * norm else None


def clippings_of(subject: Subject) -> list[Clipping]:
    """Return where the updates of a training op clip."""
    return [clipping for part in subject.parts for clipping in (_by_stage(part, subject) or _by_hand(part))]


def _by_stage(part: Part, subject: Subject) -> list[Clipping]:
    clips = [stage for stage in part.stages if stage.name.startswith("clip")]
    known: Mapping[Any, Any] = subject.graph.state.get("training_stats", {})
    stats = next((stats for target, stats in known.items() if target.graph.state["training_ops"][target].stages is part.stages), None)
    if not clips or stats is None:
        return []
    before, after = stats.clipping
    fetches = [(gradient, after[v]) for v, gradient in before.items() if v in after]
    where = None if clips[0].location is None else str(clips[0].location)
    what = " and ".join([f"'{clip.name}' ({settings_text(dict(clip.settings))})" for clip in clips])
    return [Clipping(what, where, fetches, any(stage.name == "centralize" for stage in part.stages))]


def _by_hand(part: Part) -> list[Clipping]:
    """Return the clipping that the user put between the gradients and `apply_gradients`."""
    pairs = [(info.gradient, info.final_gradient) for info in part.variables if info.gradient is not None]
    pairs = [(before, after) for before, after in pairs if after is not None and before is not after]
    limits = sorted(_limits(pairs), key=lambda op: op.id)
    if part.stages or not limits:
        return []
    return [Clipping(f"The clipping by '{limits[0].name}'", line_of(limits[0]), pairs)]


def _limits(pairs: Iterable[tuple[Any, Any]]) -> Iterator[Operation]:
    """Yield the least and greatest that stand between gradients and what became of them."""
    found = list(pairs)
    first = min([t.op.id for before, _ in found for t in tensors_of(before)], default=0)
    stop = reach_back([t.op for before, _ in found for t in tensors_of(before)], first=first)
    for operation in reach_back([t.op for _, after in found for t in tensors_of(after)], first=first) - stop:
        if operation.opdef in (maximum, minimum):
            yield operation


def _aligned(before: Any, after: Any) -> tuple[Any, Any]:
    """Return two gradients as float64 arrays of one shape; rows with the same number are added up."""
    if not isinstance(before, IndexedSlicesValue) and not isinstance(after, IndexedSlicesValue):
        return np.asarray(before, np.float64), np.asarray(after, np.float64)
    if not isinstance(before, IndexedSlicesValue) or not isinstance(after, IndexedSlicesValue):
        size = len(after if isinstance(before, IndexedSlicesValue) else before)
        rows = np.arange(size)
    else:
        rows = np.unique(np.concatenate([before.indices, after.indices]))
    return _rows(before, rows), _rows(after, rows)


def _rows(gradient: Any, rows: Any) -> Any:
    if not isinstance(gradient, IndexedSlicesValue):
        return np.asarray(gradient, np.float64)[rows]
    values = np.asarray(gradient.values, np.float64)
    found = np.zeros((len(rows), *values.shape[1:]))
    np.add.at(found, np.searchsorted(rows, gradient.indices), values)
    return found
