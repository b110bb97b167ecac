"""Scripts in the style of public TensorFlow 1 programs, unchanged, through `graphopt run`.

The losses are those that TensorFlow 2.21 printed for the same scripts through `tensorflow.compat.v1`, with `contrib.rnn`, MNIST's reader,
and tf_slim as `contrib.layers` and `contrib.slim` given to it, which it no longer has. `optimize_loss_network` and `slim_arg_scope` need a
`tf.contrib` that no longer runs.
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
    "fully_connected_feed": [2.2901192, 0.5894761, 0.1278519],
    "char_rnn": [3.1143219, 2.9782870, 2.5256441, 1.9112790],
    "cifar_monitored": [1.4017134, 1.2341027, 1.1647073, 1.0813558],
    "slim_train": [0.8254074],
    "contrib_layers_bn": [1.0558413, 0.1208380, 0.0290693, 0.0216321],
    "mnist_with_summaries": [2.3883224, 0.1713107, 0.0056951, 0.0006733],
    "lenet_layers": [2.3079720, 1.8148029, 0.2087252, 0.1151428],
    "v1_behavior": [0.1348945, 0.1336024, 0.1322976],
    "towers": [0.2557929, 0.0783003, 0.0264763, 0.0145796],
    "layer_objects": [1.3104935, 0.5570340, 0.2432952, 0.1518243, 0.9400000, 0.9935473, 0.8863101, 0.9714286, 0.9950000],
    "autoencoder": [0.1501726, 550.35272, 0.1498330, 510.71899, 0.1491942, 404.03253],
}
SAYS = {
    "softmax_regression": "Accuracy: 1.0",
    "convnet": "test accuracy 0.466667",
    "lstm": "same True",
    "word2vec": "unit length True",
    "flags_app": "arguments []",
    "linear_regression": "restored True model.ckpt-60",
    "optimize_loss_network": "step 200",
    "fully_connected_feed": f"Precision @ 1: 1.0000\ncheckpoint {Path('logs', 'model.ckpt-59')}",
    "mnist_with_summaries": "files ['test', 'train']",
    "lenet_layers": "accuracy 1.0000\nsoftmax:0",
    "v1_behavior": "events True",
    "towers": "variables ['net/dense/bias:0', 'net/dense/kernel:0', 'net/dense_1/bias:0', 'net/dense_1/kernel:0']",
    "char_rnn": "sampled 'te jus the ' model.ckpt-3",
    "cifar_monitored": "averages ['conv1/biases/ExponentialMovingAverage', 'conv1/weights/ExponentialMovingAverage',",
    "slim_train": "Accuracy 0.75",
    "sampled_softmax": "Nearest to a: ",
    "contrib_layers_bn": "step 61 accuracy 1.00",
    "layer_objects": "confusion [[60, 1, 2], [0, 68, 2], [5, 2, 60]]\n"
    "variables ['norm/gamma:0', 'norm/beta:0', 'norm/moving_mean:0', 'norm/moving_variance:0'] 2 2\nevents 61 (60, 1) graph.pbtxt",
    "slim_arg_scope": "variables 11 regularized 4",
}
# What stands on their command lines, with {mnist} for the folder of the images; they run in a folder of their own.
ARGUMENTS = {
    "softmax_regression": ["{mnist}"],
    "convnet": ["{mnist}"],
    "autoencoder": ["{mnist}"],
    "lenet_layers": ["{mnist}"],
    "fully_connected_feed": ["--input_data_dir={mnist}"],
    "mnist_with_summaries": ["--data_dir", "{mnist}"],
    "linear_regression": ["model"],
    "slim_train": ["train"],
}
# By how much the losses fall that are not compared; 1/10 for all others. Those of this script come from random samples.
LEAST_FALL = {"sampled_softmax": 0.7}
HELPERS = {"make_mnist", "mnist_model", "test_scripts"}


@pytest.fixture(scope="session")
def mnist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mnist")
    subprocess.run([sys.executable, SCRIPTS / "make_mnist.py", folder], check=True)
    return folder


def run(script: str, *arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script of this folder through the command line, in another folder."""
    command = [sys.executable, "-W", "error", "-m", "graphopt", "run", SCRIPTS / f"{script}.py", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=folder)


def losses(output: str) -> list[float]:
    """Return the numbers of the lines that begin with 'loss'."""
    return [float(number) for line in re.findall(r"^loss (.*)$", output, re.MULTILINE) for number in line.split()]


@pytest.mark.parametrize("script", sorted({*TENSORFLOW, *SAYS}))
def test_script(script: str, mnist: Path, tmp_path: Path) -> None:
    result = run(script, *[text.format(mnist=mnist) for text in ARGUMENTS.get(script, [])], folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert SAYS.get(script, "") in result.stdout
    found = losses(result.stdout)
    if script in TENSORFLOW:
        np.testing.assert_allclose(found, TENSORFLOW[script], rtol=2e-5, atol=2e-6)
    else:
        assert found[-1] < LEAST_FALL.get(script, 0.1) * found[0]


def test_flags_of_a_script(tmp_path: Path) -> None:
    result = run("flags_app", "--optimizer=adagrad", "--max_steps", "5", "--verbose", "more", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert losses(result.stdout) == [pytest.approx(0.5803996, rel=1e-6)]
    assert "arguments ['more']" in result.stdout
    assert "INFO:graphopt:optimizer adagrad" in result.stderr


def test_every_script_of_the_folder_is_run() -> None:
    assert {path.stem for path in SCRIPTS.glob("*.py")} - HELPERS == {*TENSORFLOW, *SAYS}
