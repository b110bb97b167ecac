"""Bars of progress: in a terminal, with rate and remaining time, for what takes longer than a second, and nowhere else."""

import os
import pty
import re
import sys
import termios
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import graphopt as tf
from graphopt.cli import main
from graphopt.cli.command import progress
from graphopt.cli.scripts import output_to_stderr

TRAINING = """
import tensorflow as tf
w = tf.get_variable("w", [2], initializer=tf.ones_initializer())
train_op = tf.contrib.layers.optimize_loss(tf.reduce_sum(w * w), None, 0.1, "SGD", summaries=[])
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(60):
        if i % 20 == 0:
            print("said at", i)
        sess.run(train_op)
"""
# As tqdm writes them: "running the script:  50%|█████     | 25/50 [00:00<00:00, 100.0run/s]".
BAR = r"{what}:.*\d+%.*{done}/{total} \[[\d:]+<[\d:?]+, +[\d.?]+[kM]?{unit}/s\]"

Terminal = Callable[[Callable[[], int]], tuple[int, str]]


@pytest.fixture(autouse=True)
def _new_graph() -> None:
    tf.reset_default_graph()


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Return a function that calls another with a terminal as standard error: its result, and what the terminal shows."""

    def run(call: Callable[[], int]) -> tuple[int, str]:
        ours, theirs = pty.openpty()
        termios.tcsetwinsize(theirs, (24, 120))
        seen: list[bytes] = []

        def watch() -> None:
            while True:
                try:
                    got = os.read(ours, 1 << 16)
                except OSError:  # nobody has the other end any more
                    return
                if not got:
                    return
                seen.append(got)

        watcher = threading.Thread(target=watch)
        watcher.start()
        with os.fdopen(theirs, "w") as stream, monkeypatch.context() as patch:
            patch.setattr(sys, "stderr", stream)
            result = call()
        watcher.join()
        os.close(ours)
        return result, b"".join(seen).decode()

    return run


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "train.py"
    path.write_text(TRAINING)
    return str(path)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """A folder with runs and checkpoints."""
    folder = tmp_path / "logs"
    for name in ("first", "second"):
        with tf.summary.FileWriter(str(folder / name)) as writer:
            for step in range(10):
                writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=1.0 / (1 + step))]), step)
    with tf.Graph().as_default(), tf.Session() as sess:
        for i in range(4):
            tf.get_variable(f"w{i}", initializer=np.ones(3, np.float32))
        sess.run(tf.global_variables_initializer())
        saver = tf.train.Saver()
        for step in (1, 2):
            saver.save(sess, str(folder / "model"), global_step=step)
    return folder


CASES = {
    "report": ("report {logs} -o {logs}/page.html", "reading the log", r"[\d.]+k?", r"[\d.]+k?", "B"),
    "explain": ("explain {script} --steps 50", "running the script", r"\d+", "50", "run"),
    "doctor": ("doctor {script} --steps 50 --only step-counted-twice", "running the script", r"\d+", "50", "run"),
    "training ops": ("explain {script}", "looking", "1", "1", "training op"),
    "checkpoint list": ("checkpoint list {logs}", "looking", r"\d", "2", "checkpoint"),
    "checkpoint diff": ("checkpoint diff {logs}/model-1 {logs}/model-2", "comparing", r"\d", "4", "variable"),
    "doctor's checkpoint": ("doctor {script} --only dead-units --checkpoint {logs}", "reading the checkpoint", r"\d", "4", "variable"),
    "bench": ("bench --network 3-2 --steps 50 --backend numpy", "timing", r"\d+", "50", "step"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_bar_in_a_terminal(case: str, script: str, logs: Path, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    line, what, done, total, unit = CASES[case]
    given = line.format(script=script, logs=logs).split()
    monkeypatch.setattr("graphopt.cli.command.BAR_AFTER", 0)
    monkeypatch.setattr("graphopt.cli.command.BAR_EVERY", 0)
    code, shown = terminal(lambda: main(given))
    assert code == 0
    assert re.search(BAR.format(what=what, done=done, total=total, unit=unit), shown), shown
    # When all is done the bar is gone: the line is overwritten with spaces.
    assert re.search(r"\r *\r$", shown), shown
    monkeypatch.setattr("graphopt.cli.command.BAR_AFTER", 1000)
    tf.reset_default_graph()
    code, shown = terminal(lambda: main(given))
    assert code == 0
    assert re.sub(r"said at \d+\r\n", "", shown) == "", "what takes no second shows nothing"


@pytest.mark.parametrize("case", CASES)
def test_quiet_when_not_a_terminal(
    case: str, script: str, logs: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("graphopt.cli.command.BAR_AFTER", 0)
    monkeypatch.setattr("graphopt.cli.command.BAR_EVERY", 0)
    assert main(CASES[case][0].format(script=script, logs=logs).split()) == 0
    assert re.sub(r"said at \d+\n", "", capfd.readouterr().err) == ""


def test_runs_without_end_are_counted(script: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphopt.cli.command.BAR_AFTER", 0)
    monkeypatch.setattr("graphopt.cli.command.BAR_EVERY", 0)
    code, shown = terminal(lambda: main(["explain", script, "--steps", "all"]))
    assert code == 0
    assert re.search(r"running the script: \d+run \[[\d:]+, +[\d.?]+run/s\]", shown)


def test_what_the_script_prints_stands_above_the_bar(script: str, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("graphopt.cli.command.BAR_AFTER", 0)
    monkeypatch.setattr("graphopt.cli.command.BAR_EVERY", 0)
    _, shown = terminal(lambda: main(["explain", script, "--steps", "50"]))
    # Each line begins at the left, where the bar was wiped away.
    assert re.findall(r"\r(said at \d+)\r\n", shown) == ["said at 0", "said at 20", "said at 40"]


def test_parts_of_lines_wait_while_a_bar_is_shown(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    def print_parts() -> int:
        monkeypatch.setattr("graphopt.cli.command.BAR_AFTER", 1000)
        with progress(3, "thing", "doing") as bar, output_to_stderr(bar):
            print("a question? ", end="", flush=True)
            assert not bar.is_shown
            print("an answer")
        monkeypatch.setattr("graphopt.cli.command.BAR_AFTER", 0)
        with progress(3, "thing", "doing") as bar, output_to_stderr(bar):
            bar.update()
            print("half", end="", flush=True)
            bar.update()
            print(" a line")
            bar.close()
            print("the end", end="", flush=True)
        return 0

    monkeypatch.setattr("graphopt.cli.command.BAR_EVERY", 0)
    _, shown = terminal(print_parts)
    assert shown.startswith("a question? an answer\r\n")
    assert "\rhalf a line\r\n" in shown
    assert shown.endswith("the end")


def test_reading_tells_how_many_bytes_are_read(logs: Path) -> None:
    told: list[tuple[int, int]] = []
    (logs / "lines").mkdir()
    (logs / "lines" / "summaries.1.jsonl").write_text('{"step": 1, "wall_time": 1.0, "values": {"loss": 1.0}}\n')
    tf.summary.read(logs, on_progress=lambda done, total: told.append((done, total)))
    events = [path for path in logs.rglob("*") if "tfevents" in path.name or path.suffix == ".jsonl"]
    total = sum(path.stat().st_size for path in events)
    assert len(events) == 3
    assert told[-1] == (total, total)
    assert [done for done, _ in told] == sorted(done for done, _ in told) and len(told) >= 3
    told.clear()
    tf.summary.read(events[0], on_progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (events[0].stat().st_size,) * 2
