"""Clipping of gradients, and centralising."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.indexed_slices import IndexedSlices, map_values
from graphopt.ops.array import size_op
from graphopt.ops.elementwise import (
    add,
    add_n,
    cast,
    divide,
    greater_equal,
    maximum,
    minimum,
    multiply,
    negative,
    ones_as,
    select,
    sqrt,
    square,
    subtract,
)
from graphopt.ops.gradient_rows import sum_duplicate_rows
from graphopt.ops.reduce import reduce_mean, reduce_sum
from graphopt.train import clip
from graphopt.train.hyper import POSITIVE, check_hyper
from graphopt.train.stages.stage import Pairs, Stage, Step, clipping_stage, each_gradient, location_of, stage, values_of
from graphopt.train.unknown_arguments import naming_nearest


@naming_nearest
def clip_by_value(limit: Any) -> Stage:
    """Return the stage that clips every number of every gradient to ``[-limit, limit]``. NaN stays NaN.

    Args:
      limit: above 0: a number, scalar tensor, schedule or callable.

    Example:
      >>> w = tf.Variable([1.0, 2.0])
      >>> clipped = tf.train.stages.clip_by_value(1.0)([(tf.constant([3.0, -0.5]), w)])
      >>> tf.Session().run(clipped[0][0])
      array([ 1. , -0.5], dtype=float32)
    """

    check_hyper(limit, "clip_value", POSITIVE)

    def function(pairs: Pairs, step: Step) -> Pairs:
        known = step.hyper("clip_value", limit, POSITIVE)

        def clipped(gradient: Any, _: Any) -> Any:
            high = known.in_type(gradient.dtype)
            return clip.clip_by_value(summed_rows(gradient), negative(high), high)

        return each_gradient(clipped, pairs)

    return clipping_stage("clip by value", function, limit=limit)


@naming_nearest
def clip_each_by_norm(clip_norm: Any) -> Stage:
    """Return the stage that scales each gradient down so that its own norm is at most `clip_norm`.

    Repeated rows of a sparse gradient are added up first, so that the norm is that of the gradient.

    Args:
      clip_norm: above 0: a number, scalar tensor, schedule or callable.

    Example:
      >>> w = tf.Variable([1.0, 2.0])
      >>> clipped = tf.train.stages.clip_each_by_norm(1.0)([(tf.constant([3.0, 4.0]), w)])
      >>> tf.Session().run(clipped[0][0])
      array([0.6, 0.8], dtype=float32)
    """

    check_hyper(clip_norm, "clip_norm", POSITIVE)

    def function(pairs: Pairs, step: Step) -> Pairs:
        known = step.hyper("clip_norm", clip_norm, POSITIVE)

        def clipped(values: Any) -> Any:
            return cast(clip.clip_by_norm(_widened(values), known.in_type(_wide(values.dtype))), values.dtype)

        return each_gradient(lambda g, _: map_values(clipped, summed_rows(g)), pairs)

    return clipping_stage("clip each gradient by norm", function, clip_norm=clip_norm)


@naming_nearest
def clip_by_global_norm(clip_norm: Any) -> Stage:
    """Return the stage that scales all gradients by one factor so that their global norm is at most `clip_norm`.

    Repeated rows of a sparse gradient are added up first. An infinite or NaN norm makes all gradients NaN. Gradients may differ in element
    type: the norm is one of the widest, and of float32 for half precision.

    Args:
      clip_norm: above 0: a number, scalar tensor, schedule or callable.

    Example:
      >>> v, w = tf.Variable(1.0), tf.Variable(2.0)
      >>> clipped = tf.train.stages.clip_by_global_norm(2.0)([(tf.constant(3.0), v), (tf.constant(4.0), w)])
      >>> tf.Session().run([g for g, _ in clipped])
      [np.float32(1.2), np.float32(1.6)]
    """

    check_hyper(clip_norm, "clip_gradients", POSITIVE)

    def function(pairs: Pairs, step: Step) -> Pairs:
        known = step.hyper("clip_gradients", clip_norm, POSITIVE)
        summed = each_gradient(lambda g, _: summed_rows(g), pairs)
        types = {_wide(gradient.dtype) for gradient, _ in summed if gradient is not None}
        if not types:
            return pairs
        dtype = max(types, key=lambda wide: wide.size)
        limit = known.in_type(dtype)
        squares = [reduce_sum(square(cast(values_of(gradient), dtype))) for gradient, _ in summed if gradient is not None]
        norm = sqrt(add_n(squares))
        # norm - norm is 0 where the norm is finite and NaN elsewhere.
        scale = add(multiply(minimum(divide(1.0, norm), divide(1.0, limit)), limit), subtract(norm, norm))
        return each_gradient(lambda g, _: map_values(lambda x: multiply(x, cast(scale, x.dtype)), g), summed)

    return clipping_stage("clip by global norm", function, clip_norm=clip_norm)


def _wide(dtype: DType) -> DType:
    """Return the element type of norms: squares overflow half precision."""
    return dtypes.float32 if dtype.size < 4 else dtype


def _widened(x: Any) -> Any:
    return cast(x, _wide(x.dtype))


def _clipped_by_global_norm(pairs: Pairs, clip_norm: Any) -> Pairs:
    gradients = [gradient for gradient, _ in pairs]
    found = [gradient for gradient in gradients if gradient is not None]
    if not found:
        return pairs
    clipped, _ = clip.clip_by_global_norm(gradients, clip_norm.in_type(found[0].dtype))
    return list(zip(clipped, [v for _, v in pairs], strict=True))


@naming_nearest
def clip_by_unit_ratio(ratio: Any, epsilon: Any = 1e-3) -> Stage:
    """Return the stage that keeps the norm of each unit's gradient within `ratio` of the norm of the unit's weights.

    A unit is a whole vector or scalar, a column of a matrix, and in general what belongs to one index of the last axis. Where
    ``‖g‖ ≥ max = ratio max(‖w‖, epsilon)``, the gradient becomes ``g max / ‖g‖``.

    Args:
      ratio: above 0. epsilon: the norm that smaller weights are taken to have. Numbers, scalar tensors, schedules or callables.

    Source: Brock et al. 2021, https://arxiv.org/abs/2102.06171; optax.adaptive_grad_clip.

    Example:
      >>> w = tf.Variable([1.0, -2.0])
      >>> clipped = tf.train.stages.clip_by_unit_ratio(0.01)([(tf.constant([3.0, 4.0]), w)])
      >>> with tf.Session() as session:
      ...     session.run(tf.global_variables_initializer())
      ...     print(session.run(clipped[0][0]).round(4))
      [0.0134 0.0179]
    """

    check_hyper(ratio, "clip_unit_ratio", POSITIVE)
    check_hyper(epsilon, "clip_unit_epsilon", POSITIVE)

    def function(pairs: Pairs, step: Step) -> Pairs:
        share = step.hyper("clip_unit_ratio", ratio, POSITIVE)
        least = step.hyper("clip_unit_epsilon", epsilon, POSITIVE)

        def clipped(gradient: Any, v: Any) -> Any:
            axes = _unit_axes(v)
            wide = _wide(v.dtype)
            largest = multiply(maximum(_norm(_widened(v.value()), axes), least.in_type(wide)), share.in_type(wide))

            def scaled(values: Any) -> Any:
                norm = _norm(_widened(values), axes)
                factor = divide(largest, maximum(norm, np.array(1e-6, wide.np)))
                return select(greater_equal(norm, largest), cast(multiply(_widened(values), factor), values.dtype), values)

            return map_values(scaled, summed_rows(gradient))

        return each_gradient(clipped, pairs)

    return clipping_stage("clip by unit ratio", function, ratio=ratio, epsilon=epsilon)


def _unit_axes(variable: Any) -> list[int]:
    rank = _rank_of(variable)
    return list(range(rank if rank < 2 else rank - 1))


def _rank_of(variable: Any) -> int:
    rank: int | None = variable.get_shape().ndims
    if rank is None:
        raise ArgumentError(f"This stage must know how many axes {variable.name} has, but its shape is unknown.")
    return rank


def _norm(x: Any, axes: list[int]) -> Any:
    return sqrt(reduce_sum(square(x), axis=axes, keepdims=True))


@naming_nearest
def clip_by_block_rms(threshold: Any) -> Stage:
    """Return the stage that scales each gradient down so that the root of its mean square is at most `threshold`.

    Args:
      threshold: above 0: a number, scalar tensor, schedule or callable.

    Source: Shazeer, Stern 2018, https://arxiv.org/abs/1804.04235; optax.clip_by_block_rms.

    Example:
      >>> w = tf.Variable([1.0, 2.0])
      >>> clipped = tf.train.stages.clip_by_block_rms(1.0)([(tf.constant([1.0, 7.0]), w)])
      >>> tf.Session().run(clipped[0][0])
      array([0.2, 1.4], dtype=float32)
    """

    check_hyper(threshold, "clip_block_rms", POSITIVE)

    def function(pairs: Pairs, step: Step) -> Pairs:
        known = step.hyper("clip_block_rms", threshold, POSITIVE)

        def clipped(gradient: Any, v: Any) -> Any:
            wide = _wide(v.dtype)
            known_count = v.get_shape().num_elements()
            count = cast(size_op(v.value()), wide) if known_count is None else np.array(known_count, wide.np)

            def scaled(values: Any) -> Any:
                root = sqrt(divide(reduce_sum(square(_widened(values))), count))
                return cast(divide(_widened(values), maximum(divide(root, known.in_type(wide)), ones_as(root))), values.dtype)

            return map_values(scaled, summed_rows(gradient))

        return each_gradient(clipped, pairs)

    return clipping_stage("clip by block RMS", function, threshold=threshold)


@naming_nearest
def centralize() -> Stage:
    """Return the stage that subtracts from each gradient of two or more axes its mean over all axes but the first.

    Source: Yong et al. 2020, https://arxiv.org/abs/2004.01461; optax.centralize.

    Example:
      >>> w = tf.Variable([[1.0, 2.0]])
      >>> tf.Session().run(tf.train.stages.centralize()([(tf.constant([[1.0, 4.0]]), w)])[0][0])
      array([[-1.5,  1.5]], dtype=float32)
    """

    def centered(gradient: Any, v: Any) -> Any:
        rank = _rank_of(v)
        if rank < 2:
            return gradient
        return map_values(lambda x: subtract(x, reduce_mean(x, axis=list(range(1, rank)), keepdims=True)), gradient)

    return stage("centralize", lambda pairs, _: each_gradient(centered, pairs))


def clip_gradients(given: Any) -> Stage:
    """Return the stage of `optimize_loss`'s argument `clip_gradients`: by global norm for a float, else what the user's function does.

    Rows of sparse gradients that repeat count one by one, as in TensorFlow. What the function writes does not become part of the step.

    Args:
      given: a float, or a function from pairs to pairs.

    Raises:
      ValueError: for anything else.
    """
    if isinstance(given, Stage):
        return given
    if isinstance(given, float):

        def by_norm(pairs: Pairs, step: Step) -> Pairs:
            return _clipped_by_global_norm(pairs, step.hyper("clip_gradients", given))

        return clipping_stage("clip by global norm", by_norm, clip_norm=given)
    if callable(given):
        name = getattr(given, "stage_name", None) or f"clip by {getattr(given, '__name__', repr(given))}"
        return Stage(name, getattr(given, "settings", {}), _without_writes(given), location_of(given), clips=True)
    raise ArgumentError(f"Unknown type {type(given)} for clip_gradients")


def _without_writes(function: Callable[[Pairs], Any]) -> Callable[[Pairs, Step], Any]:
    def run(pairs: Pairs, _: Step) -> Any:
        with get_default_graph().collect_writes(suspend=True):
            return function(pairs)

    return run


def summed_rows(gradient: Any) -> Any:
    """Return a gradient with repeated rows added up; a tensor as it is."""
    if not isinstance(gradient, IndexedSlices):
        return convert_to_tensor(gradient)
    rows, indices = sum_duplicate_rows(gradient.values, gradient.indices)
    return IndexedSlices(rows, indices, gradient.dense_shape)
