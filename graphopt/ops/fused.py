"""Many elementwise steps, and the reductions at their ends, as one: what the fusion pass makes and a native backend runs as one loop."""

from __future__ import annotations

from typing import Any

from graphopt.dtypes import float32
from graphopt.ir.interpret import run_program
from graphopt.ir.node import input_node
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, define_op
from graphopt.ir.program import Output, Program
from graphopt.ir.samples import case
from graphopt.ir.types import TensorType
from graphopt.ops.broadcast import reduce_sum_op
from graphopt.ops.elementwise import add, exp


def operand_input(index: int, tensor_type: TensorType) -> Any:
    """Return the input of a body that stands for the operand at `index`."""
    return input_node("operand", str(index), tensor_type)


def _fused(xp: Any, *operands: Any, body: Program) -> Any:
    return tuple(run_program(body, {f"operand {i}": value for i, value in enumerate(operands)}, xp))


_X, _Y = (operand_input(i, TensorType(float32, (3, 4))) for i in range(2))
_SUM = add(exp(_X), _Y)

fused = define_op(
    "fused(*operands: each; body) -> many()",
    infer=lambda *operands, body: tuple([output.node.tensor_type for output in body.outputs]),
    kernel=_fused,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="Fused",
    samples=[
        case(
            "f32[3,4]",
            "f32[3,4]",
            body=Program([Output("fetch", "0", _SUM), Output("fetch", "1", reduce_sum_op(_SUM, axis=(0,), keepdims=False))]),
        )
    ],
    doc="Run a body of elementwise steps over one shape, and reductions of it, with the operands as the body's inputs.",
)
