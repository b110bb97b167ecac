"""Replace composite ops by their definition in other ops, where the backend has no better kernel for the whole."""

from __future__ import annotations

from graphopt.ir.bind import CURRENT
from graphopt.ir.node import NODES, Node
from graphopt.ir.opdef import OpDef
from graphopt.ir.program import Program, rebuild, with_inputs


def expand(program: Program, keeps: frozenset[OpDef] | None = None) -> Program:
    """Return the program with composite ops expanded.

    Args:
      program: the program, with static shapes where an expansion needs them.
      keeps: ops that stay whole; by default those whose kernel is better than the expansion.
    """

    def replace(node: Node, inputs: tuple[Node, ...]) -> Node:
        current = with_inputs(node, inputs)
        while _is_expandable(current, keeps):
            result = current.op.expand(*current.inputs, **current.attributes)  # type: ignore[misc]
            if isinstance(result, tuple) or result.types != current.types:
                return current
            current = result
        return current

    token = CURRENT.set(NODES)
    try:
        return rebuild(program, replace)
    finally:
        CURRENT.reset(token)


def expand_all(program: Program) -> Program:
    """Return the program with every composite op expanded, also those with a kernel for the whole."""
    return expand(program, frozenset())


def _is_expandable(node: Node, keeps: frozenset[OpDef] | None) -> bool:
    op = node.op
    if op.expand is None or (op.fused_kernel if keeps is None else op in keeps):
        return False
    return all([source.tensor_type.is_static for source in node.inputs])
