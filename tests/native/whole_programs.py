"""Whole programs on the native backend, beside what NumPy gives for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from graphopt.backends.native.executable import NativeExecutable
from graphopt.compiler.passes.fuse import is_loop
from graphopt.dtypes import as_dtype
from graphopt.ir.node import NODES, Node, input_node
from graphopt.ir.program import Output, Program
from graphopt.ir.types import TensorType
from graphopt.testing.backends import BACKENDS, inputs_of
from graphopt.testing.calls import as_value, in_program
from graphopt.testing.compare import difference, has_same_bits

Array = np.ndarray[Any, Any]


class Feeds:
    """Feeds of a program that is being made.

    Attributes:
      named: the value of each, by name.
    """

    def __init__(self) -> None:
        self.named: dict[str, Any] = {}

    def __call__(self, array: Any, kind: str = "feed") -> Node:
        """Return a new input with this value."""
        name = f"x{len(self.named)}"
        self.named[name] = as_value(np.asarray(array))
        return input_node(kind, name, TensorType(as_dtype(np.asarray(array).dtype), np.asarray(array).shape))


def call(function: Any, /, *operands: Any, **attributes: Any) -> Node:
    """Return the node of a call; numbers and arrays among its operands become constants of the first operand's type or their own."""
    hint = next((o.dtype for o in operands if isinstance(o, Node)), None)
    nodes = [o if isinstance(o, Node) else NODES.constant(o, hint if np.ndim(o) == 0 else None) for o in operands]
    (result,) = in_program(function, *nodes, **attributes)
    return result


def fetching(*nodes: Node, **updates: Node) -> Program:
    """Return the program that gives the values of nodes, and new values of variables by name."""
    fetched = [Output("fetch", f"y{i}", node) for i, node in enumerate(nodes)]
    return Program([*fetched, *[Output("update", name, node) for name, node in updates.items()]])


def expected_of(program: Program, named: Mapping[str, Any]) -> list[Any]:
    """Return what NumPy gives."""
    copies = {name: value.copy() for name, value in named.items()}
    return [np.asarray(value) for value in BACKENDS["numpy closures"](program, copies)]


def run_native(program: Program, named: Mapping[str, Any], *, threads: Sequence[int] = (1,)) -> list[Any]:
    """Return what the native backend gives: the same bits in every run and for every number of threads, with inputs left as they were."""
    found: list[list[Any]] = []
    before = {name: value.copy() for name, value in named.items()}
    for count in threads:
        executable = NativeExecutable(program, threads=count)
        with np.errstate(all="ignore"):
            found += [executable.run(inputs_of(executable, named), may_overwrite=False) for _ in range(2)]
    for other in found[1:]:
        for a, b in zip(found[0], other, strict=True):
            assert has_same_bits(a, b), f"two runs differ: {difference(a, b)}"
    assert all(has_same_bits(named[name], value) for name, value in before.items()), "an input was written"
    return found[0]


def loops_of(program: Program) -> list[Node]:
    """Return the fused nodes of a program."""
    return [node for node in program.nodes() if is_loop(node)]
