"""A script with flags and `tf.app.run`: logistic regression with a decayed learning rate."""

from __future__ import absolute_import, division, print_function  # noqa: UP010 (as the scripts of that time)

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import ops
from tensorflow.python.platform import tf_logging as logging

flags = tf.app.flags
FLAGS = flags.FLAGS
flags.DEFINE_float("learning_rate", 0.1, "Initial learning rate.")
flags.DEFINE_integer("max_steps", 30, "Number of steps to run trainer.")
flags.DEFINE_string("optimizer", "sgd", "sgd or adagrad")
tf.flags.DEFINE_boolean("verbose", False, "log more")


def main(argv):
    ops.reset_default_graph()
    if FLAGS.verbose:
        logging.set_verbosity(logging.INFO)
        logging.info("optimizer %s", FLAGS.optimizer)
    rng = np.random.RandomState(0)
    data = rng.randn(64, 5).astype(np.float32)
    labels = (data @ [1.0, -2.0, 0.5, 0.0, 3.0] > 0).astype(np.float32).reshape(-1, 1)
    weights = tf.get_variable("weights", [5, 1], initializer=tf.zeros_initializer())
    logits = tf.matmul(tf.constant(data), weights)
    loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=labels, logits=logits))
    global_step = tf.train.get_or_create_global_step()
    rate = tf.train.exponential_decay(FLAGS.learning_rate, global_step, 10, 0.5, staircase=True)
    optimizer = {"sgd": tf.train.GradientDescentOptimizer, "adagrad": tf.train.AdagradOptimizer}[FLAGS.optimizer](rate)
    train_op = optimizer.minimize(loss, global_step=global_step)
    config = tf.ConfigProto(allow_soft_placement=True)
    config.gpu_options.allow_growth = True
    with tf.Session(config=config) as sess:
        sess.run(tf.group(tf.global_variables_initializer(), tf.local_variables_initializer()))
        for _ in range(FLAGS.max_steps):
            _, value, step = sess.run([train_op, loss, global_step])
        print("loss %.7f" % value)
        print("arguments", argv[1:])
    return 0


if __name__ == "__main__":
    tf.app.run(main=main)
