"""What a tensor's values look like, in one line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from graphopt.graph.operation import Tensor

_ROWS_SHOWN = 8


@dataclass(frozen=True)
class ValueRange:
    """The values of a tensor.

    Attributes:
      name: the tensor. type: its element type and shape, such as ``f32[32,8]``. size: how many numbers it has.
      least, greatest: of the finite numbers; None when there are none.
      nan, infinite: how many are NaN, and infinite. rows: the places along the first axis where some are.
    """

    name: str
    type: str
    size: int
    least: float | None
    greatest: float | None
    nan: int
    infinite: int
    rows: tuple[int, ...]

    @classmethod
    def of(cls, tensor: Tensor, value: Any, name: str | None = None) -> ValueRange:
        """Return the range of a tensor's value, under the tensor's name or another."""
        array = np.asarray(value)
        shape = ",".join(str(size) for size in array.shape)
        short = f"{tensor.dtype.short}[{shape}]"
        if array.dtype.kind not in "fiub" or array.size == 0:
            return cls(name or tensor.name, short, array.size, None, None, 0, 0, ())
        finite = np.isfinite(array)
        good = array[finite]
        bad = ~finite.reshape(array.shape[0], -1).all(axis=1) if array.ndim else np.zeros(0, bool)
        return cls(
            name or tensor.name,
            short,
            array.size,
            float(good.min()) if good.size else None,
            float(good.max()) if good.size else None,
            int(np.isnan(array).sum()),
            int(np.isinf(array).sum()),
            tuple(np.flatnonzero(bad).tolist()),
        )

    @property
    def is_finite(self) -> bool:
        """Whether every number is finite."""
        return not (self.nan or self.infinite)

    @property
    def described(self) -> str:
        """The values in words."""
        parts = []
        if not self.is_finite:
            parts.append(f"{self.nan} NaN and {self.infinite} infinite of {self.size}")
        if self.least is not None:
            parts.append(f"{'' if self.is_finite else 'others '}from {self.least:.6g} to {self.greatest:.6g}")
        if self.rows:
            shown = ", ".join(str(row) for row in self.rows[:_ROWS_SHOWN])
            parts.append(f"in rows {shown}{', ...' if len(self.rows) > _ROWS_SHOWN else ''} of the first axis")
        return ", ".join(parts) or "no numbers"

    def __str__(self) -> str:
        return f"{self.name} {self.type}: {self.described}"


def is_finite(value: Any) -> bool:
    """Return whether every number of a value is finite; True for what is no floating point number."""
    array = np.asarray(value)
    return array.dtype.kind != "f" or bool(np.isfinite(array).all())
