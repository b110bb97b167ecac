"""The type of a value: element type and shape, written ``f32[32,?]``."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphopt import shapes
from graphopt.dtypes import DType
from graphopt.shapes import Shape


class TensorType(NamedTuple):
    """Element type and (possibly partly known) shape of one value.

    >>> from graphopt import dtypes
    >>> str(TensorType(dtypes.float32, (32, None)))
    'f32[32,?]'
    """

    dtype: DType
    shape: Shape

    def __str__(self) -> str:
        if self.shape is None:
            return f"{self.dtype.short}[*]"
        return self.dtype.short + shapes.format_shape(self.shape)

    @property
    def rank(self) -> int | None:
        """The number of dimensions, or None."""
        return None if self.shape is None else len(self.shape)

    @property
    def is_static(self) -> bool:
        """True when every size is known."""
        return self.shape is not None and None not in self.shape

    @property
    def num_bytes(self) -> int | None:
        """The size of a value in bytes, or None when it is unknown."""
        count = shapes.num_elements(self.shape)
        return None if count is None else count * self.dtype.np.itemsize


class StaticOperand(NamedTuple):
    """What an inference rule sees of an operand that decides a shape (a `static` parameter).

    Attributes:
      type: the operand's type.
      value: its value where it is known: an int for a scalar, a tuple for a vector, with None for what is not known;
        None when nothing is known.
    """

    type: TensorType
    value: Any
