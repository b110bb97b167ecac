"""A hook that is told when a run fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from graphopt.train.hooks.protocol import SessionRunArgs, SessionRunContext, SessionRunHook


class OnErrorHook(SessionRunHook):
    """Calls a function when a run fails, with the exception and what the run was fed; the exception then goes on.

    Args:
      function: a function of the exception and the feed dictionary (None when nothing was fed).

    Example:
      >>> x = tf.placeholder(tf.float32, [2], name="x")
      >>> seen = []
      >>> hook = tf.train.OnErrorHook(lambda error, feeds: seen.append((type(error).__name__, feeds[x])))
      >>> session = tf.train.MonitoredSession(hooks=[hook])
      >>> try:
      ...     session.run(tf.get_default_graph().get_tensor_by_name("x:0"), {x: [1.0, 2.0, 3.0]})
      ... except ValueError:
      ...     print(seen)
      [('ArgumentError', [1.0, 2.0, 3.0])]
    """

    def __init__(self, function: Callable[[BaseException, Any], Any]) -> None:
        self._function = function

    def on_error(self, run_context: SessionRunContext, error: BaseException, run_args: SessionRunArgs) -> None:
        """Call the function."""
        self._function(error, run_args.feed_dict)
