"""`tf.nn`'s candidate samplers with TensorFlow 1's names and argument orders."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt.errors import ArgumentError
from graphopt.ops.candidates import Candidates, log_uniform_probabilities, sample_candidates


def log_uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: int | None = None, name: str | None = None
) -> Candidates:
    """Draw classes under Zipf's law: for classes that are sorted by frequency, the most frequent first.

    Args:
      true_classes: class numbers ``[batch, num_true]``. num_true: accepted; the shape says it. num_sampled: how many classes are drawn.
      unique: whether all drawn classes differ. range_max: how many classes there are. seed: makes them repeatable. name: of the scope.

    Returns:
      The sampled classes i64[num_sampled], and how often the true and the sampled classes are expected among them, in float32.

    Raises:
      ValueError: when there are fewer classes than are to be drawn without repetition.

    Example:
      >>> sampled, true_count, sampled_count = tf.nn.log_uniform_candidate_sampler([[0], [9]], 1, 5, True, 10, seed=1)
      >>> len(set(tf.Session().run(sampled).tolist()))
      5
    """
    table = log_uniform_probabilities(range_max)
    label = name or "LogUniformCandidateSampler"
    return sample_candidates(table, true_classes, num_sampled=num_sampled, unique=unique, seed=seed, name=label)


def uniform_candidate_sampler(
    true_classes: Any, num_true: int, num_sampled: int, unique: bool, range_max: int, seed: int | None = None, name: str | None = None
) -> Candidates:
    """Draw classes that are all as probable. Arguments, value and errors as for `log_uniform_candidate_sampler`."""
    table = np.full(range_max, 1.0 / range_max)
    label = name or "UniformCandidateSampler"
    return sample_candidates(table, true_classes, num_sampled=num_sampled, unique=unique, seed=seed, name=label)


def fixed_unigram_candidate_sampler(
    true_classes: Any,
    num_true: int,
    num_sampled: int,
    unique: bool,
    range_max: int,
    vocab_file: str = "",
    distortion: float = 1.0,
    num_reserved_ids: int = 0,
    num_shards: int = 1,
    shard: int = 0,
    unigrams: Any = (),
    seed: int | None = None,
    name: str | None = None,
) -> Candidates:
    """Draw classes with given frequencies.

    Args:
      unigrams: how often each class is seen, from class `num_reserved_ids` on. distortion: the power they are raised to.
      num_reserved_ids: classes that are never drawn, the first ones. vocab_file, num_shards, shard: not supported.
      The others are as for `log_uniform_candidate_sampler`.

    Raises:
      ValueError: as there; when `unigrams` doesn't give a frequency to each class, or for a vocabulary file or shards.
    """
    if vocab_file or num_shards != 1 or shard:
        raise ArgumentError("fixed_unigram_candidate_sampler takes its frequencies from unigrams: no vocab_file, one shard.")
    weights = np.concatenate([np.zeros(num_reserved_ids), np.asarray(unigrams, np.float64) ** distortion])
    if len(weights) != range_max:
        raise ArgumentError(f"unigrams must have {range_max - num_reserved_ids} frequencies, got {len(unigrams)}.")
    label = name or "FixedUnigramCandidateSampler"
    return sample_candidates(weights / weights.sum(), true_classes, num_sampled=num_sampled, unique=unique, seed=seed, name=label)
