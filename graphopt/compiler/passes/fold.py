"""Constant folding: compute now what does not depend on any input."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt.errors import OpError
from graphopt.ir.node import ITEM, Node, constant_node
from graphopt.ir.program import Program, rebuild, with_inputs

# Larger results stay computed at run time: a constant of that size costs more to keep than to make.
MAX_FOLDED_BYTES = 1 << 16


def fold_constants(program: Program) -> Program:
    """Return the program with every node computed whose operands are all constant.

    What fails (an index out of range) is left to fail at run time; what runs in Python only, or gives a large result, stays.
    """
    results: dict[Node, tuple[Any, ...]] = {}

    def replace(node: Node, inputs: tuple[Node, ...]) -> Node:
        current = with_inputs(node, inputs)
        if current.op is ITEM:
            computed = results.get(current.inputs[0])
            return current if computed is None else constant_node(computed[current.attributes["index"]])
        values = evaluate(current)
        if values is None:
            return current
        if len(current.types) > 1 or not current.op.single_result:
            results[current] = values
            return current
        return constant_node(values[0])

    return rebuild(program, replace)


def evaluate(node: Node) -> tuple[Any, ...] | None:
    """Return the results of a node of constants as arrays, or None when it can't or shouldn't be computed now."""
    op = node.op
    if op.kernel is None or op.host_only or not node.inputs or not all([source.is_constant for source in node.inputs]):
        return None
    if any(t.num_bytes is None or t.num_bytes > MAX_FOLDED_BYTES for t in node.types):
        return None
    try:
        with np.errstate(all="ignore"):
            result = op.kernel(np, *[source.value[()] for source in node.inputs], **node.attributes)
    except (OpError, ValueError, TypeError, ArithmeticError, IndexError):
        return None
    values = result if isinstance(result, tuple) else (result,)
    return tuple([np.asarray(value, t.dtype.np) for value, t in zip(values, node.types, strict=True)])
