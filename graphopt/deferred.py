"""Names that a module loads when they are first asked for (PEP 562), so that `import graphopt` stays quick."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any


def at_first_use(module: str, sources: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return the `__getattr__` and the `__dir__` of a module some of whose names are loaded later.

    Type checkers don't follow this: the module imports the same names under ``if TYPE_CHECKING``, and hides the two from them.

    Args:
      module: the name of the module: its ``__name__``.
      sources: where each name comes from: ``"package.module:name"``, or ``"package.module"`` for a module itself.

    Example:
      >>> from graphopt.deferred import at_first_use
      >>> load, names = at_first_use("graphopt.deferred", {"Fraction": "fractions:Fraction"})
      >>> "Fraction" in names()
      True
      >>> load("Fraction")(3, 6)
      Fraction(1, 2)
    """

    def load(name: str) -> Any:
        if name not in sources:
            raise AttributeError(f"module {module!r} has no attribute {name!r}", name=name, obj=sys.modules[module])
        value = _loaded(sources[name])
        # From now on it is found without this function.
        setattr(sys.modules[module], name, value)
        return value

    def names() -> list[str]:
        return sorted({*vars(sys.modules[module]), *sources})

    return load, names


def called_at_first_use(source: str) -> Callable[..., Any]:
    """Return a function that loads another one when it is called, and calls it.

    Args:
      source: ``"package.module:name"``.

    Example:
      >>> from graphopt.deferred import called_at_first_use
      >>> called_at_first_use("math:gcd")(12, 18)
      6
    """

    def call(*arguments: Any, **more: Any) -> Any:
        return _loaded(source)(*arguments, **more)

    return call


def _loaded(source: str) -> Any:
    where, _, attribute = source.partition(":")
    module = importlib.import_module(where)
    return getattr(module, attribute) if attribute else module
