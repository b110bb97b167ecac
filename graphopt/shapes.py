"""Shapes: plain tuples inside (None for an unknown size, None instead of the tuple for an unknown rank), TF1's classes outside."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError, ShapeError, first_line

Shape = tuple[int | None, ...] | None


def format_shape(shape: Shape, unknown: str = "?") -> str:
    """Return the short notation of a shape.

    >>> format_shape((32, None)), format_shape(None)
    ('[32,?]', '<unknown>')
    """
    if shape is None:
        return "<unknown>"
    return "[" + ",".join(unknown if d is None else str(d) for d in shape) + "]"


def is_fully_defined(shape: Shape) -> bool:
    """Return True when rank and every size are known."""
    return shape is not None and None not in shape


def num_elements(shape: Shape) -> int | None:
    """Return the number of elements, or None when it is unknown."""
    if shape is None:
        return None
    count = 1
    for d in shape:
        if d is None:
            return None
        count *= d
    return count


def broadcast_shapes(a: Shape, b: Shape) -> Shape:
    """Return the shape of an elementwise result of operands of shapes `a` and `b` (NumPy's rules, sizes may be unknown).

    Raises:
      ShapeError: when two known sizes differ and none is 1; its arguments are the two sizes.

    >>> broadcast_shapes((None, 1), (3,))
    (None, 3)
    """
    if a == b and a is not None and None not in a:
        return a
    if a is None or b is None:
        return None
    if len(a) < len(b):
        a = (1,) * (len(b) - len(a)) + a
    elif len(b) < len(a):
        b = (1,) * (len(a) - len(b)) + b
    return tuple([_broadcast_size(x, y) for x, y in zip(a, b, strict=True)])


def _broadcast_size(x: int | None, y: int | None) -> int | None:
    if x == y:
        return x
    if x == 1:
        return y
    if y == 1:
        return x
    if x is None:
        return y
    if y is None:
        return x
    raise ShapeError(f"Dimensions must be equal, but are {x} and {y}")


def merge_shapes(a: Shape, b: Shape) -> Shape:
    """Return what is known when a tensor has both shapes.

    Raises:
      ShapeError: when they contradict each other.

    >>> merge_shapes((None, 3), (2, None))
    (2, 3)
    """
    if a is None or a == b:
        return b
    if b is None:
        return a
    if len(a) != len(b) or any(x != y for x, y in zip(a, b, strict=True) if x is not None and y is not None):
        raise ShapeError(f"Shapes {format_tf(a)} and {format_tf(b)} are not compatible")
    return tuple([y if x is None else x for x, y in zip(a, b, strict=True)])


def is_compatible(a: Shape, b: Shape) -> bool:
    """Return True when a tensor could have both shapes."""
    if a is None or b is None:
        return True
    return len(a) == len(b) and all(x == y or x is None or y is None for x, y in zip(a, b, strict=True))


def format_tf(shape: Shape) -> str:
    """Return TensorFlow's notation: ``(2, ?)``, ``(3,)``, ``<unknown>``."""
    if shape is None:
        return "<unknown>"
    if len(shape) == 1:
        return f"({'?' if shape[0] is None else shape[0]},)"
    return "(" + ", ".join("?" if d is None else str(d) for d in shape) + ")"


def normalize_axis(axis: int, rank: int, what: str = "axis") -> int:
    """Return `axis` counted from the front.

    Raises:
      ShapeError: when it is outside [-rank, rank).
    """
    if not -rank <= axis < rank:
        raise ShapeError(f"Invalid reduction dimension {axis} for input with {rank} dimensions ({what} must be in [-{rank}, {rank}))")
    return axis + rank if axis < 0 else axis


class Dimension:
    """One size of a shape, possibly unknown. Behaves as an int where it is known.

    >>> int(Dimension(3)), Dimension(3) == 3, Dimension(None).value
    (3, True, None)
    """

    __slots__ = ("_value",)

    def __init__(self, value: Any) -> None:
        if isinstance(value, Dimension):
            value = value.value
        if value is not None:
            try:
                value = value.__index__()
            except AttributeError:
                raise ArgumentTypeError(f"Dimension must be an integer or None, got {value!r}.") from None
            if value < 0:
                raise ArgumentError(f"Dimension {value} must be >= 0")
        self._value: int | None = value

    @property
    def value(self) -> int | None:
        """The size, or None."""
        return self._value

    def is_compatible_with(self, other: Any) -> bool:
        """Return True when both could be the same size."""
        other = Dimension(other).value
        return self._value is None or other is None or self._value == other

    def merge_with(self, other: Any) -> Dimension:
        """Return what is known from both; ValueError when they differ."""
        if not self.is_compatible_with(other):
            raise ShapeError(f"Dimensions {self} and {Dimension(other)} are not compatible")
        return Dimension(other) if self._value is None else self

    def _combine(self, other: Any, operation: Any) -> Dimension:
        try:
            other_value = Dimension(other).value
        except TypeError:
            return NotImplemented
        return Dimension(None if self._value is None or other_value is None else operation(self._value, other_value))

    def __add__(self, other: Any) -> Dimension:
        return self._combine(other, lambda x, y: x + y)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Dimension:
        return self._combine(other, lambda x, y: x - y)

    def __rsub__(self, other: Any) -> Dimension:
        return self._combine(other, lambda x, y: y - x)

    def __mul__(self, other: Any) -> Dimension:
        return self._combine(other, lambda x, y: x * y)

    __rmul__ = __mul__

    def __floordiv__(self, other: Any) -> Dimension:
        return self._combine(other, lambda x, y: x // y)

    __div__ = __floordiv__

    def __rfloordiv__(self, other: Any) -> Dimension:
        return self._combine(other, lambda x, y: y // x)

    def __mod__(self, other: Any) -> Dimension:
        return self._combine(other, lambda x, y: x % y)

    def __int__(self) -> int:
        return self.__index__()

    def __index__(self) -> int:
        if self._value is None:
            raise ArgumentTypeError("An unknown dimension has no integer value; use tf.shape(x)[i] for the size at run time.")
        return self._value

    def __eq__(self, other: object) -> bool:
        other_value = other.value if isinstance(other, Dimension) else other
        return self._value == other_value

    def __lt__(self, other: Any) -> bool:
        return int(self) < int(other)

    def __le__(self, other: Any) -> bool:
        return int(self) <= int(other)

    def __gt__(self, other: Any) -> bool:
        return int(self) > int(other)

    def __ge__(self, other: Any) -> bool:
        return int(self) >= int(other)

    def __hash__(self) -> int:
        return hash(self._value)

    def __repr__(self) -> str:
        return f"Dimension({self._value})"

    def __str__(self) -> str:
        return "?" if self._value is None else str(self._value)


class TensorShape:
    """A possibly partly known shape, as ``tensor.shape`` gives it.

    >>> s = TensorShape([None, 64]); s.as_list(), s.ndims, s[1].value
    ([None, 64], 2, 64)
    """

    __slots__ = ("raw",)

    def __init__(self, dims: Any) -> None:
        self.raw: Shape = to_shape(dims)

    @property
    def ndims(self) -> int | None:
        """The rank, or None."""
        return None if self.raw is None else len(self.raw)

    rank = ndims

    @property
    def dims(self) -> list[Dimension] | None:
        """The sizes as a list of `Dimension`, or None when the rank is unknown."""
        return None if self.raw is None else [Dimension(d) for d in self.raw]

    def as_list(self) -> list[int | None]:
        """Return the sizes as a list; ValueError when the rank is unknown."""
        if self.raw is None:
            raise ArgumentError("as_list() is not defined on an unknown TensorShape.")
        return list(self.raw)

    def is_fully_defined(self) -> bool:
        """Return True when every size is known."""
        return is_fully_defined(self.raw)

    def num_elements(self) -> int | None:
        """Return the number of elements, or None."""
        return num_elements(self.raw)

    def is_compatible_with(self, other: Any) -> bool:
        """Return True when a tensor could have both shapes."""
        return is_compatible(self.raw, to_shape(other))

    def assert_is_compatible_with(self, other: Any) -> None:
        """Raise ValueError unless a tensor could have both shapes."""
        if not self.is_compatible_with(other):
            raise ShapeError(f"Shapes {self} and {TensorShape(other)} are incompatible")

    def merge_with(self, other: Any) -> TensorShape:
        """Return what is known from both shapes; ValueError when they contradict."""
        return TensorShape(merge_shapes(self.raw, to_shape(other)))

    def concatenate(self, other: Any) -> TensorShape:
        """Return this shape followed by `other`."""
        other_raw = to_shape(other)
        return TensorShape(None if self.raw is None or other_raw is None else self.raw + other_raw)

    def with_rank(self, rank: int) -> TensorShape:
        """Return the shape, known to have `rank` dimensions; ValueError when it has another rank."""
        try:
            return self.merge_with((None,) * rank)
        except ShapeError:
            raise ShapeError(f"Shape {self} must have rank {rank}") from None

    def assert_has_rank(self, rank: int) -> None:
        """Raise ValueError unless the rank is `rank` or unknown."""
        if self.ndims not in (None, rank):
            raise ShapeError(f"Shape {self} must have rank {rank}")

    def with_rank_at_least(self, rank: int) -> TensorShape:
        """Return the shape; ValueError when it has fewer than `rank` dimensions."""
        if self.raw is not None and len(self.raw) < rank:
            raise ShapeError(f"Shape {self} must have rank at least {rank}")
        return self

    def assert_is_fully_defined(self) -> None:
        """Raise ValueError unless every size is known."""
        if not self.is_fully_defined():
            raise ShapeError(f"Shape {self} is not fully defined")

    def assert_same_rank(self, other: Any) -> None:
        """Raise ValueError when both ranks are known and differ."""
        other_raw = to_shape(other)
        if self.raw is not None and other_raw is not None and len(self.raw) != len(other_raw):
            raise ShapeError(f"Shapes {self} and {TensorShape(other_raw)} must have the same rank")

    def __getitem__(self, key: Any) -> Any:
        if self.raw is None:
            return TensorShape(None) if isinstance(key, slice) else Dimension(None)
        return TensorShape(self.raw[key]) if isinstance(key, slice) else Dimension(self.raw[key])

    def __len__(self) -> int:
        if self.raw is None:
            raise ArgumentError("Cannot take the length of Shape with unknown rank.")
        return len(self.raw)

    def __iter__(self) -> Iterator[Dimension]:
        if self.raw is None:
            raise ArgumentError("Cannot iterate over a shape with unknown rank.")
        return iter([Dimension(d) for d in self.raw])

    def __bool__(self) -> bool:
        return self.raw is not None

    def __eq__(self, other: object) -> bool:
        try:
            return self.raw == to_shape(other)
        except (TypeError, ValueError):
            return NotImplemented

    def __hash__(self) -> int:
        return hash(self.raw)

    def __add__(self, other: Any) -> TensorShape:
        return self.concatenate(other)

    def __repr__(self) -> str:
        return "TensorShape(None)" if self.raw is None else f"TensorShape([{', '.join(map(repr, self.dims or []))}])"

    def __str__(self) -> str:
        return format_tf(self.raw)


def to_shape(value: Any) -> Shape:
    """Return the plain tuple that a TensorShape, list, int or None stands for.

    Raises:
      TypeError, ValueError: when it is no shape.

    >>> to_shape([None, 3]), to_shape(5), to_shape(None)
    ((None, 3), (5,), None)
    """
    if value is None:
        return None
    if isinstance(value, TensorShape):
        return value.raw
    if isinstance(value, tuple) and all(type(d) is int for d in value):
        sizes: tuple[int | None, ...] = value
    elif isinstance(value, (int, Dimension)) or (hasattr(value, "__index__") and not hasattr(value, "__len__")):
        sizes = (Dimension(value).value,)
    else:
        try:
            sizes = tuple([None if d is None else Dimension(d).value for d in value])
        except TypeError as error:
            raise ArgumentTypeError(f"Cannot convert {value!r} to a shape: {first_line(error)}") from None
    if any(d is not None and d < 0 for d in sizes):
        sizes = tuple([None if d == -1 else d for d in sizes])
        if any(d is not None and d < 0 for d in sizes):
            raise ArgumentError(f"Dimension sizes must be >= 0, got {list(sizes)}")
    return sizes


def as_shape(value: Any) -> TensorShape:
    """Return `value` as a TensorShape."""
    return value if isinstance(value, TensorShape) else TensorShape(value)
