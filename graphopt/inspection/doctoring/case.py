"""What the doctor's rules look at, and what they find."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from graphopt.compiler.needed import needed_operations
from graphopt.graph.graph import Graph
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.training_info import TrainingOpInfo
from graphopt.graph.variables import Variable
from graphopt.runtime.session import Session

Severity = Literal["error", "warning", "note"]


class Finding(NamedTuple):
    """One fault.

    Attributes:
      name: the rule's name, which stays the same. severity: "error" (the training is wrong), "warning" (likely wrong, or costly), "note".
      message: what is the matter. where: the user's line, or None. mend: what to do.
    """

    name: str
    severity: Severity
    message: str
    where: str | None
    mend: str


@dataclass
class Case:
    """One training op, and what is known of how it runs.

    Attributes:
      train_op: the training op: a tensor or operation. info: what it knows of itself, or None.
      session: the session it runs in, or None. feeds: feed dictionaries of real steps.
      checkpoint: values of a checkpoint by name, or None.
    """

    train_op: Tensor | Operation
    info: TrainingOpInfo | None = None
    session: Session | None = None
    feeds: Sequence[Mapping[Any, Any]] = ()
    checkpoint: Mapping[str, Any] | None = None
    _scratch: list[Session] = field(default_factory=list)

    @property
    def graph(self) -> Graph:
        """The graph of the training op."""
        return self.train_op.graph

    @cached_property
    def needed(self) -> list[Operation]:
        """The operations that the training op needs, in order."""
        return needed_operations([self.train_op], ())

    @cached_property
    def needed_set(self) -> frozenset[Operation]:
        """The same as a set."""
        return frozenset(self.needed)

    @cached_property
    def variables(self) -> list[Variable]:
        """All variables of the graph that are in a collection."""
        found: dict[Variable, None] = {}
        for name in self.graph.get_all_collection_keys():
            found.update(dict.fromkeys(v for v in self.graph.get_collection(name) if isinstance(v, Variable)))
        return list(found)

    def writers_of(self, variable: Variable) -> list[Operation]:
        """Return the needed operations that change a variable."""
        ref = variable.as_ref()
        return [op for op in self.needed if ref in op.inputs and op.opdef.discharge is not None and not op.opdef.only_reads]

    def readers_of(self, variable: Variable) -> list[Operation]:
        """Return the needed operations that read a variable."""
        ref = variable.as_ref()
        return [op for op in self.needed if ref in op.inputs and op.opdef.only_reads]

    def scratch_session(self) -> Session | None:
        """Return a session with the values of the user's, to try steps in; None without one."""
        if self.session is None:
            return None
        copy = Session(graph=self.graph, backend=self.session.backend)
        for name, cell in list(self.session.store.cells.items()):
            value = cell.value
            copy.store.cell(name).value = value.copy() if np.ndim(value) else value
        return copy


Rule = Callable[[Case], Iterable[Finding]]

# The rules by name, in the order in which they were defined.
RULES: dict[str, Rule] = {}


def rule(name: str) -> Callable[[Rule], Rule]:
    """Return a decorator that enters a rule under its name."""

    def enter(function: Rule) -> Rule:
        RULES[name] = function
        return function

    return enter


def line_of(operation: Operation) -> str:
    """Return the user's line that made an operation."""
    return str(operation.location)
