"""The door between the two data models: recorded operations go in, an effect-free program comes out.

`discharge` finds the operations that the fetches need, takes them in the order in which they were recorded, and carries out each one
symbolically: a pure operation becomes a node, an effect changes the table of current values. What a variable's entry holds at the end
becomes an output of the program. After this no pass thinks about side effects.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphopt import shapes
from graphopt.compiler.branching import Choice, Loop
from graphopt.compiler.needed import needed_operations as needed_operations
from graphopt.dtypes import bool_, int64
from graphopt.errors import InvalidArgumentError, OpError
from graphopt.graph.capture import Branch
from graphopt.graph.operation import Operation, Tensor
from graphopt.ir.bind import CURRENT
from graphopt.ir.node import NODES, Node, constant_node, input_node
from graphopt.ir.program import Output, Program
from graphopt.ir.types import TensorType
from graphopt.ops import state
from graphopt.ops.control import ensure_shape
from graphopt.ops.elementwise import select


class Reference:
    """What a `ref` operand is while discharging: a variable, not its value."""

    __slots__ = ("builder", "name", "tensor_type")

    def __init__(self, name: str, tensor_type: TensorType) -> None:
        self.name = name
        self.tensor_type = tensor_type


class State:
    """The current values while discharging, and what has to happen besides.

    A branch of a `cond` discharges with a state of its own whose unknown values come from the outer one.
    """

    def __init__(self, entropy: Callable[[str], int]) -> None:
        self.values: dict[str, Node] = {}
        self.written: dict[str, Node] = {}
        self.counters: set[str] = set()
        self.effects: list[Node] = []
        self.fed: dict[str, Node] = {}
        self.known: set[str] = set()
        self.kinds: dict[str, tuple[str, TensorType]] = {}
        self.token: Node = constant_node(True)
        self.entropy = entropy
        self.origins: dict[Node, Operation] = {}

    def inside(self) -> State:
        """Return the state that a branch starts with: nothing is known but what was fed and which variables have a value."""
        inner = State(self.entropy)
        inner.fed = self.fed
        inner.known = self.known | set(self.written)
        inner.token = input_node("token", "token", TensorType(bool_, ()))
        return inner


class Context:
    """What a `discharge` rule sees of the run.

    Attributes:
      operation: the recorded operation whose turn it is.
      state: the current values.
      guard: the current operation's guard: a bool node, or None; where it is false nothing is written.
      used: the tensors that other operations of the run, or the caller, look at.
    """

    def __init__(self, run_state: State) -> None:
        self.state = run_state
        self.operation: Any = None
        self.guard: Any = None
        self.used: set[Tensor] = set()

    def ref(self) -> Reference:
        """Return the reference that the current (variable) operation gives."""
        output = self.operation.outputs[0]
        return Reference(self.operation.name, output.tensor_type)

    def get(self, ref: Reference) -> Node:
        """Return the variable's value at this point of the run."""
        if ref.name in self.state.fed:
            return self.state.fed[ref.name]
        return self.current("variable", ref.name, ref.tensor_type)

    def current(self, kind: str, name: str, tensor_type: TensorType) -> Node:
        """Return a piece of state as it is now: written in this run, or as the run found it."""
        if name not in self.state.values:
            self.state.values[name] = input_node(kind, name, tensor_type)
        return self.state.values[name]

    def set(self, ref: Reference, value: Node, validate_shape: bool = True) -> Node:
        """Give the variable a new value; return it."""
        if validate_shape and ref.tensor_type.shape is not None:
            value = self._checked(ref, value)
        value = self._guarded(value, lambda: self.get(ref))
        if ref.name in self.state.written:
            # Nobody sees the value that is overwritten, but it must not have failed.
            self.check(self.state.written[ref.name])
        self.state.values[ref.name] = value
        self.state.written[ref.name] = value
        self.state.kinds[ref.name] = ("variable", ref.tensor_type)
        return value

    def _guarded(self, value: Node, old: Callable[[], Node]) -> Node:
        """Return the value to write: the new one, or the old one where the operation's guard is false."""
        if self.guard is None:
            return value
        if self.guard.is_constant:
            return value if self.guard.value[()] else old()
        chosen: Node = select(self.guard, value, old())
        return chosen

    def _checked(self, ref: Reference, value: Node) -> Node:
        known = value.tensor_type.shape
        message = f"Assign requires shapes of both tensors to match. lhs shape= {shapes.format_shape(ref.tensor_type.shape)} rhs shape= "
        if not shapes.is_compatible(known, ref.tensor_type.shape):
            raise InvalidArgumentError(None, self.operation, message + shapes.format_shape(known))
        if known == ref.tensor_type.shape and value.tensor_type.is_static:
            return value
        checked: Node = ensure_shape(value, shape=ref.tensor_type.shape, message=message + "{shape}")
        return checked

    def is_initialized(self, ref: Reference) -> Node:
        """Return a bool node: whether the variable has a value now."""
        if self._has_value(ref):
            return constant_node(True)
        present: Node = state.is_set(input_node("optional", ref.name, ref.tensor_type))
        return present

    def get_or(self, ref: Reference, initial: Node) -> Node:
        """Return the variable's value now, or `initial` while it has none."""
        if self._has_value(ref):
            return self.get(ref)
        value: Node = state.value_or(input_node("optional", ref.name, ref.tensor_type), initial)
        return value

    def _has_value(self, ref: Reference) -> bool:
        return ref.name in self.state.written or ref.name in self.state.fed or ref.name in self.state.known

    def check(self, node: Node) -> None:
        """Make a check part of the run: it must pass, whether or not its value is used."""
        self.state.effects.append(node)
        _note_origin(node, self.operation, self.state.origins)

    def act(self, action: Callable[[Node], Node]) -> None:
        """Make an action part of the run, after all actions before it: ``action(token)`` gives the next token."""
        self.state.token = action(self.state.token)
        self.check(self.state.token)

    def counter(self) -> Node:
        """Return the counter of the current random operation: state that starts at 0."""
        return self.current("counter", self.operation.name, TensorType(int64, ()))

    def set_counter(self, value: Node) -> None:
        """Give the current random operation's counter a new value."""
        value = self._guarded(value, self.counter)
        self.state.values[self.operation.name] = value
        self.state.written[self.operation.name] = value
        self.state.kinds[self.operation.name] = ("counter", TensorType(int64, ()))
        self.state.counters.add(self.operation.name)

    def entropy(self) -> int:
        """Return a random number that stays the same for this operation in this session."""
        return self.state.entropy(self.operation.name)

    def choose(self, pred: Node, operands: Sequence[Any], then_branch: Branch, else_branch: Branch) -> tuple[Node, ...]:
        """Carry out one of two branches, whichever `pred` says at run time; return the results.

        Args:
          pred: a bool node. operands: nodes and references, as the branches' inputs. then_branch, else_branch: recorded branches.
        """
        if pred.is_constant:
            taken = self.carry_out(then_branch if pred.value[()] else else_branch, operands)
            return tuple(
                [
                    constant_node(np.zeros((), t.dtype.np)) if node is None else node
                    for node, t in zip(taken, self.operation.outputs, strict=True)
                ]
            )
        return Choice(self, pred, operands, then_branch, else_branch).results

    def iterate(
        self, operands: Sequence[Any], count: int, ragged: tuple[int, ...], cond_branch: Branch, body_branch: Branch
    ) -> tuple[Node, ...]:
        """Carry out a body as long as a condition holds at run time; return the results.

        Args:
          operands: nodes and references, as the branches' inputs; the first `count` are the loop variables.
          ragged: places, in what is kept, of tensors whose shape may differ from turn to turn.
          cond_branch: gives the condition. body_branch: gives the next loop variables, then what is kept of each turn.
        """
        return Loop(self, operands, count, ragged, cond_branch, body_branch).results

    def inside(self) -> Context:
        """Return the context that a branch is carried out in."""
        inner = Context(self.state.inside())
        inner.operation = self.operation
        return inner

    def carry_out(self, branch: Branch, operands: Sequence[Any]) -> list[Node | None]:
        """Carry out a branch here; return its results."""
        return carry_out_branch(branch, operands, self)


class Discharged:
    """A program with the recorded elements its names stand for.

    Attributes:
      program: the program; feeds are inputs of kind ``feed``, fetches outputs of kind ``fetch``, each named like its tensor.
      counters: names of the inputs and outputs that are random counters.
    """

    __slots__ = ("counters", "program")

    def __init__(self, program: Program, counters: frozenset[str]) -> None:
        self.program = program
        self.counters = counters


def discharge(fetches: Sequence[Tensor | Operation], feeds: Mapping[Tensor, TensorType], entropy: Callable[[str], int]) -> Discharged:
    """Return the effect-free program that computes `fetches`.

    Args:
      fetches: tensors whose values are wanted, and operations that must happen.
      feeds: the tensors that the caller gives, with their types; what only they would need is left out.
      entropy: gives a random operation without any seed its own seed, by name.

    Returns:
      The program: ``effect`` outputs first (checks and actions), then ``fetch``, then ``update``.

    Raises:
      OpError: for what is known to fail before anything runs, such as an unfed placeholder.
    """
    run_state = State(entropy)
    context = Context(run_state)
    values: dict[Tensor, Any] = {}
    for tensor, tensor_type in feeds.items():
        fed = input_node("feed", tensor.name, tensor_type)
        is_variable = tensor.op.opdef is state.variable
        values[tensor] = Reference(tensor.op.name, tensor.tensor_type) if is_variable else fed
        if is_variable:
            run_state.fed[tensor.op.name] = fed
    with_nodes = CURRENT.set(NODES)
    try:
        carry_out_all(needed_operations(fetches, feeds), values, context, fetches)
        outputs = _outputs(fetches, values, context)
    finally:
        CURRENT.reset(with_nodes)
    written = [Output("update", name, node) for name, node in run_state.written.items()]
    effects = [Output("effect", f"effect:{i}", node) for i, node in enumerate(run_state.effects)]
    return Discharged(Program((*effects, *outputs, *written), run_state.origins), frozenset(run_state.counters))


def _outputs(fetches: Iterable[Tensor | Operation], values: dict[Tensor, Any], context: Context) -> list[Output]:
    outputs: dict[str, Output] = {}
    for fetch in fetches:
        if isinstance(fetch, Tensor) and fetch.name not in outputs:
            value = values[fetch]
            node = context.get(value) if isinstance(value, Reference) else value
            outputs[fetch.name] = Output("fetch", fetch.name, node)
    return list(outputs.values())


def carry_out_all(
    operations: Sequence[Operation], values: dict[Tensor, Any], context: Context, wanted: Iterable[Tensor | Operation]
) -> None:
    """Carry out operations in order. None may fail, whether or not its value is used.

    Most operations can only fail when their shapes don't fit, and those are looked at when they are awaited (wanted by the caller,
    or by a control edge); what is declared to fail is always looked at.
    """
    awaited = {w for w in wanted if isinstance(w, Operation)}.union(*[operation._control_inputs for operation in operations])
    outer = context.used
    context.used = {w for w in wanted if isinstance(w, Tensor)}.union(*[operation.inputs for operation in operations])
    for operation in operations:
        carry_out(operation, values, context)
        if operation.opdef.discharge is None and operation.outputs and (operation.opdef.fallible or operation in awaited):
            context.check(values[operation.outputs[0]])
    context.used = outer


def carry_out(operation: Operation, values: dict[Tensor, Any], context: Context) -> None:
    """Carry out one recorded operation symbolically: enter its results in `values` and `context`."""
    opdef = operation.opdef
    operands = [values[t] for t in operation.inputs]
    context.operation = operation
    context.guard = None if operation.guard is None else values[operation.guard]
    try:
        if opdef.discharge is not None:
            results = opdef.discharge(context, *operands, **operation.attributes)
        else:
            results = opdef(*operands, **operation.attributes)
    except OpError as error:
        raise error if error.op is not None else error.with_op(operation) from None
    except (ValueError, TypeError) as error:
        raise InvalidArgumentError(None, operation, str(error).split("\n")[0]) from None
    if results is None:
        return
    for tensor, result in zip(operation.outputs, results if isinstance(results, tuple) else (results,), strict=True):
        if tensor not in values:
            values[tensor] = result
        if isinstance(result, Node):
            _note_origin(result, operation, context.state.origins)


def _note_origin(node: Node, operation: Operation, origins: dict[Node, Operation]) -> None:
    pending = [node]
    while pending:
        current = pending.pop()
        if current not in origins:
            origins[current] = operation
            pending.extend(current.inputs)


# --- branches ------------------------------------------------------------------------------------------------------------


def carry_out_branch(branch: Branch, operands: Sequence[Any], context: Context) -> list[Node | None]:
    """Carry out what the results of a branch need; return the results (None for those only another branch has)."""
    values = {inner: operand for inner, operand in zip(branch.inputs, operands, strict=True) if inner is not None}
    holder, guard = context.operation, context.guard
    results = [t for t in branch.outputs if t is not None]
    carry_out_all(needed_operations(results, values), values, context, results)
    context.operation, context.guard = holder, guard
    return [None if t is None else values[t] for t in branch.outputs]
