"""An autoencoder with dictionaries of weights, and a variational one with a reparametrisation, on the same images."""

import sys

import numpy as np
import tensorflow as tf
from tensorflow.examples.tutorials.mnist import input_data

mnist = input_data.read_data_sets(sys.argv[1], one_hot=True, seed=0)
num_hidden_1, num_hidden_2, num_input = 24, 8, 784
X = tf.placeholder("float", [None, num_input])
weights = {
    "encoder_h1": tf.Variable(tf.random_normal([num_input, num_hidden_1], stddev=0.1, seed=1)),
    "encoder_h2": tf.Variable(tf.random_normal([num_hidden_1, num_hidden_2], stddev=0.3, seed=2)),
    "decoder_h1": tf.Variable(tf.random_normal([num_hidden_2, num_hidden_1], stddev=0.3, seed=3)),
    "decoder_h2": tf.Variable(tf.random_normal([num_hidden_1, num_input], stddev=0.1, seed=4)),
}
biases = {
    "encoder_b1": tf.Variable(tf.zeros([num_hidden_1])),
    "encoder_b2": tf.Variable(tf.zeros([num_hidden_2])),
    "decoder_b1": tf.Variable(tf.zeros([num_hidden_1])),
    "decoder_b2": tf.Variable(tf.zeros([num_input])),
}


def encoder(x):
    layer_1 = tf.nn.sigmoid(tf.add(tf.matmul(x, weights["encoder_h1"]), biases["encoder_b1"]))
    return tf.nn.sigmoid(tf.add(tf.matmul(layer_1, weights["encoder_h2"]), biases["encoder_b2"]))


def decoder(x):
    layer_1 = tf.nn.sigmoid(tf.add(tf.matmul(x, weights["decoder_h1"]), biases["decoder_b1"]))
    return tf.nn.sigmoid(tf.add(tf.matmul(layer_1, weights["decoder_h2"]), biases["decoder_b2"]))


decoder_op = decoder(encoder(X))
loss = tf.reduce_mean(tf.pow(X - decoder_op, 2))
optimizer = tf.train.RMSPropOptimizer(0.01).minimize(loss)


# The variational one.
def glorot(shape, seed):
    return tf.Variable(tf.random_normal(shape=shape, stddev=1.0 / np.sqrt(shape[0] / 2.0), seed=seed))


hidden = tf.nn.tanh(tf.matmul(X, glorot([num_input, 16], 5)))
z_mean, z_std = tf.matmul(hidden, glorot([16, 2], 6)), tf.matmul(hidden, glorot([16, 2], 7))
eps = tf.random_normal(tf.shape(z_std), dtype=tf.float32, mean=0.0, stddev=1.0, seed=8, name="epsilon")
z = z_mean + tf.exp(z_std / 2) * eps
decoded = tf.nn.sigmoid(tf.matmul(tf.nn.tanh(tf.matmul(z, glorot([2, 16], 9))), glorot([16, num_input], 10)))
encode_decode_loss = -tf.reduce_sum(X * tf.log(1e-10 + decoded) + (1 - X) * tf.log(1e-10 + 1 - decoded), 1)
kl_div_loss = -0.5 * tf.reduce_sum(1 + z_std - tf.square(z_mean) - tf.exp(z_std), 1)
vae_loss = tf.reduce_mean(encode_decode_loss + kl_div_loss)
vae_train = tf.train.RMSPropOptimizer(learning_rate=0.005).minimize(vae_loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(1, 61):
        batch_x, _ = mnist.train.next_batch(50)
        _, c = sess.run([optimizer, loss], feed_dict={X: batch_x})
        _, v = sess.run([vae_train, vae_loss], feed_dict={X: batch_x})
        if i % 20 == 0:
            print("loss %.7f %.5f" % (c, v))
