"""Programs inside nodes: the branches of a choice, the body of a loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphopt.ir.bind import CURRENT
from graphopt.ir.node import NODES, Node
from graphopt.ir.program import Program, rebuild, with_inputs


def has_programs(node: Node) -> bool:
    """Return True when the node holds programs."""
    return any([isinstance(value, Program) for value in node.attributes.values()])


def with_programs(node: Node, change: Callable[[Program], Program]) -> Node:
    """Return the node with its programs changed and its types inferred anew."""
    attributes: dict[str, Any] = {key: change(value) if isinstance(value, Program) else value for key, value in node.attributes.items()}
    return with_attributes(node, attributes)


def with_attributes(node: Node, attributes: dict[str, Any]) -> Node:
    """Return the node with other attributes and its types inferred anew."""
    made = node.op(*node.inputs, **attributes)
    result: Node = made[0].inputs[0] if isinstance(made, tuple) else made
    return result


def map_nested(program: Program, change: Callable[[Program], Program]) -> Program:
    """Return the program with the programs inside its nodes changed."""

    def replace(node: Node, inputs: tuple[Node, ...]) -> Node:
        current = with_inputs(node, inputs)
        return with_programs(current, change) if has_programs(current) else current

    token = CURRENT.set(NODES)
    try:
        return rebuild(program, replace)
    finally:
        CURRENT.reset(token)
