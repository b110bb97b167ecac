"""Packages of extras: loaded here when they are used, and nowhere else."""

from __future__ import annotations

import importlib
from typing import Any

from graphopt.errors import MissingPackageError


def load(package: str, use: str, extra: str) -> Any:
    """Return a package of an extra.

    Args:
      package: its name. use: what needs it, for the error. extra: the extra that brings it.

    Raises:
      ImportError: when it is not installed.
    """
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingPackageError(f"{use} needs the package '{package}': pip install 'graphopt[{extra}]' ({error}).") from None
