"""Grouping, placeholders, checks and actions."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.errors import (
    InvalidArgumentError,
    OpError,
    OutOfRangeError,
    ResourceExhaustedError,
    ShapeError,
    UnimplementedError,
    UnknownError,
    invalid_argument,
)
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.samples import case, values
from graphopt.ir.types import TensorType

CONTROL = "https://www.tensorflow.org/versions/r1.15/api_docs/python/tf"

no_op = define_op(
    "no_op()", discharge=lambda ctx: None, vjp=(), tf_name="NoOp", doc="Do nothing; a place for control edges.", ref=f"{CONTROL}/no_op"
)


def _unfed(ctx: Any, dtype: Any, shape: Any) -> Any:
    suffix = "" if not shape else f" and shape {shapes.format_shape(shape)}"
    raise InvalidArgumentError(
        None, None, f"You must feed a value for placeholder tensor '{ctx.operation.name}' with dtype {dtype.tf_short}{suffix}"
    )


placeholder = define_op(
    "placeholder(; dtype, shape)",
    infer=lambda dtype, shape: TensorType(dtype, shape),
    discharge=_unfed,
    vjp=(),
    tf_name="Placeholder",
    doc="A value that must be fed.",
    ref=f"{CONTROL}/placeholder",
)

placeholder_with_default = define_op(
    "placeholder_with_default(x: any; shape)",
    infer=lambda x, shape: TensorType(x.dtype, shape),
    kernel=lambda xp, x, shape: x,
    vjp=lambda g, out, x, shape: g,
    view_of="x",
    tf_name="PlaceholderWithDefault",
    samples=[case("f32[2]", shape=(None,))],
    doc="A value that may be fed, and is the operand otherwise.",
    ref=f"{CONTROL}/placeholder_with_default",
)


def _ensure_shape_type(x: TensorType, shape: Any) -> TensorType:
    if not shapes.is_compatible(x.shape, shape):
        raise ShapeError(f"Shapes {shapes.format_tf(x.shape)} and {shapes.format_tf(shape)} are not compatible")
    return TensorType(x.dtype, shapes.merge_shapes(x.shape, shape))


def _ensure_shape_kernel(xp: Any, x: Any, shape: Any, message: str) -> Any:
    if not shapes.is_compatible(np.shape(x), shape):
        raise invalid_argument(message.format(shape=list(np.shape(x))))
    return x


ensure_shape = define_op(
    "ensure_shape(x: any; shape, message = 'Shape of tensor {shape} is not compatible with the expected shape.')",
    infer=lambda x, shape, message: _ensure_shape_type(x, shape), kernel=_ensure_shape_kernel, vjp=lambda g, out, x, shape, message: g,
    fallible=lambda x, shape, message: not x.is_static, view_of="x", tf_name="EnsureShape", samples=[case("f32[2,3]", shape=(None, 3))],
    doc="Return the operand; raise unless it has the shape.", ref=f"{CONTROL}/ensure_shape",
)  # fmt: skip


def _check_numerics_kernel(xp: Any, x: Any, message: str) -> Any:
    if not np.all(np.isfinite(x)):
        has_nan, has_inf = bool(np.any(np.isnan(x))), bool(np.any(np.isinf(x)))
        what = "Inf and NaN" if has_nan and has_inf else "NaN" if has_nan else "Inf"
        raise invalid_argument(f"{message} : Tensor had {what} values")
    return x


check_numerics: OpDef = define_op(
    "check_numerics(x: float; message) -> like(x)",
    kernel=_check_numerics_kernel,
    vjp=lambda g, out, x, message: check_numerics(g, message="Not a number (NaN) or infinity (Inf) values detected in gradient."),
    fallible=True,
    host_only=True,
    view_of="x",
    tf_name="CheckNumerics",
    samples=[case("f32[2,3]", message="bad")],
    doc="Return the operand; raise when it has a NaN or an infinite element.",
    ref=f"{CONTROL}/debugging/check_numerics",
)


def _assert_kernel(xp: Any, condition: Any, *data: Any, summarize: int) -> Any:
    if not np.all(condition):
        shown = "".join(f" [{_summary(item, summarize)}]" for item in data)
        raise invalid_argument(f"assertion failed:{shown}")
    return np.bool_(True)


def _summary(item: Any, summarize: int) -> str:
    flat = np.asarray(item).reshape(-1)
    shown = " ".join(v.decode(errors="replace") if isinstance(v, bytes) else str(v) for v in flat[:summarize])
    return shown + ("..." if flat.size > summarize else "")


check_true = define_op(
    "check_true(condition: bool, *data: each; summarize = 3)",
    infer=lambda condition, *data, summarize: TensorType(dtypes.bool_, ()),
    kernel=_assert_kernel,
    fallible=True,
    host_only=True,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="CheckTrue",
    samples=[case(values(True, "bool"), "f32[2]")],
    doc="Raise InvalidArgumentError with the data unless the condition holds.",
)


def _discharge_assert(ctx: Any, condition: Any, *data: Any, summarize: int) -> None:
    ctx.check(check_true(condition, *data, summarize=summarize))


assert_op = define_op(
    "assert(condition: bool, *data: each; summarize = 3) ->",
    discharge=_discharge_assert,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="Assert",
    doc="Raise InvalidArgumentError with the data unless the condition holds.",
    ref=f"{CONTROL}/debugging/Assert",
)

# --- actions: each takes the token of the one before, so that they keep their order -----------------------------------------


class Budget:
    """How many more times something is printed."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left

    def take(self) -> bool:
        """Return True as long as there is something left, and use it up."""
        self.left -= 1
        return self.left >= 0


def _print_kernel(xp: Any, token: Any, x: Any, *data: Any, message: str, summarize: int, budget: Budget | None) -> Any:
    if budget is not None and not budget.take():
        return np.bool_(True)
    shown = "".join(f"[{_summary(item, summarize)}]" for item in data)
    print(f"{message}{shown}", file=sys.stderr)
    return np.bool_(True)


print_now = define_op(
    "print_now(token: bool, x: any, *data: each; message = '', summarize = 3, budget = None)",
    infer=lambda token, x, *data, message, summarize, budget: TensorType(dtypes.bool_, ()),
    kernel=_print_kernel,
    host_only=True,
    fallible=True,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="PrintNow",
    samples=[case(values(True, "bool"), "f32[2]", "i32[4]", message="x: ")],
    doc="Write data to the standard error stream; return a token.",
)


def _discharge_print(ctx: Any, x: Any, *data: Any, message: str, summarize: int, budget: Budget | None) -> Any:
    ctx.act(lambda token: print_now(token, x, *data, message=message, summarize=summarize, budget=budget))
    return x


print_op = define_op(
    "print(x: any, *data: each; message = '', summarize = 3, budget = None)",
    infer=lambda x, *data, message, summarize, budget: x,
    discharge=_discharge_print,
    vjp=lambda g, out, x, *data, message, summarize, budget: (g, *[None] * len(data)),
    tf_name="Print",
    doc="Return the operand and write data to the standard error stream.",
    ref=f"{CONTROL}/Print",
)


# What an exception in the user's function becomes, as in TensorFlow's py_func.
_PYTHON_ERRORS: tuple[tuple[type[Exception], type[OpError]], ...] = (
    (StopIteration, OutOfRangeError),
    (MemoryError, ResourceExhaustedError),
    (NotImplementedError, UnimplementedError),
    (ValueError, InvalidArgumentError),
    (TypeError, InvalidArgumentError),
)


def _py_func_kernel(xp: Any, token: Any, *xs: Any, function: Any, dtypes_out: Any) -> Any:
    try:
        # Copies: the function may keep or return what it is given, and the memory is used again.
        results = function(*[np.array(x) for x in xs])
    except OpError:
        raise
    except Exception as error:
        kind = next((kind for python_class, kind in _PYTHON_ERRORS if isinstance(error, python_class)), UnknownError)
        raise kind(None, None, f"{type(error).__name__}: {error}") from error
    if not isinstance(results, (list, tuple)):
        results = [] if results is None else [results]
    if len(results) != len(dtypes_out):
        raise invalid_argument(f"pyfunc returned {len(results)} values, expected {len(dtypes_out)}")
    arrays = [np.asarray(r) for r in results]
    for i, (array, dtype) in enumerate(zip(arrays, dtypes_out, strict=True)):
        if array.dtype != dtype.np and not (dtype is dtypes.string and array.dtype.kind in "SUO"):
            raise invalid_argument(f"{i}-th value returned by pyfunc is {array.dtype.name}, but expects {dtype.name}")
    return (np.bool_(True), *[a.astype(d.np, copy=False) for a, d in zip(arrays, dtypes_out, strict=True)])


call_python = define_op(
    "call_python(token: bool, *xs: each; function, dtypes_out) -> many()",
    infer=lambda token, *xs, function, dtypes_out: (TensorType(dtypes.bool_, ()), *[TensorType(d, None) for d in dtypes_out]),
    kernel=_py_func_kernel,
    host_only=True,
    fallible=True,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="CallPython",
    samples=[case(values(True, "bool"), "f32[2]", function=np.negative, dtypes_out=(dtypes.float32,))],
    doc="Call a Python function; return a token and its results.",
)


def _discharge_py_func(ctx: Any, *xs: Any, function: Any, dtypes_out: Any) -> Any:
    results: list[Any] = []

    def call(token: Any) -> Any:
        made = call_python(token, *xs, function=function, dtypes_out=dtypes_out)
        items = made if isinstance(made, tuple) else (made,)
        results.extend(items[1:])
        return items[0]

    ctx.act(call)
    return tuple(results)


py_func = define_op(
    "py_func(*xs: each; function, dtypes_out) -> many()",
    infer=lambda *xs, function, dtypes_out: tuple(TensorType(d, None) for d in dtypes_out),
    discharge=_discharge_py_func,
    vjp=NOT_DIFFERENTIABLE,
    tf_name="PyFunc",
    doc="Call a Python function on arrays.",
    ref=f"{CONTROL}/py_func",
)
