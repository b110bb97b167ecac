"""`graphopt COMMAND ...`: reads the command line and runs the command."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import NoReturn

from graphopt.cli.bench import BENCH
from graphopt.cli.checkpoint import CHECKPOINT
from graphopt.cli.command import FINE, INTERRUPTED, WRONG_USAGE, Command, CommandError
from graphopt.cli.doctor import DOCTOR
from graphopt.cli.explain import EXPLAIN
from graphopt.cli.report import REPORT
from graphopt.cli.run import RUN

COMMANDS: tuple[Command, ...] = (RUN, EXPLAIN, DOCTOR, REPORT, CHECKPOINT, BENCH)

_EPILOG = """examples:
  graphopt run train.py --steps 100           run a TensorFlow 1 script, unchanged
  graphopt explain train.py                   say what its training op does
  graphopt bench --network 784-256-128-10     time a training op of this machine

exit codes: 0 fine; 1 findings or differences; 2 wrong usage; `run` gives the script's own
`graphopt COMMAND --help` tells more."""


class Parser(argparse.ArgumentParser):
    """A parser that reports a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        """Raise the mistake; `main` prints it."""
        raise CommandError(f"{message} ({self.prog} --help tells more)")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
      arguments: what stands after `graphopt`; by default those of this process.

    Returns:
      The exit code: 0 when all is fine, 1 for findings or differences, 2 for wrong usage; `run` gives the script's.

    Example:
      >>> from graphopt.cli import main
      >>> main(["--version"])
      graphopt 0.1.0
      0
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        return _run(given)
    except CommandError as error:
        print(f"graphopt: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("graphopt: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read the output has gone; a second error at exit would say nothing new.
        sys.stdout = None
        return FINE


def _run(given: list[str]) -> int:
    parser = _parser()
    if not given:
        parser.print_help()
        return WRONG_USAGE
    if given[0] in ("--version", "version"):
        print(f"graphopt {_version()}")
        return FINE
    names = [command.name for command in COMMANDS]
    if given[0] not in names and not given[0].startswith("-"):
        near = difflib.get_close_matches(given[0], names, 1)
        hint = f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(names)}."
        raise CommandError(f"unknown command '{given[0]}': {hint}")
    given, rest = _split(given)
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
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for command in COMMANDS:
        own = commands.add_parser(
            command.name,
            help=command.help,
            description=command.description,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        own.set_defaults(command=command)
        command.add_arguments(own)
    return parser


def _version() -> str:
    try:
        return metadata.version("graphopt")
    except metadata.PackageNotFoundError:
        return "(not installed)"
