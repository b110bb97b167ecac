"""The losses in TensorFlow 1's names: `tf` is graphopt or `tensorflow.compat.v1`, and nothing here tells them apart."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from workloads import LSTM_HIDDEN, TARGET_VALUE

Tensors = dict[str, Any]


def regression(tf: Any, v: Tensors, x: Any, y: Any) -> Any:
    """Return the mean squared error of a linear function."""
    return tf.reduce_mean(tf.square(tf.matmul(x, v["W1"]) + v["b1"] - y))


def cross_entropy(tf: Any, logits: Any, y: Any) -> Any:
    """Return the mean softmax cross entropy for integer labels."""
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=logits))


def classifier(tf: Any, v: Tensors, x: Any) -> Any:
    """Return the logits of dense layers with relu between them."""
    count = sum(name.startswith("W") for name in v)
    for number in range(1, count):
        x = tf.nn.relu(tf.matmul(x, v[f"W{number}"]) + v[f"b{number}"])
    return tf.matmul(x, v[f"W{count}"]) + v[f"b{count}"]


def dense(tf: Any, v: Tensors, x: Any, y: Any) -> Any:
    """Return the loss of a dense classifier."""
    return cross_entropy(tf, classifier(tf, v, x), y)


def lenet(tf: Any, v: Tensors, x: Any, y: Any) -> Any:
    """Return the loss of two convolutions with pooling and two dense layers."""
    for number in (1, 2):
        x = tf.nn.conv2d(x, v[f"F{number}"], strides=[1, 1, 1, 1], padding="SAME")
        x = tf.nn.relu(tf.nn.bias_add(x, v[f"c{number}"]))
        x = tf.nn.max_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")
    return dense(tf, v, tf.reshape(x, [-1, 7 * 7 * 64]), y)


def embedding(tf: Any, v: Tensors, ids: Any, y: Any) -> Any:
    """Return the loss of a dense layer on the mean of looked-up rows."""
    return dense(tf, v, tf.reduce_mean(tf.nn.embedding_lookup(v["table"], ids), axis=1), y)


def lstm(tf: Any, v: Tensors, x: Any, y: Any) -> Any:
    """Return the loss of a dense layer on the last state of an unrolled LSTM."""
    batch = int(x.shape[0])
    c = h = tf.zeros([batch, LSTM_HIDDEN])
    for x_now in tf.unstack(x, axis=1):
        gates = tf.nn.bias_add(tf.matmul(tf.concat([x_now, h], 1), v["kernel"]), v["bias"])
        i, j, f, o = tf.split(gates, 4, axis=1)
        c = c * tf.sigmoid(f + 1.0) + tf.sigmoid(i) * tf.tanh(j)
        h = tf.tanh(c) * tf.sigmoid(o)
    return dense(tf, v, h, y)


def large(tf: Any, v: Tensors) -> Any:
    """Return half the squared distance of all parameters from the target value."""
    return 0.5 * tf.reduce_sum(tf.square(v["w"] - TARGET_VALUE))


LOSSES: dict[str, Callable[..., Any]] = {
    "regression": regression,
    "dense": dense,
    "lenet": lenet,
    "embedding": embedding,
    "lstm": lstm,
    "large": large,
}


def variables(tf: Any, initial: Tensors) -> Tensors:
    """Make the trainable variables."""
    return {name: tf.get_variable(name, initializer=value) for name, value in initial.items()}


def placeholders(tf: Any, batch: Tensors) -> list[Any]:
    """Make a placeholder of fixed shape for each part of the batch."""
    return [tf.placeholder(tf.as_dtype(value.dtype), list(value.shape), name=name) for name, value in batch.items()]
