"""Programs for a rewrite rule, made from its pattern: variables become inputs and constants of many types, captured attributes the
values that the op's own samples have."""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.compiler.pattern import AnyAttribute, Pattern
from graphopt.compiler.rewrite import Rule, apply_rules
from graphopt.errors import GraphOptError
from graphopt.ir.node import Node, constant_node, input_node
from graphopt.ir.opdef import OpDef
from graphopt.ir.program import Output, Program
from graphopt.ir.types import TensorType
from graphopt.ops.broadcast import broadcast_to, fill

_SHAPES: tuple[tuple[int, ...], ...] = ((2, 3), (), (3,), (1, 3, 1), (2, 2))
_TYPES = ("f32", "f64", "i32", "bool", "f16", "u8")
# How many programs of a rule are looked for, and how many combinations are tried.
WANTED = 12
_TRIES = 60_000


def _input(name: str, dtype: str, shape: tuple[int, ...]) -> Node:
    return input_node("feed", name, TensorType(dtypes.BY_SHORT[dtype], shape))


def _candidates(name: str) -> list[Node]:
    """Return what a pattern variable may stand for; one called `i` stands for rows of another."""
    if name == "i":
        return [constant_node(np.array([0, 1], np.int32))]
    inputs = [_input(name, dtype, shape) for dtype in _TYPES for shape in _SHAPES]
    vectors = [constant_node(np.array(v, np.int32)) for v in ([2, 3], [3], [6], [3, 2], [1, 3, 1])]
    numbers = [constant_node(np.array(v, t)) for t in (np.float32, np.float64, np.float16) for v in (0.25, 3.0)]
    size = np.array([2, 3], np.int32)
    repeated = [
        constant_node(np.full((2, 3), 1.5, np.float32)),
        fill(size, _input(f"{name}0", "f32", ())),
        broadcast_to(_input(f"{name}1", "f32", (1, 3)), size),
    ]
    return [*inputs, *vectors, *numbers, *repeated]


def _attribute_values(op: OpDef, key: str) -> list[Any]:
    """Return the values that an attribute has in the op's samples."""
    found: list[Any] = []
    for sample in op.samples:
        value = op.complete_attributes(dict(sample.attributes))[key]
        if not any(value is other or value == other for other in found):
            found.append(value)
    if found and isinstance(found[0], bool):
        return [False, True]
    if any(isinstance(value, dtypes.DType) for value in found):
        return [dtypes.float32, dtypes.float64, dtypes.float16]
    more: dict[str, list[Any]] = {"perm": [(1, 0)], "shape": [(2, 3), (3,)]}
    return [*found, *more.get(key, [])]


def _slots(pattern: Any) -> tuple[list[str], list[tuple[Pattern, str]]]:
    """Return the variables of a pattern, and where it captures attributes."""
    variables: list[str] = []
    captured: list[tuple[Pattern, str]] = []
    pending = [pattern]
    while pending:
        current = pending.pop(0)
        if not isinstance(current, Pattern):
            continue
        if current.op is None:
            variables.extend([str(current.name)] if current.name not in variables else [])
        captured.extend((current, key) for key, value in current.attributes.items() if isinstance(value, AnyAttribute))
        pending.extend(current.operands)
    return variables, captured


def _allowed_types(pattern: Any, name: str) -> set[Any]:
    """Return the element types that all places at which a variable stands allow."""
    allowed = set(dtypes.ALL)
    pending = [pattern]
    while pending:
        current = pending.pop()
        if isinstance(current, Pattern) and current.op is not None:
            for place, operand in enumerate(current.operands):
                if isinstance(operand, Pattern) and operand.op is None and operand.name == name:
                    allowed &= set(current.op.parameter_of(place).allowed)
                pending.append(operand)
    return allowed


def _build(pattern: Any, nodes: dict[str, Node], attributes: dict[tuple[int, str], Any]) -> Any:
    if not isinstance(pattern, Pattern):
        return pattern
    if pattern.op is None:
        return nodes[str(pattern.name)]
    own = {key: attributes.get((id(pattern), key), value) for key, value in pattern.attributes.items()}
    return pattern.op(*[_build(operand, nodes, attributes) for operand in pattern.operands], **own)


def programs_for(rule: Rule) -> list[tuple[Program, Program]]:
    """Return programs on which a rule fires, each with what the rule makes of it."""
    return list(itertools.islice(_firing(rule), WANTED))


def _firing(rule: Rule) -> Iterator[tuple[Program, Program]]:
    variables, captured = _slots(rule.pattern)
    allowed = {name: _allowed_types(rule.pattern, name) for name in variables}
    choices = [[node for node in _candidates(name) if node.dtype in allowed[name]] for name in variables]
    values = [_attribute_values(p.op, key) for p, key in captured]  # type: ignore[arg-type]
    places = [(id(p), key) for p, key in captured]
    seen: set[Any] = set()
    for combination in itertools.islice(itertools.product(*values, *choices), _TRIES):
        attributes = dict(zip(places, combination[: len(places)], strict=True))
        nodes = dict(zip(variables, combination[len(places) :], strict=True))
        kinds = tuple((node.op, node.dtype) for node in nodes.values())
        if kinds in seen:
            continue
        try:
            before = Program((Output("fetch", "y", _build(rule.pattern, nodes, attributes)),))
        except (GraphOptError, AttributeError):
            continue
        fired: list[str] = []
        after = apply_rules(before, [rule], fired)
        if fired:
            seen.add(kinds)
            yield before, after
