"""Two towers that share variables, their gradients averaged, as programs for several GPUs do it."""

import numpy as np
import tensorflow as tf

PS_OPS = ["Variable", "VariableV2", "AutoReloadVariable"]


def assign_to_device(device, ps_device="/cpu:0"):
    def _assign(op):
        return "/" + ps_device if op.type in PS_OPS else device

    return _assign


def net(x, reuse):
    with tf.variable_scope("net", reuse=reuse, initializer=tf.random_uniform_initializer(-0.3, 0.3, seed=1)):
        x = tf.layers.dense(x, 12, activation=tf.nn.elu)
        return tf.layers.dense(x, 3)


def average_gradients(tower_grads):
    average_grads = []
    for grad_and_vars in zip(*tower_grads):
        grads = []
        for g, _ in grad_and_vars:
            grads.append(tf.expand_dims(g, 0))
        grad = tf.reduce_mean(tf.concat(grads, 0), 0)
        average_grads.append((grad, grad_and_vars[0][1]))
    return average_grads


rng = np.random.RandomState(0)
data = rng.randn(64, 5)
classes = np.argmax(data[:, :3], 1)

with tf.device("/cpu:0"):
    tower_grads, reuse_vars = [], False
    X = tf.placeholder(tf.float32, [None, 5])
    Y = tf.placeholder(tf.float32, [None, 3])
    for i in range(2):
        with tf.device(assign_to_device("/gpu:{}".format(i), ps_device="/cpu:0")):
            with tf.name_scope("tower_%d" % i) as scope:
                _x, _y = X[i * 32 : (i + 1) * 32], Y[i * 32 : (i + 1) * 32]
                logits = net(_x, reuse=reuse_vars)
                loss_op = tf.reduce_mean(tf.nn.softmax_cross_entropy_with_logits(logits=logits, labels=_y))
                optimizer = tf.train.AdamOptimizer(learning_rate=0.05)
                grads = optimizer.compute_gradients(loss_op)
                reuse_vars = True
                tower_grads.append(grads)
    train_op = optimizer.apply_gradients(average_gradients(tower_grads))
    config = tf.ConfigProto(allow_soft_placement=True, device_count={"GPU": 0}, intra_op_parallelism_threads=1)
    config.gpu_options.per_process_gpu_memory_fraction = 0.4
    with tf.Session(config=config) as sess:
        sess.run(tf.global_variables_initializer())
        for step in range(1, 41):
            feed = {X: data, Y: np.eye(3)[classes]}
            sess.run(train_op, feed_dict=feed)
            if step % 10 == 0:
                print("loss %.7f" % sess.run(loss_op, feed_dict=feed))
print("variables", sorted(v.name for v in tf.trainable_variables()))
