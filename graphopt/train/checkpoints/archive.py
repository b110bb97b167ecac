"""The file of a checkpoint: one uncompressed ``.npz`` that `numpy.load` reads too, with a checksum for every member and nothing pickled.

Members are ``variables/<name>.npy`` and ``graphopt.json``, the manifest. What a member is called never becomes a path.
"""

from __future__ import annotations

import json
import math
import os
import struct
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import DataLossError
from graphopt.train.checkpoints.damage import damaged, system_error

SUFFIX = ".npz"
FORMAT = "graphopt checkpoint"
VERSION = 1
MANIFEST = "graphopt.json"
# What the manifest may have besides, and what stands in it by name.
_TABLES: dict[str, Any] = {"counters": int, "seeds": int, "settings": float | int, "code": float | int, "formulas": dict}
_FOLDER = "variables/"
_CHUNK = 1 << 22
_LOCAL_HEADER = struct.Struct("<4s22xHH")
_NPY_START = struct.Struct("<8sH")
_NPY_MAGIC = b"\x93NUMPY\x01\x00"
_NPY_ALIGNMENT = 64
# What says nothing and is the same in every member; a byte flipped there is noticed too.
_DATE = (1980, 1, 1, 0, 0, 0)
_MODE = 0o600 << 16
_NAME_IS_UTF8 = 0x800
# What Python's reader of such files raises when they are damaged.
_READING_ERRORS = (zipfile.BadZipFile, RuntimeError, ValueError, KeyError, EOFError, struct.error, zlib.error, SyntaxError, TypeError)


# --- writing ---------------------------------------------------------------------------------------------------------------


def write_archive(file: BinaryIO, manifest: Mapping[str, Any], variables: Mapping[str, tuple[DType, Any]]) -> None:
    """Write a checkpoint to a file opened for writing.

    Args:
      file: the file. manifest: what JSON can hold. variables: element type and value by name.
    """
    entries = {name: [dtype.name, list(np.shape(value))] for name, (dtype, value) in variables.items()}
    whole = {"format": FORMAT, "version": VERSION, **manifest, "variables": entries}
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        _write_member(archive, MANIFEST, json.dumps(whole, indent=1).encode(), None)
        for name, (dtype, value) in variables.items():
            array = np.ascontiguousarray(packed_strings(value) if dtype is dtypes.string else value)
            shape = array.shape if dtype is dtypes.string else np.shape(value)
            _write_member(archive, f"{_FOLDER}{name}.npy", _npy_header(array.dtype.str, shape), array)


def _write_member(archive: zipfile.ZipFile, name: str, start: bytes, array: Any) -> None:
    info = zipfile.ZipInfo(name, _DATE)
    info.external_attr = _MODE
    with archive.open(info, "w", force_zip64=True) as member:
        member.write(start)
        if array is not None and array.size:
            # A stretch at a time, so that it is still in the processor's cache when it is written.
            content = memoryview(array.reshape(-1).view(np.uint8))
            for at in range(0, len(content), _CHUNK):
                member.write(content[at : at + _CHUNK])


def _npy_header(kind: str, shape: tuple[int, ...]) -> bytes:
    """Return how a file of NumPy's begins: always the same for one type and shape, so that it can be compared."""
    text = f"{{'descr': {kind!r}, 'fortran_order': False, 'shape': {shape!r}, }}"
    text += " " * (-(_NPY_START.size + len(text) + 1) % _NPY_ALIGNMENT) + "\n"
    return _NPY_START.pack(_NPY_MAGIC, len(text)) + text.encode("ascii")


def packed_strings(value: Any) -> Any:
    """Return the strings of an array as bytes: each length as eight bytes, then all contents."""
    texts = [text.encode() if isinstance(text, str) else bytes(text) for text in np.asarray(value, object).reshape(-1)]
    lengths = np.array([len(text) for text in texts], "<i8")
    return np.frombuffer(lengths.tobytes() + b"".join(texts), np.uint8)


def unpacked_strings(packed: Any, shape: tuple[int, ...]) -> Any:
    """Return the array of strings that `packed_strings` packed; a ValueError when they don't fill it."""
    count = int(np.prod(shape, dtype=np.int64))
    content = packed.tobytes()
    lengths = np.frombuffer(content, "<i8", count) if 8 * count <= len(content) else np.array([-1])
    if (lengths < 0).any() or lengths.sum() + 8 * count != len(content):
        raise ValueError("the strings' lengths don't fit")
    ends = 8 * count + np.cumsum(lengths)
    result = np.empty(count, object)
    for i in range(count):
        result[i] = content[int(ends[i] - lengths[i]) : int(ends[i])]
    return result.reshape(shape)


# --- reading ---------------------------------------------------------------------------------------------------------------


class Archive:
    """A checkpoint file that is read.

    Args:
      path: the file.

    Attributes:
      path: the file. manifest: what the manifest says. variables: element type and shape by name.

    Raises:
      tf.errors.DataLossError: when the file is damaged, or was written by another program.
      tf.errors.NotFoundError, tf.errors.PermissionDeniedError, tf.errors.UnknownError: when it can't be read.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        try:
            with open(path, "rb") as file:
                self._members = self._directory(file)
                self.manifest = self._read_manifest(file)
        except OSError as error:
            raise system_error(error, path, "reading") from error
        self.variables = self._entries()

    def _directory(self, file: BinaryIO) -> dict[str, zipfile.ZipInfo]:
        try:
            with zipfile.ZipFile(file) as archive:
                members = archive.infolist()
        except (*_READING_ERRORS, NotImplementedError) as error:
            raise damaged(self.path, "its directory", f"{error}; it is cut off, or a file of another program") from error
        if MANIFEST not in [info.filename for info in members]:
            rule = f"{self.path} is no checkpoint of graphopt: it has no member {MANIFEST!r}. Another program may have written it."
            raise DataLossError(None, None, rule)
        for info in members:
            self._check_entry(info)
        if len({info.filename for info in members}) != len(members):
            raise damaged(self.path, "its directory", "two members have one name")
        return {info.filename: info for info in members}

    def _check_entry(self, info: zipfile.ZipInfo) -> None:
        marks = (info.date_time, info.external_attr, info.internal_attr, info.flag_bits & ~_NAME_IS_UTF8, info.comment, info.volume)
        stored = info.compress_type == zipfile.ZIP_STORED and info.compress_size == info.file_size
        if marks != (_DATE, _MODE, 0, 0, b"", 0) or not stored:
            raise damaged(self.path, f"the directory's entry for member {info.filename!r}", "it is not as graphopt writes it")

    def _read_manifest(self, file: BinaryIO) -> dict[str, Any]:
        info = self._members[MANIFEST]
        content = np.empty(self._begin(file, info), np.uint8)
        self._fill(file, info, content, 0)
        try:
            manifest: dict[str, Any] = json.loads(content.tobytes())
            version = manifest["version"]
            if manifest["format"] != FORMAT or not isinstance(version, int):
                raise ValueError(manifest["format"])  # message from: caught below
            for name in manifest.keys() & _TABLES.keys():
                for value in manifest[name].values():
                    if not isinstance(value, _TABLES[name]):
                        raise ValueError(name)  # message from: caught below
        except (*_READING_ERRORS, AttributeError) as error:
            raise damaged(self.path, f"member {MANIFEST!r}", f"it is no manifest of a checkpoint ({error})") from error
        if version > VERSION:
            rule = f"{self.path} was written by a newer graphopt: its format is version {version}, and this one reads up to {VERSION}."
            raise DataLossError(None, None, rule)
        return manifest

    def _entries(self) -> dict[str, tuple[DType, tuple[int, ...]]]:
        try:
            entries = {n: (dtypes.as_dtype(d), tuple(int(size) for size in shape)) for n, (d, shape) in self.manifest["variables"].items()}
        except (*_READING_ERRORS, AttributeError) as error:
            raise damaged(self.path, f"member {MANIFEST!r}", f"its list of variables is wrong ({error})") from error
        wanted = {MANIFEST, *[f"{_FOLDER}{name}.npy" for name in entries]}
        if wanted != set(self._members):
            names = ", ".join(sorted(wanted ^ set(self._members)))
            raise damaged(self.path, "its directory", f"members and manifest differ in {names}")
        return entries

    def read(self, name: str) -> Any:
        """Return a variable's value: an array, or a NumPy scalar for rank 0.

        Raises:
          tf.errors.DataLossError: when the member is damaged.
        """
        dtype, shape = self.variables[name]
        info = self._members[f"{_FOLDER}{name}.npy"]
        try:
            with open(self.path, "rb") as file:
                array = self._read_array(file, info, dtype, shape)
            return (unpacked_strings(array, shape) if dtype is dtypes.string else array)[()]
        except OSError as error:
            raise system_error(error, self.path, "reading") from error
        except _READING_ERRORS as error:
            raise damaged(self.path, f"member {info.filename!r}", str(error)) from error

    def _read_array(self, file: BinaryIO, info: zipfile.ZipInfo, dtype: DType, shape: tuple[int, ...]) -> Any:
        size = self._begin(file, info)
        kind = np.dtype(np.uint8) if dtype is dtypes.string else dtype.np
        if dtype is dtypes.string:
            shape = (max(0, size - len(_npy_header(kind.str, (size,)))),)
        expected = _npy_header(kind.str, shape)
        start = file.read(len(expected))
        if start != expected:
            raise ValueError(f"it does not begin as an array of {dtype.name} {list(shape)} does")
        if size - len(start) != kind.itemsize * math.prod(shape):
            raise ValueError(f"it has {size - len(start)} bytes, not those of shape {list(shape)}")
        array = np.empty(shape, kind)
        self._fill(file, info, array.reshape(-1).view(np.uint8), zlib.crc32(start))
        return array

    def _begin(self, file: BinaryIO, info: zipfile.ZipInfo) -> int:
        """Go to where a member's content begins, and return how many bytes it has."""
        file.seek(max(0, info.header_offset))
        header = file.read(30)
        name = info.orig_filename.encode("utf-8")
        if len(header) == 30:
            mark, name_size, extra_size = _LOCAL_HEADER.unpack(header)
            if mark == b"PK\3\4" and name_size == len(name) and file.read(name_size) == name:
                file.seek(extra_size, os.SEEK_CUR)
                if file.tell() + info.file_size <= os.fstat(file.fileno()).st_size:
                    return info.file_size
        raise damaged(self.path, f"member {info.filename!r}", "it does not begin where the directory says")

    def _fill(self, file: BinaryIO, info: zipfile.ZipInfo, content: Any, crc: int) -> None:
        """Read the rest of a member into an array of bytes, and check it."""
        view = memoryview(content)
        for at in range(0, len(view), _CHUNK):
            part = view[at : at + _CHUNK]
            if file.readinto(part) != len(part):  # type: ignore[attr-defined]
                raise damaged(self.path, f"member {info.filename!r}", "the file ends in it")
            crc = zlib.crc32(part, crc)
        if crc != info.CRC:
            raise damaged(self.path, f"member {info.filename!r}", f"its checksum is {crc:08x}, not {info.CRC:08x}")

    def check(self) -> None:
        """Read every member; raise DataLossError when one is damaged."""
        for name in self.variables:
            self.read(name)
