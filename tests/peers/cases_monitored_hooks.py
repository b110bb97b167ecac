"""Programs about how monitored sessions begin, what stock hooks do and refuse, and the training loops around them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from monitored_programs import checkpoints, counting, events, numbers, plain, program
from peer_case import raised


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
    seen["not for local"] = raised(
        lambda: values(Scaffold(init_op=only_w)),
        says="Init operations did not make model ready for local_init.  Init op: w/Assign, init fn: None, "
        "error: Variables not initialized: v",
    )
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
    return [
        *seen,
        timer.last_triggered_step(),
        slow.should_trigger_for_step(2),
        fast.should_trigger_for_step(2),
        fast.should_trigger_for_step(1),
    ]


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
    clean, dirty = tf.train.Coordinator(), tf.train.Coordinator()
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
    return seen


def slim_loss(tf: Any) -> Any:
    w = tf.get_variable("w", initializer=tf.constant([3.0, 4.0]))
    # Of this loss TensorFlow, too, gives the value from before the step.
    return tf.reduce_sum(tf.abs(w * tf.constant([1.0, 2.0]))), tf.train.GradientDescentOptimizer(0.5)


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
