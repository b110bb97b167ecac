"""The steps of random programs, by family. A step takes operands from the recorder's pool and puts results into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.autodiff.branches import cond
from graphopt.ops import elementwise, reduce
from graphopt.ops.array import (
    concat,
    expand_dims_op,
    identity,
    reshape_op,
    shape_op,
    squeeze_op,
    stack,
    stop_gradient,
    transpose_op,
    unstack_op,
)
from graphopt.ops.broadcast import broadcast_to, fill
from graphopt.ops.elementwise import absolute, add, add_n, cast, divide, greater, multiply, negative, select, square, subtract
from graphopt.ops.layout import reverse_op, tile
from graphopt.ops.padding import pad
from graphopt.ops.sequence import cumsum_op
from graphopt.testing.recorder import MARGIN, NotPossible, Recorder, fits, is_filled

Step = Callable[[Recorder], None]
FAMILIES: dict[str, list[Step]] = {}


def step(family: str) -> Callable[[Step], Step]:
    """Enter a step under its family."""

    def enter(function: Step) -> Step:
        FAMILIES.setdefault(family, []).append(function)
        return function

    return enter


# --- elementwise ---------------------------------------------------------------------------------------------------------------

_UNARY: Sequence[Callable[[Any], Any]] = (  # not op names: what random programs are made of
    elementwise.tanh, elementwise.sigmoid, elementwise.sin, elementwise.cos, elementwise.atan, elementwise.erf, negative, absolute, square,
    lambda x: elementwise.exp(elementwise.tanh(x)),
    lambda x: elementwise.sqrt(add(absolute(x), 0.1)),
    lambda x: elementwise.log(add(absolute(x), 0.5)),
    lambda x: elementwise.rsqrt(add(square(x), 1.0)),
    lambda x: elementwise.reciprocal(add(absolute(x), 0.5)),
    lambda x: elementwise.expm1(elementwise.sin(x)),
    lambda x: elementwise.log1p(square(x)),
)  # fmt: skip

_BINARY: Sequence[Callable[[Any, Any], Any]] = (  # not op names: what random programs are made of
    add, subtract, multiply, elementwise.maximum, elementwise.minimum, elementwise.squared_difference, elementwise.atan2,
    lambda x, y: divide(x, add(absolute(y), 0.5)),
    lambda x, y: elementwise.power(add(absolute(x), 0.5), elementwise.tanh(y)),
    lambda x, y: elementwise.div_no_nan(x, add(square(y), 0.5)),
)  # fmt: skip

# What rewrite rules look for.
_ALGEBRA: Sequence[Callable[[Any], Any]] = (
    lambda x: multiply(x, 1.0),
    lambda x: divide(x, 1.0),
    lambda x: subtract(x, 0.0),
    lambda x: add(x, -0.0),
    lambda x: add(x, 0.0),
    lambda x: multiply(x, -1.0),
    lambda x: negative(negative(x)),
    lambda x: multiply(x, x),
    lambda x: divide(x, 4.0),
    lambda x: divide(x, 3.0),
    lambda x: absolute(absolute(x)),
    lambda x: square(negative(x)),
    lambda x: elementwise.sqrt(square(x)),
    lambda x: identity(stop_gradient(x)),
    lambda x: select(True, x, negative(x)),
    lambda x: add(x, negative(elementwise.tanh(x))),
    lambda x: transpose_op(transpose_op(x)),
    lambda x: reshape_op(reshape_op(x, [-1]), shape_op(x)),
    lambda x: multiply(x, elementwise.ones_as(x)),
    lambda x: add(x, x),
    lambda x: cast(cast(x, dtypes.float64), x.dtype),
    lambda x: broadcast_to(x, shape_op(x)),
    lambda x: add(x, elementwise.zeros_as(x)),
    lambda x: divide(x, fill(shape_op(x), np.array(2, x.dtype.np))),
    lambda x: subtract(x, negative(square(x))),
)


@step("elementwise")
def _unary(r: Recorder) -> None:
    r.add(r.choice(_UNARY)(r.pick()))


@step("elementwise")
def _binary(r: Recorder) -> None:
    x = r.pick()
    y = r.pick(where=fits(r.value(x)), like=x)
    r.add(r.choice(_BINARY)(x, y))


@step("elementwise")
def _algebra(r: Recorder) -> None:
    r.add(r.choice(_ALGEBRA)(r.pick()))


@step("elementwise")
def _sum_of_several(r: Recorder) -> None:
    x = r.pick()
    y = r.pick(where=lambda v: v.shape == r.value(x).shape, like=x)
    r.add(add_n([x, y, x]))


# --- choice and casts ------------------------------------------------------------------------------------------------------------


def _apart(r: Recorder, x: Any, y: Any) -> None:
    """Refuse to compare what rounding may put in another order."""
    if np.any(np.abs(r.value(x) - r.value(y)) < MARGIN):
        raise NotPossible


_COMPARISONS = (  # not op names: what random programs are made of
    greater,
    elementwise.less,
    elementwise.greater_equal,
    elementwise.less_equal,
    elementwise.not_equal,
)


@step("select")
def _compare(r: Recorder) -> None:
    x = r.pick()
    y = r.pick(where=fits(r.value(x)), like=x)
    _apart(r, x, y)
    compare = r.choice(_COMPARISONS)
    r.add(compare(x, y))


@step("select")
def _select(r: Recorder) -> None:
    condition = r.pick("b")
    x = r.pick(where=fits(r.value(condition)))
    y = r.pick(where=fits(r.value(condition) + r.value(x)), like=x)
    r.add(select(condition, x, y))


@step("select")
def _logic(r: Recorder) -> None:
    x = r.pick("b")
    y = r.pick("b", where=fits(r.value(x)))
    r.add(r.choice((elementwise.logical_and, elementwise.logical_or))(x, elementwise.logical_not(y)))


@step("select")
def _branch(r: Recorder) -> None:
    x, truth = r.pick(), r.pick("b")
    pred = reduce.reduce_any(truth)
    r.add(cond(pred, lambda: elementwise.tanh(x), lambda: multiply(negative(x), 2.0)))


@step("cast")
def _change_precision(r: Recorder) -> None:
    x = r.pick()
    r.add(cast(x, dtypes.float64 if x.dtype is dtypes.float32 else dtypes.float32))


@step("cast")
def _to_float(r: Recorder) -> None:
    r.add(cast(r.pick("bi"), r.choice((dtypes.float32, dtypes.float64))))


@step("cast")
def _to_int(r: Recorder) -> None:
    x = r.pick()
    fraction = r.value(x) % 1.0
    if np.any(np.minimum(fraction, 1.0 - fraction) < MARGIN):
        raise NotPossible
    r.add(cast(r.choice((elementwise.floor, elementwise.ceil))(x), dtypes.int32))


# --- reductions --------------------------------------------------------------------------------------------------------------------


@step("reduce")
def _reduce(r: Recorder) -> None:
    x = r.pick(where=lambda v: v.size > 0)
    function = r.choice(
        (
            reduce.reduce_sum,
            reduce.reduce_mean,
            reduce.reduce_max,
            reduce.reduce_min,
            reduce.reduce_prod,
            reduce.reduce_logsumexp,
        )  # not op names: what random programs are made of
    )
    r.add(function(x, axis=None if r.chance(0.3) else r.axes(x), keepdims=r.chance(0.5)))


@step("reduce")
def _norm(r: Recorder) -> None:
    r.add(r.choice((reduce.l2_loss, lambda x: reduce.euclidean_norm(add(absolute(x), 0.1))))(r.pick()))


@step("reduce")
def _largest(r: Recorder) -> None:
    x = r.pick(where=is_filled)
    axis = int(r.random.integers(r.value(x).ndim))
    ordered = np.sort(r.value(x), axis)
    if np.any(np.diff(ordered, axis=axis) < MARGIN):
        raise NotPossible
    r.add(r.choice((reduce.argmax, reduce.argmin))(x, axis=axis))


@step("reduce")
def _truth(r: Recorder) -> None:
    x = r.pick("b")
    r.add(r.choice((reduce.reduce_any, reduce.reduce_all))(x, axis=r.axes(x)))


@step("reduce")
def _running_sum(r: Recorder) -> None:
    x = r.pick(where=is_filled)
    r.add(cumsum_op(x, axis=int(r.random.integers(r.value(x).ndim)), reverse=r.chance(0.5)))


# --- shape ---------------------------------------------------------------------------------------------------------------------------


@step("shape")
def _reshape(r: Recorder) -> None:
    x = r.pick()
    y = r.pick(where=lambda v: v.size == r.value(x).size)
    target = [np.array([-1], np.int32), np.array(r.value(y).shape, np.int32), shape_op(y), np.array([1, -1, 1], np.int32)]
    r.add(reshape_op(x, r.choice(target[: 2 if r.value(x).size == 0 else 4])))


@step("shape")
def _permute(r: Recorder) -> None:
    x = r.pick(where=is_filled)
    rank = r.value(x).ndim
    r.add(transpose_op(x, perm=r.choice((None, tuple(int(i) for i in r.random.permutation(rank))))))


@step("shape")
def _ones(r: Recorder) -> None:
    x = r.pick()
    wider = expand_dims_op(x, axis=int(r.random.integers(-1, r.value(x).ndim + 1)))
    r.add(wider)
    if r.chance(0.3):
        r.add(squeeze_op(wider, axis=None))


@step("shape")
def _join(r: Recorder) -> None:
    x = r.pick(where=is_filled)
    y = r.pick(where=lambda v: v.shape == r.value(x).shape, like=x)
    axis = int(r.random.integers(r.value(x).ndim))
    r.add(r.choice((lambda: concat([x, y, x], axis), lambda: stack([x, y], axis)))())


@step("shape")
def _split(r: Recorder) -> None:
    x = r.pick(where=is_filled)
    axis = int(r.random.integers(r.value(x).ndim))
    parts = unstack_op(x, num=r.value(x).shape[axis], axis=axis)
    r.add(parts[0], parts[-1])


@step("shape")
def _repeat(r: Recorder) -> None:
    x = r.pick(where=lambda v: is_filled(v) and v.size < 30)
    rank = r.value(x).ndim
    r.add(
        r.choice(
            (
                lambda: tile(x, r.random.integers(1, 3, rank).astype(np.int32)),
                lambda: pad(x, r.random.integers(0, 2, (rank, 2)).astype(np.int32)),
            )
        )()
    )


@step("shape")
def _broadcast(r: Recorder) -> None:
    x = r.pick()
    y = r.pick("fbi", where=lambda v: fits(v)(r.value(x)) and np.broadcast_shapes(v.shape, r.value(x).shape) == v.shape)
    r.add(broadcast_to(x, shape_op(y)))


@step("shape")
def _backwards(r: Recorder) -> None:
    x = r.pick(where=is_filled)
    r.add(reverse_op(x, axis=(int(r.random.integers(r.value(x).ndim)),)))
