"""`graphopt checkpoint` and `report`."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.cli import main
from graphopt.cli.command import size_text


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    """Two checkpoints of a small graph, the second after a change."""
    with tf.Graph().as_default():
        w = tf.get_variable("layer/w", [2, 3], initializer=tf.zeros_initializer())
        tf.get_variable("counts", [4], tf.int64, initializer=tf.ones_initializer())
        saver = tf.train.Saver()
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            saver.save(sess, str(tmp_path / "model"), global_step=1)
            sess.run(w.assign([[0, 0, 0.5], [0, -2, 0]]))
            saver.save(sess, str(tmp_path / "model"), global_step=2)
    return tmp_path


def save(path: Path, **values: Any) -> str:
    with tf.Graph().as_default(), tf.Session() as sess:
        for name, value in values.items():
            tf.get_variable(name, initializer=value)
        sess.run(tf.global_variables_initializer())
        return str(tf.train.Saver().save(sess, str(path)))


def test_list(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpoint", "list", str(logs)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and "model-1" in lines[1] and "model-2" in lines[2] and lines[2].endswith("newest")
    assert main(["checkpoint", "list", str(logs), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["checkpoints"]
    assert [c["newest"] for c in found] == [False, True] and all(c["bytes"] > 0 for c in found)
    for file in logs.glob("model-1*"):
        file.unlink()
    assert main(["checkpoint", "list", str(logs)]) == 0
    assert "missing" in capsys.readouterr().out.splitlines()[1]


def test_list_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpoint", "list", str(tmp_path)]) == 0
    assert capsys.readouterr().out == f"{tmp_path} has no checkpoints.\n"
    assert main(["checkpoint", "list", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err == f"graphopt: there is no folder {tmp_path / 'none'}.\n"


def test_show(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpoint", "show", str(logs)]) == 0
    text = capsys.readouterr().out
    assert "counts    i64[4]    32" in text and "layer/w   f32[2,3]  24" in text and "2 variables, 56 B in" in text and "model-2" in text
    assert main(["checkpoint", "show", str(logs / "model-1"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["variables"][1] == {"name": "layer/w", "type": "f32[2,3]", "bytes": 24}
    assert main(["checkpoint", "show", str(logs), "--value", "layer/w:0", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["value"] == [[0, 0, 0.5], [0, -2, 0]]
    assert main(["checkpoint", "show", str(logs), "--value", "counts"]) == 0
    assert capsys.readouterr().out == "[1 1 1 1]\n"


def test_warnings_are_lines_of_the_command(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for file in logs.glob("model-2*"):
        file.unlink()
    assert main(["checkpoint", "show", str(logs)]) == 0
    captured = capsys.readouterr()
    assert "model-1" in captured.out
    assert captured.err.startswith("graphopt: ") and "model-2" in captured.err and captured.err.count("\n") == 1


@pytest.mark.parametrize("command", [["show"], ["diff", "x"]])
def test_no_checkpoint(logs: Path, tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["checkpoint", *command, str(logs / "model-7")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("graphopt: There is no checkpoint") and error.count("\n") == 1
    assert main(["checkpoint", "show", str(logs), "--value", "nothing"]) == 2
    assert "nothing not found in checkpoint" in capsys.readouterr().err


def test_diff(logs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = str(logs / "model-1"), str(logs / "model-2")
    assert main(["checkpoint", "diff", one, one]) == 0
    assert capsys.readouterr().out == "no differences\n"
    assert main(["checkpoint", "diff", one, two]) == 1
    assert capsys.readouterr().out == "layer/w: 2 of 6 values differ, by up to 2\n"
    assert main(["checkpoint", "diff", one, two, "--tolerance", "0.5"]) == 1
    assert "1 of 6 values" in capsys.readouterr().out
    assert main(["checkpoint", "diff", one, two, "--tolerance", "2"]) == 0
    capsys.readouterr()
    assert main(["checkpoint", "diff", one, str(logs), "--json"]) == 1
    (difference,) = json.loads(capsys.readouterr().out)["differ"]
    assert difference == {"name": "layer/w", "what": "values", "elements": 2, "of": 6, "largest_difference": 2.0}


def test_diff_of_other_graphs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shared = {"same": np.float32([np.nan, np.inf, 1])}
    a = save(tmp_path / "a", **shared, mine=1.0, kind=np.float32([1, 2]), gone=np.float32([np.nan, 1]))
    b = save(tmp_path / "b", **shared, yours=1.0, kind=np.int32([1, 2]), gone=np.float32([0, 1]))
    assert main(["checkpoint", "diff", a, b]) == 1
    text = capsys.readouterr().out.splitlines()
    assert text == [f"only in {a}: mine", f"only in {b}: yours", "gone: 1 of 2 values differ, by up to nan", "kind: f32[2] against i32[2]"]


def test_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    logs, page = tmp_path / "logs", tmp_path / "page.html"
    with tf.summary.FileWriter(str(logs)) as writer:
        for step in range(3):
            writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="my_loss", simple_value=1.0 / (1 + step))]), step)
    assert main(["report", str(logs), "-o", str(page), "--title", "my run"]) == 0
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == (f"{page}\n", "")
    assert "my_loss" in page.read_text() and "my run" in page.read_text()
    assert main(["report", str(logs), "-o", str(page), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"logdir": str(logs), "report": str(page), "warnings": []}
    (events,) = logs.glob("*tfevents*")
    events.write_bytes(events.read_bytes()[:-3])
    assert main(["report", str(logs), "-o", str(page)]) == 0
    captured = capsys.readouterr()
    assert captured.err.startswith("graphopt: ") and events.name in captured.err and captured.out == f"{page}\n"


def test_report_of_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "none")]) == 2
    assert "there is no folder" in capsys.readouterr().err
    assert main(["report", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("graphopt: There is no event file") and error.count("\n") == 1
    with tf.summary.FileWriter(str(tmp_path)) as writer:
        writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="a", simple_value=1.0)]), 1)
    assert main(["report", str(tmp_path), "-o", str(tmp_path / "no" / "page.html")]) == 2
    assert "page.html can't be written: there is no folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (31_400_000, "31.4 MB"), (2 * 10**12, "2000.0 GB")]
)
def test_sizes(count: int, text: str) -> None:
    assert size_text(count) == text
