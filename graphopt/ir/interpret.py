"""The plainest way to run a program: node after node, each by its kernel. Branches run this way, and tests compare the backends with it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.errors import FailedPreconditionError, OpError
from graphopt.ir.bind import CURRENT
from graphopt.ir.node import CONST, INPUT, ITEM, NODES, Node, input_node
from graphopt.ir.program import Output, Program
from graphopt.ir.types import TensorType

Step = Callable[[Any, list[Any]], None]


def run_program(program: Program, inputs: Mapping[str, Any], xp: Any = np) -> list[Any]:
    """Return the values of a program's outputs.

    Args:
      program: the program.
      inputs: the value of each input by ``"kind name"``; None for a variable without a value.
      xp: the array namespace.

    Returns:
      The outputs' values in order; none shares memory with an input or with another output.

    Raises:
      OpError: when a node fails, with the recorded operation it comes from.

    >>> from graphopt import dtypes
    >>> x = input_node("feed", "x", TensorType(dtypes.float32, (2,)))
    >>> run_program(Program([Output("fetch", "y", x + x)]), {"feed x": np.float32([1, 2])})[0].tolist()
    [2.0, 4.0]
    """
    return _prepared(program, id(program.origins)).run(inputs, xp)


def run_once(program: Program) -> list[Any]:
    """Return the values of the outputs of a program of constants that is not run again: nothing of it is kept.

    Raises:
      OpError: when a node fails.
    """
    return _Prepared(program).run({}, np)


class _Prepared:
    """A program as a list of steps over a table of values."""

    def __init__(self, program: Program) -> None:
        nodes = program.nodes()
        slots = {node: i for i, node in enumerate(nodes)}
        self._origins = program.origins
        self._start: list[Any] = [_value(node) if node.op is CONST else None for node in nodes]
        self._inputs = [(slots[n], f"{n.attributes['kind']} {n.attributes['name']}") for n in nodes if n.op is INPUT]
        self._steps = [(_make_step(n, slots), n) for n in nodes if n.op is not CONST and n.op is not INPUT]
        self._required = [(slots[n], n.attributes["name"]) for n in _required(program)]
        self._outputs = [(slots[o.node], is_shared) for o, is_shared in zip(program.outputs, _shared(program), strict=True)]

    def run(self, inputs: Mapping[str, Any], xp: Any) -> list[Any]:
        values = self._start.copy()
        for slot, key in self._inputs:
            values[slot] = inputs[key]
        for slot, name in self._required:
            if values[slot] is None:
                raise FailedPreconditionError(None, None, f"Attempting to use uninitialized value {name}")
        for step, node in self._steps:
            try:
                step(xp, values)
            except OpError as error:
                origin = self._origins.get(node)
                raise error if error.op is not None or origin is None else error.with_op(origin) from None
        return [_copied(xp, values[slot]) if is_shared else values[slot] for slot, is_shared in self._outputs]


@functools.lru_cache(maxsize=512)
def _prepared(program: Program, origins: int) -> _Prepared:
    # Equal programs may come from different operations.
    return _Prepared(program)


def _value(node: Node) -> Any:
    return node.value[()] if node.shape == () and node.dtype is not dtypes.string else node.value


def _copied(xp: Any, value: Any) -> Any:
    return value if value is None or not isinstance(value, np.ndarray) else xp.array(value)


def _required(program: Program) -> list[Node]:
    """Return the variables whose value is looked at, not merely handed on as their new value."""
    used = {source for node in program.nodes() for source in node.inputs}
    used.update(output.node for output in program.outputs if output.kind != "update")
    return [node for node in program.inputs() if node.attributes["kind"] == "variable" and node in used]


def _shared(program: Program) -> list[bool]:
    """Return, for each output, whether its memory belongs to an input, a constant or an output before it."""
    seen: set[Node] = set()
    shared = []
    for output in program.outputs:
        base = _base_of(output.node)
        owner = output.node if base.op is not INPUT and base.op is not CONST and output.node.op is ITEM else base
        shared.append(base.op is INPUT or base.op is CONST or owner in seen)
        seen.add(owner)
    return shared


def _base_of(node: Node) -> Node:
    """Return the node whose memory `node` may share."""
    while True:
        if node.op is ITEM:
            node = node.inputs[0]
        if node.op.view_of is None:
            return node
        node = node.inputs[[p.name for p in node.op.parameters].index(node.op.view_of)]


def _make_step(node: Node, slots: Mapping[Node, int]) -> Step:
    at, sources = slots[node], tuple([slots[source] for source in node.inputs])
    if node.op is ITEM:
        index = node.attributes["index"]

        def take(xp: Any, values: list[Any]) -> None:
            values[at] = values[sources[0]][index]

        return take
    kernel, attributes = node.op.kernel, node.attributes
    if kernel is None:
        kernel, attributes = _expanded(node), {}

    def run(xp: Any, values: list[Any]) -> None:
        values[at] = kernel(xp, *[values[i] for i in sources], **attributes)

    return run


def _expanded(node: Node) -> Callable[..., Any]:
    """Return a kernel for an op that has only an expansion: expand it for the operands' actual types and run that."""

    def kernel(xp: Any, *operands: Any) -> Any:
        types = [TensorType(source.dtype, np.shape(value)) for source, value in zip(node.inputs, operands, strict=True)]
        token = CURRENT.set(NODES)
        try:
            inputs = [input_node("operand", str(i), t) for i, t in enumerate(types)]
            made = node.op.expand(*inputs, **node.attributes)  # type: ignore[misc]
        finally:
            CURRENT.reset(token)
        parts = made if isinstance(made, tuple) else (made,)
        program = Program([Output("fetch", str(i), part) for i, part in enumerate(parts)])
        results = run_program(program, {f"operand {i}": value for i, value in enumerate(operands)}, xp)
        return tuple(results) if isinstance(made, tuple) else results[0]

    return kernel
