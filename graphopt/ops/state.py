"""Variables and what changes them. These ops have a `discharge` in place of a kernel; nothing else in the compiler knows variables.

A `ref` operand stands for the variable, not its value: `ctx.get(ref)` gives the value at this point of the run, `ctx.set(ref, value)`
replaces it (`compiler/discharge.py`).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.errors import OutOfRangeError, ShapeError
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.samples import arg, case, values
from graphopt.ir.types import TensorType
from graphopt.ops.checks import check_indices
from graphopt.ops.elementwise import add, negative, subtract
from graphopt.ops.indexing import gather_op
from graphopt.shapes import Shape

STATE = "https://www.tensorflow.org/versions/r1.15/api_docs/python/tf"

variable = define_op(
    "variable(; dtype, shape)",
    infer=lambda dtype, shape: TensorType(dtype, shape),
    discharge=lambda ctx, **attributes: ctx.ref(), only_reads=True, vjp=(), tf_name="VariableV2",
    doc="A variable: its result is a reference, which reads and writes take.", ref=f"{STATE}/Variable",
)  # fmt: skip

read = define_op(
    "read(ref: ref) -> like(ref)",
    discharge=lambda ctx, ref: ctx.get(ref), only_reads=True, vjp=lambda g, out, ref: g, passes_slices=True,
    tf_name="Identity", default_name="read",
    doc="Return the value of a variable at this point of the run.",
)  # fmt: skip


setting = define_op(
    "setting()", infer=lambda: TensorType(dtypes.float64, ()),
    discharge=lambda ctx: ctx.get(ctx.ref()), only_reads=True, vjp=(), tf_name="Setting",
    doc="Return a number that is set from outside while running. It is state that starts with a value and that no operation writes.",
)  # fmt: skip


def _assign_type(ref: TensorType, value: TensorType, validate_shape: bool = True) -> TensorType:
    if validate_shape and not shapes.is_compatible(ref.shape, value.shape):
        found = f"lhs shape= {shapes.format_shape(ref.shape)} rhs shape= {shapes.format_shape(value.shape)}"
        raise ShapeError(f"Assign requires shapes of both tensors to match. {found}")
    return value if value.is_static else TensorType(ref.dtype, ref.shape)


assign = define_op(
    "assign(ref: ref, value: same(ref); validate_shape = True)",
    infer=_assign_type, discharge=lambda ctx, ref, value, validate_shape: ctx.set(ref, value, validate_shape), vjp=NOT_DIFFERENTIABLE,
    tf_name="Assign", doc="Give a variable a new value; return it.", ref=f"{STATE}/assign",
)  # fmt: skip


def _update(name: str, tf_name: str, combine: Any, doc: str) -> OpDef:
    return define_op(
        f"{name}(ref: ref, value: same(ref))",
        infer=_assign_type,
        discharge=lambda ctx, ref, value: ctx.set(ref, combine(ctx.get(ref), value)),
        vjp=NOT_DIFFERENTIABLE,
        tf_name=tf_name,
        doc=doc,
        ref=f"{STATE}/{name}",
    )


assign_add = _update("assign_add", "AssignAdd", add, "Add to a variable; return its new value.")
assign_sub = _update("assign_sub", "AssignSub", subtract, "Subtract from a variable; return its new value.")


def _optional_type(ref: TensorType) -> TensorType:
    return TensorType(dtypes.bool_, ())


is_set = define_op(
    "is_set(x: any)",
    infer=_optional_type,
    kernel=lambda xp, x: np.bool_(x is not None),
    host_only=True,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="IsSet",
    samples=[case("f32[2]")],
    doc="Return whether an optional input is present.",
)
value_or = define_op(
    "value_or(x: any, y: same(x))",
    infer=lambda x, y: y if y.is_static else x,
    kernel=lambda xp, x, y: xp.array(y)[()] if x is None else x,
    host_only=True,
    view_of="x",
    vjp=NOT_DIFFERENTIABLE,
    tf_name="ValueOr",
    samples=[case("f32[2]", "f32[2]")],
    doc="Return an optional input where it is present, else y.",
)

is_variable_initialized = define_op(
    "is_variable_initialized(ref: ref)",
    infer=_optional_type, discharge=lambda ctx, ref: ctx.is_initialized(ref), only_reads=True, vjp=NOT_DIFFERENTIABLE,
    tf_name="IsVariableInitialized",
    doc="Return whether a variable has a value at this point of the run.", ref=f"{STATE}/is_variable_initialized",
)  # fmt: skip

initialized_value = define_op(
    "initialized_value(ref: ref, initial: same(ref))",
    infer=lambda ref, initial: ref,
    discharge=lambda ctx, ref, initial: ctx.get_or(ref, initial),
    only_reads=True,
    vjp=(lambda g, out, ref, initial: g, None),
    tf_name="InitializedValue",
    doc="Return a variable's value, or its initial value while it has none.",
    ref=f"{STATE}/Variable#initialized_value",
)

require_value = define_op(
    "require_value(ref: ref) ->",
    discharge=lambda ctx, ref: ctx.check(ctx.get(ref)),
    only_reads=True,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="AssertInitialized",
    doc="Raise FailedPreconditionError unless a variable has a value at this point of the run.",
    ref=f"{STATE}/assert_variables_initialized",
)

# --- sparse writes: pure scatters, and the variable ops made of them ------------------------------------------------------------


def _scatter_type(x: TensorType, indices: TensorType, updates: TensorType) -> TensorType:
    if x.shape is not None and indices.shape is not None and updates.shape is not None:
        expected: Shape = indices.shape + x.shape[1:]
        if updates.shape != () and not shapes.is_compatible(updates.shape, expected):
            raise ShapeError(
                "Must have updates.shape = indices.shape + params.shape[1:] or updates.shape = [], "
                f"got updates.shape {shapes.format_shape(updates.shape)}, "
                f"indices.shape {shapes.format_shape(indices.shape)}, params.shape {shapes.format_shape(x.shape)}"
            )
    return x


def _checked_rows_kernel(xp: Any, indices: Any, x: Any) -> Any:
    check_indices(indices, x.shape[0])
    return indices


checked_rows = define_op(
    "checked_rows(indices: index, x: any)",
    infer=lambda indices, x: indices,
    kernel=_checked_rows_kernel,
    fallible=True,
    view_of="indices",
    vjp=NOT_DIFFERENTIABLE,
    tf_name="CheckedRows",
    samples=[case(arg("i32[3]", 0, 5), "f32[5,2]")],
    doc="Return the indices; raise unless each is a row of x.",
)


def _at(ufunc: np.ufunc, out: Any, indices: Any, updates: Any) -> None:
    """Do ``ufunc.at(out, indices, updates)``, element by element: NumPy is several times as fast in one dimension."""
    if out.ndim == 1 or not out.flags.c_contiguous or out.size == 0:
        ufunc.at(out, indices, updates)
        return
    width = out[0].size
    at = indices.reshape(-1, 1).astype(np.intp) * width + np.arange(width)
    ufunc.at(out.reshape(-1), at.reshape(-1), np.broadcast_to(updates, indices.shape + out.shape[1:]).reshape(-1))


def _scatter(name: str, numpy_at: str | None, doc: str, vjp: Any = NOT_DIFFERENTIABLE) -> OpDef:
    """Define a pure scatter. Its indices have passed `checked_rows`, so it can't fail and may overwrite a variable where it stands."""

    def into(out: Any, x: Any, indices: Any, updates: Any) -> None:
        if out is not x:
            np.copyto(out, x)
        if numpy_at is None:
            out[indices] = updates
        else:
            _at(getattr(np, numpy_at), out, indices, updates)

    def kernel(xp: Any, x: Any, indices: Any, updates: Any) -> Any:
        result = np.array(x)
        into(result, result, indices, updates)
        return result

    return define_op(
        f"{name}(x: any, indices: index, updates: same(x))",
        infer=_scatter_type,
        kernel=kernel,
        vjp=vjp,
        into=into,
        overwrites="x",
        tf_name=f"Pure{name.title().replace('_', '')}",
        doc=doc,
        samples=[case("f32[5,2]", arg("i32[3]", 0, 5), "f32[3,2]"), case("f64[4]", values([[1, 1]], "i64"), "f64[1,2]")],
    )


rows_add = _scatter("rows_add", "add", "Return x with updates added to the given rows; repeated rows add up.",
                    (lambda g, out, x, indices, updates: g, None, lambda g, out, x, indices, updates: gather_op(g, indices)))  # fmt: skip
rows_subtract = _scatter(
    "rows_subtract",
    "subtract",
    "Return x with updates subtracted from the given rows; repeated rows add up.",
    (lambda g, out, x, indices, updates: g, None, lambda g, out, x, indices, updates: negative(gather_op(g, indices))),
)
rows_update = _scatter("rows_update", None, "Return x with the given rows replaced; of repeated rows the last holds.")
rows_multiply = _scatter("rows_multiply", "multiply", "Return x with the given rows multiplied.")
rows_divide = _scatter("rows_divide", "divide", "Return x with the given rows divided.")
rows_max = _scatter("rows_max", "maximum", "Return x with the larger of the given rows and the updates.")
rows_min = _scatter("rows_min", "minimum", "Return x with the smaller of the given rows and the updates.")


def write_rows(pure: OpDef, x: Any, indices: Any, updates: Any) -> Any:
    """Return ``pure(x, indices, updates)`` after checking that the indices are rows of `x`."""
    return pure(x, checked_rows(indices, x), updates)


def _scatter_variable(name: str, tf_name: str, pure: OpDef, doc: str) -> OpDef:
    return define_op(
        f"{name}(ref: ref, indices: index, updates: same(ref))",
        infer=_scatter_type,
        discharge=lambda ctx, ref, indices, updates: ctx.set(ref, write_rows(pure, ctx.get(ref), indices, updates)),
        vjp=NOT_DIFFERENTIABLE,
        tf_name=tf_name,
        doc=doc,
        ref=f"{STATE}/{name}",
    )


scatter_add = _scatter_variable("scatter_add", "ScatterAdd", rows_add, "Add to rows of a variable; repeated rows add up.")
scatter_sub = _scatter_variable("scatter_sub", "ScatterSub", rows_subtract, "Subtract from rows of a variable; repeated rows add up.")
scatter_update = _scatter_variable("scatter_update", "ScatterUpdate", rows_update, "Replace rows of a variable.")
scatter_mul = _scatter_variable("scatter_mul", "ScatterMul", rows_multiply, "Multiply rows of a variable.")
scatter_div = _scatter_variable("scatter_div", "ScatterDiv", rows_divide, "Divide rows of a variable.")
scatter_max = _scatter_variable("scatter_max", "ScatterMax", rows_max, "Take the larger of rows of a variable and the updates.")
scatter_min = _scatter_variable("scatter_min", "ScatterMin", rows_min, "Take the smaller of rows of a variable and the updates.")


def _count_up(ctx: Any, ref: Any, limit: int) -> Any:
    value = ctx.get(ref)
    ctx.check(check_below(value, limit=limit))
    ctx.set(ref, add(value, 1))
    return value


def _check_below(xp: Any, x: Any, limit: int) -> Any:
    if x >= limit:
        raise OutOfRangeError(None, None, f"Reached limit of {limit}")
    return x


check_below = define_op(
    "check_below(x: int; limit) -> like(x)",
    kernel=_check_below,
    fallible=True,
    host_only=True,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="CheckBelow",
    samples=[case(values(3, "i64"), limit=5)],
    doc="Return the operand; OutOfRangeError when it has reached the limit.",
)

count_up_to = define_op(
    "count_up_to(ref: ref; limit) -> like(ref)",
    discharge=_count_up,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="CountUpTo",
    doc="Return a variable's value and add one; OutOfRangeError at the limit.",
    ref=f"{STATE}/count_up_to",
)
