"""Unique operation names and name scopes, by TensorFlow 1's rules."""

from __future__ import annotations

import re

from graphopt.errors import ArgumentError

_VALID_OP_NAME = re.compile(r"^[A-Za-z0-9.][A-Za-z0-9_.\-/]*$")
_VALID_NESTED_SCOPE = re.compile(r"^[A-Za-z0-9_.\-/]*$")


class NameTable:
    """Hands out names that are unique without regard to case.

    >>> table = NameTable(); [table.unique(n) for n in ["a", "a", "A", "a_1", "a_1", "a"]]
    ['a', 'a_1', 'A_2', 'a_1_1', 'a_1_2', 'a_3']
    """

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def unique(self, name: str, mark_as_used: bool = True) -> str:
        """Return `name`, or `name_1`, `name_2`... when it is taken; by default the result is taken from then on."""
        counts = self._counts
        key = name.lower()
        used = counts.get(key, 0)
        if mark_as_used:
            counts[key] = used + 1
        if used == 0:
            return name
        suffix = used
        candidate = f"{name}_{suffix}"
        while candidate.lower() in counts:
            suffix += 1
            candidate = f"{name}_{suffix}"
        if mark_as_used:
            counts[key] = suffix + 1
            counts[candidate.lower()] = 1
        return candidate


def check_op_name(name: str) -> None:
    """Raise ValueError unless an operation may have this name."""
    if not _VALID_OP_NAME.match(name):
        raise ArgumentError(f"'{name}' is not a valid node name")


def check_scope_name(name: str, outer: str) -> None:
    """Raise ValueError unless a scope inside `outer` may have this name."""
    pattern = _VALID_NESTED_SCOPE if outer else _VALID_OP_NAME
    if not pattern.match(name):
        raise ArgumentError(f"'{name}' is not a valid scope name")
