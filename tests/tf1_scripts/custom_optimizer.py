"""An optimizer of one's own on TensorFlow's modules, and `tensorflow.compat.v1` for the rest."""

import numpy as np
import tensorflow.compat.v1 as tf
from tensorflow.python.framework import ops
from tensorflow.python.ops import control_flow_ops, math_ops, state_ops
from tensorflow.python.training import optimizer

tf.disable_v2_behavior()


class NormalizedMomentum(optimizer.Optimizer):
    def __init__(self, learning_rate=0.1, momentum=0.9, use_locking=False, name="NormalizedMomentum"):
        super().__init__(use_locking, name)
        self._lr = learning_rate
        self._momentum = momentum

    def _prepare(self):
        self._lr_t = ops.convert_to_tensor(self._lr, name="learning_rate")
        self._momentum_t = ops.convert_to_tensor(self._momentum, name="momentum")

    def _create_slots(self, var_list):
        for v in var_list:
            self._zeros_slot(v, "m", self._name)

    def _apply_dense(self, grad, var):
        lr_t = math_ops.cast(self._lr_t, var.dtype.base_dtype)
        momentum_t = math_ops.cast(self._momentum_t, var.dtype.base_dtype)
        m = self.get_slot(var, "m")
        unit = grad / (math_ops.sqrt(math_ops.reduce_sum(math_ops.square(grad))) + 1e-6)
        m_t = state_ops.assign(m, momentum_t * m + unit)
        var_update = state_ops.assign_sub(var, lr_t * m_t)
        return control_flow_ops.group(var_update, m_t)

    def _resource_apply_dense(self, grad, var):
        return self._apply_dense(grad, var)


target = np.array([1.0, -2.0, 3.0], np.float32)
w = tf.get_variable("w", [3], initializer=tf.zeros_initializer(), use_resource=False)
loss = tf.reduce_sum(tf.square(w - target))
train = NormalizedMomentum(0.05).minimize(loss)

with tf.Session() as sess:
    sess.run(tf.global_variables_initializer())
    for i in range(60):
        sess.run(train)
        if i % 20 == 19:
            print("loss %.7f" % sess.run(loss))
