"""What tensors, program nodes and patterns have in common: a type, a builder, and Python's operators.

The operators are entered by `ops/operators.py`, so that ``x + y`` means the same on all three.
"""

from __future__ import annotations

from typing import Any, ClassVar

from graphopt.ir.types import TensorType


class Symbolic:
    """Anything with Python's operators in the op vocabulary: values, and variables, which become values when used."""

    __slots__ = ()
    __array_priority__: ClassVar[int] = 100


class Value(Symbolic):
    """One symbolic value. `builder` makes new values of the same kind from ops."""

    __slots__ = ()

    tensor_type: TensorType

    @property
    def builder(self) -> Any:
        """The graph, program or pattern builder that this value belongs to."""
        raise NotImplementedError
