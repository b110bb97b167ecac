"""A program: named inputs, interned nodes, named outputs. Immutable; passes make new ones."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from graphopt.errors import GraphOptError, InvalidArgumentError
from graphopt.ir.node import CONST, INPUT, Node, intern


class Output(NamedTuple):
    """One output of a program.

    Attributes:
      kind: ``fetch`` (a value the caller asked for), ``update`` (the new value of a variable or counter) or ``effect``
        (a check or an action that must happen).
      name: the tensor's or variable's name.
      node: the node that gives the value.
    """

    kind: str
    name: str
    node: Node


class Program:
    """Outputs and, reached from them, everything else. Immutable.

    Attributes:
      outputs: what the program computes, in order.
      origins: for messages and profiles: the recorded operation that a node comes from. Not part of its meaning.
    """

    __slots__ = ("_nodes", "origins", "outputs")

    outputs: tuple[Output, ...]
    origins: Mapping[Node, Any]
    _nodes: list[Node] | None

    def __init__(self, outputs: Iterable[Output], origins: Mapping[Node, Any] | None = None) -> None:
        object.__setattr__(self, "outputs", tuple(outputs))
        object.__setattr__(self, "origins", {} if origins is None else origins)
        object.__setattr__(self, "_nodes", None)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"A program is immutable: {name!r} can't be set.")

    def nodes(self) -> list[Node]:
        """Return the nodes the outputs need, each after its inputs. The list is shared: don't change it."""
        found = self._nodes
        if found is None:
            found = topological_order([output.node for output in self.outputs])
            object.__setattr__(self, "_nodes", found)
        return found

    def inputs(self) -> list[Node]:
        """Return the input nodes the outputs need."""
        return [node for node in self.nodes() if node.op is INPUT]

    def with_outputs(self, outputs: Iterable[Output], origins: Mapping[Node, Any] | None = None) -> Program:
        """Return a program with other outputs."""
        return Program(outputs, self.origins if origins is None else origins)

    def __eq__(self, other: object) -> bool:
        """Two programs are equal when the same outputs are the same nodes (nodes are interned)."""
        return isinstance(other, Program) and self.outputs == other.outputs

    def __hash__(self) -> int:
        return hash(self.outputs)


def topological_order(roots: Iterable[Node]) -> list[Node]:
    """Return the roots and all they need, each node after its inputs, roots first come first served."""
    order: list[Node] = []
    seen: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, inputs_done = stack.pop()
        if inputs_done:
            order.append(node)
            continue
        if node in seen:
            continue
        seen.add(node)
        if not node.inputs:
            order.append(node)
            continue
        stack.append((node, True))
        stack.extend([(source, False) for source in reversed(node.inputs) if source not in seen])
    return order


def rebuild(
    program: Program, replace_node: Callable[[Node, tuple[Node, ...]], Node], replace_input: Callable[[Node], Node] | None = None
) -> Program:
    """Return the program with every node replaced, walking from inputs to outputs.

    Args:
      program: the program to change.
      replace_node: ``replace_node(node, new_inputs)`` gives the node to put in place of `node`.
      replace_input: the same for constants and program inputs; by default they stay.

    Returns:
      The new program; its nodes inherit the origin of those they replace.

    Raises:
      InvalidArgumentError: when operands turn out not to fit together.
    """
    changed: dict[Node, Node] = {}
    origins = dict(program.origins)
    for node in program.nodes():
        if node.op is CONST or node.op is INPUT:
            result = node if replace_input is None else replace_input(node)
        else:
            inputs = node.inputs
            for source in inputs:
                if source in changed:
                    inputs = tuple([changed.get(other, other) for other in inputs])
                    break
            try:
                result = replace_node(node, inputs)
            except GraphOptError as error:
                # More is known of the shapes than before, and they don't fit: the run would fail there.
                raise InvalidArgumentError(None, origins.get(node), str(error).split("\n")[0]) from None
        if result is not node:
            changed[node] = result
            if node in origins:
                _inherit(result, origins[node], origins)
    if not changed:
        return program
    return program.with_outputs([Output(kind, name, changed.get(node, node)) for kind, name, node in program.outputs], origins)


def _inherit(node: Node, origin: Any, origins: dict[Node, Any]) -> None:
    """Give the origin to a node and to the nodes made for it that have none."""
    pending = [node]
    while pending:
        current = pending.pop()
        if current.op is INPUT or current in origins:
            continue
        origins[current] = origin
        pending.extend(current.inputs)


def with_inputs(node: Node, inputs: tuple[Node, ...]) -> Node:
    """Return the node with other inputs, its types inferred anew; the node itself when nothing changed."""
    if inputs is node.inputs or inputs == node.inputs:
        return node
    if (
        len(node.types) == 1
        and node.op.single_result
        and all([a.types == b.types for a, b in zip(inputs, node.inputs, strict=True)])
        and not node.op.has_static
    ):
        return intern(node.op, inputs, node.attributes, node.types, node.frozen)
    return _infer_anew(node, inputs)


def _infer_anew(node: Node, inputs: tuple[Node, ...]) -> Node:
    result = node.op(*inputs, **_own_attributes(node, inputs))
    made: Node = result[0].inputs[0] if isinstance(result, tuple) else result
    return made


def _own_attributes(node: Node, inputs: tuple[Node, ...]) -> dict[str, Any]:
    if "index" in node.attributes and node.op.name == "item":
        result = inputs[0].types[node.attributes["index"]]
        return {"index": node.attributes["index"], "dtype": result.dtype, "shape": result.shape}
    return node.attributes
