"""How many turns a loop makes, where that follows from constants: its counter alone is computed, not its body."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphopt.errors import OpError
from graphopt.ir.interpret import run_program
from graphopt.ir.node import CONST, INPUT, ITEM, Node
from graphopt.ir.program import Output, Program
from graphopt.ops.branch import NEXT, iterate, results_of

_MOST = 10_000
_SMALL = 16
_OPERAND = "operand "


class Turns:
    """The turns of the loops of one program. Ask for them in the order in which they run: one may count what another has left."""

    def __init__(self) -> None:
        self._known: dict[tuple[Node, int], Any] = {}

    def of(self, loop: Node) -> int | None:
        """Return how many turns a loop makes; None where that isn't known, or more than ten thousand."""
        cond, body = loop.attributes["cond_program"], loop.attributes["body_program"]
        carried = {output.name.removeprefix(NEXT): output.node for output in body.outputs if output.name.startswith(NEXT)}
        values = self._starts(loop)
        while True:
            unknown = [name for name in values if name in carried and not _depends_on(carried[name], values)]
            if not unknown:
                break
            for name in unknown:
                del values[name]
        condition = results_of(cond)[-1].node
        if not _depends_on(condition, values):
            return None
        counters = {name: carried[name] for name in values if name in carried}
        return self._count(loop, condition, counters, values)

    def _starts(self, loop: Node) -> dict[str, Any]:
        """Return the operands with which the loop begins, by their number as text, as far as they are known and small."""
        found = {}
        for key, source in zip(loop.attributes["reads"], loop.inputs, strict=True):
            value = self._value(source) if key.startswith(_OPERAND) else None
            if value is not None and np.size(value) <= _SMALL:
                found[key.removeprefix(_OPERAND)] = value
        return found

    def _value(self, node: Node) -> Any:
        if node.op is CONST and (node.types[0].num_bytes or 0) <= 8 * _SMALL:
            return run_program(Program([Output("fetch", "value", node)]), {})[0]
        return self._known.get((node.inputs[0], node.attributes["index"])) if node.op is ITEM else None

    def _count(self, loop: Node, condition: Node, counters: Mapping[str, Node], values: dict[str, Any]) -> int | None:
        test = Program([Output("fetch", "condition", condition)])
        step = Program([Output("fetch", name, node) for name, node in counters.items()])
        count = 0
        try:
            while bool(run_program(test, _inputs(values))[0]):
                if count == _MOST:
                    return None
                values.update(zip(counters, run_program(step, _inputs(values)), strict=True))
                count += 1
        except OpError:  # it would fail when it runs, too
            return None
        for i, output in enumerate(results_of(loop.attributes["body_program"])):
            name = output.name.removeprefix(NEXT)
            if output.name.startswith(NEXT) and name in counters:
                self._known[loop, i] = values[name]
        return count


def _inputs(values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{_OPERAND}{name}": value for name, value in values.items()}


def _depends_on(node: Node, values: Mapping[str, Any]) -> bool:
    """Return whether a node follows from some operands alone, without loops inside."""
    for each in Program([Output("fetch", "value", node)]).nodes():
        if each.op is INPUT and (each.attributes["kind"] != "operand" or each.attributes["name"] not in values):
            return False
        if each.op is iterate or each.op.host_only:
            return False
    return True
