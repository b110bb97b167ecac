"""The training ops in graphopt; `GRAPHOPT_BACKEND` chooses the backend."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import numpy as np
from measure import Training, Way, stacked
from tf1_losses import LOSSES, placeholders, variables
from workloads import CLIP_NORM, DECAY_RATE, DECAY_STEPS, Arrays, Workload

import graphopt as tf

RUN_STEPS = 100
RUN_STEPS_SECONDS = 0.02
RUN_STEPS_BYTES = 64_000_000  # what the stacked feeds of `run_steps` may take


def versions() -> str:
    """Return what ran."""
    return f"graphopt {version('graphopt')}, NumPy {np.__version__}"


def build(workload: Workload, initial: Arrays, batch: Arrays, _variant: str) -> Training:
    """Record the training op, initialise the variables and make a callable of it."""
    feeds = placeholders(tf, batch)
    loss = LOSSES[workload.key](tf, variables(tf, initial), *feeds)
    train_op = tf.contrib.layers.optimize_loss(
        loss,
        tf.train.get_or_create_global_step(),
        workload.learning_rate,
        workload.optimizer,
        clip_gradients=CLIP_NORM,
        learning_rate_decay_fn=lambda rate, step: tf.train.exponential_decay(rate, step, DECAY_STEPS, DECAY_RATE),
    )
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    values = tuple(batch.values())
    step = session.make_callable(train_op, feed_list=feeds)
    feed_dict = dict(zip(feeds, values, strict=True))
    ways = {"Session.run": lambda _: Way(lambda: session.run(train_op, feed_dict))}
    if hasattr(session, "run_steps") and feeds:
        ways["run_steps"] = lambda seconds: many_steps(session, train_op, feeds, stacked(batch, steps_per_call(seconds, batch)))
    return Training(with_values(step, values), f"{backend_name()} backend, make_callable", ways)


def with_values(step: Callable[..., Any], values: tuple[Any, ...]) -> Callable[[], Any]:
    """Return `step` with its arguments bound."""
    return lambda: step(*values)


def many_steps(session: Any, train_op: Any, feeds: list[Any], batches: Arrays) -> Way:
    """Return the way that makes many steps in one call."""
    feed_dict = dict(zip(feeds, batches.values(), strict=True))
    return Way(lambda: session.run_steps(train_op, feed_dict), len(next(iter(batches.values()))))


def steps_per_call(seconds: float, batch: Arrays) -> int:
    """Return how many steps `run_steps` makes in a call: many where they are short and small, or else it takes too long or too much."""
    fit = RUN_STEPS_BYTES // sum(value.nbytes for value in batch.values())
    return max(2, min(RUN_STEPS, fit, int(RUN_STEPS_SECONDS / seconds)))


def backend_name() -> str:
    """Return which backend the environment asks for."""
    return os.environ.get("GRAPHOPT_BACKEND", "default")
