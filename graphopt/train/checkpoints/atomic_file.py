"""Files that are there whole or not at all, whatever happens to the process or the machine while they are written.

The content goes to a file beside the final one, is brought to the disk, and takes its name in one step; then the folder's entry is
brought to the disk too.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_BUFFER = 1 << 20
_LONGEST = 180
_COUNT = itertools.count()
_UNSAFE = re.compile(r"[^A-Za-z0-9]")


def write_atomically(path: str, write: Callable[[BinaryIO], None]) -> None:
    """Write a file whole or not at all.

    Args:
      path: its name. write: writes the content to the file it is given.

    Raises:
      OSError: when it can't be written; a file of that name from before is as it was.
    """
    folder, name = os.path.split(path)
    # Cut short where it would be longer than a name may be; who and which one stand in the ending.
    part = os.path.join(folder, f"{os.fsdecode(os.fsencode(name)[:_LONGEST])}.{_host()}-{os.getpid()}-{next(_COUNT)}.part")
    try:
        # Not one that is there: a name that somebody made point elsewhere is not followed.
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), "wb", buffering=_BUFFER) as file:
            write(file)
            file.flush()
            sync(file.fileno())
        os.replace(part, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(part)
        raise
    sync_folder(os.path.dirname(path))


def sync(descriptor: int) -> None:
    """Wait until a file is on the disk."""
    os.fsync(descriptor)


def sync_folder(folder: str) -> None:
    """Wait until a folder's entries are on the disk, where the system can do that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder or ".", os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_leftovers(path: str) -> None:
    """Remove what processes of this machine left beside a file's like when they were killed while writing.

    Args:
      path: the file about to be written; leftovers of all files in its folder are looked at.
    """
    pattern = re.compile(rf"\.{_host()}-(\d+)-\d+\.part\Z")
    with contextlib.suppress(OSError):
        for entry in Path(path).parent.iterdir():
            found = pattern.search(entry.name)
            if found is not None and not _is_running(int(found[1])):
                entry.unlink(missing_ok=True)


def _host() -> str:
    return _UNSAFE.sub("", socket.gethostname())[:32]


def _is_running(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
