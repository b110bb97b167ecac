"""Cross entropy over sequences, against its closed form."""

import numpy as np
import pytest

import graphopt as tf

RNG = np.random.RandomState(0)
LOGITS = RNG.randn(3, 4, 5)
TARGETS = RNG.randint(0, 5, (3, 4))
WEIGHTS = np.array([[1, 1, 0, 0], [0, 0, 0, 0], [0.5, 2, 1, 1]], float)
LOSSES = (np.log(np.exp(LOGITS).sum(-1)) - np.take_along_axis(LOGITS, TARGETS[..., None], -1)[..., 0]) * WEIGHTS


def run(tensor: tf.Tensor) -> np.ndarray:
    with tf.Session() as sess:
        return sess.run(tensor)


def mean(axis: int | None) -> np.ndarray:
    total = WEIGHTS.sum(axis)
    return np.where(total == 0, 0, LOSSES.sum(axis) / np.where(total == 0, 1, total))


@pytest.mark.parametrize(
    ("across_steps", "across_batch", "wanted"),
    [(True, True, mean(None)), (True, False, mean(1)), (False, True, mean(0)), (False, False, LOSSES)],
)
def test_sequence_loss(across_steps: bool, across_batch: bool, wanted: np.ndarray) -> None:
    logits = tf.placeholder_with_default(LOGITS, [None, None, None])
    loss = tf.contrib.seq2seq.sequence_loss(logits, TARGETS, WEIGHTS, across_steps, across_batch)
    np.testing.assert_allclose(run(loss), wanted, rtol=1e-12)


def test_a_loss_of_ones_own() -> None:
    def margin(labels: tf.Tensor, logits: tf.Tensor) -> tf.Tensor:
        return tf.reduce_max(logits, axis=1) + tf.cast(labels, logits.dtype)

    found = tf.contrib.seq2seq.sequence_loss(LOGITS, TARGETS, WEIGHTS, False, False, softmax_loss_function=margin)
    np.testing.assert_allclose(run(found), (LOGITS.max(-1) + TARGETS) * WEIGHTS)


def steps(values: np.ndarray) -> list[np.ndarray]:
    return [values[:, i] for i in range(values.shape[1])]


def test_losses_of_lists() -> None:
    legacy = tf.contrib.legacy_seq2seq
    lists = steps(LOGITS), steps(TARGETS), steps(WEIGHTS)
    by_example = LOSSES.sum(1) / (WEIGHTS.sum(1) + 1e-12)
    np.testing.assert_allclose(run(legacy.sequence_loss_by_example(*lists)), by_example)
    np.testing.assert_allclose(run(legacy.sequence_loss_by_example(*lists, average_across_timesteps=False)), LOSSES.sum(1))
    np.testing.assert_allclose(run(legacy.sequence_loss(*lists)), by_example.mean())
    np.testing.assert_allclose(run(legacy.sequence_loss(*lists, average_across_batch=False)), by_example.sum())
    # As the language model of the tutorials calls it: one long step.
    flat = [LOGITS.reshape(-1, 5)], [TARGETS.reshape(-1)], [WEIGHTS.reshape(-1)]
    np.testing.assert_allclose(run(legacy.sequence_loss_by_example(*flat, average_across_timesteps=False)), LOSSES.reshape(-1))


def test_refusals() -> None:
    with pytest.raises(ValueError, match=r"Logits must be a \[batch_size x sequence_length x logits\] tensor, got the shape \(3, 4\)"):
        tf.contrib.seq2seq.sequence_loss(LOGITS[..., 0], TARGETS, WEIGHTS)
    with pytest.raises(ValueError, match=r"Targets must be a \[batch_size x sequence_length\] tensor"):
        tf.contrib.seq2seq.sequence_loss(LOGITS, TARGETS[0], WEIGHTS)
    with pytest.raises(ValueError, match=r"Lengths of logits, weights, and targets must be the same: 4, 3, 4\."):
        tf.contrib.legacy_seq2seq.sequence_loss_by_example(steps(LOGITS), steps(TARGETS), steps(WEIGHTS)[1:])
