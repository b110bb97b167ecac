"""Evaluating a checkpoint, and writing what came out: `contrib.training`."""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from graphopt import dtypes
from graphopt.errors import ArgumentError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import Graph, get_default_graph
from graphopt.graph.initializers import Zeros
from graphopt.graph.summaries import merge_all
from graphopt.graph.variable_scope import get_variable
from graphopt.graph.variables import assign_add
from graphopt.train.checkpoints import checkpoints_iterator
from graphopt.train.global_step import get_or_create_global_step
from graphopt.train.hooks.feeding import FinalOpsHook
from graphopt.train.hooks.protocol import SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues
from graphopt.train.hooks.writers import writer_for
from graphopt.train.monitored.creators import ChiefSessionCreator
from graphopt.train.monitored.scaffold import Scaffold
from graphopt.train.monitored.session import MonitoredSession

_LOG = logging.getLogger("graphopt")


def get_or_create_eval_step(graph: Graph | None = None) -> Any:
    """Return the variable that counts the steps of an evaluation, made when there is none."""
    graph = graph or get_default_graph().root
    found = graph.get_collection(GraphKeys.EVAL_STEP)
    if len(found) > 1:
        raise ArgumentError("Multiple tensors added to tf.GraphKeys.EVAL_STEP")
    if found:
        return found[0]
    names = [GraphKeys.LOCAL_VARIABLES, GraphKeys.EVAL_STEP]
    with graph.as_default(), graph.name_scope(None):
        return get_variable("eval_step", shape=[], dtype=dtypes.int64, initializer=Zeros(), trainable=False, collections=names)


class StopAfterNEvalsHook(SessionRunHook):
    """Asks to stop after a number of evaluation steps.

    Args:
      num_evals: how many; None for no end. log_progress: whether the steps are logged.

    Source: tensorflow/python/training/evaluation.py (r1.15).
    """

    def __init__(self, num_evals: int | None, log_progress: bool = True) -> None:
        self._num_evals = num_evals
        self._log_progress = log_progress
        self._frequency = 1 if num_evals is None or num_evals < 20 else max(num_evals // 10, 1)

    def begin(self) -> None:
        """Find the counter."""
        self._request = SessionRunArgs(get_or_create_eval_step())

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the number of steps made."""
        return self._request

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Log, and ask to stop after the last one."""
        done = int(run_values.results)
        if self._log_progress:
            if self._num_evals is None:
                _LOG.info("Evaluation [%d]", done)
            elif done % self._frequency == 0 or done == self._num_evals:
                _LOG.info("Evaluation [%d/%d]", done, self._num_evals)
        if self._num_evals is not None and done >= self._num_evals:
            run_context.request_stop()


class SummaryAtEndHook(SessionRunHook):
    """Writes summaries when an evaluation ends.

    Args:
      log_dir: the directory of the summaries. summary_writer: their writer, in its place. One of the two is given.
      summary_op: the summaries, merged (all of the graph by default). feed_dict: what they are fed.

    Raises:
      ValueError: without a directory and a writer.

    Source: tensorflow/contrib/training/python/training/evaluation.py (r1.15).
    """

    def __init__(
        self, log_dir: Any = None, summary_writer: Any = None, summary_op: Any = None, feed_dict: Mapping[Any, Any] | None = None
    ) -> None:
        if log_dir is None and summary_writer is None:
            raise ArgumentError("One of log_dir and summary_writer should be used: SummaryAtEndHook has nowhere to write to.")
        self._summary_op = summary_op
        self._replace_summary_op = summary_op is None
        self._feed_dict = feed_dict
        self._summary_writer = summary_writer
        self._log_dir = log_dir

    def begin(self) -> None:
        """Find summaries, writer and global step."""
        if self._replace_summary_op:
            # New in each graph, so that one hook serves several evaluations.
            self._summary_op = merge_all()
        self._step = get_or_create_global_step()
        self._writer = self._summary_writer if self._summary_writer is not None else writer_for(self._log_dir)

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Write the graph."""
        if self._summary_writer is None and self._log_dir:
            self._writer.add_graph(session.graph)

    def end(self, session: Any) -> None:
        """Write the summaries at the global step of the checkpoint."""
        step = int(session.run(self._step))
        if self._summary_op is not None:
            self._writer.add_summary(session.run(self._summary_op, self._feed_dict), step)
        self._writer.flush()


def evaluate_once(
    checkpoint_path: Any,
    master: str = "",
    scaffold: Scaffold | None = None,
    eval_ops: Any = None,
    feed_dict: Mapping[Any, Any] | None = None,
    final_ops: Any = None,
    final_ops_feed_dict: Mapping[Any, Any] | None = None,
    hooks: Iterable[Any] | None = None,
    config: Any = None,
) -> Any:
    """Evaluate a checkpoint: run `eval_ops` until a hook asks to stop, then `final_ops`; return the values of these.

    Args:
      checkpoint_path: the checkpoint, or None for initial values.
      master: accepted for TensorFlow's sake. scaffold: the pieces of the graph.
      eval_ops: an operation, or a list or dict of them, such as the updates of metrics. feed_dict: what they are fed.
      final_ops: what to fetch at the end. final_ops_feed_dict: what it is fed.
      hooks: a list of hooks, such as `StopAfterNEvalsHook` and `SummaryAtEndHook`. config: a `ConfigProto`.

    Source: tensorflow/contrib/training/python/training/evaluation.py (r1.15).

    Example:
      >>> count = tf.Variable(0.0, collections=[tf.GraphKeys.LOCAL_VARIABLES], trainable=False)
      >>> update = count.assign_add(1.0)
      >>> hooks = [tf.contrib.training.StopAfterNEvalsHook(3)]
      >>> print(tf.contrib.training.evaluate_once(None, eval_ops=update, final_ops=count, hooks=hooks))
      3.0
    """
    counted = _counted(eval_ops)
    return _evaluate(checkpoint_path, master, scaffold, counted, feed_dict, (final_ops, final_ops_feed_dict), hooks, config)


def evaluate_repeatedly(
    checkpoint_dir: Any,
    master: str = "",
    scaffold: Scaffold | None = None,
    eval_ops: Any = None,
    feed_dict: Mapping[Any, Any] | None = None,
    final_ops: Any = None,
    final_ops_feed_dict: Mapping[Any, Any] | None = None,
    eval_interval_secs: float = 60,
    hooks: Iterable[Any] | None = None,
    config: Any = None,
    max_number_of_evaluations: int | None = None,
    timeout: float | None = None,
    timeout_fn: Callable[[], bool] | None = None,
) -> Any:
    """Evaluate every new checkpoint of a folder; return the values of `final_ops` of the last one.

    Args:
      checkpoint_dir: the folder.
      eval_interval_secs: how many seconds lie between two evaluations at least.
      max_number_of_evaluations: after how many to end; None for no bound.
      timeout: how many seconds to wait for a checkpoint; None for no bound. timeout_fn: called then, returns whether to end.
      The other arguments are those of `evaluate_once`.

    Source: tensorflow/contrib/training/python/training/evaluation.py (r1.15).
    """
    counted = _counted(eval_ops)
    found = None
    checkpoints = checkpoints_iterator(checkpoint_dir, eval_interval_secs, timeout, timeout_fn)
    for path in itertools.islice(checkpoints, max_number_of_evaluations):
        found = _evaluate(path, master, scaffold, counted, feed_dict, (final_ops, final_ops_feed_dict), hooks, config)
    return found


def _counted(eval_ops: Any) -> Any:
    """Return the operations with one that counts the steps of the evaluation."""
    eval_step = get_or_create_eval_step()
    if eval_ops is None:
        return None
    counted = assign_add(eval_step, 1)
    return {**eval_ops, "update_eval_step": counted} if isinstance(eval_ops, dict) else [*_as_list(eval_ops), counted]


def _evaluate(
    checkpoint_path: Any, master: str, scaffold: Any, eval_ops: Any, feed_dict: Any, final: tuple[Any, Any], hooks: Any, config: Any
) -> Any:
    _LOG.info("Starting evaluation at %s", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))
    final_hook = FinalOpsHook(*final)
    creator = ChiefSessionCreator(scaffold, master, config, checkpoint_filename_with_path=checkpoint_path)
    with MonitoredSession(creator, hooks=[*(hooks or []), final_hook]) as session:
        if eval_ops is not None:
            while not session.should_stop():
                session.run(eval_ops, feed_dict)
    _LOG.info("Finished evaluation at %s", time.strftime("%Y-%m-%d-%H:%M:%S", time.gmtime()))
    return final_hook.final_ops_values


def _as_list(operations: Any) -> list[Any]:
    return list(operations) if isinstance(operations, (list, tuple)) else [operations]
