"""Skip-gram with a sampled softmax, and the graph's devices, seeds and nearest words written as in the vector tutorial."""

import collections
import random

import numpy as np
import tensorflow as tf

words = ("anarchism originated as a term of abuse first used against early working class radicals " * 20).split()
vocabulary_size = 10


def build_dataset(words, n_words):
    count = [["UNK", -1]]
    count.extend(sorted(collections.Counter(words).most_common(), key=lambda c: (-c[1], c[0]))[: n_words - 1])
    dictionary = {word: i for i, (word, _) in enumerate(count)}
    data = [dictionary.get(word, 0) for word in words]
    return data, count, dictionary, dict(zip(dictionary.values(), dictionary.keys()))


data, count, dictionary, reverse_dictionary = build_dataset(words, vocabulary_size)
data_index = 0
random.seed(0)


def generate_batch(batch_size, num_skips, skip_window):
    global data_index
    batch = np.ndarray(shape=(batch_size), dtype=np.int32)
    labels = np.ndarray(shape=(batch_size, 1), dtype=np.int32)
    span = 2 * skip_window + 1
    buffer = collections.deque(maxlen=span)
    for _ in range(span):
        buffer.append(data[data_index])
        data_index = (data_index + 1) % len(data)
    for i in range(batch_size // num_skips):
        context_words = [w for w in range(span) if w != skip_window]
        for j, context_word in enumerate(random.sample(context_words, num_skips)):
            batch[i * num_skips + j] = buffer[skip_window]
            labels[i * num_skips + j, 0] = buffer[context_word]
        buffer.append(data[data_index])
        data_index = (data_index + 1) % len(data)
    return batch, labels


graph = tf.Graph()
with graph.as_default(), tf.device("/cpu:0"):
    tf.set_random_seed(1)
    train_dataset = tf.placeholder(tf.int32, shape=[16])
    train_labels = tf.placeholder(tf.int32, shape=[16, 1])
    valid_dataset = tf.constant([1, 2, 3], dtype=tf.int32)
    embeddings = tf.Variable(tf.random_uniform([vocabulary_size, 8], -1.0, 1.0, seed=4))
    softmax_weights = tf.Variable(tf.truncated_normal([vocabulary_size, 8], stddev=0.3, seed=5))
    softmax_biases = tf.Variable(tf.zeros([vocabulary_size]))
    embed = tf.nn.embedding_lookup(embeddings, train_dataset)
    loss = tf.reduce_mean(
        tf.nn.sampled_softmax_loss(
            weights=softmax_weights, biases=softmax_biases, inputs=embed, labels=train_labels, num_sampled=5, num_classes=vocabulary_size
        )
    )
    nce = tf.reduce_mean(tf.nn.nce_loss(softmax_weights, softmax_biases, train_labels, embed, 5, vocabulary_size))
    full = tf.reduce_mean(
        tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tf.squeeze(train_labels, 1), logits=tf.matmul(embed, softmax_weights, transpose_b=True) + softmax_biases
        )
    )
    optimizer = tf.train.AdagradOptimizer(0.5).minimize(loss)
    norm = tf.sqrt(tf.reduce_sum(tf.square(embeddings), 1, keep_dims=True))
    normalized_embeddings = embeddings / norm
    similarity = tf.matmul(tf.nn.embedding_lookup(normalized_embeddings, valid_dataset), tf.transpose(normalized_embeddings))

with tf.Session(graph=graph) as session:
    tf.global_variables_initializer().run()
    batch_data, batch_labels = generate_batch(16, 2, 1)
    probe = {train_dataset: batch_data, train_labels: batch_labels}
    print("loss %.5f" % session.run(full, probe))
    for step in range(300):
        batch_data, batch_labels = generate_batch(16, 2, 1)
        _, c, n = session.run([optimizer, loss, nce], feed_dict={train_dataset: batch_data, train_labels: batch_labels})
        assert np.isfinite([c, n]).all()
    print("loss %.5f" % session.run(full, probe))
    sim = similarity.eval()
    for i in range(3):
        nearest = (-sim[i, :]).argsort()[1:4]
        print("Nearest to %s: %s" % (reverse_dictionary[i + 1], ", ".join(reverse_dictionary[k] for k in nearest)))
