"""Stock hooks that write, feed, wait and run something at the end: at which steps, with what, and in which order."""

from __future__ import annotations

from typing import Any

from hook_programs import Stage, hook_program
from monitored_programs import numbers, recorder
from peer_case import raised

# --- SummarySaverHook ------------------------------------------------------------------------------------------------


def half(tf: Any, count: Any) -> Any:
    return tf.summary.scalar("half", tf.cast(count, tf.float32) / 2.0)


@hook_program
def summaries_by_steps(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    summary = half(tf, count)
    seen = {}
    for every, start in ((1, 0), (3, 0), (3, 10), (100, 0)):
        name = f"every {every} from {start}"
        stage.run(
            [tf.train.SummarySaverHook(save_steps=every, output_dir=str(stage.folder / name), summary_op=summary)], count, 8, start=start
        )
        seen[name] = stage.events(name)
    return seen


@hook_program
def summaries_by_seconds(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    summary = half(tf, count)
    seen = {}
    for every, seconds in ((2.0, 1.0), (2.5, 1.0), (0.5, 1.0), (60.0, 1.0)):
        name = f"{every} of {seconds}"
        hook = tf.train.SummarySaverHook(save_secs=every, output_dir=str(stage.folder / name), summary_op=summary)
        stage.run([hook], count, 8, seconds=seconds)
        seen[name] = stage.events(name)
    return seen


@hook_program
def several_summaries_of_one_hook(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    parts = [half(tf, count), tf.summary.scalar("one", tf.constant(1.0))]
    merged = tf.summary.merge_all()
    seen = {}
    for name, given in {"list": parts, "merged": merged, "list of merged": [merged]}.items():
        stage.run([tf.train.SummarySaverHook(save_steps=3, output_dir=str(stage.folder / name), summary_op=given)], count, 5)
        seen[name] = stage.events(name)
    scaffold = tf.train.Scaffold(summary_op=parts[1])
    hook = tf.train.SummarySaverHook(save_steps=2, output_dir=str(stage.folder / "scaffold"), scaffold=scaffold)
    with tf.train.MonitoredSession(tf.train.ChiefSessionCreator(scaffold), hooks=[hook]) as session:
        for _ in range(3):
            session.run(count)
    seen["scaffold"] = stage.events("scaffold")
    return seen


@hook_program
def summaries_of_nothing(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    hook = tf.train.SummarySaverHook(save_steps=1, output_dir=str(stage.folder), scaffold=tf.train.Scaffold())
    return [stage.run([hook], count, 3), stage.events()]


# --- CheckpointSaverHook ---------------------------------------------------------------------------------------------


@hook_program
def checkpoints_by_steps(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    saver = tf.train.Saver(max_to_keep=None)
    seen = {}
    for every, start in ((2, 0), (3, 10), (100, 4)):
        name = f"every {every} from {start}"
        stage.run([tf.train.CheckpointSaverHook(str(stage.folder / name), save_steps=every, saver=saver)], count, 6, start=start)
        seen[name] = [stage.files(f"{name}/model*"), stage.events(name)]
    return seen


@hook_program
def checkpoints_by_seconds(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    saver = tf.train.Saver(max_to_keep=None)
    seen = {}
    for every in (2.0, 2.5, 100.0):
        name = f"{every}"
        hook = tf.train.CheckpointSaverHook(str(stage.folder / name), save_secs=every, saver=saver, checkpoint_basename="my")
        stage.run([hook], count, 6)
        seen[name] = [stage.files(f"{name}/my*"), stage.events(name)]
    return seen


def listener(tf: Any, calls: list[Any], name: str, stops_at: int | None = None) -> Any:
    class Listener(tf.train.CheckpointSaverListener):
        def begin(self) -> None:
            calls.append([name, "begin"])

        def before_save(self, session: Any, global_step: Any) -> None:
            calls.append([name, "before_save", int(global_step)])

        def after_save(self, session: Any, global_step: Any) -> Any:
            calls.append([name, "after_save", int(global_step)])
            return int(global_step) == stops_at

        def end(self, session: Any, global_step: Any) -> None:
            calls.append([name, "end", int(global_step)])

    return Listener()


@hook_program
def listeners_of_checkpoints(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    seen = []
    for name, stops_at in (("a", None), ("b", 4)):
        calls: list[Any] = []
        listeners = [listener(tf, calls, "first"), listener(tf, calls, "second", stops_at)]
        hook = tf.train.CheckpointSaverHook(str(stage.folder / name), save_steps=2, scaffold=tf.train.Scaffold(), listeners=listeners)
        scaffold = hook._scaffold
        with tf.train.MonitoredSession(tf.train.ChiefSessionCreator(scaffold), hooks=[recorder(tf, calls, "hook"), hook]) as session:
            while not session.should_stop() and len(calls) < 60:
                session.run(count)
        seen.append([calls, stage.files(f"{name}/model*")])
    return seen


# --- FinalOpsHook ----------------------------------------------------------------------------------------------------


@hook_program
def final_ops(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    x = tf.placeholder(tf.float32, [], name="x")
    step, fed = tf.train.FinalOpsHook(stage.step), tf.train.FinalOpsHook({"y": [x * 2.0, x]}, {x: 4.0})
    changing, after = tf.train.FinalOpsHook(tf.assign_add(stage.step, 100)), tf.train.FinalOpsHook(stage.step)
    nothing = tf.train.FinalOpsHook(None)
    found = stage.run([step, fed, changing, after, nothing], count, 3)
    return [found, *[numbers(hook.final_ops_values) for hook in (step, fed, changing, after, nothing)], stage.lines()]


@hook_program
def final_ops_after_errors(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    seen = []
    for error in (ValueError("boo"), tf.errors.OutOfRangeError(None, None, "the end"), StopIteration()):
        calls: list[Any] = []
        hook = tf.train.FinalOpsHook(stage.step)

        def training(hook: Any = hook, calls: list[Any] = calls, error: BaseException = error) -> None:
            with stage.session([recorder(tf, calls, "r"), hook]) as session:
                session.run(count)
                raise error

        found = raised(training)
        seen.append([found, calls, numbers(hook.final_ops_values)])
    missing = tf.train.FinalOpsHook(tf.placeholder(tf.float32, [], name="never_fed"))
    seen.append(raised(lambda: stage.run([missing], count, 1), says="never_fed"))
    return seen


# --- GlobalStepWaiterHook --------------------------------------------------------------------------------------------


@hook_program
def waiting_for_a_step(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    jump = tf.assign_add(stage.step, 700)
    seen = []
    for wait, start in ((0, 0), (3, 5), (5, 5), (2000, 0), (-1, 0)):
        with stage.session([tf.train.GlobalStepWaiterHook(wait)], start) as session:
            raw = session._tf_sess()
            stage.clock.while_sleeping = lambda raw=raw: raw.run(jump)
            values = [int(session.run(count)) for _ in range(2)]
        seen.append([values, list(stage.clock.slept), stage.lines()])
        stage.clock.slept.clear()
    return seen


# --- FeedFnHook ------------------------------------------------------------------------------------------------------


@hook_program
def feeding(tf: Any, stage: Stage) -> Any:
    x, y = tf.placeholder(tf.float32, [], name="x"), tf.placeholder(tf.float32, [], name="y")
    total = 10.0 * x + y
    calls: list[str] = []

    def next_x() -> dict[Any, float]:
        calls.append("x")
        return {x: float(len(calls))}

    hook = tf.train.FeedFnHook
    seen = [stage.run([hook(next_x)], total, 3, feeds=lambda i: {y: i}), list(calls)]
    seen.append(stage.run([hook(next_x), hook(lambda: {y: 7.0})], total, 2))
    seen.append(raised(lambda: stage.run([hook(next_x), hook(lambda: {x: 7.0})], total, 1), says="Same tensor is fed by two hooks."))
    fed_twice = raised(
        lambda: stage.run([hook(next_x)], total, 1, feeds=lambda i: {x: 1.0}), says="Same tensor is fed by a SessionRunHook and user."
    )
    seen.append(fed_twice)
    seen.append(stage.run([hook(dict)], total, 1, feeds=lambda i: {x: 1.0, y: 2.0}))
    seen.append(
        raised(lambda: stage.run([hook(lambda: {x: [1.0, 2.0]})], total, 1, feeds=lambda i: {y: 2.0}), says="Cannot feed value of shape")
    )
    return seen


# --- ProfilerHook ----------------------------------------------------------------------------------------------------


@hook_program
def profiles_by_steps(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    seen = {}
    for every, start in ((1, 0), (3, 0), (2, 10)):
        name = f"every {every} from {start}"
        stage.run([tf.train.ProfilerHook(save_steps=every, output_dir=str(stage.folder / name))], count, 7, start=start)
        seen[name] = [stage.files(f"{name}/timeline*"), stage.events(name), stage.lines()]
    return seen


@hook_program
def profiles_by_seconds(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    seen = {}
    for every in (2.0, 2.5, 50.0):
        name = f"{every}"
        stage.run([tf.train.ProfilerHook(save_secs=every, output_dir=str(stage.folder / name))], count, 7)
        seen[name] = [stage.files(f"{name}/timeline*"), stage.events(name)]
    return seen


# --- all together ----------------------------------------------------------------------------------------------------


@hook_program
def everything_of_a_training_session(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    half(tf, count)
    found = []
    for run in range(2):  # the second goes on where the first ended
        hooks = [tf.train.StopAtStepHook(num_steps=5), tf.train.LoggingTensorHook({"n": count}, every_n_iter=2)]
        with tf.train.MonitoredTrainingSession(
            checkpoint_dir=str(stage.folder / "checkpoints"),
            summary_dir=str(stage.folder / f"summaries {run}"),
            hooks=hooks,
            save_checkpoint_steps=4,
            save_summaries_steps=2,
            log_step_count_steps=3,
        ) as session:
            while not session.should_stop():
                stage.clock.now += 0.25
                found.append(int(session.run(count)))
        # Where TensorFlow's hook counts from depends on what its read of the step in the run saw.
        found.append([event for event in stage.events(f"summaries {run}") if event[1] != "global_step/sec"])
    return [found, stage.files("checkpoints/model*"), [line for line in stage.lines() if line.startswith("n =")]]
