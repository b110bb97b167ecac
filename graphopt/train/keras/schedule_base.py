"""What every learning-rate schedule stands on: the base class, the checks of arguments, and the way to float64 and back.

A schedule calculates in float64, whatever the types of its arguments. Its result is float64 too, unless the rate it starts from is a
tensor, a variable or a NumPy number of another floating point type: then it has that type.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar, Self

import numpy as np

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, ArgumentTypeError, UnsupportedError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.operation import Tensor
from graphopt.ops.elementwise import add, cast, divide, equal, less, maximum, multiply, ones_as, power, select, subtract
from graphopt.train.keras.serialization import to_plain

MODULE = "keras.optimizers.schedules"


class LearningRateSchedule:
    """Base of learning-rate schedules: objects that are called with the step and give the rate, a scalar tensor.

    One's own schedule overrides `__call__`, and `get_config` where it is to be serialised.

    Example:
      >>> class Inverse(tf.keras.optimizers.schedules.LearningRateSchedule):
      ...     def __init__(self, rate):
      ...         self.rate = rate
      ...
      ...     def __call__(self, step):
      ...         return self.rate / (tf.cast(step, tf.float64) + 1.0)
      >>> tf.Session().run(Inverse(1.0)(3)).item()
      0.25

    Source: ``keras/optimizers/schedules/learning_rate_schedule.py``.
    """

    def __call__(self, step: Any) -> Any:
        """Return the rate at a step (a tensor, variable or number)."""
        raise UnsupportedError(f"Learning rate schedule '{type(self).__name__}' must override `__call__(self, step)`.")

    def get_config(self) -> dict[str, Any]:
        """Return the arguments that make an equal schedule, as plain data."""
        raise UnsupportedError(f"Learning rate schedule '{type(self).__name__}' must override `get_config()` in order to be serializable.")

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Self:
        """Return a schedule from what `get_config` gave; `config` stays as it is."""
        return cls(**config)


class ArgumentsSchedule(LearningRateSchedule):
    """A schedule that is described by its constructor's arguments, kept as attributes of the same names."""

    arguments: ClassVar[tuple[str, ...]]

    def get_config(self) -> dict[str, Any]:
        """Return the constructor's arguments as plain data.

        Raises:
          ValueError: when one is a tensor or a variable, whose value is known in a run only.
        """
        return {name: to_plain(getattr(self, name), type(self).__name__, name) for name in self.arguments}

    def __repr__(self) -> str:
        given = [f"{name}={getattr(self, name)!r}" for name in self.arguments if getattr(self, name) is not None]
        return f"{type(self).__name__}({', '.join(given)})"


# --- checks ------------------------------------------------------------------------------------------------------------------


def is_symbolic(value: Any) -> bool:
    """Tell whether a value is a tensor or variable, which is known in a run only."""
    return hasattr(value, "builder")


def check_number(name: str, value: Any) -> Any:
    """Return a numeric argument; TypeError when it is no number, tensor or variable, ValueError when it is NaN."""
    if is_symbolic(value):
        return value
    is_array = isinstance(value, np.ndarray) and value.ndim == 0 and value.dtype.kind in "iuf"
    if not is_array and (isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real | np.floating | np.integer)):
        raise ArgumentTypeError(f"Argument `{name}` must be a number, a scalar tensor or a variable. Received: {name}={value!r}")
    if math.isnan(value):
        raise ArgumentError(f"Argument `{name}` must be a number that is not NaN. Received: {name}={value}")
    return value


def check_rate(name: str, value: Any) -> Any:
    """Return a learning rate; raise for what `check_number` refuses and for a negative one."""
    if not is_symbolic(check_number(name, value)) and value < 0:
        raise ArgumentError(f"Argument `{name}` is a learning rate and must be >= 0. Received: {name}={value}")
    return value


def check_positive(name: str, value: Any) -> Any:
    """Return a number of steps that must be above zero, or another positive argument."""
    if not is_symbolic(check_number(name, value)) and value <= 0:
        raise ArgumentError(f"Argument `{name}` must be > 0. Received: {name}={value}")
    return value


def check_not_negative(name: str, value: Any) -> Any:
    """Return a number of steps that may be zero, or another argument that must not be below."""
    if not is_symbolic(check_number(name, value)) and value < 0:
        raise ArgumentError(f"Argument `{name}` must be >= 0. Received: {name}={value}")
    return value


def check_sorted(name: str, values: Sequence[Any]) -> list[Any]:
    """Return boundaries as a list of numbers that never become smaller; those that are tensors are not compared."""
    checked = [check_number(name, value) for value in values]
    known = [value for value in checked if not is_symbolic(value)]
    if any(after < before for before, after in pairwise(known)):
        raise ArgumentError(f"Argument `{name}` must be sorted, the smallest first. Received: {name}={checked}")
    return checked


# --- element types -----------------------------------------------------------------------------------------------------------


def in_float64(value: Any) -> Any:
    """Return a tensor or variable as a float64 tensor, a number or array as a float64 array."""
    return cast(convert_to_tensor(value), dtypes.float64) if is_symbolic(value) else np.array(value, np.float64)


def widened(value: Any) -> Tensor:
    """Return a number, tensor or variable as a float64 tensor."""
    return convert_to_tensor(in_float64(value))


def own_float_type(value: Any) -> DType | None:
    """Return the floating point type that a tensor, variable, array or NumPy number brings; None for any other number."""
    if is_symbolic(value):
        dtype: DType = convert_to_tensor(value).dtype
    elif isinstance(value, np.generic | np.ndarray):
        dtype = dtypes.as_dtype(value.dtype)
    else:
        return None
    return dtype if dtype.is_floating else None


def float_type(rate: Any) -> DType:
    """Return the type of a schedule's result, given the rate that it starts from."""
    return own_float_type(rate) or dtypes.float64


def as_type_of(result: Tensor, rate: Any) -> Tensor:
    """Return a float64 result in the type that the rate asks for."""
    dtype = float_type(rate)
    if result.dtype is dtype:
        return result
    narrowed: Tensor = cast(result, dtype)
    return narrowed


# --- steps and warm-up -------------------------------------------------------------------------------------------------------


def since(step: Tensor, begin: Any) -> Tensor:
    """Return how many steps a float64 step is after another, 0 before it."""
    steps: Tensor = maximum(subtract(step, in_float64(begin)), 0)
    return steps


def warmed_up(step: Tensor, start: Tensor, target: Tensor, length: Tensor, after: Tensor, exponent: Any = None) -> Tensor:
    """Return the rate on the way from `start` to `target` in the first `length` steps, and `after` from then on.

    Args:
      step, start, target, length, after: float64 tensors. exponent: None for a straight line.
    """
    # Without a warm-up no step is on the way; a length of 1 keeps it from dividing by zero.
    part = divide(step, select(equal(length, 0), ones_as(length), length))
    if exponent is not None:
        part = power(maximum(part, 0), exponent)
    chosen: Tensor = select(less(step, length), add(start, multiply(subtract(target, start), part)), after)
    return chosen
