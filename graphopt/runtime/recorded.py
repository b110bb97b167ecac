"""A recorded graph run in the plainest way: one operation at a time, in the order of creation, each by its kernel.

This is the sentence of `docs/semantics.md` as code, inside of branches and loops too. No program is made and nothing is optimised, so what
a session gives can be compared with it, and every value between the operations can be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from graphopt.autodiff.branches import if_op
from graphopt.autodiff.loops import while_op
from graphopt.compiler.discharge import Context, Reference, State
from graphopt.compiler.needed import needed_operations
from graphopt.dtypes import int64
from graphopt.errors import FailedPreconditionError, InvalidArgumentError, OpError, first_line
from graphopt.graph.capture import Branch
from graphopt.graph.operation import Operation, Tensor
from graphopt.ir.bind import CURRENT
from graphopt.ir.interpret import run_once
from graphopt.ir.node import NODES, Node, constant_node
from graphopt.ir.program import Output, Program
from graphopt.ir.types import TensorType
from graphopt.ops.branch import stacked
from graphopt.ops.state import variable as variable_op


def as_value(array: Any) -> Any:
    """Return an array in the form in which backends hold it: rank 0 as a NumPy scalar (strings as they are)."""
    return array[()] if isinstance(array, np.ndarray) and array.ndim == 0 and array.dtype.kind != "O" else array


def as_tuple(results: Any) -> tuple[Any, ...]:
    """Return the results of an op as a tuple."""
    return tuple(results) if isinstance(results, (tuple, list)) else (results,)


@dataclass(frozen=True)
class Place:
    """A branch or a turn of a loop that a run is in.

    Attributes:
      holder: the operation that holds it. side: "true" or "false" for the branches of a `cond`, "body" or "condition" for a loop.
      turn: which turn of the loop, counted from 0; None for a `cond`.
      forward_turn: for the gradient of a loop, which runs from the last turn to the first, the turn that it is the gradient of.
    """

    holder: Operation
    side: str
    turn: int | None = None
    forward_turn: int | None = None


class Known:
    """What stands for a tensor while running.

    Attributes:
      value: a constant, or the reference to a variable; None when it could not be computed.
      note: what a subclass of `RecordedRun` notes of it; it goes with the value into branches and loops.
    """

    __slots__ = ("note", "value")

    def __init__(self, value: Node | Reference | None, note: Any = None) -> None:
        self.value = value
        self.note = note


class RecordedRun:
    """A run of a recorded graph that can be taken one operation further at a time.

    Args:
      feeds: the values of fed tensors. state: values of variables and random counters; they don't change.
      entropy: gives a random operation without any seed its own seed, by name.

    Attributes:
      places: the branches and turns of loops that the run is in now, outermost first.
    """

    def __init__(self, feeds: Mapping[Tensor, Any], state: Mapping[str, Any], entropy: Callable[[str], int] = lambda name: 1) -> None:
        self._context = _KnownContext(state, entropy)
        self._values: dict[Tensor, Known] = {}
        self._orders: dict[Branch, list[Operation]] = {}
        self._wanted: set[Tensor] | None = None
        self.places: tuple[Place, ...] = ()
        for tensor, value in feeds.items():
            fed = constant_node(np.array(value, tensor.dtype.np))
            if tensor.op.opdef is variable_op:
                self._context.state.fed[tensor.op.name] = fed
                self._values[tensor] = Known(Reference(tensor.op.name, tensor.tensor_type))
            else:
                self._values[tensor] = Known(fed)

    def step(self, operation: Operation) -> None:
        """Do what one operation does; nothing when its results are fed.

        Raises:
          OpError: when it fails.
        """
        if operation.outputs and all(t in self._values for t in operation.outputs):
            return
        operands = [self._values[t] for t in operation.inputs]
        self._context.operation = operation
        self._context.used = set(operation.outputs)
        self._context.guard = None if operation.guard is None else self._values[operation.guard].value
        token = CURRENT.set(NODES)
        try:
            results = self._results(operation, operands)
        except OpError as error:
            raise error if error.op is not None else error.with_op(operation) from None
        except (ValueError, IndexError, TypeError) as error:
            raise InvalidArgumentError(None, operation, first_line(error)) from None
        finally:
            CURRENT.reset(token)
        for tensor, result in zip(operation.outputs, results, strict=True):
            self._values.setdefault(tensor, result)

    def run(self, operations: Sequence[Operation], wanted: Iterable[Tensor]) -> None:
        """Do what operations do, in order; of the values only the wanted ones are kept.

        Raises:
          OpError: when one fails.
        """
        kept = set(wanted)
        last = {tensor: i for i, operation in enumerate(operations) for tensor in _taken(operation)}
        around, self._wanted = self._wanted, kept.union(last)
        try:
            for i, operation in enumerate(operations):
                self.step(operation)
                for tensor in _taken(operation):
                    if last[tensor] == i and tensor not in kept:
                        self._values.pop(tensor, None)
        finally:
            self._wanted = around

    def value(self, tensor: Tensor) -> Any:
        """Return a tensor's value: for a variable the one it has now."""
        found = self._values[tensor].value
        node = self._context.get(found) if isinstance(found, Reference) else found
        assert node is not None, f"{tensor.name} could not be computed"
        return as_value(node.value)

    def written(self) -> dict[str, Any]:
        """Return what has been written so far, by name."""
        return {name: as_value(node.value) for name, node in self._context.state.written.items()}

    def _results(self, operation: Operation, operands: Sequence[Known]) -> Sequence[Known]:
        op = operation.opdef
        if op is if_op:
            return self._choose(operation, operands)
        if op is while_op:
            return self._iterate(operation, operands)
        values: list[Any] = [known.value for known in operands]
        if op.kernel is not None:
            with np.errstate(all="ignore"):
                made = op.kernel(np, *[as_value(node.value) for node in values], **operation.attributes)
            return [Known(_constant(r)) for r in as_tuple(made)]
        return self._discharged(operation, values)

    def _discharged(self, operation: Operation, values: Sequence[Any]) -> list[Known]:
        """Carry an operation out by its rule, and compute what that leaves; what fails changes no state."""
        op, state = operation.opdef, self._context.state
        before = None if op.discharge is None or op.only_reads else (dict(state.values), dict(state.written), state.token)
        try:
            if op.discharge is None:
                made = op(*values, **operation.attributes)
            else:
                made = op.discharge(self._context, *values, **operation.attributes)
            results = [] if made is None else as_tuple(made)
            found = self._context.settle([result for result in results if isinstance(result, Node)])
        except BaseException:
            if before is not None:
                state.values, state.written, state.token = before
            raise
        finally:
            state.effects.clear()
        return [Known(found.get(result, result)) for result in results]

    # --- branches and loops --------------------------------------------------------------------------------------------

    def _choose(self, operation: Operation, operands: Sequence[Known]) -> Sequence[Known]:
        is_true = bool(_array(operands[0])[()])
        branch: Branch = operation.attributes["then_branch" if is_true else "else_branch"]
        results = self._carry_out(branch, operands[1:], Place(operation, "true" if is_true else "false"))
        missing = [Known(constant_node(np.zeros((), t.dtype.np))) for t in operation.outputs]
        return [unused if known is None else known for known, unused in zip(results, missing, strict=True)]

    def _iterate(self, operation: Operation, operands: Sequence[Known]) -> Sequence[Known]:
        count, ragged = operation.attributes["count"], operation.attributes["ragged"]
        condition, body = operation.attributes["cond_branch"], operation.attributes["body_branch"]
        carried, captured = list(operands[:count]), list(operands[count:])
        # The gradient of a loop counts its turns down, in its first loop variable.
        backwards = int(_array(operands[0])[()]) if body.graph.mirror is not None else None
        # Of what nobody takes nothing is kept: it may be large.
        places = [i for i, result in enumerate(operation.outputs) if i >= count and (self._wanted is None or result in self._wanted)]
        kept: dict[int, list[Any]] = {i: [] for i in places}
        turn = 0
        while self._goes_on(condition, [*carried, *captured], Place(operation, "condition", turn)):
            forward_turn = None if backwards is None else backwards - 1 - turn
            results = self._carry_out(body, [*carried, *captured], Place(operation, "body", turn, forward_turn))
            carried = [known for known in results[:count] if known is not None]
            for i in places:
                kept[i].append(results[i])
            turn += 1
        if turn == 0:
            return self._without_turns(operation, operands, count)
        stacks = {i: self._stack(turns, body.outputs[i].tensor_type, i - count in ragged) for i, turns in kept.items()}
        return [*carried, *[stacks.get(i, Known(None)) for i in range(count, len(operation.outputs))]]

    def _goes_on(self, condition: Branch, operands: Sequence[Known], place: Place) -> bool:
        (result,) = self._carry_out(condition, operands, place)
        return result is not None and result.value is not None and bool(_array(result)[()])

    def _without_turns(self, operation: Operation, operands: Sequence[Known], count: int) -> list[Known]:
        """Return what a loop gives that never goes round. What it keeps of each turn has no rows, and yet a shape."""
        results = self._discharged(operation, [known.value for known in operands])
        return [*[Known(result.value, known.note) for result, known in zip(results, operands[:count], strict=False)], *results[count:]]

    def _stack(self, turns: Sequence[Known], turn_type: TensorType, may_differ: bool) -> Known:
        """Return what is kept of each turn of a loop as one value."""
        return Known(_constant(stacked([_array(known) for known in turns], turn_type, may_differ=may_differ)))

    def _carry_out(self, branch: Branch, operands: Sequence[Known], place: Place) -> list[Known | None]:
        """Do what the results of a branch need, one operation at a time; return them (None for those only another branch has)."""
        context = self._context
        around = (self._values, self.places, context.operation, context.guard, context.used)
        self._values = {inner: known for inner, known in zip(branch.inputs, operands, strict=True) if inner is not None}
        self.places = (*self.places, place)
        try:
            results = [t for t in branch.outputs if t is not None]
            if branch not in self._orders:
                self._orders[branch] = needed_operations(results, self._values)
            self.run(self._orders[branch], results)
            return [None if t is None else self._values[t] for t in branch.outputs]
        finally:
            self._values, self.places, context.operation, context.guard, context.used = around


def _taken(operation: Operation) -> list[Tensor]:
    """Return the tensors that an operation looks at."""
    return [*operation.inputs, operation.guard] if operation.guard is not None else list(operation.inputs)


def _constant(result: Any) -> Node:
    """Return what a kernel gave as a constant, with a copy of its own."""
    array = np.array(result)
    array.flags.writeable = False
    return constant_node(array)


def _array(known: Known) -> Any:
    return known.value.value  # type: ignore[union-attr]


class _KnownContext(Context):
    """Discharges where every value is known: after each operation nothing is left but constants."""

    def __init__(self, values: Mapping[str, Any], entropy: Callable[[str], int]) -> None:
        super().__init__(State(entropy))
        self.state.values = {name: constant_node(np.asarray(value)) for name, value in values.items()}
        self.state.known = set(values)

    def current(self, kind: str, name: str, tensor_type: TensorType) -> Node:
        """Return a piece of state as it is now."""
        if name not in self.state.values:
            if kind != "counter":
                raise FailedPreconditionError(None, None, f"Attempting to use uninitialized value {name}")
            self.state.values[name] = constant_node(np.int64(0), int64)
        return self.state.values[name]

    def is_initialized(self, ref: Reference) -> Node:
        """Return whether a variable has a value now."""
        return constant_node(self._has_value(ref))

    def get_or(self, ref: Reference, initial: Node) -> Node:
        """Return a variable's value now, or `initial` while it has none."""
        return self.get(ref) if self._has_value(ref) else initial

    def settle(self, results: Sequence[Node]) -> dict[Any, Node]:
        """Compute what the last operation left to compute, each node once: results, checks, actions, new values.

        Returns:
          The constant that each node comes to.
        """
        state = self.state
        nodes = dict.fromkeys([*results, *state.effects, state.token, *state.written.values()])
        pending = [node for node in nodes if not node.is_constant]
        if not pending:
            return {}
        with np.errstate(all="ignore"):
            values = run_once(Program(tuple([Output("fetch", str(i), node) for i, node in enumerate(pending)])))
        found: dict[Any, Node] = {node: _constant(value) for node, value in zip(pending, values, strict=True)}
        state.token = found.get(state.token, state.token)
        for name, node in state.written.items():
            state.values[name] = state.written[name] = found.get(node, node)
        return found
