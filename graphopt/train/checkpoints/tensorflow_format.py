"""Checkpoints that TensorFlow wrote, format V2: ``<prefix>.index``, a sorted table of tensors, and ``<prefix>.data-*``, their bytes.

Source: tensorflow/core/util/tensor_bundle and tensorflow/core/protobuf/tensor_bundle.proto.
"""

from __future__ import annotations

import math
import os
import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentTypeError, DataLossError, UnsupportedError
from graphopt.graph.crc32c import crc32c, masked
from graphopt.train.checkpoints.damage import damaged, system_error
from graphopt.train.checkpoints.object_graph import OBJECT_GRAPH, keys_of_variables
from graphopt.train.checkpoints.slices import extents, key_of_part, places
from graphopt.train.checkpoints.sorted_table import FOOTER_SIZE, fields, is_table, read_table, varint

INDEX = ".index"
_LITTLE_ENDIAN = 0
_BFLOAT16 = 14
# The numbers of element types that graphopt has not and NumPy has, or has the bytes of (quantized numbers, halves of float32).
_OTHERS = {8: "c8", 18: "c16", 11: "i1", 12: "u1", 13: "i4", 15: "i2", 16: "u2", _BFLOAT16: "u2"}


@dataclass
class _Entry:
    """Where one tensor stands: a `BundleEntryProto`."""

    dtype: int = 0
    shape: tuple[int, ...] = ()
    shard: int = 0
    offset: int = 0
    size: int = 0
    crc: int = 0
    slices: list[bytes] = field(default_factory=list)


class TensorFlowCheckpoint:
    """A checkpoint V2 that is read.

    Args:
      prefix: the path without ``.index``.

    Attributes:
      path: the index file. variables: element type and shape by name; the type is None for those that graphopt has not.

    Raises:
      tf.errors.DataLossError: when the index is damaged, or no index. tf.errors.NotFoundError and others: when it can't be read.
      NotImplementedError: when it was written on a big-endian machine.
    """

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.path = prefix + INDEX
        table = read_table(self.path, self._content(self.path))
        try:
            self._shards = self._read_header(table.pop(b"", b""))
            # Keys that begin with a zero byte are parts of partitioned variables.
            self._parts = {key: _entry(value) for key, value in table.items() if key.startswith(b"\0")}
            self._entries = {key.decode(): _entry(value) for key, value in table.items() if key not in self._parts}
        except (IndexError, struct.error, UnicodeDecodeError, TypeError) as error:
            raise damaged(self.path, "its entries", str(error)) from error
        self.manifest: dict[str, Any] = {}
        self.variables = {name: (_dtype_of(entry), entry.shape) for name, entry in self._entries.items()}

    def _content(self, path: str) -> bytes:
        try:
            with open(path, "rb") as file:
                return file.read()
        except OSError as error:
            raise system_error(error, path, "reading") from error

    def _read_header(self, header: bytes) -> int:
        values = dict(fields(header))
        if not header:
            raise damaged(self.path, "its header", "there is none, so this is a sorted table of something else")
        if values.get(2, _LITTLE_ENDIAN) != _LITTLE_ENDIAN:
            raise UnsupportedError(f"{self.path} was written on a big-endian machine, which graphopt does not read.")
        return int(values.get(1, 1))

    def read(self, name: str) -> Any:
        """Return a tensor's value: an array, or a NumPy scalar for rank 0. Parts of a partitioned variable are put together.

        Of types that graphopt has not, complex numbers are read as they are, bfloat16 as float32, and quantized numbers as integers.

        Raises:
          tf.errors.DataLossError: when its bytes are damaged. TypeError: for an element type that NumPy has not.
        """
        entry = self._entries[name]
        if not entry.slices:
            return self._whole(name, entry)
        try:
            parts = [extents(message) for message in entry.slices]
            found = [(places(part, entry.shape), self._whole(name, self._parts[key_of_part(name, part)])) for part in parts]
            whole = np.empty(entry.shape, found[0][1].dtype)
            filled = np.zeros(entry.shape, bool)
            for place, array in found:
                whole[place], filled[place] = array.reshape(whole[place].shape), True
        except (KeyError, ValueError, IndexError, struct.error) as error:
            raise damaged(self.path, f"tensor {name!r}", f"its parts can't be put together ({error!r})") from error
        if not filled.all():
            raise damaged(self.path, f"tensor {name!r}", "its parts don't fill it")
        return whole

    def _whole(self, name: str, entry: _Entry) -> Any:
        """Return the value that stands in one place: a tensor, or a part of one."""
        content = self._bytes(name, entry)
        if entry.dtype == dtypes.string.as_datatype_enum:
            return self._strings(name, entry, content)
        if masked(crc32c(content)) != entry.crc:
            raise damaged(self._data_file(entry), f"tensor {name!r}", "its checksum is wrong")
        stored = self._stored_as(name, entry)
        if len(content) != stored.itemsize * math.prod(entry.shape):
            raise damaged(self.path, f"tensor {name!r}", f"{len(content)} bytes are not those of shape {list(entry.shape)}")
        array = np.frombuffer(content, stored.newbyteorder("<")).astype(stored).reshape(entry.shape)
        if entry.dtype == _BFLOAT16:
            array = (array.astype(np.uint32) << 16).view(np.float32)
        return array if entry.shape else array[()]

    def _stored_as(self, name: str, entry: _Entry) -> np.dtype[Any]:
        dtype = _dtype_of(entry)
        if dtype is None and entry.dtype not in _OTHERS:
            raise ArgumentTypeError(f"Tensor {name!r} of {self.path} has an element type that NumPy has not (number {entry.dtype}).")
        return np.dtype(_OTHERS[entry.dtype]) if dtype is None else dtype.np

    def keys_of_variables(self) -> dict[str, str]:
        """Return the keys by the names of variables, where the checkpoint was written by objects; an empty dict for others."""
        if OBJECT_GRAPH not in self._entries:
            return {}
        try:
            return keys_of_variables(self.read(OBJECT_GRAPH))
        except (IndexError, struct.error, UnicodeDecodeError) as error:
            raise damaged(self.path, f"tensor {OBJECT_GRAPH!r}", str(error)) from error

    def _data_file(self, entry: _Entry) -> str:
        return f"{self._prefix}.data-{entry.shard:05d}-of-{self._shards:05d}"

    def _bytes(self, name: str, entry: _Entry) -> bytes:
        path = self._data_file(entry)
        try:
            with open(path, "rb") as file:
                file.seek(entry.offset)
                content = file.read(min(entry.size, os.fstat(file.fileno()).st_size))
        except OSError as error:
            raise system_error(error, path, "reading") from error
        if len(content) != entry.size:
            raise damaged(path, f"tensor {name!r}", f"the file ends after {len(content)} of its {entry.size} bytes")
        return content

    def _strings(self, name: str, entry: _Entry, content: bytes) -> Any:
        """Return an array of strings: their lengths stand first, with a checksum of their own, then their contents."""
        lengths = []
        at = 0
        try:
            for _ in range(int(np.prod(entry.shape, dtype=np.int64))):
                length, at = varint(content, at)
                lengths.append(length)
        except IndexError as error:
            raise damaged(self._data_file(entry), f"tensor {name!r}", "the strings' lengths run past its end") from error
        # The lengths enter the checksum as numbers of four bytes (eight for huge ones), not as they are stored.
        fixed = b"".join(struct.pack("<I" if length <= 0xFFFFFFFF else "<Q", length) for length in lengths)
        if masked(crc32c(fixed + content[at:])) != entry.crc or at + 4 + sum(lengths) != len(content):
            raise damaged(self._data_file(entry), f"tensor {name!r}", "its checksum is wrong")
        at += 4
        result = np.empty(len(lengths), object)
        for i, length in enumerate(lengths):
            result[i] = content[at : at + length]
            at += length
        return result.reshape(entry.shape) if entry.shape else result[0]


def _entry(message: bytes) -> _Entry:
    entry = _Entry()
    names = {1: "dtype", 3: "shard", 4: "offset", 5: "size", 6: "crc"}
    for number, value in fields(message):
        if number == 2 and isinstance(value, bytes):
            entry.shape = tuple(_size(dim) for kind, dim in fields(value) if kind == 2 and isinstance(dim, bytes))
        elif number == 7 and isinstance(value, bytes):
            entry.slices.append(value)
        elif number in names and isinstance(value, int):
            setattr(entry, names[number], value)
    return entry


def _size(dim: bytes) -> int:
    return next((int(value) for number, value in fields(dim) if number == 1), 0)


def _dtype_of(entry: _Entry) -> DType | None:
    return next((dtype for dtype in dtypes.ALL if dtype.as_datatype_enum == entry.dtype), None)


def refuse_first_format(path: str) -> None:
    """Raise a NotImplementedError when a file is a checkpoint of TensorFlow's first format, which was one sorted table."""
    try:
        with open(path, "rb") as file:
            file.seek(-min(FOOTER_SIZE, os.fstat(file.fileno()).st_size), os.SEEK_END)
            content = file.read()
    except OSError as error:
        raise system_error(error, path, "reading") from error
    if is_table(content):
        raise UnsupportedError(
            f"{path} is a checkpoint of TensorFlow's format V1, which graphopt does not read. "
            "Restore it with TensorFlow 1 and save it with Saver(write_version=tf.train.SaverDef.V2)."
        )
    raise DataLossError(None, None, f"{path} is no checkpoint of graphopt or TensorFlow.")
