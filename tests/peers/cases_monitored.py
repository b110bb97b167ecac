"""Programs in monitored sessions: which methods of hooks are called in which order with which values, what is logged and written.

A program gets TensorFlow's module, a folder of its own and the list of the lines that are logged; it returns what it has seen.
"""

from __future__ import annotations

import logging
import re
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from peer_case import raised

Program = Callable[[Any, Path, list[str]], Any]
PROGRAMS: dict[str, Program] = {}


def program(run: Program) -> Program:
    PROGRAMS[run.__name__] = run
    return run


def run_program(tf: Any, name: str, folder: Path, logger: str) -> Any:
    """What a program has seen, run in a graph of its own."""
    lines: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: lines.append(record.getMessage())  # type: ignore[method-assign]
    log = logging.getLogger(logger)
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        with tf.Graph().as_default():
            return PROGRAMS[name](tf, folder, lines)
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        tf.summary.FileWriterCache.clear()


def plain(lines: list[str], folder: Path) -> list[str]:
    """Log lines without what differs from run to run."""
    texts = [line.replace(str(folder), "FOLDER") for line in lines]
    texts = [re.sub(r"\d+\.\d+ sec", "T sec", text) for text in texts]
    return [re.sub(r"/sec: .*", "/sec: X", text) for text in texts]


def checkpoints(folder: Path) -> list[str]:
    """The checkpoints of a folder, whatever files they consist of, and the other files but those of events."""
    names = {re.sub(r"\.(index|meta|npz|data-\d+-of-\d+)$", "", path.name) for path in folder.iterdir()}
    return sorted(name for name in names if not name.startswith("events."))


def events(tf: Any, folder: Path) -> list[Any]:
    """What the event files of a folder hold, in order: tags with steps, and what happened to sessions."""
    found: list[Any] = []
    for path in sorted(folder.glob("events.*")):
        for data in records(path.read_bytes()):
            event = tf.Event.FromString(data)
            if event.HasField("session_log"):
                found.append([int(event.step), f"session {event.session_log.status}", Path(event.session_log.checkpoint_path).name])
            elif event.HasField("summary"):
                found.append([int(event.step), *[value.tag for value in event.summary.value]])
    return found


def records(content: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(content):
        (size,) = struct.unpack_from("<Q", content, at)
        yield content[at + 12 : at + 12 + size]
        at += 16 + size


def recorder(tf: Any, seen: list[Any], name: str, fetches: Any = None, **acts: Callable[..., Any]) -> Any:
    """A hook that notes its calls; `acts` are done in them."""

    class Recorder(tf.train.SessionRunHook):
        def begin(self) -> None:
            seen.append([name, "begin", tf.get_default_graph().finalized])

        def after_create_session(self, session: Any, coord: Any) -> None:
            seen.append([name, "after_create_session", session.graph.finalized, type(coord).__name__])
            acts.get("after_create_session", lambda session: None)(session)

        def before_run(self, run_context: Any) -> Any:
            seen.append([name, "before_run", run_context.stop_requested])
            acts.get("before_run", lambda context: None)(run_context)
            return None if fetches is None else tf.train.SessionRunArgs(fetches)

        def after_run(self, run_context: Any, run_values: Any) -> None:
            seen.append([name, "after_run", numbers(run_values.results), run_context.stop_requested])
            acts.get("after_run", lambda context: None)(run_context)

        def end(self, session: Any) -> None:
            seen.append([name, "end"])

    return Recorder()


def numbers(values: Any) -> Any:
    if isinstance(values, dict):
        return {key: numbers(value) for key, value in values.items()}
    if isinstance(values, (list, tuple)):
        return [numbers(value) for value in values]
    return None if values is None else np.asarray(values).tolist()


def counting(tf: Any) -> tuple[Any, Any]:
    """The global step, and what counts it."""
    step = tf.train.get_or_create_global_step()
    return step, tf.assign_add(step, 1)


@program
def order_of_calls(tf: Any, folder: Path, lines: list[str]) -> Any:
    step, count = counting(tf)
    twice = step * 2
    seen: list[Any] = []
    hooks = [recorder(tf, seen, "a", {"twice": twice, "all": [count, None or twice]}), recorder(tf, seen, "b")]
    with tf.train.MonitoredSession(hooks=hooks) as session:
        seen.append([numbers(session.run(count)), session.should_stop()])
        seen.append(numbers(session.run([count, {"c": count}])))
    return {"seen": seen, "lines": lines, "finalized after": tf.get_default_graph().finalized}


@program
def order_in_training_session(tf: Any, folder: Path, lines: list[str]) -> Any:
    step, count = counting(tf)
    seen: list[Any] = []

    class Listener(tf.train.CheckpointSaverListener):
        def begin(self) -> None:
            seen.append("listener begin")

        def before_save(self, session: Any, global_step_value: Any) -> None:
            seen.append(["before_save", int(global_step_value)])

        def after_save(self, session: Any, global_step_value: Any) -> Any:
            seen.append(["after_save", int(global_step_value)])
            return global_step_value >= 4

        def end(self, session: Any, global_step_value: Any) -> None:
            seen.append(["listener end", int(global_step_value)])

    saver = tf.train.CheckpointSaverHook(str(folder), save_steps=2, listeners=[Listener()])
    hooks = [recorder(tf, seen, "user"), saver, tf.train.StopAtStepHook(last_step=100)]
    chief = [recorder(tf, seen, "chief")]
    with tf.train.MonitoredTrainingSession(hooks=hooks, chief_only_hooks=chief) as session:
        while not session.should_stop():
            session.run(count)
        seen.append(raised(lambda: session.run(count)))
    return {"seen": seen, "files": checkpoints(folder)}


@program
def training_session_writes(tf: Any, folder: Path, lines: list[str]) -> Any:
    step, count = counting(tf)
    tf.summary.scalar("half", tf.cast(count, tf.float32) / 2.0)
    tf.summary.scalar("other", 1.0)
    hooks = [tf.train.StopAtStepHook(last_step=7), tf.train.LoggingTensorHook({"b": step, "a": "global_step:0"}, every_n_iter=3, at_end=True)]
    arguments = {"checkpoint_dir": str(folder), "save_checkpoint_steps": 3, "save_summaries_steps": 2, "log_step_count_steps": 2}
    with tf.train.MonitoredTrainingSession(hooks=hooks, **arguments) as session:
        while not session.should_stop():
            session.run(count)
    return {"lines": plain(lines, folder), "files": checkpoints(folder), "events": events(tf, folder)}


@program
def training_session_goes_on(tf: Any, folder: Path, lines: list[str]) -> Any:
    def train(**stop: int) -> list[int]:
        with tf.Graph().as_default():
            step, count = counting(tf)
            made = []
            hooks = [tf.train.StopAtStepHook(**stop)]
            with tf.train.MonitoredTrainingSession(checkpoint_dir=str(folder), hooks=hooks, save_summaries_steps=None) as session:
                made.append(int(session.run_step_fn(lambda step_context: step_context.session.run(step))))
                while not session.should_stop():
                    made.append(int(session.run(count)))
            return made

    found = [train(last_step=3), train(num_steps=2), train(last_step=6)]
    tf.summary.FileWriterCache.clear()
    return {"steps": found, "files": checkpoints(folder)}


@program
def last_step_is_reached_already(tf: Any, folder: Path, lines: list[str]) -> Any:
    step, count = counting(tf)
    start = tf.assign(step, 10)
    scaffold = tf.train.Scaffold(init_fn=lambda scaffold, session: session.run(start))
    seen = []
    with tf.train.MonitoredTrainingSession(scaffold=scaffold, hooks=[tf.train.StopAtStepHook(last_step=5)]) as session:
        while not session.should_stop():
            seen.append(int(session.run(count)))
    return seen


@program
def summaries_are_due(tf: Any, folder: Path, lines: list[str]) -> Any:
    step, count = counting(tf)
    first, second = tf.summary.scalar("first", tf.cast(count, tf.float32)), tf.summary.histogram("second", [1.0, 2.0])
    merged = tf.summary.merge([first, second])
    several = tf.train.SummarySaverHook(save_steps=3, output_dir=str(folder / "several"), summary_op=[first, second])
    one = tf.train.SummarySaverHook(save_steps=2, output_dir=str(folder / "merged"), summary_op=merged)
    with tf.train.MonitoredSession(hooks=[several, one]) as session:
        for _ in range(6):
            session.run(count)
        session.run(merged)
    tf.summary.FileWriterCache.clear()
    # TensorFlow writes several summaries as several events, graphopt as one.
    return {"several": sorted({e[0] for e in events(tf, folder / "several") if len(e) == 2}), "merged": events(tf, folder / "merged")}


@program
def what_hooks_are_given(tf: Any, folder: Path, lines: list[str]) -> Any:
    x = tf.placeholder(tf.float32, [], name="x")
    y = x + 1.0
    seen: list[Any] = []

    class Looker(tf.train.SessionRunHook):
        def before_run(self, run_context: Any) -> Any:
            arguments = run_context.original_args
            feeds = {key.name: value for key, value in (arguments.feed_dict or {}).items()}
            seen.append([arguments.fetches is y, feeds, arguments.options is None, type(run_context.session).__name__])
            return tf.train.SessionRunArgs([y, [y]], options=tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE))

        def after_run(self, run_context: Any, run_values: Any) -> None:
            seen.append([numbers(run_values.results), int(run_values.options.trace_level), len(run_values.run_metadata.step_stats.dev_stats) > 0])

    class Untraced(tf.train.SessionRunHook):
        def after_run(self, run_context: Any, run_values: Any) -> None:
            seen.append([run_values.results, run_values.options is not None, run_values.run_metadata is not None])

    with tf.train.MonitoredSession(hooks=[Looker(), Untraced()]) as session:
        session.run(y, {x: 2.0})
    with tf.train.MonitoredSession(hooks=[Untraced()]) as session:
        session.run(y, {x: 2.0})
    return seen


@program
def errors_in_runs(tf: Any, folder: Path, lines: list[str]) -> Any:
    step, count = counting(tf)
    x = tf.placeholder(tf.float32, [2], name="x")

    def attempt(error: Any, where: str) -> Any:
        seen: list[Any] = []

        def fail(_: Any) -> None:
            raise error

        hooks = [recorder(tf, seen, "a", **{where: fail}), recorder(tf, seen, "b")]

        def run() -> None:
            with tf.train.MonitoredSession(hooks=hooks) as session:
                session.run(count)
                seen.append("went on")

        return {"raised": raised(run, says="" if error is None else None), "seen": seen, "final": tf.get_default_graph().finalized}

    def bad_feed() -> None:
        with tf.train.MonitoredSession(hooks=[recorder(tf, [], "a")]) as session:
            session.run(x, {x: [1.0]})

    return {
        "value error before": attempt(ValueError("boo"), "before_run"),
        "value error after": attempt(ValueError("boo"), "after_run"),
        "out of range": attempt(tf.errors.OutOfRangeError(None, None, "the end"), "after_run"),
        "stop iteration": attempt(StopIteration("the end"), "before_run"),
        "bad feed": raised(bad_feed, says="Cannot feed value of shape (1,) for Tensor"),
    }


@program
def feeds_clash(tf: Any, folder: Path, lines: list[str]) -> Any:
    x, y = tf.placeholder(tf.float32, [], name="x"), tf.placeholder(tf.float32, [], name="y")
    total = x + y

    def feeding(tensor: Any, value: float) -> Any:
        return tf.train.FeedFnHook(lambda: {tensor: value})

    def run(hooks: list[Any], feeds: Any) -> Any:
        with tf.train.MonitoredSession(hooks=hooks) as session:
            return numbers(session.run(total, feeds))

    return {
        "one feeds": run([feeding(x, 1.0)], {y: 2.0}),
        "both feed": run([feeding(x, 1.0), feeding(y, 4.0)], None),
        "two hooks": raised(lambda: run([feeding(x, 1.0), feeding(x, 2.0)], {y: 0.0}), says="Same tensor is fed by two hooks. Conflict(s):"),
        "hook and user": raised(
            lambda: run([feeding(x, 1.0)], {x: 2.0, y: 0.0}), says="Same tensor is fed by a SessionRunHook and user. Conflict(s):"
        ),
    }


@program
def step_functions(tf: Any, folder: Path, lines: list[str]) -> Any:
    step, count = counting(tf)
    seen: list[Any] = []

    def step_fn(step_context: Any) -> Any:
        before = numbers(step_context.session.run(step))
        return [before, numbers(step_context.run_with_hooks(count)), numbers(step_context.session.run(count))]

    def stopping(step_context: Any) -> None:
        step_context.request_stop()

    class Trainer:
        def step(self, step_context: Any) -> Any:
            return numbers(step_context.session.run(step))

    with tf.train.MonitoredSession(hooks=[recorder(tf, seen, "a")]) as session:
        seen.append(session.run_step_fn(step_fn))
        seen.append(session.run_step_fn(Trainer().step))
        seen.append(raised(lambda: session.run_step_fn(lambda context: None)))
        seen.append(raised(lambda: session.run_step_fn(lambda step_context, other: None)))
        session.run_step_fn(stopping)
        seen.append("not reached")
    seen.append(session.should_stop())
    return seen


@program
def lost_connections(tf: Any, folder: Path, lines: list[str]) -> Any:
    step, count = counting(tf)
    seen: list[Any] = []
    runs = [0]

    def lose(context: Any) -> None:
        runs[0] += 1
        if runs[0] in (3, 5):
            raise tf.errors.AbortedError(None, None, "lost")

    hooks = [recorder(tf, seen, "a", after_run=lose), tf.train.StopAtStepHook(last_step=4)]
    with tf.train.MonitoredTrainingSession(checkpoint_dir=str(folder), hooks=hooks, save_checkpoint_steps=2) as session:
        while not session.should_stop():
            seen.append(numbers(session.run(count)))
    runs[0] = 2

    def singular() -> None:
        with tf.train.SingularMonitoredSession(hooks=[recorder(tf, [], "a", after_run=lose)]) as session:
            session.run(count)

    return {"seen": seen, "singular": raised(singular), "files": checkpoints(folder)}


@program
def after_the_end(tf: Any, folder: Path, lines: list[str]) -> Any:
    c = tf.constant(1.0)
    session = tf.train.MonitoredSession()
    graph_is = [session.graph is tf.get_default_graph(), tf.get_default_graph().finalized, session.should_stop()]
    session.close()
    singular = tf.train.SingularMonitoredSession()
    raw = numbers(singular.raw_session().run(c))
    singular.close()
    tf.get_default_graph().finalize()
    return {
        "graph": graph_is,
        "stops": session.should_stop(),
        "run": raised(lambda: session.run(c), says="'NoneType' object has no attribute 'run'"),
        "close": raised(session.close),
        "raw": raw,
        "late": raised(lambda: tf.constant(1.0), says="Graph is finalized and cannot be modified."),
    }


@program
def what_a_scaffold_fills_in(tf: Any, folder: Path, lines: list[str]) -> Any:
    tf.get_variable("w", initializer=1.0)
    tf.summary.scalar("s", 1.0)
    scaffold = tf.train.Scaffold()
    empty = [getattr(scaffold, name) is None for name in ("init_op", "ready_op", "local_init_op", "summary_op", "saver", "init_fn")]
    scaffold.finalize()
    keys = ("init_op", "ready_op", "ready_for_local_init_op", "local_init_op", "summary_op", "savers")
    found = {key: len(tf.get_collection(key)) for key in keys}
    copied = tf.train.Scaffold(copy_from_scaffold=scaffold)

    def twice() -> None:
        with tf.Graph().as_default():
            tf.add_to_collection(tf.GraphKeys.INIT_OP, tf.no_op())
            tf.add_to_collection(tf.GraphKeys.INIT_OP, tf.no_op())
            tf.train.Scaffold().finalize()

    return {
        "empty": empty,
        "found": found,
        "final": tf.get_default_graph().finalized,
        "copied": [copied.saver is scaffold.saver, copied.init_op is scaffold.init_op],
        "no scaffold": raised(lambda: tf.train.Scaffold(copy_from_scaffold=3)),
        "twice": raised(twice, says="More than one item in the collection"),
    }


@program
def what_initialises(tf: Any, folder: Path, lines: list[str]) -> Any:
    w, v = tf.get_variable("w", initializer=1.0), tf.get_variable("v", initializer=2.0)
    local = tf.Variable(5.0, collections=[tf.GraphKeys.LOCAL_VARIABLES], name="local")
    x = tf.placeholder(tf.float32, [], name="x")
    only_w, from_feed, nothing = w.initializer, tf.group(tf.assign(w, x), v.initializer), tf.no_op(name="nothing")
    more = tf.assign(w, w + 10.0)
    everything = tf.constant([], tf.string)
    manager, saver = tf.train.SessionManager(ready_op=tf.report_uninitialized_variables()), tf.train.Saver()
    seen: dict[str, Any] = {}

    def values(scaffold: Any) -> Any:
        with tf.train.MonitoredSession(tf.train.ChiefSessionCreator(scaffold)) as session:
            return numbers(session.run([w, v, local]))

    Scaffold = tf.train.Scaffold
    seen["default"] = values(Scaffold())
    seen["init_fn"] = values(Scaffold(init_fn=lambda scaffold, session: session.run(more)))
    seen["feed"] = values(Scaffold(init_op=from_feed, init_feed_dict={x: 7.0}))
    seen["not for local"] = raised(lambda: values(Scaffold(init_op=only_w)), says="Init operations did not make model ready for local_init.  Init op: w/Assign, init fn: None, error: Variables not initialized: v")  # fmt: skip
    seen["not ready"] = raised(
        lambda: values(Scaffold(init_op=nothing, ready_for_local_init_op=everything)),
        says="Init operations did not make model ready.  Init op: nothing, init fn: None, local_init_op: ",
    )
    seen["nothing given"] = raised(lambda: manager.prepare_session(""))
    seen["dir and file"] = raised(lambda: manager.prepare_session("", checkpoint_dir="a", checkpoint_filename_with_path="b"))
    _, recovered = manager.recover_session("", checkpoint_dir=str(folder), saver=saver)
    seen["recovered"] = recovered
    return seen


@program
def what_is_restored(tf: Any, folder: Path, lines: list[str]) -> Any:
    w = tf.get_variable("w", initializer=1.0)
    add = tf.assign_add(w, 1.0)
    step, count = counting(tf)
    called: list[str] = []
    saver = tf.train.Saver()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        session.run([add, count])
        path = saver.save(session, str(folder / "model.ckpt"), global_step=step)
    scaffold = tf.train.Scaffold(init_fn=lambda scaffold, session: called.append("init_fn"))
    with tf.train.MonitoredSession(tf.train.ChiefSessionCreator(scaffold, checkpoint_dir=str(folder))) as session:
        first = numbers(session.run([w, step]))
    by_name = tf.train.SingularMonitoredSession(checkpoint_filename_with_path=path)
    second = numbers(by_name.run([w, step]))
    by_name.close()
    with tf.train.MonitoredSession(tf.train.ChiefSessionCreator(tf.train.Scaffold(saver=saver))) as session:
        third = numbers(session.run([w, step]))
    return {"values": [first, second, third], "called": called, "lines": [line for line in plain(lines, folder) if "Restor" not in line]}


@program
def what_is_logged(tf: Any, folder: Path, lines: list[str]) -> Any:
    x = tf.placeholder(tf.float32, [2], name="x")
    total = tf.reduce_sum(x, name="total")

    def logged(*given: Any, **arguments: Any) -> list[str]:
        del lines[:]
        with tf.train.MonitoredSession(hooks=[tf.train.LoggingTensorHook(*given, **arguments)]) as session:
            for i in range(5):
                session.run(x, {x: [i, 0.5]})
        return [line for line in plain(lines, folder) if "init" not in line and "final" not in line]

    hook = tf.train.LoggingTensorHook
    return {
        "dict": logged({"b": total, "a": "x:0"}, every_n_iter=2),
        "names": logged(["x:0", "total:0"], every_n_iter=3),
        "formatter": logged({"t": total}, every_n_iter=4, formatter=lambda values: f"t is {float(values['t'])}"),
        "refused": [
            raised(lambda: hook({})),
            raised(lambda: hook({}, every_n_iter=0)),
            raised(lambda: hook({}, every_n_iter=1, every_n_secs=1)),
        ],
    }


@program
def nan_losses(tf: Any, folder: Path, lines: list[str]) -> Any:
    x = tf.placeholder(tf.float32, [], name="x")

    def stopping() -> list[Any]:
        with tf.train.MonitoredSession(hooks=[tf.train.NanTensorHook(x, fail_on_nan_loss=False)]) as session:
            seen = [[session.run(x, {x: value}) == value, session.should_stop()] for value in (1.0, np.inf)]
            session.run(x, {x: np.nan})
            return [*seen, session.should_stop()]

    def failing() -> None:
        with tf.train.MonitoredSession(hooks=[tf.train.NanTensorHook(x)]) as session:
            session.run(x, {x: np.nan})

    found = raised(failing)
    return {"stops": stopping(), "raised": found, "lines": [line for line in lines if "Model" in line]}


@program
def what_hooks_refuse(tf: Any, folder: Path, lines: list[str]) -> Any:
    train = tf.train
    here = str(folder)
    return {
        "stop": [raised(lambda: train.StopAtStepHook()), raised(lambda: train.StopAtStepHook(1, 2))],
        "counter": raised(lambda: train.StepCounterHook(None)),
        "summary": [
            raised(lambda: train.SummarySaverHook(save_steps=1)),
            raised(lambda: train.SummarySaverHook(save_steps=1, scaffold=1, summary_op=2)),
            raised(lambda: train.SummarySaverHook(summary_op=2)),
        ],
        "saver": raised(lambda: train.CheckpointSaverHook(here, save_steps=1, saver=1, scaffold=2)),
        "timer": [raised(lambda: train.SecondOrStepTimer()), raised(lambda: train.SecondOrStepTimer(1, 2))],
        "no step": [
            raised(lambda hook=hook: hook.begin())
            for hook in (
                train.StopAtStepHook(1),
                train.StepCounterHook(1),
                train.CheckpointSaverHook(here, save_steps=1),
                train.SummarySaverHook(save_steps=1, summary_op=2),
                train.GlobalStepWaiterHook(1),
                train.ProfilerHook(1),
            )
        ],
    }


@program
def timers(tf: Any, folder: Path, lines: list[str]) -> Any:
    timer = tf.train.SecondOrStepTimer(every_steps=3)
    seen: list[Any] = [timer.last_triggered_step(), timer.should_trigger_for_step(5)]
    seen.append(timer.update_last_triggered_step(5)[1])
    seen += [timer.should_trigger_for_step(step) for step in (5, 6, 7, 8, 9)]
    seen += [timer.update_last_triggered_step(9)[1], timer.last_triggered_step()]
    timer.reset()
    slow, fast = tf.train.SecondOrStepTimer(every_secs=1000.0), tf.train.SecondOrStepTimer(every_secs=0.0)
    for each in (slow, fast):
        each.update_last_triggered_step(1)
    return [*seen, timer.last_triggered_step(), slow.should_trigger_for_step(2), fast.should_trigger_for_step(2), fast.should_trigger_for_step(1)]


@program
def at_the_end(tf: Any, folder: Path, lines: list[str]) -> Any:
    x = tf.placeholder(tf.float32, [], name="x")
    y = 2.0 * x
    final = tf.train.FinalOpsHook({"y": y}, final_ops_feed_dict={x: 4.0})
    before = final.final_ops_values
    with tf.train.MonitoredSession(hooks=[final]) as session:
        session.run(y, {x: 1.0})
    return [before, numbers(final.final_ops_values)]


@program
def coordinators(tf: Any, folder: Path, lines: list[str]) -> Any:
    seen: dict[str, Any] = {}
    clean, dirty, late = tf.train.Coordinator(), tf.train.Coordinator(), tf.train.Coordinator()
    seen["before"] = [clean.should_stop(), clean.joined, clean.wait_for_stop(0.0)]
    with clean.stop_on_exception():
        raise tf.errors.OutOfRangeError(None, None, "the end")
    clean.join()
    seen["clean"] = [clean.should_stop(), clean.joined, clean.wait_for_stop(0.0)]
    with dirty.stop_on_exception():
        raise ValueError("boo")
    seen["dirty"] = [raised(dirty.raise_requested_exception), raised(dirty.join), dirty.joined]
    dirty.clear_stop()
    seen["cleared"] = [dirty.should_stop(), dirty.joined]
    late.request_stop()
    late.join()
    seen["late"] = raised(lambda: late.request_stop(ValueError("late")))
    return seen


def slim_loss(tf: Any) -> Any:
    w = tf.get_variable("w", initializer=tf.constant([3.0, 4.0]))
    return tf.nn.l2_loss(w), tf.train.GradientDescentOptimizer(0.5)


@program
def slim_training_loop(tf: Any, folder: Path, lines: list[str]) -> Any:
    learning = tf.slim.learning
    train_op = learning.create_train_op(*slim_loss(tf))
    loss = learning.train(train_op, str(folder), number_of_steps=3)
    done = [line for line in plain(lines, folder) if "loss =" in line or "Stopping" in line or "Finished" in line]
    seen = {"loss": float(loss), "lines": done, "last": checkpoints(folder)[-1]}
    seen["refused"] = [
        raised(lambda: learning.train(None, str(folder))),
        raised(lambda: learning.train(train_op, None, summary_op=tf.constant("a"))),
        raised(lambda: learning.train(train_op, None, saver=1)),
        raised(lambda: learning.train(train_op, None, trace_every_n_steps=1)),
        raised(lambda: learning.train(train_op, str(folder), number_of_steps=0)),
    ]
    return seen


@program
def slim_own_step(tf: Any, folder: Path, lines: list[str]) -> Any:
    train_op = tf.slim.learning.create_train_op(*slim_loss(tf))
    seen: list[Any] = []

    def step_fn(session: Any, train_op: Any, global_step: Any, kwargs: Any) -> Any:
        loss, step = session.run([train_op, global_step])
        seen.append([float(loss), int(step), kwargs])
        return loss, step >= kwargs["last"]

    loss = tf.slim.learning.train(train_op, None, step_fn, {"last": 2})
    return [seen, float(loss)]


@program
def contrib_training_loop(tf: Any, folder: Path, lines: list[str]) -> Any:
    training = tf.slim.training
    train_op = training.create_train_op(*slim_loss(tf))
    loss = training.train(train_op, str(folder), hooks=[tf.train.StopAtStepHook(num_steps=3)], save_summaries_steps=1)
    seen = {"loss": float(loss), "files": checkpoints(folder)}
    seen["refused"] = [
        raised(lambda: training.train(train_op, None)),
        raised(lambda: training.train(train_op, None, save_summaries_steps=None)),
    ]
    return seen


@program
def evaluation(tf: Any, folder: Path, lines: list[str]) -> Any:
    w = tf.get_variable("w", initializer=2.0)
    total = tf.Variable(0.0, collections=[tf.GraphKeys.LOCAL_VARIABLES], trainable=False, name="total")
    add = tf.assign_add(total, w)
    tf.train.get_or_create_global_step()
    tf.summary.scalar("total", total)
    saver = tf.train.Saver()
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        path = saver.save(session, str(folder / "model.ckpt"), global_step=7)
    hooks = [tf.slim.evaluation.StopAfterNEvalsHook(3), tf.slim.evaluation.SummaryAtEndHook(str(folder / "eval"))]
    found = tf.slim.evaluation.evaluate_once(path, eval_ops=add, final_ops={"total": total}, hooks=hooks)
    tf.summary.FileWriterCache.clear()
    logged = [line for line in lines if line.startswith("Evaluation [")]
    return {"final": numbers(found), "events": events(tf, folder / "eval"), "lines": logged}
