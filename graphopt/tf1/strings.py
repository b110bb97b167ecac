"""`tf.strings` and the top-level string functions of TensorFlow 1: the few that training scripts use."""

from __future__ import annotations

from typing import Any

from graphopt import dtypes
from graphopt.errors import ArgumentError
from graphopt.graph.operation import Tensor
from graphopt.ops import strings


def string_join(inputs: Any, separator: str = "", name: str | None = None) -> Tensor:
    """Return strings joined element by element; scalars are repeated.

    Args:
      inputs: a list of string tensors. separator: what stands between them. name: name of the operation.

    Example:
      >>> tf.Session().run(tf.string_join(["a", "b"], "-"))
      b'a-b'
    """
    return strings.string_join(*inputs, separator=separator, name=name)


def as_string(input: Any, precision: int = -1, scientific: bool = False, shortest: bool = False, width: int = -1, fill: str = "",
              name: str | None = None) -> Tensor:  # fmt: skip
    """Return numbers as text.

    Args:
      input: numbers or bools. precision: digits after the point (6 by default). scientific, shortest: the notation of floats.
      width: smallest length. fill: what fills it up. name: name of the operation.

    Raises:
      ValueError: for both notations at a time.
    """
    if scientific and shortest:
        raise ArgumentError("Cannot select both scientific and shortest notation")
    return strings.as_string(input, precision=precision, scientific=scientific, shortest=shortest, width=width, fill=fill, name=name)


def string_to_number(string_tensor: Any, out_type: Any = dtypes.float32, name: str | None = None) -> Tensor:
    """Return texts read as numbers.

    Args:
      string_tensor: strings. out_type: float32, float64, int32 or int64. name: name of the operation.

    Raises:
      InvalidArgumentError: at run time, for a text that is no number.
    """
    return strings.string_to_number(string_tensor, dtype=dtypes.as_dtype(out_type), name=name)


# `tf.strings` leaves "string" out of the names.
join = string_join
to_number = string_to_number
