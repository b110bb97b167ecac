"""Faults of how a training op is run: what is recorded between runs, and what is fed."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator

import numpy as np

from graphopt import dtypes
from graphopt.graph.operation import Tensor
from graphopt.inspection.doctoring.case import Case, Finding, NotLooked, line_of, rule

_GROWN_OFTEN = 3
_RECORDED_OFTEN = 20


@rule("graph-grows")
def graph_grows(case: Case) -> Iterator[Finding | NotLooked]:
    """Find operations that are recorded between runs, in the training loop."""
    if case.session is None:
        yield NotLooked("graph-grows", "no session was given, which knows how the graph was between runs")
        return
    versions = case.session.graph_versions
    grown = [later for earlier, later in itertools.pairwise(versions) if later > earlier]
    if len(grown) >= _GROWN_OFTEN:
        what = f"The graph grew between runs {len(grown)} times, to {versions[-1]} operations: something records operations in the loop, "
        yield _finding(case, "error", what + "and each new one is compiled.", versions[0])
        return
    since = Counter([(op.type, op.location) for op in case.graph.get_operations()[versions[-1] :]]) if versions else Counter()
    most = max(since.values(), default=0)
    if most >= _RECORDED_OFTEN:
        what = f"After the last new run was compiled one line recorded the same operation {most} times: is that in the loop? "
        yield _finding(case, "warning", what + "Nothing has run them, and the graph grows.", versions[-1])


def _finding(case: Case, severity: str, message: str, first: int) -> Finding:
    """Return the finding at the line that has recorded most since the graph had so many operations; of several the last."""
    later = case.graph.get_operations()[first:]
    counts = Counter([op.location for op in later])
    most = max(counts.values())
    newest = next(op for op in reversed(later) if counts[op.location] == most)
    mend = "Record everything before the loop, and call graph.finalize() to be told where it happens."
    return Finding("graph-grows", severity, message, line_of(newest), mend)  # type: ignore[arg-type]


@rule("float64-fed")
def float64_fed(case: Case) -> Iterator[Finding | NotLooked]:
    """Find float64 arrays that are fed into float32 tensors."""
    if not case.feeds and any(op.type == "Placeholder" for op in case.needed):
        yield NotLooked("float64-fed", "no feeds were given")
    told: set[Tensor] = set()
    for feeds in case.feeds:
        for tensor, value in feeds.items():
            is_double = isinstance(value, np.ndarray) and value.dtype == np.float64 and value.size > 1
            if is_double and tensor.dtype is dtypes.float32 and tensor not in told:
                told.add(tensor)
                yield Finding(
                    "float64-fed",
                    "warning",
                    f"float64 arrays of {value.nbytes:,} bytes are fed into '{tensor.name}', which is float32: each step converts them.",
                    line_of(tensor.op),
                    "Convert the data once: data.astype(np.float32).",
                )
