"""Hooks that rest do what they would do if they were called at every run: random hooks, runs, times, failures and returns."""

from __future__ import annotations

import io
import logging
import random
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import graphopt as tf


class Scene:
    """A graph with all that random runs need, a clock that is set, and a list of what hooks did."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.log: list[Any] = []
        self.step = tf.train.get_or_create_global_step()
        self.to = tf.placeholder(tf.int64, [], name="to")
        self.set_step = tf.assign(self.step, self.to)
        self.counts = [tf.assign_add(self.step, size, name=f"count_{size}") for size in (1, 2, 5)]
        self.x = tf.placeholder_with_default(1.0, [], name="x")
        self.y = tf.placeholder_with_default(2.0, [], name="y")
        self.sum = tf.add(self.x, 3.0 * self.y, name="sum")
        self.checked = tf.check_numerics(self.x, "bad")
        self.scalars = [tf.summary.scalar(f"s{i}", self.sum + float(i)) for i in range(3)]
        self.images = tf.summary.histogram("h", tf.stack([self.sum, self.x]))

    def note(self, *what: Any) -> None:
        self.log.append(what)


class Writer:
    """Notes what is written, in place of a file."""

    def __init__(self, scene: Scene, name: str) -> None:
        self._scene, self._name = scene, name

    def add_summary(self, summary: Any, global_step: Any) -> None:
        self.write(summary, global_step, time.time())

    def write(self, summary: Any, global_step: Any, wall_time: float) -> None:
        found = tf.Summary.FromString(summary) if isinstance(summary, bytes) else summary
        values = sorted([(value.tag, round(float(value.simple_value), 5)) for value in found.value])
        self._scene.note(self._name, "summary", int(global_step), round(wall_time, 3), values)

    def add_session_log(self, log: Any, step: int) -> None:
        self._scene.note(self._name, "session log", log.status, step)

    def add_graph(self, graph: Any) -> None:
        self._scene.note(self._name, "graph")

    def add_run_metadata(self, metadata: Any, tag: str) -> None:
        self._scene.note(self._name, tag)

    def flush(self) -> None:
        self._scene.note(self._name, "flush")


class Saver:
    """Notes what is saved, in place of a file."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    def save(self, session: Any, path: str, global_step: int, **wait: Any) -> None:
        self._scene.note("save", int(global_step), int(session.run(self._scene.step)))

    def wait(self) -> None:
        self._scene.note("waited")


class Listener(tf.train.CheckpointSaverListener):
    """Asks to stop after a checkpoint of a late step."""

    def after_save(self, session: Any, global_step_value: int) -> bool:
        return global_step_value > 150


class Lost(tf.train.SessionRunHook):
    """Loses the session when it is told to, so that it is made anew, and the global step is 0 again."""

    def __init__(self) -> None:
        self.is_lost = False

    def before_run(self, run_context: Any) -> None:
        if self.is_lost:
            self.is_lost = False
            raise tf.errors.AbortedError(None, None, "lost")


class Mends(tf.train.SessionRunHook):
    """Goes on after a bad number, as a step that was not made."""

    def on_error(self, run_context: Any, error: BaseException, run_args: Any) -> Any:
        if not isinstance(error, tf.errors.InvalidArgumentError):
            return None
        return tf.train.Recovered([run_context.session.run(fetch, {"x:0": 0.5}) for fetch in run_args.fetches])


def cadence(rng: random.Random, steps: str, secs: str) -> dict[str, Any]:
    return {steps: rng.choice([1, 2, 3, 7, 20])} if rng.random() < 0.6 else {secs: rng.choice([0.5, 3.0, 11.0])}


def random_hook(rng: random.Random, scene: Scene, name: str, tmp_path: Any) -> Any:
    train = tf.train
    kind = rng.choice(["stop", "log", "log", "counter", "saver", "summary", "summary", "summaries", "profiler", "bar"])
    if kind == "stop":
        return train.StopAtStepHook(**({"num_steps": rng.randint(30, 120)} if rng.random() < 0.5 else {"last_step": rng.randint(30, 200)}))
    if kind == "log":
        if rng.random() < 0.15:
            return train.LoggingTensorHook({name: scene.sum}, at_end=True)
        return train.LoggingTensorHook({name: scene.sum, f"{name}s": scene.step}, **cadence(rng, "every_n_iter", "every_n_secs"))
    if kind == "counter":
        given = {"every_n_steps": None, **cadence(rng, "every_n_steps", "every_n_secs")}
        return train.StepCounterHook(**given, summary_writer=Writer(scene, name) if rng.random() < 0.7 else None)
    if kind == "saver":
        listeners = [Listener()] if rng.random() < 0.5 else None
        return train.CheckpointSaverHook(tmp_path, saver=Saver(scene), listeners=listeners, **cadence(rng, "save_steps", "save_secs"))
    if kind == "profiler":
        hook: Any = train.ProfilerHook(**cadence(rng, "save_steps", "save_secs"))
        hook._write = lambda step, metadata: scene.note(name, "trace", step, bool(metadata.step_stats.dev_stats))
        return hook
    if kind == "bar":
        hook = train.ProgressBarHook(200, scene.sum, every_secs=rng.choice([0.2, 4.0]), file=io.StringIO(), disable=rng.random() < 0.2)
        draw = hook._draw
        hook._draw = lambda step, values: [scene.note(name, int(step), {k: float(v) for k, v in values.items()}), draw(step, values)]
        return hook
    summaries = rng.sample([*scene.scalars, scene.images], rng.randint(1, 4))
    given = {"summary_writer": Writer(scene, name), "summary_op": summaries, "most_logging": rng.choice([None, None, 0.1, 0.9])}
    if kind == "summaries":
        tags = {tag: rng.choice([0, 1, 2, 5, 30]) for tag in rng.sample(["s0", "s1", "h"], 2)}
        given |= {"cadence": tags, "save_steps": rng.choice([None, 1, 3, 10])}
    else:
        given |= cadence(rng, "save_steps", "save_secs")
    hook = train.SummarySaverHook(**given)
    hook._clock = lambda: scene.now
    if hook._most_logging is not None:
        # What is collected is not measured one by one, so that a budget may end up a little different.
        hook._count_steady_runs = lambda choice: 0
    return hook


def never_resting(hook: Any) -> Any:
    """Make a hook one that is called at every run, as what somebody overrides is, and that decides at every run."""
    kind = type(hook)
    hook.__class__ = type(f"Waking{kind.__name__}", (kind,), {"after_run": lambda self, *told: kind.after_run(self, *told)})
    return hook


def random_run(rng: random.Random, scene: Scene, session: Any, lost: Lost) -> Any:
    """Make one run, or none; return what it gives."""
    fed = rng.choice([None, None, {scene.x: 4.0}, {scene.y: 0.5, scene.x: 2.0}, {scene.x: 2.0, scene.y: 0.5}, {"y:0": 1.5}])
    what = rng.random()
    if what < 0.7:
        return session.run(rng.choices(scene.counts, (30, 3, 1))[0], fed)
    if what < 0.82:
        return session.run(rng.choice([scene.sum, [scene.sum, scene.x], (scene.sum,), {"a": scene.y}, "sum:0", scene.step]), fed)
    if what < 0.86:
        return session.run_without_hooks(scene.counts[0])
    if what < 0.89:
        at = int(session.run_without_hooks(scene.step))
        return session.run(scene.set_step, {scene.to: max(at - rng.choice([0, 1, 3, 15]), 0)})
    if what < 0.91:
        at = int(session.run_without_hooks(scene.step))
        return session.run_without_hooks(scene.set_step, {scene.to: max(at - rng.choice([1, 4]), 0)})
    if what < 0.94:
        try:
            return session.run([scene.counts[0], scene.checked], {scene.x: np.nan})
        except tf.errors.InvalidArgumentError as error:
            return type(error).__name__
    if what < 0.95:
        lost.is_lost = True
    return session.run(scene.counts[0], options=tf.RunOptions(trace_level=rng.choice([0, 3])), run_metadata=tf.RunMetadata())


def play(seed: int, rests: bool, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Make random runs with random hooks; return what came of it."""
    rng = random.Random(seed)
    with tf.Graph().as_default():
        scene = Scene()
        monkeypatch.setattr(time, "time", lambda: scene.now)
        monkeypatch.setattr(time, "monotonic", lambda: scene.now)
        handler = logging.Handler()
        handler.emit = lambda record: scene.note(record.levelname, record.getMessage())  # type: ignore[method-assign]
        logger = logging.getLogger("graphopt")
        logger.addHandler(handler)
        before, logger.level = logger.level, logging.INFO
        try:
            hooks = [random_hook(rng, scene, f"hook{i}", tmp_path) for i in range(rng.randint(1, 4))]
            hooks = hooks if rests else [never_resting(hook) for hook in hooks]
            lost = Lost()
            if rng.random() < 0.4:
                hooks.insert(rng.randint(0, len(hooks)), lost)
            if rng.random() < 0.2:
                hooks.append(tf.train.FeedFnHook(lambda: {}))
            if rng.random() < 0.3:
                hooks.append(Mends())
            with tf.train.MonitoredSession(hooks=hooks) as session:
                for number in range(120):
                    scene.now += rng.choice([0.01, 0.01, 0.4, 2.0])
                    if session.should_stop():
                        break
                    scene.note("run", number)
                    scene.note("gave", number, str(random_run(rng, scene, session, lost)))
        finally:
            logger.level = before
            logger.removeHandler(handler)
        return scene.log


def streams(log: list[Any]) -> dict[str, list[Any]]:
    """Return what each writer was given, and all else: numbers of each step are written some runs later, with their step and time."""
    found: dict[str, list[Any]] = {"": []}
    for entry in log:
        is_written = entry[0].startswith("hook") and entry[1] in ("summary", "session log", "flush")
        found.setdefault(entry[0] if is_written else "", []).append(entry)
    return found


@pytest.fixture
def clocks(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    with monkeypatch.context() as patched:
        yield patched
    tf.summary.FileWriterCache.clear()


@pytest.mark.parametrize("seed", range(60))
def test_resting_changes_nothing(seed: int, tmp_path: Any, clocks: pytest.MonkeyPatch) -> None:
    resting = play(seed, True, tmp_path, clocks)
    awake = play(seed, False, tmp_path, clocks)
    assert len(awake) > 20
    assert streams(resting) == streams(awake)
