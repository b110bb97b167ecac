"""`graphopt explain`, `doctor` and `bench`: they run a script up to its training op."""

import json
from pathlib import Path
from typing import Any

import pytest

import graphopt
from graphopt import cli
from graphopt.cli.watching import training_ops, watch_script
from graphopt.train.monitored.hooked_session import HookedSession

OPTIMIZE_LOSS = """
import sys
import tensorflow as tf
print("said by the script", sys.argv[1:])
x = tf.placeholder(tf.float32, [None, 3])
w = tf.get_variable("w", [3, 1], initializer=tf.ones_initializer())
loss = tf.reduce_mean(tf.square(tf.matmul(x, w)))
train_op = tf.contrib.layers.optimize_loss(loss, None, 0.1, "Adam", clip_gradients=1.0)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(5):
        print("step", i, sess.run(train_op, {x: [[1.0, 2.0, 3.0]]}))
print("at the end")
"""
MINIMIZE = """
import tensorflow as tf
def main():
    with tf.Graph().as_default():
        a, b = tf.Variable(1.0, name="a"), tf.Variable(2.0, name="b")
        first = tf.train.MomentumOptimizer(0.1, 0.9).minimize(a * a, var_list=[a], name="first")
        second = tf.train.GradientDescentOptimizer(0.1).minimize(b * b, var_list=[b], name="second")
        with tf.Session() as sess:
            sess.run(tf.global_variables_initializer())
            try:
                sess.run([second, b])
            except Exception:
                print("must not be caught")
            print("must not be printed")
main()
"""


HOOKS = """
import tensorflow as tf
x = tf.placeholder(tf.float32, [None, 3], name="x")
w = tf.get_variable("w", [3, 1], initializer=tf.ones_initializer())
loss = tf.reduce_mean(tf.square(tf.matmul(x, w)))
apply_op = tf.train.AdamOptimizer(0.1).minimize(loss, global_step=tf.train.get_or_create_global_step())
averages = tf.train.ExponentialMovingAverage(0.9)
with tf.control_dependencies([apply_op]):
    train_op = averages.apply([w])
with tf.train.MonitoredTrainingSession(hooks=[tf.train.StopAtStepHook(5), tf.train.NanTensorHook(loss)]) as sess:
    while not sess.should_stop():
        print("step", sess.run(train_op, {x: [[1.0, 2.0, 3.0]]}))
print("at the end")
"""


@pytest.fixture(autouse=True)
def _new_graph() -> None:
    graphopt.reset_default_graph()


def main(arguments: list[str]) -> int:
    """Run the command line as a fresh process would: with an empty default graph."""
    graphopt.reset_default_graph()
    return cli.main(arguments)


def write(tmp_path: Path, text: str) -> str:
    path = tmp_path / "script.py"
    path.write_text(text, encoding="utf-8")
    return str(path)


# --- explain ---------------------------------------------------------------------------------------------------------------


def test_explain(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", write(tmp_path, OPTIMIZE_LOSS), "--", "--fast", "data"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("training op OptimizeLoss/control_dependency")
    assert "update by AdamOptimizer" in captured.out and "clip by global norm" in captured.out
    assert captured.err == "said by the script ['--fast', 'data']\n"


def test_explain_after_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = write(tmp_path, OPTIMIZE_LOSS)
    assert main(["explain", script, "--steps", "3", "--json", "--backend", "numpy"]) == 0
    captured = capsys.readouterr()
    content = json.loads(captured.out)
    assert content["script"] == script
    (explained,) = content["training_ops"]
    assert explained["cost"]["backend"] == "numpy"
    assert captured.err.count("step ") == 3 and "at the end" not in captured.err
    assert main(["explain", script, "--steps", "all"]) == 0
    captured = capsys.readouterr()
    assert captured.err.endswith("at the end\n") and "update by AdamOptimizer" in captured.out


def test_explain_what_minimize_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", write(tmp_path, MINIMIZE)]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    first, second = captured.out.split("\n\ntraining op")
    assert "update by MomentumOptimizer" in first and "writes a and 1 more" in first and "GradientDescent" not in first
    assert "update by GradientDescentOptimizer" in second and "Momentum" not in second


def test_explain_without_a_training_op(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", write(tmp_path, "import tensorflow as tf\nprint(tf.Session().run(tf.constant(1)))")]) == 1
    captured = capsys.readouterr()
    assert "records no training op" in captured.err and captured.out == ""


def test_explain_a_training_op_that_never_runs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", write(tmp_path, OPTIMIZE_LOSS.split("with tf.Session")[0])]) == 0
    assert "update by AdamOptimizer" in capsys.readouterr().out


def test_explain_a_script_that_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", write(tmp_path, "raise ValueError('no data')")]) == 1
    captured = capsys.readouterr()
    assert "ValueError: no data" in captured.err and captured.out == ""
    assert main(["explain", write(tmp_path, "raise SystemExit(5)")]) == 5


class _Form:
    def to_html(self) -> str:
        return "<p>explained</p>"


def test_forms_in_files(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    script = write(tmp_path, OPTIMIZE_LOSS)
    assert main(["explain", script, "--html", str(tmp_path / "page.html"), "--markdown", str(tmp_path / "page.md")]) == 0
    assert "AdamOptimizer" in (tmp_path / "page.html").read_text() and "AdamOptimizer" in (tmp_path / "page.md").read_text()
    capsys.readouterr()
    monkeypatch.setattr("graphopt.cli.explain.explain", lambda op, session: _Form())
    assert main(["explain", script, "--html", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").read_text() == "<p>explained</p>"
    assert capsys.readouterr().out == ""
    assert main(["explain", script, "--html", str(tmp_path / "no" / "page.html")]) == 2
    assert "page.html can't be written: there is no folder" in capsys.readouterr().err
    assert main(["explain", script, "--markdown", str(tmp_path / "page.md")]) == 2
    assert "this version of graphopt can't write an explanation as markdown." in capsys.readouterr().err


@pytest.mark.parametrize(
    "run",
    [
        "sess.run([loss, train])",
        "sess.run({'t': [train]})",
        "train.run()",
        "sess.make_callable(train)()",
        "sess.make_callable(train, [])()",
        "sess.run_steps(tf.contrib.layers.optimize_loss(loss, None, 0.1, 'SGD'), steps=3)",
        "sess.step(tf.contrib.layers.optimize_loss(loss, None, 0.1, 'SGD'))",
        "sess.run(tf.train.GradientDescentOptimizer(1.0).minimize(tf.identity(loss)))",
    ],
)
def test_ways_to_run_a_training_op(tmp_path: Path, run: str) -> None:
    script = write(
        tmp_path,
        "import tensorflow as tf\nw = tf.Variable(1.0)\nloss = w * w\ntrain = tf.train.AdamOptimizer().minimize(loss)\n"
        "with tf.Session() as sess:\n    sess.run(tf.global_variables_initializer())\n    sess.run(loss)\n"
        f"    {run}\n    raise SystemExit(9)",
    )
    graphopt.reset_default_graph()
    runs: list[Any] = []
    watch, code = watch_script(script, [], steps=0, at_run=runs.append)
    assert (watch.stopped, code, len(runs)) == (True, 0, 1)
    assert runs[0].train_ops[0] in training_ops(runs[0].session.graph)


def test_the_class_is_as_before(tmp_path: Path) -> None:
    classes = (graphopt.Session, graphopt.Graph, HookedSession)
    before = [dict(vars(each)) for each in classes]
    watch_script(write(tmp_path, MINIMIZE), [], steps=0)
    assert [dict(vars(each)) for each in classes] == before


@pytest.mark.parametrize("steps", [0, 1, 3])
def test_a_run_with_hooks_is_seen(steps: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs: list[Any] = []
    watch, code = watch_script(write(tmp_path, HOOKS), [], steps=steps, at_run=runs.append)
    assert (watch.stopped, code, len(runs)) == (True, 0, 1)
    assert [op.name for op in runs[0].train_ops] == ["Adam"]
    assert [tensor.name for tensor in runs[0].known_feeds[runs[0].train_ops[0]]] == ["x:0"]
    assert capsys.readouterr().err.count("step ") == steps


def test_explain_doctor_and_bench_of_a_script_with_hooks(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = write(tmp_path, HOOKS)
    assert main(["explain", script, "--steps", "2", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)["training_ops"]
    assert {"variable": "global_step (now 2)", "increment": 1} in [step["settings"] for step in found["pipeline"]]
    assert main(["doctor", script]) == 0
    assert "nothing found" in capsys.readouterr().out
    assert main(["bench", script, "--steps", "3", "--json"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["training_op"] == "Adam"
    assert "at the end" not in captured.err


# --- doctor ----------------------------------------------------------------------------------------------------------------


FAULTY = """
import numpy as np
import tensorflow as tf
x = tf.placeholder(tf.float32, [None, 3])
y = tf.placeholder(tf.float32, [None, 2])
w = tf.get_variable("w", [3, 2])
loss = -tf.reduce_mean(y * tf.log(tf.nn.softmax(tf.matmul(x, w))))
train_op = tf.contrib.layers.optimize_loss(loss, None, 0.1, "SGD", summaries=[])
other = tf.train.GradientDescentOptimizer(0.1).minimize(loss, name="other")
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    feeds = {x: np.zeros((200, 3)), y: np.zeros((200, 2))}
    sess.run(other, feeds)
    sess.run(train_op, feeds)
"""


def test_doctor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = write(tmp_path, FAULTY)
    assert main(["doctor", script]) == 1
    text = capsys.readouterr().out
    assert "training op OptimizeLoss/" in text and "training op other" in text
    assert "log-of-softmax" in text and f"{script}:7" in text
    assert main(["doctor", script, "--json"]) == 1
    first, second = json.loads(capsys.readouterr().out)["training_ops"]
    assert "log-of-softmax" in [finding["name"] for finding in first["findings"]]
    # The feeds of the run are known: those of the training op that is about to run.
    assert "float64-fed" in [finding["name"] for finding in second["findings"]]
    assert "float64-fed" not in [finding["name"] for finding in first["findings"]]


def test_doctor_after_steps_knows_the_feeds_of_all(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", write(tmp_path, FAULTY), "--json", "--steps", "1", "--only", "float64-fed"]) == 1
    for examined in json.loads(capsys.readouterr().out)["training_ops"]:
        assert {finding["name"] for finding in examined["findings"]} == {"float64-fed"}
        assert examined["checked"] == ["float64-fed"]


def test_doctor_without_findings(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = write(tmp_path, FAULTY)
    assert main(["doctor", script, "--only", "step-counted-twice"]) == 0
    assert "nothing found (1 rules looked)" in capsys.readouterr().out
    assert main(["doctor", write(tmp_path, "raise SystemExit(4)")]) == 4
    assert main(["doctor", script, "--only", "no-such-rule"]) == 2
    assert "invalid choice: 'no-such-rule'" in capsys.readouterr().err


def test_notes_alone_are_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = write(tmp_path, OPTIMIZE_LOSS.replace("loss =", 'idle = tf.get_variable("idle", [2])\nloss ='))
    assert main(["doctor", script, "--only", "unused-variable"]) == 0
    assert "note: unused-variable" in capsys.readouterr().out


def test_doctor_of_a_script_that_has_ended_says_how_to_look_earlier(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = write(tmp_path, OPTIMIZE_LOSS)
    assert main(["doctor", script, "--steps", "all"]) == 0
    captured = capsys.readouterr()
    assert "clipped-every-step: no session was given" in captured.out
    assert captured.err.endswith("graphopt: the script has ended, and its session is closed; --steps N looks at it while it runs.\n")
    assert main(["doctor", script, "--steps", "all", "--only", "log-of-softmax"]) == 0
    assert "has ended" not in capsys.readouterr().err


def test_doctor_with_a_checkpoint(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    saving = OPTIMIZE_LOSS.replace("with tf.Session() as sess:", "saver = tf.train.Saver()\nwith tf.Session() as sess:")
    saving = saving.replace("    for i", f"    saver.save(sess, {str(tmp_path / 'model')!r})\n    for i")
    assert cli.main(["run", write(tmp_path, saving)]) == 0
    script = write(tmp_path, OPTIMIZE_LOSS.replace("None, 0.1", "None, 0.5"))
    only = ["--only", "learning-rate-differs-from-checkpoint"]
    assert main(["doctor", script, *only]) == 0
    capsys.readouterr()
    assert main(["doctor", script, *only, "--checkpoint", str(tmp_path / "model"), "--json"]) == 1
    (found,) = json.loads(capsys.readouterr().out)["training_ops"]
    assert [finding["name"] for finding in found["findings"]] == only[1:]
    assert main(["doctor", script, "--checkpoint", str(tmp_path / "none")]) == 2
    assert "There is no checkpoint" in capsys.readouterr().err


# --- bench -----------------------------------------------------------------------------------------------------------------


def test_bench_of_a_network(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", "--network", "5-4-3", "--batch", "2", "--steps", "7", "--backend", "numpy", "--json"]) == 0
    captured = capsys.readouterr()
    result = json.loads(captured.out)
    assert (result["backend"], result["steps"]) == ("numpy", 7)
    assert result["steps_per_second"] > 0 and 0 <= result["share_of_python"] < 1
    assert captured.err == ""
    assert main(["bench", "--network", "5-4-3", "--steps", "3"]) == 0
    assert "steps a second" in capsys.readouterr().out


def test_bench_of_a_script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = write(tmp_path, OPTIMIZE_LOSS)
    assert main(["bench", script, "--steps", "5", "--json", "--", "a"]) == 0
    captured = capsys.readouterr()
    assert json.loads(captured.out)["measured"] == script
    assert captured.err == "said by the script ['a']\n"
    assert main(["bench", write(tmp_path, "x = 1")]) == 1
    assert "runs no training op." in capsys.readouterr().err
    assert main(["bench", write(tmp_path, "raise SystemExit(6)")]) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["x.py", "--network", "3-2"], "a script or --network, not both."),
        (["--network", "3-2", "--optimizer", "Adom"], "Adom"),
    ],
)
def test_bench_refuses(arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["bench", *arguments]) == 2
    assert message in capsys.readouterr().err
