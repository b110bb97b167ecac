"""Training ops that the tests of inspection look at."""

from __future__ import annotations

from typing import Any

import numpy as np

import graphopt as tf


def small_convnet() -> Any:
    """Record a convolutional network and return its training op."""
    images, labels = tf.placeholder(tf.float32, [None, 28, 28, 1], name="images"), tf.placeholder(tf.int64, [None], name="labels")
    layer = images
    for i, (inputs, outputs) in enumerate([(1, 4), (4, 8)]):
        with tf.variable_scope(f"conv{i}"):
            filters, bias = tf.get_variable("w", [5, 5, inputs, outputs]), tf.get_variable("b", [outputs])
            layer = tf.nn.relu(tf.nn.conv2d(layer, filters, [1, 1, 1, 1], "SAME") + bias)
            layer = tf.nn.max_pool(layer, [1, 2, 2, 1], [1, 2, 2, 1], "SAME")
    with tf.variable_scope("dense"):
        logits = tf.matmul(tf.reshape(layer, [-1, 392]), tf.get_variable("w", [392, 10])) + tf.get_variable("b", [10])
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits), name="loss")
    return tf.train.MomentumOptimizer(0.1, 0.9).minimize(loss, global_step=tf.train.get_or_create_global_step())


def deep_network(layers: int, scoped: bool = True) -> Any:
    """Record a network of many layers, each in a scope of its own if `scoped`, and return its training op."""
    value = tf.placeholder(tf.float32, [None, 4], name="x")
    for i in range(layers):
        with tf.variable_scope(f"layer{i}" if scoped else tf.get_variable_scope()):
            weights = tf.get_variable("w" if scoped else f"w{i}", [4, 4])
            value = tf.tanh(tf.matmul(value, weights))
    return tf.contrib.layers.optimize_loss(
        tf.reduce_mean(tf.square(value)), tf.train.get_or_create_global_step(), 0.1, "Adam", clip_gradients=1.0
    )


def with_branches() -> Any:
    """Record a loss with a branch, a loop, sparse rows and a guard, and return its training op."""
    x, rows = tf.placeholder(tf.float32, [], name="x"), tf.placeholder(tf.int32, [None], name="rows")
    w = tf.get_variable("w", initializer=1.0)
    table = tf.get_variable("table", [6, 2])
    chosen = tf.cond(x > 0, lambda: w * x, lambda: -w)
    looped = tf.while_loop(lambda i, v: i < 3, lambda i, v: (i + 1, v * w), [0, 1.0])[1]
    loss = chosen + looped + tf.reduce_sum(tf.nn.embedding_lookup(table, rows))
    step = tf.train.get_or_create_global_step()
    return tf.contrib.layers.optimize_loss(loss, step, 0.1, "Adam", accumulate_steps=2, non_finite="skip", moving_average=0.9)


def training_op(**more: Any) -> Any:
    """Record a training op with stages, summaries, sparse rows and a variable without a gradient."""
    table = tf.get_variable("table", initializer=np.ones((6, 2), "f"))
    w = tf.get_variable("w", initializer=np.ones((2, 1), "f"))
    unused = tf.get_variable("unused", initializer=1.0)
    counter = tf.get_variable("counter", [], trainable=False, initializer=tf.zeros_initializer())
    loss = tf.reduce_sum(tf.matmul(tf.gather(table, [1, 1, 4]), w))
    return tf.contrib.layers.optimize_loss(
        loss,
        tf.train.get_or_create_global_step(),
        0.1,
        "Adam",
        gradient_multipliers={w: 2.0},
        clip_gradients=3.0,
        learning_rate_decay_fn=lambda rate, step: tf.train.exponential_decay(rate, step, 10, 0.9),
        update_ops=[tf.assign_add(counter, 1.0)],
        variables=[table, w, unused],
        summaries=["loss", "learning_rate", "gradients", "global_gradient_norm"],
        **more,
    )


def settings_of(content: Any) -> dict[str, Any]:
    """Return the settings of the stages of an explanation, by the stages' names."""
    return {step["stage"]: step["settings"] for step in content["pipeline"]}
