"""One sample call of an op, in the forms in which the checks need it: arrays, kernel results, program nodes, a recorded graph."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from graphopt import dtypes
from graphopt.graph.graph import Graph
from graphopt.graph.operation import Tensor
from graphopt.ir.bind import CURRENT
from graphopt.ir.node import NODES, Node, constant_node, input_node
from graphopt.ir.opdef import OpDef
from graphopt.ir.program import Output, Program
from graphopt.ir.samples import Sample
from graphopt.ir.types import TensorType
from graphopt.ops.control import placeholder
from graphopt.runtime.recorded import as_tuple as as_tuple
from graphopt.runtime.recorded import as_value as as_value


def in_program(function: Callable[..., Any], /, *operands: Any, **attributes: Any) -> tuple[Node, ...]:
    """Call a function of values where constants, too, become program nodes; return its results."""
    token = CURRENT.set(NODES)
    try:
        return as_tuple(function(*operands, **attributes))
    finally:
        CURRENT.reset(token)


class Hidden(NamedTuple):
    """What a recorded graph is not told about the operands of a call."""

    what: str
    types: list[TensorType]
    static_values: bool


class Call:
    """One sample call.

    Args:
      op: the op. sample: its operands and attributes.
    """

    def __init__(self, op: OpDef, sample: Sample) -> None:
        self.op = op
        self.sample = sample
        self.attributes = op.complete_attributes(dict(sample.attributes))
        self.arrays = sample.arrays()

    def __repr__(self) -> str:
        shown = [str(t) for t in self.types] + [f"{key}={value!r}" for key, value in self.sample.attributes.items()]
        return f"{self.op.name}({', '.join(shown)})"

    @property
    def types(self) -> list[TensorType]:
        """The operands' types."""
        return [TensorType(dtypes.as_dtype(a.dtype), a.shape) for a in self.arrays]

    @property
    def names(self) -> list[str]:
        """A name for each operand."""
        return [f"x{i}" for i in range(len(self.arrays))]

    @property
    def named(self) -> dict[str, Any]:
        """Fresh copies of the operands' values, by name."""
        return {name: as_value(array.copy()) for name, array in zip(self.names, self.arrays, strict=True)}

    def is_static(self, position: int) -> bool:
        """Return True for an operand whose value decides the result's shape."""
        return self.op.parameter_of(position).static

    # --- the kernel --------------------------------------------------------------------------------------------------

    def run_kernel(self, operands: Sequence[Any]) -> tuple[np.ndarray[Any, Any], ...]:
        """Return what the kernel gives for these operands (the expansion where there is no kernel)."""
        kernel = self.op.kernel
        if kernel is None:
            raise TypeError(f"Op {self.op.name!r} has no kernel.")
        with np.errstate(all="ignore"):
            return as_tuple(kernel(np, *operands, **self.attributes))

    @cached_property
    def expected(self) -> tuple[np.ndarray[Any, Any], ...]:
        """The kernel's results for copies of the operands."""
        return tuple(np.array(result) for result in self.run_kernel([as_value(a.copy()) for a in self.arrays]))

    # --- the program -------------------------------------------------------------------------------------------------

    def nodes(self, *, constants: bool = False) -> list[Node]:
        """Return the operands as nodes: inputs, and constants where the value decides a shape or `constants` says so."""
        return [
            constant_node(array) if constants or self.is_static(i) else input_node("feed", name, tensor_type)
            for i, (name, array, tensor_type) in enumerate(zip(self.names, self.arrays, self.types, strict=True))
        ]

    def results(self, *, constants: bool = False) -> tuple[Node, ...]:
        """Return the nodes of the results."""
        return in_program(self.op, *self.nodes(constants=constants), **self.sample.attributes)

    def program(self, results: Sequence[Node] | None = None) -> Program:
        """Return the program that computes the call (or the given nodes)."""
        nodes = self.results() if results is None else results
        return Program(tuple(Output("fetch", f"result:{i}", node) for i, node in enumerate(nodes)))

    # --- the recorded graph ------------------------------------------------------------------------------------------

    def record(self, hidden: Hidden) -> tuple[Graph, tuple[Tensor, ...], dict[Tensor, Any]]:
        """Record the call with operands as little known as `hidden` says; return graph, results and feeds."""
        graph = Graph()
        feeds: dict[Tensor, Any] = {}
        operands: list[Any] = []
        with graph.as_default():
            for i, (array, shown) in enumerate(zip(self.arrays, hidden.types, strict=True)):
                if self.is_static(i) and not hidden.static_values:
                    operands.append(graph.constant(array, shown.dtype, f"x{i}"))
                else:
                    operands.append(placeholder(dtype=shown.dtype, shape=shown.shape, name=f"x{i}"))
                    feeds[operands[-1]] = array
            results = as_tuple(self.op(*operands, **self.sample.attributes))
        return graph, results, feeds

    def hidings(self) -> Iterator[Hidden]:
        """Yield every way of hiding: one size, one rank, all sizes, all ranks, and the values that decide shapes."""
        types = self.types
        for i, known in enumerate(types):
            for axis in range(len(known.shape or ())):
                yield Hidden(f"size {axis} of operand {i}", [*types[:i], _hide(known, (axis,)), *types[i + 1 :]], False)
            yield Hidden(f"rank of operand {i}", [*types[:i], TensorType(known.dtype, None), *types[i + 1 :]], False)
        yield from self.blind()

    def blind(self) -> Iterator[Hidden]:
        """Yield the ways of hiding everything of a kind."""
        types = self.types
        yield Hidden("nothing", types, False)
        yield Hidden("all sizes", [_hide(t, range(t.rank or 0)) for t in types], False)
        yield Hidden("all ranks", [TensorType(t.dtype, None) for t in types], False)
        if self.op.has_static:
            yield Hidden("the values that decide shapes", types, True)
            yield Hidden("everything", [TensorType(t.dtype, None) for t in types], True)


def _hide(known: TensorType, axes: Container[int]) -> TensorType:
    return TensorType(known.dtype, tuple(None if axis in axes else size for axis, size in enumerate(known.shape or ())))
