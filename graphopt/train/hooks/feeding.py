"""Hooks that feed every run, and that run something at the end."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphopt.train.hooks.protocol import SessionRunArgs, SessionRunContext, SessionRunHook


class FeedFnHook(SessionRunHook):
    """Feeds every run what a function returns.

    Args:
      feed_fn: a function without arguments that returns a feed dictionary.

    Example:
      >>> x = tf.placeholder(tf.float32, [])
      >>> y = x * x
      >>> with tf.train.MonitoredSession(hooks=[tf.train.FeedFnHook(lambda: {x: 3.0})]) as session:
      ...     print(session.run(y))
      9.0
    """

    def __init__(self, feed_fn: Callable[[], Mapping[Any, Any]]) -> None:
        self.feed_fn = feed_fn

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Feed what the function returns."""
        return SessionRunArgs(fetches=None, feed_dict=self.feed_fn())


class FinalOpsHook(SessionRunHook):
    """Runs fetches when training ends without an error.

    Args:
      final_ops: what to fetch: anything that `Session.run` takes. final_ops_feed_dict: what to feed.

    Example:
      >>> w = tf.get_variable("w", initializer=2.0)
      >>> add, hook = w.assign_add(1.0), tf.train.FinalOpsHook({"w": w})
      >>> with tf.train.MonitoredSession(hooks=[hook]) as session:
      ...     _ = session.run(add)
      >>> float(hook.final_ops_values["w"])
      3.0
    """

    def __init__(self, final_ops: Any, final_ops_feed_dict: Mapping[Any, Any] | None = None) -> None:
        self._final_ops = final_ops
        self._feed_dict = final_ops_feed_dict
        self._values: Any = None

    @property
    def final_ops_values(self) -> Any:
        """The values at the end; None before it."""
        return self._values

    def end(self, session: Any) -> None:
        """Run the fetches."""
        if self._final_ops is not None:
            self._values = session.run(self._final_ops, feed_dict=self._feed_dict)
