"""A convolutional network on MNIST: `tf.nn.conv2d`, dropout, Adam; interactive session."""

import sys

import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets(sys.argv[1], one_hot=True, seed=1)


def weight_variable(shape, seed):
    initial = tf.truncated_normal(shape, stddev=0.1, seed=seed)
    return tf.Variable(initial)


def bias_variable(shape):
    return tf.Variable(tf.constant(0.1, shape=shape))


def conv2d(x, W):
    return tf.nn.conv2d(x, W, strides=[1, 2, 2, 1], padding="SAME")


def max_pool_2x2(x):
    return tf.nn.max_pool(x, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME")


sess = tf.InteractiveSession()
x = tf.placeholder("float", shape=[None, 784])
y_ = tf.placeholder("float", shape=[None, 10])
x_image = tf.reshape(x, [-1, 28, 28, 1])

h_conv1 = tf.nn.relu(conv2d(x_image, weight_variable([5, 5, 1, 8], 1)) + bias_variable([8]))
h_pool1 = max_pool_2x2(h_conv1)
h_conv2 = tf.nn.relu(conv2d(h_pool1, weight_variable([5, 5, 8, 16], 2)) + bias_variable([16]))
h_pool2 = max_pool_2x2(h_conv2)

h_flat = tf.reshape(h_pool2, [-1, 2 * 2 * 16])
h_fc1 = tf.nn.relu(tf.matmul(h_flat, weight_variable([2 * 2 * 16, 32], 3)) + bias_variable([32]))
keep_prob = tf.placeholder("float")
h_fc1_drop = tf.nn.dropout(h_fc1, keep_prob, seed=7)
y_conv = tf.matmul(h_fc1_drop, weight_variable([32, 10], 4)) + bias_variable([10])

cross_entropy = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(labels=y_, logits=y_conv))
train_step = tf.train.AdamOptimizer(1e-2).minimize(cross_entropy)
correct_prediction = tf.equal(tf.argmax(y_conv, 1), tf.argmax(y_, 1))
accuracy = tf.reduce_mean(tf.cast(correct_prediction, "float"))
sess.run(tf.global_variables_initializer())

for i in range(21):
    batch = mnist.train.next_batch(20)
    if i % 10 == 0:
        print("loss %.7f" % cross_entropy.eval(feed_dict={x: batch[0], y_: batch[1], keep_prob: 1.0}))
    train_step.run(feed_dict={x: batch[0], y_: batch[1], keep_prob: 0.5})
print("test accuracy %g" % accuracy.eval(feed_dict={x: mnist.test.images, y_: mnist.test.labels, keep_prob: 1.0}))
