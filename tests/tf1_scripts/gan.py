"""A generative adversarial network: two training ops on two lists of variables."""

import numpy as np
import tensorflow as tf

z_dim = 4
batch = 32


def xavier_init(shape, seed):
    return tf.random_normal(shape=shape, stddev=1.0 / tf.sqrt(shape[0] / 2.0), seed=seed)


X = tf.placeholder(tf.float32, shape=[None, 2])
Z = tf.placeholder(tf.float32, shape=[None, z_dim])

D_W1 = tf.Variable(xavier_init([2, 16], 1))
D_b1 = tf.Variable(tf.zeros(shape=[16]))
D_W2 = tf.Variable(xavier_init([16, 1], 2))
D_b2 = tf.Variable(tf.zeros(shape=[1]))
theta_D = [D_W1, D_W2, D_b1, D_b2]

G_W1 = tf.Variable(xavier_init([z_dim, 16], 3))
G_b1 = tf.Variable(tf.zeros(shape=[16]))
G_W2 = tf.Variable(xavier_init([16, 2], 4))
G_b2 = tf.Variable(tf.zeros(shape=[2]))
theta_G = [G_W1, G_W2, G_b1, G_b2]


def generator(z):
    return tf.matmul(tf.nn.relu(tf.matmul(z, G_W1) + G_b1), G_W2) + G_b2


def discriminator(x):
    return tf.matmul(tf.nn.relu(tf.matmul(x, D_W1) + D_b1), D_W2) + D_b2


G_sample = generator(Z)
D_logit_real = discriminator(X)
D_logit_fake = discriminator(G_sample)

D_loss_real = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(logits=D_logit_real, labels=tf.ones_like(D_logit_real)))
D_loss_fake = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(logits=D_logit_fake, labels=tf.zeros_like(D_logit_fake)))
D_loss = D_loss_real + D_loss_fake
G_loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(logits=D_logit_fake, labels=tf.ones_like(D_logit_fake)))

D_solver = tf.train.AdamOptimizer(0.01).minimize(D_loss, var_list=theta_D)
G_solver = tf.train.AdamOptimizer(0.01).minimize(G_loss, var_list=theta_G)
clip_D = [p.assign(tf.clip_by_value(p, -1.0, 1.0)) for p in theta_D]

rng = np.random.RandomState(0)
sess = tf.Session()
sess.run(tf.global_variables_initializer())
for it in range(61):
    X_mb = rng.randn(batch, 2) * 0.5 + [1.0, -1.0]
    _, D_loss_curr = sess.run([D_solver, D_loss], feed_dict={X: X_mb, Z: rng.uniform(-1.0, 1.0, [batch, z_dim])})
    sess.run(clip_D)
    _, G_loss_curr = sess.run([G_solver, G_loss], feed_dict={Z: rng.uniform(-1.0, 1.0, [batch, z_dim])})
    if it % 20 == 0:
        print("loss %.7f %.7f" % (D_loss_curr, G_loss_curr))
