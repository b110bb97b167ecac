"""What makes the session of a monitored session, also after a failure."""

from __future__ import annotations

import abc
import logging
from typing import Any

from graphopt.runtime.session import Session
from graphopt.train.monitored.scaffold import Scaffold
from graphopt.train.monitored.session_manager import SessionManager

_LOG = logging.getLogger("graphopt")


class SessionCreator(abc.ABC):
    """Makes sessions."""

    @abc.abstractmethod
    def create_session(self) -> Session:
        """Return a new session that is ready."""


class ChiefSessionCreator(SessionCreator):
    """Makes sessions that are restored from a checkpoint, or initialised where there is none.

    Args:
      scaffold: the pieces of the graph. master: accepted for TensorFlow's sake. config: a `ConfigProto`.
      checkpoint_dir: where the latest checkpoint is looked for. checkpoint_filename_with_path: the checkpoint itself, in its place.

    Example:
      >>> w = tf.get_variable("w", initializer=2.0)
      >>> with tf.train.MonitoredSession(tf.train.ChiefSessionCreator()) as session:
      ...     print(session.run(w))
      2.0
    """

    def __init__(
        self,
        scaffold: Scaffold | None = None,
        master: str = "",
        config: Any = None,
        checkpoint_dir: Any = None,
        checkpoint_filename_with_path: Any = None,
    ) -> None:
        self._scaffold = scaffold or Scaffold()
        self._master = master
        self._config = config
        self._checkpoint_dir = checkpoint_dir
        self._checkpoint_filename = checkpoint_filename_with_path
        self._manager: SessionManager | None = None

    def create_session(self) -> Session:
        """Return a new session that is ready; the graph is final from the first one on."""
        if self._manager is None:
            self._manager = _manager_of(self._scaffold)
        return self._manager.prepare_session(
            self._master,
            init_op=self._scaffold.init_op,
            saver=self._scaffold.saver,
            checkpoint_dir=self._checkpoint_dir,
            checkpoint_filename_with_path=self._checkpoint_filename,
            config=self._config,
            init_feed_dict=self._scaffold.init_feed_dict,
            init_fn=self._scaffold.init_fn,
        )


class WorkerSessionCreator(SessionCreator):
    """Makes sessions that wait until somebody else has made the variables ready.

    On one machine nobody else does: it serves graphs without variables, or whose `local_init_op` is enough.

    Args:
      scaffold: the pieces of the graph. master: accepted for TensorFlow's sake. config: a `ConfigProto`.
      max_wait_secs: how many seconds to wait at most.
    """

    def __init__(self, scaffold: Scaffold | None = None, master: str = "", config: Any = None, max_wait_secs: float = 30 * 60) -> None:
        self._scaffold = scaffold or Scaffold()
        self._master = master
        self._config = config
        self._max_wait_secs = max_wait_secs
        self._manager: SessionManager | None = None

    def create_session(self) -> Session:
        """Return a new session once it is ready."""
        if self._manager is None:
            self._manager = _manager_of(self._scaffold)
        return self._manager.wait_for_session(self._master, config=self._config, max_wait_secs=self._max_wait_secs)


def _manager_of(scaffold: Scaffold) -> SessionManager:
    scaffold.finalize()
    _LOG.info("Graph was finalized.")
    return SessionManager(
        local_init_op=scaffold.local_init_op,
        ready_op=scaffold.ready_op,
        ready_for_local_init_op=scaffold.ready_for_local_init_op,
        local_init_feed_dict=scaffold.local_init_feed_dict,
    )
