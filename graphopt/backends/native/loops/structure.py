"""The structure of a loop: operands, steps and results, without sizes."""

from __future__ import annotations

from dataclasses import dataclass

KEPT, REDUCED = "k", "r"


@dataclass(frozen=True)
class Operand:
    """How an operand lies in memory.

    Attributes:
      element: its element type; ``i1`` stands in bytes. signed: whether integers are signed.
      strides: for each dimension ``0`` (the same all along), ``1`` (side by side; the last dimension alone) or ``n`` (a slot).
      number: the value, for a constant that is part of the structure; it has no slots.
    """

    element: str
    signed: bool
    strides: str
    number: float | None = None


@dataclass(frozen=True)
class Step:
    """One elementwise step.

    Attributes:
      text: the op's `scalar=` text with its attributes filled in.
      operands: the name of each field of the text, and the number of the value that it stands for: operands first, then steps.
      element: the result's element type. signed: whether integer operands are signed; to_signed: whether the result is.
    """

    text: str
    operands: tuple[tuple[str, int], ...]
    element: str
    signed: bool
    to_signed: bool


@dataclass(frozen=True)
class Result:
    """A value that is stored.

    Attributes:
      value: its number. element: its element type. signed: whether integers are signed.
      reduction: how it is reduced, or None when every element is stored.
    """

    value: int
    element: str
    signed: bool
    reduction: str | None = None


def stored(element: str) -> str:
    """Return the type in which an element stands in memory."""
    return "i8" if element == "i1" else element
