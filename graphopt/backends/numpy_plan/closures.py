"""The first tier: a list of closures over a table of values. Nothing is compiled, and nothing is shared between runs."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphopt.backends.numpy_plan.steps import compile_statement, is_fresh, is_scalar, kernel_of, operand_names, statement
from graphopt.errors import OpError, invalid_argument
from graphopt.ir.node import CONST, ITEM, Node
from graphopt.ir.plan import Plan

Step = Callable[[list[Any]], None]


class Timing(NamedTuple):
    """When one step ran."""

    node: Node
    start: float
    end: float


class Closures:
    """A plan as closures, one for each node.

    Args:
      plan: the plan.
    """

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        slots: dict[Node, int] = {node: i for i, node in enumerate(plan.inputs)}
        nodes = plan.program.nodes()
        constants = [node for node in nodes if node.op is CONST]
        for node in (*constants, *plan.order):
            slots[node] = len(slots)
        self._constants = [node.value[()] if is_scalar(node) else node.value for node in constants]
        self._size = len(slots)
        self._steps = [(_make_step(node, slots), node) for node in plan.order]
        # A scalar may come as a view of rank 0: what is given out is the NumPy scalar.
        self._outputs = [
            (slots[o.node], _scalar if is_scalar(o.node) else None if is_fresh(o.node, plan) else np.array) for o in plan.program.outputs
        ]

    def run(self, inputs: Sequence[Any]) -> list[Any]:
        """Return the outputs' values for the inputs' values; no input changes, and the caller owns what it gets."""
        values = self._start(inputs)
        for step, node in self._steps:
            try:
                step(values)
            except RUN_ERRORS as error:
                raise with_origin(error, node, self.plan) from None
        return self._finish(values)

    def run_timed(self, inputs: Sequence[Any], timings: list[Timing]) -> list[Any]:
        """Run and note when each step began and ended."""
        values = self._start(inputs)
        for step, node in self._steps:
            start = time.perf_counter()
            try:
                step(values)
            except RUN_ERRORS as error:
                raise with_origin(error, node, self.plan) from None
            timings.append(Timing(node, start, time.perf_counter()))
        return self._finish(values)

    def _finish(self, values: list[Any]) -> list[Any]:
        return [values[i] if copy is None or values[i] is None else copy(values[i]) for i, copy in self._outputs]

    def _start(self, inputs: Sequence[Any]) -> list[Any]:
        return [*inputs, *self._constants, *[None] * (self._size - len(inputs) - len(self._constants))]


def _scalar(value: Any) -> Any:
    return value[()]


# What a step may raise: where a size is not known until then, NumPy itself may find that operands don't fit.
RUN_ERRORS = (OpError, ValueError, IndexError)
_MISMATCH = "operands could not be broadcast together with shapes"


def with_origin(error: Exception, node: Node | None, plan: Plan) -> OpError:
    """Return the error of a step with the recorded operation that it comes from."""
    known = error if isinstance(error, OpError) else invalid_argument(_message(str(error)))  # message from: NumPy
    origin = None if node is None else plan.program.origins.get(node)
    return known if known.op is not None or origin is None else known.with_op(origin)


def _message(text: str) -> str:
    """Return a message of NumPy's in TensorFlow's words."""
    shapes = re.findall(r"\(([\d,]*?),?\)", text) if text.startswith(_MISMATCH) else []
    return f"Incompatible shapes: [{shapes[0]}] vs. [{shapes[1]}]" if len(shapes) > 1 else text


def _make_step(node: Node, slots: dict[Node, int]) -> Step:
    at, sources = slots[node], tuple([slots[source] for source in node.inputs])
    if node.op is ITEM:
        return _item_step(at, sources[0], node.attributes["index"])
    text = statement(node)
    if text is not None:
        return _statement_step(at, sources, compile_statement(text, tuple(operand_names(node))), node)
    return _kernel_step(at, sources, kernel_of(node))


def _item_step(at: int, source: int, index: int) -> Step:
    def step(values: list[Any]) -> None:
        values[at] = values[source][index]

    return step


def _statement_step(at: int, sources: tuple[int, ...], function: Callable[..., Any], node: Node) -> Step:
    shape, dtype = node.shape, node.dtype.np

    def step(values: list[Any]) -> None:
        out = np.empty(shape, dtype)
        function(*[values[i] for i in sources], out)
        values[at] = out

    return step


def _kernel_step(at: int, sources: tuple[int, ...], kernel: Callable[..., Any]) -> Step:
    if len(sources) == 1:
        (only,) = sources

        def step_one(values: list[Any]) -> None:
            values[at] = kernel(values[only])

        return step_one

    def step(values: list[Any]) -> None:
        values[at] = kernel(*[values[i] for i in sources])

    return step
