"""Linear regression with summaries and a saver."""

import os
import sys

import numpy as np
import tensorflow as tf

logdir = sys.argv[1]
train_X = np.linspace(-1, 1, 40).astype(np.float32)
train_Y = 2 * train_X + 0.3

with tf.name_scope("inputs"):
    X = tf.placeholder("float")
    Y = tf.placeholder("float")
W = tf.Variable(-0.5, name="weight")
b = tf.Variable(0.0, name="bias")
pred = tf.add(tf.multiply(X, W), b)
cost = tf.reduce_sum(tf.pow(pred - Y, 2)) / (2 * len(train_X))
global_step = tf.Variable(0, name="global_step", trainable=False)
optimizer = tf.train.MomentumOptimizer(0.05, 0.9).minimize(cost, global_step=global_step)

tf.summary.scalar("cost", cost)
tf.summary.histogram("weight_histogram", W)
merged = tf.summary.merge_all()
saver = tf.train.Saver(max_to_keep=2)

with tf.Session() as sess:
    writer = tf.summary.FileWriter(logdir, sess.graph)
    sess.run(tf.global_variables_initializer())
    for epoch in range(60):
        summary, _ = sess.run([merged, optimizer], feed_dict={X: train_X, Y: train_Y})
        writer.add_summary(summary, epoch)
        if epoch % 20 == 19:
            print("loss %.7f" % sess.run(cost, feed_dict={X: train_X, Y: train_Y}))
            saver.save(sess, os.path.join(logdir, "model.ckpt"), global_step=global_step)
    writer.close()
    trained = sess.run([W, b])

with tf.Session() as sess:
    checkpoint = tf.train.latest_checkpoint(logdir)
    saver.restore(sess, checkpoint)
    print("restored", sess.run([W, b]) == trained, os.path.basename(checkpoint))
