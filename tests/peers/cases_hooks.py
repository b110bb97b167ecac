"""Stock hooks that stop, log and count: by runs and by seconds, from any step, at the first and the last run, several at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from hook_programs import Stage, hook_program
from monitored_programs import numbers, recorder
from peer_case import raised

# --- StopAtStepHook --------------------------------------------------------------------------------------------------


@hook_program
def stop_at_a_last_step(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    return [
        stage.run([tf.train.StopAtStepHook(last_step=last)], count, 6, start=start)
        for last, start in ((3, 0), (8, 5), (1, 0), (2, 5), (0, 0))
    ]


@hook_program
def stop_after_a_number_of_steps(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    return [stage.run([tf.train.StopAtStepHook(num_steps=n)], count, 6, start=start) for n, start in ((3, 0), (2, 10), (0, 4))]


@hook_program
def stop_where_a_run_counts_several_steps(tf: Any, stage: Stage) -> Any:
    # Only where TensorFlow's read of the step, before it is counted and one added, finds what the step after the run does.
    count = stage.counting(by=3)
    return [stage.run([tf.train.StopAtStepHook(last_step=last)], count, 6) for last in (4, 7)]


@hook_program
def the_last_step_stays_in_a_second_session(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    hook = tf.train.StopAtStepHook(num_steps=3)
    return [stage.run([hook], count, 9), stage.run([hook], count, 9, start=1), stage.run([hook], count, 9, start=7)]


@hook_program
def stop_after_resuming(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    found = []
    for _ in range(2):
        with tf.train.MonitoredTrainingSession(checkpoint_dir=str(stage.folder), hooks=[tf.train.StopAtStepHook(num_steps=3)]) as session:
            while not session.should_stop():
                found.append(int(session.run(count)))
    return [found, stage.files("model.ckpt*")]


@hook_program
def the_first_of_two_stops(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    return [stage.run([tf.train.StopAtStepHook(last_step=a), tf.train.StopAtStepHook(num_steps=b)], count, 9) for a, b in ((2, 5), (5, 2))]


# --- LoggingTensorHook -----------------------------------------------------------------------------------------------


@hook_program
def log_every_so_many_runs(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    seen = {}
    for every in (1, 2, 5, 100):
        stage.run([tf.train.LoggingTensorHook({"n": count}, every_n_iter=every)], count, 7, seconds=1.5)
        seen[every] = stage.lines()
    return seen


@hook_program
def log_every_so_many_seconds(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    seen = {}
    for every, seconds in ((3.0, 1.0), (1.0, 1.0), (0.5, 1.0), (2.5, 0.75), (100.0, 1.0)):
        stage.run([tf.train.LoggingTensorHook({"n": count}, every_n_secs=every)], count, 8, seconds=seconds)
        seen[f"{every} of {seconds}"] = stage.lines()
    return seen


@hook_program
def log_at_the_end(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    step = stage.step
    hooks = {
        "only": {},
        "every 3": {"every_n_iter": 3},
        "every 10 seconds": {"every_n_secs": 10.0},
    }
    seen = {}
    for name, more in hooks.items():
        stage.run([tf.train.LoggingTensorHook([step.name], at_end=True, **more)], count, 5, start=20)
        seen[name] = stage.lines()
    return seen


@hook_program
def log_counts_runs_not_steps(tf: Any, stage: Stage) -> Any:
    count = stage.counting(by=10)
    hook = tf.train.LoggingTensorHook({"n": count}, every_n_iter=2)
    found = [stage.run([hook], count, 4, start=7), stage.lines()]
    return [*found, stage.run([hook], count, 3), stage.lines()]  # in a second session it begins anew


@hook_program
def what_values_look_like(tf: Any, stage: Stage) -> Any:
    stage.counting()
    tensors = {
        "float": tf.constant(1.0 / 3.0),
        "tiny": tf.constant(1e-9),
        "huge": tf.constant(1e20),
        "double": tf.constant(2.0 / 3.0, tf.float64),
        "int": tf.constant(7),
        "bool": tf.constant(True),
        "nan": tf.constant([np.nan, np.inf, -np.inf], tf.float32),
        "row": tf.constant([1.0, 2.5, 1e-7]),
        "matrix": tf.constant([[1, 2], [3, 4]]),
        "many": tf.constant(np.arange(2000, dtype=np.float32)),
        "empty": tf.zeros([0]),
        "text": tf.constant("word"),
    }
    stage.run([tf.train.LoggingTensorHook(tensors, every_n_iter=1)], tensors["int"], 1)
    return stage.lines()


@hook_program
def how_tags_are_ordered_and_formatted(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    a, b = tf.constant(1.0, name="a"), tf.constant([2.0, 3.0], name="b")
    hooks = {
        "dict": tf.train.LoggingTensorHook({"z": a, "b": b, "m": "a:0"}, every_n_iter=3),
        "list": tf.train.LoggingTensorHook(["b:0", "a:0"], every_n_iter=3),
        "formatter": tf.train.LoggingTensorHook({"z": a, "b": b}, every_n_iter=3, formatter=lambda values: ", ".join(sorted(values))),
    }
    seen = {}
    for name, hook in hooks.items():
        stage.run([hook], count, 4)
        seen[name] = stage.lines()
    return seen


@hook_program
def what_logging_refuses(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    hook = tf.train.LoggingTensorHook
    return {
        "neither": raised(lambda: hook({"n": count})),
        "both": raised(lambda: hook({"n": count}, every_n_iter=1, every_n_secs=1.0)),
        "both at the end": raised(lambda: hook({"n": count}, every_n_iter=1, every_n_secs=1.0, at_end=True)),
        "zero": raised(lambda: hook({"n": count}, every_n_iter=0)),
        "negative": raised(lambda: hook({"n": count}, every_n_iter=-2)),
        "unknown": raised(
            lambda: stage.run([hook(["nothing:0"], every_n_iter=1)], count, 1), says="'nothing', does not exist in the graph"
        ),
    }


# --- NanTensorHook ---------------------------------------------------------------------------------------------------


@hook_program
def nan_raises(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    x = tf.placeholder(tf.float32, [], name="x")
    calls: list[Any] = []
    final = tf.train.FinalOpsHook(stage.step)
    hooks = [recorder(tf, calls, "before"), tf.train.NanTensorHook(x), recorder(tf, calls, "after"), final]
    found = raised(lambda: stage.run(hooks, [count, x], 5, feeds=lambda i: {x: np.nan if i == 2 else i}))
    return [found, calls, stage.lines(), final.final_ops_values]


@hook_program
def nan_asks_to_stop(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    x = tf.placeholder(tf.float32, [], name="x")
    calls: list[Any] = []
    hooks = [recorder(tf, calls, "before"), tf.train.NanTensorHook(x, fail_on_nan_loss=False), recorder(tf, calls, "after")]
    found = stage.run(hooks, count, 9, feeds=lambda i: {x: [1.0, np.inf, -np.inf, np.nan, 2.0][i]})
    return [found, calls, stage.lines()]


# --- StepCounterHook -------------------------------------------------------------------------------------------------


@hook_program
def count_steps_by_steps(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    seen = {}
    for every, start, seconds in ((1, 0, 0.5), (2, 0, 0.25), (3, 10, 2.0), (100, 0, 1.0)):
        name = f"every {every} from {start}"
        hook = tf.train.StepCounterHook(every_n_steps=every, output_dir=str(stage.folder / name))
        stage.run([hook], count, 8, start=start, seconds=seconds)
        seen[name] = [stage.lines(), stage.events(name)]
    return seen


@hook_program
def count_steps_by_seconds(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    seen = {}
    for every, seconds in ((2.0, 1.0), (2.5, 1.0), (0.1, 0.5)):
        name = f"{every} of {seconds}"
        hook = tf.train.StepCounterHook(every_n_steps=None, every_n_secs=every, output_dir=str(stage.folder / name))
        stage.run([hook], count, 7, seconds=seconds)
        seen[name] = [stage.lines(), stage.events(name)]
    return seen


@hook_program
def count_steps_where_a_run_makes_several(tf: Any, stage: Stage) -> Any:
    count = stage.counting(by=7)  # see above for the choice of 15
    writer = tf.summary.FileWriter(str(stage.folder / "own"))
    stage.run([tf.train.StepCounterHook(every_n_steps=15, summary_writer=writer)], count, 9, start=3, seconds=2.0)
    writer.close()
    return [stage.lines(), stage.events("own")]


@hook_program
def count_steps_without_a_writer(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    stage.run([tf.train.StepCounterHook(every_n_steps=4)], count, 10, seconds=0.125)
    return stage.lines()


@hook_program
def count_steps_of_another_name(tf: Any, stage: Stage) -> Any:
    with tf.variable_scope("train"):
        step = tf.get_variable("steps", [], tf.int64, initializer=tf.zeros_initializer(), trainable=False)
    tf.add_to_collection(tf.GraphKeys.GLOBAL_STEP, step)
    count = stage.counting()
    stage.run([tf.train.StepCounterHook(every_n_steps=2, output_dir=str(stage.folder))], count, 5, seconds=0.5)
    return [stage.lines(), stage.events()]


@hook_program
def a_subclass_of_the_counter(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    seen: list[Any] = []

    class Counter(tf.train.StepCounterHook):
        def _log_and_record(self, elapsed_steps: Any, elapsed_time: Any, global_step: Any) -> None:
            seen.append([int(elapsed_steps), float(elapsed_time), int(global_step)])

    stage.run([Counter(every_n_steps=2)], count, 7, seconds=3.0)
    return [seen, stage.lines()]


@hook_program
def several_hooks_log_in_their_order(tf: Any, stage: Stage) -> Any:
    count = stage.counting()
    calls: list[Any] = []
    hooks = [
        tf.train.LoggingTensorHook({"first": count}, every_n_iter=2),
        recorder(tf, calls, "between", fetches={"n": count}),
        tf.train.StepCounterHook(every_n_steps=2),
        tf.train.LoggingTensorHook({"second": count}, every_n_secs=2.0, at_end=True),
        tf.train.StopAtStepHook(last_step=5),
    ]
    return [stage.run(hooks, count, 9), calls, stage.lines(), numbers(stage.clock.now)]
