"""A character model: layers of LSTM with dropout, its state fed back, gradients clipped, a learning rate that is assigned."""

from __future__ import print_function

import argparse
import os
from collections import Counter

import numpy as np
import tensorflow as tf
from tensorflow.contrib import legacy_seq2seq, rnn

TEXT = "the quick brown fox jumps over the lazy dog. pack my box with five dozen jugs. " * 12


class Model:
    def __init__(self, args, training=True):
        if not training:
            args.batch_size, args.seq_length = 1, 1
        cells = []
        for _ in range(args.num_layers):
            cell = rnn.BasicLSTMCell(args.rnn_size)
            if training and args.keep < 1.0:
                cell = rnn.DropoutWrapper(cell, input_keep_prob=args.keep, output_keep_prob=args.keep)
            cells.append(cell)
        self.cell = cell = rnn.MultiRNNCell(cells, state_is_tuple=True)
        self.input_data = tf.placeholder(tf.int32, [args.batch_size, args.seq_length])
        self.targets = tf.placeholder(tf.int32, [args.batch_size, args.seq_length])
        self.initial_state = cell.zero_state(args.batch_size, tf.float32)
        with tf.variable_scope("rnnlm", initializer=tf.random_uniform_initializer(-0.2, 0.2, seed=3)):
            softmax_w = tf.get_variable("softmax_w", [args.rnn_size, args.vocab_size])
            softmax_b = tf.get_variable("softmax_b", [args.vocab_size])
            embedding = tf.get_variable("embedding", [args.vocab_size, args.rnn_size])
            inputs = tf.nn.embedding_lookup(embedding, self.input_data)
            inputs = tf.split(inputs, args.seq_length, 1)
            inputs = [tf.squeeze(input_, [1]) for input_ in inputs]
            outputs, last_state = rnn.static_rnn(cell, inputs, initial_state=self.initial_state, scope="decoder")
        output = tf.reshape(tf.concat(outputs, 1), [-1, args.rnn_size])
        self.logits = tf.matmul(output, softmax_w) + softmax_b
        self.probs = tf.nn.softmax(self.logits)
        loss = legacy_seq2seq.sequence_loss_by_example(
            [self.logits], [tf.reshape(self.targets, [-1])], [tf.ones([args.batch_size * args.seq_length])]
        )
        with tf.name_scope("cost"):
            self.cost = tf.reduce_sum(loss) / args.batch_size / args.seq_length
        self.final_state = last_state
        self.lr = tf.Variable(0.0, trainable=False)
        tvars = tf.trainable_variables()
        grads, _ = tf.clip_by_global_norm(tf.gradients(self.cost, tvars), args.grad_clip)
        with tf.name_scope("optimizer"):
            optimizer = tf.train.AdamOptimizer(self.lr)
        self.train_op = optimizer.apply_gradients(zip(grads, tvars))
        tf.summary.histogram("logits", self.logits)
        tf.summary.scalar("train_loss", self.cost)


def main():
    parser = argparse.ArgumentParser(formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--save_dir", type=str, default="save")
    parser.add_argument("--rnn_size", type=int, default=24)
    parser.add_argument("--num_layers", type=int, default=2)
    parser.add_argument("--batch_size", type=int, default=8)
    parser.add_argument("--seq_length", type=int, default=10)
    parser.add_argument("--keep", type=float, default=1.0)
    parser.add_argument("--grad_clip", type=float, default=5.0)
    args = parser.parse_args()
    chars = [c for c, _ in sorted(Counter(TEXT).items(), key=lambda pair: (-pair[1], pair[0]))]
    args.vocab_size = len(chars)
    tensor = np.array([chars.index(c) for c in TEXT])
    num_batches = len(tensor) // (args.batch_size * args.seq_length)
    xdata = tensor[: num_batches * args.batch_size * args.seq_length]
    ydata = np.roll(xdata, -1)
    x_batches = np.split(xdata.reshape(args.batch_size, -1), num_batches, 1)
    y_batches = np.split(ydata.reshape(args.batch_size, -1), num_batches, 1)
    model = Model(args)
    with tf.Session() as sess:
        summaries = tf.summary.merge_all()
        writer = tf.summary.FileWriter(os.path.join(args.save_dir, "log"))
        writer.add_graph(sess.graph)
        sess.run(tf.global_variables_initializer())
        saver = tf.train.Saver(tf.global_variables())
        for epoch in range(4):
            sess.run(tf.assign(model.lr, 0.02 * (0.97**epoch)))
            state = sess.run(model.initial_state)
            for x, y in zip(x_batches, y_batches):
                feed = {model.input_data: x, model.targets: y}
                for i, (c, h) in enumerate(model.initial_state):
                    feed[c] = state[i].c
                    feed[h] = state[i].h
                summ, train_loss, state, _ = sess.run([summaries, model.cost, model.final_state, model.train_op], feed)
                writer.add_summary(summ, epoch)
            print("loss %.7f" % train_loss)
        path = saver.save(sess, os.path.join(args.save_dir, "model.ckpt"), global_step=epoch)
    tf.reset_default_graph()
    model = Model(args, training=False)
    with tf.Session() as sess:
        tf.global_variables_initializer().run()
        ckpt = tf.train.get_checkpoint_state(args.save_dir)
        tf.train.Saver(tf.global_variables()).restore(sess, ckpt.model_checkpoint_path)
        state, word = sess.run(model.cell.zero_state(1, tf.float32)), "t"
        for _ in range(10):
            feed = {model.input_data: [[chars.index(word[-1])]], model.initial_state: state}
            probs, state = sess.run([model.probs, model.final_state], feed)
            word += chars[int(np.argmax(probs[0]))]
        print("sampled", repr(word), os.path.basename(path))


if __name__ == "__main__":
    main()
