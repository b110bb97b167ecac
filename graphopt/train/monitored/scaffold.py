"""What a monitored session needs of a graph: how it is initialised, when it is ready, what is saved and summarised."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from graphopt.errors import ArgumentTypeError, GraphStateError
from graphopt.graph import variables
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import get_default_graph
from graphopt.graph.readiness import report_uninitialized_variables
from graphopt.graph.summaries import merge_all
from graphopt.train.checkpoints.saver import Saver


class Scaffold:
    """The pieces of a graph that a monitored session uses; `finalize` fills in those that were not given.

    A missing piece is taken from the collection of its name (INIT_OP, READY_OP, SUMMARY_OP, SAVERS, ...), or made and put there.

    Args:
      init_op: initialises the variables, when there is no checkpoint. init_feed_dict: what it is fed.
      init_fn: a function of the scaffold and the session, called after `init_op`.
      ready_op: gives the names of what is not initialised: none when the graph is ready.
      ready_for_local_init_op: the same, before `local_init_op`. local_init_op: always run. local_init_feed_dict: what it is fed.
      summary_op: the summaries, merged. saver: what saves and restores.
      copy_from_scaffold: a scaffold whose pieces stand in for those that are not given.

    Raises:
      TypeError: when `copy_from_scaffold` is none.

    Source: tensorflow/python/training/monitored_session.py (r1.15).

    Example:
      >>> w = tf.get_variable("w", [])
      >>> assign = w.assign(3.0)
      >>> scaffold = tf.train.Scaffold(init_fn=lambda scaffold, session: session.run(assign))
      >>> with tf.train.MonitoredTrainingSession(scaffold=scaffold) as session:
      ...     print(session.run(w))
      3.0
    """

    def __init__(
        self,
        init_op: Any = None,
        init_feed_dict: Mapping[Any, Any] | None = None,
        init_fn: Callable[[Any, Any], Any] | None = None,
        ready_op: Any = None,
        ready_for_local_init_op: Any = None,
        local_init_op: Any = None,
        summary_op: Any = None,
        saver: Any = None,
        copy_from_scaffold: Scaffold | None = None,
        local_init_feed_dict: Mapping[Any, Any] | None = None,
    ) -> None:
        if copy_from_scaffold is not None and not isinstance(copy_from_scaffold, Scaffold):
            raise ArgumentTypeError("copy_from_scaffold is not a Scaffold instance.")

        def given(value: Any, name: str) -> Any:
            return getattr(copy_from_scaffold, name) if value is None and copy_from_scaffold is not None else value

        self._init_op = given(init_op, "init_op")
        self._init_feed_dict = given(init_feed_dict, "init_feed_dict")
        self._user_init_fn = init_fn
        self._copied_init_fn = None if copy_from_scaffold is None else copy_from_scaffold.init_fn
        self._ready_op = given(ready_op, "ready_op")
        self._ready_for_local_init_op = given(ready_for_local_init_op, "ready_for_local_init_op")
        self._local_init_op = given(local_init_op, "local_init_op")
        self._local_init_feed_dict = given(local_init_feed_dict, "local_init_feed_dict")
        self._summary_op = given(summary_op, "summary_op")
        self._saver = given(saver, "saver")

    def finalize(self) -> Scaffold:
        """Fill in what is missing, and finalize the graph.

        Raises:
          RuntimeError: when a collection holds several candidates for a piece.
        """
        if self._init_op is None:
            self._init_op = Scaffold.get_or_default("init_op", GraphKeys.INIT_OP, _default_init_op)
        if self._ready_op is None:
            self._ready_op = Scaffold.get_or_default("ready_op", GraphKeys.READY_OP, report_uninitialized_variables)
        if self._ready_for_local_init_op is None:
            self._ready_for_local_init_op = Scaffold.get_or_default(
                "ready_for_local_init_op", GraphKeys.READY_FOR_LOCAL_INIT_OP, _default_ready_for_local_init_op
            )
        if self._local_init_op is None:
            self._local_init_op = Scaffold.get_or_default("local_init_op", GraphKeys.LOCAL_INIT_OP, Scaffold.default_local_init_op)
        if self._summary_op is None:
            self._summary_op = Scaffold.get_or_default("summary_op", GraphKeys.SUMMARY_OP, merge_all)
        if self._saver is None:
            self._saver = Scaffold.get_or_default("saver", GraphKeys.SAVERS, _default_saver)
        self._saver.build()
        get_default_graph().finalize()
        return self

    @property
    def init_fn(self) -> Callable[[Any], Any] | None:
        """A function of the session that initialises, or None."""
        function = self._user_init_fn
        return self._copied_init_fn if function is None else lambda session: function(self, session)

    @property
    def init_op(self) -> Any:
        """What initialises the variables."""
        return self._init_op

    @property
    def init_feed_dict(self) -> Any:
        """What `init_op` is fed."""
        return self._init_feed_dict

    @property
    def ready_op(self) -> Any:
        """Gives the names of what is not initialised."""
        return self._ready_op

    @property
    def ready_for_local_init_op(self) -> Any:
        """Gives the names of what is not initialised before `local_init_op`."""
        return self._ready_for_local_init_op

    @property
    def local_init_op(self) -> Any:
        """What is run in every new session."""
        return self._local_init_op

    @property
    def local_init_feed_dict(self) -> Any:
        """What `local_init_op` is fed."""
        return self._local_init_feed_dict

    @property
    def summary_op(self) -> Any:
        """The summaries, merged; None when there are none."""
        return self._summary_op

    @property
    def saver(self) -> Any:
        """What saves and restores."""
        return self._saver

    @staticmethod
    def get_or_default(arg_name: str, collection_key: str, default_constructor: Callable[[], Any]) -> Any:
        """Return the one element of a collection, or what a function makes, which then enters it.

        Args:
          arg_name: the piece, for the message. collection_key: the collection. default_constructor: makes the piece.

        Raises:
          RuntimeError: when the collection has several elements.
        """
        graph = get_default_graph()
        found = graph.get_collection(collection_key)
        if len(found) > 1:
            raise GraphStateError(
                f'More than one item in the collection "{collection_key}". Please indicate which one to use by passing it to the '
                f"tf.Scaffold constructor as:  tf.Scaffold({arg_name}=item to use)"
            )
        if found:
            return found[0]
        made = default_constructor()
        if made is not None:
            graph.add_to_collection(collection_key, made)
        return made

    @staticmethod
    def default_local_init_op() -> Any:
        """Return an operation that initialises the local variables."""
        return variables.group(variables.local_variables_initializer())


def _default_init_op() -> Any:
    return variables.group(variables.global_variables_initializer())


def _default_ready_for_local_init_op() -> Any:
    return report_uninitialized_variables(variables.global_variables())


def _default_saver() -> Any:
    return Saver(sharded=True, allow_empty=True)
