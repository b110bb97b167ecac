"""Element types: one object per type, compared by identity inside, by value for users."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt.errors import ArgumentTypeError


class DType:
    """An element type such as ``tf.float32``.

    >>> float32.name, float32.size, float32.is_floating
    ('float32', 4, True)
    >>> float32 == np.float32, as_dtype("int64") is int64
    (True, True)
    """

    __slots__ = ("_enum", "is_bool", "is_floating", "is_integer", "is_unsigned", "name", "np", "np_type", "short", "tf_short")

    def __init__(self, name: str, short: str, np_type: Any, enum: int, tf_short: str | None = None) -> None:
        self.name = name
        self.short = short
        self.np_type = np_type
        self.np = np.dtype(np_type)
        self._enum = enum
        self.tf_short = tf_short or name
        self.is_floating = self.np.kind == "f"
        self.is_integer = self.np.kind in "iu"
        self.is_unsigned = self.np.kind == "u"
        self.is_bool = self.np.kind == "b"

    @property
    def as_numpy_dtype(self) -> Any:
        """The NumPy scalar class, such as `np.float32`."""
        return self.np_type

    @property
    def as_datatype_enum(self) -> int:
        """TensorFlow's number of the type."""
        return self._enum

    @property
    def base_dtype(self) -> DType:
        """The type itself: graphopt has no reference types."""
        return self

    @property
    def real_dtype(self) -> DType:
        """The type itself: graphopt has no complex types."""
        return self

    @property
    def is_complex(self) -> bool:
        """False: graphopt has no complex types."""
        return False

    @property
    def is_numpy_compatible(self) -> bool:
        """True for every type of graphopt."""
        return True

    @property
    def size(self) -> int:
        """Bytes of one element (1 for strings, as in TensorFlow)."""
        return 1 if self is string else self.np.itemsize

    @property
    def min(self) -> Any:
        """The smallest value."""
        return self._limits().min

    @property
    def max(self) -> Any:
        """The largest value."""
        return self._limits().max

    @property
    def limits(self) -> tuple[Any, Any]:
        """The smallest and largest value as a pair (floats: 0 and 1, integers: 0 and max), as TensorFlow's images use them."""
        return (0, 1) if self.is_floating else (0, self.max)

    def _limits(self) -> Any:
        if self.is_floating:
            return np.finfo(self.np)
        if self.is_integer:
            return np.iinfo(self.np)
        raise ArgumentTypeError(f"Cannot find the limits of {self!r}.")

    def is_compatible_with(self, other: Any) -> bool:
        """Return True when `other` names the same type."""
        return as_dtype(other) is self

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if other is None or isinstance(other, DType):
            return False
        try:
            return as_dtype(other) is self
        except TypeError:
            return False

    __hash__ = object.__hash__

    def __repr__(self) -> str:
        return f"tf.{self.name}"

    def __str__(self) -> str:
        return f"<dtype: '{self.name}'>"

    def __reduce__(self) -> Any:
        return (as_dtype, (self.name,))


float32 = DType("float32", "f32", np.float32, 1, "float")
float64 = DType("float64", "f64", np.float64, 2, "double")
int32 = DType("int32", "i32", np.int32, 3)
uint8 = DType("uint8", "u8", np.uint8, 4)
int16 = DType("int16", "i16", np.int16, 5)
int8 = DType("int8", "i8", np.int8, 6)
string = DType("string", "str", np.object_, 7)
int64 = DType("int64", "i64", np.int64, 9)
bool_ = DType("bool", "bool", np.bool_, 10)
uint16 = DType("uint16", "u16", np.uint16, 17)
float16 = DType("float16", "f16", np.float16, 19, "half")
uint32 = DType("uint32", "u32", np.uint32, 22)
uint64 = DType("uint64", "u64", np.uint64, 23)

ALL = (float32, float64, int32, uint8, int16, int8, string, int64, bool_, uint16, float16, uint32, uint64)
FLOATS = (float16, float32, float64)
INTEGERS = (int8, int16, int32, int64, uint8, uint16, uint32, uint64)
BY_SHORT = {dtype.short: dtype for dtype in ALL}

_LOOKUP: dict[Any, DType] = {}
for _dtype in ALL:
    _LOOKUP.update({_dtype: _dtype, _dtype.name: _dtype, _dtype.np: _dtype, _dtype.np_type: _dtype, _dtype._enum: _dtype})
_LOOKUP.update({"half": float16, "float": float32, "double": float64, float: float32, bool: bool_, str: string, bytes: string, int: int32})
_STRING_KINDS = "OSU"


def as_dtype(value: Any) -> DType:
    """Return the DType that a DType, NumPy dtype, name, Python class or enum number stands for.

    Args:
      value: what names the type.

    Raises:
      TypeError: when it names none.

    >>> as_dtype(np.dtype("float64")), as_dtype("half"), as_dtype(bool)
    (tf.float64, tf.float16, tf.bool)
    """
    try:
        return _LOOKUP[value]
    except (KeyError, TypeError):
        pass
    try:
        numpy_dtype = np.dtype(value)
    except (TypeError, ValueError):
        numpy_dtype = None
    if numpy_dtype is not None:
        if numpy_dtype.kind in _STRING_KINDS:
            return string
        found = _LOOKUP.get(numpy_dtype.newbyteorder("="))
        if found is not None:
            return found
    raise ArgumentTypeError(f"Cannot convert value {value!r} to a TensorFlow DType.")
