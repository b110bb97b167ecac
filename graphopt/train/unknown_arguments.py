"""Unknown keyword arguments: the error names the nearest one that there is."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from graphopt.errors import ArgumentTypeError

Function = TypeVar("Function", bound=Callable[..., Any])


def naming_nearest(function: Function, name: str | None = None, known: Iterable[str] | None = None) -> Function:
    """Return a function that raises a TypeError with the nearest name for a keyword argument that it has not.

    Args:
      function: the function, or a class's ``__init__``. name: what the error calls it (its own name by default).
      known: the names that it takes, for one that passes arguments on (its own by default; then one with ``**`` stays as it is).

    >>> naming_nearest(lambda rate: rate)(rate=3)
    3
    """
    found = keywords_of(function) if known is None else list(known)
    if found is None:
        return function

    @functools.wraps(function)
    def checked(*args: Any, **kwargs: Any) -> Any:
        for given in kwargs:
            if given not in found:
                near = difflib.get_close_matches(given, found, n=1)
                hint = f" Did you mean {near[0]!r}?" if near else f" There are {', '.join(found)}."
                raise ArgumentTypeError(f"{name or function.__name__}() got an unexpected keyword argument {given!r}.{hint}")
        return function(*args, **kwargs)

    return checked  # type: ignore[return-value]


def keywords_of(function: Callable[..., Any]) -> list[str] | None:
    """Return the names of the arguments that may be given by keyword; None when any may.

    >>> keywords_of(lambda rate, *more, name=None: rate)
    ['rate', 'name']
    """
    parameters = inspect.signature(function).parameters
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return None
    return [key for key, p in parameters.items() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and key != "self"]
