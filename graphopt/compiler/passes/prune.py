"""Drop outputs that change nothing: a variable's own value, a check that is known to hold."""

from __future__ import annotations

from graphopt.compiler.passes.views import is_fallible
from graphopt.ir.node import INPUT, Node
from graphopt.ir.program import Output, Program, topological_order


def prune(program: Program) -> Program:
    """Return the program without updates that keep the old value and without effects that can't fail.

    Nodes that no output needs are gone already: a program is what its outputs reach.
    """
    failing = _failing([output.node for output in program.outputs if output.kind == "effect"])
    return program.with_outputs([output for output in program.outputs if not _is_idle(output, failing)])


def _failing(roots: list[Node]) -> set[Node]:
    """Return the nodes, of those the roots need, that may fail or need one that may."""
    found: set[Node] = set()
    for node in topological_order(roots):
        if is_fallible(node) or any([source in found for source in node.inputs]):
            found.add(node)
    return found


def _is_idle(output: Output, failing: set[Node]) -> bool:
    node = output.node
    if output.kind == "update":
        return node.op is INPUT and node.attributes["name"] == output.name and node.attributes["kind"] in ("variable", "counter")
    return output.kind == "effect" and node.op is not INPUT and node not in failing
