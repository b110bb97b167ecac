"""A recorded graph run in the plainest way: one operation at a time, in the order of creation, each by its kernel.

This is the sentence of `docs/semantics.md` as code. No program is made and nothing is optimised, so what a session gives can be compared
with it, and every value between the operations can be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from graphopt.compiler.discharge import Context, Reference, State
from graphopt.dtypes import int64
from graphopt.errors import FailedPreconditionError, InvalidArgumentError, OpError, first_line
from graphopt.graph.operation import Operation, Tensor
from graphopt.ir.bind import CURRENT
from graphopt.ir.interpret import run_program
from graphopt.ir.node import NODES, Node, constant_node
from graphopt.ir.program import Output, Program
from graphopt.ir.types import TensorType


def as_value(array: Any) -> Any:
    """Return an array in the form in which backends hold it: rank 0 as a NumPy scalar (strings as they are)."""
    return array[()] if isinstance(array, np.ndarray) and array.ndim == 0 and array.dtype.kind != "O" else array


def as_tuple(results: Any) -> tuple[Any, ...]:
    """Return the results of an op as a tuple."""
    return tuple(results) if isinstance(results, (tuple, list)) else (results,)


class RecordedRun:
    """A run of a recorded graph that can be taken one operation further at a time.

    Args:
      feeds: the values of fed tensors. state: values of variables and random counters; they don't change.
      entropy: gives a random operation without any seed its own seed, by name.
    """

    def __init__(self, feeds: Mapping[Tensor, Any], state: Mapping[str, Any], entropy: Callable[[str], int] = lambda name: 1) -> None:
        self._context = _KnownContext(state, entropy)
        self._values: dict[Tensor, Any] = {}
        for tensor, value in feeds.items():
            self._values[tensor] = constant_node(np.array(value, tensor.dtype.np))
            if tensor.op.name in state:
                self._context.state.fed[tensor.op.name] = self._values[tensor]

    def step(self, operation: Operation) -> None:
        """Do what one operation does; nothing when its results are fed.

        Raises:
          OpError: when it fails.
        """
        if operation.outputs and all(t in self._values for t in operation.outputs):
            return
        operands = [self._values[t] for t in operation.inputs]
        self._context.operation = operation
        self._context.guard = None if operation.guard is None else self._values[operation.guard]
        token = CURRENT.set(NODES)
        try:
            results = self._results(operation, operands)
        except OpError as error:
            raise error if error.op is not None else error.with_op(operation) from None
        except (ValueError, IndexError, TypeError) as error:
            raise InvalidArgumentError(None, operation, first_line(error)) from None
        finally:
            CURRENT.reset(token)
        for tensor, result in zip(operation.outputs, results, strict=True):
            self._values.setdefault(tensor, result)

    def _results(self, operation: Operation, operands: list[Any]) -> list[Any]:
        op = operation.opdef
        if op.kernel is not None:
            arrays = [as_value(node.value) for node in operands]
            with np.errstate(all="ignore"):
                return [constant_node(np.array(r)) for r in as_tuple(op.kernel(np, *arrays, **operation.attributes))]
        perform = op.discharge
        made = op(*operands, **operation.attributes) if perform is None else perform(self._context, *operands, **operation.attributes)
        results = [] if made is None else [r if isinstance(r, Reference) else known(r) for r in as_tuple(made)]
        self._context.settle()
        return results

    def value(self, tensor: Tensor) -> Any:
        """Return a tensor's value: for a variable the one it has now."""
        found = self._values[tensor]
        node = self._context.get(found) if isinstance(found, Reference) else found
        return as_value(node.value)

    def written(self) -> dict[str, Any]:
        """Return what has been written so far, by name."""
        return {name: as_value(node.value) for name, node in self._context.state.written.items()}


class _KnownContext(Context):
    """Discharges where every value is known: after each operation nothing is left but constants."""

    def __init__(self, values: Mapping[str, Any], entropy: Callable[[str], int]) -> None:
        super().__init__(State(entropy))
        self.state.values = {name: constant_node(np.asarray(value)) for name, value in values.items()}
        self.state.known = set(values)

    def current(self, kind: str, name: str, tensor_type: TensorType) -> Node:
        """Return a piece of state as it is now."""
        if name not in self.state.values:
            if kind != "counter":
                raise FailedPreconditionError(None, None, f"Attempting to use uninitialized value {name}")
            self.state.values[name] = constant_node(np.int64(0), int64)
        return self.state.values[name]

    def settle(self) -> None:
        """Compute what the last operation left to compute: checks, actions, new values."""
        for effect in self.state.effects:
            known(effect)
        self.state.effects.clear()
        self.state.token = known(self.state.token)
        for table in (self.state.values, self.state.written):
            for name, node in table.items():
                table[name] = known(node)


def known(node: Node) -> Node:
    """Return the constant that a node of constants comes to."""
    if node.is_constant:
        return node
    with np.errstate(all="ignore"):
        (value,) = run_program(Program((Output("fetch", "value", node),)), {})
    return constant_node(np.asarray(value))
