"""What often helps against an operation that gave a number that is not finite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphopt.graph.operation import Operation
from graphopt.ops import elementwise
from graphopt.ops.softmax import softmax_op


def hint_for(operation: Operation, inputs: Sequence[Any]) -> str | None:
    """Return what often helps against what an operation did with these inputs, or None."""
    op = operation.opdef
    first = np.asarray(inputs[0]) if inputs else np.zeros(0)
    if op is elementwise.log and operation.inputs[0].op.opdef is softmax_op:
        return "log(softmax(x)) underflows: use tf.nn.softmax_cross_entropy_with_logits, or tf.nn.log_softmax."
    if op is elementwise.log and (first <= 0).any():
        return f"log of {int((first == 0).sum())} zeros and {int((first < 0).sum())} negative numbers."
    if op is elementwise.sqrt and (first < 0).any():
        return f"the square root of {int((first < 0).sum())} negative numbers."
    if op is elementwise.divide and not np.all(inputs[1]):
        return f"division by {int((np.asarray(inputs[1]) == 0).sum())} zeros."
    if op is elementwise.exp and first.size:
        return f"exp({first.max():.6g}) is more than {operation.inputs[0].dtype.name} can hold."
    return None
