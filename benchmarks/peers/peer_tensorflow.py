"""The training ops in TensorFlow's graph mode: `tensorflow.compat.v1` with a session."""

from __future__ import annotations

import os
from typing import Any

import tensorflow as tensorflow_2
import tensorflow.compat.v1 as tf
from measure import Training
from tf1_losses import LOSSES, placeholders, variables
from workloads import ADAGRAD_START, ADAM_BETA1, ADAM_BETA2, ADAM_EPSILON, CLIP_NORM, DECAY_RATE, DECAY_STEPS, MOMENTUM, Arrays, Workload

SINGLE_THREADED_EXECUTOR = "single-threaded executor"
XLA = "XLA"


def versions() -> str:
    """Return what ran."""
    return f"TensorFlow {tensorflow_2.__version__}"


def build(workload: Workload, initial: Arrays, batch: Arrays, variant: str) -> Training:
    """Record the training op, initialise the variables and make a callable of it."""
    tf.disable_eager_execution()
    tf.enable_resource_variables()
    feeds = placeholders(tf, batch)
    loss = LOSSES[workload.key](tf, variables(tf, initial), *feeds)
    session = tf.Session(config=session_config(variant))
    train_op = training_op(loss, workload)
    session.run(tf.global_variables_initializer())
    step = session.make_callable(train_op, feed_list=feeds)
    values = tuple(batch.values())
    return Training(lambda: step(*values), f"compat.v1 session, make_callable, {variant}, {os.cpu_count()} intra-op threads")


def training_op(loss: Any, workload: Workload) -> Any:
    """Return what `tf.contrib.layers.optimize_loss` returned: the loss from before the update that it makes."""
    step = tf.train.get_or_create_global_step()
    rate = tf.train.exponential_decay(workload.learning_rate, step, DECAY_STEPS, DECAY_RATE)
    optimizer = make_optimizer(workload.optimizer, rate)
    gradients, trained = zip(*optimizer.compute_gradients(loss), strict=True)
    clipped, _ = tf.clip_by_global_norm(gradients, CLIP_NORM)
    update = optimizer.apply_gradients(zip(clipped, trained, strict=True), global_step=step)
    with tf.control_dependencies([update]):
        return tf.identity(loss)


def make_optimizer(name: str, rate: Any) -> Any:
    """Return the optimizer, whose update of a variable is one fused kernel."""
    if name == "SGD":
        return tf.train.GradientDescentOptimizer(rate)
    if name == "Momentum":
        return tf.train.MomentumOptimizer(rate, MOMENTUM)
    if name == "Adagrad":
        return tf.train.AdagradOptimizer(rate, ADAGRAD_START)
    return tf.train.AdamOptimizer(rate, ADAM_BETA1, ADAM_BETA2, ADAM_EPSILON)


def session_config(variant: str) -> Any:
    """Return the settings of the session; all cores work on an operation in each of them."""
    config = tf.ConfigProto(intra_op_parallelism_threads=os.cpu_count() or 1)
    if variant == SINGLE_THREADED_EXECUTOR:
        config.experimental.executor_type = "SINGLE_THREADED_EXECUTOR"
    if variant == XLA:
        config.graph_options.optimizer_options.global_jit_level = tf.OptimizerOptions.ON_2
    return config
