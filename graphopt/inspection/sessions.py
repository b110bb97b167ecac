"""The session that a user hands to inspection."""

from __future__ import annotations

from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError, GraphStateError, lines
from graphopt.graph.graph import Graph
from graphopt.runtime.session import Session


def to_session(given: Any) -> Session | None:
    """Return the session that is meant: a `Session`, the one inside of a monitored session, or None.

    Raises:
      TypeError: for anything else. RuntimeError: for a monitored session that is closed.

    Example:
      >>> to_session(None) is None
      True
    """
    if given is None or isinstance(given, Session):
        return given
    inner = next((getattr(given, name) for name in ("raw_session", "_tf_sess") if callable(getattr(given, name, None))), None)
    session = None if inner is None else inner()
    if not isinstance(session, Session):
        raise ArgumentTypeError(f"session must be a tf.Session, got {type(given)}")
    return session


def check_runs(session: Session, graph: Graph) -> None:
    """Raise unless a session can run a graph.

    Raises:
      RuntimeError: when it is closed. ValueError: when it runs another graph.
    """
    if session.graph is not graph:
        hint = "A session runs the graph that was the default where it was made: tf.Session(graph=train_op.graph)."
        raise ArgumentError(lines("The session runs another graph than the one of the training op.", hint))
    if session._closed:
        raise GraphStateError("The session is closed: its values are gone. Look while it is open.")
