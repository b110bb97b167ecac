"""The formulas of hyper-parameters: what a schedule's numbers are, which are constants of the graph and no state of a session.

A checkpoint notes them, so that a schedule that was edited between two runs can be told. It can't bring them back.
"""

from __future__ import annotations

import hashlib
import textwrap
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphopt.errors import Location
from graphopt.graph.capture import Branch
from graphopt.graph.expressions import expression
from graphopt.graph.graph import Graph
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.training_info import updates_of
from graphopt.ir.node import CONST
from graphopt.ops import state
from graphopt.ops.array import identity
from graphopt.ops.elementwise.choice import cast_op
from graphopt.train.hyper import HyperParameter

_LONGEST = 200
_LEFT_OUT = "..."
_MOST_OPERATIONS = 2000
_TRANSPARENT = (cast_op, identity, state.read)
_SEEDS = ("seed", "seed2")
# Where the value is nothing but what is read in each run, whose number the checkpoint holds itself.
_NUMBER = "a number that can be set"


@dataclass(frozen=True)
class Formula:
    """What one hyper-parameter is computed by.

    Attributes:
      text: for people; it may be cut short. digest: the same for the same operations on the same numbers, and for no other.
      location: the user's line, or None for what stands in a checkpoint. reads: the variables' tensors that it reads.
    """

    text: str
    digest: str
    location: Location | None = None
    reads: tuple[Tensor, ...] = ()

    def to_json(self) -> dict[str, str]:
        """Return what stands in the manifest."""
        return {"formula": self.text, "digest": self.digest}


@dataclass(frozen=True)
class FormulaDifference:
    """A hyper-parameter that the code computes in another way than when the checkpoint was written.

    Attributes:
      name: the name of the optimizer's operation and of the hyper-parameter. code, saved: the two.
    """

    name: str
    code: Formula
    saved: Formula

    def __str__(self) -> str:
        line = "" if self.code.location is None else f" ({self.code.location})"
        return f"{self.name} is {self.code.text} in the code{line} and {self.saved.text} in the checkpoint"


def formulas(graph: Graph) -> dict[str, Formula]:
    """Return what computes the hyper-parameters of a graph's optimizers, by the names of the optimizer's operation and of the parameter."""
    known: dict[HyperParameter, Formula] = graph.root.state.setdefault("hyper_formulas", {})
    found: dict[str, Formula] = {}
    for update in updates_of(graph.root):
        parameters: Mapping[str, HyperParameter] = getattr(getattr(update.optimizer, "hyper", None), "parameters", {})
        for name, hyper in parameters.items():
            if hyper not in known:
                known[hyper] = _of(hyper)
            found[f"{update.step.name}/{name}"] = known[hyper]
    return found


def formula_differences(saved: Mapping[str, Mapping[str, str]], graph: Graph) -> list[FormulaDifference]:
    """Return the hyper-parameters that the code computes in another way than a checkpoint says.

    Args:
      saved: what a manifest has, by name; names that one of the two lacks are left out. graph: the graph.
    """
    then = {name: Formula(str(entry["formula"]), str(entry["digest"])) for name, entry in saved.items()}
    return [
        FormulaDifference(name, now, then[name])
        for name, now in formulas(graph).items()
        if name in then and then[name].digest != now.digest
    ]


def _of(hyper: HyperParameter) -> Formula:
    tensor = hyper.tensor
    while tensor.op.opdef in _TRANSPARENT:
        tensor = tensor.op.inputs[0]
    if tensor.op.opdef in (state.variable, state.setting):
        return Formula(_NUMBER, _digest(["number"]), tensor.op.location, (tensor,))
    writer = _Writer()
    operations = _operations([tensor])
    writer.write(operations)
    text = writer.texts[tensor]
    if _LEFT_OUT in text:
        numbers = dict.fromkeys(_numbers(operation) for operation in operations if operation.opdef is CONST)
        text = textwrap.shorten(f"a formula of {len(operations)} operations and the numbers {', '.join(numbers)}", _LONGEST)
    reads = tuple(operation.outputs[0] for operation in operations if operation.opdef is state.variable)
    return Formula(text, writer.digests[tensor], tensor.op.location, reads)


def _operations(tensors: Iterable[Tensor]) -> list[Operation]:
    """Return the operations that tensors are computed by, in order; from a certain number on those that are furthest back are left out."""
    found: dict[Operation, None] = {}
    pending = deque(tensor.op for tensor in tensors)
    while pending and len(found) < _MOST_OPERATIONS:
        operation = pending.popleft()
        if operation not in found:
            found[operation] = None
            pending += [operand.op for operand in operation.inputs]
    return sorted(found, key=lambda operation: operation.id)


class _Writer:
    """Writes text and digest of tensors, the operands before the results."""

    def __init__(self, texts: Mapping[Tensor, str] | None = None, digests: Mapping[Tensor, str] | None = None) -> None:
        self.texts: dict[Tensor, str] = dict(texts or {})
        self.digests: dict[Tensor, str] = dict(digests or {})
        self._inside: dict[Branch, _Writer] = {}

    def write(self, operations: Sequence[Operation]) -> None:
        """Write the results of operations."""
        for operation in operations:
            for tensor in operation.outputs:
                # The operands of a branch are known already.
                if tensor not in self.texts:
                    text = self._text(tensor)
                    self.texts[tensor] = text if len(text) <= _LONGEST else _LEFT_OUT
                    self.digests[tensor] = self._digest(tensor)

    def _text(self, tensor: Tensor) -> str:
        operation, opdef = tensor.op, tensor.op.opdef
        if opdef is CONST:
            return _numbers(operation)
        if not operation.inputs:
            return operation.name.rpartition("/")[2]
        operands = [self.texts.get(operand, _LEFT_OUT) for operand in operation.inputs]
        if opdef in _TRANSPARENT:
            return operands[0]
        inside = [writer.texts[t] for writer, t in self._branches(operation)]
        return expression(opdef, [*operands, *inside])

    def _branches(self, operation: Operation) -> Iterator[tuple[_Writer, Tensor]]:
        """Yield the results of an operation's branches, each with who has written it."""
        for branch in [value for value in operation.attributes.values() if isinstance(value, Branch)]:
            results = [t for t in branch.outputs if t is not None]
            if branch not in self._inside:
                pairs = list(zip(branch.inputs, operation.inputs, strict=False))
                known = [
                    {inner: of.get(outer, _LEFT_OUT) for inner, outer in pairs if inner is not None} for of in (self.texts, self.digests)
                ]
                self._inside[branch] = _Writer(*known)
                self._inside[branch].write(_operations(results))
            yield from ((self._inside[branch], t) for t in results)

    def _digest(self, tensor: Tensor) -> str:
        operation, opdef = tensor.op, tensor.op.opdef
        if opdef is CONST:
            return _digest(["const", _numbers(operation)])
        operands = [self.digests.get(operand, _LEFT_OUT) for operand in operation.inputs]
        if opdef in _TRANSPARENT:
            return operands[0]
        inside = [writer.digests[t] for writer, t in self._branches(operation)]
        # Seeds are no numbers of the formula: where nobody gave one, it comes from the operation's place in the graph.
        chosen = {
            key: value for key, value in operation.attributes.items() if isinstance(value, bool | int | float | str) and key not in _SEEDS
        }
        plain = [f"{key}={value}" for key, value in sorted(chosen.items())]
        return _digest([opdef.name, str(tensor.value_index), *plain, *operands, *inside])


def _numbers(operation: Operation) -> str:
    """Return a constant's numbers, with as many digits as tell them from others of their type."""
    value: Any = operation.attributes["value"].array
    if value.ndim == 0 and value.dtype.kind == "f":
        return f"{value[()]!s}".removesuffix(".0")
    return str(value.tolist())


def _digest(parts: Sequence[str]) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]
