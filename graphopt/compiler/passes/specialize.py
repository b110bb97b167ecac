"""Shape specialisation: give the program's inputs their actual types and infer all others anew."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from graphopt import shapes
from graphopt.errors import OpError, invalid_argument
from graphopt.ir.bind import CURRENT
from graphopt.ir.nested import has_programs, with_attributes
from graphopt.ir.node import INPUT, NODES, Node, constant_node, input_node
from graphopt.ir.program import Program, rebuild, with_inputs
from graphopt.ir.types import TensorType
from graphopt.ops.branch import specialized


def specialize(program: Program, types: Mapping[tuple[str, str], TensorType]) -> Program:
    """Return the program for inputs of the given types.

    Args:
      program: the program.
      types: (kind, name) of an input with its actual type; others keep theirs.

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
            raise _run_time_error(node, inputs, error).with_op(program.origins.get(node)) from None
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


def _run_time_error(node: Node, inputs: tuple[Node, ...], error: Exception) -> OpError:
    """Return the error that running the node would raise: operands that were fed don't fit together.

    The kernel words it as TensorFlow does, so it is asked with operands of these shapes.
    """
    known = [source.is_constant or (source.tensor_type.is_static and not node.op.parameter_of(i).static) for i, source in enumerate(inputs)]
    if node.op.kernel is not None and all(known):
        operands = [source.value if source.is_constant else np.zeros(source.shape, source.dtype.np) for source in inputs]
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
