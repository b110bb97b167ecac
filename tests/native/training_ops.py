"""Small training ops of every kind, for the tests of the native backend's sessions."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

import graphopt as tf

Log = list[Any]


class Training(NamedTuple):
    """A recorded training op.

    Attributes:
      train_op: the op, whose value is the loss. feeds: placeholders with their values.
    """

    train_op: Any
    feeds: dict[Any, Any]


def _trained(loss: Any, optimizer: Any, rate: float) -> Any:
    return tf.contrib.layers.optimize_loss(
        loss,
        tf.train.get_or_create_global_step(),
        rate,
        optimizer,
        clip_gradients=1.0,
        learning_rate_decay_fn=lambda initial, step: tf.train.exponential_decay(initial, step, 20, 0.96),
    )


def _variable(rng: np.random.Generator, name: str, *shape: int, scale: float = 0.1) -> Any:
    return tf.get_variable(name, initializer=(rng.standard_normal(shape) * scale).astype(np.float32))


def _dense(rng: np.random.Generator, x: Any, *sizes: int) -> Any:
    """Return the logits of dense layers with relu between them."""
    for i in range(1, len(sizes)):
        x = tf.matmul(x, _variable(rng, f"w{i}", sizes[i - 1], sizes[i], scale=sizes[i - 1] ** -0.5)) + _variable(rng, f"b{i}", sizes[i])
        x = tf.nn.relu(x) if i < len(sizes) - 1 else x
    return x


def _batch(rng: np.random.Generator, batch: int, *shape: int) -> tuple[Any, Any, dict[Any, Any]]:
    """Return placeholders of inputs and labels for batches of any size, and their values."""
    x, y = tf.placeholder(tf.float32, [None, *shape]), tf.placeholder(tf.int32, [None])
    return x, y, {x: rng.standard_normal((batch, *shape)).astype(np.float32), y: rng.integers(0, 10, batch).astype(np.int32)}


def _cross_entropy(logits: Any, labels: Any) -> Any:
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))


def regression(batch: int = 32) -> Training:
    """Return a linear regression with 10 inputs, trained by SGD."""
    rng = np.random.default_rng(1)
    x, y = tf.placeholder(tf.float32, [None, 10]), tf.placeholder(tf.float32, [None, 1])
    loss = tf.reduce_mean(tf.square(tf.matmul(x, _variable(rng, "w", 10, 1)) + _variable(rng, "b", 1) - y))
    feeds = {x: rng.standard_normal((batch, 10)).astype(np.float32), y: rng.standard_normal((batch, 1)).astype(np.float32)}
    return Training(_trained(loss, "SGD", 0.05), feeds)


def dense(*sizes: int, batch: int = 32, rate: float = 1e-3) -> Training:
    """Return a dense classifier, trained by Adam."""
    rng = np.random.default_rng(2)
    x, y, feeds = _batch(rng, batch, sizes[0])
    return Training(_trained(_cross_entropy(_dense(rng, x, *sizes), y), "Adam", rate), feeds)


def lenet(batch: int = 8, filters: tuple[int, int] = (32, 64), hidden: int = 256) -> Training:
    """Return two convolutions with pooling and two dense layers, trained by momentum."""
    rng = np.random.default_rng(3)
    x, y, feeds = _batch(rng, batch, 28, 28, 1)
    h, channels = x, 1
    for i, count in enumerate(filters):
        h = tf.nn.conv2d(h, _variable(rng, f"f{i}", 5, 5, channels, count), [1, 1, 1, 1], "SAME")
        h = tf.nn.relu(tf.nn.bias_add(h, _variable(rng, f"c{i}", count)))
        h, channels = tf.nn.max_pool(h, [1, 2, 2, 1], [1, 2, 2, 1], "SAME"), count
    logits = _dense(rng, tf.reshape(h, [-1, 49 * channels]), 49 * channels, hidden, 10)
    return Training(_trained(_cross_entropy(logits, y), lambda rate: tf.train.MomentumOptimizer(rate, 0.9), 1e-2), feeds)


def embedding(batch: int = 64, rows: int = 1000) -> Training:
    """Return a classifier of the mean of looked-up rows, some of them twice, trained by Adagrad with sparse gradients."""
    rng = np.random.default_rng(4)
    ids, y = tf.placeholder(tf.int32, [None, 8]), tf.placeholder(tf.int32, [None])
    found = tf.reduce_mean(tf.nn.embedding_lookup(_variable(rng, "table", rows, 32), ids), axis=1)
    feeds = {ids: rng.integers(0, rows, (batch, 8)).astype(np.int32), y: rng.integers(0, 10, batch).astype(np.int32)}
    return Training(_trained(_cross_entropy(_dense(rng, found, 32, 10), y), "Adagrad", 0.1), feeds)


def lstm(batch: int = 16, steps: int = 20, inputs: int = 32, hidden: int = 64) -> Training:
    """Return a dense layer on the last state of an unrolled LSTM, trained by Adam."""
    rng = np.random.default_rng(5)
    x, y, feeds = _batch(rng, batch, steps, inputs)
    kernel, bias = _variable(rng, "kernel", inputs + hidden, 4 * hidden), _variable(rng, "bias", 4 * hidden)
    c = h = tf.zeros([tf.shape(x)[0], hidden])
    for now in tf.unstack(x, steps, axis=1):
        i, j, f, o = tf.split(tf.matmul(tf.concat([now, h], 1), kernel) + bias, 4, axis=1)
        c = c * tf.sigmoid(f + 1.0) + tf.sigmoid(i) * tf.tanh(j)
        h = tf.tanh(c) * tf.sigmoid(o)
    return Training(_trained(_cross_entropy(_dense(rng, h, hidden, 10), y), "Adam", 1e-3), feeds)


def large(size: int = 100_003) -> Training:
    """Return half the squared distance of many parameters from 0.1, trained by Adam; nothing is fed."""
    w = _variable(np.random.default_rng(6), "w", size, scale=1.0)
    return Training(_trained(0.5 * tf.reduce_sum(tf.square(w - 0.1)), "Adam", 1e-3), {})


WORKLOADS: dict[str, Callable[[], Training]] = {
    "regression": regression,
    "small": lambda: dense(64, 32, 10),
    "middle": lambda: dense(784, 256, 128, 10, batch=128, rate=1e-4),
    "wide": lambda: dense(784, 1024, 1024, 10, batch=32, rate=1e-4),
    "lenet": lenet,
    "embedding": embedding,
    "lstm": lstm,
    "large": large,
}


def session_of(backend: str, threads: int = 0) -> Any:
    """Return a session of the default graph with its variables initialised."""
    session = tf.Session(backend=backend, config=tf.ConfigProto(intra_op_parallelism_threads=threads))
    session.run(tf.global_variables_initializer())
    return session


def state_of(session: Any) -> dict[str, Any]:
    """Return the value of every variable."""
    return {variable.op.name: session.run(variable) for variable in tf.global_variables()}


def both(scenario: Callable[[Any], Log], rtol: float = 0.0) -> Log:
    """Run a scenario, which builds a graph and returns what it saw, on both backends; what they saw must agree."""
    seen = {}
    for backend in ("numpy", "native"):
        with tf.Graph().as_default():
            seen[backend] = scenario(lambda backend=backend, **options: session_of(backend, **options))
    for found, expected in zip(seen["native"], seen["numpy"], strict=True):
        if isinstance(expected, (np.ndarray, np.generic)):
            assert (found.dtype, found.shape) == (expected.dtype, expected.shape)
            np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * 0.01)
        else:
            assert found == expected
    return seen["native"]


def ones(*shape: int) -> Any:
    """Return float32 ones."""
    return np.ones(shape, np.float32)
