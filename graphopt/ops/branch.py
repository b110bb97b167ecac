"""Branches: the value of one of two nested programs."""

from __future__ import annotations

from typing import Any

from graphopt.dtypes import float32
from graphopt.errors import InternalError, ShapeError
from graphopt.ir.interpret import run_program
from graphopt.ir.node import input_node
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, define_op
from graphopt.ir.program import Output, Program
from graphopt.ir.samples import case, values
from graphopt.ir.types import TensorType
from graphopt.ops.elementwise import negative
from graphopt.shapes import Shape

# An output with such a name stands for a result that only the other branch has; nothing looks at it.
UNUSED = "unused "


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
