"""What the commands share: what a command is, exit codes, errors of one line, JSON, and progress."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from tqdm import tqdm

from graphopt.inspection.strict_json import strict_json

# The last two are what a shell says of programs that ended by the signals INT and PIPE.
FINE, FOUND, WRONG_USAGE, INTERRUPTED, UNREAD = 0, 1, 2, 130, 141

# What takes less long than so many seconds shows no bar; how many there are between two drawings of one.
BAR_AFTER, BAR_EVERY = 1.0, 0.1


class Command(NamedTuple):
    """A command of the command line.

    Attributes:
      name: the word after `graphopt`. help: one line. description: what it does; then examples.
      add_arguments: declares its arguments. run: does it and returns the exit code.
      splits_at_dashes: whether what stands after ``--`` is left as it is, in `arguments`: the script's own command line.
      unknown_hint: what to say of an option that is like none of the command's.
    """

    name: str
    help: str
    description: str
    add_arguments: Callable[[Any], None]
    run: Callable[[argparse.Namespace], int]
    splits_at_dashes: bool = False
    unknown_hint: str = ""


class CommandError(Exception):
    """What the user asked for can't be done: one line, and the exit code."""

    exit_code = WRONG_USAGE


@contextlib.contextmanager
def warnings_in_lines() -> Iterator[None]:
    """Show warnings inside a ``with`` block as what the command says: there is no line of the user's that they could name."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield
        finally:
            for warning in caught:
                print(f"graphopt: {str(warning.message).splitlines()[0]}", file=sys.stderr)


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
    if Path(path).is_file():
        raise CommandError(f"{path} is a file, a folder is needed.")
    if not Path(path).is_dir():
        raise CommandError(f"there is no folder {path}.")
    return Path(path)


def check_writable(path: str) -> None:
    """Check that a file can be made, before long work is done for it.

    Raises:
      CommandError: when it is a folder, or its folder is missing or not ours to write in.
    """
    folder = Path(path).parent
    if Path(path).is_dir():
        raise CommandError(f"{path} can't be written: it is a folder.")
    if not folder.is_dir():
        raise CommandError(f"{path} can't be written: there is no folder {folder}.")
    if not os.access(path if Path(path).exists() else folder, os.W_OK):
        raise CommandError(f"{path} can't be written: Permission denied.")


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
    """Print a value as JSON; numbers that JSON has not are strings: "nan", "inf", "-inf"."""
    print(strict_json(value))


class Bar(tqdm):
    """A bar that knows whether it is shown, and can be told how far something is."""

    def tell(self, done: int, total: int) -> None:
        """Show how much is done of how much."""
        self.total = total
        self.update(done - self.n)

    @property
    def is_shown(self) -> bool:
        """Whether it has been drawn, and not closed."""
        return not self.disable and self.last_print_t > self.start_t


def progress(total: int | None, unit: str, what: str, **more: Any) -> Any:
    """Return a bar with rate and remaining time on standard error: shown after a second, and only in a terminal.

    Args:
      total: how many units there are, None when nobody knows. unit, what: for people. more: as `tqdm` takes it.
    """
    times = {"delay": BAR_AFTER, "mininterval": BAR_EVERY}
    return Bar(total=total, unit=unit, desc=what, disable=None, leave=False, file=sys.stderr, **times, **more)


def each_with_progress(items: Iterable[Any], unit: str, what: str) -> Iterator[Any]:
    """Yield items while a bar counts them."""
    known = list(items)
    with progress(len(known), unit, what) as bar:
        for item in known:
            yield item
            bar.update()


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
