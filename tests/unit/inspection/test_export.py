"""An exported step is a file of its own that gives the numbers of the numpy backend, bit for bit."""

import ast
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import graphopt as tf

STEPS = 5

# Runs the file in a process of its own, where graphopt can't be imported.
RUNNER = """
import runpy, sys
import numpy as np
sys.modules["graphopt"] = None
path, fed, results = sys.argv[1:]
exported, feeds = runpy.run_path(path), np.load(fed)
state, found = exported["initial_state"](), {}
for i in range(int(feeds["steps"])):
    found[f"fetched {i}"] = exported["step"](state, {name: feeds[f"{name} {i}"] for name in exported["FEEDS"]})
np.savez(results, **found, **{f"state {name.replace('/', '|')}": value for name, value in state.items()})
"""


@pytest.fixture(autouse=True)
def graph() -> Iterator[Any]:
    with tf.Graph().as_default() as g:
        tf.set_random_seed(7)
        yield g


def data(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def labels(count: int, classes: int, seed: int = 1, dtype: Any = np.int64) -> Any:
    return np.random.default_rng(seed).integers(0, classes, count, dtype)


def optimized(loss: Any, optimizer: Any, rate: Any = 0.05, **settings: Any) -> Any:
    return tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), rate, optimizer, **settings)


def regression() -> tuple[Any, Any, Any]:
    x, y = tf.placeholder(tf.float32, [None, 3], name="x"), tf.placeholder(tf.float32, [None, 1], name="y")
    w = tf.get_variable("w", [3, 1])
    loss = tf.reduce_mean(tf.square(tf.matmul(x, w) + tf.get_variable("b", [1]) - y))
    return loss, lambda i: {x: data(16, 3, seed=i), y: data(16, 1, seed=100 + i)}, x


def linear_regression() -> Any:
    loss, feeds, _ = regression()
    return optimized(loss, "SGD"), feeds


def perceptron() -> Any:
    x, y = tf.placeholder(tf.float32, [None, 5], name="x"), tf.placeholder(tf.int64, [None], name="y")
    hidden = tf.nn.relu(tf.nn.xw_plus_b(x, tf.get_variable("w1", [5, 7]), tf.get_variable("b1", [7])))
    logits = tf.nn.xw_plus_b(hidden, tf.get_variable("w2", [7, 3]), tf.get_variable("b2", [3]))
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    decay = lambda rate, step: tf.train.exponential_decay(rate, step, 2, 0.5)  # noqa: E731
    train_op = optimized(loss, "Adam", clip_gradients=0.5, learning_rate_decay_fn=decay)
    return train_op, lambda i: {x: data(9, 5, seed=i), y: labels(9, 3, seed=i)}


def by_optimizer(optimizer: Any, **settings: Any) -> Callable[[], Any]:
    def build() -> Any:
        loss, feeds, _ = regression()
        return optimized(loss, optimizer, **settings), feeds

    return build


def batch_normalised() -> Any:
    loss, feeds, x = regression()
    mean, variance = tf.nn.moments(x, [0])
    moving = tf.get_variable("moving", [3], trainable=False)
    tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign_sub(moving, (moving - mean) * 0.1))
    scaled = tf.nn.batch_normalization(x, mean, variance, tf.get_variable("beta", [3]), tf.get_variable("gamma", [3]), 1e-3)
    return optimized(loss + tf.reduce_mean(tf.square(scaled)), "SGD"), feeds


def convolution() -> Any:
    x, y = tf.placeholder(tf.float32, [4, 10, 10, 2], name="x"), tf.placeholder(tf.int32, [4], name="y")
    image = tf.nn.relu(tf.nn.conv2d(x, tf.get_variable("f", [3, 3, 2, 4]), [1, 1, 1, 1], "SAME"))
    image = tf.nn.max_pool(image, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
    image = tf.nn.conv2d(image, tf.get_variable("g", [3, 3, 4, 4]), [1, 1, 1, 1], "VALID")
    image = tf.nn.avg_pool(image, [1, 2, 2, 1], [1, 1, 1, 1], "VALID")
    logits = tf.matmul(tf.reshape(image, [4, -1]), tf.get_variable("w", [16, 3]))
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))
    return optimized(loss, "SGD"), lambda i: {x: data(4, 10, 10, 2, seed=i), y: labels(4, 3, seed=i, dtype=np.int32)}


def embedding(optimizer: Any) -> Callable[[], Any]:
    def build() -> Any:
        ids = tf.placeholder(tf.int64, [None], name="ids")
        table = tf.get_variable("table", [11, 4])
        rows = tf.nn.embedding_lookup(table, ids)
        return optimized(tf.reduce_sum(tf.square(rows - 1.0)), optimizer), lambda i: {ids: labels(8, 11, seed=i)}

    return build


def recurrent(unroll: Any) -> Callable[[], Any]:
    def build() -> Any:
        x = tf.placeholder(tf.float32, [4, 3, 2], name="x")
        output = unroll(tf.nn.rnn_cell.LSTMCell(5), x)
        return optimized(tf.reduce_mean(tf.square(output - 0.5)), "Adam"), lambda i: {x: data(4, 3, 2, seed=i)}

    return build


def static(cell: Any, x: Any) -> Any:
    return tf.nn.static_rnn(cell, tf.unstack(x, axis=1), dtype=tf.float32)[0][-1]


def dynamic(cell: Any, x: Any) -> Any:
    return tf.nn.dynamic_rnn(cell, x, dtype=tf.float32)[0][:, -1]


def dropout() -> Any:
    loss, feeds, x = regression()
    kept = tf.nn.dropout(tf.matmul(x, tf.get_variable("v", [3, 64])), keep_prob=0.5)
    return optimized(loss + tf.reduce_mean(tf.square(kept)), "SGD"), feeds


def branching() -> Any:
    loss, feeds, _ = regression()
    step = tf.train.get_or_create_global_step()
    return optimized(loss, "SGD", tf.cond(step < 2, lambda: 0.1, lambda: tf.random_uniform([]))), feeds


CASES: dict[str, Callable[[], Any]] = {
    "linear regression": linear_regression,
    "perceptron": perceptron,
    "momentum": by_optimizer(lambda rate: tf.train.MomentumOptimizer(rate, 0.9, use_nesterov=True)),
    "batch normalisation": batch_normalised,
    "convolution": convolution,
    "sparse Adagrad": embedding("Adagrad"),
    "sparse Adam": embedding("Adam"),
    "LSTM": recurrent(static),
    "LSTM in a loop": recurrent(dynamic),
    "dropout": dropout,
    "branches": branching,
    "RMSProp": by_optimizer("RMSProp"),
    "Ftrl": by_optimizer("Ftrl"),
    "gradient noise": by_optimizer("SGD", gradient_noise_scale=0.3),
}


def started() -> Any:
    session = tf.Session(backend="numpy")
    session.run(tf.global_variables_initializer())
    return session


def by_session(session: Any, fetch: Any, feeds: Any) -> dict[str, Any]:
    """Return what the steps fetch and the state after them, as the runner saves them."""
    found = {f"fetched {i}": session.run(fetch, feeds(i)) for i in range(STEPS)}
    cells = session.store.cells.items()
    return {**found, **{f"state {name.replace('/', '|')}": cell.value for name, cell in cells if cell.value is not None}}


def by_file(path: Path, feeds: Any) -> Any:
    """Return the same from a process that has the exported file alone."""
    fed = {f"{tensor.name} {i}": value for i in range(STEPS) for tensor, value in feeds(i).items()}
    np.savez(path.with_name("feeds.npz"), steps=STEPS, **fed)
    files = [str(path), str(path.with_name("feeds.npz")), str(path.with_name("found.npz"))]
    command = [sys.executable, "-I", "-W", "error", "-c", RUNNER, *files]
    result = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    return np.load(path.with_name("found.npz"))


@pytest.mark.parametrize("name", CASES)
def test_a_training_op_gives_the_same_bits_in_a_file_of_its_own(name: str, tmp_path: Path) -> None:
    train_op, feeds = CASES[name]()
    session = started()
    session.run(train_op, feeds(99))
    path = tmp_path / "exported.py"
    tf.export(train_op, path, feed_dict=feeds(0), session=session)
    assert "import graphopt" not in path.read_text()
    expected = by_session(session, train_op, feeds)
    found = by_file(path, feeds)
    missing = [key for key in found.files if key not in expected]
    assert not missing
    for key in found.files:
        assert found[key].dtype == np.asarray(expected[key]).dtype, key
        assert found[key].tobytes() == np.asarray(expected[key]).tobytes(), key
    assert {f"state {v.op.name.replace('/', '|')}" for v in tf.trainable_variables()} <= set(found.files)


def test_a_file_does_not_change_when_it_is_written_again(tmp_path: Path) -> None:
    train_op, feeds = dropout()
    session = started()
    texts = []
    for name in ("first.py", "second.py"):
        tf.export(train_op, tmp_path / name, feed_dict=feeds(0), session=session)
        texts.append((tmp_path / name).read_text())
    assert texts[0] == texts[1]


# Writes what a fresh process writes, to compare what depends on the order of sets.
WRITER = """
import sys
import numpy as np
import graphopt as tf
tf.set_random_seed(3)
x = tf.placeholder(tf.float32, [4, 3], name="x")
hidden = tf.nn.dropout(tf.nn.relu(tf.matmul(x, tf.get_variable("v", [3, 5]))), keep_prob=0.5)
loss = tf.reduce_mean(tf.square(tf.matmul(hidden, tf.get_variable("w", [5, 2]))))
train_op = tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 0.1, "Adam", clip_gradients=1.0)
with tf.Session(backend="numpy") as session:
    session.run(tf.global_variables_initializer())
    tf.export(train_op, sys.argv[1])
"""


def test_a_file_does_not_depend_on_the_process_that_writes_it(tmp_path: Path) -> None:
    for seed in "12":
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        command = [sys.executable, "-c", WRITER, str(tmp_path / f"{seed}.py")]
        subprocess.run(command, cwd=Path(__file__).parents[3], env=environment, check=True, timeout=120)
    assert (tmp_path / "1.py").read_text() == (tmp_path / "2.py").read_text()


def test_what_a_file_needs_is_numpy_and_the_standard_library(tmp_path: Path) -> None:
    train_op, feeds = dropout()
    tf.export(train_op, tmp_path / "exported.py", feed_dict=feeds(0), session=started())
    tree = ast.parse((tmp_path / "exported.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))
    assert {name.split(".")[0] for name in imported} <= {"numpy", *sys.stdlib_module_names}
    called = {node.func.id for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)}
    assert not called & {"exec", "eval", "compile", "__import__"}
