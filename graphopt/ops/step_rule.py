"""Update rules whose hyper-parameters are float64 and whose state may have any shape.

`define_step_rule` makes one op of a rule ``update(var, *slots, *scalars, grad) -> (var, *slots)`` in the op vocabulary. It differs from
`ops/update_rule.py`, which follows TensorFlow's kernels: scalars come as float64, computed once per step for all variables, and are
rounded where they are used; float16 variables are computed, and keep their slots, in float32, in which no square of a small gradient is
lost; a slot may be a number, a row or a column.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from graphopt import dtypes, shapes
from graphopt.dtypes import DType
from graphopt.errors import ShapeError
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.types import TensorType
from graphopt.ops.elementwise import cast, zeros_as
from graphopt.ops.gradient_rows import check_gradient_rows
from graphopt.ops.state import rows_add
from graphopt.ops.update_rule import same_shape

Update = Callable[..., tuple[Any, ...]]


class StepRule(NamedTuple):
    """One update rule as an op.

    Attributes:
      op: takes the variable, the slots, the scalars and the gradient; gives the variable's new value.
      slots: the names of the slots, in order. scalars: those of the float64 scalars.
    """

    op: OpDef
    slots: tuple[str, ...]
    scalars: tuple[str, ...]


def compute_type(dtype: DType) -> DType:
    """Return the element type in which variables of a type are updated, and that of their slots: float32 for float16."""
    return dtypes.float32 if dtype is dtypes.float16 else dtype


def define_step_rule(
    name: str, tf_name: str, update: Update, *, slots: str = "", scalars: str = "", attributes: str = "", doc: str, ref: str
) -> StepRule:
    """Define the op of an update rule.

    Args:
      name: its name; tf_name: its name as TensorFlow would write it. Both come after ``step_`` and ``Step``.
      update: ``update(var, *slots, *scalars, grad, **attributes)`` gives the new values of the variable and its slots.
      slots, scalars: names of the operands. attributes: attributes with their defaults. doc: what the rule does. ref: its source.
    """
    slot_names, scalar_names = tuple(slots.split()), tuple(scalars.split())
    operands = ["var: ref", *[f"{slot}: ref" for slot in slot_names], *[f"{s}: f64" for s in scalar_names], "grad: same(var)"]
    count = 1 + len(slot_names)

    def discharge(ctx: Any, *given: Any, **settings: Any) -> Any:
        references, (*factors, grad) = given[:count], given[count:]
        current = [ctx.get(reference) for reference in references]
        dtype = compute_type(current[0].dtype)
        used = [cast(value, dtype) for value in (*current, *factors, _of_same_shape(grad, current[0]))]
        new_values = update(*used, **settings)
        written = [ctx.set(r, cast(value, old.dtype)) for r, old, value in zip(references, current, new_values, strict=True)]
        return written[0]

    tail = f"; {attributes}" if attributes else ""
    op = define_op(
        f"step_{name}({', '.join(operands)}{tail})",
        infer=_type_of_variable,
        discharge=discharge,
        vjp=NOT_DIFFERENTIABLE,
        tf_name=f"Step{tf_name}",
        doc=doc,
        ref=ref,
    )
    return StepRule(op, slot_names, scalar_names)


def _type_of_variable(var: TensorType, *others: TensorType, **attributes: Any) -> TensorType:
    _check_shapes(var, others[-1])
    return var


def _check_shapes(var: TensorType, grad: TensorType) -> None:
    if not shapes.is_compatible(var.shape, grad.shape):
        pair = f"{shapes.format_shape(var.shape)} and {shapes.format_shape(grad.shape)}"
        raise ShapeError(f"A variable and its gradient must have the same shape, got {pair}")


def checked_gradient(grad: Any, var: Any) -> Any:
    """Return a gradient; raise ShapeError, or while running, unless it has the shape of its variable's value."""
    _check_shapes(var.tensor_type, grad.tensor_type)
    return _of_same_shape(grad, var)


def _of_same_shape(grad: Any, var: Any) -> Any:
    own, wanted = grad.tensor_type, var.tensor_type
    if own.is_static and own.shape == wanted.shape:
        return grad
    return same_shape(grad, var, message="A variable and its gradient must have the same shape, got {y} and {x}")


def dense_gradient(rows: Any, indices: Any, var: Any) -> Any:
    """Return rows of a gradient as a gradient as large as the variable: repeated rows add up, the others are zeros."""
    return rows_add(zeros_as(var), check_gradient_rows(indices, rows, var), rows)
