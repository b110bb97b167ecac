"""Branches and loops at the door: what is inside becomes programs of their own, held by one pure node.

What a program inside reads of the state around it is an input, what it writes an output. The contexts are those of `discharge.py`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from graphopt.errors import UnsupportedError
from graphopt.graph.capture import Branch
from graphopt.ir.node import INPUT, Node, constant_node, input_node
from graphopt.ir.program import Output, Program
from graphopt.ir.types import TensorType
from graphopt.ops.branch import DONE, EACH, NEW, NEXT, RAGGED, TOKEN, UNUSED, choose, iterate


class _Held:
    """Branches discharged beside each other, and what their programs have in common."""

    def __init__(self, context: Any, operands: Sequence[Any], branches: Sequence[Branch]) -> None:
        self.context = context
        self.operands = operands
        self.sides = [context.inside() for _ in branches]
        self.results: tuple[Node, ...] = ()

    def written(self) -> list[str]:
        """Return the names of the state that is written inside."""
        return list(dict.fromkeys([name for side in self.sides for name in side.state.written]))

    def latest(self, side: Any, name: str) -> Node:
        """Return a piece of state at the end of a side."""
        node: Node = side.current(name=name, **self.kind(name))
        return node

    def kind(self, name: str) -> dict[str, Any]:
        """Return what kind of state a name stands for, and its type."""
        kind, tensor_type = next(side.state.kinds[name] for side in self.sides if name in side.state.kinds)
        return {"kind": kind, "tensor_type": tensor_type}

    def acts(self) -> bool:
        """Return True when there are actions inside, which have an order."""
        return any(side.state.token.op is not INPUT for side in self.sides)

    def has_effects(self) -> bool:
        """Return True when something inside must happen, used or not."""
        return any(side.state.effects for side in self.sides)

    def effects(self, side: Any) -> list[Output]:
        """Return the outputs that make the effects of a side happen."""
        return [Output("effect", f"effect:{i}", node) for i, node in enumerate(side.state.effects)]

    def around(self, node: Node, *, optional: bool = False) -> Node:
        """Return what an input of a program inside is outside of it."""
        if node.is_constant:
            return node
        state, kind, name = self.context.state, node.attributes["kind"], node.attributes["name"]
        if kind == "operand":
            found: Node = self.operands[int(name)]
        elif kind == "token":
            found = state.token
        elif kind == "feed":
            found = node
        elif name not in state.values and (optional or kind == "optional") and kind != "counter":
            # What is not run must not ask for a value of the variables it reads.
            found = input_node("optional", name, node.tensor_type)
        else:
            found = self.context.current(kind, name, node.tensor_type)
        return found

    def reads(self, programs: Iterable[Program]) -> dict[str, Node]:
        """Return the inputs of the programs by what they read, with the nodes that they are outside."""
        inputs = {f"{n.attributes['kind']} {n.attributes['name']}": n for program in programs for n in program.inputs()}
        return {key: self.around(node, optional=True) for key, node in inputs.items()}

    def commit(self, outputs: Sequence[Output], made: Sequence[Node]) -> None:
        """Enter in the context around what was written inside."""
        state = self.context.state
        for output, node in zip([o for o in outputs if o.kind != "effect"], made, strict=True):
            if output.kind == "update":
                name = output.name.removeprefix(NEW)
                state.values[name] = state.written[name] = node
                state.kinds[name] = (self.kind(name)["kind"], self.kind(name)["tensor_type"])
            elif output.name in (TOKEN, DONE):
                self.context.check(node)
                if output.name == TOKEN:
                    state.token = node
        for side in self.sides:
            state.counters |= side.state.counters


def _inner(operands: Sequence[Any]) -> list[Any]:
    """Return what operands are inside: references and constants stay, other nodes become inputs."""
    return [
        operand if not isinstance(operand, Node) or operand.is_constant else input_node("operand", str(i), operand.tensor_type)
        for i, operand in enumerate(operands)
    ]


class Choice(_Held):
    """Two branches, and the node that runs one of them. What either writes is an output of both."""

    def __init__(self, context: Any, pred: Node, operands: Sequence[Any], *branches: Branch) -> None:
        super().__init__(context, operands, branches)
        inner = _inner(operands)
        values = [side.carry_out(branch, inner) for branch, side in zip(branches, self.sides, strict=True)]
        self._outputs = [self.effects(side) for side in self.sides]
        places = [self._place(i, *pair) for i, pair in enumerate(zip(*values, strict=True))]
        for name in self.written():
            self._add("update", NEW + name, [self.latest(side, name) for side in self.sides])
        if self.acts():
            self._add("fetch", TOKEN, [side.state.token for side in self.sides])
        elif self.has_effects():
            self._add("fetch", DONE, [constant_node(True)] * 2)
        made = self._make(pred) if any(self._outputs) else ()
        self.commit(self._outputs[0], made)
        self.results = tuple([made[place] if isinstance(place, int) else place for place in places])

    def _place(self, index: int, then: Node | None, otherwise: Node | None) -> Node | int:
        """Return the node that gives a result, or its place among the outputs where the branches have to be run for it."""
        if self.context.operation.outputs[index] not in self.context.used:
            return constant_node(False)
        only = otherwise if then is None else then if otherwise is None or otherwise is then else None
        if only is not None and (only.op is INPUT or only.is_constant):
            return self.around(only, optional=then is not otherwise)
        dtype = otherwise.dtype if then is None and otherwise is not None else then.dtype if then is not None else None
        stub = constant_node(np.zeros((), None if dtype is None else dtype.np))
        for outputs, node in zip(self._outputs, (then, otherwise), strict=True):
            outputs.append(Output("fetch", f"{UNUSED}{index}", stub) if node is None else Output("fetch", str(index), node))
        return sum(output.kind != "effect" for output in self._outputs[0]) - 1

    def _add(self, kind: str, name: str, nodes: Sequence[Node]) -> None:
        for outputs, node in zip(self._outputs, nodes, strict=True):
            outputs.append(Output(kind, name, node))

    def _make(self, pred: Node) -> tuple[Node, ...]:
        programs = [Program(outputs, side.state.origins) for outputs, side in zip(self._outputs, self.sides, strict=True)]
        reads = self.reads(programs)
        made = choose(pred, *reads.values(), then_program=programs[0], else_program=programs[1], reads=tuple(reads))
        return made if isinstance(made, tuple) else (made,)


class Loop(_Held):
    """A condition and a body, and the node that runs them. What the body writes goes from each turn to the next."""

    def __init__(
        self, context: Any, operands: Sequence[Any], count: int, ragged: tuple[int, ...], cond_branch: Branch, body_branch: Branch
    ) -> None:
        super().__init__(context, operands, (cond_branch, body_branch))
        inner = _inner(operands)
        for i, tensor in enumerate(body_branch.inputs[:count]):
            # Also a constant changes when the loop goes round.
            inner[i] = input_node("operand", str(i), _type_of(tensor))
        cond_side, body_side = self.sides
        (condition,) = cond_side.carry_out(cond_branch, inner)
        if cond_side.state.written or cond_side.state.token.op is not INPUT:
            names = ", ".join(cond_side.state.written) or "an action"
            raise UnsupportedError(f"The condition of a while_loop must not change anything: {names}.")
        values = body_side.carry_out(body_branch, inner)
        outputs = self.effects(body_side)
        outputs += [Output("fetch", f"{NEXT}{i}", node) for i, node in enumerate(values[:count])]
        used = [tensor in context.used for tensor in context.operation.outputs]
        outputs += [
            Output("fetch", f"{RAGGED if i - count in ragged else EACH}{i}", node)
            for i, node in enumerate(values)
            if i >= count and used[i]
        ]
        outputs += [Output("update", NEW + name, self.latest(body_side, name)) for name in self.written()]
        if self.acts():
            outputs.append(Output("fetch", TOKEN, body_side.state.token))
        elif self.has_effects():
            outputs.append(Output("fetch", DONE, constant_node(True)))
        programs = [
            Program([*self.effects(cond_side), Output("fetch", "condition", condition)], cond_side.state.origins),
            Program(outputs, body_side.state.origins),
        ]
        reads = {f"operand {i}": operands[i] for i in range(count)}
        reads.update({key: node for key, node in self.reads(programs).items() if key not in reads})
        for name in self.written():
            # A loop that never goes round leaves the state as it was.
            kind, tensor_type = self.kind(name).values()
            reads.setdefault(f"{kind} {name}", self.around(input_node(kind, name, tensor_type), optional=True))
        made = iterate(*reads.values(), cond_program=programs[0], body_program=programs[1], reads=tuple(reads))
        made = made if isinstance(made, tuple) else (made,)
        self.commit(outputs, made)
        places = iter(made)
        self.results = tuple([next(places) if i < count or used[i] else constant_node(False) for i in range(len(values))])


def _type_of(tensor: Any) -> TensorType:
    tensor_type: TensorType = tensor.tensor_type
    return tensor_type
