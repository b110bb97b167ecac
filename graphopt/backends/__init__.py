"""Backends: each turns a program into something that runs. The table below is the one place that names them."""

from __future__ import annotations

import functools
import importlib
import importlib.util
from typing import Any

from graphopt.errors import ArgumentError
from graphopt.ir.node import CONST, INPUT
from graphopt.ir.program import Program

# The module of each backend, and its class. They are imported when they are first asked for: what they need may be no part of the core.
BACKENDS: dict[str, tuple[str, str]] = {
    "numpy": ("graphopt.backends.numpy_plan", "NumpyExecutable"),
    "native": ("graphopt.backends.native.executable", "NativeExecutable"),
}
# What has to be installed for a backend besides the core.
_NEEDS = {"numpy": (), "native": ("llvmlite", "scipy")}
AUTO = "auto"


def choose(name: str) -> str:
    """Return the name of the backend to use.

    Args:
      name: a backend's name, or ``auto`` for the native one where its extra is installed, else numpy.

    Raises:
      ArgumentError: when there is no backend of that name, or what it needs isn't installed.

    >>> choose("numpy")
    'numpy'
    """
    if name == AUTO:
        return "numpy" if _missing("native") else "native"
    if name not in BACKENDS:
        known = ", ".join([AUTO, *BACKENDS])
        raise ArgumentError(f"There is no backend {name!r}; there are: {known} (GRAPHOPT_BACKEND chooses).")
    missing = _missing(name)
    if missing:
        raise ArgumentError(f"The backend {name!r} needs {' and '.join(missing)}: pip install 'graphopt[{name}]'.")
    return name


@functools.cache
def backend(name: str) -> Any:
    """Return the class that makes programs run on the named backend; see `choose`.

    >>> backend("numpy").__name__
    'NumpyExecutable'
    """
    module, attribute = BACKENDS[choose(name)]
    return getattr(importlib.import_module(module), attribute)


def backend_for(name: str, program: Program) -> Any:
    """Return the class that makes a program run in a session of the named backend.

    That is another than the session's where compiling can't pay: what reads neither feeds nor variables (an initialiser) is run once, and
    what computes nothing needs no code. The choice depends on the program alone, so that the same run always gives the same bits.
    """
    reads = any([node.attributes["kind"] in ("feed", "variable") for node in program.inputs()])
    computes = any([node.op is not INPUT and node.op is not CONST and not node.op.host_only for node in program.nodes()])
    return backend(name if reads and computes else "numpy")


@functools.cache
def _missing(name: str) -> list[str]:
    return [package for package in _NEEDS[name] if importlib.util.find_spec(package) is None]
