"""A tensor's value as a formula, read off the recorded operations that compute it."""

from __future__ import annotations

from typing import Any

from graphopt.graph.expressions import expression
from graphopt.graph.operation import Operation, Tensor
from graphopt.inspection.recorded import is_placeholder, is_random, is_state, is_variable
from graphopt.ir.node import CONST
from graphopt.ops.array import identity
from graphopt.ops.elementwise.choice import cast_op
from graphopt.ops.state import setting

_LONGEST = 200
_TRANSPARENT = (cast_op, identity)


class _TooLong(Exception):
    """The formula is longer than anybody wants to read."""


def formula(tensor: Tensor) -> str | None:
    """Return what computes a scalar, as a formula over variables, settings and placeholders; None where it would be too long to read.

    >>> step = tf.placeholder(tf.float32, [], name="step")
    >>> formula(0.5 * tf.exp(-step / 10.0))
    '0.5 * exp((-step) / 10)'
    """
    try:
        return _Writer().text(tensor)
    except _TooLong:
        return None


class _Writer:
    def __init__(self) -> None:
        self._budget = 400

    def text(self, tensor: Tensor) -> str:
        """Return the formula of one tensor."""
        self._budget -= 1
        if self._budget < 0:
            raise _TooLong
        found = self._leaf(tensor.op) or self._expression(tensor)
        if len(found) > _LONGEST:
            raise _TooLong
        return found

    def _leaf(self, operation: Operation) -> str | None:
        if operation.opdef is CONST:
            return constant_text(operation)
        if is_variable(operation) or is_placeholder(operation) or operation.opdef is setting:
            return operation.name
        if is_random(operation):
            return f"random({operation.name})"
        return None

    def _expression(self, tensor: Tensor) -> str:
        operation = tensor.op
        opdef = operation.opdef
        if opdef in _TRANSPARENT or is_state(operation):
            return self.text(operation.inputs[0])
        operands = [self.text(t) for t in operation.inputs]
        result = f"[{tensor.value_index}]" if len(operation.outputs) > 1 else ""
        return expression(opdef, operands) + result


def constant_text(operation: Operation) -> str:
    """Return a constant as it is read: a number, or its shape."""
    array: Any = operation.attributes["value"].array
    if array.ndim or array.dtype.kind not in "fiub":
        return f"constant {operation.outputs[0].tensor_type}" if array.ndim else repr(array[()])
    return f"{array[()]:g}" if array.dtype.kind == "f" else str(array[()])
