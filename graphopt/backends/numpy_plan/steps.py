"""How numpy runs one node: by a statement with ``out=``, a scalar expression, or its kernel. Both tiers take it from here."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.compiler.passes.views import base_of
from graphopt.ir.node import CONST, INPUT, ITEM, Node
from graphopt.ir.plan import Plan

NAMESPACE = vars(np)
_INFIX = re.compile(r"^-?\{\w+\}( [-+*/<>=!]+ \{\w+\})?$")
# NumPy 2.4 deprecates the third positional argument of these.
_KEYWORD_OUT = {np.maximum, np.minimum}


def is_scalar(node: Node) -> bool:
    """Return True for a value that is kept as a NumPy scalar: rank 0 and no string."""
    return len(node.types) == 1 and node.types[0].shape == () and node.types[0].dtype is not dtypes.string


def statement(node: Node) -> str | None:
    """Return the statement that writes the node's result into ``{out}``, with operand names as fields, or None."""
    op = node.op
    if not node.types[0].is_static or len(node.types) != 1 or not op.single_result or node.dtype is dtypes.string:
        return None
    if node.shape == () or 0 in (node.shape or ()) or op.view_of is not None or op is ITEM:
        return None
    if op.buffered is not None:
        text = op.buffered if isinstance(op.buffered, str) else op.buffered(node)
        return None if text is None else _with_attributes(text, node)
    if op.ufunc is not None:
        operands = ", ".join(f"{{{p.name}}}" for p in op.parameters)
        out = "out={out}" if NAMESPACE[op.ufunc] in _KEYWORD_OUT else "{out}"
        return f"{op.ufunc}({operands}, {out})"
    return None


def _with_attributes(text: str, node: Node) -> str:
    for key, value in node.attributes.items():
        text = text.replace(f"{{{key}!r}}", repr(value))
    return text


def takes_place(node: Node) -> bool:
    """Return True when the node's result is written into memory it is given."""
    if node.op.into is not None:
        return node.types[0].is_static and node.shape != () and 0 not in node.shape
    return statement(node) is not None


def scalar_expression(node: Node) -> str | None:
    """Return the Python expression of an operation on scalars that gives the kernel's very bits, or None."""
    if not is_scalar(node) or not all([is_scalar(source) for source in node.inputs]):
        return None
    text = node.op.scalar
    if isinstance(text, str) and _INFIX.match(text) and not (node.inputs and node.inputs[0].dtype.is_integer and "/" in text):
        return text
    if node.op.ufunc is not None:
        return f"{node.op.ufunc}({', '.join(f'{{{p.name}}}' for p in node.op.parameters)})"
    return None


def operand_names(node: Node) -> list[str]:
    """Return the parameter name of each operand."""
    return [p.name for p in node.op.parameters]


@functools.cache
def compile_statement(text: str, names: tuple[str, ...]) -> Callable[..., Any]:
    """Return a function ``f(*operands, out)`` that runs a statement with its fields as arguments."""
    body = text.format(**{name: name for name in names}, out="out")
    function: Callable[..., Any] = eval(f"lambda {', '.join([*names, 'out'])}: {body}", dict(NAMESPACE))
    return function


def kernel_of(node: Node) -> Callable[..., Any]:
    """Return ``f(*operands)``: the node's kernel with namespace and attributes filled in."""
    kernel = node.op.kernel
    if kernel is None:
        raise TypeError(f"Op {node.op.name!r} has no kernel for numpy.")
    if node.attributes:
        return functools.partial(kernel, np, **node.attributes)
    return functools.partial(kernel, np)


def is_fresh(node: Node, plan: Plan) -> bool:
    """Return True when nobody else holds an output's array: a kernel made it in this run, and it is given out once."""
    if base_of(node) is not node or node.op in (INPUT, CONST, ITEM):
        return False
    if node.dtype is dtypes.string:
        return True
    return sum([base_of(output.node) is node for output in plan.program.outputs if output.kind != "effect"]) == 1
