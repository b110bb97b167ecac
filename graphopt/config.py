"""The settings of a process and of a block of code, in one context variable.

`GRAPHOPT_PRINT` names the compiler stages to print (``after:simplify``), `GRAPHOPT_VERIFY=1` checks every program between
passes, `GRAPHOPT_OPTIMIZE` is the optimisation level, `GRAPHOPT_HOT_AFTER` the number of runs after which a signature becomes
generated source, `GRAPHOPT_BACKEND` the backend (``auto``: native where its extra is installed), `GRAPHOPT_THREADS` how many threads
native code uses (0 for all processors), and `GRAPHOPT_CACHE_DIR` the folder in which compiled code is kept (empty for none).
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

from graphopt.errors import ArgumentError


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """What the compiler and the sessions look up.

    Attributes:
      optimize: optimisation level, 0 to 3 (see `compiler/pipeline.py`).
      verify: check every program between passes.
      print_stages: names of stages whose result is printed, such as ``after:simplify``.
      hot_after: runs of a signature after which it becomes generated source.
      backend: name of the backend, or ``auto``.
      threads: threads that native code uses; 0 for one on each processor.
      cache_dir: the folder in which compiled code is kept; empty for none.
    """

    optimize: int = 2
    verify: bool = False
    print_stages: tuple[str, ...] = ()
    hot_after: int = 2
    backend: str = "auto"
    threads: int = 0
    cache_dir: str = ""


def _number(name: str, default: int, most: int | None = None) -> int:
    """Return a whole number from the environment.

    Raises:
      ArgumentError: when it is no number, or outside of 0 to `most`.
    """
    text = os.environ.get(name, str(default))
    if not text.isdigit() or (most is not None and int(text) > most):
        limit = "a whole number" if most is None else f"a whole number from 0 to {most}"
        raise ArgumentError(f"The environment variable {name} must be {limit}, got {text!r}.")
    return int(text)


def _from_environment() -> Settings:
    stages = tuple(part.strip() for part in os.environ.get("GRAPHOPT_PRINT", "").split(",") if part.strip())
    return Settings(
        optimize=_number("GRAPHOPT_OPTIMIZE", 2, 3),
        verify=os.environ.get("GRAPHOPT_VERIFY", "") not in ("", "0"),
        print_stages=stages,
        hot_after=_number("GRAPHOPT_HOT_AFTER", 2),
        backend=os.environ.get("GRAPHOPT_BACKEND", "auto"),
        threads=_number("GRAPHOPT_THREADS", 0),
        cache_dir=os.environ.get("GRAPHOPT_CACHE_DIR", _default_cache_dir()),
    )


def _default_cache_dir() -> str:
    """Return the folder for compiled code: in the user's folder for caches."""
    base = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(base, "graphopt")


_SETTINGS: ContextVar[Settings] = ContextVar("graphopt_settings", default=_from_environment())  # noqa: B039 (Settings is immutable)


def settings() -> Settings:
    """Return the settings in force here."""
    return _SETTINGS.get()


@contextlib.contextmanager
def override(**changes: Any) -> Iterator[Settings]:
    """Change settings inside a ``with`` block.

    >>> with override(optimize=0) as changed:
    ...     settings().optimize
    0
    """
    token = _SETTINGS.set(dataclasses.replace(_SETTINGS.get(), **changes))
    try:
        yield _SETTINGS.get()
    finally:
        _SETTINGS.reset(token)
