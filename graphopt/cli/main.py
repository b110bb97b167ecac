"""`graphopt COMMAND ...`: reads the command line and runs the command."""

from __future__ import annotations

import argparse
import codecs
import contextlib
import os
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import Any

from graphopt.cli.bench import BENCH
from graphopt.cli.checkpoint import CHECKPOINT
from graphopt.cli.command import FINE, INTERRUPTED, UNREAD, WRONG_USAGE, Command, CommandError
from graphopt.cli.doctor import DOCTOR
from graphopt.cli.explain import EXPLAIN
from graphopt.cli.parser import Parser
from graphopt.cli.report import REPORT
from graphopt.cli.run import RUN

COMMANDS: tuple[Command, ...] = (RUN, EXPLAIN, DOCTOR, REPORT, CHECKPOINT, BENCH)

_EPILOG = """examples:
  graphopt run train.py --steps 100           run a TensorFlow 1 script, unchanged
  graphopt explain train.py                   say what its training op does
  graphopt bench --network 784-256-128-10     time a training op of this machine

exit codes: 0 fine; 1 findings (no mere notes) or differences, or a script that raises; 2 wrong usage; 130 interrupted (Ctrl-C);
141 when nobody reads the output any more (| head). `run` gives the script's own.
`graphopt COMMAND --help` tells more."""

_SIGNALS = " 130 when it is interrupted (Ctrl-C),\n141 when nobody reads the output any more (| head)."


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
      arguments: what stands after `graphopt`; by default those of this process.

    Returns:
      The exit code: 0 when all is fine, 1 for findings or differences, 2 for wrong usage, 130 when it was interrupted, 141 when nobody
      reads the output any more; `run` gives the script's.

    Example:
      >>> from graphopt.cli import main
      >>> main(["--version"])
      graphopt 0.1.0
      0
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        with _plain_signs(given):
            code = _run(given)
            _flush()
        return code
    except CommandError as error:
        _say(str(error))
        return error.exit_code
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _let_go()
        return UNREAD


# What stands for the bars of a curve and other signs where the output has ASCII alone, or another small set of characters.
_PLAIN = str.maketrans(dict(zip("▁▂▃▄▅▆▇█", "_.-~=+*#", strict=True)) | {"µ": "u", "→": "->", "·": "-", "…": "..."})


def _plain(error: UnicodeError) -> tuple[str | bytes, int]:
    """Stand in for characters that the output has not: the error handler of the streams."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end].translate(_PLAIN)
    return text.encode("ascii", "backslashreplace").decode("ascii"), error.end


@contextlib.contextmanager
def _plain_signs(given: Sequence[str]) -> Iterator[None]:
    """Have signs that the output lacks printed as others; what a script prints under `run` is printed as Python does it."""
    stream: Any = sys.stdout
    errors = getattr(stream, "errors", None)
    if given[:1] == [RUN.name] or errors not in ("strict", "surrogateescape") or not hasattr(stream, "reconfigure"):
        yield
        return
    codecs.register_error("graphopt.plain", _plain)
    stream.reconfigure(errors="graphopt.plain")
    try:
        yield
    finally:
        with contextlib.suppress(OSError, ValueError):  # nobody reads it any more, or it is closed
            stream.reconfigure(errors=errors)


def _say(message: str) -> None:
    with contextlib.suppress(BrokenPipeError):
        print(f"graphopt: {message}", file=sys.stderr)


def _flush() -> None:
    """Write what was printed, so that it can still fail here.

    Raises:
      CommandError: when it can't be written. BrokenPipeError: when nobody reads it.
    """
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _let_go()
        raise CommandError(f"the output can't be written: {error.strerror}.") from None


def _let_go() -> None:
    """Leave what could not be printed unprinted: Python would try once more at its end, and say that it failed."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            try:
                stream.flush()
            except OSError:
                os.dup2(nowhere, stream.fileno())
            finally:
                os.close(nowhere)


def _run(given: list[str]) -> int:
    parser = _parser()
    if not given:
        parser.print_help()
        return WRONG_USAGE
    if given[0] in ("--version", "version"):
        print(f"graphopt {_version()}")
        return FINE
    given, rest = _split(given)
    parser.check_words(given)
    try:
        read = parser.parse_args(given, argparse.Namespace(arguments=rest))
    except SystemExit as stop:  # after --help
        return int(stop.code or FINE)
    code: int = read.command.run(read)
    return code


def _split(given: list[str]) -> tuple[list[str], list[str]]:
    """Return a command line without what stands after ``--``, and that, for the commands that hand it to a script."""
    splits = [command.name for command in COMMANDS if command.splits_at_dashes]
    if given[0] not in splits or "--" not in given:
        return given, []
    at = given.index("--")
    return given[:at], given[at + 1 :]


def _parser() -> Parser:
    parser = Parser(
        prog="graphopt",
        description="Run, explain and measure training scripts written for TensorFlow 1.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    commands = parser.add_words("commands", "COMMAND")
    for command in COMMANDS:
        own = commands.add_parser(
            command.name,
            help=command.help,
            description=command.description + _SIGNALS,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        own.set_defaults(command=command)
        own.unknown_hint = command.unknown_hint
        command.add_arguments(own)
    return parser


def _version() -> str:
    try:
        return metadata.version("graphopt")
    except metadata.PackageNotFoundError:
        return "(not installed)"
