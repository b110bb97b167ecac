"""The training loops of `slim.learning` and `contrib.training`."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from graphopt.errors import AbortedError, ArgumentError, OutOfRangeError
from graphopt.graph.graph import Graph, get_default_graph
from graphopt.graph.scopes import name_scope
from graphopt.graph.summaries import merge_all
from graphopt.ops.elementwise import equal, floormod, greater_equal
from graphopt.ops.summary_proto import SessionLog, Summary, SummaryValue
from graphopt.runtime.profile import RunMetadata, RunOptions
from graphopt.runtime.session import Session
from graphopt.train.global_step import get_or_create_global_step
from graphopt.train.hooks.timer import SecondOrStepTimer
from graphopt.train.hooks.writers import writer_for
from graphopt.train.monitored.scaffold import Scaffold
from graphopt.train.monitored.session_manager import SessionManager
from graphopt.train.monitored.training_session import MonitoredTrainingSession

_LOG = logging.getLogger("graphopt")

# What an argument is when the caller does not give it: None means "nothing".
_USE_DEFAULT: Any = 0


def train_step(sess: Any, train_op: Any, global_step: Any, train_step_kwargs: Mapping[str, Any]) -> tuple[Any, bool]:
    """Make one step; return the loss, and whether to stop.

    Args:
      sess: the session. train_op: a tensor that makes the step and gives the loss. global_step: the variable that counts the steps.
      train_step_kwargs: bool tensors by name: ``should_log``, ``should_stop``, ``should_trace``; and ``logdir`` for the traces.

    Source: tensorflow/contrib/slim/python/slim/learning.py (r1.15).
    """
    started = time.time()
    options = metadata = None
    if "should_trace" in train_step_kwargs and sess.run(train_step_kwargs["should_trace"]):
        options, metadata = RunOptions(trace_level=RunOptions.FULL_TRACE), RunMetadata()
    loss, step = sess.run([train_op, global_step], options=options, run_metadata=metadata)
    elapsed = time.time() - started
    if metadata is not None:
        path = Path(train_step_kwargs["logdir"]) / f"tf_trace-{int(step)}.json"
        _LOG.info("Writing trace to %s", path)
        metadata.write_chrome_trace(path)
        if train_step_kwargs.get("summary_writer") is not None:
            train_step_kwargs["summary_writer"].add_run_metadata(metadata, f"run_metadata-{int(step)}")
    if "should_log" in train_step_kwargs and sess.run(train_step_kwargs["should_log"]):
        _LOG.info("global step %d: loss = %.4f (%.3f sec/step)", step, loss, elapsed)
    should_stop = "should_stop" in train_step_kwargs and bool(sess.run(train_step_kwargs["should_stop"]))
    return loss, should_stop


def slim_train(
    train_op: Any,
    logdir: Any,
    train_step_fn: Callable[..., tuple[Any, Any]] = train_step,
    train_step_kwargs: Any = _USE_DEFAULT,
    log_every_n_steps: int = 1,
    graph: Graph | None = None,
    master: str = "",
    is_chief: bool = True,
    global_step: Any = None,
    number_of_steps: int | None = None,
    init_op: Any = _USE_DEFAULT,
    init_feed_dict: Mapping[Any, Any] | None = None,
    local_init_op: Any = _USE_DEFAULT,
    init_fn: Callable[[Any], Any] | None = None,
    ready_op: Any = _USE_DEFAULT,
    summary_op: Any = _USE_DEFAULT,
    save_summaries_secs: float = 600,
    summary_writer: Any = _USE_DEFAULT,
    startup_delay_steps: int = 0,
    saver: Any = None,
    save_interval_secs: float = 600,
    sync_optimizer: Any = None,
    session_config: Any = None,
    session_wrapper: Callable[[Any], Any] | None = None,
    trace_every_n_steps: int | None = None,
    ignore_live_threads: bool = False,
) -> Any:
    """Train until `number_of_steps`; return the last loss.

    The session is restored from the latest checkpoint of `logdir`, or initialised. Checkpoints are saved at the beginning, every
    `save_interval_secs` seconds and at the end, between two steps. After an AbortedError it goes on from the latest one in a new session.

    Args:
      train_op: a tensor that makes a step and gives the loss, such as `create_train_op` returns.
      logdir: where checkpoints and summaries go, or None.
      train_step_fn: a function of session, training op, global step and `train_step_kwargs` that returns the loss and whether to stop.
      train_step_kwargs: what it is given; by default tensors that say when to log, trace and stop.
      log_every_n_steps: steps between two logs; None for none. graph: the graph (the default one by default).
      global_step: the variable that counts the steps. number_of_steps: the global step at which to stop; None for never.
      init_op, local_init_op, ready_op: as in `Scaffold`. init_feed_dict: what `init_op` is fed. init_fn: a function of the session.
      summary_op: the summaries, merged; None for none.
      save_summaries_secs: seconds between two writes of them, and of the steps made in a second.
      summary_writer: their writer. saver: saves and restores. save_interval_secs: seconds between two checkpoints.
      session_config: a `ConfigProto`. session_wrapper: a function of the session that returns what takes its place.
      trace_every_n_steps: steps between two traces, written to `logdir`.
      master, is_chief, startup_delay_steps, sync_optimizer, ignore_live_threads: accepted for TensorFlow's sake.

    Raises:
      ValueError: without a training op; for what needs a `logdir` where there is none; when `number_of_steps` is not above 0.

    Source: tensorflow/contrib/slim/python/slim/learning.py (r1.15).

    Example:
      >>> w = tf.get_variable("w", initializer=[3.0, 4.0])
      >>> train_op = tf.contrib.slim.learning.create_train_op(tf.nn.l2_loss(w), tf.train.GradientDescentOptimizer(0.5))
      >>> print(tf.contrib.slim.learning.train(train_op, "run", number_of_steps=3))
      0.78125
    """
    _check_arguments(train_op, logdir, number_of_steps, summary_op, saver, trace_every_n_steps)
    graph = graph or get_default_graph()
    with graph.as_default():
        step = get_or_create_global_step() if global_step is None else global_step
        summaries = merge_all() if summary_op is _USE_DEFAULT else summary_op
        scaffold = Scaffold(
            init_op=None if init_op is _USE_DEFAULT else init_op,
            local_init_op=None if local_init_op is _USE_DEFAULT else local_init_op,
            ready_op=None if ready_op is _USE_DEFAULT else ready_op,
            summary_op=summaries,
            saver=saver,
        )
        writer = (writer_for(logdir) if logdir else None) if summary_writer is _USE_DEFAULT else summary_writer
        if train_step_kwargs is _USE_DEFAULT:
            train_step_kwargs = _step_tensors(step, number_of_steps, log_every_n_steps, trace_every_n_steps, logdir)
        train_step_kwargs = {**train_step_kwargs, "summary_writer": writer}
        scaffold.finalize()
    manager = SessionManager(scaffold.local_init_op, scaffold.ready_op, scaffold.ready_for_local_init_op, graph)

    def prepare() -> Session:
        return manager.prepare_session(
            master, scaffold.init_op, scaffold.saver, logdir, config=session_config, init_feed_dict=init_feed_dict, init_fn=init_fn
        )

    def train_once(session: Session, services: _Services) -> Any:
        with graph.as_default(), session.as_default():
            _LOG.info("Starting Session.")
            services.start(graph)
            used = session if session_wrapper is None else session_wrapper(session)
            loss = _loop(used, train_op, step, train_step_fn, train_step_kwargs, services)
            services.finish()
        return loss

    while True:
        try:
            session = prepare()
            services = _Services(session, step, logdir, scaffold.saver, save_interval_secs, writer, summaries, save_summaries_secs)
            try:
                return train_once(session, services)
            finally:
                services.stop()
                session.close()
        except AbortedError as error:
            _LOG.info("Retrying training! An error was raised, and a new session is made. Error: %s", error)


def _check_arguments(train_op: Any, logdir: Any, number_of_steps: Any, summary_op: Any, saver: Any, trace_every_n_steps: Any) -> None:
    if train_op is None:
        raise ArgumentError("train_op cannot be None.")
    if logdir is None:
        needing = {
            "summary_op": summary_op is not _USE_DEFAULT and summary_op is not None,
            "saver": saver is not None,
            "trace_every_n_steps": trace_every_n_steps is not None,
        }
        for name, is_given in needing.items():
            if is_given:
                raise ArgumentError(f"Cannot provide {name} because logdir=None")
    if number_of_steps is not None and number_of_steps <= 0:
        raise ArgumentError("`number_of_steps` must be either None or a positive number.")


def _step_tensors(step: Any, number_of_steps: Any, log_every: Any, trace_every: Any, logdir: Any) -> dict[str, Any]:
    """Record what says when to log, trace and stop."""
    made: dict[str, Any] = {}
    with name_scope("train_step"):
        if number_of_steps:
            made["should_stop"] = greater_equal(step.value(), number_of_steps)
        if log_every:
            made["should_log"] = equal(floormod(step.value(), log_every), 0)
        if trace_every is not None:
            made["should_trace"] = equal(floormod(step.value(), trace_every), 0)
            made["logdir"] = logdir
    return made


class _Services:
    """Saves and writes between two steps, when it is time."""

    def __init__(
        self, session: Session, step: Any, logdir: Any, saver: Any, save_secs: float, writer: Any, summaries: Any, summary_secs: float
    ) -> None:
        self._session = session
        self._step = step
        self._saver = saver
        self._path = None if logdir is None else str(Path(logdir) / "model.ckpt")
        self._logdir = logdir
        self._writer = writer
        self._summaries = summaries if writer is not None else None
        self._save_secs = save_secs
        self._save_timer = SecondOrStepTimer(every_secs=save_secs)
        self._summary_timer = SecondOrStepTimer(every_secs=summary_secs)
        self._summary_secs = summary_secs
        self._rate_timer = SecondOrStepTimer(every_secs=summary_secs)

    def start(self, graph: Graph) -> None:
        """Write the graph and that the session begins; save for the first time."""
        if self._writer is not None:
            self._writer.add_graph(graph)
        self._write_log(SessionLog(status=SessionLog.START), int(self._session.run(self._step)))
        if self._path is not None:
            Path(self._logdir).mkdir(parents=True, exist_ok=True)
        self.between_steps()

    def between_steps(self) -> None:
        """Write summaries and save, when it is time."""
        saves = self._path is not None and self._save_secs
        if not saves and (self._writer is None or not self._summary_secs):
            return
        step = int(self._session.run(self._step))
        if saves and self._save_timer.should_trigger_for_step(step):
            self._save_timer.update_last_triggered_step(step)
            _LOG.info("Saving checkpoint to path %s", self._path)
            self._saver.save(self._session, self._path, global_step=step, wait=False)
            self._write_log(SessionLog(status=SessionLog.CHECKPOINT, checkpoint_path=self._path), step)
        if self._summaries is not None and self._summary_secs and self._summary_timer.should_trigger_for_step(step):
            self._summary_timer.update_last_triggered_step(step)
            _LOG.info("Recording summary at step %d.", step)
            self._writer.add_summary(self._session.run(self._summaries), step)
        if self._writer is not None and self._summary_secs and self._rate_timer.should_trigger_for_step(step):
            self._write_rate(step)

    def _write_log(self, log: SessionLog, step: int | None = None) -> None:
        if self._writer is not None:
            self._writer.add_session_log(log, step)

    def _write_rate(self, step: int) -> None:
        seconds, steps = self._rate_timer.update_last_triggered_step(step)
        if seconds:
            tag = f"{self._step.op.name}/sec"
            self._writer.add_summary(Summary(value=[SummaryValue(tag=tag, simple_value=steps / seconds)]), step)
            _LOG.info("%s: %g", tag, steps / seconds)

    def finish(self) -> None:
        """Save the last step."""
        if self._path is not None:
            _LOG.info("Finished training! Saving model to disk.")
            self._saver.save(self._session, self._path, global_step=int(self._session.run(self._step)))

    def stop(self) -> None:
        """Let what is written behind the training's back be done, also after an error, which must not be hidden by another one."""
        try:
            if self._path is not None:
                self._saver.wait()
            if self._writer is not None:
                self._write_log(SessionLog(status=SessionLog.STOP))
                self._writer.flush()
        except Exception as error:
            _LOG.error("What was saved or written last may be missing: %s", error)


def _loop(session: Any, train_op: Any, step: Any, step_fn: Any, step_kwargs: Any, services: _Services) -> Any:
    loss = None
    try:
        while True:
            loss, should_stop = step_fn(session, train_op, step, step_kwargs)
            if np.any(should_stop):
                _LOG.info("Stopping Training.")
                return loss
            services.between_steps()
    except OutOfRangeError as error:
        # What gives the batches has come to its end.
        _LOG.info("Caught OutOfRangeError. Stopping Training. %s", error)
    return loss


def contrib_train(
    train_op: Any,
    logdir: Any,
    master: str = "",
    is_chief: bool = True,
    scaffold: Any = None,
    hooks: Iterable[Any] | None = None,
    chief_only_hooks: Iterable[Any] | None = None,
    save_checkpoint_secs: Any = 600,
    save_summaries_steps: Any = 100,
    config: Any = None,
    max_wait_secs: float = 7200,
    run_metadata: Any = None,
) -> Any:
    """Train in a `MonitoredTrainingSession` until a hook asks to stop; return the last loss.

    Args:
      train_op: a tensor that makes a step and gives the loss. logdir: where checkpoints and summaries go, or None.
      run_metadata: a `RunMetadata`. The other arguments are those of `MonitoredTrainingSession`.

    Raises:
      ValueError: when `logdir` is None and there is something to save or write.

    Source: tensorflow/contrib/training/python/training/training.py (r1.15).

    Example:
      >>> w = tf.get_variable("w", initializer=[3.0, 4.0])
      >>> train_op = tf.contrib.training.create_train_op(tf.nn.l2_loss(w), tf.train.GradientDescentOptimizer(0.5))
      >>> print(tf.contrib.training.train(train_op, "run", hooks=[tf.train.StopAtStepHook(num_steps=3)]))
      0.78125
    """
    if logdir is None and is_chief:
        if save_summaries_steps:
            raise ArgumentError("logdir cannot be None when save_summaries_steps is not None")
        if save_checkpoint_secs:
            raise ArgumentError("logdir cannot be None when save_checkpoint_secs is not None")
    loss = None
    with MonitoredTrainingSession(
        master=master,
        is_chief=is_chief,
        checkpoint_dir=logdir,
        scaffold=scaffold,
        hooks=hooks,
        chief_only_hooks=chief_only_hooks,
        save_checkpoint_secs=save_checkpoint_secs,
        save_summaries_steps=save_summaries_steps,
        config=config,
        max_wait_secs=max_wait_secs,
    ) as session:
        while not session.should_stop():
            loss = session.run(train_op, run_metadata=run_metadata)
    return loss
