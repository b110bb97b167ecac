"""`while_loop`, with gradients of any order.

Condition and body are recorded into graphs of their own; one operation holds both. Besides the last values of the loop variables it
gives, stacked, what each turn began with and what its effects gave. The gradient is a loop of the same kind that runs backwards over
these and differentiates the body.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphopt import shapes
from graphopt.autodiff.gradients import backpropagate
from graphopt.dtypes import bool_, int32
from graphopt.errors import ArgumentError, ArgumentTypeError, DTypeError, ShapeError, lines
from graphopt.graph.capture import Branch, BranchGraph, Mirror, effects_reached, record_branch
from graphopt.graph.constants import bind_constant
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.nest import assert_same_structure, flatten, is_nested, pack_sequence_as
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ir.opdef import define_op
from graphopt.ir.types import TensorType
from graphopt.ops import state
from graphopt.ops.array import identity
from graphopt.ops.branch import check_predicate
from graphopt.ops.elementwise import add, greater, less, logical_and, subtract, zeros_as
from graphopt.ops.indexing import gather
from graphopt.shapes import Shape

# --- the operation ---------------------------------------------------------------------------------------------------------


def _while_type(*operands: TensorType, cond_branch: Branch, body_branch: Branch, count: int, ragged: Any) -> tuple[TensorType, ...]:
    carried = [tensor.tensor_type for tensor in body_branch.inputs[:count] if tensor is not None]
    kept = [tensor.tensor_type for tensor in body_branch.outputs[count:] if tensor is not None]
    return (*carried, *[TensorType(t.dtype, None if t.shape is None else (None, *t.shape)) for t in kept])


def _while_vjp(g: Any, out: Any, *operands: Any, cond_branch: Branch, body_branch: Branch, count: int, ragged: Any) -> Any:
    return _Backward(g, out, operands, body_branch, count).gradients()


while_op = define_op(
    "while(*operands: each; cond_branch, body_branch, count, ragged) -> many()",
    infer=_while_type,
    discharge=lambda ctx, *operands, cond_branch, body_branch, count, ragged: ctx.iterate(
        operands, count, ragged, cond_branch, body_branch
    ),
    vjp=_while_vjp,
    tf_name="While",
    doc="Run a body as long as a condition holds.",
    ref="https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/while_loop",
)


class Recorder:
    """A condition and a body while they are recorded.

    Attributes:
      cond, body: the two graphs, each with a tensor for every loop variable (`cond_inputs`, `body_inputs`).
    """

    def __init__(self, types: Sequence[TensorType], mirror: Mirror | None = None) -> None:
        outer = get_default_graph()
        owner = f"'{outer.get_name_scope()}'"
        self.cond = BranchGraph(outer, owner)
        self.body = BranchGraph(outer, owner, mirror)
        self.cond_inputs = [self.cond.add_input(t, "variable") for t in types]
        self.body_inputs = [self.body.add_input(t, "variable") for t in types]

    def finish(
        self, initial: Sequence[Tensor], condition: Tensor, following: Sequence[Tensor], collected: Sequence[Tensor]
    ) -> tuple[Tensor, ...]:
        """Close both graphs and record the operation; return the last loop variables, then what was collected, stacked."""
        # The last loop variable counts the turns, for the gradient.
        turns = bind_constant(np.array(0, np.int32), "turns")
        initial = [*initial, turns]
        for graph, inputs in ((self.cond, self.cond_inputs), (self.body, self.body_inputs)):
            inputs.append(graph.add_input(turns.tensor_type, "turn"))
        following = [*following, record_branch(self.body, lambda: add(self.body_inputs[-1], 1))]
        reached = effects_reached([*following, *collected])
        kept = list(dict.fromkeys([*collected, *self.body_inputs[:-1], *reached]))
        # A loop inside has not as many turns in each turn of this one.
        ragged = tuple([i for i, t in enumerate(kept) if t.op.opdef is while_op and t.value_index >= t.op.attributes["count"]])
        captures = list(dict.fromkeys([*self.cond.captures, *self.body.captures]))
        branches = []
        for graph, inputs, outputs in ((self.cond, self.cond_inputs, (condition,)), (self.body, self.body_inputs, (*following, *kept))):
            graph.close()
            branches.append(Branch(graph, (*inputs, *[graph.captures.get(t) for t in captures]), outputs))
        with get_default_graph().control_dependencies([*self.cond.control_captures, *self.body.control_captures]):
            made: tuple[Tensor, ...] = while_op(
                *initial, *captures, cond_branch=branches[0], body_branch=branches[1], count=len(initial), ragged=ragged, name="While"
            )
        return (*made[: len(initial) - 1], *[made[len(initial) + kept.index(t)] for t in collected])


# --- the gradient ----------------------------------------------------------------------------------------------------------


class _Backward:
    """The gradient of a loop: from the last turn to the first, the gradient of the body with the values that the turn had."""

    def __init__(self, g: Sequence[Any], out: Sequence[Tensor], operands: Sequence[Tensor], body: Branch, count: int) -> None:
        self.g, self.out, self.operands, self.forward, self.count = g, out, operands, body, count
        self.mirror = Mirror(body.graph, {})
        self.variables = [i for i in range(count) if operands[i].dtype.is_floating]
        self.captures = [i for i in range(count, len(operands)) if (inner := body.inputs[i]) is not None and inner.dtype.is_floating]

    def gradients(self) -> list[Any]:
        """Record the loop; return a gradient, or None, for each operand."""
        slopes = [self._type(i) for i in (*self.variables, *self.captures)]
        recorder = Recorder([TensorType(int32, ()), *slopes], self.mirror)
        turn, *arriving = recorder.body_inputs
        following, used = record_branch(recorder.body, lambda: self._turn(recorder.body, turn, arriving))
        condition = record_branch(recorder.cond, lambda: greater(recorder.cond_inputs[0], 0))
        keep = [0, *[1 + i for i in range(len(slopes)) if used[i]]]
        recorder.cond_inputs = [recorder.cond_inputs[i] for i in keep]
        recorder.body_inputs = [recorder.body_inputs[i] for i in keep]
        initial = [self.out[self.count - 1], *[self._start(i) for i in (*self.variables, *self.captures)]]
        made = recorder.finish([initial[i] for i in keep], condition, [following[i] for i in keep], [])
        results: list[Any] = [None] * len(self.operands)
        for place, gradient in zip(keep[1:], made[1:], strict=True):
            results[(*self.variables, *self.captures)[place - 1]] = gradient
        return results

    def _type(self, place: int) -> TensorType:
        inner = self.forward.inputs[place]
        return self.operands[place].tensor_type if inner is None else inner.tensor_type

    def _start(self, place: int) -> Tensor:
        """Return the gradient before the last turn: that of the result for a loop variable, zeros for a captured tensor."""
        if place < self.count and self.g[place] is not None:
            return convert_to_tensor(self.g[place])
        operand = self.out[place] if place < self.count else self.operands[place]
        value: Tensor = zeros_as(state.read(operand) if operand.op.opdef is state.variable else operand)
        return value

    def _turn(self, graph: BranchGraph, turn: Tensor, arriving: Sequence[Tensor]) -> tuple[list[Tensor], list[bool]]:
        """Record one turn of the gradient; return what follows, and which loop variables matter."""
        at = subtract(turn, 1)
        known: dict[Tensor, Tensor] = {}
        pairs: list[tuple[Tensor, Any]] = []
        for output, result, gradient in zip(self.forward.outputs[self.count :], self.out[self.count :], self.g[self.count :], strict=True):
            if output is not None:
                known[output] = gather(graph.adopt(result), at)
                if gradient is not None:
                    pairs.append((output, gather(graph.adopt(convert_to_tensor(gradient)), at)))
        captured = zip(self.forward.inputs[self.count :], self.operands[self.count :], strict=True)
        known.update({inner: operand for inner, operand in captured if inner is not None})
        self.mirror.learn(known)
        for place, gradient in zip(self.variables, arriving, strict=False):
            target = self.forward.outputs[place]
            if target is not None:
                pairs.append((target, gradient))
        places = [*self.variables, *self.captures]
        sources: list[Any] = [self.forward.inputs[place] for place in places]
        found = backpropagate([t for t, _ in pairs], sources, [s for _, s in pairs], set())
        following, used = [at], []
        for place, before, gradient in zip(places, arriving, found, strict=True):
            if place < self.count:
                following.append(graph.adopt(zeros_as(before) if gradient is None else convert_to_tensor(gradient)))
                used.append(True)
            else:
                following.append(before if gradient is None else _plus(before, gradient))
                used.append(gradient is not None)
        return following, used


def _plus(total: Tensor, gradient: Any) -> Tensor:
    if isinstance(gradient, IndexedSlices):
        rows: Tensor = state.rows_add(total, gradient.indices, gradient.values)
        return rows
    whole: Tensor = add(total, gradient)
    return whole


# --- while_loop ------------------------------------------------------------------------------------------------------------


def while_loop(
    cond: Any,
    body: Any,
    loop_vars: Any,
    *,
    shape_invariants: Any = None,
    maximum_iterations: Any = None,
    return_same_structure: bool = False,
    name: str | None = None,
) -> Any:
    """Return the loop variables after a body has run as long as a condition holds.

    Args:
      cond: a function of the loop variables that gives a bool scalar. body: a function of them that gives their next values.
      loop_vars: a (nested) list or tuple of tensors and numbers.
      shape_invariants: shapes that hold in every turn, in the structure of loop_vars; by default those at the beginning.
      maximum_iterations: how many turns there are at most. return_same_structure: give a list of one back as a list.
      name: name of the scope.

    Raises:
      TypeError: when cond or body is no function, or a type changes. ValueError: without loop variables, or when a shape changes.

    Example:
      >>> i, total = tf.while_loop(lambda i, t: i < 5, lambda i, t: (i + 1, t + i), [0, 0])
      >>> tf.Session().run([i, total])
      [np.int32(5), np.int32(10)]
    """
    if not callable(cond):
        raise ArgumentTypeError("cond must be callable.")
    if not callable(body):
        raise ArgumentTypeError("body must be callable.")
    if not flatten(loop_vars):
        raise ArgumentError("No loop variables provided.")
    with name_scope(name, "while"):
        initial = [convert_to_tensor(value) for value in flatten(loop_vars)]
        invariants = _invariants(loop_vars, initial, shape_invariants)
        if maximum_iterations is None:
            made = _record_loop(cond, body, loop_vars, initial, invariants)
        else:
            limit = convert_to_tensor(maximum_iterations, dtype=None if hasattr(maximum_iterations, "builder") else int32)
            start = convert_to_tensor(0, dtype=limit.dtype)
            made = _record_loop(
                lambda turn, values: logical_and(less(turn, limit), cond(*_arguments(values))),
                lambda turn, values: (add(turn, 1), _as_structure(body(*_arguments(values)), values)),
                (start, loop_vars),
                [start, *initial],
                [(), *invariants],
            )[1:]
        results = [identity(tensor, name="Exit") for tensor in made]
    packed = pack_sequence_as(loop_vars, results)
    unpacks = is_nested(packed) and not isinstance(packed, dict) and len(packed) == 1 and not return_same_structure
    return packed[0] if unpacks else packed


def _arguments(loop_vars: Any) -> Sequence[Any]:
    return loop_vars if isinstance(loop_vars, (list, tuple)) else [loop_vars]


def _as_structure(given: Any, loop_vars: Any) -> Any:
    """Return what a body gave in the structure of the loop variables."""
    if not isinstance(loop_vars, (list, tuple)):
        return given
    items = list(given) if isinstance(given, (list, tuple)) else [given]
    assert_same_structure(list(loop_vars), items)
    return pack_sequence_as(loop_vars, flatten(items))


def _invariants(loop_vars: Any, initial: Sequence[Tensor], given: Any) -> list[Shape]:
    if given is None:
        return [t.tensor_type.shape for t in initial]
    known = given if is_nested(given) and not isinstance(given, shapes.TensorShape) else [given]
    flat = [shapes.to_shape(s) for s in known]
    if len(flat) != len(initial):
        raise ArgumentError(f"shape_invariants has {len(flat)} shapes for {len(initial)} loop variables.")
    for tensor, shape in zip(initial, flat, strict=True):
        if not _is_less_specific(shape, tensor.tensor_type.shape):
            rule = f"The shape invariant specified for {tensor.name} is not compatible with the initial shape of the loop variable."
            detail = f"It enters the loop with shape {tensor.shape}, but the specified shape invariant is {shapes.format_tf(shape)}."
            raise ShapeError(f"{rule} {detail}")
    return flat


def _is_less_specific(shape: Shape, other: Shape) -> bool:
    """Return True when every tensor of shape `other` has shape `shape`."""
    if shape is None:
        return True
    return other is not None and len(shape) == len(other) and all(a is None or a == b for a, b in zip(shape, other, strict=True))


def _record_loop(
    cond: Callable[..., Any], body: Callable[..., Any], loop_vars: Any, initial: Sequence[Tensor], invariants: Sequence[Shape]
) -> list[Tensor]:
    recorder = Recorder([TensorType(t.dtype, s) for t, s in zip(initial, invariants, strict=True)])
    condition = record_branch(
        recorder.cond, lambda: _condition(recorder.cond, cond(*_arguments(pack_sequence_as(loop_vars, recorder.cond_inputs))))
    )

    def turn() -> list[Tensor]:
        given = body(*_arguments(pack_sequence_as(loop_vars, recorder.body_inputs)))
        flat = flatten(_as_structure(given, loop_vars))
        return [
            following_value(recorder.body, value, variable, first)
            for value, variable, first in zip(flat, recorder.body_inputs, initial, strict=True)
        ]

    following = record_branch(recorder.body, turn)
    return list(recorder.finish(initial, condition, following, []))


def _condition(graph: BranchGraph, value: Any) -> Tensor:
    tensor = graph.adopt(convert_to_tensor(value))
    if tensor.dtype is not bool_:
        raise DTypeError(f"The condition of a while_loop must be a bool tensor, got {tensor.dtype.name}.")
    check_predicate(tensor.tensor_type)
    return tensor


def following_value(graph: BranchGraph, value: Any, variable: Tensor, first: Tensor) -> Tensor:
    """Return the next value of a loop variable as a tensor of the body; its type and shape must be the variable's."""
    tensor = graph.adopt(convert_to_tensor(value, dtype=None if hasattr(value, "builder") else variable.dtype))
    tensor = state.read(tensor) if tensor.op.opdef is state.variable else tensor
    if tensor.dtype is not variable.dtype:
        rule = f"Loop variable {first.name} enters the loop with type {variable.dtype.name}, "
        raise DTypeError(f"{rule}but has type {tensor.dtype.name} after one iteration.")
    if not _is_less_specific(variable.tensor_type.shape, tensor.tensor_type.shape):
        rule = f"The shape for {first.name} is not an invariant for the loop. It enters the loop with shape {variable.shape}, "
        rule += f"but has shape {tensor.shape} after one iteration."
        raise ShapeError(
            lines(
                rule, "Provide shape invariants with the `shape_invariants` argument of tf.while_loop or set_shape() on the loop variables."
            )
        )
    return tensor
