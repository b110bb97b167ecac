"""`MonitoredTrainingSession`: a monitored session with the hooks that training wants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from graphopt.graph.summary_cadence import Cadence
from graphopt.train.hooks.checkpoint import CheckpointSaverHook
from graphopt.train.hooks.logging_hooks import StepCounterHook
from graphopt.train.hooks.report import ReportDataHook
from graphopt.train.hooks.summary import SummarySaverHook
from graphopt.train.monitored.creators import ChiefSessionCreator, WorkerSessionCreator
from graphopt.train.monitored.scaffold import Scaffold
from graphopt.train.monitored.session import MonitoredSession

# What an argument is when the caller does not give it: None means "never".
USE_DEFAULT = object()


def MonitoredTrainingSession(
    master: str = "",
    is_chief: bool = True,
    checkpoint_dir: Any = None,
    scaffold: Scaffold | None = None,
    hooks: Iterable[Any] | None = None,
    chief_only_hooks: Iterable[Any] | None = None,
    save_checkpoint_secs: Any = USE_DEFAULT,
    save_summaries_steps: Any = USE_DEFAULT,
    save_summaries_secs: Any = USE_DEFAULT,
    config: Any = None,
    stop_grace_period_secs: float = 120,
    log_step_count_steps: int | None = 100,
    max_wait_secs: float = 7200,
    save_checkpoint_steps: Any = USE_DEFAULT,
    summary_dir: Any = None,
    *,
    cadence: Cadence | Mapping[str, int] | None = None,
    most_logging: float | None = 0.1,
) -> MonitoredSession:
    """Return a monitored session that restores or initialises, saves checkpoints, writes summaries and counts steps.

    The hooks stand in this order: `chief_only_hooks`, the counter of steps, summaries, checkpoints, `hooks`.

    Args:
      master: accepted for TensorFlow's sake. is_chief: whether this process saves and writes; otherwise it only runs.
      checkpoint_dir: where checkpoints are restored from and saved to; None for none.
      scaffold: the pieces of the graph. hooks: a list of hooks. chief_only_hooks: a list of hooks for the chief.
      save_checkpoint_secs: seconds between two checkpoints (600 by default, when no steps are given); None for never.
      save_summaries_steps: steps between two summaries (100 by default, when no seconds are given); None for never.
      save_summaries_secs: seconds between two summaries.
      config: a `ConfigProto`. stop_grace_period_secs: how many seconds threads have to stop at the end.
      log_step_count_steps: steps between two logs of the steps per second; None or 0 for never.
      max_wait_secs: how many seconds one who is no chief waits for the session to be ready.
      save_checkpoint_steps: steps between two checkpoints. summary_dir: where summaries go (`checkpoint_dir` by default).
      cadence: steps between two summaries by tag or pattern, ``{"loss": 1, "gradients/*": 1000}``, or a `tf.summary.Cadence`; other
        tags follow `save_summaries_steps`.
      most_logging: the share of the time that summaries may take in a run longer than half a minute; None for no limit.

    Raises:
      RuntimeError: when a hook needs a global step and there is none.
      ValueError: for a cadence together with `save_summaries_secs`, or a share that isn't between 0 and 1.

    Source: tensorflow/python/training/monitored_session.py (r1.15).

    Example:
      >>> w = tf.get_variable("w", initializer=[3.0, 4.0])
      >>> step = tf.train.get_or_create_global_step()
      >>> train_op = tf.contrib.layers.optimize_loss(tf.nn.l2_loss(w), step, 0.5, "SGD")
      >>> hooks = [tf.train.StopAtStepHook(last_step=3)]
      >>> with tf.train.MonitoredTrainingSession(checkpoint_dir="run", hooks=hooks) as session:
      ...     while not session.should_stop():
      ...         print(session.run(train_op))
      12.5
      3.125
      0.78125
      >>> with tf.train.MonitoredTrainingSession(checkpoint_dir="run") as session:
      ...     print(session.run(step), session.run(w))
      3 [0.375 0.5  ]
    """
    summary_steps, summary_secs = _cadence(save_summaries_steps, save_summaries_secs, (100, None))
    checkpoint_steps, checkpoint_secs = _cadence(save_checkpoint_steps, save_checkpoint_secs, (None, 600))
    scaffold = scaffold or Scaffold()
    if not is_chief:
        worker = WorkerSessionCreator(scaffold, master, config, max_wait_secs)
        return MonitoredSession(worker, hooks, stop_grace_period_secs)
    all_hooks = list(chief_only_hooks or [])
    directory = summary_dir or checkpoint_dir
    if directory:
        if log_step_count_steps and log_step_count_steps > 0:
            all_hooks.append(StepCounterHook(every_n_steps=log_step_count_steps, output_dir=directory))
        if (summary_steps or 0) > 0 or (summary_secs or 0) > 0 or cadence is not None:
            pace: Any = {"cadence": cadence, "most_logging": most_logging}
            all_hooks.append(SummarySaverHook(summary_steps, summary_secs, output_dir=directory, scaffold=scaffold, **pace))
        all_hooks.append(ReportDataHook(directory))
    if checkpoint_dir and ((checkpoint_secs or 0) > 0 or (checkpoint_steps or 0) > 0):
        all_hooks.append(CheckpointSaverHook(checkpoint_dir, checkpoint_secs, checkpoint_steps, scaffold=scaffold))
    all_hooks.extend(hooks or [])
    chief = ChiefSessionCreator(scaffold, master, config, checkpoint_dir)
    return MonitoredSession(chief, all_hooks, stop_grace_period_secs)


def _cadence(steps: Any, secs: Any, default: tuple[int | None, int | None]) -> tuple[Any, Any]:
    """Return steps and seconds: giving one of them switches the other off."""
    if steps is USE_DEFAULT and secs is USE_DEFAULT:
        return default
    return (None if steps is USE_DEFAULT else steps), (None if secs is USE_DEFAULT else secs)
