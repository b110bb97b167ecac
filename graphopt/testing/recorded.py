"""A recorded graph run in the plainest way, to compare sessions with: `graphopt.runtime.recorded` to the end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any

from graphopt.compiler.needed import needed_operations
from graphopt.graph.operation import Operation, Tensor
from graphopt.runtime.recorded import RecordedRun as RecordedRun


def run_recorded(fetches: Iterable[Tensor | Operation], feeds: Mapping[Tensor, Any], state: MutableMapping[str, Any]) -> list[Any]:
    """Run what the fetches need.

    Args:
      fetches: tensors and operations. feeds: the values of fed tensors.
      state: the values of variables and random counters by name; changed when the run succeeds, and only then.

    Returns:
      The values of the fetched tensors, None for operations.

    Raises:
      OpError: with the operation that fails.
    """
    fetched = list(fetches)
    run = RecordedRun(feeds, state)
    run.run(needed_operations(fetched, feeds), [f for f in fetched if isinstance(f, Tensor)])
    values = [run.value(f) if isinstance(f, Tensor) else None for f in fetched]
    state.update(run.written())
    return values
