"""Candidate samplers: a few classes drawn at random, and how often each class is expected among them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from graphopt import dtypes
from graphopt.errors import ArgumentError
from graphopt.ops.array import expand_dims_op, stop_gradient
from graphopt.ops.composing import scope, to_symbol
from graphopt.ops.elementwise import (
    add,
    cast,
    divide,
    equal,
    expm1,
    floor,
    less_equal,
    log,
    log1p,
    minimum,
    multiply,
    negative,
    select,
    subtract,
)
from graphopt.ops.indexing import gather
from graphopt.ops.nn import top_k
from graphopt.ops.random import random_uniform
from graphopt.ops.reduce import reduce_sum
from graphopt.ops.sequence import cumsum_op

# The largest sum of probabilities below 1: all classes but one that is almost never drawn.
_ALMOST_ONE = 1.0 - 2.0**-53
# The probability that a class without one has instead: it comes up after all others.
_ALMOST_ZERO = 1e-300


class Candidates(NamedTuple):
    """What a candidate sampler returns.

    Attributes:
      sampled_candidates: i64[num_sampled], the classes. true_expected_count: f32, how often each true class is expected among them.
      sampled_expected_count: f32[num_sampled], how often each sampled class is.
    """

    sampled_candidates: Any
    true_expected_count: Any
    sampled_expected_count: Any


def log_uniform_probabilities(range_max: int) -> Any:
    """Return the probability of each class under Zipf's law: ``log((k + 2) / (k + 1)) / log(range_max + 1)``."""
    return np.log1p(1.0 / np.arange(1, range_max + 1)) / np.log(range_max + 1)


def sample_candidates(
    probabilities: Any, true_classes: Any, *, num_sampled: int, unique: bool, seed: int | None = None, name: str | None = None
) -> Candidates:
    """Draw classes, and say how often each is expected.

    With `unique` classes are drawn until there are as many different ones as wanted, and an expected count is the probability that the
    class is among so many draws. That takes one random number for each class here: the order in which classes first come up is the order
    of exponential waiting times with the probabilities as rates, and between two new classes there is a geometric number of draws.

    Args:
      probabilities: f64[classes], the probability of each class. true_classes: class numbers. num_sampled: how many are drawn.
      unique: whether all drawn classes differ. seed: makes them repeatable. name: name of the scope.

    Raises:
      ValueError: when there are fewer classes than are to be drawn without repetition.

    Source: tensorflow/core/kernels/range_sampler.cc, whose distribution this is; the stream of random numbers is another.
    """
    table = np.asarray(probabilities, np.float64)
    if unique and num_sampled > len(table):
        raise ArgumentError(f"Sampler's range is too small: {num_sampled} different classes can't be drawn from {len(table)}.")
    with scope(name or "CandidateSampler", true_classes):
        true = cast(to_symbol(true_classes, None, "true_classes"), dtypes.int64)
        drawn, tries = (_drawn_once if unique else _drawn_again)(table, num_sampled, seed, true)
        chances = to_symbol(table, None, "probabilities", true)
        counts = [_expected(gather(chances, ids), num_sampled, tries) for ids in (true, drawn)]
        return Candidates(*[stop_gradient(value) for value in (drawn, *counts)])


def _drawn_once(table: Any, count: int, seed: int | None, like: Any) -> tuple[Any, Any]:
    """Return different classes, in the order in which they come up, and how many draws that takes."""
    waits = subtract(log(negative(log(_uniform(len(table), seed)))), to_symbol(np.log(np.maximum(table, _ALMOST_ZERO)), None, None, like))
    _, order = top_k(negative(waits), k=count)
    drawn = cast(order, dtypes.int64)
    seen = cumsum_op(gather(to_symbol(table, None, None, like), drawn))[: count - 1]
    # How many draws bring up a class that was there before, after each new class.
    again = floor(divide(log(_uniform(count - 1, None if seed is None else seed + 1)), log(minimum(seen, _ALMOST_ONE))))
    return drawn, add(reduce_sum(again), float(count))


def _drawn_again(table: Any, count: int, seed: int | None, like: Any) -> tuple[Any, Any]:
    """Return classes of which some may be the same, and how many draws that takes: as many."""
    edges = to_symbol(np.cumsum(table)[:-1], None, None, like)
    passed = less_equal(edges, expand_dims_op(_uniform(count, seed), axis=1))
    return reduce_sum(cast(passed, dtypes.int64), axis=1), float(count)


def _uniform(count: int, seed: int | None) -> Any:
    """Return numbers of (0, 1]."""
    return subtract(1.0, random_uniform([count], dtype=dtypes.float64, seed=seed))


def _expected(chance: Any, count: int, tries: Any) -> Any:
    """Return how often a class of some probability is expected: among as many draws, or at least once among more."""
    often = multiply(chance, float(count))
    if isinstance(tries, float):
        return cast(often, dtypes.float32)
    at_least_once = negative(expm1(multiply(log1p(negative(chance)), tries)))
    return cast(select(equal(tries, float(count)), often, at_least_once), dtypes.float32)
