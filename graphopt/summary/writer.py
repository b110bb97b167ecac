"""`FileWriter`: summaries, graphs and logs in event files, which TensorBoard shows."""

from __future__ import annotations

import logging
import os
import threading
import time
import warnings
import weakref
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.graph import Graph, get_default_graph
from graphopt.graph.graph_def import GraphDef, MetaGraphDef, to_graph_def
from graphopt.ops.summary_proto import SerializedSummary, SessionLog, Summary, SummaryValue
from graphopt.ops.summary_scalars import ScalarLayout
from graphopt.runtime.profile import RunMetadata
from graphopt.summary.background import Background
from graphopt.summary.directory import prepare, to_path, warn_of_other_writers, warn_user
from graphopt.summary.event_file import EventFile, ScalarEvents, summary_event
from graphopt.summary.hparams import FAILURE, SUCCESS, end_summary, start_summary
from graphopt.summary.protos import Event, TaggedRunMetadata, serialized, to_run_metadata

_LOG = logging.getLogger("graphopt")
_SHARED_QUEUE = 1000
_CLOSED = "Attempting to use a closed FileWriter. The operation will be a noop unless the FileWriter is explicitly reopened."
_NO_GRAPH = "The passed graph must be an instance of `Graph` or the deprecated `GraphDef`"


class FileWriter:
    """Writes summaries, graphs and logs to a new event file of a directory, which is made when it is missing.

    What is added waits in a queue for a thread that writes it. It is in the file after `flush` or `close`, when `flush_secs` have passed,
    and at the end of the program. When the disk is full, what could not be written is kept and tried again; a file that is deleted is
    made anew, with its directory, the graph and the hyper-parameters. Both are said in a warning, and training goes on.

    Args:
      logdir: the directory. graph: a graph to write at once.
      max_queue: how many events may wait (0: any number); who adds to a full queue helps the thread. flush_secs: how long they may wait,
        in seconds.
      graph_def: a `GraphDef` to write, in place of `graph`. filename_suffix: what the file's name ends with.
      session: accepted for TensorFlow's sake.

    Raises:
      FailedPreconditionError: when a file stands where the directory should be.
      PermissionDeniedError, NotFoundError, ResourceExhaustedError: when the directory can't be made or written.

    Example:
      >>> with tf.summary.FileWriter("logs", tf.get_default_graph()) as writer:
      ...     writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=0.5)]), global_step=7)
      >>> tf.summary.read("logs").scalars("loss").values.tolist()
      [0.5]
    """

    def __init__(
        self,
        logdir: str | os.PathLike[str],
        graph: Any = None,
        max_queue: int = 10,
        flush_secs: float = 120,
        graph_def: Any = None,
        filename_suffix: str | None = None,
        session: Any = None,
    ) -> None:
        self._logdir = to_path(logdir)
        self._queue = (int(max_queue), float(flush_secs))
        self._suffix = filename_suffix or ""
        self._run_tags: set[str] = set()
        self._has_hparams = False
        self._lasting = _Lasting()
        self._open()
        if graph is not None or graph_def is not None:
            self.add_graph(graph, graph_def=graph_def)

    def _open(self) -> None:
        prepare(self._logdir)
        warn_of_other_writers(self._logdir)
        self._file = EventFile(self._logdir, self._suffix, self._lasting.again)
        self._background = Background(self._file, *self._queue)
        # Also when the writer is forgotten, and at the end of the program, what waits is written.
        self._finalizer = weakref.finalize(self, _finish, self._background, self._file)
        self._is_open = True

    def get_logdir(self) -> str:
        """Return the log directory."""
        return str(self._logdir)

    def get_filename(self) -> str:
        """Return the path of the event file."""
        return str(self._file.path)

    # --- adding ------------------------------------------------------------------------------------------------------

    def add_summary(self, summary: Any, global_step: Any = None) -> None:
        """Write a summary.

        Args:
          summary: a `Summary` or its bytes; None, what `merge_all` gives without any summary, is nothing.
          global_step: the step it belongs to, or None.

        Raises:
          TypeError: for what is no summary. ValueError: for bytes that are none.
        """
        if summary is None:
            return
        step = None if global_step is None else int(global_step)
        self._add(summary_event(self._bytes_of(summary), step, time.time()))

    def write(self, summary: Summary, step: int | None, wall_time: float) -> None:
        """Write a summary with its step and time, as every sink does."""
        self._add(summary_event(self._bytes_of(summary), None if step is None else int(step), wall_time))

    def add_scalars(self, layout: ScalarLayout, collected: Sequence[tuple[float, Sequence[Any]]]) -> None:
        """Write numbers of some steps: the quickest way. Their bytes are made on the thread, for many steps at once.

        Args:
          layout: the tags. collected: for each step the time, in seconds since 1970, and the values: the step itself, and the numbers.
            Nobody changes them any more.
        """
        if collected:
            self._add(ScalarEvents(layout, collected), len(collected))

    def _bytes_of(self, summary: Any) -> bytes:
        made = summary
        if not isinstance(summary, Summary):
            if not isinstance(summary, (bytes, bytearray)) and not hasattr(summary, "SerializeToString"):
                raise ArgumentTypeError(f"add_summary takes a Summary or its bytes, got {summary!r} of {type(summary)}.")
            made = Summary.FromString(serialized(summary))
        for value in made.value:
            if "metadata" in value._set:
                return Summary([self._with_metadata_once(value) for value in made.value]).SerializeToString()
        return summary if type(summary) is SerializedSummary else made.SerializeToString()

    def _with_metadata_once(self, value: SummaryValue) -> SummaryValue:
        """Return a value without its metadata, if the file has the tag's metadata already."""
        if not value.HasField("metadata") or value.tag not in self._lasting.tags:
            self._lasting.tags.add(value.tag)
            return value
        copied = SummaryValue.FromString(value.SerializeToString())
        copied.ClearField("metadata")
        return copied

    def add_event(self, event: Any) -> None:
        """Write an `Event`.

        Raises:
          TypeError: for anything else.
        """
        if not hasattr(event, "SerializeToString"):
            raise ArgumentTypeError(f"{type(event)} is not a valid proto: add_event takes an Event.")
        self._add(serialized(event))

    def _add_now(self, step: Any, **what: Any) -> bytes:
        step = None if step is None else int(step)
        event = Event(wall_time=time.time(), step=step, **what).SerializeToString()
        self._add(event)
        return event

    def _add(self, event: bytes | ScalarEvents, weight: int = 1) -> None:
        if not self._is_open:
            warnings.warn(_CLOSED, stacklevel=3)
            return
        if self._file.news:
            self._tell()
        self._background.add(event, weight)

    def _tell(self) -> None:
        while self._file.news:
            warn_user(self._file.news.popleft())

    def add_graph(self, graph: Any, global_step: Any = None, graph_def: Any = None) -> None:
        """Write a graph, for TensorBoard's graph page.

        Args:
          graph: a `Graph`, or a `GraphDef`. global_step: the step it belongs to. graph_def: a `GraphDef`, in place of `graph`.

        Raises:
          ValueError: when both are given. TypeError: when none is, or for anything else.
        """
        if graph is not None and graph_def is not None:
            raise ArgumentError("Please pass only graph, or graph_def (deprecated), but not both.")
        given = graph if graph is not None else graph_def
        if isinstance(given, Graph):
            given = to_graph_def(given.root)
        elif not isinstance(given, GraphDef) and type(given).__name__ != "GraphDef":
            raise ArgumentTypeError(f"{_NO_GRAPH}, got {given!r} of {type(given)}.")
        self._lasting.events["graph"] = self._add_now(global_step, graph_def=serialized(given))

    def add_meta_graph(self, meta_graph_def: Any, global_step: Any = None) -> None:
        """Write a `MetaGraphDef`.

        Raises:
          TypeError: for anything else.
        """
        if not isinstance(meta_graph_def, MetaGraphDef) and type(meta_graph_def).__name__ != "MetaGraphDef":
            raise ArgumentTypeError(f"meta_graph_def must be type MetaGraphDef, saw type: {type(meta_graph_def)}")
        self._lasting.events["meta graph"] = self._add_now(global_step, meta_graph_def=serialized(meta_graph_def))

    def add_session_log(self, session_log: Any, global_step: Any = None) -> None:
        """Write a `SessionLog`.

        One with the status START makes readers drop what earlier files of the directory say of this step and later ones: a run that is
        resumed at a checkpoint writes it first, and its curves have no zig-zag.
        """
        self._add_now(global_step, session_log=SessionLog.FromString(serialized(session_log)))

    def add_run_metadata(self, run_metadata: Any, tag: str, global_step: Any = None) -> None:
        """Write what a traced run reports.

        Args:
          run_metadata: a `RunMetadata`. tag: its name, a new one each time. global_step: the step it belongs to.

        Raises:
          ValueError: when the tag was used before.
        """
        if tag in self._run_tags:
            raise ArgumentError(f"The provided tag was already used for this event type: {tag!r}.")
        made = to_run_metadata(run_metadata) if isinstance(run_metadata, RunMetadata) else run_metadata
        self._run_tags.add(tag)
        self._add_now(global_step, tagged_run_metadata=TaggedRunMetadata(tag=tag, run_metadata=serialized(made)))

    def add_hparams(self, hparams: Mapping[str, Any], group_name: str = "") -> None:
        """Write the hyper-parameters of the run, for TensorBoard's HParams page; `close` writes how the run ended.

        Args:
          hparams: numbers, texts and truth values by name, such as ``{**train_op.hyper, "optimizer": "Adam"}``.
          group_name: runs of one name are repetitions of the same experiment.

        Raises:
          TypeError: for other values.

        Example:
          >>> with tf.summary.FileWriter("hparams") as writer:
          ...     writer.add_hparams({"learning_rate": 0.1, "optimizer": "Adam"})
          >>> tf.summary.read("hparams").hparams()
          {'learning_rate': 0.1, 'optimizer': 'Adam'}
        """
        now = time.time()
        event = self._lasting.events["hparams"] = summary_event(self._bytes_of(start_summary(hparams, now, group_name)), None, now)
        self._add(event)
        self._has_hparams = True

    # --- the file ----------------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Put what was added so far into the file; what the system refuses is kept, and a warning says so."""
        if not self._is_open:
            warnings.warn(_CLOSED, stacklevel=2)
            return
        self._background.flush()
        self._tell()

    def close(self) -> None:
        """Write what waits and close the file. Closing twice is allowed."""
        self._close(SUCCESS)

    def _close(self, status: int) -> None:
        if not self._is_open:
            return
        if self._has_hparams:
            self.write(end_summary(status, time.time()), None, time.time())
            self._has_hparams = False
        self._is_open = False
        self._background.close()
        self._tell()
        self._finalizer()

    def reopen(self) -> None:
        """Go on in a new file after `close`; nothing happens when the writer is open."""
        if not self._is_open:
            self._open()

    def __enter__(self) -> FileWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self._close(SUCCESS if kind is None else FAILURE)


def _finish(background: Background, file: EventFile) -> None:
    """Write what waits of a writer that nobody has closed; the line that forgot it isn't known, so that the log has to tell."""
    file.is_forgotten = True
    background.close()
    while file.news:
        _LOG.warning("%s", file.news.popleft())


class _Lasting:
    """What a new file needs that takes the place of a deleted one. It knows nothing of the writer, which may be forgotten meanwhile.

    Attributes:
      events: the last graph, meta graph and hyper-parameters. tags: those whose metadata is in the file.
    """

    def __init__(self) -> None:
        self.events: dict[str, bytes] = {}
        self.tags: set[str] = set()

    def again(self) -> list[bytes]:
        """Return the events, and let metadata be written again."""
        self.tags.clear()
        return list(self.events.values())


class FileWriterCache:
    """One writer for each log directory.

    >>> tf.summary.FileWriterCache.get("logs") is tf.summary.FileWriterCache.get("logs")
    True
    >>> tf.summary.FileWriterCache.clear()
    """

    _writers: dict[str, FileWriter] = {}  # noqa: RUF012 (shared on purpose)
    _lock = threading.RLock()

    @classmethod
    def get(cls, logdir: str | os.PathLike[str]) -> FileWriter:
        """Return the writer of a directory; when there is none it is made and writes the default graph."""
        # One directory has many names; and the program may go to another directory, where a relative one means something else.
        key = os.path.realpath(to_path(logdir))
        with cls._lock:
            if key not in cls._writers:
                # Hooks may write at every step: a long queue wakes the thread seldom, and many checksums are made at once.
                cls._writers[key] = FileWriter(logdir, get_default_graph().root, max_queue=_SHARED_QUEUE)
            return cls._writers[key]

    @classmethod
    def clear(cls) -> None:
        """Close and forget all writers."""
        with cls._lock:
            for writer in cls._writers.values():
                writer.close()
            cls._writers.clear()
