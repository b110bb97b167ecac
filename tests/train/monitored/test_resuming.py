"""Training that is stopped and goes on in a new session is training that was never stopped, bit for bit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf

BATCHES = np.random.default_rng(0).normal(size=(8, 16, 5)).astype(np.float32)


def train(folder: Path, last_step: int, *, fail_at: int | None = None) -> dict[str, Any]:
    """Train until a step, from the checkpoint of the folder; return the state at the end."""
    with tf.Graph().as_default():
        tf.set_random_seed(7)
        x = tf.placeholder(tf.float32, [None, 5])
        w = tf.get_variable("w", [5, 3])
        step = tf.train.get_or_create_global_step()
        hidden = tf.nn.dropout(tf.nn.tanh(tf.matmul(x, w)), keep_prob=0.5)
        train_op = tf.contrib.layers.optimize_loss(
            tf.reduce_mean(tf.square(hidden - 1.0)),
            step,
            0.1,
            "Adam",
            gradient_noise_scale=0.01,
            learning_rate_decay_fn=lambda rate, step: tf.train.exponential_decay(rate, step, 3, 0.5),
        )
        hooks = [tf.train.StopAtStepHook(last_step=last_step)]
        with tf.train.MonitoredTrainingSession(checkpoint_dir=str(folder), hooks=hooks, save_checkpoint_steps=2) as session:
            while not session.should_stop():
                at = int(session.run_without_hooks(step))
                if at == fail_at:
                    raise OSError("the machine went away")
                session.run(train_op, {x: BATCHES[at]})
            return {name: np.array(cell.value) for name, cell in session.session.store.cells.items()}


def assert_same(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert first.keys() == second.keys()
    for name in first:
        assert first[name].tobytes() == second[name].tobytes(), name


@pytest.mark.parametrize("stop", [1, 4, 7])
def test_a_stop_changes_nothing(tmp_path: Path, stop: int) -> None:
    whole = train(tmp_path / "whole", 8)
    train(tmp_path / "parts", stop)
    assert_same(train(tmp_path / "parts", 8), whole)


def test_a_failure_goes_on_from_the_last_checkpoint(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", 8)
    with pytest.raises(OSError, match="the machine went away"):
        train(tmp_path / "parts", 8, fail_at=5)
    assert_same(train(tmp_path / "parts", 8), whole)
