"""A hook that saves checkpoints while training."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from graphopt.errors import ArgumentError, GraphStateError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import get_default_graph
from graphopt.graph.graph_def import to_graph_def
from graphopt.ops.summary_proto import SessionLog
from graphopt.train.hooks.protocol import Rest, SessionRunArgs, SessionRunContext, SessionRunHook, SessionRunValues
from graphopt.train.hooks.step import required_step
from graphopt.train.hooks.timer import SecondOrStepTimer
from graphopt.train.hooks.writers import writer_for

_LOG = logging.getLogger("graphopt")


class CheckpointSaverListener:
    """Does something around every checkpoint that a `CheckpointSaverHook` saves: override what you need.

    Source: tensorflow/python/training/basic_session_run_hooks.py (r1.15).

    Example:
      >>> class Names(tf.train.CheckpointSaverListener):
      ...     def before_save(self, session, global_step_value):
      ...         print("about to save step", global_step_value)
      >>> step = tf.train.get_or_create_global_step()
      >>> count = tf.assign_add(step, 1)
      >>> hook = tf.train.CheckpointSaverHook("logs", save_steps=2, listeners=[Names()])
      >>> with tf.train.MonitoredSession(hooks=[hook]) as session:
      ...     for _ in range(2):
      ...         _ = session.run(count)
      about to save step 0
      about to save step 2
    """

    def begin(self) -> None:
        """Prepare, while the graph may still be changed."""

    def before_save(self, session: Any, global_step_value: int) -> None:
        """Look at the session before it is saved."""

    def after_save(self, session: Any, global_step_value: int) -> bool | None:
        """Look at the session after it was saved; return True to stop training."""
        return None

    def end(self, session: Any, global_step_value: int) -> None:
        """Finish, after the last checkpoint."""


class CheckpointSaverHook(SessionRunHook):
    """Saves a checkpoint when the session is made, then every so many steps or seconds, and at the end.

    Training waits until the values are copied; a thread writes them. With listeners it waits until they are written.

    Args:
      checkpoint_dir: the directory, made when it is missing.
      save_secs: seconds between two checkpoints. save_steps: steps between two checkpoints. One of them is given.
      saver: what saves. scaffold: has it. Without both the collection SAVERS holds it.
      checkpoint_basename: what the files' names begin with. listeners: a list of `CheckpointSaverListener`.

    Raises:
      ValueError: when both a saver and a scaffold are given; unless there is one cadence.
      RuntimeError: from `begin`, without a global step; when a saver is needed and SAVERS doesn't hold one.

    Source: tensorflow/python/training/basic_session_run_hooks.py (r1.15).
    """

    def __init__(
        self,
        checkpoint_dir: Any,
        save_secs: float | None = None,
        save_steps: int | None = None,
        saver: Any = None,
        checkpoint_basename: str = "model.ckpt",
        scaffold: Any = None,
        listeners: Sequence[Any] | None = None,
    ) -> None:
        _LOG.info("Create CheckpointSaverHook.")
        if saver is not None and scaffold is not None:
            raise ArgumentError("You cannot provide both saver and scaffold.")
        self._saver = saver
        self._scaffold = scaffold
        self._checkpoint_dir = os.fspath(checkpoint_dir)
        self._save_path = os.path.join(self._checkpoint_dir, checkpoint_basename)
        self._timer = SecondOrStepTimer(every_secs=save_secs, every_steps=save_steps)
        self._listeners = list(listeners or [])
        self._summary_writer: Any = None
        self._saver_in_use: Any = None

    def begin(self) -> None:
        """Find the global step and the writer of the directory."""
        self._summary_writer = writer_for(self._checkpoint_dir)
        self._step = required_step("CheckpointSaverHook")
        self._request = SessionRunArgs(self._step)
        for listener in self._listeners:
            listener.begin()

    def after_create_session(self, session: Any, coord: Any) -> None:
        """Save the session as it begins."""
        step = int(session.run(self._step))
        os.makedirs(self._checkpoint_dir, exist_ok=True)
        graph = get_default_graph()
        Path(self._checkpoint_dir, "graph.pbtxt").write_text(str(to_graph_def(graph)), encoding="utf-8")
        self._summary_writer.add_graph(graph)
        self._save(session, step)
        self._timer.update_last_triggered_step(step)

    def before_run(self, run_context: SessionRunContext) -> SessionRunArgs:
        """Ask for the global step."""
        return self._request

    def after_run(self, run_context: SessionRunContext, run_values: SessionRunValues) -> None:
        """Save, when it is due."""
        step = run_values.results
        if self._timer.should_trigger_for_step(step):
            step = int(step)
            self._timer.update_last_triggered_step(step)
            if self._save(run_context.session, step):
                run_context.request_stop()

    def rest(self) -> Rest:
        """Return when the next checkpoint is due."""
        step, time = self._timer.next_trigger()
        return Rest(step=step, time=time, sees_last_run=True)

    def wake(self, step: int, runs: int, standstill: int) -> None:
        """Do nothing: it counts no runs."""

    def end(self, session: Any) -> None:
        """Save the last step, unless it was saved."""
        step = int(session.run(self._step))
        if step != self._timer.last_triggered_step():
            self._save(session, step)
        self.wait_for_saves()
        for listener in self._listeners:
            listener.end(session, step)

    def wait_for_saves(self) -> None:
        """Wait until what was saved is written; called when the session is closed, also after an error.

        Raises:
          Exception: what went wrong when it was written.
        """
        if self._saver_in_use is not None:
            self._saver_in_use.wait()

    def _save(self, session: Any, step: int) -> bool:
        """Save a checkpoint; return whether a listener wants to stop."""
        _LOG.info("Calling checkpoint listeners before saving checkpoint %d...", step)
        for listener in self._listeners:
            listener.before_save(session, step)
        _LOG.info("Saving checkpoints for %d into %s.", step, self._save_path)
        # A listener may want the file; training alone waits for nothing but a copy of the values.
        wait = {} if self._listeners else {"wait": False}
        self._saver_in_use = self._saver_of_graph()
        self._saver_in_use.save(session, self._save_path, global_step=step, **wait)
        log = SessionLog(status=SessionLog.CHECKPOINT, checkpoint_path=self._save_path)
        self._summary_writer.add_session_log(log, step)
        _LOG.info("Calling checkpoint listeners after saving checkpoint %d...", step)
        should_stop = False
        for listener in self._listeners:
            if listener.after_save(session, step):
                _LOG.info("A CheckpointSaverListener requested that training be stopped. listener: %s", listener)
                should_stop = True
        return should_stop

    def _saver_of_graph(self) -> Any:
        if self._saver is not None:
            return self._saver
        if self._scaffold is not None:
            return self._scaffold.saver
        savers = get_default_graph().get_collection(GraphKeys.SAVERS)
        if not savers:
            raise GraphStateError(
                f"No items in collection {GraphKeys.SAVERS}. Please add a saver to the collection or provide a saver or scaffold."
            )
        if len(savers) > 1:
            raise GraphStateError(
                f"More than one item in collection {GraphKeys.SAVERS}. Please indicate which one to use by passing it to the constructor."
            )
        self._saver = savers[0]
        return self._saver
