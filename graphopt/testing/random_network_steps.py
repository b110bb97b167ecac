"""More steps of random programs: indexing, linear algebra, neural networks, state and control."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.autodiff import gradients
from graphopt.errors import GradientError
from graphopt.graph.variables import scatter_add, scatter_sub, scatter_update
from graphopt.ops import activations, conv, elementwise, indexing, nn, normalization, pool, reduce, segment, softmax
from graphopt.ops.array import (
    identity,
    reshape_op,
    shape_op,
    transpose_op,
)
from graphopt.ops.contraction import einsum
from graphopt.ops.control import check_numerics
from graphopt.ops.decompositions import matrix_solve_op
from graphopt.ops.elementwise import add, cast, multiply
from graphopt.ops.indexing import slice_with_python_syntax
from graphopt.ops.linalg import matmul
from graphopt.ops.picking import boolean_mask
from graphopt.testing.random_steps import step
from graphopt.testing.recorder import NotPossible, Recorder, is_filled, is_rank

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
    functions = (  # not op names: what random programs are made of
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
