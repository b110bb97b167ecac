"""Patterns, written in the op vocabulary.

``multiply(x, 1)`` with a pattern variable `x` is a pattern: it matches every node of that op whose second operand is the scalar
constant 1. The same variable twice means the same node; operands of a commutative op match in either order.
"""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Callable, Iterator
from typing import Any

from graphopt.ir.node import Node
from graphopt.ir.opdef import OpDef
from graphopt.ir.value import Value


class Pattern(Value):
    """Something a node may match: a variable, or an op with patterns as operands."""

    __slots__ = ("attributes", "name", "op", "operands")

    def __init__(
        self, name: str | None, op: OpDef | None = None, operands: tuple[Any, ...] = (), attributes: dict[str, Any] | None = None
    ) -> None:
        self.name = name
        self.op = op
        self.operands = operands
        self.attributes = attributes or {}

    @property
    def builder(self) -> PatternBuilder:
        """The builder all patterns share."""
        return PATTERNS

    def __repr__(self) -> str:
        if self.op is None:
            return f"?{self.name}"
        return f"{self.op.name}({', '.join(map(repr, self.operands))})"


class AnyAttribute:
    """An attribute of a pattern that matches every value and hands it to the replacement under a name."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


class PatternBuilder:
    """Makes patterns; the third builder of `bind`."""

    is_untyped = True

    def preferred_over(self, other: Any) -> Any:
        """Return `other`: operands say where an op belongs."""
        return other

    def build(self, op: OpDef, operands: tuple[Any, ...], attributes: dict[str, Any], types: Any, name: Any) -> Pattern:
        """Return the pattern of an op."""
        return Pattern(None, op, operands, attributes)


PATTERNS = PatternBuilder()


def pattern_of(function: Callable[..., Any]) -> Pattern:
    """Return the pattern that `function` writes with pattern variables named like its arguments.

    >>> from graphopt.ops.elementwise import negative
    >>> pattern_of(lambda x: negative(negative(x)))
    negative(negative(?x))
    """
    pattern: Pattern = function(*[Pattern(name) for name in inspect.signature(function).parameters])
    return pattern


def match(pattern: Any, node: Node, found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every way in which `node` matches, as variable names with the nodes (and attributes) they stand for.

    Args:
      pattern: a pattern, or a number for a scalar constant. node: what may match it.
      found: what the variables stand for so far.
    """
    if not isinstance(pattern, Pattern):
        if node.is_scalar_constant(pattern):
            yield found
        return
    if pattern.op is None:
        name = str(pattern.name)
        if name not in found:
            yield {**found, name: node}
        elif found[name] is node:
            yield found
        return
    if node.op is not pattern.op or len(node.inputs) != len(pattern.operands):
        return
    bound = _match_attributes(pattern, node, found)
    if bound is None:
        return
    orders = itertools.permutations(node.inputs) if node.op.commutative else [node.inputs]
    for inputs in orders:
        yield from _match_all(pattern.operands, inputs, bound)


def _match_all(patterns: tuple[Any, ...], nodes: tuple[Node, ...], found: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if not patterns:
        yield found
        return
    for bound in match(patterns[0], nodes[0], found):
        yield from _match_all(patterns[1:], nodes[1:], bound)


def _match_attributes(pattern: Pattern, node: Node, found: dict[str, Any]) -> dict[str, Any] | None:
    bound = found
    for key, wanted in pattern.attributes.items():
        value = node.attributes[key]
        if isinstance(wanted, AnyAttribute):
            if wanted.name in bound and bound[wanted.name] != value:
                return None
            bound = {**bound, wanted.name: value}
        elif wanted != value:
            return None
    return bound
