"""A hook that keeps what a report of the run shows of the training op."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

from graphopt.graph.graph import get_default_graph
from graphopt.graph.training_info import training_ops_of
from graphopt.train.hooks.protocol import SessionRunHook

# Inspection is a layer beside this one: who imports both names the function, as that of the writers.
_SAVER: list[Callable[..., Any]] = []


def set_report_saver(function: Callable[..., Any]) -> None:
    """Name the function that saves a training op's description: ``function(directory, train_op, session)``."""
    _SAVER[:] = [function]


class ReportDataHook(SessionRunHook):
    """Saves, when training ends, what `explain` and `doctor` say of the training op, for ``graphopt report``.

    What goes wrong there is a warning: it never ends a training.

    Args:
      output_dir: the directory of the summaries.

    Example:
      >>> w = tf.Variable(1.0)
      >>> train_op = tf.contrib.layers.optimize_loss(w * w, tf.train.get_or_create_global_step(), 0.1, "SGD")
      >>> with tf.train.MonitoredSession(hooks=[tf.train.ReportDataHook("logs")]) as session:
      ...     _ = session.run(train_op)
      >>> import os
      >>> os.listdir("logs")
      ['graphopt_report.json']
    """

    def __init__(self, output_dir: Any) -> None:
        self._output_dir = output_dir
        self._train_ops: list[Any] = []

    def begin(self) -> None:
        """Find the training ops of the graph."""
        self._train_ops = training_ops_of(get_default_graph())

    def end(self, session: Any = None) -> None:
        """Save the description of the first training op."""
        if not self._train_ops or not _SAVER:
            return
        try:
            _SAVER[0](self._output_dir, self._train_ops[0], session)
        except Exception as error:
            warnings.warn(f"The description of the training op was not saved to {self._output_dir}: {error}", UserWarning, stacklevel=2)
