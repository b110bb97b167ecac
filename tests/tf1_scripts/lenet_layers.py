"""LeNet of tf.layers with dropout by a placeholder, streaming metrics and a learning rate in steps."""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

tf.logging.set_verbosity(tf.logging.ERROR)
mnist = input_data.read_data_sets(sys.argv[1], reshape=False, validation_size=0, seed=1)


class LeNet(object):
    def __init__(self, learning_rate):
        init = tf.truncated_normal_initializer(stddev=0.1, seed=7)
        self.x = tf.placeholder(tf.float32, (None, 28, 28, 1))
        self.y = tf.placeholder(tf.int32, (None))
        self.training = tf.placeholder(tf.bool)
        with tf.variable_scope("lenet"):
            net = tf.layers.conv2d(self.x, 4, 5, padding="same", activation=tf.nn.relu, kernel_initializer=init, name="conv1")
            net = tf.layers.max_pooling2d(net, pool_size=[2, 2], strides=2)
            net = tf.layers.conv2d(inputs=net, filters=6, kernel_size=[5, 5], activation=tf.nn.tanh, kernel_initializer=init, name="conv2")
            net = tf.layers.average_pooling2d(net, 2, 2)
            net = tf.layers.flatten(net)
            net = tf.layers.dense(net, units=32, activation=tf.nn.relu, kernel_initializer=init)
            net = tf.layers.dropout(net, rate=0.0, training=self.training)
            self.logits = tf.layers.dense(net, units=10, kernel_initializer=init)
        one_hot_y = tf.one_hot(self.y, 10)
        self.loss = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits_v2(labels=one_hot_y, logits=self.logits))
        self.predictions = {"classes": tf.argmax(input=self.logits, axis=1), "probabilities": tf.nn.softmax(self.logits, name="softmax")}
        self.correct = tf.reduce_sum(tf.cast(tf.equal(tf.cast(self.y, tf.int64), self.predictions["classes"]), tf.float32))
        self.step = tf.Variable(0, trainable=False, name="step")
        rate = tf.train.piecewise_constant(self.step, [20, 40], [learning_rate, learning_rate / 2, learning_rate / 10])
        self.train = tf.train.MomentumOptimizer(rate, 0.9, use_nesterov=True).minimize(self.loss, global_step=self.step)


net = LeNet(0.05)
with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    sess.run(tf.local_variables_initializer())
    for i in range(61):
        images, labels = mnist.train.next_batch(40)
        _, loss = sess.run([net.train, net.loss], {net.x: images, net.y: labels, net.training: True})
        if i % 20 == 0:
            print("loss %.7f" % loss)
    correct = 0.0
    for start in range(0, mnist.test.num_examples, 20):
        feed = {net.x: mnist.test.images[start : start + 20], net.y: mnist.test.labels[start : start + 20], net.training: False}
        correct += net.correct.eval(feed)
    print("accuracy %.4f" % (correct / mnist.test.num_examples))
    print(net.predictions["probabilities"].name)
