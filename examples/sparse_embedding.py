"""Train word vectors whose gradients stay sparse: each step touches the rows of its batch and no others.

The data are made up: 1,000 "words", of which each belongs to one of eight topics; a pair of words is good when both share a topic.

    python examples/sparse_embedding.py [--steps 1000]
"""

import argparse

import numpy as np

import graphopt as tf

WORDS, TOPICS, SIZE, BATCH = 1_000, 8, 16, 64


def batch(random, topics):
    """Return word pairs i64[BATCH,2] and whether they share a topic, f32[BATCH]."""
    pairs = random.randint(0, WORDS, (BATCH, 2))
    same = random.rand(BATCH) < 0.5
    for row in np.flatnonzero(same):
        pairs[row, 1] = random.choice(topics[pairs[row, 0] % TOPICS])
    return pairs, (pairs[:, 0] % TOPICS == pairs[:, 1] % TOPICS).astype(np.float32)


def main():
    """Train and print how well held-out pairs are told apart."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=1000)
    arguments = parser.parse_args()
    random = np.random.RandomState(0)
    topics = [np.arange(topic, WORDS, TOPICS) for topic in range(TOPICS)]

    tf.set_random_seed(0)
    pairs = tf.placeholder(tf.int64, [None, 2])
    shared = tf.placeholder(tf.float32, [None])
    table = tf.get_variable("table", [WORDS, SIZE], initializer=tf.random_normal_initializer(0.0, 0.3))
    vectors = tf.nn.embedding_lookup(table, pairs)
    score = tf.reduce_sum(vectors[:, 0] * vectors[:, 1], axis=1)
    loss = tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=shared, logits=score))
    (gradient,) = tf.gradients(loss, [table])
    step = tf.train.get_or_create_global_step()
    train_op = tf.contrib.layers.optimize_loss(loss, step, 3.0, "Adagrad", clip_gradients=5.0)

    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        before = session.run(table)
        first, labels = batch(random, topics)
        session.run(train_op, {pairs: first, shared: labels})
        touched = np.flatnonzero(np.any(session.run(table) != before, axis=1))
        print(f"gradient: {type(gradient).__name__}; the first step changed {len(touched)} of {WORDS} rows")
        for _ in range(arguments.steps - 1):
            examples, labels = batch(random, topics)
            value = session.run(train_op, {pairs: examples, shared: labels})
        print(f"loss after {arguments.steps} steps: {value:.4f}")


if __name__ == "__main__":
    main()
