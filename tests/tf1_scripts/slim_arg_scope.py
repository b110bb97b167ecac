"""A small network with slim's layers, scopes of arguments and `create_train_op`."""

import numpy as np
import tensorflow as tf
import tensorflow.contrib.slim as slim


def inference(images, is_training=True):
    with (
        slim.arg_scope(
            [slim.conv2d, slim.fully_connected],
            activation_fn=tf.nn.relu,
            weights_initializer=tf.truncated_normal_initializer(0.0, 0.1),
            weights_regularizer=slim.l2_regularizer(0.0005),
        ),
        slim.arg_scope([slim.batch_norm, slim.dropout], is_training=is_training),
    ):
        net = slim.repeat(images, 2, slim.conv2d, 8, [3, 3], scope="conv1")
        net = slim.max_pool2d(net, [2, 2], scope="pool1")
        net = slim.batch_norm(net, decay=0.9)
        net = slim.flatten(net)
        net = slim.fully_connected(net, 16, scope="fc1")
        net = slim.dropout(net, 0.9)
        return slim.fully_connected(net, 3, activation_fn=None, scope="logits")


def main(_):
    tf.set_random_seed(4)
    tf.logging.set_verbosity(tf.logging.ERROR)
    labels = np.arange(24) % 3
    images = np.random.RandomState(1).rand(24, 8, 8, 1).astype(np.float32) * 0.1 + labels.reshape(24, 1, 1, 1)
    logits = inference(tf.constant(images))
    tf.losses.softmax_cross_entropy(slim.one_hot_encoding(tf.constant(labels), 3), logits)
    total_loss = tf.losses.get_total_loss()
    optimizer = tf.train.MomentumOptimizer(0.05, 0.9)
    train_op = slim.learning.create_train_op(total_loss, optimizer, clip_gradient_norm=4)

    with tf.Session() as sess:
        sess.run(tf.global_variables_initializer())
        for i in range(60):
            value = sess.run(train_op)
            if i % 20 == 0 or i == 59:
                print("loss %.5f" % value)
        print("variables", len(slim.get_model_variables()), "regularized", len(tf.losses.get_regularization_losses()))


if __name__ == "__main__":
    tf.app.run()
