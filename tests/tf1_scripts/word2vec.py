"""Word vectors by noise contrastive estimation."""

import collections
import math
import random

import numpy as np
import tensorflow as tf

words = ("the quick brown fox jumps over the lazy dog while the small cat sleeps near the old warm stove " * 20).split()
counts = collections.Counter(words).most_common()
dictionary = {word: i for i, (word, _) in enumerate(counts)}
data = [dictionary[word] for word in words]
vocabulary_size = len(dictionary)
embedding_size = 16
batch_size = 32
num_sampled = 5
random.seed(1)
np.random.seed(1)

# How often a class of rank i is expected among the negative samples: words are sorted by frequency.
expected = num_sampled * (np.log(np.arange(vocabulary_size) + 2) - np.log(np.arange(vocabulary_size) + 1)) / np.log(vocabulary_size + 1)


def generate_batch():
    centers = [random.randrange(1, len(data) - 1) for _ in range(batch_size)]
    context = [data[c + random.choice([-1, 1])] for c in centers]
    negative = np.random.choice(vocabulary_size, num_sampled, replace=False, p=expected / expected.sum())
    return np.array([data[c] for c in centers]), np.array(context).reshape(-1, 1), negative


graph = tf.Graph()
with graph.as_default():
    train_inputs = tf.placeholder(tf.int32, shape=[batch_size])
    train_labels = tf.placeholder(tf.int64, shape=[batch_size, 1])
    sampled = tf.placeholder(tf.int64, shape=[num_sampled])
    frequency = tf.constant(expected, tf.float32)
    with tf.device("/cpu:0"):
        embeddings = tf.Variable(tf.random_uniform([vocabulary_size, embedding_size], -1.0, 1.0, seed=1))
        embed = tf.nn.embedding_lookup(embeddings, train_inputs)
        stddev = 1.0 / math.sqrt(embedding_size)
        nce_weights = tf.Variable(tf.truncated_normal([vocabulary_size, embedding_size], stddev=stddev, seed=2))
        nce_biases = tf.Variable(tf.zeros([vocabulary_size]))
    loss = tf.reduce_mean(
        tf.nn.nce_loss(
            weights=nce_weights,
            biases=nce_biases,
            labels=train_labels,
            inputs=embed,
            num_sampled=num_sampled,
            num_classes=vocabulary_size,
            sampled_values=(sampled, tf.gather(frequency, train_labels), tf.gather(frequency, sampled)),
        )
    )
    optimizer = tf.train.GradientDescentOptimizer(0.5).minimize(loss)
    norm = tf.sqrt(tf.reduce_sum(tf.square(embeddings), 1, keep_dims=True))
    normalized_embeddings = embeddings / norm
    init = tf.global_variables_initializer()

with tf.Session(graph=graph) as session:
    init.run()
    average_loss = 0
    for step in range(1, 601):
        batch_inputs, batch_labels, negative = generate_batch()
        feed_dict = {train_inputs: batch_inputs, train_labels: batch_labels, sampled: negative}
        _, loss_val = session.run([optimizer, loss], feed_dict=feed_dict)
        average_loss += loss_val
        if step % 200 == 0:
            print("loss %.5f" % (average_loss / 200))
            average_loss = 0
    final_embeddings = normalized_embeddings.eval()
    print("unit length", np.allclose(np.linalg.norm(final_embeddings, axis=1), 1, atol=1e-5))
