"""The steps of random programs, by family. A step takes operands from the recorder's pool and puts results into it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.autodiff import gradients
from graphopt.autodiff.branches import cond
from graphopt.errors import GradientError
from graphopt.graph.variables import scatter_add, scatter_sub, scatter_update
from graphopt.ops import activations, conv, elementwise, indexing, nn, normalization, pool, reduce, segment, softmax
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
from graphopt.ops.contraction import einsum
from graphopt.ops.control import check_numerics
from graphopt.ops.decompositions import matrix_solve_op
from graphopt.ops.elementwise import absolute, add, add_n, cast, divide, greater, multiply, negative, select, square, subtract
from graphopt.ops.indexing import slice_with_python_syntax
from graphopt.ops.layout import reverse_op, tile
from graphopt.ops.linalg import matmul
from graphopt.ops.padding import pad
from graphopt.ops.picking import boolean_mask
from graphopt.ops.sequence import cumsum_op
from graphopt.testing.recorder import MARGIN, NotPossible, Recorder, fits, is_filled, is_rank

Step = Callable[[Recorder], None]
FAMILIES: dict[str, list[Step]] = {}


def step(family: str) -> Callable[[Step], Step]:
    """Enter a step under its family."""

    def enter(function: Step) -> Step:
        FAMILIES.setdefault(family, []).append(function)
        return function

    return enter


# --- elementwise ---------------------------------------------------------------------------------------------------------------

_UNARY: Sequence[Callable[[Any], Any]] = (
    elementwise.tanh, elementwise.sigmoid, elementwise.sin, elementwise.cos, elementwise.atan, elementwise.erf, negative, absolute, square,
    lambda x: elementwise.exp(elementwise.tanh(x)),
    lambda x: elementwise.sqrt(add(absolute(x), 0.1)),
    lambda x: elementwise.log(add(absolute(x), 0.5)),
    lambda x: elementwise.rsqrt(add(square(x), 1.0)),
    lambda x: elementwise.reciprocal(add(absolute(x), 0.5)),
    lambda x: elementwise.expm1(elementwise.sin(x)),
    lambda x: elementwise.log1p(square(x)),
)  # fmt: skip

_BINARY: Sequence[Callable[[Any, Any], Any]] = (
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


@step("select")
def _compare(r: Recorder) -> None:
    x = r.pick()
    y = r.pick(where=fits(r.value(x)), like=x)
    _apart(r, x, y)
    r.add(r.choice((greater, elementwise.less, elementwise.greater_equal, elementwise.less_equal, elementwise.not_equal))(x, y))


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
        (reduce.reduce_sum, reduce.reduce_mean, reduce.reduce_max, reduce.reduce_min, reduce.reduce_prod, reduce.reduce_logsumexp)
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


# --- indexing ------------------------------------------------------------------------------------------------------------------------


@step("indexing")
def _slice(r: Recorder) -> None:
    x = r.pick(where=is_filled)
    size = r.value(x).shape[0]
    keys = (0, -1, slice(None, None, -1), slice(0, max(1, size - 1)), (Ellipsis, None), slice(None, None, 2), (slice(None), None))
    r.add(slice_with_python_syntax(x, r.choice(keys)))


@step("indexing")
def _gather(r: Recorder) -> None:
    x = r.pick(where=is_filled)
    axis = int(r.random.integers(r.value(x).ndim))
    index = r.pick("i", where=lambda v: v.ndim < 3)
    inside = elementwise.floormod(index, np.array(r.value(x).shape[axis], index.dtype.np))
    r.add(indexing.gather(x, inside, axis=axis))


@step("indexing")
def _gather_that_may_fail(r: Recorder) -> None:
    x = r.pick(where=is_filled)
    index = r.pick("i", where=lambda v: v.ndim < 3 and bool(np.all((v >= 0) & (v < r.value(x).shape[0]))))
    r.add(indexing.gather(x, index))


@step("indexing")
def _one_hot(r: Recorder) -> None:
    r.add(
        indexing.one_hot(
            r.pick("i", where=lambda v: v.ndim < 3), int(r.random.integers(1, 4)), dtype=r.choice((dtypes.float32, dtypes.float64))
        )
    )


@step("indexing")
def _mask(r: Recorder) -> None:
    mask = r.pick("b", where=is_rank(1, 2))
    rank, shape = r.value(mask).ndim, r.value(mask).shape
    if mask.shape.ndims is None:
        raise NotPossible
    r.add(boolean_mask(r.pick(where=lambda v: v.shape[:rank] == shape), mask))


@step("indexing")
def _segments(r: Recorder) -> None:
    ids = r.pick("i", where=is_rank(1))
    x = r.pick(where=lambda v: v.shape[:1] == r.value(ids).shape)
    r.add(segment.unsorted_segment_sum(x, elementwise.floormod(ids, np.array(3, ids.dtype.np)), np.array(3, np.int32)))


@step("indexing")
def _shape_as_value(r: Recorder) -> None:
    r.add(shape_op(r.pick(where=lambda v: v.ndim > 0)))


# --- linear algebra --------------------------------------------------------------------------------------------------------------------


@step("linalg")
def _product(r: Recorder) -> None:
    x = r.pick(where=is_rank(2, 3))
    if r.chance(0.5):
        r.add(matmul(x, x, transpose_b=True))
        return
    transpose_a, transpose_b = r.chance(0.5), r.chance(0.5)
    inner = r.value(x).shape[-2 if transpose_a else -1]
    y = r.pick(where=lambda v: v.ndim == 2 and v.shape[-1 if transpose_b else 0] == inner, like=x)
    r.add(matmul(x, y, transpose_a=transpose_a, transpose_b=transpose_b))


@step("linalg")
def _contraction(r: Recorder) -> None:
    x = r.pick(where=is_rank(2))
    r.add(einsum(r.choice(("ij,ik->jk", "ij,kj->ik", "ij,ij->i", "ij,ij->")), x, x))


@step("linalg")
def _solve(r: Recorder) -> None:
    x = r.pick(where=is_rank(2))
    square_matrix = add(matmul(x, x, transpose_a=True), np.eye(r.value(x).shape[1], dtype=x.dtype.np) * 3)
    r.add(matrix_solve_op(square_matrix, transpose_op(x)))


# --- neural networks ---------------------------------------------------------------------------------------------------------------------


@step("nn")
def _activation(r: Recorder) -> None:
    functions = (
        activations.relu,
        activations.elu,
        activations.softplus,
        activations.softsign,
        activations.leaky_relu,
        activations.selu,
        activations.swish,
    )
    r.add(r.choice(functions)(r.pick()))


@step("nn")
def _softmax(r: Recorder) -> None:
    r.add(r.choice((softmax.softmax, softmax.log_softmax))(r.pick(where=is_filled)))


@step("nn")
def _cross_entropy(r: Recorder) -> None:
    logits = r.pick(where=is_rank(2))
    labels = r.pick(where=lambda v: v.shape == r.value(logits).shape, like=logits)
    targets = softmax.softmax(labels)
    r.add(r.choice((softmax.softmax_cross_entropy, softmax.sigmoid_cross_entropy))(targets, logits))


@step("nn")
def _sparse_cross_entropy(r: Recorder) -> None:
    logits = r.pick(where=is_rank(2))
    ids = r.pick("i", where=lambda v: v.shape == r.value(logits).shape[:1])
    r.add(softmax.sparse_softmax_cross_entropy(elementwise.floormod(ids, np.array(r.value(logits).shape[1], ids.dtype.np)), logits))


@step("nn")
def _normalize(r: Recorder) -> None:
    x = r.pick(where=is_rank(2, 3))
    count = r.value(x).shape[-1]
    if r.chance(0.5):
        r.add(*normalization.moments(x, [0]))
    elif x.shape.ndims is not None:
        scale = r.random.uniform(0.5, 2.0, count).astype(x.dtype.np)
        r.add(*normalization.batch_norm(x, scale=scale, offset=scale - 1, epsilon=0.1))


@step("nn")
def _image(r: Recorder) -> None:
    x = r.pick(where=is_rank(2))
    height, width = r.value(x).shape
    image = reshape_op(x, np.array([1, height, width, 1], np.int32))
    filters = r.random.standard_normal((2, 2, 1, 2)).astype(x.dtype.np)
    made = conv.conv2d(image, filters)
    pooled = r.choice((pool.avg_pool, pool.max_pool))(made, ksize=2, strides=1, padding="SAME")
    r.add(reshape_op(pooled, np.array([height, width * 2], np.int32)))


@step("nn")
def _dropout(r: Recorder) -> None:
    r.add(nn.dropout(r.pick(), rate=0.4, seed=int(r.random.integers(1, 1000))))


# --- state and control -----------------------------------------------------------------------------------------------------------------


def _like_variable(r: Recorder, variable: Any) -> Any:
    """Return a tensor of a variable's type, made of something in the pool."""
    shape = r.value(variable.as_ref()).shape
    try:
        return multiply(r.pick(where=lambda v: v.shape == shape, like=variable.as_ref()), 0.5)
    except NotPossible:
        mean = reduce.reduce_mean(r.pick(where=lambda v: v.size > 0))
        return multiply(elementwise.ones_as(variable), cast(mean, variable.dtype))


@step("state")
def _assign(r: Recorder) -> None:
    variable = r.choice(r.variables)
    value = _like_variable(r, variable)
    r.update(r.choice((variable.assign, variable.assign_add, variable.assign_sub))(elementwise.tanh(value)))


@step("state")
def _write_rows(r: Recorder) -> None:
    variable = r.choice([v for v in r.variables if v.shape.ndims])
    rows = r.value(variable.as_ref()).shape[0]
    index = r.random.integers(0, rows, 2).astype(np.int32)
    updates = indexing.gather(elementwise.tanh(_like_variable(r, variable)), index)
    r.update(
        r.choice((scatter_add, scatter_sub, scatter_update))(
            variable, index if r.chance(0.7) else np.arange(2, dtype=np.int32) % rows, updates
        )
    )


@step("state")
def _check(r: Recorder) -> None:
    r.add(check_numerics(r.pick(), message="a random check"))


@step("state")
def _read_after(r: Recorder) -> None:
    if not r.updates:
        raise NotPossible
    with r.graph.control_dependencies([r.choice(r.updates)]):
        r.add(r.choice(r.variables).read_value())


@step("state")
def _compute_after(r: Recorder) -> None:
    if not r.updates:
        raise NotPossible
    x = r.pick()
    with r.graph.control_dependencies([r.choice(r.updates)]):
        r.add(multiply(identity(x), 1.5))


# --- gradients -------------------------------------------------------------------------------------------------------------------------


def _gradients(r: Recorder, xs: list[Any]) -> list[Any]:
    try:
        return gradients(r.pick(), xs)
    except GradientError:
        raise NotPossible from None


@step("gradient")
def _differentiate(r: Recorder) -> None:
    r.add(*[g for g in _gradients(r, r.leaves) if g is not None])


@step("gradient")
def _descend(r: Recorder) -> None:
    for variable, gradient in zip(r.variables, _gradients(r, list(r.variables)), strict=True):
        if gradient is not None and np.isfinite(r.value(add(gradient, 0.0))).all():
            r.update(variable.assign_sub(multiply(elementwise.tanh(gradient), 0.1)))
