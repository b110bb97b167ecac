"""Programs in which stock hooks run under a clock that is set by hand: which steps trigger them, what they log, write and raise.

A program gets TensorFlow's module, a `Stage` and nothing else; it returns what it has seen.
"""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from monitored_programs import records

HOOK_PROGRAMS: dict[str, Callable[[Any, Stage], Any]] = {}
# What is said besides what hooks log: TensorFlow's reads of the step in a run make it warn of a step that stands still now and then.
_OTHERS = ("It seems that global step", "Create ", "Graph was finalized", "Running local_init_op", "Done ", "Restoring parameters")


def hook_program(run: Callable[[Any, Stage], Any]) -> Callable[[Any, Stage], Any]:
    HOOK_PROGRAMS[run.__name__] = run
    return run


class Clock:
    """Stands for the time; it goes on by a number of seconds with each run, and when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1_000_000.0
        self.slept: list[float] = []
        self.while_sleeping: Callable[[], Any] = lambda: None

    def time(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)
        self.while_sleeping()


class Stage:
    """What a program works with: a folder of its own, the lines that are logged, and the clock."""

    def __init__(self, tf: Any, folder: Path) -> None:
        self.tf, self.folder, self.clock = tf, folder, Clock()
        self._lines: list[str] = []
        self.step: Any = None

    def lines(self) -> list[str]:
        """The lines that were logged since the last call."""
        found = [line.replace(str(self.folder), "FOLDER") for line in self._lines if not line.startswith(_OTHERS)]
        self._lines.clear()
        return found

    def note(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())

    def counting(self, by: int = 1) -> Any:
        """The global step, and what counts it: after TensorFlow's hooks have read it, which is a race otherwise."""
        tf = self.tf
        self.step = tf.train.get_or_create_global_step()
        with tf.control_dependencies(tf.reads_of_step()):
            return tf.assign_add(self.step, by)

    def session(self, hooks: Any, start: int = 0, **scaffold: Any) -> Any:
        """A session whose global step begins with a number."""
        tf = self.tf
        if start:
            begin = tf.assign(self.step, start)
            scaffold["init_fn"] = lambda scaffold, session: session.run(begin)
        return tf.train.MonitoredSession(tf.train.ChiefSessionCreator(tf.train.Scaffold(**scaffold)), hooks=hooks)

    def run(self, hooks: Any, fetch: Any, runs: int, *, start: int = 0, seconds: float = 1.0, feeds: Any = None) -> list[Any]:
        """Run up to so many times, each taking so many seconds; what each gave."""
        found = []
        with self.session(hooks, start) as session:
            for i in range(runs):
                if session.should_stop():
                    break
                self.clock.now += seconds
                value = session.run(fetch, None if feeds is None else feeds(i))
                found.append(value.tolist() if hasattr(value, "tolist") else value)
        return found

    def events(self, folder: str = "") -> list[Any]:
        """What the event files of the folder hold, in order: step, tag and number, or what happened to the session."""
        self.tf.summary.FileWriterCache.clear()
        found: list[Any] = []
        for path in sorted((self.folder / folder).glob("events.*")):
            for data in records(path.read_bytes()):
                event = self.tf.Event.FromString(data)
                if event.HasField("session_log"):
                    log = event.session_log
                    found.append([int(event.step), f"session {log.status}", Path(log.checkpoint_path).name])
                elif event.HasField("tagged_run_metadata"):
                    found.append([int(event.step), "traced", event.tagged_run_metadata.tag])
                elif event.HasField("summary"):
                    found += [[int(event.step), value.tag, round(value.simple_value, 6)] for value in event.summary.value]
        return found

    def files(self, pattern: str) -> list[str]:
        return sorted({re.sub(r"\.(index|meta|npz|data-\d+-of-\d+)$", "", path.name) for path in self.folder.glob(pattern)})


@contextlib.contextmanager
def set_clock(clock: Clock) -> Iterator[None]:
    """Let the standard library's clock be one that is set by hand."""
    real = time.time, time.sleep
    time.time, time.sleep = clock.time, clock.sleep  # type: ignore[assignment]
    try:
        yield
    finally:
        time.time, time.sleep = real


def run_hook_program(tf: Any, name: str, folder: Path, logger: str) -> Any:
    """What a program has seen, run in a graph of its own."""
    stage = Stage(tf, folder)
    handler = logging.Handler()
    handler.emit = stage.note  # type: ignore[method-assign]
    log = logging.getLogger(logger)
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        with tf.Graph().as_default(), set_clock(stage.clock):
            return HOOK_PROGRAMS[name](tf, stage)
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        tf.summary.FileWriterCache.clear()
