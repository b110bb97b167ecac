"""Backends: each turns a program into something that runs. The table below is the one place that names them."""

from graphopt.backends.numpy_plan import NumpyExecutable
from graphopt.errors import ArgumentError

BACKENDS: dict[str, type[NumpyExecutable]] = {NumpyExecutable.name: NumpyExecutable}


def backend(name: str) -> type[NumpyExecutable]:
    """Return the class that makes programs run on the named backend.

    Raises:
      ArgumentError: when there is no backend of that name.

    >>> backend("numpy").__name__
    'NumpyExecutable'
    """
    if name not in BACKENDS:
        raise ArgumentError(f"There is no backend {name!r}; there are: {', '.join(BACKENDS)} (GRAPHOPT_BACKEND chooses).")
    return BACKENDS[name]
