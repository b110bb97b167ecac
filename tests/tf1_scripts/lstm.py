"""Sequences through an LSTM: unrolled by `static_rnn`, looped by `dynamic_rnn`, with the same weights."""

import numpy as np
import tensorflow as tf
from tensorflow.contrib import rnn

timesteps = 6
num_input = 4
num_hidden = 8

X = tf.placeholder("float", [None, timesteps, num_input])
Y = tf.placeholder("float", [None, 2])
init = tf.random_uniform_initializer(-0.3, 0.3, seed=5)

with tf.variable_scope("lstm", initializer=init):
    lstm_cell = rnn.BasicLSTMCell(num_hidden, forget_bias=1.0)
    outputs, _ = rnn.static_rnn(lstm_cell, tf.unstack(X, timesteps, 1), dtype=tf.float32, scope="rnn")
with tf.variable_scope("lstm", initializer=init, reuse=True):
    looped, _ = tf.nn.dynamic_rnn(rnn.BasicLSTMCell(num_hidden, forget_bias=1.0), X, dtype=tf.float32, scope="rnn")

weights = tf.get_variable("out", [num_hidden, 2], initializer=init)
logits = tf.matmul(outputs[-1], weights)
loss_op = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(logits=logits, labels=Y))
gap = tf.reduce_max(tf.abs(outputs[-1] - looped[:, -1]))

optimizer = tf.train.RMSPropOptimizer(learning_rate=0.01)
grads_and_vars = optimizer.compute_gradients(loss_op)
capped = [(tf.clip_by_value(grad, -1.0, 1.0), var) for grad, var in grads_and_vars]
train_op = optimizer.apply_gradients(capped)

rng = np.random.RandomState(0)
batch_x = rng.randn(32, timesteps, num_input)
batch_y = np.eye(2)[(batch_x.sum(axis=(1, 2)) > 0).astype(int)]

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for step in range(1, 41):
        sess.run(train_op, feed_dict={X: batch_x, Y: batch_y})
        if step % 10 == 0:
            loss, difference = sess.run([loss_op, gap], feed_dict={X: batch_x, Y: batch_y})
            print("loss %.7f" % loss)
    print("same", difference < 1e-5)
