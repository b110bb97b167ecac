"""Parts of graphopt that a command uses where they are there."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from graphopt.cli.command import CommandError


def found(module: str, name: str) -> Any:
    """Return a public name of a module of graphopt, or None when there is none."""
    try:
        return getattr(importlib.import_module(module), name, None)
    except ModuleNotFoundError as error:
        if error.name is None or not module.startswith(error.name):
            raise
        return None


def needed(module: str, name: str, what: str) -> Callable[..., Any]:
    """Return a public function of a module of graphopt.

    Raises:
      CommandError: when this version has it not.
    """
    function: Callable[..., Any] | None = found(module, name)
    if function is None:
        raise CommandError(f"this version of graphopt has no {what}.")
    return function
