"""Making a session whose variables have values: from the latest checkpoint, or from their initializers."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from typing import Any

from graphopt.errors import ArgumentError, DeadlineExceededError, FailedPreconditionError, GraphStateError, first_line
from graphopt.graph.graph import Graph, get_default_graph
from graphopt.runtime.session import Session

_LOG = logging.getLogger("graphopt")


class SessionManager:
    """Makes sessions that are ready for training.

    Args:
      local_init_op: run in every new session. local_init_feed_dict: what it is fed.
      ready_op: gives the names of what is not initialised; none, or no value, when the session is ready.
      ready_for_local_init_op: the same, before `local_init_op`.
      graph: the graph (the default one by default).
      recovery_wait_secs: how many seconds lie between two looks at a checkpoint or a session that is not there yet.
      local_init_run_options: `RunOptions` for `local_init_op`.

    Source: tensorflow/python/training/session_manager.py (r1.15), on one machine.

    Example:
      >>> w = tf.get_variable("w", initializer=2.0)
      >>> manager = tf.train.SessionManager(ready_op=tf.report_uninitialized_variables())
      >>> session = manager.prepare_session("", init_op=tf.global_variables_initializer())
      >>> print(session.run(w))
      2.0
    """

    def __init__(
        self,
        local_init_op: Any = None,
        ready_op: Any = None,
        ready_for_local_init_op: Any = None,
        graph: Graph | None = None,
        recovery_wait_secs: float = 30,
        local_init_run_options: Any = None,
        local_init_feed_dict: Mapping[Any, Any] | None = None,
    ) -> None:
        self._graph = graph or get_default_graph()
        self._local_init_op = local_init_op
        self._ready_op = ready_op
        self._ready_for_local_init_op = ready_for_local_init_op
        self._recovery_wait_secs = recovery_wait_secs
        self._local_init_run_options = local_init_run_options
        self._local_init_feed_dict = local_init_feed_dict

    def prepare_session(
        self,
        master: str = "",
        init_op: Any = None,
        saver: Any = None,
        checkpoint_dir: Any = None,
        checkpoint_filename_with_path: Any = None,
        wait_for_checkpoint: bool = False,
        max_wait_secs: float = 7200,
        config: Any = None,
        init_feed_dict: Mapping[Any, Any] | None = None,
        init_fn: Callable[[Any], Any] | None = None,
    ) -> Session:
        """Return a session that is ready: restored from a checkpoint where there is one, initialised otherwise.

        Args:
          master: accepted for TensorFlow's sake. init_op: what initialises; not run when a checkpoint was restored.
          saver: restores. checkpoint_dir: where the latest checkpoint is looked for.
          checkpoint_filename_with_path: the checkpoint itself, in place of the directory.
          wait_for_checkpoint: wait for a checkpoint, at most `max_wait_secs` seconds.
          config: a `ConfigProto`. init_feed_dict: what `init_op` is fed. init_fn: a function of the session, called after `init_op`.

        Raises:
          RuntimeError: when there is nothing to initialise with, or when that did not make the session ready.
          ValueError: when both a directory and a checkpoint are given.
        """
        patience = max_wait_secs if wait_for_checkpoint else 0.0
        session, is_restored = self._restored(master, saver, checkpoint_dir, checkpoint_filename_with_path, patience, config)
        if not is_restored:
            if init_op is None and init_fn is None and self._local_init_op is None:
                raise GraphStateError("Model is not initialized and no init_op or init_fn or local_init_op was given")
            if init_op is not None:
                session.run(init_op, init_feed_dict)
            if init_fn is not None:
                init_fn(session)
        missing = self._run_local_init(session)
        if missing is not None:
            raise GraphStateError(
                f"Init operations did not make model ready for local_init.  Init op: {_name(init_op)}, init fn: {init_fn}, error: {missing}"
            )
        missing = _missing(self._ready_op, session)
        if missing is not None:
            raise GraphStateError(
                f"Init operations did not make model ready.  Init op: {_name(init_op)}, init fn: {init_fn}, "
                f"local_init_op: {_name(self._local_init_op)}, error: {missing}"
            )
        return session

    def recover_session(
        self,
        master: str = "",
        saver: Any = None,
        checkpoint_dir: Any = None,
        checkpoint_filename_with_path: Any = None,
        wait_for_checkpoint: bool = False,
        max_wait_secs: float = 7200,
        config: Any = None,
    ) -> tuple[Session, bool]:
        """Return a session, and whether it was restored from a checkpoint and is ready.

        The arguments are those of `prepare_session`.
        """
        patience = max_wait_secs if wait_for_checkpoint else 0.0
        session, is_restored = self._restored(master, saver, checkpoint_dir, checkpoint_filename_with_path, patience, config)
        if not is_restored:
            return session, False
        source = checkpoint_dir or checkpoint_filename_with_path
        missing = self._run_local_init(session)
        if missing is not None:
            _LOG.info("Restoring model from %s did not make model ready for local init: %s", source, missing)
            return session, False
        missing = _missing(self._ready_op, session)
        if missing is not None:
            _LOG.info("Restoring model from %s did not make model ready: %s", source, missing)
            return session, False
        _LOG.info("Restored model from %s", source)
        return session, True

    def wait_for_session(self, master: str = "", config: Any = None, max_wait_secs: float = float("inf")) -> Session:
        """Return a session once it is ready.

        On one machine a session's variables are its own, so that nobody else makes them ready: the graph has to be ready by
        `local_init_op` alone.

        Args:
          master: accepted for TensorFlow's sake. config: a `ConfigProto`. max_wait_secs: how many seconds to wait at most.

        Raises:
          DeadlineExceededError: when the session was not ready in time.
        """
        started = time.monotonic()
        while True:
            session = Session(master, self._graph, config)
            missing = self._run_local_init(session)
            if missing is None:
                missing = _missing(self._ready_op, session)
            if missing is None:
                return session
            session.close()
            _LOG.info("Waiting for model to be ready: %s", missing)
            if time.monotonic() + self._recovery_wait_secs - started > max_wait_secs:
                raise DeadlineExceededError(None, None, f"Session was not ready after waiting {max_wait_secs:g} secs: {missing}")
            time.sleep(self._recovery_wait_secs)

    def _restored(self, master: str, saver: Any, directory: Any, filename: Any, patience: float, config: Any) -> tuple[Session, bool]:
        """Return a new session, and whether a checkpoint was restored into it."""
        if directory and filename:
            raise ArgumentError("Can not provide both checkpoint_dir and checkpoint_filename_with_path.")
        session = Session(master, self._graph, config)
        if saver is None or not (directory or filename):
            return session, False
        # What is still being written, behind the back of a session that was lost, counts.
        saver.wait()
        if filename:
            saver.restore(session, filename)
            return session, True
        waited = 0.0
        while saver.restore_latest(session, directory) is None:
            if waited >= patience:
                return session, False
            _LOG.info("Waiting for checkpoint to be available.")
            time.sleep(self._recovery_wait_secs)
            waited += self._recovery_wait_secs
        return session, True

    def _run_local_init(self, session: Session) -> str | None:
        """Run what initialises locally; return what is missing before it, or None."""
        if self._local_init_op is None:
            return None
        missing = _missing(self._ready_for_local_init_op, session)
        if missing is None:
            _LOG.info("Running local_init_op.")
            session.run(self._local_init_op, self._local_init_feed_dict, options=self._local_init_run_options)
            _LOG.info("Done running local_init_op.")
        return missing


def _missing(ready_op: Any, session: Session) -> str | None:
    """Return what is not initialised, or None when all is."""
    if ready_op is None:
        return None
    try:
        names = session.run(ready_op)
    except FailedPreconditionError as error:
        return first_line(error)
    if names is None or names.dtype.kind != "O" or names.size == 0:
        return None
    return f"Variables not initialized: {', '.join(name.decode() for name in names.ravel())}"


def _name(operation: Any) -> str:
    return str(getattr(operation, "name", operation))
