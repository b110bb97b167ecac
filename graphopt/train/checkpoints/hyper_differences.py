"""Hyper-parameters that the code gives another value than the checkpoint: a learning rate that was edited between two runs.

What the code said is saved beside what held, so that a rate lowered while training (which the checkpoint keeps) can be told from one
that was edited (which is reported).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphopt.errors import ArgumentError, lines
from graphopt.graph.graph import Graph
from graphopt.graph.operation import Tensor
from graphopt.graph.settings import default_settings
from graphopt.graph.variables import Variable, variable_of
from graphopt.ir.node import CONST
from graphopt.train.checkpoints.damage import warn
from graphopt.train.checkpoints.formulas import FormulaDifference, formulas
from graphopt.train.hyper import HyperParameter

# They are constants of the graph, which no session can set.
_CONSTANTS_HOLD = "Of a schedule or a constant the code's holds, whatever on_difference says"
CHOICES = ("checkpoint", "code", "raise")


@dataclass(frozen=True)
class Difference:
    """One hyper-parameter whose values differ.

    Attributes:
      name: the name of its variable or setting. code: what the code gives it. saved: what the checkpoint has.
    """

    name: str
    code: float
    saved: float

    def __str__(self) -> str:
        return f"{self.name} is {self.code:g} in the code and {self.saved:g} in the checkpoint"


def code_values(graph: Graph) -> dict[str, float]:
    """Return what the code gives the hyper-parameters of a graph: settings, and variables that its training ops name."""
    values = {name: float(value) for name, value in default_settings(graph).items()}
    for variable in hyper_variables(graph):
        constant = _constant(variable.initial_value)
        if constant is not None:
            values[variable.op.name] = constant
    return values


def hyper_variables(graph: Graph) -> list[Variable]:
    """Return the variables that are hyper-parameters of the graph's training ops, or that these are computed from."""
    known: Mapping[Tensor, Variable] = graph.root.state.get("variables", {})
    reads = [tensor for formula in formulas(graph).values() for tensor in formula.reads]
    found = dict.fromkeys(variable for tensor in reads for variable in _variables(known.get(tensor)))
    for info in graph.root.state.get("training_ops", {}).values():
        for given in (info.given_learning_rate, info.learning_rate, *info.hyper_parameters.values()):
            found.update(dict.fromkeys(_variables(given)))
    return list(found)


def _variables(given: Any) -> Iterator[Variable]:
    value = given.given if isinstance(given, HyperParameter) else given
    variable = variable_of(value) if isinstance(value, Tensor) else value
    if isinstance(variable, Variable) and variable.dtype.is_floating and variable.shape.ndims == 0:
        yield variable


def _constant(tensor: Any) -> float | None:
    operation = tensor.op
    return float(operation.attributes["value"].array.item()) if operation.opdef is CONST else None


def differences(saved: Mapping[str, float], code_then: Mapping[str, float], code_now: Mapping[str, float]) -> list[Difference]:
    """Return the hyper-parameters that the code now gives another value than the checkpoint has.

    Args:
      saved: the checkpoint's values. code_then: what the code gave when it was saved (it may lack some). code_now: what it gives now.
    """
    return [
        Difference(name, now, saved[name])
        for name, now in code_now.items()
        if name in saved and now != saved[name] and code_then.get(name) != now
    ]


def report(found: Sequence[Difference], constants: Sequence[FormulaDifference], path: str, choice: str) -> None:
    """Warn of differences, or raise.

    Args:
      found: those of numbers that the checkpoint holds. constants: those of schedules and constants, which no checkpoint sets.
      path: the checkpoint. choice: "checkpoint", "code" or "raise".

    Raises:
      ValueError: where there are any and the choice is "raise".
    """
    numbers, edited = ("; ".join([str(difference) for difference in listed]) for listed in (found, constants))
    if choice == "raise" and (numbers or edited):
        hint = 'on_difference="checkpoint" or on_difference="code" says which holds.' if numbers else None
        what = "; ".join(filter(None, [numbers, edited]))
        raise ArgumentError(
            lines(f"Hyper-parameters of the code differ from those of {path}: {what}.", hint, f"{_CONSTANTS_HOLD}." if edited else None)
        )
    if numbers:
        other = "code" if choice == "checkpoint" else "checkpoint"
        held = "checkpoint's" if choice == "checkpoint" else "code's"
        warn(f'Restored from {path}: {numbers}. The {held} holds; on_difference="{other}" chooses the other.')
    if edited:
        warn(f"Restored from {path}: {edited}. {_CONSTANTS_HOLD}; to go on as before, write what the checkpoint has into the code.")


def check_choice(choice: str) -> str:
    """Return a choice; a ValueError when there is no such choice."""
    if choice not in CHOICES:
        raise ArgumentError(f"on_difference must be one of {', '.join(CHOICES)}, got {choice!r}.")
    return choice
