"""Regular sequences, running sums and products, masks of lengths."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, ShapeError, first_line, invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.samples import case, values
from graphopt.ir.types import StaticOperand, TensorType
from graphopt.ops.array import ARRAY, expand_dims_op, reshape, size_op, stack
from graphopt.ops.broadcast import fill
from graphopt.ops.composing import scope, to_symbol
from graphopt.ops.elementwise import cast, divide, equal, less, maximum, multiply, ones_as, select, zeros_as
from graphopt.ops.reduce import reduce_max_op

# --- range and linspace ------------------------------------------------------------------------------------------------------


def range_size(start: Any, limit: Any, delta: Any) -> int:
    """Return how many elements a range has.

    Raises:
      ValueError: when delta is 0 or leads away from the limit.

    >>> range_size(2, 8, 3), range_size(0.0, 1.0, 0.25)
    (2, 4)
    """
    if delta == 0:
        raise ArgumentError(f"Requires delta != 0: {delta}")
    if delta > 0 and start > limit:
        raise ArgumentError(f"Requires start <= limit when delta > 0: {start}/{limit}")
    if delta < 0 and start < limit:
        raise ArgumentError(f"Requires start >= limit when delta < 0: {start}/{limit}")
    if all(isinstance(v, (int, np.integer)) for v in (start, limit, delta)):
        return -((int(start) - int(limit)) // int(delta))
    return math.ceil(abs(float((limit - start) / delta)))


def _range_type(start: StaticOperand, limit: StaticOperand, delta: StaticOperand, size: int | None) -> TensorType:
    if size is None and isinstance(start.value, int) and isinstance(limit.value, int) and isinstance(delta.value, int):
        size = range_size(start.value, limit.value, delta.value)
    return TensorType(start.type.dtype, (size,))


def _range_kernel(xp: Any, start: Any, limit: Any, delta: Any, size: int | None) -> Any:
    try:
        count = range_size(start[()], limit[()], delta[()]) if size is None else size
    except ArgumentError as error:
        raise invalid_argument(first_line(error)) from None
    return (start + xp.arange(count).astype(start.dtype) * delta).astype(start.dtype)


range_op = define_op(
    "range(start: static num, limit: static same(start), delta: static same(start); size = None)",
    infer=_range_type, kernel=_range_kernel, vjp=NOT_DIFFERENTIABLE, fallible=True, tf_name="Range", default_name="range",
    samples=[case(values(2, "i32"), values(8, "i32"), values(3, "i32")), case(values(0.0), values(1.0), values(0.25)),
             case(values(5, "i64"), values(0, "i64"), values(-2, "i64"))],
    doc="Return start, start + delta, start + 2 delta and so on, up to the limit without it.", ref=f"{ARRAY}/range",
)  # fmt: skip


def _plain(bound: Any) -> Any:
    return int(bound) if hasattr(bound, "__index__") else np.asarray(bound).item()


_WIDER = (dtypes.int32, dtypes.int64, dtypes.float32, dtypes.float64)


def range_(start: Any, limit: Any = None, delta: Any = 1, dtype: Any = None, name: str | None = None) -> Any:
    """Return numbers from `start` (0 when only one bound is given) up to `limit` without it, `delta` apart.

    Args:
      start, limit, delta: numeric scalars; the widest of their types is used.
      dtype: element type, in place of the widest. name: name of the operation.

    Raises:
      ValueError: when delta is 0 or leads away from the limit.
    """
    if limit is None:
        start, limit = 0, start
    label = name or "range"
    bounds = [start, limit, delta]
    size = None if any(hasattr(b, "builder") for b in bounds) else range_size(*[_plain(b) for b in bounds])
    wanted = None if dtype is None else dtypes.as_dtype(dtype)
    symbols = [
        to_symbol(b, wanted, f"{label}/{part}", start, limit, delta) for b, part in zip(bounds, ("start", "limit", "delta"), strict=True)
    ]
    if wanted is None:
        found = [s.dtype for s in symbols]
        wanted = max(found, key=lambda d: _WIDER.index(d) if d in _WIDER else -1)
    first, last, step = [cast(s, wanted) for s in symbols]
    return range_op(first, last, step, size=size, name=label)


def _linspace_type(start: TensorType, stop: TensorType, num: StaticOperand) -> TensorType:
    if isinstance(num.value, int) and num.value <= 0:
        raise ShapeError(f"Requires num > 0: {num.value}")
    return TensorType(start.dtype, (num.value,))


def _linspace_kernel(xp: Any, start: Any, stop: Any, num: Any) -> Any:
    if num <= 0:
        raise invalid_argument(f"Requires num > 0: {num}")
    return xp.linspace(start, stop, int(num), dtype=start.dtype)


linspace_op = define_op(
    "linspace(start: float, stop: same(start), num: static index)",
    infer=_linspace_type, kernel=_linspace_kernel, vjp=NOT_DIFFERENTIABLE, fallible=True, tf_name="LinSpace",
    samples=[case(values(0.0), values(1.0), values(5, "i32")), case(values(2.0, "f64"), values(5.0, "f64"), values(1, "i32"))],
    doc="Return evenly spaced numbers, both ends included.", ref=f"{ARRAY}/linspace",
)  # fmt: skip

# --- running sums and products -------------------------------------------------------------------------------------------------


def _running(ufunc: str, neutral: int) -> Any:
    def kernel(xp: Any, x: Any, axis: int, exclusive: bool, reverse: bool) -> Any:
        source = xp.flip(x, axis) if reverse else x
        if exclusive:
            edge = xp.full([1 if i == axis % x.ndim else d for i, d in enumerate(x.shape)], neutral, x.dtype)
            source = xp.concatenate(
                [edge, source[tuple([slice(0, -1) if i == axis % x.ndim else slice(None) for i in range(x.ndim)])]], axis
            )
            source = source[tuple([slice(0, d) for d in x.shape])]
        result = getattr(xp, ufunc)(source, axis, dtype=x.dtype)
        return xp.flip(result, axis) if reverse else result

    return kernel


def _running_type(x: TensorType, axis: int, exclusive: bool, reverse: bool) -> TensorType:
    if x.shape is not None:
        if not x.shape:
            raise ShapeError("Shape must be at least rank 1 but is rank 0")
        shapes.normalize_axis(axis, len(x.shape))
    return x


_RUNS = [case("f64[3,2]"), case("f64[2,3]", axis=-1, exclusive=True), case("f64[3]", reverse=True),
         case("f64[3,2]", exclusive=True, reverse=True), case("i32[4]"),
         case("f32[0,2]")]  # fmt: skip

cumsum_op: OpDef = define_op(
    "cumsum(x: num; axis = 0, exclusive = False, reverse = False)",
    infer=_running_type, kernel=_running("cumsum", 0),
    vjp=lambda g, out, x, axis, exclusive, reverse: cumsum_op(g, axis=axis, exclusive=exclusive, reverse=not reverse),
    linear_in=("x",), tf_name="Cumsum", samples=_RUNS, doc="Return the sums of all elements up to each along an axis.",
    ref=f"{ARRAY}/math/cumsum",
)  # fmt: skip


def _cumprod_vjp(g: Any, out: Any, x: Any, axis: int, exclusive: bool, reverse: bool) -> Any:
    """The sum of what later products pass back, divided by the element; where the element is the first zero, by the product without it."""
    is_zero = equal(x, zeros_as(x))
    safe = select(is_zero, ones_as(x), x)
    zeros_so_far = cumsum_op(cast(is_zero, x.dtype), axis=axis, exclusive=exclusive, reverse=reverse)
    product = cumprod_op(safe, axis=axis, exclusive=exclusive, reverse=reverse)

    def passed_back(count: float) -> Any:
        kept = select(equal(zeros_so_far, count), multiply(g, product), zeros_as(g))
        return cumsum_op(kept, axis=axis, exclusive=exclusive, reverse=not reverse)

    return divide(select(is_zero, passed_back(1.0), passed_back(0.0)), safe)


cumprod_op = define_op(
    "cumprod(x: num; axis = 0, exclusive = False, reverse = False)",
    infer=_running_type, kernel=_running("cumprod", 1), vjp=_cumprod_vjp, tf_name="Cumprod",
    samples=[*_RUNS, case(values([2.0, 0.0, 3.0, 0.0], "f64"), differentiable=False)],
    doc="Return the products of all elements up to each along an axis.", ref=f"{ARRAY}/math/cumprod",
)  # fmt: skip

# --- sequences out of sequences ------------------------------------------------------------------------------------------------


def sequence_mask(lengths: Any, maxlen: Any = None, *, dtype: Any = dtypes.bool_, name: str | None = None) -> Any:
    """Return a mask whose last axis is true up to each length.

    Args:
      lengths: integers. maxlen: size of the last axis, the longest length by default. dtype: element type. name: scope of the operations.

    Raises:
      ValueError: when maxlen is not a scalar.

    Example:
      >>> tf.Session().run(tf.sequence_mask([1, 3], 3)).astype(int).tolist()
      [[1, 0, 0], [1, 1, 1]]
    """
    with scope(name or "SequenceMask", lengths, maxlen):
        lengths = to_symbol(lengths, None, None, maxlen)
        if maxlen is None:
            maxlen = maximum(reduce_max_op(lengths, axis=None, keepdims=False), 0)
        elif np.ndim(maxlen) if not hasattr(maxlen, "builder") else maxlen.tensor_type.rank:
            raise ArgumentError("maxlen must be scalar for sequence_mask")
        wanted: DType = dtypes.as_dtype(dtype)
        steps = range_(
            np.array(0, lengths.dtype.np), maxlen if not hasattr(maxlen, "builder") else cast(maxlen, lengths.dtype), dtype=lengths.dtype
        )
        mask = less(steps, expand_dims_op(lengths, axis=-1))
        return cast(mask, wanted)


def meshgrid(*vectors: Any, indexing: str = "xy", name: str | None = None) -> list[Any]:
    """Return coordinate tensors of a grid, one for each vector.

    Args:
      vectors: vectors of one element type. indexing: "xy" (the second vector runs along the rows) or "ij". name: scope of the operations.

    Raises:
      ValueError: for another indexing.
    """
    if indexing not in ("xy", "ij"):
        raise ArgumentError("indexing parameter must be either 'xy' or 'ij'")
    with scope(name or "meshgrid", *vectors):
        symbols = [to_symbol(v, None, None, *vectors) for v in vectors]
        places = list(range(len(symbols)))
        if indexing == "xy" and len(symbols) > 1:
            places[:2] = [1, 0]
        order = sorted(places, key=places.__getitem__)
        ones = fill(
            stack([size_op(symbols[i]) for i in order]) if symbols else np.zeros(0, np.int32),
            np.array(1, symbols[0].dtype.np if symbols else np.float32),
        )
        return [
            multiply(reshape(v, [-1 if axis == at else 1 for axis in range(len(symbols))]), ones)
            for v, at in zip(symbols, places, strict=True)
        ]


def _inverse_kernel(xp: Any, x: Any) -> Any:
    result = np.full(x.shape, -1, x.dtype)
    if x.size and (x.min() < 0 or x.max() >= x.size):
        bad = int(x[(x < 0) | (x >= x.size)][0])
        raise invalid_argument(f"{bad} is not between 0 and {x.size}")
    result[x] = np.arange(x.size, dtype=x.dtype)
    if (result < 0).any():
        raise invalid_argument(f"{int(np.flatnonzero(np.bincount(x) > 1)[0])} is duplicated in the input.")
    return result


def _vector_like(x: TensorType) -> TensorType:
    if x.shape is not None and len(x.shape) != 1:
        raise ShapeError(f"Shape must be rank 1 but is rank {len(x.shape)}")
    return x if x.shape is not None else TensorType(x.dtype, (None,))


invert_permutation = define_op(
    "invert_permutation(x: index)",
    infer=_vector_like, kernel=_inverse_kernel, vjp=NOT_DIFFERENTIABLE, fallible=True, tf_name="InvertPermutation",
    samples=[case(values([0, 0], "i32"), error="0 is duplicated"), case(values([0, 2], "i32"), error="2 is not between 0 and 2"),
             case(values([2, 0, 3, 1], "i32")), case(values(np.zeros(0), "i64"))], doc="Return the permutation that undoes x.",
    ref=f"{ARRAY}/math/invert_permutation",
)  # fmt: skip
