"""The small ops of neural networks: bias, dropout, the largest elements."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.errors import ArgumentError, ShapeError, invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, define_op
from graphopt.ir.samples import arg, case, values
from graphopt.ir.types import StaticOperand, TensorType
from graphopt.ops.activations import NN
from graphopt.ops.array import concat, reshape_op, shape_of, size_op
from graphopt.ops.broadcast import reduce_sum_op
from graphopt.ops.composing import scope
from graphopt.ops.elementwise import add, cast, divide, equal, greater_equal, multiply, subtract
from graphopt.ops.linalg import matmul
from graphopt.ops.picking import take_along_gradient
from graphopt.ops.random import random_uniform


def _is_dynamic(*types: Any, **attributes: Any) -> bool:
    return not all(t.is_static for t in types)


# --- bias --------------------------------------------------------------------------------------------------------------


def _channel_axis(rank: int, data_format: str) -> int:
    return 1 if data_format == "NCHW" else rank - 1


def _bias_type(value: TensorType, bias: TensorType, data_format: str) -> TensorType:
    if value.shape is not None and len(value.shape) < 2:
        raise ShapeError(f"Shape must be at least rank 2 but is rank {len(value.shape)}")
    if bias.shape is not None and len(bias.shape) != 1:
        raise ShapeError(f"Shape must be rank 1 but is rank {len(bias.shape)}")
    if value.shape is None or bias.shape is None:
        return value
    at = _channel_axis(len(value.shape), data_format)
    have, want = value.shape[at], bias.shape[0]
    if have is not None and want is not None and have != want:
        raise ShapeError(f"Dimensions must be equal, but are {have} and {want}")
    return TensorType(value.dtype, (*value.shape[:at], want if have is None else have, *value.shape[at + 1 :]))


def _bias_shape(rank: int, data_format: str) -> list[int]:
    return [-1] + [1] * (rank - 1 - _channel_axis(rank, data_format))


def _bias_kernel(xp: Any, value: Any, bias: Any, data_format: str) -> Any:
    channels = value.shape[_channel_axis(value.ndim, data_format)]
    if bias.shape != (channels,):
        sizes = [shapes.format_shape(x.shape) for x in (value, bias)]
        raise invalid_argument(f"Must provide as many biases as the last dimension of the input tensor: {sizes[1]} vs. {sizes[0]}")
    return value + xp.reshape(bias, _bias_shape(value.ndim, data_format))


def _bias_expand(value: Any, bias: Any, data_format: str) -> Any:
    behind = _bias_shape(value.tensor_type.rank, data_format)
    return add(value, bias if len(behind) == 1 else reshape_op(bias, np.array(behind, np.int32)))


def _bias_vjp(g: Any, out: Any, value: Any, bias: Any, data_format: str) -> Any:
    rank = g.tensor_type.rank
    if rank is None and data_format == "NHWC":
        # Only the last axis is known to be there: everything before it becomes one axis.
        matrix = reshape_op(g, concat([np.array([-1], np.int32), shape_of(bias)], 0))
        return g, reduce_sum_op(matrix, axis=(0,), keepdims=False)
    rank = 4 if rank is None else rank
    at = _channel_axis(rank, data_format)
    return g, reduce_sum_op(g, axis=tuple(i for i in range(rank) if i != at), keepdims=False)


bias_add_op = define_op(
    "bias_add(value: num, bias: same(value); data_format = 'NHWC')",
    infer=_bias_type, kernel=_bias_kernel, vjp=_bias_vjp, expand=_bias_expand, fallible=_is_dynamic,
    linear_in=("value", "bias"), tf_name="BiasAdd",
    samples=[case("f32[2,3]", "f32[3]"), case("f64[2,2,3]", "f64[3]"), case("f64[2,3,2,2]", "f64[3]", data_format="NCHW"),
             case("i32[2,3]", "i32[3]")],
    doc="Add one number for each channel.", ref=f"{NN}/bias_add",
)  # fmt: skip


def bias_add(value: Any, bias: Any, *, data_format: str | None = None, name: str | None = None) -> Any:
    """Return `value` with `bias` added along the axis of the channels.

    Args:
      value: numbers of rank 2 or more. bias: a vector with one number for each channel.
      data_format: ``"NHWC"`` (channels last, the default) or ``"NCHW"``, or another that begins or ends like these.
      name: name of the operation.

    Raises:
      ValueError: for any other layout.
    """
    wanted = data_format or "NHWC"
    if wanted.startswith("NC"):
        wanted = "NCHW"
    elif wanted.startswith("N") and wanted.endswith("C"):
        wanted = "NHWC"
    else:
        raise ArgumentError("data_format must be of the form `N...C` or `NC...`")
    return bias_add_op(value, bias, data_format=wanted, name=name)


def xw_plus_b(x: Any, weights: Any, biases: Any, *, name: str | None = None) -> Any:
    """Return x @ weights + biases.

    Args:
      x: a matrix. weights: a matrix. biases: a vector. name: name of the operation.
    """
    with scope(name or "xw_plus_b", x, weights, biases) as entered:
        return bias_add_op(matmul(x, weights), biases, name=entered)


def zero_fraction(value: Any, *, name: str | None = None) -> Any:
    """Return the part of the elements of `value` that is 0, a float32 scalar.

    Args:
      value: numbers of any shape. name: name of the operation.
    """
    with scope(name or "zero_fraction", value):
        zeros = reduce_sum_op(cast(equal(value, 0), dtypes.int64), axis=None, keepdims=False)
        return divide(cast(zeros, dtypes.float32), cast(size_op(value), dtypes.float32), name="fraction")


# --- dropout -----------------------------------------------------------------------------------------------------------


def dropout(x: Any, *, rate: Any, noise_shape: Any = None, seed: int | None = None, name: str | None = None) -> Any:
    """Return `x` with each element set to 0 with probability `rate`, the others divided by 1 - rate.

    Args:
      x: floats. rate: a number in [0, 1), or a scalar tensor.
      noise_shape: the shape of the choice, which broadcasts with `x`: elements along its axes of size 1 share their fate.
      seed: op seed of the choice. name: name of the operation.

    Raises:
      ValueError: for a rate outside of [0, 1), or an `x` without floats.
    """
    if isinstance(rate, numbers.Real):
        if not 0 <= float(rate) < 1:
            raise ArgumentError(f"rate must be a scalar tensor or a float in the range [0, 1), got {rate:g}")
        if rate == 0:
            return x
    elif not hasattr(rate, "builder"):
        raise ArgumentError(f"rate is neither scalar nor scalar tensor {rate!r}")
    with scope(name or "dropout", x):
        is_tensor = hasattr(rate, "builder")
        rate = cast(rate, x.dtype) if is_tensor else rate
        scale = divide(1.0, subtract(1.0, rate)) if is_tensor else 1.0 / (1.0 - rate)
        choice = random_uniform(shape_of(x) if noise_shape is None else noise_shape, dtype=x.dtype, seed=seed)
        return multiply(multiply(x, scale), cast(greater_equal(choice, rate), x.dtype), name="mul_1")


# --- the largest elements ------------------------------------------------------------------------------------------------


def _top_k_type(x: TensorType, k: StaticOperand, sorted: bool) -> tuple[TensorType, TensorType]:
    count = k.value
    if x.shape is not None and not x.shape:
        raise ShapeError("Shape must be at least rank 1 but is rank 0")
    if count is not None and count < 0:
        raise ShapeError(f"Need k >= 0, got {count}")
    if x.shape is not None and x.shape[-1] is not None and count is not None and x.shape[-1] < count:
        raise ShapeError(f"input must have last dimension >= k = {count} but is {x.shape[-1]}")
    shape = None if x.shape is None else (*x.shape[:-1], count)
    return TensorType(x.dtype, shape), TensorType(dtypes.int32, shape)


def _top_k_kernel(xp: Any, x: Any, k: Any, sorted: bool) -> Any:
    size, count = x.shape[-1], int(k)
    if size < count:
        raise invalid_argument(f"input must have at least k columns. Had {size}, needed {count}")
    # A stable sort of the reversed row puts equal elements in the order of falling indices; read backwards they rise.
    order = size - 1 - xp.argsort(x[..., ::-1], axis=-1, kind="stable")[..., ::-1][..., :count]
    return xp.take_along_axis(x, order, -1), order.astype(np.int32)


top_k_op = define_op(
    "top_k(x: num, k: static index; sorted = True) -> many()",
    infer=_top_k_type, kernel=_top_k_kernel,
    vjp=lambda g, out, x, k, sorted: (None if g[0] is None else take_along_gradient(g[0], x, out[1]), None),
    fallible=_is_dynamic, tf_name="TopKV2",
    samples=[case("f32[2,5]", values(2, "i32")), case("f64[6]", values(3, "i32")), case(values([[3, 1, 3, 2]], "i32"), values(3, "i32")),
             case("f64[2,3]", values(0, "i32"))],
    doc="Return the k largest elements of each row, largest first, and their indices; equal ones keep their order.", ref=f"{NN}/top_k",
)  # fmt: skip


def top_k(x: Any, *, k: Any = 1, name: str | None = None) -> tuple[Any, Any]:
    """Return the `k` largest elements of each row of `x` and their indices (int32).

    Args:
      x: numbers of rank 1 or more. k: a number, or a scalar tensor. name: name of the operation.
    """
    found, indices = top_k_op(x, k, name=name)
    return found, indices


def _in_top_k_type(predictions: TensorType, targets: TensorType, k: TensorType) -> TensorType:
    for operand, rank in ((predictions, 2), (targets, 1), (k, 0)):
        if operand.rank not in (None, rank):
            raise ShapeError(f"Shape must be rank {rank} but is rank {operand.rank}")
    rows = (None,) if predictions.shape is None else predictions.shape[:1]
    return TensorType(dtypes.bool_, shapes.merge_shapes(rows, targets.shape))


def _in_top_k_kernel(xp: Any, predictions: Any, targets: Any, k: Any) -> Any:
    rows, classes = predictions.shape
    if targets.shape != (rows,):
        raise invalid_argument(f"First dimension of predictions {rows} must match length of targets {targets.shape[0]}")
    if not rows or not classes:
        return xp.zeros(rows, np.bool_)
    is_class = (targets >= 0) & (targets < classes)
    own = xp.take_along_axis(predictions, xp.where(is_class, targets, 0)[:, None], 1)
    better = xp.sum(predictions > own, axis=1)
    # A row with a number that is not finite has no order that can be trusted.
    return is_class & xp.all(xp.isfinite(predictions), axis=1) & (better < k)


in_top_k_op = define_op(
    "in_top_k(predictions: f32, targets: index, k: same(targets))",
    infer=_in_top_k_type, kernel=_in_top_k_kernel, vjp=NOT_DIFFERENTIABLE, fallible=_is_dynamic, tf_name="InTopKV2",
    samples=[case("f32[4,5]", arg("i32[4]", 0, 5), values(2, "i32")),
             case(values([[1.0, 1.0, 0.0]]), values([1], "i64"), values(1, "i64"))],
    doc="Return for each row whether fewer than k predictions are larger than that of the target.", ref=f"{NN}/in_top_k",
)  # fmt: skip


def in_top_k(predictions: Any, targets: Any, *, k: Any, name: str | None = None) -> Any:
    """Return for each row whether the prediction of its target is among the `k` largest (ties count as in).

    Args:
      predictions: a float32 matrix. targets: class numbers, one for each row. k: a number. name: name of the operation.
    """
    with scope(name or "in_top_k", predictions, targets):
        return in_top_k_op(predictions, targets, k)
