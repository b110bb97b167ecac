"""What a run gives whose step was not made."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from graphopt.compiler.needed import needed_operations
from graphopt.graph.operation import Operation, Tensor
from graphopt.ops.state import variable as variable_op
from graphopt.runtime.fetching import Fetches, flatten_feeds
from graphopt.train.hooks.rerun import Rerun


def results_of_no_step(fetches: Fetches, rerun: Rerun | None, session: Any, feed_dict: Any) -> Any:
    """Return values for the fetches of a run that changed nothing: variables as they are, else what the step had.

    Args:
      fetches: what was asked for. rerun: the step, run again, or None when that was not possible.
      session: the session without hooks. feed_dict: what was fed.

    Returns:
      The values in the structure of the fetches. What can't be known is NaN where it is a number of known shape, else None.
    """
    return fetches.assemble([_value(element, rerun, session, feed_dict) for element in fetches.elements])


def _value(element: Tensor | Operation, rerun: Rerun | None, session: Any, feed_dict: Any) -> Any:
    if isinstance(element, Operation):
        return None
    if element.op.opdef is variable_op:
        return np.array(session.store.cell(element.op.name).value)[()]
    if rerun is not None and rerun.has(element):
        return np.array(rerun.value(element))[()]
    if _only_reads(element, flatten_feeds(session.graph, feed_dict or {})):
        with contextlib.suppress(Exception):
            return session.run(element, feed_dict)
    return _unknown(element)


def _only_reads(element: Tensor, feeds: Iterable[Tensor]) -> bool:
    """Return whether the value of a tensor can be had without changing anything."""
    return all(operation.opdef.discharge is None or operation.opdef.only_reads for operation in needed_operations([element], feeds))


def _unknown(element: Tensor) -> Any:
    tensor_type = element.tensor_type
    if not tensor_type.dtype.is_floating or not tensor_type.is_static:
        return None
    value: Any = np.empty(tensor_type.shape, tensor_type.dtype.np)
    value.fill(np.nan)
    return value[()]
