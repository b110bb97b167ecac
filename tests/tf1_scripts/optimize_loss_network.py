"""A two-layer network trained by `tf.contrib.layers.optimize_loss`."""

import numpy as np
import tensorflow as tf
from tensorflow.contrib.layers.python.layers import optimizers

rng = np.random.RandomState(0)
data = rng.randn(256, 8).astype(np.float32)
target = np.sin(data.sum(1, keepdims=True)).astype(np.float32)

x = tf.placeholder(tf.float32, [None, 8], name="x")
y = tf.placeholder(tf.float32, [None, 1], name="y")
net = tf.contrib.layers.fully_connected(x, 32, activation_fn=tf.nn.tanh)
net = tf.contrib.layers.fully_connected(net, 1, activation_fn=None)
loss = tf.losses.mean_squared_error(y, net)
global_step = tf.contrib.framework.get_or_create_global_step()

train_op = tf.contrib.layers.optimize_loss(
    loss=loss,
    global_step=global_step,
    learning_rate=0.05,
    optimizer="Adam",
    clip_gradients=1.0,
    learning_rate_decay_fn=lambda lr, step: tf.train.exponential_decay(lr, step, 50, 0.9),
    summaries=optimizers.OPTIMIZER_SUMMARIES,
)

merged = tf.summary.merge_all()
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(200):
        value, _ = sess.run([train_op, merged], {x: data, y: target})
        if i % 50 == 0 or i == 199:
            print("loss %.5f" % value)
    print("step", sess.run(global_step))
