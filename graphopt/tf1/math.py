"""TensorFlow 1's arithmetic, comparisons, casts, reductions and segments: its names, argument orders and deprecated aliases."""
# Long because: one function for each public name, each a line or two.

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from graphopt import dtypes
from graphopt.deferred import at_first_use
from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.graph import convert_to_tensor
from graphopt.graph.indexed_slices import IndexedSlices
from graphopt.graph.operation import Tensor
from graphopt.ops import activations, decompositions, division, elementwise, partition, picking, reduce, segment, sequence
from graphopt.ops.reduce_along import reduce_along
from graphopt.tf1.arguments import known, renamed

if TYPE_CHECKING:
    from graphopt.tf1.metrics_classes import confusion_matrix as confusion_matrix
else:
    __getattr__, __dir__ = at_first_use(__name__, {"confusion_matrix": "graphopt.tf1.metrics_classes:confusion_matrix"})

# --- functions of one tensor ---------------------------------------------------------------------------------------------------


def abs(x: Any, name: str | None = None) -> Tensor:
    """Return the absolute value."""
    return elementwise.absolute(x, name=name)


def negative(x: Any, name: str | None = None) -> Any:
    """Return -x."""
    return -x if isinstance(x, IndexedSlices) else elementwise.negative(x, name=name)


def sign(x: Any, name: str | None = None) -> Tensor:
    """Return -1, 0 or 1 by the sign of x."""
    return elementwise.sign(x, name=name)


def square(x: Any, name: str | None = None) -> Tensor:
    """Return x * x."""
    return elementwise.square(x, name=name)


def sqrt(x: Any, name: str | None = None) -> Tensor:
    """Return the square root; its gradient at 0 is infinite."""
    return elementwise.sqrt(x, name=name)


def rsqrt(x: Any, name: str | None = None) -> Tensor:
    """Return 1 / sqrt(x)."""
    return elementwise.rsqrt(x, name=name)


def reciprocal(x: Any, name: str | None = None) -> Tensor:
    """Return 1 / x."""
    return elementwise.reciprocal(x, name=name)


def exp(x: Any, name: str | None = None) -> Tensor:
    """Return e**x."""
    return elementwise.exp(x, name=name)


def expm1(x: Any, name: str | None = None) -> Tensor:
    """Return e**x - 1, exact for small x."""
    return elementwise.expm1(x, name=name)


def log(x: Any, name: str | None = None) -> Tensor:
    """Return the natural logarithm."""
    return elementwise.log(x, name=name)


def log1p(x: Any, name: str | None = None) -> Tensor:
    """Return log(1 + x), exact for small x."""
    return elementwise.log1p(x, name=name)


def sin(x: Any, name: str | None = None) -> Tensor:
    """Return the sine."""
    return elementwise.sin(x, name=name)


def cos(x: Any, name: str | None = None) -> Tensor:
    """Return the cosine."""
    return elementwise.cos(x, name=name)


def tan(x: Any, name: str | None = None) -> Tensor:
    """Return the tangent."""
    return elementwise.tan(x, name=name)


def asin(x: Any, name: str | None = None) -> Tensor:
    """Return the inverse sine."""
    return elementwise.asin(x, name=name)


def acos(x: Any, name: str | None = None) -> Tensor:
    """Return the inverse cosine."""
    return elementwise.acos(x, name=name)


def atan(x: Any, name: str | None = None) -> Tensor:
    """Return the inverse tangent."""
    return elementwise.atan(x, name=name)


def sinh(x: Any, name: str | None = None) -> Tensor:
    """Return the hyperbolic sine."""
    return elementwise.sinh(x, name=name)


def cosh(x: Any, name: str | None = None) -> Tensor:
    """Return the hyperbolic cosine."""
    return elementwise.cosh(x, name=name)


def tanh(x: Any, name: str | None = None) -> Tensor:
    """Return the hyperbolic tangent."""
    return elementwise.tanh(x, name=name)


def sigmoid(x: Any, name: str | None = None) -> Tensor:
    """Return 1 / (1 + exp(-x))."""
    return elementwise.sigmoid(x, name=name)


def log_sigmoid(x: Any, name: str | None = None) -> Tensor:
    """Return log(sigmoid(x)) without overflow."""
    return activations.log_sigmoid(x, name=name)


def erf(x: Any, name: str | None = None) -> Tensor:
    """Return the error function."""
    return elementwise.erf(x, name=name)


def erfc(x: Any, name: str | None = None) -> Tensor:
    """Return 1 - erf(x), exact for large x."""
    return elementwise.erfc(x, name=name)


def lgamma(x: Any, name: str | None = None) -> Tensor:
    """Return the logarithm of the absolute value of the gamma function."""
    return elementwise.lgamma(x, name=name)


def digamma(x: Any, name: str | None = None) -> Tensor:
    """Return the derivative of `lgamma`."""
    return elementwise.digamma(x, name=name)


def floor(x: Any, name: str | None = None) -> Tensor:
    """Round towards minus infinity."""
    return elementwise.floor(x, name=name)


def ceil(x: Any, name: str | None = None) -> Tensor:
    """Round towards plus infinity."""
    return elementwise.ceil(x, name=name)


def round(x: Any, name: str | None = None) -> Tensor:
    """Round to the nearest integer, halves to even."""
    return elementwise.round_(x, name=name)


def rint(x: Any, name: str | None = None) -> Tensor:
    """Round to the nearest integer, halves to even."""
    return elementwise.rint(x, name=name)


def is_nan(x: Any, name: str | None = None) -> Tensor:
    """Return where x is NaN."""
    return elementwise.is_nan(x, name=name)


def is_inf(x: Any, name: str | None = None) -> Tensor:
    """Return where x is infinite."""
    return elementwise.is_inf(x, name=name)


def is_finite(x: Any, name: str | None = None) -> Tensor:
    """Return where x is neither NaN nor infinite."""
    return elementwise.is_finite(x, name=name)


# --- functions of two tensors ----------------------------------------------------------------------------------------------------


def add(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x + y (strings are joined)."""
    return elementwise.add(x, y, name=name)


def subtract(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x - y."""
    return elementwise.subtract(x, y, name=name)


def multiply(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x * y."""
    return elementwise.multiply(x, y, name=name)


def scalar_mul(scalar: Any, x: Any, name: str | None = None) -> Any:
    """Return a scalar times a tensor or `IndexedSlices`.

    Args:
      scalar: a scalar of the type of x. x: a tensor or `IndexedSlices`. name: name of the operation.

    Raises:
      ValueError: when `scalar` is not a scalar.
    """
    factor = convert_to_tensor(scalar, dtype=x.dtype if hasattr(x, "builder") and not hasattr(scalar, "builder") else None, name="scalar")
    if factor.tensor_type.rank not in (0, None):
        raise ArgumentError(f"Only scalar multiply works, got shape {factor.shape}")
    if isinstance(x, IndexedSlices):
        return x.with_values(elementwise.multiply(factor, x.values, name=name))
    return elementwise.multiply(factor, x, name=name)


def divide(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x / y as Python 3 does: whole numbers are divided in floating point."""
    return division.truediv(x, y, name=name)


def truediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x / y; whole numbers are divided in float64 (8 and 16 bits: float32).

    Args:
      x, y: tensors of one numeric type. name: name of the operation.

    Raises:
      TypeError: when the types differ.

    Example:
      >>> tf.Session().run(tf.truediv(7, 2)).item()
      3.5
    """
    return division.truediv(x, y, name=name)


def div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x / y as Python 2 did: rounded towards minus infinity for whole numbers.

    Args:
      x, y: tensors of one numeric type. name: name of the operation.

    Raises:
      TypeError: when the types differ.

    Example:
      >>> tf.Session().run(tf.div(-7, 2)).item()
      -4
    """
    return division.div(x, y, name=name)


def realdiv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x / y for floating point numbers."""
    return elementwise.divide(x, y, name=name)


def floordiv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x / y rounded towards minus infinity."""
    return elementwise.floordiv(x, y, name=name)


def floor_div(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x / y rounded towards minus infinity."""
    return elementwise.floordiv(x, y, name=name or "FloorDiv")


def truncatediv(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x / y rounded towards zero, for whole numbers."""
    return elementwise.truncatediv(x, y, name=name)


def floormod(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return the remainder of the division rounded towards minus infinity: it has the sign of y."""
    return elementwise.floormod(x, y, name=name)


mod = floormod


def div_no_nan(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x / y, and 0 where y is 0."""
    return elementwise.div_no_nan(x, y, name=name)


# Its name in `tf.math`.
divide_no_nan = div_no_nan


def pow(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return x to the power y."""
    return elementwise.power(x, y, name=name)


def maximum(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return the larger of x and y; at ties the gradient goes to x."""
    return elementwise.maximum(x, y, name=name)


def minimum(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return the smaller of x and y; at ties the gradient goes to x."""
    return elementwise.minimum(x, y, name=name)


def squared_difference(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return (x - y)**2."""
    return elementwise.squared_difference(x, y, name=name)


def atan2(y: Any, x: Any, name: str | None = None) -> Tensor:
    """Return the angle of the point (x, y)."""
    return elementwise.atan2(y, x, name=name)


# --- sums of lists ----------------------------------------------------------------------------------------------------------------


def add_n(inputs: Any, name: str | None = None) -> Tensor:
    """Return the sum of a list of tensors of one shape and type.

    Args:
      inputs: tensors or `IndexedSlices`. name: name of the operation.

    Raises:
      ValueError: for an empty list or shapes that differ.
    """
    if not isinstance(inputs, (list, tuple)) or not inputs:
        raise ArgumentError("inputs must be a list of at least one Tensor/IndexedSlices with the same dtype and shape")
    tensors = [convert_to_tensor(x) for x in inputs]
    if len(tensors) == 1:
        return tensors[0] if name is None else elementwise.add_n(tensors, name=name)
    return elementwise.add_n(tensors, name=name)


def accumulate_n(inputs: Any, shape: Any = None, tensor_dtype: Any = None, name: str | None = None) -> Tensor:
    """Return the sum of a list of tensors of one shape and type.

    Args:
      inputs: tensors. shape, tensor_dtype: what the tensors must have. name: name of the operation.

    Raises:
      ValueError: for an empty list. TypeError: when the type differs from `tensor_dtype`.
    """
    total = add_n(inputs, name=name)
    if tensor_dtype is not None and total.dtype is not dtypes.as_dtype(tensor_dtype):
        raise ArgumentTypeError(f"tensor_dtype is {dtypes.as_dtype(tensor_dtype)!r}, but input is of type {total.dtype!r}")
    if shape is not None:
        total.set_shape(shape)
    return total


# --- casts --------------------------------------------------------------------------------------------------------------------------


def cast(x: Any, dtype: Any, name: str | None = None) -> Any:
    """Return `x` with another element type; floats are cut off towards zero.

    Args:
      x: a tensor or `IndexedSlices`. dtype: the element type wanted. name: name of the operation.
    """
    if isinstance(x, IndexedSlices):
        return x.with_values(elementwise.cast(x.values, dtype, name=name))
    return elementwise.cast(convert_to_tensor(x, name="x"), dtype, name=name)


def to_float(x: Any, name: str = "ToFloat") -> Any:
    """Return `x` as float32."""
    return cast(x, dtypes.float32, name=name)


def to_double(x: Any, name: str = "ToDouble") -> Any:
    """Return `x` as float64."""
    return cast(x, dtypes.float64, name=name)


def to_int32(x: Any, name: str = "ToInt32") -> Any:
    """Return `x` as int32."""
    return cast(x, dtypes.int32, name=name)


def to_int64(x: Any, name: str = "ToInt64") -> Any:
    """Return `x` as int64."""
    return cast(x, dtypes.int64, name=name)


def saturate_cast(value: Any, dtype: Any, name: str | None = None) -> Tensor:
    """Return `value` with another element type; what that type can't hold becomes its nearest number.

    Args:
      value: numbers. dtype: the element type wanted. name: scope of the operations.
    """
    return division.saturate_cast(value, dtype, name=name)


# --- comparison and logic -------------------------------------------------------------------------------------------------------------


def equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return where x equals y."""
    return elementwise.equal(x, y, name=name)


def not_equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return where x differs from y."""
    return elementwise.not_equal(x, y, name=name)


def less(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return where x is smaller than y."""
    return elementwise.less(x, y, name=name)


def less_equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return where x is at most y."""
    return elementwise.less_equal(x, y, name=name)


def greater(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return where x is larger than y."""
    return elementwise.greater(x, y, name=name)


def greater_equal(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return where x is at least y."""
    return elementwise.greater_equal(x, y, name=name)


def logical_and(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return where both are true."""
    return elementwise.logical_and(x, y, name=name)


def logical_or(x: Any, y: Any, name: str | None = None) -> Tensor:
    """Return where either is true."""
    return elementwise.logical_or(x, y, name=name)


def logical_not(x: Any, name: str | None = None) -> Tensor:
    """Return where x is false."""
    return elementwise.logical_not(x, name=name)


def logical_xor(x: Any, y: Any, name: str | None = "LogicalXor") -> Tensor:
    """Return where exactly one of x and y is true."""
    return division.logical_xor(x, y, name=name)


def where(condition: Any, x: Any = None, y: Any = None, name: str | None = None) -> Tensor:
    """Return elements of x or y by a condition, or, without x and y, where the condition holds.

    Args:
      condition: bool. With x and y: of their shape, a scalar, or a vector that chooses whole rows.
      x, y: tensors of one type and shape, both or neither.
      name: name of the operation.

    Returns:
      A tensor like x and y; without them the int64 indices of true elements, one row each.

    Raises:
      ValueError: when only one of x and y is given, or the shapes don't fit.

    Example:
      >>> tf.Session().run(tf.where([True, False], [1, 2], [3, 4])).tolist()
      [1, 4]
    """
    if x is None and y is None:
        return picking.where_op(condition, name=name)
    if x is None or y is None:
        raise ArgumentError("x and y must both be non-None or both be None.")
    return picking.choose(condition, x, y, name=name)


# --- reductions -------------------------------------------------------------------------------------------------------------------------


def _reduction_arguments(axis: Any, keepdims: Any, reduction_indices: Any, keep_dims: Any) -> tuple[Any, bool]:
    axis = renamed("axis", axis, "reduction_indices", reduction_indices)
    keepdims = renamed("keepdims", keepdims, "keep_dims", keep_dims)
    return axis, bool(keepdims)


def _reduce(function: Any, kind: str, x: Any, axis: Any, keepdims: Any, name: str | None, reduction_indices: Any, keep_dims: Any) -> Tensor:
    axis, kept = _reduction_arguments(axis, keepdims, reduction_indices, keep_dims)
    if hasattr(axis, "builder"):
        tensor = convert_to_tensor(axis)
        value = tensor.builder.static_value(tensor)
        if value is None or (isinstance(value, tuple) and None in value):
            return reduce_along(x, tensor, kind=kind, keepdims=kept, name=name or kind.title())
        axis = value
    return function(x, axis=axis, keepdims=kept, name=name)


def reduce_sum(input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None, reduction_indices: Any = None,
               keep_dims: bool | None = None) -> Tensor:  # fmt: skip
    """Return the sum over axes.

    Args:
      input_tensor: numbers. axis: an int, a list of ints, or None for all axes. keepdims: keep the axes with size 1.
      name: name of the operation. reduction_indices, keep_dims: former names of `axis` and `keepdims`.

    Raises:
      ValueError: when an argument is given under both names, or an axis doesn't exist.

    Example:
      >>> tf.Session().run(tf.reduce_sum([[1, 2], [3, 4]], axis=0)).tolist()
      [4, 6]
    """
    return _reduce(reduce.reduce_sum, "sum", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_mean(input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None, reduction_indices: Any = None,
                keep_dims: bool | None = None) -> Tensor:  # fmt: skip
    """Return the mean over axes; whole numbers are rounded down. Arguments as for `reduce_sum`."""
    return _reduce(reduce.reduce_mean, "mean", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_max(input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None, reduction_indices: Any = None,
               keep_dims: bool | None = None) -> Tensor:  # fmt: skip
    """Return the largest element over axes; ties share the gradient. Arguments as for `reduce_sum`."""
    return _reduce(reduce.reduce_max, "max", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_min(input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None, reduction_indices: Any = None,
               keep_dims: bool | None = None) -> Tensor:  # fmt: skip
    """Return the smallest element over axes; ties share the gradient. Arguments as for `reduce_sum`."""
    return _reduce(reduce.reduce_min, "min", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_prod(input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None, reduction_indices: Any = None,
                keep_dims: bool | None = None) -> Tensor:  # fmt: skip
    """Return the product over axes. Arguments as for `reduce_sum`."""
    return _reduce(reduce.reduce_prod, "prod", input_tensor, axis, keepdims, name, reduction_indices, keep_dims)


def reduce_any(input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None, reduction_indices: Any = None,
               keep_dims: bool | None = None) -> Tensor:  # fmt: skip
    """Return whether any element is true over axes. Arguments as for `reduce_sum`."""
    axis, kept = _reduction_arguments(axis, keepdims, reduction_indices, keep_dims)
    return reduce.reduce_any(input_tensor, axis=known(axis, "axis"), keepdims=kept, name=name)


def reduce_all(input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None, reduction_indices: Any = None,
               keep_dims: bool | None = None) -> Tensor:  # fmt: skip
    """Return whether every element is true over axes. Arguments as for `reduce_sum`."""
    axis, kept = _reduction_arguments(axis, keepdims, reduction_indices, keep_dims)
    return reduce.reduce_all(input_tensor, axis=known(axis, "axis"), keepdims=kept, name=name)


def reduce_logsumexp(input_tensor: Any, axis: Any = None, keepdims: bool | None = None, name: str | None = None,
                     reduction_indices: Any = None,
                     keep_dims: bool | None = None) -> Tensor:  # fmt: skip
    """Return log(sum(exp(x))) over axes without overflow. Arguments as for `reduce_sum`."""
    axis, kept = _reduction_arguments(axis, keepdims, reduction_indices, keep_dims)
    return reduce.reduce_logsumexp(input_tensor, axis=known(axis, "axis"), keepdims=kept, name=name)


def argmax(input: Any, axis: Any = None, name: str | None = None, dimension: Any = None, output_type: Any = dtypes.int64) -> Tensor:
    """Return the position of the largest element along an axis (0 by default), the first at ties.

    Args:
      input: numbers. axis: an int. name: name of the operation. dimension: former name of `axis`. output_type: int64 or int32.

    Raises:
      ValueError: when `axis` and `dimension` are both given.
    """
    at = renamed("axis", axis, "dimension", dimension)
    return reduce.argmax(input, axis=0 if at is None else known(at, "axis"), dtype=output_type, name=name)


def argmin(input: Any, axis: Any = None, name: str | None = None, dimension: Any = None, output_type: Any = dtypes.int64) -> Tensor:
    """Return the position of the smallest element along an axis (0 by default), the first at ties. Arguments as for `argmax`."""
    at = renamed("axis", axis, "dimension", dimension)
    return reduce.argmin(input, axis=0 if at is None else known(at, "axis"), dtype=output_type, name=name)


def norm(
    tensor: Any,
    ord: Any = "euclidean",
    axis: Any = None,
    keepdims: bool | None = None,
    name: str | None = None,
    keep_dims: bool | None = None,
) -> Tensor:
    """Return the norm of all elements, of vectors along one axis, or of matrices along two.

    Args:
      tensor: floating point numbers. ord: "euclidean", "fro", 1, 2, np.inf, or for vectors any positive number.
      axis: None, an int, or two ints. keepdims: keep the axes with size 1. name: scope of the operations.
      keep_dims: former name of `keepdims`.

    Raises:
      ValueError: for an unknown norm or axis.
    """
    return decompositions.norm(tensor, ord, axis=axis, keepdims=bool(renamed("keepdims", keepdims, "keep_dims", keep_dims)), name=name)


def count_nonzero(input_tensor: Any = None, axis: Any = None, keepdims: bool | None = None, dtype: Any = dtypes.int64,
                  name: str | None = None,
                  reduction_indices: Any = None, keep_dims: bool | None = None, input: Any = None) -> Tensor:  # fmt: skip
    """Return how many elements are not zero over axes.

    Args:
      input_tensor: numbers, bools or strings. dtype: element type of the result. input: newer name of `input_tensor`.
      The others: as for `reduce_sum`.
    """
    x = renamed("input", input, "input_tensor", input_tensor)
    axis, kept = _reduction_arguments(axis, keepdims, reduction_indices, keep_dims)
    return partition.count_nonzero(x, axis=known(axis, "axis"), keepdims=kept, dtype=dtype, name=name)


# --- running sums, segments, counts -------------------------------------------------------------------------------------------------------


def cumsum(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Tensor:
    """Return the sums of all elements up to each along an axis.

    Args:
      x: numbers. axis: an int. exclusive: without the element itself. reverse: from the end. name: name of the operation.

    Example:
      >>> tf.Session().run(tf.cumsum([1, 2, 3])).tolist()
      [1, 3, 6]
    """
    return sequence.cumsum_op(x, axis=int(known(axis, "axis")), exclusive=bool(exclusive), reverse=bool(reverse), name=name)


def cumprod(x: Any, axis: Any = 0, exclusive: bool = False, reverse: bool = False, name: str | None = None) -> Tensor:
    """Return the products of all elements up to each along an axis. Arguments as for `cumsum`."""
    return sequence.cumprod_op(x, axis=int(known(axis, "axis")), exclusive=bool(exclusive), reverse=bool(reverse), name=name)


def segment_sum(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Return the sum of each segment of rows; the ids are sorted."""
    return segment.segment_sum(data, segment_ids, name=name)


def segment_mean(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Return the mean of each segment of rows; the ids are sorted."""
    return segment.segment_mean(data, segment_ids, name=name)


def segment_prod(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Return the product of each segment of rows; the ids are sorted."""
    return segment.segment_prod(data, segment_ids, name=name)


def segment_max(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Return the largest element of each segment of rows; the ids are sorted."""
    return segment.segment_max(data, segment_ids, name=name)


def segment_min(data: Any, segment_ids: Any, name: str | None = None) -> Tensor:
    """Return the smallest element of each segment of rows; the ids are sorted."""
    return segment.segment_min(data, segment_ids, name=name)


def unsorted_segment_sum(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """Return the sum of the rows of each id; rows of a negative id are left out."""
    return segment.unsorted_segment_sum(data, segment_ids, num_segments, name=name)


def unsorted_segment_prod(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """Return the product of the rows of each id."""
    return segment.unsorted_segment_prod(data, segment_ids, num_segments, name=name)


def unsorted_segment_max(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """Return the largest element of each id; the type's lowest number where there is none."""
    return segment.unsorted_segment_max(data, segment_ids, num_segments, name=name)


def unsorted_segment_min(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """Return the smallest element of each id; the type's highest number where there is none."""
    return segment.unsorted_segment_min(data, segment_ids, num_segments, name=name)


def unsorted_segment_mean(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """Return the mean of the rows of each id; 0 where there is none."""
    return segment.unsorted_segment_mean(data, segment_ids, num_segments, name=name)


def unsorted_segment_sqrt_n(data: Any, segment_ids: Any, num_segments: Any, name: str | None = None) -> Tensor:
    """Return the sum of the rows of each id divided by the square root of their number."""
    return segment.unsorted_segment_sqrt_n(data, segment_ids, num_segments, name=name)


def bincount(arr: Any, weights: Any = None, minlength: Any = None, maxlength: Any = None, dtype: Any = dtypes.int32) -> Tensor:
    """Return how often each number from 0 on comes, or the sum of its weights.

    Args:
      arr: non-negative integers. weights: a weight for each of them. minlength, maxlength: bounds of the result's length.
      dtype: element type of the result without weights.

    Raises:
      InvalidArgumentError: at run time, for a negative number.
    """
    wanted = dtypes.as_dtype(dtype) if weights is None else convert_to_tensor(weights).dtype
    least, most = [None if bound is None else int(np.asarray(known(bound, "length"))) for bound in (minlength, maxlength)]
    parts = () if weights is None else (weights,)
    return partition.bincount_op(arr, *parts, minlength=least or 0, maxlength=most, dtype=wanted)


def invert_permutation(x: Any, name: str | None = None) -> Tensor:
    """Return the permutation that undoes x."""
    return sequence.invert_permutation(x, name=name)
