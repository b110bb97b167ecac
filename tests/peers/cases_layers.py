"""`tf.layers` and the recurrent cells, with weights given by an initializer that is a formula of the shape."""

from __future__ import annotations

from typing import Any

import numpy as np
from peer_case import OpTable
from peer_data import normal

layers = OpTable("layers")
rnn = OpTable("rnn")


def formula(tf: Any) -> Any:
    """An initializer: small cosines, different in every element."""

    def initialise(shape: Any, dtype: Any = None, partition_info: Any = None) -> Any:
        return tf.constant(np.round(0.6 * np.cos(1.3 * np.arange(int(np.prod(shape))) + 0.4), 3).reshape(shape), tf.float32)

    return initialise


def with_parameters(tf: Any, output: Any) -> list[Any]:
    """The output, and the gradient of the sum of its squares for every trainable variable."""
    return [output, *tf.gradients(tf.reduce_sum(tf.square(output)), tf.trainable_variables())]


X, IMAGE = normal(3, 4), normal(2, 5, 5, 2)
SUMS: dict[str, Any] = {"rtol": 1e-4, "atol": 1e-5, "why": "sums of many products in another order"}

layers("dense", lambda tf, x: with_parameters(tf, tf.layers.dense(x, 2, kernel_initializer=formula(tf))), x=X, names="scope", **SUMS)
layers("dense/activation", lambda tf, x: tf.layers.dense(x, 2, tf.nn.relu, kernel_initializer=formula(tf)), x=X, names="exact")
layers("dense/no_bias", lambda tf, x: tf.layers.dense(x, 2, use_bias=False, kernel_initializer=formula(tf), name="fc"), x=X, names="exact")
layers("dense/rank_3", lambda tf, x: tf.layers.dense(x, 2, kernel_initializer=formula(tf)), x=normal(2, 3, 4), names="scope")
layers(
    "dense/twice",
    lambda tf, x: tf.layers.dense(tf.layers.dense(x, 3, kernel_initializer=formula(tf)), 2, kernel_initializer=formula(tf)),
    x=X,
    names="exact",
)
layers(
    "dense/shared",
    lambda tf, x: [tf.layers.dense(x * s, 2, kernel_initializer=formula(tf), name="fc", reuse=tf.AUTO_REUSE) for s in (1.0, 2.0)],
    x=X,
    names="exact",
)
layers(
    "conv2d", lambda tf, x: with_parameters(tf, tf.layers.conv2d(x, 3, 3, kernel_initializer=formula(tf))), x=IMAGE, names="scope", **SUMS
)
layers(
    "conv2d/same_strides",
    lambda tf, x: tf.layers.conv2d(x, 3, [3, 3], strides=(2, 2), padding="same", activation=tf.nn.relu, kernel_initializer=formula(tf)),
    x=IMAGE,
    names="scope",
    **SUMS,
)
layers(
    "conv2d/dilated",
    lambda tf, x: with_parameters(tf, tf.layers.conv2d(x, 3, 2, dilation_rate=2, kernel_initializer=formula(tf))),
    x=IMAGE,
    names="scope",
    **SUMS,
)
layers("conv1d", lambda tf, x: tf.layers.conv1d(x, 3, 2, kernel_initializer=formula(tf)), x=normal(2, 6, 2), names="scope", **SUMS)
layers(
    "conv2d_transpose",
    lambda tf, x: tf.layers.conv2d_transpose(x, 3, 3, strides=2, padding="same", kernel_initializer=formula(tf)),
    x=IMAGE,
    names="scope",
    **SUMS,
)
layers("max_pooling2d", lambda tf, x: tf.layers.max_pooling2d(x, 2, 2), x=IMAGE, names="scope")
layers("average_pooling2d", lambda tf, x: tf.layers.average_pooling2d(x, [2, 2], 1, padding="same"), x=IMAGE, names="scope")
layers("flatten", lambda tf, x: tf.layers.flatten(x), x=IMAGE, names="scope")
layers("dropout/not_training", lambda tf, x: tf.layers.dropout(x, 0.4), x=X, names="scope")
layers("batch_normalization/inference", lambda tf, x: tf.layers.batch_normalization(x), x=X, names="scope", gradient=False)
layers(
    "batch_normalization/training",
    lambda tf, x: tf.layers.batch_normalization(x, training=True, momentum=0.9),
    x=X,
    names="scope",
    rtol=1e-4,
    atol=1e-5,
    why="the gradient is a small difference of large terms",
)


@layers.define("batch_normalization/moving_averages", x=X, fixed=("x",), gradient=False, names="off")
def moving(tf: Any, x: Any) -> Any:
    tf.layers.batch_normalization(x, training=True, momentum=0.9)
    with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
        return [v.read_value() for v in tf.global_variables()]


SEQUENCE, LENGTHS = normal(3, 4, 2), np.array([4, 1, 3], "int32")
CELLS = {
    "basic_rnn": lambda tf: tf.nn.rnn_cell.BasicRNNCell(3),
    "basic_lstm": lambda tf: tf.nn.rnn_cell.BasicLSTMCell(3),
    "lstm": lambda tf: tf.nn.rnn_cell.LSTMCell(3),
    "gru": lambda tf: tf.nn.rnn_cell.GRUCell(3),
}
for word, cell in CELLS.items():

    def unrolled(tf: Any, x: Any, cell: Any = cell) -> Any:
        with tf.variable_scope("net", initializer=formula(tf)):
            outputs, state = tf.nn.dynamic_rnn(cell(tf), x, dtype=tf.float32)
        return [outputs, state, *tf.gradients(tf.reduce_sum(tf.square(outputs)), tf.trainable_variables())]

    def padded(tf: Any, x: Any, lengths: Any, cell: Any = cell) -> Any:
        with tf.variable_scope("net", initializer=formula(tf)):
            return tf.nn.dynamic_rnn(cell(tf), x, sequence_length=lengths, dtype=tf.float32)

    def static(tf: Any, x: Any, cell: Any = cell) -> Any:
        with tf.variable_scope("net", initializer=formula(tf)):
            return tf.nn.static_rnn(cell(tf), tf.unstack(x, axis=1), dtype=tf.float32)

    rnn(f"dynamic/{word}", unrolled, x=SEQUENCE, names="off", gradient=False, **SUMS)
    rnn(f"dynamic_lengths/{word}", padded, x=SEQUENCE, lengths=LENGTHS, fixed=("lengths",), names="off", **SUMS)
    rnn(f"static/{word}", static, x=SEQUENCE, names="off", fixed=("x",), **SUMS)


@rnn.define("stacked", x=SEQUENCE, fixed=("x",), names="off", **SUMS)
def stacked(tf: Any, x: Any) -> Any:
    cells = [tf.nn.rnn_cell.BasicLSTMCell(3), tf.nn.rnn_cell.GRUCell(2)]
    with tf.variable_scope("net", initializer=formula(tf)):
        return tf.nn.dynamic_rnn(tf.nn.rnn_cell.MultiRNNCell(cells), x, dtype=tf.float32)


@rnn.define("bidirectional", x=SEQUENCE, lengths=LENGTHS, fixed=("x", "lengths"), names="off", **SUMS)
def bidirectional(tf: Any, x: Any, lengths: Any) -> Any:
    forward, backward = tf.nn.rnn_cell.GRUCell(3), tf.nn.rnn_cell.GRUCell(2)
    with tf.variable_scope("net", initializer=formula(tf)):
        return tf.nn.bidirectional_dynamic_rnn(forward, backward, x, sequence_length=lengths, dtype=tf.float32)


@rnn.define("time_major", x=SEQUENCE, fixed=("x",), names="off", **SUMS)
def time_major(tf: Any, x: Any) -> Any:
    with tf.variable_scope("net", initializer=formula(tf)):
        return tf.nn.dynamic_rnn(tf.nn.rnn_cell.BasicRNNCell(3), x, time_major=True, dtype=tf.float32)


TABLES = (layers, rnn)
