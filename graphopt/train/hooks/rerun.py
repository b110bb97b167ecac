"""A step run again, one operation at a time, that notes for every bad number where it comes from.

An operation with finite operands and a result that is not finite is an origin. A result that is not finite and has bad operands takes over
the origin of one of them, through variables, branches and the turns of loops. So numbers that are not finite and do no harm, such as
those that a mask takes away, have origins that nobody asks for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphopt.autodiff.branches import if_op
from graphopt.autodiff.loops import while_op
from graphopt.compiler.discharge import Reference
from graphopt.compiler.needed import needed_operations
from graphopt.errors import OpError
from graphopt.graph.capture import Branch
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.settings import default_settings
from graphopt.ir.node import CONST, Node
from graphopt.ir.types import TensorType
from graphopt.ops.control import check_numerics, py_func
from graphopt.ops.state import assign
from graphopt.ops.state import variable as variable_op
from graphopt.runtime.fetching import flatten_feeds
from graphopt.runtime.recorded import Known, Place, RecordedRun, as_value
from graphopt.runtime.session import Session
from graphopt.train.hooks.hints import hint_for
from graphopt.train.hooks.value_range import ValueRange, is_finite


@dataclass(frozen=True, eq=False)
class Origin:
    """Where a number that is not finite comes from.

    Attributes:
      order: how many operations had been done. operation: the operation, or None for what was bad before the step.
      places: the branches and turns of loops that it stands in, outermost first.
      source: the tensor that was fed, or the variable, with its values; None for an operation.
      inputs, outputs: the values of the operation's inputs and results. hint: what often helps, or None.
    """

    order: int
    operation: Operation | None
    places: tuple[Place, ...]
    source: Tensor | None
    inputs: tuple[ValueRange, ...]
    outputs: tuple[ValueRange, ...]
    hint: str | None

    @property
    def is_constant(self) -> bool:
        """Whether it is a constant: an infinity that somebody meant."""
        return self.operation is not None and self.operation.opdef is CONST


class Rerun:
    """A run of a session's graph from its present state, one operation at a time; nothing is committed.

    Checks that fail let their operand through, so that what comes after them can be looked at. What fails otherwise has no results.

    Args:
      session: the session. fetches: tensors and operations. feed_dict: what is fed.

    Attributes:
      feeds: the fed tensors. operations: what was run. failures: the operations that failed, with the errors.
    """

    def __init__(self, session: Session, fetches: Iterable[Any], feed_dict: Mapping[Any, Any] | None) -> None:
        store = session.store
        with store.lock:
            state: dict[str, Any] = dict(default_settings(session.graph))
            state.update({name: np.array(cell.value) for name, cell in store.cells.items() if cell.value is not None})
        self.feeds = flatten_feeds(session.graph, feed_dict or {})
        self._state = state
        self._run = _NotingRun(self.feeds, state, store.entropy)
        self.failures = self._run.failures
        wanted = list(fetches)
        self.operations = needed_operations(wanted, self.feeds)
        self._run.run(self.operations, [each for each in wanted if isinstance(each, Tensor)])

    def value(self, tensor: Tensor) -> Any:
        """Return what a tensor is; for a variable its value before the run."""
        return self._state[tensor.op.name] if tensor.op.opdef is variable_op else self._run.value(tensor)

    def before(self, variable: Tensor) -> Any:
        """Return the value that a variable had before the run, or None."""
        return self._state.get(variable.op.name)

    def has(self, tensor: Tensor) -> bool:
        """Return whether the run came past a tensor that has numbers."""
        return self._run.has(tensor)

    def origin_of(self, tensor: Tensor) -> Origin | None:
        """Return where what is not finite in a tensor comes from, or None."""
        return self._run.origin_of(tensor)

    def stopped_at(self, check: Operation) -> tuple[ValueRange, Origin | None] | None:
        """Return what a `check_numerics` has looked at when it first failed, or None when it did not."""
        return self._run.stopped.get(check)

    @property
    def calls_python(self) -> bool:
        """Whether the run has called functions of a `py_func`, which may give other values when they are called again."""
        return self._run.calls_python


class _NotingRun(RecordedRun):
    """Notes origins, and goes on after a failure."""

    def __init__(self, feeds: Mapping[Tensor, Any], state: Mapping[str, Any], entropy: Any) -> None:
        super().__init__(feeds, state, entropy)
        self.failures: list[tuple[Operation, Exception]] = []
        self.stopped: dict[Operation, tuple[ValueRange, Origin | None]] = {}
        self.calls_python = False
        self._before_step = state
        self._written_by: dict[str, Origin | None] = {}
        self._done = 0
        self._failed_before: dict[Any, int] = {}
        for tensor, known in self._values.items():
            value = feeds[tensor]
            if not is_finite(value):
                known.note = Origin(0, None, (), tensor, (), (ValueRange.of(tensor, value),), None)
                self._written_by[tensor.op.name] = known.note

    # --- going on ------------------------------------------------------------------------------------------------------

    def step(self, operation: Operation) -> None:
        if operation.outputs and all(t in self._values for t in operation.outputs):
            return
        needed = operation.inputs if operation.guard is None else (*operation.inputs, operation.guard)
        if any(t not in self._values or self._values[t].value is None for t in needed):
            self._has_no_results(operation)
            return
        self._done += 1
        self.calls_python = self.calls_python or operation.opdef is py_func
        before = {t: self._seen(known.value) for t in operation.inputs if isinstance((known := self._values[t]).value, Reference)}
        try:
            super().step(operation)
        except Exception as error:
            self._note_failure(operation, error)
            return
        if operation.opdef not in (if_op, while_op):  # those inside have noted theirs
            self._note(operation, before)

    def _note_failure(self, operation: Operation, error: Exception) -> None:
        is_check = isinstance(error, OpError) and (not operation.outputs or operation.opdef.view_of is not None)
        self.failures.append((operation, error))
        if not is_check:
            self._has_no_results(operation)
            return
        for tensor, source in zip(operation.outputs, operation.inputs, strict=False):
            self._values.setdefault(tensor, self._values[source])
        if operation.opdef is check_numerics and operation not in self.stopped:
            known = self._values[operation.inputs[0]]
            self.stopped[operation] = (ValueRange.of(operation.inputs[0], _number(known.value)), known.note)

    def _has_no_results(self, operation: Operation) -> None:
        for tensor in operation.outputs:
            self._values.setdefault(tensor, Known(None))

    def _goes_on(self, condition: Branch, operands: Sequence[Known], place: Place) -> bool:
        # What a check inside would have ended might go round for ever.
        failed = self._failed_before.setdefault((self.places, place.holder), len(self.failures))
        return len(self.failures) == failed and super()._goes_on(condition, operands, place)

    def _stack(self, turns: Sequence[Known], turn_type: TensorType, may_differ: bool) -> Known:
        if any(known.value is None for known in turns):
            return Known(None)
        notes = [known.note for known in turns if known.note is not None]
        return Known(super()._stack(turns, turn_type, may_differ).value, _first(notes) if notes else None)

    # --- origins -------------------------------------------------------------------------------------------------------

    def has(self, tensor: Tensor) -> bool:
        """Return whether the run came past a tensor that has numbers."""
        return tensor in self._values and isinstance(self._values[tensor].value, Node)

    def origin_of(self, tensor: Tensor) -> Origin | None:
        """Return where what is not finite in a tensor comes from, or None."""
        if tensor.op.opdef is variable_op:
            return self._source(tensor)
        note: Origin | None = self._values[tensor].note
        return note

    def _seen(self, value: Any) -> Any:
        """Return the number that stands for a tensor now: for a variable's reference its value, or None while it has none."""
        if not isinstance(value, Reference):
            return value
        state = self._context.state
        return state.fed[value.name] if value.name in state.fed else state.values.get(value.name)

    def _note(self, operation: Operation, before: Mapping[Tensor, Any]) -> None:
        """Note the origin of the bad numbers that an operation gave or wrote."""
        now = {tensor: self._seen(self._values[tensor].value) for tensor in before}
        written = {tensor: node for tensor, node in now.items() if node is not before[tensor]}
        bad = [tensor for tensor in operation.outputs if _is_bad(self._values[tensor].value)]
        spoiled = [tensor for tensor, node in written.items() if _is_bad(node)]
        if bad or spoiled:
            origin = self._origin(operation, before, written)
            for tensor in bad:
                self._values[tensor].note = self._values[tensor].note or origin
        for tensor in written:
            self._written_by[tensor.op.name] = origin if tensor in spoiled else None

    def _origin(self, operation: Operation, before: Mapping[Tensor, Any], written: Mapping[Tensor, Any]) -> Origin:
        """Return the origin of an operation's bad numbers: that of its first bad operand, or the operation itself."""
        inputs = {tensor: before[tensor] if tensor in before else self._values[tensor].value for tensor in operation.inputs}
        outputs = [self._values[tensor].value for tensor in operation.outputs]
        found = [self._operand_origin(tensor) for tensor, node in inputs.items() if _is_bad(node) and _is_used(operation, tensor)]
        origins = [origin for origin in found if origin is not None]
        meant = all(origin.is_constant for origin in origins)
        if origins and not (meant and _has_nan([*outputs, *written.values()]) and not _has_nan(inputs.values())):
            return _first([origin for origin in origins if not origin.is_constant] or origins)
        given = [ValueRange.of(tensor, _number(node)) for tensor, node in inputs.items() if isinstance(node, Node)]
        results = [ValueRange.of(tensor, _number(self._values[tensor].value)) for tensor in operation.outputs]
        results += [ValueRange.of(tensor, _number(node), f"{tensor.name} after it") for tensor, node in written.items()]
        hint = hint_for(operation, [_number(node) for node in inputs.values() if isinstance(node, Node)])
        return Origin(self._done, operation, self.places, None, tuple(given), tuple(results), hint)

    def _operand_origin(self, tensor: Tensor) -> Origin | None:
        known = self._values[tensor]
        if not isinstance(known.value, Reference):
            note: Origin | None = known.note
            return note
        return self._written_by.get(known.value.name) or self._source(tensor)

    def _source(self, tensor: Tensor) -> Origin | None:
        """Return the origin of what a variable held before the step."""
        value = self._before_step.get(tensor.op.name)
        if value is None or is_finite(value):
            return None
        return Origin(0, None, (), tensor, (), (ValueRange.of(tensor, value),), None)


def _first(origins: Sequence[Origin]) -> Origin:
    return min(origins, key=lambda origin: origin.order)


def _number(node: Any) -> Any:
    return as_value(node.value)


def _is_bad(node: Any) -> bool:
    return isinstance(node, Node) and not is_finite(node.value)


def _has_nan(nodes: Iterable[Any]) -> bool:
    return any(isinstance(node, Node) and node.value.dtype.kind == "f" and bool(np.isnan(node.value).any()) for node in nodes)


def _is_used(operation: Operation, tensor: Tensor) -> bool:
    """Return whether an operation looks at the value of an operand: an assignment does not at that of its variable."""
    return operation.opdef is not assign or tensor is not operation.inputs[0]
