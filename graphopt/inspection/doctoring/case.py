"""What the doctor's rules look at, and what they find."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import numpy as np

from graphopt.compiler.needed import needed_operations
from graphopt.graph.graph import Graph
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.summary_cadence import Cadence
from graphopt.graph.training_info import training_ops_of, updates_of
from graphopt.graph.variables import Variable
from graphopt.inspection.doctoring.checkpoint import CheckpointValues
from graphopt.inspection.recorded import with_branches
from graphopt.inspection.subject import Subject
from graphopt.ops.control import print_op, py_func
from graphopt.runtime.profile import RunMetadata
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


class NotLooked(NamedTuple):
    """A rule that could not look.

    Attributes:
      name: the rule's name. reason: what it lacks.
    """

    name: str
    reason: str


@dataclass
class Case:
    """One training op, and what is known of how it runs.

    Attributes:
      subject: the training op, or several that run together.
      session: the session it runs in, or None. feeds: feed dictionaries of real steps, by tensor.
      checkpoint: what a checkpoint holds, or None. cadence: how often summaries are written, or None where nobody said.
      run_metadata: of a traced run, or None.
    """

    subject: Subject
    session: Session | None = None
    feeds: Sequence[Mapping[Tensor, Any]] = ()
    checkpoint: CheckpointValues | None = None
    cadence: Cadence | None = None
    run_metadata: RunMetadata | None = None

    @property
    def graph(self) -> Graph:
        """The graph of the training op."""
        return self.subject.graph

    @property
    def targets(self) -> list[Tensor | Operation]:
        """What a step fetches."""
        return list(self.subject.targets)

    @cached_property
    def needed(self) -> list[Operation]:
        """The operations that the training op needs, in order."""
        return list(self.subject.operations)

    @cached_property
    def needed_set(self) -> frozenset[Operation]:
        """The same as a set."""
        return frozenset(self.needed)

    @cached_property
    def inside(self) -> list[Operation]:
        """The needed operations, with those in branches and loops."""
        return list(with_branches(self.needed))

    @cached_property
    def needed_by_others(self) -> frozenset[Operation]:
        """What the other training ops of the graph need: a user may run them in turn."""
        others: list[Tensor | Operation] = [*training_ops_of(self.graph), *[update.step for update in updates_of(self.graph)]]
        return frozenset(needed_operations([op for op in others if op not in self.subject.targets], ()))

    @cached_property
    def variables(self) -> list[Variable]:
        """All variables of the graph that are in a collection."""
        found: dict[Variable, None] = {}
        for name in self.graph.get_all_collection_keys():
            found.update(dict.fromkeys(v for v in self.graph.get_collection(name) if isinstance(v, Variable)))
        return list(found)

    def has_value(self, variable: Variable) -> bool:
        """Return whether a variable has a value in the session; False without a session."""
        return self.session is not None and self.session.store.cell(variable.op.name).value is not None

    def cannot_try(self, fetches: Sequence[Tensor | Operation]) -> str | None:
        """Return why steps can't be tried with a copy of the values, or None where they can."""
        if self.session is None:
            return "no session was given, so there are no values to try steps with"
        for operation in with_branches(needed_operations(list(fetches), ())):
            if operation.opdef is py_func:
                return f"a step calls Python ('{operation.name}'), which may do anything: it is not tried"
            if operation.opdef is print_op:
                return f"a step prints ('{operation.name}'): it is not tried"
        return None

    @contextlib.contextmanager
    def trial(self) -> Iterator[Session]:
        """Give a session with a copy of the values of the user's, to try steps in."""
        assert self.session is not None
        copy = Session(graph=self.graph, backend=self.session.backend, config=self.session.config)
        store = self.session.store
        with store.lock:
            values = {name: np.array(cell.value)[()] for name, cell in store.cells.items() if cell.value is not None}
            copy.store.restore_seeds(store.drawn_seeds())
        for name, value in values.items():
            copy.store.cell(name).value = value
        with contextlib.closing(copy):
            yield copy


Rule = Callable[[Case], Iterable[Finding | NotLooked]]

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
