"""graphopt in TensorFlow's place: imports, names, and what a missing one says."""

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

import graphopt
from graphopt.errors import MissingModuleError, MissingNameError
from graphopt.tf1 import stand_in
from graphopt.tf1.python_modules import MODULES

NAMES = Path(__file__).with_name("tf1_names.txt")


@pytest.fixture
def tf() -> Iterator[ModuleType]:
    with stand_in.standing_in(force=True):
        yield importlib.import_module("tensorflow")


# --- imports ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "name", "same"),
    [
        ("tensorflow", "Session", graphopt.Session),
        ("tensorflow.compat.v1", "placeholder", graphopt.placeholder),
        ("tensorflow.compat.v1.train", "AdamOptimizer", graphopt.train.AdamOptimizer),
        ("tensorflow.contrib.layers", "optimize_loss", graphopt.contrib.layers.optimize_loss),
        ("tensorflow.contrib.layers.python.layers.optimizers", "OPTIMIZER_SUMMARIES", graphopt.contrib.layers.OPTIMIZER_SUMMARIES),
        ("tensorflow.contrib.slim", "arg_scope", graphopt.contrib.framework.arg_scope),
        ("tensorflow.contrib.slim.python.slim.learning", "create_train_op", graphopt.contrib.slim.learning.create_train_op),
        ("tensorflow.contrib.opt.python.training.shampoo", "ShampooOptimizer", graphopt.contrib.opt.ShampooOptimizer),
        ("tensorflow.contrib.training", "create_train_op", graphopt.contrib.training.create_train_op),
        ("tensorflow.python.framework.ops", "Tensor", graphopt.Tensor),
        ("tensorflow.python.ops.math_ops", "square", graphopt.square),
        ("tensorflow.python.ops.nn_ops", "softmax", graphopt.nn.softmax),
        ("tensorflow.python.ops.variable_scope", "variable_scope", graphopt.variable_scope),
        ("tensorflow.python.ops.state_ops", "assign_sub", graphopt.assign_sub),
        ("tensorflow.python.ops.control_flow_ops", "with_dependencies", graphopt.with_dependencies),
        ("tensorflow.python.ops.rnn_cell", "BasicLSTMCell", graphopt.nn.rnn_cell.BasicLSTMCell),
        ("tensorflow.python.training.optimizer", "Optimizer", graphopt.train.Optimizer),
        ("tensorflow.python.training.moving_averages", "assign_moving_average", graphopt.train.assign_moving_average),
        ("tensorflow.python.platform.tf_logging", "INFO", graphopt.logging.INFO),
        ("tensorflow.python.platform.gfile", "Exists", graphopt.gfile.Exists),
        ("tensorflow.keras.optimizers", "Adam", graphopt.keras.optimizers.Adam),
        ("tf_slim", "fully_connected", graphopt.contrib.layers.fully_connected),
        ("tf_slim.learning", "create_train_op", graphopt.contrib.slim.learning.create_train_op),
    ],
)
def test_import(tf: ModuleType, module: str, name: str, same: object) -> None:
    assert getattr(importlib.import_module(module), name) is same


def test_the_ways_to_import(tf: ModuleType) -> None:
    namespace: dict[str, object] = {}
    exec(
        "import tensorflow.contrib.slim as slim\n"
        "from tensorflow.contrib import layers\n"
        "from tensorflow.contrib.layers import *\n"
        "from tensorflow.python.ops import array_ops, clip_ops\n"
        "from tensorflow.examples.tutorials.mnist import input_data\n"
        "import tensorflow.examples.tutorials.mnist.input_data as again\n",
        namespace,
    )
    assert namespace["fully_connected"] is graphopt.contrib.layers.fully_connected
    assert namespace["layers"] is tf.contrib.layers
    assert namespace["input_data"] is namespace["again"]
    assert namespace["array_ops"].reshape is graphopt.reshape
    assert namespace["clip_ops"].clip_by_norm is graphopt.clip_by_norm


@pytest.mark.parametrize("module", sorted(MODULES))
def test_every_module_of_the_table(tf: ModuleType, module: str) -> None:
    found = importlib.import_module(f"tensorflow.{module}".rstrip("."))
    assert dir(found)
    assert [name for name in dir(found) if not hasattr(found, name)] == []


def test_versions(tf: ModuleType) -> None:
    assert tf.__version__ == tf.VERSION == tf.version.VERSION
    assert tf.__version__.split(".")[0] == "1"
    assert graphopt.__version__ != tf.__version__
    tf.disable_v2_behavior()
    tf.compat.v1.disable_eager_execution()
    assert not tf.executing_eagerly()


def test_eager_mode_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="enable_eager_execution: graphopt has no eager mode; record a graph"):
        graphopt.enable_eager_execution()


def test_names_from_before_version_one(tf: ModuleType) -> None:
    assert tf.mul is graphopt.multiply
    assert tf.pack is graphopt.stack
    assert tf.train.SummaryWriter is graphopt.summary.FileWriter
    assert not hasattr(graphopt, "mul")


def test_small_modules(tf: ModuleType) -> None:
    shape = importlib.import_module("tensorflow.python.framework.tensor_shape")
    assert shape.scalar().as_list() == []
    assert shape.vector(3).as_list() == [3]
    assert shape.matrix(2, None).as_list() == [2, None]
    assert shape.unknown_shape(2).as_list() == [None, None]
    assert shape.unknown_shape().ndims is None
    assert importlib.import_module("tensorflow.python.framework.tensor_util").constant_value(tf.constant(3)) == 3
    assert [d.device_type for d in importlib.import_module("tensorflow.python.client.device_lib").list_local_devices()] == ["CPU"]
    resources = importlib.import_module("tensorflow.python.ops.resources")
    assert tf.Session().run(resources.initialize_resources(resources.shared_resources())) is None
    assert resources.local_resources() == []


# --- what is missing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("module", "name", "nearest"),
    [
        ("tensorflow.train", "AdamOptimiser", "tensorflow.train.AdamOptimizer"),
        ("tensorflow", "AdamOptimizer", "tf.train.AdamOptimizer"),
        ("tensorflow.contrib.layers", "softmax_cross_entropy_with_logits", "tf.nn.softmax_cross_entropy_with_logits"),
    ],
)
def test_a_missing_name(tf: ModuleType, module: str, name: str, nearest: str) -> None:
    with pytest.raises(MissingNameError, match=f"module '{module}' has no attribute '{name}' in graphopt, which stands in for it") as error:
        getattr(importlib.import_module(module), name)
    assert isinstance(error.value, AttributeError)
    assert f"The nearest: {nearest}" in str(error.value)
    assert __file__ in str(error.value)


def test_a_missing_name_without_a_neighbour(tf: ModuleType) -> None:
    with pytest.raises(AttributeError, match=r"which stands in for it\.\n"):
        _ = tf.qqqqqqqq
    assert not hasattr(tf, "qqqqqqqq")
    assert not hasattr(tf, "__wrapped__")


@pytest.mark.parametrize(
    ("statement", "nearest"),
    [
        ("import tensorflow.python.ops.mathops", "In tensorflow.python.ops it has math_ops"),
        ("from tensorflow.contrib import frameworks", "In tensorflow.contrib it has framework"),
        ("import tensorflow.nothing.at.all", ""),
        ("import tensorflow.compat.v2", ""),
    ],
)
def test_a_missing_module(tf: ModuleType, statement: str, nearest: str) -> None:
    with pytest.raises(MissingModuleError, match=r"No module named 'tensorflow.* in graphopt, which stands in for tensorflow") as error:
        exec(statement)
    assert isinstance(error.value, ModuleNotFoundError)
    assert nearest in str(error.value)


# --- putting it in place and taking it away ----------------------------------------------------------------------------------


def test_refuses_when_tensorflow_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ModuleType("tensorflow")
    monkeypatch.setitem(sys.modules, "tensorflow", real)
    with pytest.raises(RuntimeError, match=r"tensorflow is already imported: call install_as_tensorflow\(\) before anything imports it"):
        graphopt.install_as_tensorflow()
    assert not stand_in.is_installed()
    graphopt.install_as_tensorflow(force=True)
    assert importlib.import_module("tensorflow") is not real
    stand_in.uninstall()
    assert sys.modules["tensorflow"] is real


def test_uninstall_leaves_nothing_behind() -> None:
    before = list(sys.meta_path), set(sys.modules)
    stand_in.uninstall()
    with stand_in.standing_in():
        graphopt.install_as_tensorflow()
        importlib.import_module("tensorflow.contrib.layers")
        with stand_in.standing_in():
            assert stand_in.is_installed()
        assert stand_in.is_installed()
    assert list(sys.meta_path) == before[0]
    assert {name for name in set(sys.modules) - before[1] if name.startswith(("tensorflow", "tf_slim"))} == set()


def test_in_a_fresh_process() -> None:
    program = "import graphopt; graphopt.install_as_tensorflow(); import tensorflow as tf; print(tf.__version__, tf.contrib.slim.conv2d)"
    result = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True, timeout=120)
    assert result.stdout.startswith("1.15.0 <function conv2d"), result.stderr


# --- how much of TensorFlow is there -------------------------------------------------------------------------------------------


def test_names_that_public_scripts_use(tf: ModuleType) -> None:
    """At least so much of what 642 public scripts use is there, counted by uses; take it up when names are added."""
    there = total = 0
    missing = []
    for line in NAMES.read_text(encoding="utf-8").splitlines()[1:]:
        name, _, uses = line.split()
        total += int(uses)
        if has(tf, name):
            there += int(uses)
        else:
            missing.append((int(uses), name))
    assert there / total > SHARE, f"{there / total:.4f}; the most used that are missing: {sorted(missing, reverse=True)[:20]}"


SHARE = 0.978


def has(tf: ModuleType, name: str) -> bool:
    value: object = tf
    for part in name.split(".")[1:]:
        if not hasattr(value, part):
            return False
        value = getattr(value, part)
    return True


def test_a_name_that_is_missing_is_not_counted(tf: ModuleType) -> None:
    assert has(tf, "tf.train.AdamOptimizer")
    assert has(tf, "tf.examples.tutorials.mnist.input_data.read_data_sets")
    assert not has(tf, "tf.train.NoSuchOptimizer")
