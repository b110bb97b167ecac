"""The list of all optimizers, from which the contract tests are generated: whoever defines one enters it here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple, TypeVar

from graphopt.train.unknown_arguments import naming_nearest

Sparse = Literal["as dense", "only rows", "refused"]
Class = TypeVar("Class", bound=type)


class OptimizerEntry(NamedTuple):
    """One optimizer.

    Attributes:
      name: its public name, such as ``train.AdamOptimizer``. make: the class.
      example: arguments that make one which trains: the contract tests use them.
      sparse: what sparse rows do: the same "as dense" gradients; change "only rows" that they name, and these as a dense gradient would
        if the rows had been there in every step; or they are "refused".
    """

    name: str
    make: Callable[..., Any]
    example: Mapping[str, Any]
    sparse: Sparse


OPTIMIZERS: dict[str, OptimizerEntry] = {}


def registered(name: str, *, sparse: Sparse, **example: Any) -> Callable[[Class], Class]:
    """Return a class decorator that enters an optimizer in the list.

    Args:
      name: its public name. sparse: what sparse rows do. example: arguments that make one which trains.
    """

    def enter(made: Class) -> Class:
        OPTIMIZERS[name] = OptimizerEntry(name, made, example, sparse)
        if isinstance(made, type):
            made.__init__ = naming_nearest(made.__init__, made.__name__)  # type: ignore[misc]
        return made

    return enter
