"""How a step went: norms, what was clipped, how far the weights moved, what was skipped. Recorded only when somebody asks."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.errors import GraphStateError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ops.elementwise import add_n, cast, divide, logical_and, maximum, not_equal, select, sqrt, square, subtract, zeros_as
from graphopt.ops.reduce import reduce_sum
from graphopt.train.stages.stage import Pairs, to_dense, values_of

_IS_SKIPPED = re.compile(r"(skipped|overflowed)_steps(_\d+)?")


class Statistics:
    """The statistics of one training op.

    Args:
      scope: its name scope. before: pairs before clipping. after: pairs as the optimizer gets them.
      weights: the values of the variables before the step. counters: what stages count. learning_rate: the rate of the step, or None.
    """

    def __init__(
        self, scope: str, before: Pairs, after: Pairs, weights: Mapping[Any, Any], counters: Mapping[str, Any], learning_rate: Any
    ) -> None:
        self._scope = scope
        self._before = {v: gradient for gradient, v in before if gradient is not None}
        self._after = {v: gradient for gradient, v in after if gradient is not None}
        self._weights = weights
        self._counters = counters
        self._learning_rate = learning_rate
        self._tensors: dict[str, Tensor] = {}

    @property
    def clipping(self) -> tuple[dict[Any, Any], dict[Any, Any]]:
        """The gradients that are not None by variable: before clipping, and as the optimizer gets them. Nothing is recorded for them."""
        return dict(self._before), dict(self._after)

    def tensors(self) -> dict[str, Tensor]:
        """Return the statistics by name, float64 scalars and integer counters. Fetch them with the training op, or alone for what a step
        would be: nothing changes then, but noise is drawn.

        ``gradient_norm`` and ``clipped_gradient_norm``: the global norm before clipping, and as the optimizer gets it.
        ``clipped_fraction``: of the numbers in gradients that are not 0, how many the stages from clipping on have changed.
        ``update_ratio``: the norm of the step's change divided by that of the weights before; ``update_ratio/<variable>`` of each.
        ``skipped_steps``: how many were skipped, by an overflow of the scaled loss or by `skip_non_finite`; the other counters of the
        stages by their names. ``learning_rate``: the step's.
        """
        if not self._tensors:
            graph = next(iter(self._after)).graph
            if graph.root.finalized:
                raise GraphStateError("Statistics are recorded when they are first asked for: read train_op.stats before graph.finalize().")
            with graph.as_default(), graph.name_scope(None), name_scope(f"{self._scope}/stats"):
                self._tensors = self._recorded()
        return dict(self._tensors)

    def _recorded(self) -> dict[str, Tensor]:
        found: dict[str, Any] = {
            "gradient_norm": _norm([_sum_of_squares(values_of(g)) for g in self._before.values()]),
            "clipped_gradient_norm": _norm([_sum_of_squares(values_of(g)) for g in self._after.values()]),
            "clipped_fraction": self._clipped_fraction(),
        }
        changes = {v: _sum_of_squares(subtract(v.value(), old)) for v, old in self._weights.items()}
        sizes = {v: _sum_of_squares(old) for v, old in self._weights.items()}
        found["update_ratio"] = _ratio(_norm(list(changes.values())), _norm(list(sizes.values())))
        for v in changes:
            found[f"update_ratio/{v.op.name}"] = _ratio(sqrt(changes[v]), sqrt(sizes[v]))
        counters = {name: getattr(counter, "value", lambda counter=counter: counter)() for name, counter in self._counters.items()}
        if self._learning_rate is not None:
            found["learning_rate"] = cast(convert_to_tensor(self._learning_rate), dtypes.float64)
        found |= counters
        skipped = [counter for name, counter in counters.items() if _IS_SKIPPED.fullmatch(name)]
        found["skipped_steps"] = add_n(skipped) if skipped else convert_to_tensor(np.int64(0))
        return found

    def _clipped_fraction(self) -> Any:
        changed, present = [], []
        for v, gradient in self._before.items():
            if v not in self._after:
                continue
            old, new = values_of(gradient), values_of(self._after[v])
            if not _match(gradient, self._after[v]):  # rows were added up, or made dense
                old, new = to_dense(gradient, v), to_dense(self._after[v], v)
            counts = not_equal(old, zeros_as(old))
            changed.append(_count(logical_and(counts, not_equal(old, new))))
            present.append(_count(counts))
        return _ratio(_total(changed), maximum(_total(present), 1.0))


def _match(before: Any, after: Any) -> bool:
    """Return whether the numbers of two gradients stand at the same places: both are tensors, or rows of the same numbers."""
    if isinstance(before, IndexedSlices) and isinstance(after, IndexedSlices):
        return before.indices is after.indices
    return not isinstance(before, IndexedSlices) and not isinstance(after, IndexedSlices)


def _sum_of_squares(x: Any) -> Any:
    return reduce_sum(square(cast(x, dtypes.float64)))


def _total(parts: list[Any]) -> Any:
    return add_n(parts) if parts else convert_to_tensor(np.float64(0))


def _norm(squares: list[Any]) -> Any:
    return sqrt(_total(squares))


def _count(truth: Any) -> Any:
    return reduce_sum(cast(truth, dtypes.float64))


def _ratio(part: Any, whole: Any) -> Any:
    """Return a quotient, 0 where nothing stands below."""
    is_zero = not_equal(whole, 0.0)
    return select(is_zero, divide(part, select(is_zero, whole, zeros_as(whole) + 1.0)), zeros_as(part))
