"""The parser of the command line: mistakes are reported in one line, which names the nearest right word."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from graphopt.cli.command import CommandError

_NUMBER = re.compile(r"-\d*\.?\d+")


class Parser(argparse.ArgumentParser):
    """A parser that reports a mistake in one line, and looks at the options before it asks for what is missing.

    Attributes:
      unknown_hint: what to say of an option that it doesn't know and that is like none of its own.
    """

    def __init__(self, *given: Any, **named: Any) -> None:
        self.unknown_hint = ""
        self._own_options: dict[str, argparse.Action] = {}
        self._given_by_place: list[argparse.Action] = []
        self._words: dict[str, Parser] = {}
        super().__init__(*given, **named)

    def add_argument(self, *names: Any, **named: Any) -> argparse.Action:
        """Declare an argument, as argparse does."""
        action = super().add_argument(*names, **named)
        self._own_options.update(dict.fromkeys(action.option_strings, action))
        if not action.option_strings:
            self._given_by_place.append(action)
        return action

    def add_words(self, title: str, metavar: str) -> Any:
        """Return what to add the parsers of commands to; one of them must be given."""
        added = self.add_subparsers(title=title, metavar=metavar, required=True)
        self._words = added.choices
        return added

    def error(self, message: str) -> NoReturn:
        """Raise the mistake; `main` prints it."""
        raise CommandError(f"{message} ({self.prog} --help tells more)")

    def check_words(self, given: Sequence[str]) -> None:
        """Check that options and commands exist, before argparse looks for those that are missing.

        Raises:
          CommandError: for the first that does not, with the nearest.
        """
        rest = iter(given)
        for word in rest:
            if word == "--" or (not word.startswith("-") and self._is_rest()):
                return
            if word.startswith("-") and word != "-" and not _NUMBER.fullmatch(word):
                if self._check_option(word, rest):
                    return
            elif self._words:
                self._check_command(word)
                self._words[word].check_words(list(rest))
                return

    def _is_rest(self) -> bool:
        """Tell whether all that follows the first word belongs to somebody else."""
        return any(action.nargs == argparse.REMAINDER for action in self._given_by_place)

    def _check_option(self, word: str, rest: Iterator[str]) -> bool:
        """Check one option and pass over its value; return True when nothing after it matters."""
        name, equals, _ = word.partition("=")
        if not name.startswith("--"):
            name, equals = name[:2], name[2:]
        action = self._own_options.get(name)
        if action is None:
            raise CommandError(self._unknown(word.partition("=")[0], list(self._own_options), "option"))
        if not equals and action.nargs is None:
            next(rest, None)
        return action.nargs == 0 and name in ("-h", "--help")

    def _check_command(self, word: str) -> None:
        if word not in self._words:
            raise CommandError(self._unknown(word, list(self._words), "command"))

    def _unknown(self, word: str, known: list[str], what: str) -> str:
        near = difflib.get_close_matches(word, known, 1)
        if near:
            hint = f"did you mean '{near[0]}'?"
        elif what == "command":
            hint = f"there are: {', '.join(known)}."
        else:
            hint = self.unknown_hint
        return f"unknown {what} '{word}'{': ' * bool(hint)}{hint} ({self.prog} --help tells more)"
