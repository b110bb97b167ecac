"""Branches and loops: programs inside of nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from graphopt.dtypes import float32, int32
from graphopt.errors import InternalError, ShapeError, invalid_argument
from graphopt.ir.interpret import run_program
from graphopt.ir.node import Node, input_node
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, define_op
from graphopt.ir.program import Output, Program
from graphopt.ir.samples import case, values
from graphopt.ir.types import TensorType
from graphopt.ops.elementwise import add, less, negative
from graphopt.shapes import Shape

# How the names of outputs of nested programs begin. UNUSED: a result that only the other branch has; nothing looks at it. NEXT: the next
# value of a loop variable. EACH: what is kept of each turn of a loop; RAGGED: the same for what is not as large in each turn, and is
# filled up with zeros. NEW: the new value of a piece of state.
UNUSED, NEXT, EACH, RAGGED, NEW = "unused ", "next ", "each ", "ragged ", "new "
# TOKEN: the token after the actions inside. DONE: True, once the checks inside have passed.
TOKEN, DONE = "token", "done"


def _captured(ctx: Any, dtype: Any, shape: Any) -> Any:
    raise InternalError(None, None, "A captured tensor has no value outside of its branch.")


captured = define_op(
    "captured(; dtype, shape)",
    infer=lambda dtype, shape: TensorType(dtype, shape), discharge=_captured, vjp=NOT_DIFFERENTIABLE, tf_name="Captured",
    doc="A tensor of the graph around a branch, as the branch sees it.",
)  # fmt: skip


def check_predicate(pred: TensorType) -> None:
    """Raise ShapeError unless a condition is a scalar (as far as its shape is known)."""
    if pred.rank not in (None, 0):
        raise ShapeError(f"Shape must be rank 0 but is rank {pred.rank}")


def results_of(program: Program) -> tuple[Output, ...]:
    """Return the outputs of a nested program that are results, in order."""
    return tuple([output for output in program.outputs if output.kind != "effect"])


def joined(then: Output, otherwise: Output) -> TensorType:
    """Return the type of a result that either branch may give."""
    a, b = then.node.tensor_type, otherwise.node.tensor_type
    if then.name.startswith(UNUSED):
        return b
    return a if otherwise.name.startswith(UNUSED) else TensorType(a.dtype, joined_shape(a.shape, b.shape))


def joined_shape(a: Shape, b: Shape) -> Shape:
    """Return what is known of a shape that is one of two.

    >>> joined_shape((2, 3), (2, 4)), joined_shape((2,), ())
    ((2, None), None)
    """
    if a is None or b is None or len(a) != len(b):
        return None
    return tuple([x if x == y else None for x, y in zip(a, b, strict=True)])


def _choose_type(
    pred: TensorType, *operands: TensorType, then_program: Program, else_program: Program, reads: Any
) -> tuple[TensorType, ...]:
    check_predicate(pred)
    return tuple([joined(a, b) for a, b in zip(results_of(then_program), results_of(else_program), strict=True)])


def _choose(xp: Any, pred: Any, *operands: Any, then_program: Program, else_program: Program, reads: Any) -> Any:
    taken = then_program if bool(pred) else else_program
    values = run_program(taken, dict(zip(reads, operands, strict=True)), xp)
    results = tuple([value for value, output in zip(values, taken.outputs, strict=True) if output.kind != "effect"])
    return results


_X = input_node("feed", "x", TensorType(float32, (2,)))

choose = define_op(
    "choose(pred: bool, *operands: each; then_program, else_program, reads) -> many()",
    infer=_choose_type,
    kernel=_choose,
    host_only=True,
    fallible=True,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="Choose",
    samples=[
        case(
            values(True, "bool"),
            "f32[2]",
            then_program=Program([Output("fetch", "y", negative(_X))]),
            else_program=Program([Output("fetch", "y", _X)]),
            reads=("feed x",),
        )
    ],
    doc="Run one of two programs; `reads` says which of their inputs each operand is, as 'kind name'.",
)


def _carried(output: Output, reads: Sequence[str]) -> list[int]:
    """Return the operands of a loop that an output of its body replaces in the next turn."""
    if output.name.startswith(NEXT):
        keys = [f"operand {output.name.removeprefix(NEXT)}"]
    elif output.name == TOKEN:
        keys = ["token token"]
    else:
        keys = [f"{kind} {output.name.removeprefix(NEW)}" for kind in ("variable", "optional", "counter") if output.kind == "update"]
    return [reads.index(key) for key in keys if key in reads]


def _iterate_type(*operands: TensorType, cond_program: Program, body_program: Program, reads: Any) -> tuple[TensorType, ...]:
    types = []
    for output in results_of(body_program):
        own = output.node.tensor_type
        if output.name.startswith((EACH, RAGGED)):
            types.append(TensorType(own.dtype, None if own.shape is None else (None, *own.shape)))
            continue
        shape = own.shape
        for place in _carried(output, reads):
            shape = joined_shape(shape, operands[place].shape)
        types.append(TensorType(own.dtype, shape))
    return tuple(types)


def _iterate(xp: Any, *operands: Any, cond_program: Program, body_program: Program, reads: Any) -> Any:
    current = list(operands)
    carried = [_carried(output, reads) for output in body_program.outputs]
    kept: list[list[Any]] = [[] for _ in carried]
    values: list[Any] = [None] * len(carried)
    while bool(run_program(cond_program, dict(zip(reads, current, strict=True)), xp)[-1]):
        values = run_program(body_program, dict(zip(reads, current, strict=True)), xp)
        for output, places, value, turns in zip(body_program.outputs, carried, values, kept, strict=True):
            for place in places:
                current[place] = value
            if output.name.startswith((EACH, RAGGED)):
                turns.append(value)
    results = []
    for output, places, turns in zip(body_program.outputs, carried, kept, strict=True):
        if output.name.startswith((EACH, RAGGED)):
            results.append(stacked(turns, output.node.tensor_type, may_differ=output.name.startswith(RAGGED)))
        elif output.kind != "effect":
            value = current[places[0]] if places else np.bool_(True)
            # A loop that never goes round hands on what it was given.
            results.append(xp.array(value) if any(value is operand for operand in operands) and isinstance(value, np.ndarray) else value)
    return tuple(results)


def stacked(turns: Sequence[Any], turn_type: TensorType, *, may_differ: bool) -> Any:
    """Return what the turns of a loop gave as one array.

    Args:
      turns: a value of each turn. turn_type: what is known of their type.
      may_differ: whether they may have several shapes; what is smaller is filled up with zeros.

    Raises:
      InvalidArgumentError: when they have several shapes and must not.
    """
    sizes = {np.shape(turn) for turn in turns}
    if len(sizes) > 1 and not may_differ:
        first, *others = sorted(sizes)
        rule = "What a loop gives in each turn, or keeps of it for its gradient, must have one shape"
        raise invalid_argument(f"{rule}: got {list(first)} and {list(others[0])}.")
    if len(sizes) > 1:
        shape = tuple([max(column) for column in zip(*sizes, strict=True)])
    else:
        shape = next(iter(sizes)) if sizes else tuple([size or 0 for size in turn_type.shape or ()])
    whole = np.zeros((len(turns), *shape), turn_type.dtype.np)
    for i, turn in enumerate(turns):
        place: tuple[Any, ...] = (i, *[slice(size) for size in np.shape(turn)])
        whole[place] = turn
    return whole


_V, _N = input_node("operand", "0", TensorType(float32, (2,))), input_node("operand", "1", TensorType(int32, ()))

iterate = define_op(
    "iterate(*operands: each; cond_program, body_program, reads) -> many()",
    infer=_iterate_type,
    kernel=_iterate,
    host_only=True,
    fallible=True,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="Iterate",
    samples=[
        case(
            "f32[2]",
            values(0, "i32"),
            cond_program=Program([Output("fetch", "condition", less(_N, 3))]),
            body_program=Program(
                [Output("fetch", f"{NEXT}0", negative(_V)), Output("fetch", f"{NEXT}1", add(_N, 1)), Output("fetch", f"{EACH}2", _V)]
            ),
            reads=("operand 0", "operand 1"),
        )
    ],
    doc="Run a program as long as another gives True; `reads` says which of their inputs each operand is, as 'kind name'.",
)


def specialized(node: Node, specialize: Callable[[Program, Mapping[tuple[str, str], TensorType]], Program]) -> dict[str, Any]:
    """Return the attributes of a node with its programs specialised to the types of its operands.

    Args:
      node: a node with programs. specialize: gives a program for inputs of the given types, by (kind, name).
    """
    if "reads" not in node.attributes:
        return node.attributes  # a fused loop, whose body is made for types that are all known
    reads = node.attributes["reads"]
    types = [source.tensor_type for source in node.inputs[len(node.inputs) - len(reads) :]]
    while True:
        known = {(key.split(" ", 1)[0], key.split(" ", 1)[1]): t for key, t in zip(reads, types, strict=True)}
        attributes = {key: specialize(value, known) if isinstance(value, Program) else value for key, value in node.attributes.items()}
        wider = list(types)
        for output in results_of(attributes["body_program"]) if "body_program" in attributes else ():
            for place in _carried(output, reads):
                wider[place] = TensorType(wider[place].dtype, joined_shape(wider[place].shape, output.node.tensor_type.shape))
        if wider == types:
            return attributes
        # The type of a loop variable must hold in every turn.
        types = wider
