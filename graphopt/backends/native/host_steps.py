"""Nodes that run as numpy steps between native segments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphopt.backends.native.memory import StepMemory
from graphopt.backends.numpy_plan.closures import RUN_ERRORS, with_origin
from graphopt.backends.numpy_plan.steps import is_scalar, kernel_of
from graphopt.ir.node import CONST, INPUT, ITEM, Node, item_of
from graphopt.ir.plan import Plan


class PythonValues:
    """The values of one run as NumPy sees them: those in native memory, and those that only Python has.

    Args:
      memory: the step's memory. inputs: the run's inputs.
    """

    def __init__(self, memory: StepMemory, inputs: list[Any], numbers: Mapping[Node, int]) -> None:
        self._memory = memory
        self._inputs = inputs
        self._numbers = numbers
        self._only_here: dict[Node, Any] = {}

    def get(self, node: Node) -> Any:
        """Return a value: an array, or a NumPy scalar for rank 0. An array may be part of the step's memory."""
        if node in self._only_here:
            return self._only_here[node]
        if node not in self._memory.storage.views:
            if node.op is INPUT:
                return self._inputs[self._numbers[node]]
            if node.op is CONST:
                return node.value
            if node.op is ITEM and node.inputs[0] in self._only_here:
                return self._only_here[node.inputs[0]][node.attributes["index"]]
            raise AssertionError(f"{node!r} has no value yet")
        value = self._memory.value_of(node, self._inputs)
        return value[()] if is_scalar(node) else value

    def put(self, node: Node, value: Any) -> None:
        """Keep a value: in native memory where it has a place there."""
        if value is not None and node in self._memory.storage.views:  # None: a branch left a variable without a value
            np.copyto(self._memory.value_of(node, self._inputs), value)
        else:
            # What looks at other memory is copied: a later step may be given that memory.
            self._only_here[node] = value.copy() if isinstance(value, np.ndarray) and value.base is not None else value


class HostStep:
    """One node, run by its kernel.

    Args:
      node: the node. plan: the plan, for the origin of errors.
    """

    def __init__(self, node: Node, plan: Plan) -> None:
        self.node = node
        self._plan = plan
        self._kernel = kernel_of(node)
        self._results = [node] if node.op.single_result else [item_of(node, i) for i in range(len(node.types))]

    def run(self, values: PythonValues) -> None:
        """Run the kernel on the operands' values and keep the results.

        Raises:
          OpError: with the recorded operation that failed.
        """
        made = self.check(values)
        for node, value in zip(self._results, (made,) if self.node.op.single_result else made, strict=True):
            values.put(node, value)

    def check(self, values: PythonValues) -> Any:
        """Run the kernel on the operands' values and return what it gives; errors as in `run`."""
        try:
            return self._kernel(*[values.get(source) for source in self.node.inputs])
        except RUN_ERRORS as error:
            raise with_origin(error, self.node, self._plan) from None
