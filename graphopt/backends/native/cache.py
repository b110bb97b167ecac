"""Object code on disk: one file for each key, safe when several processes use the folder at once, bounded in size.

A file holds a magic number, the code's length and SHA-256, and the code. One that is cut off or damaged is thrown away and made again.
A new file is written beside its place and renamed, so that nobody ever reads half of one. The folder belongs to the user alone: code
that anybody else could have written is not run.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import stat
import tempfile
import time
from pathlib import Path

_MAGIC = b"graphopt object 1\n"
_SUFFIX = ".object"
# What a file is called while it is written, and after how long nobody can be writing it any more.
_UNFINISHED = ".new-"
_UNFINISHED_SECONDS = 3600.0
# About a thousand training ops.
MAX_BYTES = 256 << 20
# How often it is looked whether there is room, while the cache is filled once.
_LOOKS = 32
# Of its own: the numbers that a user's program draws are not ours to take.
_chance = random.Random()


class ObjectCache:
    """The cache in one folder.

    Args:
      folder: the folder, made when it is first written to; an empty path for no cache.
      max_bytes: how much it may hold; what was used longest ago goes first.
    """

    def __init__(self, folder: str, max_bytes: int = MAX_BYTES) -> None:
        self._folder = Path(folder) if folder else None
        self._max_bytes = max_bytes

    def load(self, key: str) -> bytes | None:
        """Return the code of a key, or None when it isn't there, is damaged, or could be somebody else's."""
        if self._folder is None or not self._is_private(self._folder):
            return None
        path = self._folder / f"{key}{_SUFFIX}"
        try:
            if not self._is_private(path):
                return None
            content = path.read_bytes()
        except OSError:
            return None
        code = _opened(content)
        if code is None:
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return code

    def store(self, key: str, code: bytes) -> None:
        """Keep the code of a key. A folder that can't be written is no error: the next process compiles again."""
        if self._folder is None:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self._is_private(self._folder):
                return
            self._write(self._folder / f"{key}{_SUFFIX}", _sealed(code))
            # To look at every file takes longer than to compile when there are many: once for so many bytes, whoever writes them.
            if _chance.random() * self._max_bytes < len(code) * _LOOKS:
                self._make_room(self._folder)
        except OSError:
            return

    def _write(self, path: Path, content: bytes) -> None:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=_UNFINISHED)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise

    def _make_room(self, folder: Path) -> None:
        found = []
        for entry in os.scandir(folder):
            with contextlib.suppress(OSError):  # another process may remove it just now
                status = entry.stat()
                if entry.name.endswith(_SUFFIX):
                    found.append((status.st_mtime, status.st_size, entry.path))
                elif entry.name.startswith(_UNFINISHED) and time.time() - status.st_mtime > _UNFINISHED_SECONDS:
                    os.unlink(entry.path)  # what a process that was killed left behind
        total = sum(size for _, size, _ in found)
        for _, size, path in sorted(found):
            if total <= self._max_bytes:
                break
            with contextlib.suppress(OSError):
                os.unlink(path)
            total -= size

    def _is_private(self, path: Path) -> bool:
        """Return True when a file or folder is the user's own and nobody else may write it."""
        try:
            status = path.stat()
        except OSError:
            return False
        if not hasattr(os, "getuid"):
            return True
        return status.st_uid == os.getuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _sealed(code: bytes) -> bytes:
    return _MAGIC + len(code).to_bytes(8, "little") + hashlib.sha256(code).digest() + code


def _opened(content: bytes) -> bytes | None:
    """Return the code in a file's content, or None when it isn't whole."""
    head = len(_MAGIC)
    if not content.startswith(_MAGIC) or len(content) < head + 40:
        return None
    size, digest, code = int.from_bytes(content[head : head + 8], "little"), content[head + 8 : head + 40], content[head + 40 :]
    return code if len(code) == size and hashlib.sha256(code).digest() == digest else None
