"""One operation as part of a formula that people read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from graphopt.ir.opdef import OpDef
from graphopt.ops.elementwise import power

_CALL = re.compile(r"\w+\(\{\w+\}(, \{\w+\})*\)")
_SIMPLE = re.compile(r"[\w./:]+|[\w./]+\(.*\)")


def expression(opdef: OpDef, operands: Sequence[str]) -> str:
    """Return an op of operands as text: as Python writes it where it is arithmetic, else as a call.

    Args:
      opdef: the op. operands: their texts.

    >>> from graphopt.ops.elementwise import add, exp, multiply
    >>> expression(multiply, ["0.5", expression(exp, [expression(add, ["x", "1"])])])
    '0.5 * exp(x + 1)'
    """
    if opdef is power:
        return f"{_grouped(operands[0])} ** {_grouped(operands[1])}"
    if isinstance(opdef.scalar, str) and len(operands) == len(opdef.parameters):
        is_call = _CALL.fullmatch(opdef.scalar) is not None
        names = {p.name: text if is_call else _grouped(text) for p, text in zip(opdef.parameters, operands, strict=True)}
        try:
            return _unwrapped(opdef.scalar.format(**names))
        except (KeyError, IndexError):  # it takes attributes, too
            pass
    return f"{opdef.name}({', '.join(operands)})"


def _grouped(text: str) -> str:
    return text if _SIMPLE.fullmatch(text) and text.count("(") <= 1 else text if _is_call(text) else f"({text})"


def _is_call(text: str) -> bool:
    """Return whether a text is one call, or one pair of parentheses, from its beginning to its end."""
    head = re.match(r"[\w.]*\(", text)
    if head is None:
        return False
    depth = 0
    for i, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and i >= head.end() - 1:
            return i == len(text) - 1
    return False


def _unwrapped(text: str) -> str:
    return text[1:-1] if text.startswith("(") and _is_call(text) else text
