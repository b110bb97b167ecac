"""Candidate samplers: the distribution of what is drawn, how often it is expected, and losses that draw for themselves."""

from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.ops.candidates import log_uniform_probabilities, sample_candidates

RUNS = 4000


def drawn_by_rejection(table: np.ndarray, count: int, unique: bool) -> tuple[np.ndarray, float]:
    """Return how often each class is drawn, and the mean of how often class 0 is expected, as TensorFlow's kernel draws: one by one."""
    random = np.random.RandomState(3)
    counts, expected = np.zeros(len(table)), []
    for _ in range(RUNS):
        if not unique:
            np.add.at(counts, random.choice(len(table), count, p=table), 1)
            expected.append(count * table[0])
            continue
        seen: dict[int, None] = {}
        tries = 0
        while len(seen) < count:
            seen[random.choice(len(table), p=table)] = None
            tries += 1
        counts[list(seen)] += 1
        expected.append(count * table[0] if tries == count else -np.expm1(tries * np.log1p(-table[0])))
    return counts / RUNS, float(np.mean(expected))


@pytest.mark.parametrize(("classes", "count"), [(8, 3), (5, 5)])
@pytest.mark.parametrize("unique", [True, False])
def test_distribution(classes: int, count: int, unique: bool) -> None:
    table = log_uniform_probabilities(classes)
    assert table.sum() == pytest.approx(1.0)
    sampled, of_true, of_sampled = tf.nn.log_uniform_candidate_sampler([[0]], 1, count, unique, classes, seed=5)
    counts, expected = np.zeros(classes), []
    with tf.Session() as sess:
        for _ in range(RUNS):
            ids, first, each = sess.run([sampled, of_true, of_sampled])
            assert len(set(ids)) == count or not unique
            np.add.at(counts, ids, 1)
            expected.append(first.item())
            np.testing.assert_array_equal(each[ids == 0], np.repeat(first[0], (ids == 0).sum()))
    wanted = drawn_by_rejection(table, count, unique)
    np.testing.assert_allclose(counts / RUNS, wanted[0], atol=0.05)
    assert np.mean(expected) == pytest.approx(wanted[1], abs=0.01)
    assert (sampled.dtype, of_true.dtype) == (tf.int64, tf.float32)


def test_uniform_and_given_frequencies() -> None:
    even = tf.nn.uniform_candidate_sampler([[3], [4]], 1, 2, False, 10)
    given = tf.nn.fixed_unigram_candidate_sampler([[1], [2]], 1, 1, False, 4, num_reserved_ids=1, unigrams=[1, 2, 2], distortion=2.0)
    never = tf.nn.fixed_unigram_candidate_sampler([[0]], 1, 3, True, 4, num_reserved_ids=1, unigrams=[1, 2, 2])
    with tf.Session() as sess:
        np.testing.assert_allclose(sess.run(even.true_expected_count), [[0.2], [0.2]])
        np.testing.assert_allclose(sess.run(given.true_expected_count), [[1 / 9], [4 / 9]])
        assert sorted(sess.run(never.sampled_candidates)) == [1, 2, 3]
        assert sess.run(never.true_expected_count).item() == 0


def test_a_seed_repeats_the_classes() -> None:
    def first(seed: int) -> list[int]:
        with tf.Graph().as_default(), tf.Session() as sess:
            return sess.run(tf.nn.log_uniform_candidate_sampler([[0]], 1, 5, True, 100, seed=seed).sampled_candidates).tolist()

    assert first(1) == first(1) != first(2)


@pytest.mark.parametrize("name", ["nce_loss", "sampled_softmax_loss"])
def test_losses_that_draw_for_themselves(name: str) -> None:
    tf.set_random_seed(1)
    table = tf.get_variable("w", [20, 4], initializer=tf.random_normal_initializer(seed=1))
    biases = tf.get_variable("b", [20], initializer=tf.zeros_initializer())
    inputs = tf.get_variable("x", [6, 4], initializer=tf.random_normal_initializer(seed=2))
    labels = np.array([[1], [5], [5], [0], [19], [7]])
    loss = tf.reduce_mean(getattr(tf.nn, name)(table, biases, labels, inputs, num_sampled=8, num_classes=20))
    train = tf.train.AdamOptimizer(0.05).minimize(loss)
    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        losses = [sess.run([train, loss])[1] for _ in range(150)]
    assert np.isfinite(losses).all() and len(set(losses)) > 100
    assert np.mean(losses[-20:]) < 0.3 * np.mean(losses[:20])


def test_refusals() -> None:
    with pytest.raises(ValueError, match="Sampler's range is too small: 4 different classes can't be drawn from 3"):
        tf.nn.log_uniform_candidate_sampler([[0]], 1, 4, True, 3)
    with pytest.raises(ValueError, match="Sampler's range is too small"):
        tf.nn.nce_loss(tf.zeros([3, 2]), tf.zeros([3]), [[0]], tf.zeros([1, 2]), 4, 3)
    options: dict[str, Any] = {"true_classes": [[0]], "num_true": 1, "num_sampled": 1, "unique": True, "range_max": 3}
    with pytest.raises(ValueError, match=r"fixed_unigram_candidate_sampler takes its frequencies from unigrams: no vocab_file, one shard"):
        tf.nn.fixed_unigram_candidate_sampler(**options, vocab_file="words")
    with pytest.raises(ValueError, match="unigrams must have 3 frequencies, got 2"):
        tf.nn.fixed_unigram_candidate_sampler(**options, unigrams=[1, 2])


def test_no_gradient_reaches_the_counts() -> None:
    ids = tf.constant([[0]])
    found = sample_candidates(np.array([0.5, 0.5]), ids, num_sampled=1, unique=True)
    weight = tf.constant(2.0)
    assert tf.gradients(found.true_expected_count * weight, [weight])[0] is not None
