"""The newest way to write the oldest programs: compat.v1 with version 2's behaviour off; linear regression with summaries."""

import os
import tempfile

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()
tf.disable_eager_execution()

rng = np.random.RandomState(3)
train_X = np.asarray([3.3, 4.4, 5.5, 6.71, 6.93, 4.168, 9.779, 6.182, 7.59, 2.167])
train_Y = np.asarray([1.7, 2.76, 2.09, 3.19, 1.694, 1.573, 3.366, 2.596, 2.53, 1.221])
n_samples = train_X.shape[0]

X = tf.placeholder("float")
Y = tf.placeholder("float")
W = tf.Variable(rng.randn(), name="weight")
b = tf.Variable(rng.randn(), name="bias")
pred = tf.add(tf.multiply(X, W), b)
cost = tf.reduce_sum(tf.pow(pred - Y, 2)) / (2 * n_samples)
optimizer = tf.train.GradientDescentOptimizer(0.01).minimize(cost)
tf.summary.scalar("cost", cost)
tf.summary.histogram("weight", W)
merged = tf.summary.merge_all()
init = tf.global_variables_initializer()
logdir = tempfile.mkdtemp()

with tf.Session() as sess, tf.summary.FileWriter(logdir, tf.get_default_graph()) as writer:
    sess.run(init)
    for epoch in range(60):
        for x, y in zip(train_X, train_Y):
            sess.run(optimizer, feed_dict={X: x, Y: y})
        if (epoch + 1) % 20 == 0:
            c, summary = sess.run([cost, merged], feed_dict={X: train_X, Y: train_Y})
            writer.add_summary(summary, epoch)
            print("loss %.7f" % c)
(name,) = os.listdir(logdir)
print("events", name.startswith("events.out.tfevents."))
