"""contrib.layers with arg_scope, batch_norm and its update ops, and optimize_loss's pieces written by hand."""

import numpy as np
import tensorflow as tf
import tensorflow.contrib.layers as layers
from tensorflow.contrib.framework import add_arg_scope, arg_scope
from tensorflow.contrib.framework.python.ops import variables as contrib_variables
from tensorflow.python.ops import control_flow_ops, math_ops

rng = np.random.RandomState(0)
data = rng.randn(120, 6).astype(np.float32)
target = (data[:, :1] * data[:, 1:2] > 0).astype(np.int64)[:, 0]

tf.set_random_seed(1)
is_training = tf.placeholder_with_default(False, [], name="is_training")
x = tf.placeholder(tf.float32, [None, 6])
labels = tf.placeholder(tf.int64, [None])


@add_arg_scope
def block(inputs, num_outputs, is_training=None, scope=None):
    with tf.variable_scope(scope, "block", [inputs]):
        net = layers.fully_connected(inputs, num_outputs)
        return layers.batch_norm(net, is_training=is_training, decay=0.8, scale=True)


with arg_scope([block], is_training=is_training):
    with arg_scope(
        [layers.fully_connected],
        weights_initializer=tf.random_normal_initializer(stddev=0.3, seed=3),
        weights_regularizer=layers.l2_regularizer(1e-3),
    ):
        net = block(x, 16)
        net = block(net, 16)
        logits = layers.fully_connected(net, 2, activation_fn=None, scope="logits")

tf.losses.sparse_softmax_cross_entropy(labels, logits)
total_loss = tf.losses.get_total_loss()
global_step = contrib_variables.get_or_create_global_step()
update_ops = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
with tf.control_dependencies(update_ops):
    grads = tf.train.AdamOptimizer(0.02)
    train = grads.minimize(total_loss, global_step=global_step)
train_op = control_flow_ops.with_dependencies([train], total_loss, name="train_op")
accuracy = math_ops.reduce_mean(tf.to_float(tf.equal(tf.argmax(logits, 1), labels)))

print("updates", len(update_ops), "variables", [v.op.name for v in tf.model_variables()][:3])
with tf.Session() as sess:
    sess.run([tf.global_variables_initializer(), tf.local_variables_initializer()])
    for i in range(61):
        value = sess.run(train_op, {x: data, labels: target, is_training: True})
        if i % 20 == 0:
            print("loss %.7f" % value)
    print("step", tf.train.global_step(sess, global_step), "accuracy %.2f" % sess.run(accuracy, {x: data, labels: target}))
