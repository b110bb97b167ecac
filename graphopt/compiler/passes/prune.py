"""Drop outputs that change nothing: a variable's own value, a check that is known to hold."""

from __future__ import annotations

from graphopt.compiler.passes.schedule import is_fallible
from graphopt.ir.node import INPUT, ITEM
from graphopt.ir.program import Output, Program


def prune(program: Program) -> Program:
    """Return the program without updates that keep the old value and without effects known to be done.

    Nodes that no output needs are gone already: a program is what its outputs reach.
    """
    return program.with_outputs([output for output in program.outputs if not _is_idle(output)])


def _is_idle(output: Output) -> bool:
    node = output.node
    if output.kind == "update":
        return node.op is INPUT and node.attributes["name"] == output.name and node.attributes["kind"] in ("variable", "counter")
    if output.kind != "effect" or node.op is INPUT:
        return False
    return node.is_constant or not is_fallible(node.inputs[0] if node.op is ITEM else node)
