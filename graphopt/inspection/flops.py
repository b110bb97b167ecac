"""Floating-point operations of compiled programs, with the bodies of loops and the branches of choices.

A multiplication and an addition count as two; a function such as `exp` counts as one; what only moves numbers counts as none.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from graphopt.graph.operation import Operation
from graphopt.inspection.recorded import place
from graphopt.inspection.turns import Turns
from graphopt.ir.nested import has_programs
from graphopt.ir.node import CONST, INPUT, ITEM, Node
from graphopt.ir.program import Program
from graphopt.ir.types import TensorType
from graphopt.ops.branch import choose, iterate
from graphopt.ops.fused import fused


@dataclass(frozen=True)
class LoopWork:
    """What a loop does in each turn.

    Attributes:
      operation: the recorded operation, or the op's name. turns: how many turns it makes, or None where only a run knows.
      flops_per_turn: of condition and body, without loops inside whose turns aren't known. made_at: the user's line.
    """

    operation: str
    turns: int | None
    flops_per_turn: int
    made_at: str | None


@dataclass(frozen=True)
class ChoiceWork:
    """What the branches of a choice do: the dearer one is counted.

    Attributes:
      operation: the recorded operation, or the op's name. flops: of the branch for True and of that for False. made_at: the user's line.
    """

    operation: str
    flops: tuple[int, int]
    made_at: str | None


@dataclass(frozen=True)
class Work:
    """The floating-point operations of some nodes.

    Attributes:
      flops: how many are known: those of a loop whose turns aren't known are not among them.
      unknown: of how many nodes the shapes aren't known. loops, choices: what stands in them, loops in loops too.
    """

    flops: int = 0
    unknown: int = 0
    loops: tuple[LoopWork, ...] = ()
    choices: tuple[ChoiceWork, ...] = ()

    @property
    def is_complete(self) -> bool:
        """Whether `flops` is the number that every run makes."""
        loops_are_known = all(loop.turns is not None for loop in self.loops)
        return not self.unknown and loops_are_known and all(choice.flops[0] == choice.flops[1] for choice in self.choices)


def total(works: Iterable[Work]) -> Work:
    """Return several pieces of work as one."""
    found = list(works)
    return Work(
        sum([work.flops for work in found]),
        sum([work.unknown for work in found]),
        tuple([loop for work in found for loop in work.loops]),
        tuple([choice for work in found for choice in work.choices]),
    )


def work_of(order: Iterable[Node], origins: Mapping[Node, Any]) -> dict[Node, Work]:
    """Return what each node of a program has to compute.

    Args:
      order: the nodes, in an order in which they can run. origins: the recorded operations that nodes come from.
    """
    turns = Turns()
    return {node: _work(node, origins, turns) for node in order}


def _work(node: Node, origins: Mapping[Node, Any], turns: Turns) -> Work:
    if node.op is iterate:
        return _loop(node, origins, turns)
    if node.op is choose:
        return _choice(node, origins)
    if node.op is fused:
        return _of_program(node.attributes["body"])
    if has_programs(node):
        return Work(unknown=1)
    count = _flops(node)
    return Work(unknown=1) if count is None else Work(count)


def _of_program(program: Program) -> Work:
    return total(work_of(program.nodes(), program.origins).values())


def _loop(node: Node, origins: Mapping[Node, Any], turns: Turns) -> Work:
    name, where = _origin(node, origins)
    condition, body = _of_program(node.attributes["cond_program"]), _of_program(node.attributes["body_program"])
    each = total([condition, body])
    count = turns.of(node)
    own = LoopWork(name, count, each.flops, where)
    flops = 0 if count is None else count * each.flops + condition.flops
    return Work(flops, each.unknown, (own, *each.loops), each.choices)


def _choice(node: Node, origins: Mapping[Node, Any]) -> Work:
    name, where = _origin(node, origins)
    branches = [_of_program(node.attributes[key]) for key in ("then_program", "else_program")]
    both = total(branches)
    own = ChoiceWork(name, (branches[0].flops, branches[1].flops), where)
    return Work(max(own.flops), both.unknown, both.loops, (own, *both.choices))


def _origin(node: Node, origins: Mapping[Node, Any]) -> tuple[str, str | None]:
    found = origins.get(node)
    return (found.name, place(found)) if isinstance(found, Operation) else (node.op.name, None)


def _flops(node: Node) -> int | None:
    """Return about how many floating-point operations a node without programs takes; None where a shape isn't known."""
    op = node.op
    is_sum_of_products = len(op.linear_in) == 2 and not op.elementwise
    computes = op.elementwise or op.reduction is not None or is_sum_of_products or op.fused_kernel or op.expand is not None
    if op in (CONST, INPUT, ITEM) or op.view_of is not None or not computes:
        return 0
    if not all(t.is_static for t in node.types) or not all(source.types[0].is_static for source in node.inputs):
        return None
    if op.elementwise:
        return _size(node.types[0])
    if op.reduction is not None:
        return _size(node.inputs[0].types[0])
    return 2 * _multiplications(node) if is_sum_of_products else sum([_size(source.types[0]) for source in node.inputs])


def _size(tensor_type: TensorType) -> int:
    return math.prod([size or 0 for size in tensor_type.shape or ()])


def _multiplications(node: Node) -> int:
    """Return how many products of two numbers a matrix product or a convolution adds up."""
    operands = dict(zip([p.name for p in node.op.parameters], node.inputs, strict=False))
    if "transpose_a" in node.attributes:
        rows = node.inputs[0].types[0].shape or (1,)
        return _size(node.types[0]) * (rows[-2 if node.attributes["transpose_a"] else -1] or 0)
    filters = operands.get("w", node).types[0].shape or ()
    results = _size(operands.get("g", node).types[0])
    inner = filters[:2] if "depthwise" in node.op.name else filters[:-1]
    return results * math.prod([size or 0 for size in inner])
