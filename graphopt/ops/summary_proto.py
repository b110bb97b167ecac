"""What a summary op gives: `Summary`, with the fields and the wire format of TensorFlow's protocol buffer of that name."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5


class HistogramProto:
    """A histogram: how many values fell into each bucket.

    Attributes:
      min, max, num, sum, sum_squares: of the values.
      bucket_limit: the upper limit of each bucket. bucket: how many values it holds.

    >>> HistogramProto(min=1.0, max=2.0, num=2.0, bucket_limit=[1.1, 2.2], bucket=[1.0, 1.0]).num
    2.0
    """

    __slots__ = ("bucket", "bucket_limit", "max", "min", "num", "sum", "sum_squares")

    def __init__(
        self,
        min: float = 0.0,
        max: float = 0.0,
        num: float = 0.0,
        sum: float = 0.0,
        sum_squares: float = 0.0,
        bucket_limit: Any = (),
        bucket: Any = (),
    ) -> None:
        self.min = min
        self.max = max
        self.num = num
        self.sum = sum
        self.sum_squares = sum_squares
        self.bucket_limit: list[float] = list(bucket_limit)
        self.bucket: list[float] = list(bucket)

    def SerializeToString(self) -> bytes:
        """Return the wire format."""
        numbers = (self.min, self.max, self.num, self.sum, self.sum_squares)
        single = b"".join(bytes([i << 3 | _FIXED64]) + struct.pack("<d", v) for i, v in enumerate(numbers, 1) if v != 0.0)
        return single + _packed(6, self.bucket_limit) + _packed(7, self.bucket)

    @classmethod
    def FromString(cls, data: bytes) -> HistogramProto:
        """Return the histogram of a wire format."""
        made = cls()
        for number, kind, value in _fields(data):
            if number <= 5 and kind == _FIXED64:
                setattr(made, cls._NUMBERS[number - 1], struct.unpack("<d", value)[0])
            elif number in (6, 7):
                (made.bucket_limit if number == 6 else made.bucket).extend(np.frombuffer(value, "<f8").tolist())
        return made

    _NUMBERS = ("min", "max", "num", "sum", "sum_squares")  # not op names: the fields of the protocol buffer

    def __repr__(self) -> str:
        lines = [f"{name}: {getattr(self, name)}" for name in self._NUMBERS]
        lines += [f"bucket_limit: {v}" for v in self.bucket_limit] + [f"bucket: {v}" for v in self.bucket]
        return "\n".join(lines)


class SummaryValue:
    """One tag with a number or a histogram; `HasField` says which.

    >>> value = SummaryValue(tag="loss", simple_value=0.5)
    >>> value.HasField("simple_value"), value.HasField("histo")
    (True, False)
    """

    __slots__ = ("_histo", "_simple_value", "node_name", "tag")

    def __init__(self, tag: str = "", simple_value: float | None = None, histo: HistogramProto | None = None, node_name: str = "") -> None:
        self.tag = tag
        self.node_name = node_name
        self._simple_value = None if simple_value is None else _to_float32(simple_value)
        self._histo = histo

    @property
    def simple_value(self) -> float:
        """The number, 0.0 when there is none. It has the precision of float32."""
        return 0.0 if self._simple_value is None else self._simple_value

    @simple_value.setter
    def simple_value(self, value: float) -> None:
        self._simple_value, self._histo = _to_float32(value), None

    @property
    def histo(self) -> HistogramProto:
        """The histogram, an empty one when there is none."""
        return HistogramProto() if self._histo is None else self._histo

    def HasField(self, field_name: str) -> bool:
        """Return whether the value has that kind; ValueError for an unknown kind."""
        if field_name == "simple_value":
            return self._simple_value is not None
        if field_name == "histo":
            return self._histo is not None
        if field_name in ("image", "audio", "tensor", "metadata", "obsolete_old_style_histogram"):
            return False
        raise ValueError(f"Protocol message Value has no field {field_name}.")

    def WhichOneof(self, oneof_group: str) -> str | None:
        """Return the name of the kind that is set, or None."""
        return next((kind for kind in ("simple_value", "histo") if self.HasField(kind)), None)

    def SerializeToString(self) -> bytes:
        """Return the wire format."""
        parts = [_delimited(1, self.tag.encode())]
        if self._simple_value is not None:
            parts.append(bytes([2 << 3 | _FIXED32]) + struct.pack("<f", self._simple_value))
        if self._histo is not None:
            parts.append(_delimited(5, self._histo.SerializeToString()))
        if self.node_name:
            parts.append(_delimited(7, self.node_name.encode()))
        return b"".join(parts)

    @classmethod
    def FromString(cls, data: bytes) -> SummaryValue:
        """Return the value of a wire format."""
        made = cls()
        for number, kind, value in _fields(data):
            if number == 1:
                made.tag = value.decode()
            elif number == 2 and kind == _FIXED32:
                made.simple_value = struct.unpack("<f", value)[0]
            elif number == 5:
                made._histo = HistogramProto.FromString(value)
            elif number == 7:
                made.node_name = value.decode()
        return made

    def __repr__(self) -> str:
        body = f"simple_value: {self.simple_value}" if self._histo is None else "histo {\n" + _indent(repr(self._histo)) + "\n}"
        return f'tag: "{self.tag}"\n{body}'


class _Values(list[SummaryValue]):
    """The values of a summary."""

    def add(self, **fields: Any) -> SummaryValue:
        """Append a value with these fields; return it."""
        value = SummaryValue(**fields)
        self.append(value)
        return value


class Summary:
    """Named numbers and histograms, as summary ops give them.

    Args:
      value: the values.

    >>> made = Summary(value=[Summary.Value(tag="loss", simple_value=0.5)])
    >>> made
    value {
      tag: "loss"
      simple_value: 0.5
    }
    >>> Summary.FromString(made.SerializeToString()).value[0].tag
    'loss'
    """

    __slots__ = ("value",)

    Value = SummaryValue

    def __init__(self, value: Any = ()) -> None:
        self.value = _Values(value)

    def SerializeToString(self) -> bytes:
        """Return the wire format of TensorFlow's ``Summary``."""
        return b"".join(_delimited(1, value.SerializeToString()) for value in self.value)

    def MergeFrom(self, other: Summary) -> None:
        """Append the values of another summary."""
        self.value.extend(other.value)

    def ParseFromString(self, serialized: Any) -> int:
        """Take over the values of a wire format, or of another `Summary`.

        Raises:
          ValueError: when the bytes are no summary.
        """
        other = serialized if isinstance(serialized, Summary) else Summary.FromString(serialized)
        self.value = _Values(other.value)
        return 0 if isinstance(serialized, Summary) else len(serialized)

    @classmethod
    def FromString(cls, serialized: bytes) -> Summary:
        """Return the summary of a wire format; ValueError when the bytes are none."""
        try:
            return cls(
                [SummaryValue.FromString(value) for number, kind, value in _fields(bytes(serialized)) if (number, kind) == (1, _BYTES)]
            )
        except (IndexError, struct.error, UnicodeDecodeError) as error:
            raise ValueError(f"Error parsing message: {error}") from None

    def __repr__(self) -> str:
        return "\n".join("value {\n" + _indent(repr(value)) + "\n}" for value in self.value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Summary) and self.SerializeToString() == other.SerializeToString()

    __hash__ = None  # type: ignore[assignment]


def _to_float32(value: Any) -> float:
    with np.errstate(over="ignore"):  # a float64 beyond float32 becomes infinite, as in TensorFlow
        return float(np.float32(value))


# --- the wire format ---------------------------------------------------------------------------------------------------------


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def _delimited(number: int, data: bytes) -> bytes:
    return bytes([number << 3 | _BYTES]) + _varint(len(data)) + data


def _packed(number: int, values: list[float]) -> bytes:
    return _delimited(number, np.asarray(values, "<f8").tobytes()) if values else b""


def _fields(data: bytes) -> Iterator[tuple[int, int, bytes]]:
    """Yield number, wire type and content of each field."""
    at = 0
    while at < len(data):
        key, at = _read_varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            start = at
            _, at = _read_varint(data, at)
            yield key >> 3, kind, data[start:at]
            continue
        size = {_FIXED64: 8, _FIXED32: 4}.get(kind)
        if size is None:
            if kind != _BYTES:
                raise IndexError(f"unknown wire type {kind}")
            size, at = _read_varint(data, at)
        if at + size > len(data):
            raise IndexError("the message ends too soon")
        yield key >> 3, kind, data[at : at + size]
        at += size


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.split("\n"))
