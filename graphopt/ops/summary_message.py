"""Protocol buffers in a few lines each: a `Message` declares its fields, and has the methods that scripts call.

class SessionLog(Message):
    status = Field(1, "int")
    checkpoint_path = Field(2, "string")

The wire format is that of protocol buffers, fields in the order of their numbers, keys of maps sorted: the same message always gives
the same bytes. Fields that are not declared are dropped when bytes are read.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np

from graphopt.ops.summary_wire import BYTES, FIXED32, FIXED64, VARINT, delimited, fields, key, signed, varint
from graphopt.ops.summary_wire import to_float32 as to_float32


class Kind(NamedTuple):
    """How values of one kind are kept and written.

    Attributes:
      wire: the wire type. default: what an unset field reads as. convert: makes what is kept of what a user gives.
      encode: the content's bytes. decode: what is kept, of the content. packed: the NumPy type of a packed field of fixed width, or "".
    """

    wire: int
    default: Any
    convert: Callable[[Any], Any]
    encode: Callable[[Any], bytes]
    decode: Callable[[Any], Any]
    packed: str = ""


def _to_bytes(value: Any) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(value)


def _to_text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _length_and(data: bytes) -> bytes:
    return varint(len(data)) + data


_DOUBLE, _FLOAT = struct.Struct("<d"), struct.Struct("<f")
KINDS = {
    "double": Kind(FIXED64, 0.0, float, _DOUBLE.pack, lambda raw: _DOUBLE.unpack(raw)[0], "<f8"),
    "float": Kind(FIXED32, 0.0, to_float32, _FLOAT.pack, lambda raw: _FLOAT.unpack(raw)[0], "<f4"),
    "int": Kind(VARINT, 0, int, varint, signed),
    "bool": Kind(VARINT, False, bool, lambda value: varint(int(value)), bool),
    "string": Kind(BYTES, "", _to_text, lambda text: _length_and(text.encode()), lambda raw: bytes(raw).decode()),
    "bytes": Kind(BYTES, b"", _to_bytes, _length_and, bytes),
}


class Field:
    """One field of a message.

    Args:
      number: its number. kind: a key of `KINDS`, or the class of a message.
      repeated: it holds any number of values. keyed: it is a map from strings. group: the name of the ``oneof`` it belongs to.
    """

    def __init__(
        self, number: int, kind: str | type[Message], *, repeated: bool = False, keyed: bool = False, group: str | None = None
    ) -> None:
        self.number = number
        self.message = None if isinstance(kind, str) else kind
        self.kind = KINDS[kind] if isinstance(kind, str) else None
        self.repeated = repeated
        self.keyed = keyed
        self.group = group
        self.key = key(number, BYTES if self.kind is None or (repeated and self.kind.wire != BYTES) else self.kind.wire)

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, owner: Any, cls: Any = None) -> Any:
        if owner is None:
            return self
        found = owner._set.get(self.name)
        if found is not None:
            return found
        if self.kind is not None and not self.repeated:
            return self.kind.default
        return owner._set.setdefault(self.name, self._fresh())

    def _fresh(self) -> Any:
        if self.keyed:
            return Entries(self.message)
        return Repeated(self.message) if self.repeated else self.message()  # type: ignore[misc]

    def __set__(self, owner: Any, value: Any) -> None:
        if self.group is not None:
            owner._clear_group(self.group)
        owner._set[self.name] = self.converted(value)
        if isinstance(value, Message):
            value._is_given = True

    def converted(self, value: Any) -> Any:
        """Return what a user gives as what is kept."""
        if self.keyed:
            made: Any = Entries(self.message)
            made.update(value)
            return made
        if self.repeated:
            convert = (lambda item: item) if self.kind is None else self.kind.convert
            return Repeated(self.message, map(convert, value))
        return value if self.kind is None else self.kind.convert(value)

    def is_present(self, owner: Any) -> bool:
        """Return whether the field has been set; a message that has only been looked at has not."""
        found = owner._set.get(self.name)
        if found is None or self.repeated or self.keyed:
            return bool(found)
        if self.message is not None:
            return found._is_given or bool(found._set and found.SerializeToString())
        return self.group is not None or bool(found != self.kind.default)  # type: ignore[union-attr]

    def encoded(self, value: Any) -> bytes:
        """Return the field's bytes."""
        if self.keyed:
            return b"".join(
                self.key + _length_and(delimited(1, name.encode()) + delimited(2, item.SerializeToString()))
                for name, item in sorted(value.items())
            )
        if not self.repeated:
            return self.key + self._content(value)
        if self.kind is None or self.kind.wire == BYTES:
            return b"".join([self.key + self._content(item) for item in value])
        if self.kind.packed:
            return self.key + _length_and(np.asarray(value, self.kind.packed).tobytes())
        return self.key + _length_and(b"".join(map(self.kind.encode, value)))

    def _content(self, value: Any) -> bytes:
        return _length_and(value.SerializeToString()) if self.kind is None else self.kind.encode(value)

    def read_into(self, owner: Any, wire: int, content: Any) -> None:
        """Take over the content of one field of a wire format."""
        if self.keyed:
            entry = dict(_numbered(content))
            self.__get__(owner)[bytes(entry.get(1, b"")).decode()] = self.message.FromString(bytes(entry.get(2, b"")))  # type: ignore[union-attr]
        elif self.message is not None:
            made = self.message.FromString(content)
            if self.repeated:
                self.__get__(owner).append(made)
            else:
                self.__set__(owner, made)
        elif self.repeated:
            self.__get__(owner).extend(self._many(wire, content))
        else:
            self.__set__(owner, self.kind.decode(content))  # type: ignore[union-attr]

    def _many(self, wire: int, content: Any) -> Iterable[Any]:
        kind: Any = self.kind
        if kind.wire == BYTES or wire != BYTES:
            return [kind.decode(content)]
        if kind.packed:
            found: list[Any] = np.frombuffer(content, kind.packed).tolist()
            return found
        return [kind.decode(value) for value in _varints(content)]


def _numbered(content: bytes) -> Iterator[tuple[int, Any]]:
    for number, _, value in fields(content):
        yield number, value


def _varints(content: bytes) -> Iterator[int]:
    value = shift = 0
    for byte in content:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            yield value
            value = shift = 0


class Repeated(list[Any]):
    """The values of a repeated field."""

    def __init__(self, message: Any = None, items: Iterable[Any] = ()) -> None:
        super().__init__(items)
        self._message = message

    def add(self, **given: Any) -> Any:
        """Append a message with these fields; return it."""
        made = self._message(**given)
        self.append(made)
        return made


class Entries(dict[str, Any]):
    """The values of a map; looking at a missing one makes it."""

    def __init__(self, message: Any) -> None:
        super().__init__()
        self._message = message

    def __missing__(self, name: str) -> Any:
        made = self[name] = self._message()
        return made


class Message:
    """A protocol buffer: fields by name, the first ones also by position.

    >>> class Point(Message):
    ...     x = Field(1, "int")
    ...     label = Field(2, "string")
    >>> Point(x=3, label="a").SerializeToString()
    b'\\x08\\x03\\x12\\x01a'
    >>> Point.FromString(b"\\x08\\x03")
    x: 3
    """

    __slots__ = ("_is_given", "_set")

    NAME: ClassVar[str] = ""
    FIELDS: ClassVar[dict[str, Field]] = {}
    BY_NUMBER: ClassVar[dict[int, Field]] = {}

    def __init_subclass__(cls) -> None:
        own = sorted((field for field in vars(cls).values() if isinstance(field, Field)), key=lambda field: field.number)
        cls.FIELDS = {field.name: field for field in own}
        cls.BY_NUMBER = {field.number: field for field in own}
        cls.NAME = vars(cls).get("NAME", cls.__name__)

    def __init__(self, *positional: Any, **given: Any) -> None:
        self._set: dict[str, Any] = {}
        self._is_given = False
        for name, value in (*zip(self.FIELDS, positional, strict=False), *given.items()):
            self._set_field(name, value)

    def _set_field(self, name: str, value: Any) -> None:
        if value is None:
            return
        self._field(name).__set__(self, value)

    def _field(self, name: str) -> Field:
        if name not in self.FIELDS:
            raise ValueError(f"Protocol message {self.NAME} has no field {name}.")
        return self.FIELDS[name]

    def _clear_group(self, group: str) -> None:
        for name in [name for name in self._set if self.FIELDS[name].group == group]:
            del self._set[name]

    def _present(self) -> Iterator[Field]:
        if self._set:
            for field in self.FIELDS.values():
                if field.name in self._set and field.is_present(self):
                    yield field

    # --- protocol buffers' methods -----------------------------------------------------------------------------------

    def HasField(self, field_name: str) -> bool:
        """Return whether a field is set; ValueError for an unknown one."""
        return self._field(field_name).is_present(self)

    def WhichOneof(self, oneof_group: str) -> str | None:
        """Return the name of the field of a ``oneof`` that is set, or None."""
        return next((field.name for field in self._present() if field.group == oneof_group), None)

    def ClearField(self, field_name: str) -> None:
        """Forget a field."""
        self._set.pop(self._field(field_name).name, None)

    def Clear(self) -> None:
        """Forget all fields."""
        self._set.clear()

    def CopyFrom(self, other: Any) -> None:
        """Take over the fields of another message."""
        copied = type(self).FromString(other.SerializeToString())
        self._set, self._is_given = copied._set, True

    def MergeFrom(self, other: Any) -> None:
        """Take over the fields that another message has, and append its repeated ones."""
        for name, number, wire, content in other._parts():
            self._field(name)
            self.BY_NUMBER[number].read_into(self, wire, content)

    def _parts(self) -> Iterator[tuple[str, int, int, Any]]:
        for number, wire, content in fields(self.SerializeToString()):
            yield self.BY_NUMBER[number].name, number, wire, content

    def SerializeToString(self) -> bytes:
        """Return the wire format."""
        return b"".join([field.encoded(self._set[field.name]) for field in self._present()])

    def ByteSize(self) -> int:
        """Return how many bytes the wire format has."""
        return len(self.SerializeToString())

    def ParseFromString(self, serialized: Any) -> int:
        """Take over the fields of a wire format, or of another message of the class; return the number of bytes.

        Raises:
          ValueError: when the bytes are no such message.
        """
        is_same = isinstance(serialized, type(self))
        self._set = (serialized if is_same else type(self).FromString(serialized))._set.copy()
        return 0 if is_same else len(serialized)

    @classmethod
    def FromString(cls, serialized: Any) -> Self:
        """Return the message of a wire format; ValueError when the bytes are none."""
        made = cls()
        try:
            for number, wire, content in fields(bytes(serialized)):
                field = cls.BY_NUMBER.get(number)
                if field is not None and wire in (BYTES, VARINT if field.kind is None else field.kind.wire):
                    field.read_into(made, wire, content)
        except (IndexError, struct.error, ValueError, TypeError, AttributeError) as error:
            raise ValueError(f"Error parsing message: {str(error).removeprefix('Error parsing message: ')}") from None
        return made

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and self.SerializeToString() == other.SerializeToString()

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "\n".join([line for field in self._present() for line in _shown(field, self._set[field.name])])


def _shown(field: Field, value: Any) -> Iterator[str]:
    if field.keyed:
        for name, item in sorted(value.items()):
            yield f'{field.name} {{\n  key: "{name}"\n  value {{\n{indented(repr(item), 4)}\n  }}\n}}'
        return
    for item in value if field.repeated else [value]:
        if isinstance(item, Message):
            yield f"{field.name} {{\n{indented(repr(item))}\n}}" if item._set else f"{field.name} {{\n}}"
        else:
            yield f"{field.name}: {_quoted(item)}"


def _quoted(value: Any) -> str:
    if isinstance(value, bytes):
        return '"' + repr(value)[2:-1].replace('"', '\\"') + '"'
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"' if isinstance(value, str) else str(value)


def indented(text: str, by: int = 2) -> str:
    """Return a text with spaces before each line."""
    return "\n".join(" " * by + line for line in text.split("\n"))
