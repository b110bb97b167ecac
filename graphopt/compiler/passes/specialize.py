"""Shape specialisation: give the program's inputs their actual types and infer all others anew."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from graphopt import shapes
from graphopt.errors import OpError, invalid_argument
from graphopt.ir.bind import CURRENT
from graphopt.ir.nested import has_programs, with_attributes
from graphopt.ir.node import INPUT, NODES, Node, constant_node, input_node
from graphopt.ir.program import Program, rebuild, with_inputs
from graphopt.ir.types import TensorType
from graphopt.ops.branch import specialized


def specialize(program: Program, types: Mapping[tuple[str, str], TensorType], fed: Mapping[str, Any] | None = None) -> Program:
    """Return the program for inputs of the given types.

    Args:
      program: the program.
      types: (kind, name) of an input with its actual type; others keep theirs.
      fed: the values of feeds by name, for the message when they don't fit.

    Returns:
      A program in which what shapes decide (``tf.shape``, reshapes to it) is constant.
    """

    def replace_input(node: Node) -> Node:
        if node.op is not INPUT:
            return node
        actual = types.get((node.attributes["kind"], node.attributes["name"]))
        return (
            node if actual is None or actual == node.tensor_type else input_node(node.attributes["kind"], node.attributes["name"], actual)
        )

    def replace_node(node: Node, inputs: tuple[Node, ...]) -> Node:
        try:
            current = with_inputs(node, inputs)
        except (ValueError, TypeError) as error:
            raise _run_time_error(node, inputs, error, fed or {}).with_op(program.origins.get(node)) from None
        if has_programs(current):
            return with_attributes(current, specialized(current, _specialize_branch))
        find = current.op.value_from_types
        value = None if find is None else find(*[source.tensor_type for source in inputs], **current.attributes)
        return current if value is None else constant_node(value)

    token = CURRENT.set(NODES)
    try:
        return rebuild(program, replace_node, replace_input)
    finally:
        CURRENT.reset(token)


def _specialize_branch(program: Program, types: Mapping[tuple[str, str], TensorType]) -> Program:
    """Return a nested program for these types; where they don't fit it stays as it is, and fails if it is run."""
    try:
        return specialize(program, types)
    except OpError:
        return program


def _run_time_error(node: Node, inputs: tuple[Node, ...], error: Exception, fed: Mapping[str, Any]) -> OpError:
    """Return the error that running the node would raise: operands that were fed don't fit together.

    The kernel words it as TensorFlow does, so it is asked with operands of these shapes.
    """
    operands = [_stand_in(source, fed, node.op.parameter_of(i).static) for i, source in enumerate(inputs)]
    if node.op.kernel is not None and all([operand is not None for operand in operands]):
        try:
            node.op.kernel(np, *operands, **node.attributes)
        except OpError as found:
            return found
        except (ValueError, TypeError, IndexError):
            pass
    if len(inputs) == 2 and "Dimensions must be equal" in str(error):
        first, second = (shapes.format_shape(source.shape) for source in inputs)
        return invalid_argument(f"Incompatible shapes: {first} vs. {second}")
    return invalid_argument(str(error).split("\n")[0])  # message from: the op's inference


def _stand_in(source: Node, fed: Mapping[str, Any], needs_value: bool) -> Any:
    """Return the operand's value, or zeros of its shape where the value doesn't matter; None when neither is known."""
    if source.is_constant:
        return source.value
    if source.op is INPUT and source.attributes["kind"] == "feed" and source.attributes["name"] in fed:
        return fed[source.attributes["name"]]
    return np.zeros(source.shape, source.dtype.np) if source.tensor_type.is_static and not needs_value else None
