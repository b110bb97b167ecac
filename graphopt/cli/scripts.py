"""Runs a TensorFlow 1 script with graphopt in TensorFlow's place."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import select
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from graphopt.backends import AUTO, BACKENDS, choose
from graphopt.cli.command import FINE, FOUND, INTERRUPTED, CommandError, existing_file
from graphopt.config import override
from graphopt.errors import ArgumentError, GraphStateError, first_line
from graphopt.tf1.stand_in import standing_in

_PACKAGE = str(Path(__file__).resolve().parents[1])
# Frames that are not the script's: graphopt's own, and Python's machinery around it.
_HIDDEN = (_PACKAGE, "<frozen importlib", "<frozen runpy")


def add_run_options(parser: argparse.ArgumentParser) -> None:
    """Declare the options of every command that runs a script."""
    parser.add_argument("--backend", choices=[AUTO, *BACKENDS], help="what runs the graph (default: GRAPHOPT_BACKEND, or auto)")
    parser.add_argument("--threads", type=_count, metavar="N", help="threads that native code uses; 0 for one on each processor")
    parser.add_argument("--full-traceback", action="store_true", help="show graphopt's own lines in tracebacks too")


def _count(text: str) -> int:
    if not text.isdigit():
        raise argparse.ArgumentTypeError(f"a whole number is needed, not {text!r}")
    return int(text)


@contextlib.contextmanager
def run_settings(arguments: argparse.Namespace) -> Iterator[None]:
    """Apply the options that `add_run_options` declares inside a ``with`` block.

    Raises:
      CommandError: when the backend isn't installed.
    """
    given = {"backend": arguments.backend, "threads": arguments.threads}
    chosen = {name: value for name, value in given.items() if value is not None}
    try:
        choose(arguments.backend or AUTO)
    except ArgumentError as error:
        raise CommandError(first_line(error)) from None
    before = {f"GRAPHOPT_{name.upper()}": str(value) for name, value in chosen.items()}
    with override(**chosen), _environment(before):
        yield


@contextlib.contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    """Set environment variables inside a ``with`` block, for the processes that a script starts."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def run_script(script: str, arguments: list[str], *, full_traceback: bool = False) -> int:
    """Run a script as Python would, with graphopt in TensorFlow's place.

    Args:
      script: its path. arguments: its command line. full_traceback: show graphopt's lines when it fails.

    Returns:
      Its exit code; 1 when it raised (its traceback is on standard error), 130 when it was interrupted.

    Raises:
      CommandError: when there is no such file, or TensorFlow itself is imported already.
      BrokenPipeError: when nobody reads what it prints.
    """
    path = existing_file(script)
    source = _source(path)
    # As Python does: the script may change the folder, and `__file__` and tracebacks hold.
    whole = os.path.abspath(path)
    try:
        with _as_main(script, whole, arguments) as module, standing_in():
            exec(compile(source, whole, "exec", dont_inherit=True), module.__dict__)
    except GraphStateError as error:
        if "install_as_tensorflow" not in str(error):
            return _failed(error, full_traceback)
        raise CommandError(first_line(error)) from None
    except SystemExit as stop:
        return _exit_code(stop)
    except KeyboardInterrupt as interrupt:
        return _interrupted(interrupt, whole, full_traceback)
    except Exception as error:
        if isinstance(error, BrokenPipeError) and is_unread():
            raise
        return _failed(error, full_traceback)
    return FINE


def is_unread() -> bool:
    """Return whether nobody reads standard output or standard error any more: a pipe whose other end is closed."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
            poll = select.poll()
            poll.register(stream.fileno(), select.POLLOUT)
            if any(event & select.POLLERR for _, event in poll.poll(0)):
                return True
        except BrokenPipeError:
            return True
        except (AttributeError, OSError, ValueError):  # no such stream, or not one of the system's; no `poll` here
            continue
    return False


def _source(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise CommandError(f"{path} can't be read: {error.strerror}.") from None


@contextlib.contextmanager
def _as_main(script: str, path: str, arguments: list[str]) -> Iterator[ModuleType]:
    """Make a module `__main__` for the script, with its folder first on the path of imports and its command line in `sys.argv`."""
    module = ModuleType("__main__")
    module.__file__ = path
    module.__dict__["__builtins__"] = __builtins__
    before = sys.modules.get("__main__"), sys.argv, list(sys.path)
    sys.modules["__main__"] = module
    sys.argv = [script, *arguments]
    sys.path.insert(0, os.path.dirname(os.path.realpath(path)))
    try:
        yield module
    finally:
        sys.argv, sys.path[:] = before[1], before[2]
        if before[0] is not None:
            sys.modules["__main__"] = before[0]


def _exit_code(stop: SystemExit) -> int:
    if stop.code is None:
        return FINE
    if isinstance(stop.code, int):
        return stop.code
    print(stop.code, file=sys.stderr)
    return FOUND


def _failed(error: BaseException, full_traceback: bool) -> int:
    """Print a traceback, of the script's lines only unless all are wanted."""
    sys.stdout.flush()
    report = traceback.TracebackException.from_exception(error)
    if not full_traceback:
        _hide_frames(report)
    for line in report.format():
        sys.stderr.write(line)
    return FOUND


def _interrupted(interrupt: KeyboardInterrupt, script: str, full_traceback: bool) -> int:
    """Say in one line where the script was when it was interrupted; with its traceback when all lines are wanted."""
    if full_traceback:
        _failed(interrupt, full_traceback)
        return INTERRUPTED
    sys.stdout.flush()
    frames = [frame for frame in traceback.extract_tb(interrupt.__traceback__) if frame.filename == script]
    at = f" at {script}:{frames[-1].lineno}" if frames else ""
    print(f"graphopt: interrupted{at}", file=sys.stderr)
    return INTERRUPTED


def _hide_frames(report: traceback.TracebackException | None) -> None:
    while report is not None:
        shown = [frame for frame in report.stack if not frame.filename.startswith(_HIDDEN)]
        report.stack = traceback.StackSummary.from_list(shown)
        _hide_frames(report.__context__)
        report = report.__cause__


@contextlib.contextmanager
def output_to_stderr(bar: Any = None) -> Iterator[Any]:
    """Send what a script prints to standard error, so that standard output holds the answer alone.

    Args:
      bar: a bar that is shown there; what is printed then comes above it.
    """
    sys.stdout.flush()
    stream: Any = sys.stderr or io.StringIO()
    above = stream if bar is None or bar.disable else AboveBar(stream, bar)
    with contextlib.redirect_stdout(above) as target:
        try:
            yield target
        finally:
            target.flush()


class AboveBar(io.TextIOBase):
    """Writes whole lines to a terminal above a bar; before the bar is shown, and after, as they come."""

    def __init__(self, stream: Any, bar: Any) -> None:
        super().__init__()
        self._stream = stream
        self._bar = bar
        self._begun = ""

    def write(self, text: str) -> int:
        """Write text; the last line when it is whole, or when `flush` asks for it and there is no bar."""
        whole, newline, rest = (self._begun + text).rpartition("\n")
        self._begun = rest
        if newline:
            if self._bar.is_shown:
                self._bar.clear()
            self._stream.write(whole + newline)
            if self._bar.is_shown:
                self._bar.refresh()
        return len(text)

    def flush(self) -> None:
        """Write what there is."""
        if self._begun and not self._bar.is_shown:
            self._stream.write(self._begun)
            self._begun = ""
        self._stream.flush()

    def isatty(self) -> bool:
        """Return True: there is a bar in terminals only."""
        return True
