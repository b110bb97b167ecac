"""A hook that stops when the loss is NaN."""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from graphopt.errors import GraphStateError
from graphopt.train.hooks.protocol import SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues

_LOG = logging.getLogger("graphopt")


class NanLossDuringTrainingError(GraphStateError):
    """The loss was NaN."""

    def __init__(self) -> None:
        super().__init__("NaN loss during training.")

    def __str__(self) -> str:
        return "NaN loss during training."


class NanTensorHook(SessionRunHook):
    """Stops training after a run in which a tensor is NaN. `NonFiniteHook` looks before the step is made, and says where it came from.

    Args:
      loss_tensor: the tensor. fail_on_nan_loss: raise, or only log and ask to stop.

    Raises:
      NanLossDuringTrainingError: from a run, when the tensor is NaN and `fail_on_nan_loss` is set.

    Example:
      >>> x = tf.placeholder(tf.float32, [])
      >>> y = x + 1.0
      >>> with tf.train.MonitoredSession(hooks=[tf.train.NanTensorHook(x, fail_on_nan_loss=False)]) as session:
      ...     _ = session.run(y, {x: np.nan})
      ...     session.should_stop()
      True
    """

    def __init__(self, loss_tensor: Any, fail_on_nan_loss: bool = True) -> None:
        self._request = SessionRunArgs(loss_tensor)
        self._fail_on_nan_loss = fail_on_nan_loss

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the tensor."""
        return self._request

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Stop when it is NaN."""
        value = run_values.results
        # A number that differs from itself is NaN: much cheaper than np.isnan for a scalar, and right for arrays, too.
        if not (value == value if np.ndim(value) == 0 else not np.any(np.isnan(value))):
            if self._fail_on_nan_loss:
                _LOG.error("Model diverged with loss = NaN.")
                raise NanLossDuringTrainingError
            _LOG.warning("Model diverged with loss = NaN.")
            run_context.request_stop()
