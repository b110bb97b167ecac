"""How the command line ends when it is interrupted, and when nobody reads what it says."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import graphopt as tf
from graphopt.cli import main

ENDLESS = """
import sys
import tensorflow as tf
w = tf.get_variable("w", [2], initializer=tf.ones_initializer())
train_op = tf.contrib.layers.optimize_loss(tf.reduce_sum(w * w), None, 0.1, "SGD", summaries=[])
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    print("ready", flush=True)
    while True:
        sess.run(train_op)
"""
COMMAND = [sys.executable, "-m", "graphopt"]
# As most people run Python: what is printed is written when there is enough of it, or at the end.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


@pytest.fixture(autouse=True)
def _new_graph() -> None:
    tf.reset_default_graph()


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "endless.py"
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(("command", "stream"), [(["run"], "stdout"), (["explain", "--steps", "all"], "stderr")])
def test_interrupting_gives_130_and_no_traceback(tmp_path: Path, command: list[str], stream: str) -> None:
    script = write(tmp_path, ENDLESS)
    with subprocess.Popen([*COMMAND, *command, script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert getattr(process, stream).readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    # In the loop, or still in the line that said it.
    assert re.fullmatch(rf"graphopt: interrupted at {re.escape(script)}:(8|9|10)\n", errors)


SCHEDULE = """
import tensorflow as tf
step = tf.train.get_or_create_global_step()
w = tf.get_variable("w", [2], initializer=tf.ones_initializer())
rate = tf.train.exponential_decay(0.1, step, 10, 0.5)
train_op = tf.train.GradientDescentOptimizer(rate).minimize(tf.reduce_sum(w * w), global_step=step)
"""


@pytest.mark.parametrize("variables", [{"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}, {"PYTHONIOENCODING": "cp1252"}])
def test_an_output_with_few_signs_gets_others_for_those_it_lacks(tmp_path: Path, variables: dict[str, str]) -> None:
    environment = {name: value for name, value in ENVIRONMENT.items() if name not in ("PYTHONIOENCODING", "PYTHONUTF8")}
    command = [*COMMAND, "explain", write(tmp_path, SCHEDULE)]
    done = subprocess.run(command, env=environment | variables, capture_output=True, check=True)
    assert b"steps 0 to 50  #**++=~~~----" in done.stdout
    assert done.stderr == b""


def test_what_a_script_prints_is_printed_as_python_does_it(tmp_path: Path) -> None:
    command = [*COMMAND, "run", write(tmp_path, "print('\\u2581')")]
    done = subprocess.run(command, env={**ENVIRONMENT, "PYTHONIOENCODING": "ascii"}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "UnicodeEncodeError" in done.stderr


@pytest.mark.parametrize("command", ["report", "checkpoint", "bench", "doctor"])
def test_interrupted_anywhere(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(*given: object, **named: object) -> None:
        raise KeyboardInterrupt

    for name in ("report.read", "checkpoint.get_checkpoint_state", "bench._timed", "doctor.doctor"):
        monkeypatch.setattr(f"graphopt.cli.{name}", interrupt)
    script = write(tmp_path, ENDLESS)
    given = {"report": [str(tmp_path)], "checkpoint": ["list", str(tmp_path)], "bench": ["--network", "3-2"], "doctor": [script]}
    assert main([command, *given[command]]) == 130
    error = capsys.readouterr().err.removeprefix("ready\n")
    assert error.startswith("graphopt: interrupted") and error.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "arguments"),
    [
        ("for i in range(100000): print('line', i)", ["run"]),
        ("import sys\nprint('little')\nsys.stdout.flush()\nimport time\ntime.sleep(0.5)\nprint('more')", ["run"]),
        ("print('only this')\nimport time\ntime.sleep(0.5)", ["run"]),
        (ENDLESS, ["explain"]),
        (ENDLESS, ["explain", "--json"]),
    ],
)
@pytest.mark.parametrize("buffered", [True, False])
def test_a_closed_pipe_gives_no_traceback(tmp_path: Path, text: str, arguments: list[str], buffered: bool) -> None:
    reading, writing = os.pipe()
    script = write(tmp_path, text)
    environment = ENVIRONMENT if buffered else {**ENVIRONMENT, "PYTHONUNBUFFERED": "1"}
    command = [*COMMAND, *arguments, script]
    with subprocess.Popen(command, stdout=writing, stderr=subprocess.PIPE, text=True, env=environment) as process:
        os.close(writing)
        os.close(reading)
        _, errors = process.communicate(timeout=60)
    assert errors.removeprefix("ready\n") == ""
    assert process.returncode == 141


def test_errors_that_nobody_reads(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    with subprocess.Popen([*COMMAND, "run", write(tmp_path, "fail()")], stdout=subprocess.PIPE, stderr=writing, text=True) as process:
        os.close(writing)
        os.close(reading)
        said, _ = process.communicate(timeout=60)
    assert (said, process.returncode) == ("", 141)


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    with open("/dev/full", "w") as full:
        result = subprocess.run([*COMMAND, "--help"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, env=ENVIRONMENT)
    assert (result.returncode, result.stderr) == (2, "graphopt: the output can't be written: No space left on device.\n")
