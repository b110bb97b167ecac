"""Reductions other than the sum: means, products, extremes, and positions of extremes."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes, shapes
from graphopt.errors import invalid_argument
from graphopt.ir.opdef import NOT_DIFFERENTIABLE, OpDef, define_op
from graphopt.ir.samples import case, values
from graphopt.ir.types import TensorType
from graphopt.ops.array import size_op, stop_gradient
from graphopt.ops.broadcast import broadcast_back, reduce_sum_op
from graphopt.ops.composing import scope
from graphopt.ops.elementwise import (
    add,
    cast,
    divide,
    equal,
    exp,
    floordiv,
    is_finite,
    log,
    multiply,
    ones_as,
    select,
    sqrt,
    square,
    subtract,
    zeros_as,
)

REDUCE = "https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/math"

_REDUCED = [case("f32[2,3,4]", axis=(1,)), case("f64[2,3]", keepdims=True), case("f32[2,3]", axis=(-1, 0)), case("f32[4,2]", axis=())]


def _mean_kernel(xp: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    if x.dtype.kind in "iu":
        count = _count(np.shape(x), axis)
        return (
            (xp.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype) // max(count, 1)).astype(x.dtype)
            if count
            else xp.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype)
        )
    total = xp.sum(x, axis=axis, keepdims=keepdims, dtype=x.dtype)
    return xp.divide(total, x.dtype.type(_count(np.shape(x), axis)))


def _count(shape: Any, axis: Any) -> int:
    sizes = shape if axis is None else [shape[a] for a in {shapes.normalize_axis(a, len(shape)) for a in axis}]
    return int(np.prod(sizes, dtype=np.int64))


def _mean_vjp(g: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    t = x.tensor_type
    if t.is_static:
        factor = max(_count(t.shape, axis), 1)
        return broadcast_back(divide(g, float(factor)), x, axis=axis, keepdims=keepdims)
    ratio = divide(cast(size_op(x), t.dtype), cast(size_op(out), t.dtype))
    return broadcast_back(divide(g, ratio), x, axis=axis, keepdims=keepdims)


def _mean_expand(x: Any, axis: Any, keepdims: bool) -> Any:
    count, total = _count(x.tensor_type.shape, axis), reduce_sum_op(x, axis=axis, keepdims=keepdims)
    return floordiv(total, max(count, 1)) if x.dtype.is_integer else divide(total, float(count))


reduce_mean_op = define_op(
    "reduce_mean(x: num; axis = None, keepdims = False) -> reduced(x, axis, keepdims)",
    kernel=_mean_kernel,
    vjp=_mean_vjp,
    expand=_mean_expand,
    linear_in=("x",),
    tf_name="Mean",
    samples=[*_REDUCED, case("i32[3,2]", axis=(0,))],
    doc="Return the mean over axes (all of them when axis is None); integers are rounded down.",
    ref=f"{REDUCE}/reduce_mean",
)


def _extreme_vjp(g: Any, out: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    # Ties share the gradient equally, as in TensorFlow.
    hits = cast(equal(x, broadcast_back(out, x, axis=axis, keepdims=keepdims)), x.dtype)
    count = reduce_sum_op(hits, axis=axis, keepdims=keepdims)
    return multiply(hits, broadcast_back(divide(g, count), x, axis=axis, keepdims=keepdims))


def _extreme(name: str, ufunc: str, tf_name: str, lowest: bool, doc: str) -> OpDef:
    def kernel(xp: Any, x: Any, axis: Any, keepdims: bool) -> Any:
        if _count(np.shape(x), axis) == 0:
            info = np.finfo(x.dtype) if x.dtype.kind == "f" else np.iinfo(x.dtype)
            start: Any = (-np.inf if lowest else np.inf) if x.dtype.kind == "f" else (info.min if lowest else info.max)
            return getattr(xp, ufunc).reduce(x, axis=axis, keepdims=keepdims, initial=start)
        return getattr(xp, name.removeprefix("reduce_"))(x, axis=axis, keepdims=keepdims)

    def buffered(node: Any) -> str | None:
        static = node.inputs[0].tensor_type.is_static and node.shape != () and 0 not in node.inputs[0].shape
        return ufunc + ".reduce({x}, {axis!r}, None, {out}, {keepdims!r})" if static else None

    return define_op(
        f"{name}(x: num; axis = None, keepdims = False) -> reduced(x, axis, keepdims)",
        kernel=kernel,
        vjp=_extreme_vjp,
        buffered=buffered,
        reduction="max" if lowest else "min",
        tf_name=tf_name,
        samples=[
            *_REDUCED,
            case("f32[0,2]", axis=(0,), differentiable=False),
            case("i32[3,2]"),
            case(values([[1.0, 2.0, 2.0], [3.0, 3.0, 1.0]], "f64"), axis=(1,), differentiable=False),
        ],
        doc=doc,
        ref=f"{REDUCE}/{name}",
    )


reduce_max_op = _extreme("reduce_max", "maximum", "Max", True, "Return the largest element over axes; ties share the gradient.")
reduce_min_op = _extreme("reduce_min", "minimum", "Min", False, "Return the smallest element over axes; ties share the gradient.")


def _prod_gradient_kernel(xp: Any, g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Each element's gradient is the product of all others, found without division so that zeros are safe."""
    rank = x.ndim
    axes = tuple(range(rank)) if axis is None else tuple(sorted({shapes.normalize_axis(a, rank) for a in axis}))
    rest = tuple(i for i in range(rank) if i not in axes)
    flat = xp.transpose(x, axes + rest).reshape(-1, *[x.shape[i] for i in rest])
    ones = xp.ones_like(flat[:1])
    left = xp.concatenate([ones, xp.cumprod(flat, 0)[:-1]], 0)
    right = xp.concatenate([xp.cumprod(flat[::-1], 0)[:-1][::-1], ones], 0)
    others = (left * right).astype(x.dtype).reshape([x.shape[i] for i in axes + rest])
    kept = tuple([1 if i in axes else d for i, d in enumerate(x.shape)])
    return xp.transpose(others, np.argsort(axes + rest).tolist()) * xp.reshape(g, kept)


def _prod_gradient_vjp(h: Any, out: Any, g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    to_g = reduce_sum_op(multiply(h, prod_gradient(ones_as(g), x, axis=axis, keepdims=keepdims)), axis=axis, keepdims=keepdims)
    return to_g, multiply(broadcast_back(g, x, axis=axis, keepdims=keepdims), _product_without_two(h, x, axis))


def _product_without_two(h: Any, x: Any, axis: Any) -> Any:
    """Return, for each element k, the sum over all others i of h[i] times the product of all factors but i and k.

    Zeros are counted, not divided by: with more than two of them every such product is 0.
    """
    is_zero = equal(x, 0)
    factors = select(is_zero, ones_as(x), x)
    terms = divide(multiply(h, reduce_prod_op(factors, axis=axis, keepdims=True)), factors)
    zero = zeros_as(terms)
    zeros = reduce_sum_op(cast(is_zero, x.dtype), axis=axis, keepdims=True)
    of_zeros = reduce_sum_op(select(is_zero, terms, zero), axis=axis, keepdims=True)
    of_others = reduce_sum_op(select(is_zero, zero, terms), axis=axis, keepdims=True)
    one = select(is_zero, of_others, divide(of_zeros, factors))
    two = select(is_zero, subtract(of_zeros, terms), zero)
    return select(
        equal(zeros, 0), divide(subtract(of_others, terms), factors), select(equal(zeros, 1), one, select(equal(zeros, 2), two, zero))
    )


prod_gradient = define_op(
    "prod_gradient(g: float, x: same(g); axis = None, keepdims = False)",
    infer=lambda g, x, axis, keepdims: x,
    kernel=_prod_gradient_kernel,
    vjp=_prod_gradient_vjp,
    tf_name="ProdGrad",
    samples=[case("f32[2]", "f32[2,3]", axis=(1,)), case("f64[]", "f64[2,3]")],
    doc="Return the gradient of a product with respect to its factors.",
)

reduce_prod_op = define_op(
    "reduce_prod(x: num; axis = None, keepdims = False) -> reduced(x, axis, keepdims)",
    kernel=lambda xp, x, axis, keepdims: xp.prod(x, axis=axis, keepdims=keepdims, dtype=x.dtype),
    vjp=lambda g, out, x, axis, keepdims: prod_gradient(g, x, axis=axis, keepdims=keepdims),
    reduction="product",
    rounding="sum",
    tf_name="Prod",
    samples=[*_REDUCED, case("i32[3,2]"), case(values([[1.0, 0.0, 2.0], [0.0, 3.0, 0.0], [1.5, 2.0, -1.0]], "f64"), axis=(1,))],
    doc="Return the product over axes.",
    ref=f"{REDUCE}/reduce_prod",
)


def _truth(name: str, numpy_name: str, tf_name: str, doc: str) -> OpDef:
    return define_op(
        f"{name}(x: bool; axis = None, keepdims = False) -> reduced(x, axis, keepdims)",
        kernel=lambda xp, x, axis, keepdims: getattr(xp, numpy_name)(x, axis=axis, keepdims=keepdims),
        vjp=NOT_DIFFERENTIABLE,
        reduction="or" if numpy_name == "any" else "and",
        tf_name=tf_name,
        samples=[case("bool[2,3]", axis=(1,)), case("bool[3]")],
        doc=doc,
        ref=f"{REDUCE}/{name}",
    )


reduce_any_op = _truth("reduce_any", "any", "Any", "Return whether any element is true.")
reduce_all_op = _truth("reduce_all", "all", "All", "Return whether every element is true.")


def _arg_extreme(name: str, tf_name: str, doc: str) -> OpDef:
    def kernel(xp: Any, x: Any, axis: int, dtype: Any) -> Any:
        if np.shape(x)[axis] == 0:
            raise invalid_argument(f"Reduction axis {axis} is empty in shape {list(np.shape(x))}")
        return getattr(xp, name)(x, axis=axis).astype(dtype.np)

    def infer(x: TensorType, axis: int, dtype: Any) -> TensorType:
        if x.shape is None:
            return TensorType(dtype, None)
        at = shapes.normalize_axis(axis, len(x.shape))
        return TensorType(dtype, x.shape[:at] + x.shape[at + 1 :])

    return define_op(
        f"{name}(x: num; axis = 0, dtype)",
        infer=infer,
        kernel=kernel,
        vjp=NOT_DIFFERENTIABLE,
        tf_name=tf_name,
        fallible=lambda x, axis, dtype: not x.is_static or 0 in x.shape,
        samples=[case("f32[2,3]", axis=1, dtype=dtypes.int64), case("i32[3]", dtype=dtypes.int32)],
        doc=doc,
        ref=f"{REDUCE}/{name}",
    )


argmax_op = _arg_extreme("argmax", "ArgMax", "Return the position of the largest element along an axis (the first at ties).")
argmin_op = _arg_extreme("argmin", "ArgMin", "Return the position of the smallest element along an axis (the first at ties).")

_HALF = {np.dtype(t): t(0.5) for t in (np.float16, np.float32, np.float64)}


def _half_square_sum(xp: Any, x: Any) -> Any:
    flat = x.reshape(-1)
    return _HALF[x.dtype] * flat.dot(flat)


l2_loss = define_op(
    "l2_loss(x: float) -> scalar(x)",
    kernel=_half_square_sum, vjp=lambda g, out, x: multiply(x, g),
    expand=lambda x: multiply(reduce_sum_op(square(x), axis=None, keepdims=False), 0.5), fused_kernel=True, tf_name="L2Loss",
    samples=[case("f32[3,4]"), case("f64[]"), case("f32[0]")], doc="Return half the sum of squares.", ref="https://www.tensorflow.org/versions/r1.15/api_docs/python/tf/nn/l2_loss",
)  # fmt: skip


def to_axes(axis: Any) -> tuple[int, ...] | None:
    """Return an axis argument (None, an int, a list of ints, a NumPy integer or array) as a tuple or None."""
    if axis is None:
        return None
    array = np.asarray(axis)
    if array.dtype.kind not in "iu" and array.size:
        raise TypeError(f"axis must be an integer or a list of integers, got {axis!r}")
    return tuple(int(a) for a in array.reshape(-1))


def reduce_sum(x: Any, *, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Return the sum of `x` over `axis` (an int, a list, or None for all axes)."""
    return reduce_sum_op(x, axis=to_axes(axis), keepdims=bool(keepdims), name=name)


def reduce_mean(x: Any, *, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Return the mean of `x` over `axis` (an int, a list, or None for all axes)."""
    return reduce_mean_op(x, axis=to_axes(axis), keepdims=bool(keepdims), name=name)


def reduce_max(x: Any, *, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Return the largest element of `x` over `axis` (an int, a list, or None for all axes)."""
    return reduce_max_op(x, axis=to_axes(axis), keepdims=bool(keepdims), name=name)


def reduce_min(x: Any, *, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Return the smallest element of `x` over `axis` (an int, a list, or None for all axes)."""
    return reduce_min_op(x, axis=to_axes(axis), keepdims=bool(keepdims), name=name)


def reduce_prod(x: Any, *, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Return the product of `x` over `axis` (an int, a list, or None for all axes)."""
    return reduce_prod_op(x, axis=to_axes(axis), keepdims=bool(keepdims), name=name)


def reduce_any(x: Any, *, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Return whether any element of `x` is true over `axis`."""
    return reduce_any_op(x, axis=to_axes(axis), keepdims=bool(keepdims), name=name)


def reduce_all(x: Any, *, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Return whether every element of `x` is true over `axis`."""
    return reduce_all_op(x, axis=to_axes(axis), keepdims=bool(keepdims), name=name)


def reduce_logsumexp(x: Any, *, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Return log(sum(exp(x))) over `axis` without overflow.

    Args:
      x: floats. axis: an int, a list, or None for all axes. keepdims: keep reduced axes with size 1. name: name of the scope.
    """
    axes = to_axes(axis)
    with scope(name or "ReduceLogSumExp", x) as entered:
        peak = reduce_max_op(x, axis=axes, keepdims=True)
        peak = stop_gradient(select(is_finite(peak), peak, zeros_as(peak)))
        total = log(reduce_sum_op(exp(subtract(x, peak)), axis=axes, keepdims=keepdims))
        # The peak has one element for each of the total's: the sum of one element along each reduced axis takes those axes away.
        return add(total, peak if keepdims else reduce_sum_op(peak, axis=axes, keepdims=False), name=entered)


def argmax(x: Any, *, axis: int = 0, dtype: Any = dtypes.int64, name: str | None = None) -> Any:
    """Return the position of the largest element along `axis`.

    Args:
      x: numbers. axis: the axis that is searched. dtype: int32 or int64, of the result. name: name of the operation.
    """
    return argmax_op(x, axis=int(axis), dtype=dtypes.as_dtype(dtype), name=name)


def argmin(x: Any, *, axis: int = 0, dtype: Any = dtypes.int64, name: str | None = None) -> Any:
    """Return the position of the smallest element along `axis`.

    Args:
      x: numbers. axis: the axis that is searched. dtype: int32 or int64, of the result. name: name of the operation.
    """
    return argmin_op(x, axis=int(axis), dtype=dtypes.as_dtype(dtype), name=name)


def euclidean_norm(x: Any, *, axis: Any = None, keepdims: bool = False, name: str | None = None) -> Any:
    """Return sqrt(sum(x**2)) over `axis`."""
    return sqrt(reduce_sum(square(x), axis=axis, keepdims=keepdims), name=name)
