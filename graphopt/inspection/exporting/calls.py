"""The calls of kernels in an exported file."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from graphopt import dtypes
from graphopt.inspection.exporting.definitions import Definitions
from graphopt.inspection.exporting.syntax import NotStandAlone
from graphopt.ir.node import Node


def kernel_call(definitions: Definitions, node: Node, operands: Sequence[str]) -> str:
    """Return the call of a node's kernel; the kernel is defined.

    Args:
      definitions: those of the file. node: a node whose op has a kernel. operands: their expressions.
    """
    return _call(definitions, node, node.op.kernel, ["np", *operands])


def into_call(definitions: Definitions, node: Node, operands: Sequence[str]) -> str:
    """Return the call of the kernel that writes a node's result into its first argument."""
    return _call(definitions, node, node.op.into, operands)


def _call(definitions: Definitions, node: Node, kernel: Any, operands: Sequence[str]) -> str:
    name = node.op.name
    function = definitions.code(kernel, f"{name}_kernel")
    attributes = [f"{key}={definitions.code(value, f'{name}_{key}')}" for key, value in node.attributes.items()]
    return f"{function}({', '.join([*operands, *attributes])})"


def with_operation(node: Node, origins: Mapping[Node, Any], write: Callable[[], str]) -> str:
    """Return what ``write()`` gives for a node.

    Raises:
      NotStandAlone: what it raises, with the recorded operation that the node comes from; and for strings.
    """
    try:
        if any(t.dtype is dtypes.string for t in (*node.types, *[t for source in node.inputs for t in source.types])):
            raise NotStandAlone("it works on strings, which NumPy keeps as Python objects")
        return write()
    except NotStandAlone as error:
        if error.operation is None:
            error.operation = origins.get(node)
        raise
