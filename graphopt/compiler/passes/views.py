"""Facts about nodes that the schedule and the memory pass share: what may fail, whose memory a result shares, what may be overwritten."""

from __future__ import annotations

from graphopt.ir.node import ITEM, Node


def is_fallible(node: Node) -> bool:
    """Return True when running the node may raise: when its op says so, or when sizes are not known until then."""
    if node.op is not ITEM and not all([source.types[0].is_static for source in node.inputs]):
        return True
    fallible = node.op.fallible
    if callable(fallible):
        return fallible(*[source.tensor_type for source in node.inputs], **node.attributes)
    return fallible


def base_of(node: Node) -> Node:
    """Return the node whose memory `node` may share: through views, to where the memory was made."""
    while True:
        if node.op is ITEM:
            node = node.inputs[0]
        view_of = node.op.view_of
        if view_of is None:
            return node
        node = node.inputs[[p.name for p in node.op.parameters].index(view_of)]


def may_alias(node: Node, operand: Node) -> bool:
    """Return True when the step may write its result over this operand."""
    if node.op.overwrites is not None:
        index = [p.name for p in node.op.parameters].index(node.op.overwrites)
        return node.inputs[index] is operand and all([base_of(s) is not operand for i, s in enumerate(node.inputs) if i != index])
    return node.op.ufunc is not None and all([source is operand or base_of(source) is not operand for source in node.inputs])
