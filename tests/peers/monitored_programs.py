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
    """Log lines without what differs from run to run; TensorFlow's reads of the step in a run make it warn now and then."""
    texts = [line.replace(str(folder), "FOLDER") for line in lines if not line.startswith("It seems that global step")]
    texts = [re.sub(r"\d+\.\d+ sec", "T sec", text) for text in texts]
    return [re.sub(r"/sec: .*", "/sec: X", text) for text in texts]


def checkpoints(folder: Path) -> list[str]:
    """The checkpoints of a folder, whatever files they consist of, and the other files but those of events and of our report."""
    names = {re.sub(r"\.(index|meta|npz|data-\d+-of-\d+)$", "", path.name) for path in folder.iterdir()}
    return sorted(name for name in names if not name.startswith(("events.", "graphopt_report.")))


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
