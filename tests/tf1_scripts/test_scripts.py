"""Scripts in the style of public TensorFlow 1 programs, unchanged, through `graphopt run`.

The losses are those that TensorFlow 2.21 printed for the same scripts through `tensorflow.compat.v1` (with `contrib.rnn` and MNIST's reader
given to it, which it no longer has). `optimize_loss_network` and `slim_arg_scope` need a `tf.contrib` that no longer runs.
"""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

SCRIPTS = Path(__file__).parent

TENSORFLOW = {
    "softmax_regression": [1.0479443, 0.1113584, 0.0552112],
    "convnet": [2.3290591, 2.2184625, 1.5400896],
    "lstm": [0.6893109, 0.6843110, 0.6760032, 0.6620566],
    "word2vec": [2.07613, 1.44025, 1.41422],
    "gan": [1.2586534, 0.7150441, 1.6871451, 0.7577407, 1.2031302, 1.4904299, 1.2999982, 0.7103778],
    "dqn": [2.1670940, 0.6459863, 1.0325048],
    "flags_app": [0.5053611],
    "custom_optimizer": [0.9821327, 0.0231053, 0.0618317],
    "linear_regression": [0.0484736, 0.0004875, 0.0008887],
}
SAYS = {
    "softmax_regression": "Accuracy: 1.0",
    "convnet": "test accuracy 0.466667",
    "lstm": "same True",
    "word2vec": "unit length True",
    "flags_app": "arguments []",
    "linear_regression": "restored True model.ckpt-60",
    "optimize_loss_network": "step 200",
    "slim_arg_scope": "variables 11 regularized 4",
}
WITH_MNIST = ("softmax_regression", "convnet")


@pytest.fixture(scope="session")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mnist")
    subprocess.run([sys.executable, SCRIPTS / "make_mnist.py", folder], check=True)
    return folder


def run(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a script of this folder through the command line."""
    command = [sys.executable, "-W", "error", "-m", "graphopt", "run", SCRIPTS / f"{script}.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


def arguments_of(script: str, mnist: Path, tmp_path: Path) -> list[Path]:
    return [mnist] if script in WITH_MNIST else [tmp_path] if script == "linear_regression" else []


def losses(output: str) -> list[float]:
    """Return the numbers of the lines that begin with 'loss'."""
    return [float(number) for line in re.findall(r"^loss (.*)$", output, re.MULTILINE) for number in line.split()]


@pytest.mark.parametrize("script", sorted({*TENSORFLOW, *SAYS}))
def test_script(script: str, mnist: Path, tmp_path: Path) -> None:
    result = run(script, *arguments_of(script, mnist, tmp_path))
    assert result.returncode == 0, result.stderr
    assert SAYS.get(script, "") in result.stdout
    found = losses(result.stdout)
    if script in TENSORFLOW:
        np.testing.assert_allclose(found, TENSORFLOW[script], rtol=2e-5, atol=2e-6)
    else:
        assert found[-1] < 0.1 * found[0]


def test_flags_of_a_script() -> None:
    result = run("flags_app", "--optimizer=adagrad", "--max_steps", "5", "--verbose", "more")
    assert result.returncode == 0, result.stderr
    assert losses(result.stdout) == [pytest.approx(0.5803996, rel=1e-6)]
    assert "arguments ['more']" in result.stdout
    assert "INFO:graphopt:optimizer adagrad" in result.stderr


def test_every_script_of_the_folder_is_run() -> None:
    assert {path.stem for path in SCRIPTS.glob("*.py")} - {"make_mnist", "test_scripts"} == {*TENSORFLOW, *SAYS}
