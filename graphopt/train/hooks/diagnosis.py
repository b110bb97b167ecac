"""Where a number that is not finite comes from: what a step that is run again has found, in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from graphopt.graph.capture import BranchGraph
from graphopt.graph.graph import Graph
from graphopt.graph.operation import Location, Operation, Tensor
from graphopt.ops.branch import captured
from graphopt.runtime.recorded import Place
from graphopt.train.hooks.rerun import Origin, Rerun
from graphopt.train.hooks.value_range import ValueRange, is_finite

_GRADIENT_PART = re.compile(r"_grad(?:_\d+)?(?=/|$)")
_STARTS_BACKWARD = re.compile(r"(?:^|/)grad_ys_\d+$")
_ALL_FINITE = (
    "run one operation at a time, the step gives only finite numbers, so it is a matter of rounding, or of an overflow inside of operations"
)


@dataclass(frozen=True)
class NonFiniteReport:
    """Where the first number that is not finite came from.

    Attributes:
      step: the global step before the run, or None.
      seen_in: the tensor in which it was noticed, with its values; None when the step could not be run again.
      operation: the operation that made it of finite inputs, also one inside of a branch or a loop; None when it was fed, stood in a
        variable, or could not be named.
      places: the branches and turns of loops that the operation stands in, outermost first.
      source: the tensor that was fed, or the variable, that is not finite; None otherwise. is_fed: whether it was fed.
      phase: "forward", "backward" or "update": where the operation stands.
      location: the user's line that recorded the operation; for the gradient of an operation the line of that operation.
      forward: for a gradient, the operation that it is the gradient of.
      inputs, outputs: the values of the operation's inputs and results.
      hint: what often helps, or None.
      unnamed: why neither an operation nor a source could be named, or None.
    """

    step: int | None
    seen_in: ValueRange | None
    operation: Operation | None = None
    source: ValueRange | None = None
    phase: str = "forward"
    location: Location | None = None
    forward: Operation | None = None
    inputs: tuple[ValueRange, ...] = ()
    outputs: tuple[ValueRange, ...] = ()
    hint: str | None = None
    places: tuple[Place, ...] = ()
    is_fed: bool = False
    unnamed: str | None = None

    @property
    def turn(self) -> int | None:
        """Which turn of the innermost loop around the operation it was, counted from 0; None outside of loops."""
        return next((place.turn for place in reversed(self.places) if place.turn is not None), None)

    def __str__(self) -> str:
        when = "" if self.step is None else f"Step {self.step}: "
        if self.seen_in is None:
            lines = [f"{when}The loss, a gradient or an updated variable is not finite."]
        else:
            lines = [f"{when}{self.seen_in.name} {self.seen_in.type} is not finite: {self.seen_in.described}."]
        if self.operation is not None:
            what = f"'{self.operation.name}' ({self.operation.type}, {self.phase})"
            of = "" if self.forward is None else f", the gradient of '{self.forward.name}'"
            where = "".join([f"\n  in {_described(place)}" for place in reversed(self.places)])
            lines.append(f"The first bad value comes from {what}{of}{where}{_at(self.location)}")
        elif self.source is not None:
            came = "It was fed" if self.is_fed else "It was there before the step"
            lines.append(f"{came}: {self.source}{_at(self.location)}")
        else:
            lines.append(f"The operation that made it could not be named: {self.unnamed}.")
        lines += [f"  input  {each}" for each in self.inputs] + [f"  output {each}" for each in self.outputs]
        if self.hint:
            lines.append(f"  hint: {self.hint}")
        return "\n".join(lines)


def _at(location: Location | None) -> str:
    if location is None:
        return ""
    return f"\n  at {location}" + (f": {location.text}" if location.text else "")


def _described(place: Place) -> str:
    if place.turn is None:
        return f"the {place.side} branch of '{place.holder.name}'"
    part = "the condition of " if place.side == "condition" else ""
    forward = forward_of(place.holder)
    if place.forward_turn is None or forward is None:
        return f"{part}turn {place.turn} of the loop '{place.holder.name}'"
    return f"{part}turn {place.turn} of the loop '{place.holder.name}', the gradient of turn {place.forward_turn} of '{forward.name}'"


# --- from a run to a report ------------------------------------------------------------------------------------------------


def diagnose(
    rerun: Rerun,
    watched: Mapping[Tensor, str],
    loss: Tensor | None,
    gradients: Sequence[Tensor],
    step: int | None,
    stopped: Operation | None = None,
) -> NonFiniteReport:
    """Return where the first number that is not finite comes from.

    Args:
      rerun: the step, run again. watched: the tensors that have to be finite, the loss first, each with the name it is reported by.
      loss: what is minimised, if it is known. gradients: its gradients. step: the global step before the run, or None.
      stopped: the `check_numerics` that has stopped the run, if it was one.
    """
    found = None if stopped is None else rerun.stopped_at(stopped)
    seen, origin = found if found is not None else _seen(rerun, watched, loss)
    if origin is None:
        return NonFiniteReport(step, seen, unnamed=_why_unnamed(rerun))
    if origin.source is not None:
        is_fed = origin.source in rerun.feeds
        return NonFiniteReport(step, seen, source=origin.outputs[0], location=origin.source.op.location, is_fed=is_fed)
    assert origin.operation is not None
    again = original_of(origin.operation)
    operation = origin.operation if again is None else again
    outermost = origin.places[0].holder if origin.places else operation
    phase = "forward" if again is not None else _phase(outermost, rerun, loss, gradients)
    forward = forward_of(operation) if phase == "backward" or _is_gradient(operation.graph) else None
    return NonFiniteReport(
        step,
        seen,
        operation,
        phase=phase,
        location=(forward or operation).location,
        forward=forward,
        inputs=origin.inputs,
        outputs=origin.outputs,
        hint=origin.hint,
        places=origin.places,
    )


def _seen(rerun: Rerun, watched: Mapping[Tensor, str], loss: Tensor | None) -> tuple[ValueRange | None, Origin | None]:
    """Return the bad tensor to report, and its origin: the loss, or that whose bad number came first."""
    bad = [tensor for tensor in watched if rerun.has(tensor) and not is_finite(rerun.value(tensor))]
    origins = [(tensor, rerun.origin_of(tensor)) for tensor in bad]
    named = [(tensor, origin) for tensor, origin in origins if origin is not None]
    if not origins:
        return None, None
    if not named or bad[0] is loss:
        tensor, origin = origins[0]
    else:
        tensor, origin = min(named, key=lambda pair: pair[1].order)
    return ValueRange.of(tensor, rerun.value(tensor), watched[tensor]), origin


def _why_unnamed(rerun: Rerun) -> str:
    if rerun.failures:
        operation, error = rerun.failures[0]
        return f"run one operation at a time, '{operation.name}' failed with {error_in_words(error)}"
    return _ALL_FINITE + (", or a py_func gave other values when it was called again" if rerun.calls_python else "")


def error_in_words(error: BaseException) -> str:
    """Return the class and the first line of an error."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0].rstrip('.')}" if lines else type(error).__name__


def _phase(operation: Operation, rerun: Rerun, loss: Tensor | None, gradients: Sequence[Tensor]) -> str:
    if loss is not None and operation in _made_of([loss.op]):
        return "forward"
    if operation in _made_of([tensor.op for tensor in gradients]):
        return "backward" if any(starts_backward(op) for op in _made_of([operation])) else "forward"
    return "update" if operation in _made_of(filter(writes, rerun.operations)) else "forward"


def _made_of(operations: Iterable[Operation]) -> set[Operation]:
    """Return the operations whose values go into some, those among them."""
    found: set[Operation] = set()
    pending = list(operations)
    while pending:
        operation = pending.pop()
        if operation not in found:
            found.add(operation)
            pending.extend([tensor.op for tensor in operation.inputs])
    return found


def writes(operation: Operation) -> bool:
    """Return whether an operation changes state, or may do so in a branch or a loop."""
    return operation.opdef.discharge is not None and not operation.opdef.only_reads


# --- gradients and what they are the gradients of --------------------------------------------------------------------------


def starts_backward(operation: Operation) -> bool:
    """Return whether an operation is where `tf.gradients` begins."""
    return _STARTS_BACKWARD.search(operation.name) is not None


def forward_of(operation: Operation) -> Operation | None:
    """Return the operation whose gradient an operation belongs to, by its name: that in the innermost ``NAME_grad``."""
    name = operation.name
    ends = [match.start() for match in _GRADIENT_PART.finditer(name)]
    for end in reversed(ends):
        starts = [0, *[i + 1 for i in range(end) if name[i] == "/"]]
        for start in starts:
            for graph in _differentiated(operation.graph):
                found = graph._by_name.get(name[start:end])
                if found is not None and found.opdef is not captured:
                    return found
    return None


def original_of(operation: Operation) -> Operation | None:
    """Return the operation of a branch or loop that its gradient computes again as this one, or None."""
    graph = operation.graph
    if not isinstance(graph, BranchGraph) or graph.mirror is None:
        return None
    return graph.mirror.original(operation)


def _is_gradient(graph: Graph) -> bool:
    return any(isinstance(each, BranchGraph) and each.mirror is not None for each in _around(graph))


def _around(graph: Graph | None) -> Iterator[Graph]:
    while graph is not None:
        yield graph
        graph = graph.outer


def _differentiated(graph: Graph) -> Iterator[Graph]:
    """Give the graphs in which what an operation is the gradient of may stand, the nearest first."""
    for each in _around(graph):
        if isinstance(each, BranchGraph) and each.mirror is not None:
            yield each.mirror.graph
        yield each
