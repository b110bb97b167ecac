"""What the command line says of wrong usage, its help, its exit codes and its JSON."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import graphopt as tf
from graphopt.cli import main
from graphopt.cli.command import print_json
from graphopt.cli.main import COMMANDS

TRAINING = """
import tensorflow as tf
w = tf.get_variable("w", [2], initializer=tf.ones_initializer())
step = tf.train.get_or_create_global_step()
train_op = tf.train.GradientDescentOptimizer(0.1).minimize(tf.reduce_sum(w * w), global_step=step)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for _ in range(3):
        sess.run(train_op)
"""


@pytest.fixture(autouse=True)
def _new_graph() -> None:
    tf.reset_default_graph()


@pytest.fixture
def script(tmp_path: Path) -> str:
    path = tmp_path / "train.py"
    path.write_text(TRAINING)
    return str(path)


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    text = capsys.readouterr().out
    assert all(command.name in text for command in COMMANDS)
    assert "examples:" in text and "exit codes:" in text
    assert main([]) == 2


@pytest.mark.parametrize("command", [command.name for command in COMMANDS])
def test_help_of_a_command(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([command, "--help"]) == 0
    text = capsys.readouterr().out
    assert "examples:" in text and "exit code:" in text and f"graphopt {command}" in text
    assert "130" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["explian", "x.py"], "unknown command 'explian': did you mean 'explain'?"),
        (["fly"], "unknown command 'fly': there are: run, explain, doctor, report, checkpoint, bench."),
        (["run"], "the following arguments are required: script"),
        (["run", "--backend", "gpu", "x.py"], "invalid choice: 'gpu'"),
        (["run", "--threads", "two", "x.py"], "a whole number is needed, not 'two'"),
        (["explain", "x.py", "--steps", "few"], "a whole number or 'all' is needed, not 'few'"),
        (["bench", "--network", "10"], "sizes such as 784-256-128-10 are needed, not '10'"),
        (["bench", "--steps", "0"], "a positive whole number is needed, not '0'"),
        (["--nonsense"], "unknown option '--nonsense' (graphopt --help tells more)"),
        (["checkpoint"], "the following arguments are required: ACTION"),
        (["run", "no_such_file.py"], "there is no file no_such_file.py."),
        (["explain", "no_such_file.py"], "there is no file no_such_file.py."),
        (["run", "."], ". is a folder, a file is needed."),
        (["report", __file__], "is a file, a folder is needed."),
        (["--verison"], "unknown option '--verison': did you mean '--version'?"),
        (["checkpoint", "shwo", "x"], "unknown command 'shwo': did you mean 'show'?"),
        (["checkpoint", "show"], "the following arguments are required: checkpoint"),
        (["explain", "x.py", "more"], "unrecognized arguments: more"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert message in captured.err
    assert captured.err.startswith("graphopt: ") and captured.err.count("\n") == 1
    assert captured.out == ""


OPTIONS = {
    "run": (["--bakend", "numpy"], "'--bakend': did you mean '--backend'?"),
    "explain": (["--htlm", "x.html"], "'--htlm': did you mean '--html'?"),
    "doctor": (["--chekpoint", "x"], "'--chekpoint': did you mean '--checkpoint'?"),
    "report": (["--outptu=x"], "'--outptu': did you mean '--output'?"),
    "checkpoint": (["--josn"], "'--josn'"),
    "checkpoint list": (["--josn"], "'--josn': did you mean '--json'?"),
    "checkpoint show": (["--josn"], "'--josn': did you mean '--json'?"),
    "checkpoint diff": (["--tolerence", "1"], "'--tolerence': did you mean '--tolerance'?"),
    "bench": (["--newtork", "3-2"], "'--newtork': did you mean '--network'?"),
}


@pytest.mark.parametrize("command", OPTIONS)
def test_an_option_that_is_not_known_is_named_before_what_is_missing(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    given, message = OPTIONS[command]
    for rest in ([], ["x"]):
        assert main([*command.split(), *given, *rest]) == 2
        captured = capsys.readouterr()
        assert captured.err.startswith(f"graphopt: unknown option {message}") and captured.err.count("\n") == 1
        assert f"(graphopt {command} --help tells more)" in captured.err
        assert captured.out == ""


def test_every_command_has_its_case() -> None:
    assert {name.split()[0] for name in OPTIONS} == {command.name for command in COMMANDS}


@pytest.mark.parametrize(
    ("given", "hint"),
    [
        (["run", "--data", "x", "train.py"], "unknown option '--data': the script's own options stand after the script."),
        (["explain", "train.py", "--data", "x"], "unknown option '--data': the script's own options stand after --."),
        (["report", "logs", "-x"], "unknown option '-x' (graphopt report --help"),
    ],
)
def test_options_that_are_like_none(given: list[str], hint: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(given) == 2
    assert hint in capsys.readouterr().err


def test_what_looks_like_an_option_and_is_none(script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # A negative number, an option's value that stands for itself, the script's own options, and a short option with its value.
    assert main(["checkpoint", "diff", "a", "b", "--tolerance", "-1"]) == 2
    assert "There is no checkpoint" in capsys.readouterr().err
    assert main(["explain", script, "--backend", "numpy", "--", "--nonsense"]) == 0
    tf.reset_default_graph()
    assert main(["run", script, "--nonsense"]) == 0
    assert main(["report", str(tmp_path), f"-o{tmp_path}/x.html"]) == 2
    assert "There is no event file" in capsys.readouterr().err
    assert main(["checkpoint", "show", "--help", "--nonsense"]) == 0
    assert "--value" in capsys.readouterr().out


# --- output that can't be written ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["explain", "report"])
def test_where_the_output_goes_is_looked_at_first(
    command: str, script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = ["explain", script, "--html"] if command == "explain" else ["report", str(tmp_path), "-o"]
    assert main([*given, str(tmp_path / "none" / "x.html")]) == 2
    assert f"x.html can't be written: there is no folder {tmp_path / 'none'}." in capsys.readouterr().err
    assert main([*given, str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"graphopt: {tmp_path} can't be written: it is a folder.\n"
    monkeypatch.setattr("os.access", lambda path, mode: False)
    assert main([*given, str(tmp_path / "x.html")]) == 2
    assert capsys.readouterr().err == f"graphopt: {tmp_path / 'x.html'} can't be written: Permission denied.\n"


def test_a_file_that_fails_while_it_is_written(
    script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, *given: Any, **named: Any) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", refuse)
    assert main(["explain", script, "--html", str(tmp_path / "x.html")]) == 2
    assert "x.html can't be written: No space left on device." in capsys.readouterr().err


# --- JSON ------------------------------------------------------------------------------------------------------------------


def parsed(text: str) -> Any:
    return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))


def documented() -> dict[str, set[str]]:
    """Return the keys that docs/command_line.md promises, by command."""
    text = (Path(__file__).parents[3] / "docs" / "command_line.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z ]+) --json` \| (.*) \|$", text, re.MULTILINE)
    return {command: set(re.findall(r"`([a-z_]+)`", keys)) for command, keys in rows}


def test_json_of_every_command_has_the_documented_keys(script: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs = tmp_path / "logs"
    with tf.summary.FileWriter(str(logs)) as writer:
        writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=1.0)]), 1)
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.get_variable("w", initializer=1.0)
        sess.run(tf.global_variables_initializer())
        saved = tf.train.Saver().save(sess, str(logs / "model"))
    lines = {
        "explain": [script],
        "doctor": [script],
        "report": [str(logs), "-o", str(tmp_path / "x.html")],
        "checkpoint list": [str(logs)],
        "checkpoint show": [saved],
        "checkpoint diff": [saved, saved],
        "bench": ["--network", "3-2", "--steps", "2", "--backend", "numpy"],
    }
    found = {}
    for command, given in lines.items():
        tf.reset_default_graph()
        assert main([*command.split(), *given, "--json"]) == 0
        found[command] = set(parsed(capsys.readouterr().out))
    assert found == documented()


def test_numbers_that_json_has_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with tf.Graph().as_default(), tf.Session() as sess:
        tf.get_variable("w", initializer=[1.0, float("nan"), float("inf")])
        sess.run(tf.global_variables_initializer())
        saved = tf.train.Saver().save(sess, str(tmp_path / "model"))
    assert main(["checkpoint", "show", saved, "--value", "w", "--json"]) == 0
    assert parsed(capsys.readouterr().out)["value"] == [1.0, "nan", "inf"]
    print_json({"a": (float("-inf"), {1: True})})
    assert parsed(capsys.readouterr().out) == {"a": ["-inf", {"1": True}]}
