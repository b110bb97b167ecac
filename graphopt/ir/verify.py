"""The invariants of a program, as a table of checks."""

from __future__ import annotations

from collections.abc import Callable

from graphopt import shapes
from graphopt.errors import VerifyError
from graphopt.ir.node import CONST, INPUT, ITEM, Node
from graphopt.ir.opdef import REGISTRY
from graphopt.ir.program import Program
from graphopt.ir.types import StaticOperand


def _is_registered(node: Node) -> str | None:
    return None if REGISTRY.get(node.op.name) is node.op else f"op {node.op.name!r} is not in the registry"


def _is_pure(node: Node) -> str | None:
    if node.op.kernel is None and node.op.expand is None and node.op not in (INPUT, ITEM):
        return f"op {node.op.name!r} has neither a kernel nor an expansion: an effect came through the door"
    return None


def _has_all_attributes(node: Node) -> str | None:
    return (
        None
        if list(node.attributes) == list(node.op.attributes)
        else f"attributes {list(node.attributes)} are not {list(node.op.attributes)}"
    )


def _has_operands(node: Node) -> str | None:
    if node.op.is_variadic or len(node.inputs) == len(node.op.parameters):
        return None
    return f"{len(node.inputs)} operands where the op takes {len(node.op.parameters)}"


def _has_allowed_dtypes(node: Node) -> str | None:
    for i, source in enumerate(node.inputs):
        parameter = node.op.parameter_of(i)
        if source.dtype not in parameter.allowed:
            return f"operand {parameter.name} has element type {source.dtype.name}"
    return None


def _has_inferred_types(node: Node) -> str | None:
    if node.op in (CONST, INPUT, ITEM):
        return None
    operands = [
        StaticOperand(s.tensor_type, node.builder.static_value(s)) if node.op.parameter_of(i).static else s.tensor_type
        for i, s in enumerate(node.inputs)
    ]
    inferred = node.op.infer(*operands, **node.attributes)
    fits = all(a.dtype is b.dtype and shapes.is_compatible(a.shape, b.shape) for a, b in zip(inferred, node.types, strict=True))
    return None if fits else f"types {[str(t) for t in node.types]} are not the inferred {[str(t) for t in inferred]}"


CHECKS: tuple[Callable[[Node], str | None], ...] = (
    _is_registered,
    _is_pure,
    _has_all_attributes,
    _has_operands,
    _has_allowed_dtypes,
    _has_inferred_types,
)


def verify(program: Program, after: str = "") -> None:
    """Check every node and output of a program.

    Args:
      program: the program. after: the pass that made it, for the message.

    Raises:
      VerifyError: naming the node, its neighbourhood and the broken invariant.
    """
    where = f" after {after}" if after else ""
    names: set[tuple[str, str]] = set()
    for kind, name, node in program.outputs:
        if (kind, name) in names:
            raise VerifyError(f"Output {kind} {name!r} stands twice{where}.")
        if kind not in ("fetch", "update", "effect"):
            raise VerifyError(f"Output {name!r} has the unknown kind {kind!r}{where}.")
        if node.op is INPUT and node.attributes["kind"] == "optional":
            raise VerifyError(f"Output {name!r} is an optional input{where}.")
        names.add((kind, name))
    for node in program.nodes():
        for check in CHECKS:
            broken = check(node)
            if broken is not None:
                raise VerifyError(f"{node!r} of {list(node.inputs)}{where}: {broken}.")  # message from: CHECKS
