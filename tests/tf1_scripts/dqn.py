"""Q-learning with a network that learns and one that follows by assignments."""

import numpy as np
import tensorflow as tf


class DeepQNetwork:
    def __init__(self, n_actions, n_features, learning_rate=0.01, reward_decay=0.9):
        self.n_actions = n_actions
        self.n_features = n_features
        self.lr = learning_rate
        self.gamma = reward_decay
        self.learn_step_counter = 0
        self._build_net()
        t_params = tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, scope="target_net")
        e_params = tf.get_collection(tf.GraphKeys.GLOBAL_VARIABLES, scope="eval_net")
        with tf.variable_scope("soft_replacement"):
            self.target_replace_op = [tf.assign(t, e) for t, e in zip(t_params, e_params)]
        self.sess = tf.Session()
        self.sess.run(tf.global_variables_initializer())

    def _layers(self, inputs, w_initializer):
        with tf.variable_scope("l1"):
            w1 = tf.get_variable("w1", [self.n_features, 10], initializer=w_initializer)
            b1 = tf.get_variable("b1", [1, 10], initializer=tf.constant_initializer(0.1))
            l1 = tf.nn.relu(tf.matmul(inputs, w1) + b1)
        with tf.variable_scope("l2"):
            w2 = tf.get_variable("w2", [10, self.n_actions], initializer=w_initializer)
            return tf.matmul(l1, w2)

    def _build_net(self):
        self.s = tf.placeholder(tf.float32, [None, self.n_features], name="s")
        self.s_ = tf.placeholder(tf.float32, [None, self.n_features], name="s_")
        self.r = tf.placeholder(tf.float32, [None], name="r")
        self.a = tf.placeholder(tf.int32, [None], name="a")
        with tf.variable_scope("eval_net"):
            self.q_eval = self._layers(self.s, tf.random_normal_initializer(0.0, 0.3, seed=1))
        with tf.variable_scope("target_net"):
            self.q_next = self._layers(self.s_, tf.random_normal_initializer(0.0, 0.3, seed=2))
        with tf.variable_scope("q_target"):
            q_target = self.r + self.gamma * tf.reduce_max(self.q_next, axis=1, name="Qmax_s_")
            self.q_target = tf.stop_gradient(q_target)
        with tf.variable_scope("q_eval"):
            a_indices = tf.stack([tf.range(tf.shape(self.a)[0], dtype=tf.int32), self.a], axis=1)
            self.q_eval_wrt_a = tf.gather_nd(params=self.q_eval, indices=a_indices)
        with tf.variable_scope("loss"):
            self.loss = tf.reduce_mean(tf.squared_difference(self.q_target, self.q_eval_wrt_a, name="TD_error"))
        with tf.variable_scope("train"):
            self._train_op = tf.train.RMSPropOptimizer(self.lr).minimize(self.loss)

    def learn(self, batch):
        if self.learn_step_counter % 10 == 0:
            self.sess.run(self.target_replace_op)
        feeds = dict(zip([self.s, self.a, self.r, self.s_], batch))
        _, cost = self.sess.run([self._train_op, self.loss], feed_dict=feeds)
        self.learn_step_counter += 1
        return cost


if __name__ == "__main__":
    rng = np.random.RandomState(0)
    network = DeepQNetwork(n_actions=3, n_features=4)
    for step in range(41):
        states = rng.randn(16, 4)
        cost = network.learn([states, rng.randint(3, size=16), states[:, 0], rng.randn(16, 4)])
        if step % 20 == 0:
            print("loss %.7f" % cost)
