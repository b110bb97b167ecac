"""The summaries of a training op: the loss, the learning rate, gradients and their norms."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

from graphopt.errors import ArgumentError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Tensor
from graphopt.graph.summaries import histogram, scalar
from graphopt.graph.training_info import SummaryInfo
from graphopt.train.clip import global_norm
from graphopt.train.stages.stage import Pairs

OPTIMIZER_SUMMARIES = ["learning_rate", "loss", "gradients", "gradient_norm", "global_gradient_norm"]

_DEFAULT_SUMMARIES = ["loss", "learning_rate", "global_gradient_norm"]


class StepSummaries:
    """Records the summaries that are wanted, and notes where each is measured.

    Args:
      wanted: names of `OPTIMIZER_SUMMARIES`, or None for the usual ones.

    Raises:
      ValueError: for another name.
    """

    def __init__(self, wanted: Iterable[str] | None) -> None:
        self.wanted = list(_DEFAULT_SUMMARIES if wanted is None else wanted)
        self.recorded: list[SummaryInfo] = []
        for word in self.wanted:
            if word not in OPTIMIZER_SUMMARIES:
                raise ArgumentError(f"Summaries should be one of [{', '.join(OPTIMIZER_SUMMARIES)}], you provided {word}.")

    def _note(self, summary: Tensor, measured: str) -> None:
        self.recorded.append(SummaryInfo(summary, summary.op.attributes.get("tag", summary.op.name), measured))

    def scalar(self, word: str, name: str, value: Any, measured: str) -> None:
        """Record a number if `word` is wanted."""
        if word in self.wanted:
            self._note(scalar(name, value), measured)

    def norm(self, name: str, pairs: Pairs, measured: str) -> None:
        """Record the norm of all gradients if one of the two kinds of norms is wanted."""
        if "global_gradient_norm" in self.wanted or "gradient_norm" in self.wanted:
            self._note(scalar(name, global_norm([gradient for gradient, _ in pairs])), measured)

    def each(self, pairs: Pairs) -> None:
        """Record the histogram and the norm of each variable's gradient, as far as they are wanted."""
        for gradient, variable in pairs:
            if gradient is None:
                continue
            values = gradient.values if isinstance(gradient, IndexedSlices) else gradient
            name = variable.name.replace(":", "_")
            if "gradients" in self.wanted:
                self._note(histogram(f"gradients/{name}", values), "after clipping")
            if "gradient_norm" in self.wanted:
                self._note(scalar(f"gradient_norm/{name}", global_norm([values])), "after clipping")

    @contextlib.contextmanager
    def watch(self, measured: str) -> Iterator[None]:
        """Note the summaries that a stage or a decay records by itself."""
        known = set(get_default_graph().root.get_collection(GraphKeys.SUMMARIES))
        yield
        for summary in get_default_graph().root.get_collection(GraphKeys.SUMMARIES):
            if summary not in known:
                self._note(summary, measured)
