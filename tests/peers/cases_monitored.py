"""Programs about the order of calls, what hooks are given, and what happens on errors, in monitored sessions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from monitored_programs import checkpoints, counting, events, numbers, plain, program, recorder
from peer_case import raised


@program
def order_of_calls(tf: Any, folder: Path, lines: list[str]) -> Any:
    _step, count = counting(tf)
    twice = count * 2
    seen: list[Any] = []
    hooks = [recorder(tf, seen, "a", {"twice": twice, "all": [count, None or twice]}), recorder(tf, seen, "b")]
    with tf.train.MonitoredSession(hooks=hooks) as session:
        seen.append([numbers(session.run(count)), session.should_stop()])
        seen.append(numbers(session.run([count, {"c": count}])))
    return {"seen": seen, "lines": lines, "finalized after": tf.get_default_graph().finalized}


@program
def order_in_training_session(tf: Any, folder: Path, lines: list[str]) -> Any:
    _step, count = counting(tf)
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
    hooks = [
        tf.train.StopAtStepHook(last_step=7),
        tf.train.LoggingTensorHook({"b": step, "a": "global_step:0"}, every_n_iter=3, at_end=True),
    ]
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
    _step, count = counting(tf)
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
    return {
        "several": sorted({e[0] for e in events(tf, folder / "several") if "session" not in str(e)}),
        "merged": events(tf, folder / "merged"),
    }


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
            seen.append(
                [numbers(run_values.results), int(run_values.options.trace_level), len(run_values.run_metadata.step_stats.dev_stats) > 0]
            )

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
    _step, count = counting(tf)
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
        "two hooks": raised(
            lambda: run([feeding(x, 1.0), feeding(x, 2.0)], {y: 0.0}), says="Same tensor is fed by two hooks. Conflict(s):"
        ),
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
    _step, count = counting(tf)
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
    again = raised(session.close)
    tf.get_default_graph().finalize()
    return {
        "graph": graph_is,
        "stops": session.should_stop(),
        "run": raised(lambda: session.run(c), says="'NoneType' object has no attribute 'run'"),
        "close": again,
        "raw": raw,
        "late": raised(lambda: tf.placeholder(tf.float32), says="Graph is finalized and cannot be modified."),
    }
