"""The one-line signature of an op: what it takes and which rule gives its result type.

    matmul(a: num, b: same(a); transpose_a: bool = False, transpose_b: bool = False) -> matmul(a, b, transpose_a, transpose_b)

Before ``;`` stand operands ``name: kind``. A kind is ``any``, ``num``, ``joinable`` (numbers and strings), ``float``, ``int``,
``index`` (i32 or i64), ``bool``, ``string``, ``ref`` (a variable), ``each`` (any type, and variadic operands may differ), the
short name of a dtype (``i32``) or ``same(other)``. ``static`` before the kind means that the operand's value decides the
result's shape; ``*name`` takes any number of operands. After ``;`` stand attributes with their defaults. After ``->`` stands a
named rule of `ir/rules.py` with its arguments, several in parentheses for several results, or nothing.
"""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from typing import Any

from graphopt import dtypes
from graphopt.dtypes import DType

KINDS: dict[str, tuple[DType, ...]] = {
    "any": dtypes.ALL,
    "num": dtypes.FLOATS + dtypes.INTEGERS,
    "joinable": (*dtypes.FLOATS, *dtypes.INTEGERS, dtypes.string),
    "float": dtypes.FLOATS,
    "int": dtypes.INTEGERS,
    "index": (dtypes.int32, dtypes.int64),
    "bool": (dtypes.bool_,),
    "string": (dtypes.string,),
    "ref": dtypes.ALL,
    "each": dtypes.ALL,
    **{short: (dtype,) for short, dtype in dtypes.BY_SHORT.items()},
}

REQUIRED: Any = object()


@dataclass(frozen=True, slots=True)
class Parameter:
    """One operand of an op.

    Attributes:
      name: its name.
      allowed: the element types it may have.
      same_as: the name of the operand whose element type it shares, or None.
      variadic: it stands for any number of operands.
      static: its value decides the result's shape.
      is_ref: it is a variable, not its value.
      mixed: variadic operands may have different element types.
    """

    name: str
    allowed: tuple[DType, ...]
    same_as: str | None = None
    variadic: bool = False
    static: bool = False
    is_ref: bool = False
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class Signature:
    """A parsed signature; see the module's text."""

    text: str
    name: str
    parameters: tuple[Parameter, ...]
    attributes: dict[str, Any]
    results: tuple[tuple[str, tuple[str, ...]], ...] | None


_RESULT = re.compile(r"(\w+)\(([^()]*)\)")


def parse_signature(text: str) -> Signature:
    """Return the parsed form of a one-line signature.

    Args:
      text: see the module's text.

    Raises:
      ValueError: when the text is not a signature.

    >>> s = parse_signature("add(x: num, y: same(x)) -> broadcast(x, y)")
    >>> [p.name for p in s.parameters], s.results
    (['x', 'y'], (('broadcast', ('x', 'y')),))
    """
    head, arrow, tail = text.partition("->")
    open_at, close_at = head.find("("), head.rfind(")")
    if open_at < 0 or close_at < open_at:
        raise ValueError(f"Not a signature: {text!r}")
    operands, _, attributes = head[open_at + 1 : close_at].partition(";")
    return Signature(
        text=" ".join(text.split()),
        name=head[:open_at].strip(),
        parameters=tuple(_parse_parameter(part) for part in _split(operands)),
        attributes=dict(_parse_attribute(part) for part in _split(attributes)),
        results=_parse_results(tail) if arrow else None,
    )


def _split(text: str) -> list[str]:
    """Split at the commas that are outside of brackets."""
    parts, depth, start = [], 0, 0
    for i, char in enumerate(text):
        depth += (char in "([{") - (char in ")]}")
        if char == "," and depth == 0:
            parts.append(text[start:i])
            start = i + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


def _parse_parameter(text: str) -> Parameter:
    name, _, kind = (part.strip() for part in text.partition(":"))
    static = kind.startswith("static ")
    kind = kind.removeprefix("static ").strip()
    same = re.fullmatch(r"same\((\w+)\)", kind)
    allowed = dtypes.ALL if same else KINDS[kind]
    return Parameter(name.lstrip("*"), allowed, same[1] if same else None, name.startswith("*"), static, kind == "ref", kind == "each")


def _parse_attribute(text: str) -> tuple[str, Any]:
    name, equals, default = text.partition("=")
    return name.partition(":")[0].strip(), ast.literal_eval(default.strip()) if equals else REQUIRED


def _parse_results(text: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple((rule, tuple(_split(arguments))) for rule, arguments in _RESULT.findall(text))
