"""slim.learning.train and then slim.evaluation by hand: an image network with its arg_scope in a function."""

import sys

import numpy as np
import tensorflow as tf
from tensorflow.contrib import slim


def trunc_normal(stddev):
    return tf.truncated_normal_initializer(0.0, stddev, seed=2)


def cifarnet_arg_scope(weight_decay=0.004):
    with slim.arg_scope([slim.conv2d], weights_initializer=trunc_normal(0.1), activation_fn=tf.nn.relu):
        with slim.arg_scope(
            [slim.fully_connected],
            biases_initializer=tf.constant_initializer(0.1),
            weights_initializer=trunc_normal(0.04),
            weights_regularizer=slim.l2_regularizer(weight_decay),
            activation_fn=tf.nn.relu,
        ) as sc:
            return sc


def cifarnet(images, num_classes=10, is_training=False, prediction_fn=tf.contrib.layers.softmax, scope="CifarNet"):
    end_points = {}
    with tf.variable_scope(scope, "CifarNet", [images, num_classes]):
        net = slim.conv2d(images, 8, [5, 5], scope="conv1")
        end_points["conv1"] = net
        net = slim.max_pool2d(net, [2, 2], 2, scope="pool1")
        net = tf.nn.lrn(net, 4, bias=1.0, alpha=0.001 / 9.0, beta=0.75, name="norm1")
        net = slim.flatten(net)
        net = slim.fully_connected(net, 16, scope="fc3")
        net = slim.dropout(net, 1.0, is_training=is_training, scope="dropout3")
        logits = slim.fully_connected(
            net,
            num_classes,
            biases_initializer=tf.zeros_initializer(),
            weights_initializer=trunc_normal(1 / 16.0),
            activation_fn=None,
            scope="logits",
        )
        end_points["Logits"] = logits
        end_points["Predictions"] = prediction_fn(logits, scope="Predictions")
    return logits, end_points


def main(_):
    tf.logging.set_verbosity(tf.logging.ERROR)
    train_dir = sys.argv[1]
    labels = np.arange(20) % 4
    images = np.random.RandomState(1).rand(20, 8, 8, 3).astype(np.float32) * 0.5 + labels.reshape(20, 1, 1, 1).astype(np.float32)
    with tf.Graph().as_default():
        global_step = tf.train.get_or_create_global_step()
        with slim.arg_scope(cifarnet_arg_scope()):
            logits, end_points = cifarnet(tf.constant(images), 4, is_training=True)
        tf.losses.softmax_cross_entropy(slim.one_hot_encoding(labels, 4), logits)
        total_loss = tf.losses.get_total_loss()
        for end_point in end_points:
            tf.summary.histogram("activations/" + end_point, end_points[end_point])
        tf.summary.scalar("losses/total", total_loss)
        rate = tf.train.exponential_decay(0.05, global_step, 30, 0.9, staircase=True)
        optimizer = tf.train.RMSPropOptimizer(rate, decay=0.9, momentum=0.5, epsilon=1.0)
        train_op = slim.learning.create_train_op(total_loss, optimizer, summarize_gradients=True)
        final_loss = slim.learning.train(
            train_op,
            train_dir,
            number_of_steps=60,
            log_every_n_steps=20,
            save_summaries_secs=1,
            save_interval_secs=600,
            summary_op=tf.summary.merge_all(),
        )
        print("loss %.7f" % final_loss)
    with tf.Graph().as_default(), tf.Session() as sess:
        with slim.arg_scope(cifarnet_arg_scope()):
            logits, _ = cifarnet(tf.constant(images), 4)
        correct = tf.reduce_mean(tf.to_float(tf.equal(tf.argmax(logits, 1), tf.constant(labels))))
        init_fn = tf.contrib.framework.assign_from_checkpoint_fn(
            tf.train.latest_checkpoint(train_dir), slim.get_model_variables("CifarNet")
        )
        init_fn(sess)
        print("Accuracy %.2f" % sess.run(correct))


if __name__ == "__main__":
    tf.app.run()
