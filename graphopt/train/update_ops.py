"""Operations of the collection UPDATE_OPS, which a training op has to run."""

from __future__ import annotations

import warnings

from graphopt.compiler.needed import needed_operations
from graphopt.graph.collections import GraphKeys
from graphopt.graph.operation import Operation, Tensor, user_location


def warn_of_idle_update_ops(train: Operation) -> None:
    """Warn when operations of the collection UPDATE_OPS are not part of a training operation: nothing would run them."""
    recorded = train.graph.root.get_collection(GraphKeys.UPDATE_OPS)
    if not recorded:
        return
    needed = set(needed_operations([train], ()))
    idle = [op.name for op in (item.op if isinstance(item, Tensor) else item for item in recorded) if op not in needed]
    if idle:
        names = ", ".join(idle[:3]) + (", ..." if len(idle) > 3 else "")
        advice = "record it inside `with tf.control_dependencies(update_ops)`, or use optimize_loss."
        message = f"Operations of UPDATE_OPS ({names}) are not part of what minimize returns: {advice}"
        where = user_location()
        warnings.warn_explicit(message, UserWarning, where.filename, where.line)
