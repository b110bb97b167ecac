"""The order in which nodes run: depth first from the outputs, and everything that may fail first.

Nothing may fail after a variable has been written in place; so the fallible nodes, with what they need, stand at the beginning.
"""

from __future__ import annotations

from graphopt.compiler.passes.views import is_fallible
from graphopt.ir.node import CONST, INPUT, Node
from graphopt.ir.program import Program, topological_order


def schedule(program: Program) -> tuple[Node, ...]:
    """Return the nodes that have to be run, in running order."""
    fallible = [node for node in program.nodes() if is_fallible(node)]
    order = topological_order([*fallible, *[output.node for output in program.outputs]])
    return tuple([node for node in order if node.op is not INPUT and node.op is not CONST])
