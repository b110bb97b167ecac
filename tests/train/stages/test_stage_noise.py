"""The two stages that add noise to gradients."""

from typing import Any

import numpy as np
import pytest
from staging import DTYPES, KINDS, alone, dense_of, gradient_of, initialized, linear, sgd, variable

import graphopt as tf

stages = tf.train.stages
SIZE = 40_000


def noises(stage: Any, runs: int, step: Any = None) -> np.ndarray:
    """What a stage adds to a gradient of zeros, in several runs, in each of which a step is counted."""
    tf.set_random_seed(2)
    made = stage([(tf.zeros([SIZE], tf.float64), tf.Variable(np.zeros(SIZE)))])[0][0]
    found = []
    with initialized() as session:
        for _ in range(runs):
            found.append(session.run(made))
            if step is not None:
                session.run(step.assign_add(1))
    return np.array(found)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_noise_is_added_to_the_whole_gradient(kind: str, dtype: str) -> None:
    tf.set_random_seed(1)
    found = alone(stages.add_noise(0.5), kind, dtype)
    change = found.astype(float) - dense_of(kind, dtype)
    assert np.all(np.abs(change) <= 1.01) and np.all(change != 0) and len(np.unique(change)) > 9


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("kind", KINDS)
def test_annealed_noise_is_added_to_the_whole_gradient(kind: str, dtype: str) -> None:
    tf.set_random_seed(1)
    tf.train.get_or_create_global_step()
    change = alone(stages.add_annealed_noise(0.25), kind, dtype).astype(float) - dense_of(kind, dtype)
    assert np.all(np.abs(change) <= 3) and np.all(change != 0) and len(np.unique(change)) > 9


def test_sparse_rows_become_dense() -> None:
    made = stages.add_noise(1.0)([(gradient_of("rows"), variable())])[0][0]
    assert isinstance(made, tf.Tensor)


def test_noise_is_cut_at_two_deviations_and_fresh_in_every_run() -> None:
    first, second = noises(stages.add_noise(3.0), 2)
    assert np.abs(first).max() <= 6.0
    # The deviation of a normal distribution that is cut at 2.
    assert first.std() == pytest.approx(3 * 0.8796, rel=0.02)
    assert abs(np.corrcoef(first, second)[0, 1]) < 0.03


@pytest.mark.parametrize(("eta", "gamma"), [(4.0, 0.55), (4.0, 2.0), (1.0, 0.0)])
def test_annealed_noise_has_the_variance_of_the_paper(eta: float, gamma: float) -> None:
    step = tf.train.get_or_create_global_step()
    found = noises(stages.add_annealed_noise(eta, gamma), 3, step)
    for t, noise in enumerate(found):
        assert noise.std() == pytest.approx(np.sqrt(eta / (1 + t) ** gamma), rel=0.02)
        assert abs(noise.mean()) < 0.02 * noise.std() + 0.02
    assert np.abs(found[0]).max() > 3.5 * np.sqrt(eta)


@pytest.mark.parametrize("stage", [stages.add_noise(0.0), stages.add_annealed_noise(0.0)])
def test_no_noise_changes_nothing(stage: Any) -> None:
    tf.train.get_or_create_global_step()
    np.testing.assert_array_equal(alone(stage, "dense", "float64"), dense_of("dense"))


def test_annealed_noise_needs_a_global_step() -> None:
    with pytest.raises(ValueError, match=r"Annealed noise needs a global step: make one with tf.train.get_or_create_global_step\(\)\."):
        stages.add_annealed_noise(1.0)([(gradient_of("dense"), variable())])


def test_the_seed_of_the_graph_repeats_the_noise() -> None:
    found = []
    for _ in range(2):
        with tf.Graph().as_default():
            tf.set_random_seed(3)
            w, g, loss = linear(np.zeros(5))
            train_op = tf.train.training_op(loss, optimizer=sgd(), stages=[stages.add_noise(1.0)])
            with initialized() as session:
                for _ in range(3):
                    session.run(train_op, {g: np.zeros(5)})
                found.append(session.run(w))
    assert np.all(found[0] != 0)
    np.testing.assert_array_equal(found[0], found[1])


def test_both_kinds_of_noise_take_all_kinds_of_hyper_parameters() -> None:
    tf.set_random_seed(2)
    step = tf.train.get_or_create_global_step()
    size = tf.placeholder(tf.float64, [])
    for stage in (stages.add_noise(size), stages.add_annealed_noise(size, lambda count: tf.cast(count, tf.float64) * 0.0)):
        made = stage([(tf.zeros([SIZE], tf.float64), tf.Variable(np.zeros(SIZE)))])[0][0]
        with initialized() as session:
            assert np.all(session.run(made, {size: 0.0}) == 0)
            session.run(step.assign_add(5))
            assert session.run(made, {size: 4.0}).std() > 1.5
