"""What the commands share: what a command is, exit codes, errors of one line, JSON, and progress."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

FINE, FOUND, WRONG_USAGE, INTERRUPTED = 0, 1, 2, 130


class Command(NamedTuple):
    """A command of the command line.

    Attributes:
      name: the word after `graphopt`. help: one line. description: what it does; then examples.
      add_arguments: declares its arguments. run: does it and returns the exit code.
      splits_at_dashes: whether what stands after ``--`` is left as it is, in `arguments`: the script's own command line.
    """

    name: str
    help: str
    description: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]
    splits_at_dashes: bool = False


class CommandError(Exception):
    """What the user asked for can't be done: one line, and the exit code."""

    exit_code = WRONG_USAGE


def existing_file(path: str) -> Path:
    """Return the path of a file.

    Raises:
      CommandError: when there is none.
    """
    found = Path(path)
    if found.is_dir():
        raise CommandError(f"{path} is a folder, a file is needed.")
    if not found.exists():
        raise CommandError(f"there is no file {path}.")
    return found


def existing_folder(path: str) -> Path:
    """Return the path of a folder.

    Raises:
      CommandError: when there is none.
    """
    if not Path(path).is_dir():
        raise CommandError(f"there is no folder {path}.")
    return Path(path)


def write_text(path: str, text: str) -> None:
    """Write a file.

    Raises:
      CommandError: when it can't be written.
    """
    try:
        Path(path).write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror}.") from None


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    print(json.dumps(value, indent=2, default=str))


def progress(total: int, unit: str, what: str) -> Any:
    """Return a bar with rate and remaining time on standard error: shown after a second, and only in a terminal."""
    return tqdm(total=total, unit=unit, desc=what, delay=1, disable=None, leave=False, file=sys.stderr)


def size_text(count: int) -> str:
    """Return a number of bytes as people write it.

    >>> size_text(31400)
    '31.4 kB'
    """
    value, unit = float(count), "B"
    for bigger in ("kB", "MB", "GB"):
        if value < 1000:
            break
        value, unit = value / 1000, bigger
    return f"{count} B" if unit == "B" else f"{value:.1f} {unit}"


def table(head: list[str], rows: list[list[str]]) -> str:
    """Return a table as text, each column as wide as its widest cell.

    >>> print(table(["name", "shape"], [["w", "[2,3]"]]))
    name  shape
    w     [2,3]
    """
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in [head, *rows])
