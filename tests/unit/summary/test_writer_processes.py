"""Writers in forked processes, at the end of a program, and one after another in a directory."""

import gc
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.ops.summary_scalars import ScalarLayout

KINDS = [tf.summary.FileWriter, tf.summary.JSONLinesWriter]


def scalar(value: float) -> tf.Summary:
    return tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=value)])


def steps(folder: Path) -> list[int]:
    return [int(step) for step in tf.summary.read(folder).scalars("loss").steps]


def run(text: str, folder: Path) -> None:
    """Run a program that makes ``writer``, of a kind and with a long queue, and ``scalar``."""
    command = [sys.executable, "-W", "error", "-c", text, str(folder)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
    assert result.returncode == 0 and not result.stderr, result.stderr


START = """
import gc, os, sys, threading, graphopt as tf
scalar = tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=1.0)])
writer = tf.summary.{}(sys.argv[1], max_queue=1000, flush_secs=1000)
for step in range(20): writer.add_summary(scalar, step)
"""
FORKS = {
    "ends": "sys.exit(0)",
    "forgets": "del writer; gc.collect(); os._exit(0)",
    "closes": "writer.close(); os._exit(0)",
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("child", FORKS)
def test_a_forked_process_neither_hangs_nor_writes_what_its_parent_writes(kind: Any, child: str, tmp_path: Path) -> None:
    parent = "assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 0\nwriter.add_summary(scalar, 20)\nwriter.close()"
    run(f"{START.format(kind.__name__)}\nprocess = os.fork()\nif not process: {FORKS[child]}\n{parent}", tmp_path)
    assert steps(tmp_path) == list(range(21)) and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("end", ["writer.close(); os._exit(0)", "sys.exit(0)"])
def test_a_forked_process_writes_to_a_file_of_its_own(kind: Any, end: str, tmp_path: Path) -> None:
    child = f"writer.add_summary(scalar, 100); writer.add_summary(scalar, 101); {end}"
    run(f"{START.format(kind.__name__)}\nprocess = os.fork()\nif not process: {child}\nos.waitpid(process, 0)", tmp_path)
    assert sorted(steps(tmp_path)) == [*range(20), 100, 101]
    counts = sorted(len(tf.summary.read(path).scalars("loss")) for path in tmp_path.iterdir())
    assert counts == [2, 20]


def test_forks_while_threads_write(tmp_path: Path) -> None:
    run(
        """
import os, sys, threading, graphopt as tf
scalar = tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=1.0)])
writer = tf.summary.FileWriter(sys.argv[1], max_queue=3, flush_secs=0)
stop = threading.Event()
def write():
    step = 0
    while not stop.is_set():
        writer.add_summary(scalar, step)
        step += 1
thread = threading.Thread(target=write)
thread.start()
for _ in range(30):
    process = os.fork()
    if not process:
        writer.add_summary(scalar, -1)
        writer.close()
        os._exit(0)
    os.waitpid(process, 0)
stop.set()
thread.join()
writer.close()
""",
        tmp_path,
    )
    found = steps(tmp_path)
    assert found.count(-1) == 30
    assert [step for step in found if step >= 0] == list(range(len(found) - 30))


@pytest.mark.parametrize("kind", KINDS)
def test_a_writer_that_nobody_closes_loses_nothing(kind: Any, tmp_path: Path) -> None:
    run(START.format(kind.__name__), tmp_path)
    assert steps(tmp_path) == list(range(20))
    writer = kind(tmp_path / "forgotten", max_queue=1000)
    writer.add_summary(scalar(1.0), 7)
    del writer
    gc.collect()
    assert steps(tmp_path / "forgotten") == [7]


# --- files one after another --------------------------------------------------------------------------------------------


def resume(folder: Path, first: int, value: float) -> None:
    with tf.summary.FileWriter(folder) as writer:
        writer.add_session_log(tf.SessionLog(status=tf.SessionLog.START), first)
        for step in range(first, first + 3):
            writer.add_summary(scalar(value), step)


def test_no_zigzag_though_the_clock_was_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for session, seconds in enumerate((2_000_000_000, 1_999_990_000, 1_999_990_000)):
        monkeypatch.setattr(time, "time", lambda seconds=seconds: seconds)
        resume(tmp_path, 2 * session, float(session))
    series = tf.summary.read(tmp_path).scalars("loss")
    assert series.steps.tolist() == [0, 1, 2, 3, 4, 5, 6] and series.values.tolist() == [0, 0, 1, 1, 2, 2, 2]
    assert sorted(int(path.name.split(".")[3]) for path in tmp_path.iterdir()) == [2_000_000_000, 2_000_000_001, 2_000_000_002]


@pytest.mark.parametrize("kind", KINDS)
def test_many_files_of_one_second_are_read_in_order(kind: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time", lambda: 1_700_000_000)
    for step in range(13):
        with kind(tmp_path) as writer:
            writer.add_summary(scalar(1.0), step)
    assert steps(tmp_path) == list(range(13))


def test_a_file_made_by_another_process_meanwhile_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from_there: Callable[..., Any] = Path.open
    taken = []

    def open_later(path: Path, *arguments: Any, **more: Any) -> Any:
        if not taken and "tfevents" in path.name:
            taken.append(path)
            path.write_bytes(b"")
        return from_there(path, *arguments, **more)

    monkeypatch.setattr(Path, "open", open_later)
    with tf.summary.FileWriter(tmp_path) as writer:
        writer.add_summary(scalar(1.0), 1)
    assert taken[0].read_bytes() == b"" and Path(writer.get_filename()) != taken[0]


# --- steps, directories ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [np.int64(500), np.int64(-2), np.int32(2**31 - 1), np.uint64(2**40), 2**62, -(2**40)])
def test_steps_of_any_size_and_type(step: Any, tmp_path: Path) -> None:
    layout = ScalarLayout([("loss", 0)])
    with tf.summary.Tee(tf.summary.FileWriter(tmp_path / "a"), tf.summary.JSONLinesWriter(tmp_path / "b")) as writer:
        writer.write(scalar(1.0), step, 1.0)
        for _ in range(40):
            writer.sinks[0].add_scalars(layout, [(1.0, (step, 0.5))])
        writer.add_summary(scalar(1.0), step)
    assert set(steps(tmp_path / "a")) == set(steps(tmp_path / "b")) == {int(step)}
    assert len(steps(tmp_path / "a")) == 42


def test_a_directory_has_one_writer_whatever_it_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "other").mkdir()
    (tmp_path / "link").symlink_to("logs")
    monkeypatch.chdir(tmp_path)
    cache = tf.summary.FileWriterCache
    writer = cache.get("logs")
    try:
        assert all(cache.get(name) is writer for name in ("logs/", "./logs", tmp_path / "logs", "link", b"logs"))
        monkeypatch.chdir(tmp_path / "other")
        assert cache.get("../logs") is writer and cache.get("logs") is not writer
    finally:
        cache.clear()
