"""Why a variable has no gradient, in words: what to tell a user whose training op would change nothing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from graphopt.autodiff.unconnected import why_no_gradient
from graphopt.errors import ArgumentError, lines
from graphopt.graph.operation import Tensor


def check_any_gradient(loss: Tensor, computed: Iterable[tuple[Any, Any]], pairs: Iterable[tuple[Any, Any]]) -> None:
    """Raise unless a variable has a gradient.

    Args:
      loss: what was differentiated. computed: pairs (gradient, variable) as they were computed. pairs: what the stages made of them.

    Raises:
      ValueError: when all gradients are None; it says for each variable why.
    """
    found, final = list(computed), list(pairs)
    if any(gradient is not None for gradient, _ in final) or not final:
        return
    names = [str(v) for _, v in final]
    if any(gradient is not None for gradient, _ in found):
        raise ArgumentError(f"No gradients provided for any variable: {names}. The stages have removed all of them.")
    raise ArgumentError(lines(f"No gradients provided for any variable: {names}.", *reasons_for(loss, [v for _, v in final])))


def reasons_for(loss: Tensor, variables: Iterable[Any]) -> list[str]:
    """Return for each variable a line that says why the loss gives it no gradient."""
    return [f"{v.name}: {why_no_gradient(loss, v)}" for v in variables]
