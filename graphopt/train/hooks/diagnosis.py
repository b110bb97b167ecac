"""Where a number that is not finite comes from: the step is run again, one operation at a time."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphopt.compiler.discharge import Reference
from graphopt.compiler.needed import needed_operations
from graphopt.errors import OpError
from graphopt.graph.operation import Location, Operation, Tensor
from graphopt.graph.settings import default_settings
from graphopt.ops import elementwise
from graphopt.ops.control import placeholder
from graphopt.ops.softmax import softmax_op
from graphopt.ops.state import variable as variable_op
from graphopt.runtime.fetching import flatten_feeds
from graphopt.runtime.recorded import RecordedRun
from graphopt.runtime.session import Session
from graphopt.train.hooks.value_range import ValueRange, is_finite

_GRADIENT_OF = re.compile(r"(?:^|/)gradients(?:_\d+)?/(.*?)_grad(?:_\d+)?(?:/|$)")
_STARTS_BACKWARD = re.compile(r"(?:^|/)grad_ys_\d+$")


@dataclass(frozen=True)
class NonFiniteReport:
    """Where the first number that is not finite came from.

    Attributes:
      step: the global step before the run, or None.
      seen_in: the tensor in which it was noticed, with its values.
      operation: the operation that made it of finite inputs, or None when it was fed, stood in a variable, or did not come again when the
        step was run one operation at a time.
      source: the tensor that was fed, or the variable, that is not finite; None otherwise.
      phase: "forward", "backward" or "update": where the operation stands.
      location: the user's line that recorded the operation; for the gradient of an operation the line of that operation.
      forward: for a gradient, the operation that it is the gradient of.
      inputs, outputs: the values of the operation's inputs and results.
      hint: what often helps, or None.
    """

    step: int | None
    seen_in: ValueRange
    operation: Operation | None
    source: ValueRange | None
    phase: str
    location: Location | None
    forward: Operation | None
    inputs: tuple[ValueRange, ...]
    outputs: tuple[ValueRange, ...]
    hint: str | None

    def __str__(self) -> str:
        when = "" if self.step is None else f"Step {self.step}: "
        lines = [f"{when}{self.seen_in.name} {self.seen_in.type} is not finite: {self.seen_in.described}."]
        if self.operation is not None:
            what = f"'{self.operation.name}' ({self.operation.type}, {self.phase})"
            of = "" if self.forward is None else f", the gradient of '{self.forward.name}'"
            lines.append(f"The first bad value comes from {what}{of}{_at(self.location)}")
        elif self.source is not None:
            lines.append(f"It was there before the step: {self.source}{_at(self.location)}")
        else:
            lines.append("Run one operation at a time, the step gives only finite numbers: it is a matter of rounding or overflow.")
        lines += [f"  input  {each}" for each in self.inputs] + [f"  output {each}" for each in self.outputs]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


def _at(location: Location | None) -> str:
    if location is None:
        return ""
    return f"\n  at {location}" + (f": {location.text}" if location.text else "")


class Rerun:
    """A run of a session's graph from its present state, one operation at a time; nothing is committed.

    Checks that fail let their operand through, so that what comes after them can be looked at.

    Args:
      session: the session. fetches: tensors and operations. feed_dict: what is fed.
    """

    def __init__(self, session: Session, fetches: Iterable[Any], feed_dict: Mapping[Any, Any] | None) -> None:
        store = session.store
        with store.lock:
            state: dict[str, Any] = dict(default_settings(session.graph))
            state.update({name: np.array(cell.value) for name, cell in store.cells.items() if cell.value is not None})
        self.feeds = flatten_feeds(session.graph, feed_dict or {})
        self._state = state
        self._run = _TolerantRun(self.feeds, state, store.entropy)
        for operation in needed_operations(list(fetches), self.feeds):
            self._run.step(operation)

    def value(self, tensor: Tensor) -> Any:
        """Return what a tensor is; for a variable its value before the run."""
        return self._state.get(tensor.op.name) if tensor.op.opdef is variable_op else self._run.value(tensor)

    def has(self, tensor: Tensor) -> bool:
        """Return whether the run came past a tensor that has numbers."""
        found = self._run.found(tensor)
        return found is not None and not isinstance(found, Reference)


class _TolerantRun(RecordedRun):
    """Lets the operand of a check that fails through."""

    def step(self, operation: Operation) -> None:
        try:
            super().step(operation)
        except OpError:
            if operation.outputs and operation.opdef.view_of is None:
                raise
            for tensor, source in zip(operation.outputs, operation.inputs, strict=False):
                self._values.setdefault(tensor, self._values[source])

    def found(self, tensor: Tensor) -> Any:
        """Return what stands for a tensor, or None when the run did not come past it."""
        return self._values.get(tensor)


def diagnose(rerun: Rerun, watched: Sequence[Tensor], loss: Tensor | None, step: int | None) -> NonFiniteReport:
    """Return where the first number that is not finite comes from.

    Args:
      rerun: the step, run again. watched: the tensors that have to be finite, the loss first.
      loss: what is minimised, if it is known. step: the global step before the run, or None.
    """
    seen = next((tensor for tensor in watched if rerun.has(tensor) and not is_finite(rerun.value(tensor))), None)
    if seen is None:
        return NonFiniteReport(step, ValueRange.of(watched[0], rerun.value(watched[0])), None, None, "forward", None, None, (), (), None)
    culprit, source = _trace(rerun, seen)
    at = ValueRange.of(seen, rerun.value(seen))
    if culprit is None:
        operation = None if source is None else source.op
        shown = None if source is None else ValueRange.of(source, rerun.value(source))
        return NonFiniteReport(step, at, None, shown, "forward", None if operation is None else operation.location, None, (), (), None)
    forward = forward_of(culprit)
    return NonFiniteReport(
        step,
        at,
        culprit,
        None,
        _phase(culprit, loss, watched),
        (forward or culprit).location,
        forward,
        tuple(ValueRange.of(t, rerun.value(t)) for t in culprit.inputs if rerun.has(t)),
        tuple(ValueRange.of(t, rerun.value(t)) for t in culprit.outputs if rerun.has(t)),
        _hint(culprit, rerun),
    )


def _trace(rerun: Rerun, tensor: Tensor) -> tuple[Operation | None, Tensor | None]:
    """Go back from a bad tensor along bad inputs; return the operation whose inputs are all finite, or what was bad from the start.

    Going back, and not forward from the beginning, passes over numbers that are not finite and do no harm: a mask, an unused branch.
    """
    while True:
        if tensor in rerun.feeds or tensor.op.opdef is placeholder or tensor.op.opdef is variable_op:
            return None, tensor
        bad = [source for source in tensor.op.inputs if not is_finite(rerun.value(source))]
        if not bad:
            return tensor.op, None
        tensor = min(bad, key=lambda source: source.op.id)


def _phase(operation: Operation, loss: Tensor | None, watched: Sequence[Tensor]) -> str:
    if loss is not None and operation in set(needed_operations([loss], ())):
        return "forward"
    if not any(starts_backward(op) for op in needed_operations([operation], ())):
        return "forward"
    return "backward" if operation in set(needed_operations(watched, ())) else "update"


def starts_backward(operation: Operation) -> bool:
    """Return whether an operation is where `tf.gradients` begins."""
    return _STARTS_BACKWARD.search(operation.name) is not None


def forward_of(operation: Operation) -> Operation | None:
    """Return the operation whose gradient an operation belongs to, by its name."""
    found = _GRADIENT_OF.search(operation.name)
    if found is None:
        return None
    try:
        return operation.graph.get_operation_by_name(found[1])
    except KeyError:
        return None


def _hint(operation: Operation, rerun: Rerun) -> str | None:
    """Return what often helps against what an operation did."""
    first = np.asarray(rerun.value(operation.inputs[0])) if operation.inputs else np.zeros(0)
    if operation.opdef is elementwise.log and operation.inputs[0].op.opdef is softmax_op:
        return "log(softmax(x)) underflows: use tf.nn.softmax_cross_entropy_with_logits, or tf.nn.log_softmax."
    if operation.opdef is elementwise.log and (first <= 0).any():
        return f"log of {int((first == 0).sum())} zeros and {int((first < 0).sum())} negative numbers."
    if operation.opdef is elementwise.sqrt and (first < 0).any():
        return f"the square root of {int((first < 0).sum())} negative numbers."
    if operation.opdef is elementwise.divide and not np.all(rerun.value(operation.inputs[1])):
        return f"division by {int((np.asarray(rerun.value(operation.inputs[1])) == 0).sum())} zeros."
    if operation.opdef is elementwise.exp and first.size:
        return f"exp({first.max():.6g}) is more than {operation.inputs[0].dtype.name} can hold."
    return None
