"""Train a two-layer classifier on 1,797 real images of handwritten digits, and show what the training op does.

Everything `optimize_loss` bundles is used: Adam, exponential decay, clipping by global norm, gradient noise, gradient multipliers, batch
normalisation with its update ops, and summaries of every step. The same run twice gives the same numbers bit for bit.

    python examples/train_digits.py [--epochs 20] [--logdir DIR] [--no-explain]
"""

import argparse
import gzip
import sys
import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

import graphopt as tf

DATA = Path(__file__).resolve().parent / "data" / "optdigits.csv.gz"
SIZES = (64, 64, 10)
BATCH = 64
TEST_SIZE = 360


def load_digits():
    """Return training and test images f32[n,64] in [0, 1] and labels i64[n]."""
    with gzip.open(DATA, "rt", encoding="ascii") as file:
        table = np.loadtxt(file, delimiter=",", dtype=np.int64)
    order = np.random.RandomState(0).permutation(len(table))
    images, labels = (table[order, :64] / 16.0).astype(np.float32), table[order, 64]
    return (images[TEST_SIZE:], labels[TEST_SIZE:]), (images[:TEST_SIZE], labels[:TEST_SIZE])


def batch_norm(x, is_training, size):
    """Return `x` with zero mean and unit variance: of the batch while training (and note its moments), of all batches seen otherwise."""
    beta = tf.get_variable("beta", [size], initializer=tf.zeros_initializer())
    gamma = tf.get_variable("gamma", [size], initializer=tf.ones_initializer())
    moving_mean = tf.get_variable("moving_mean", [size], initializer=tf.zeros_initializer(), trainable=False)
    moving_variance = tf.get_variable("moving_variance", [size], initializer=tf.ones_initializer(), trainable=False)
    if not is_training:
        return tf.nn.batch_normalization(x, moving_mean, moving_variance, beta, gamma, 1e-3)
    mean, variance = tf.nn.moments(x, [0])
    for moving, batch in ((moving_mean, mean), (moving_variance, variance)):
        tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, tf.assign_sub(moving, (moving - batch) * 0.1))
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-3)


def classifier(images, is_training):
    """Return the logits f32[n,10]; the second call shares the variables of the first."""
    inputs, hidden, classes = SIZES
    with tf.variable_scope("classifier", reuse=not is_training):
        weights = tf.get_variable("hidden_weights", [inputs, hidden])
        layer = tf.nn.relu(batch_norm(tf.matmul(images, weights), is_training, hidden))
        return tf.nn.xw_plus_b(
            layer, tf.get_variable("weights", [hidden, classes]), tf.get_variable("biases", [classes], initializer=tf.zeros_initializer())
        )


def build():
    """Record the training op and what evaluates it; return the handles."""
    tf.set_random_seed(1)
    images = tf.placeholder(tf.float32, [None, 64], name="images")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    logits = classifier(images, is_training=True)
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    step = tf.train.get_or_create_global_step()
    train_op = tf.contrib.layers.optimize_loss(
        loss,
        step,
        learning_rate=0.01,
        optimizer="Adam",
        gradient_noise_scale=1e-4,
        gradient_multipliers={"classifier/biases:0": 2.0},
        clip_gradients=5.0,
        learning_rate_decay_fn=lambda rate, global_step: tf.train.exponential_decay(rate, global_step, 100, 0.8),
        summaries=["loss", "learning_rate", "global_gradient_norm", "gradients"],
    )
    hits = tf.equal(tf.argmax(classifier(images, is_training=False), 1), labels)
    return {"images": images, "labels": labels, "train_op": train_op, "accuracy": tf.reduce_mean(tf.cast(hits, tf.float32))}


def train(handles, session, writer, epochs):
    """Run the training op over shuffled batches; return the losses of the last epoch."""
    (images, labels), _ = load_digits()
    shuffle = np.random.RandomState(0)
    losses = []
    with tqdm(total=epochs * (len(images) // BATCH), unit="step", file=sys.stderr) as bar:
        for _ in range(epochs):
            order = shuffle.permutation(len(images))
            losses = []
            for start in range(0, len(images) - BATCH + 1, BATCH):
                rows = order[start : start + BATCH]
                result = session.step(handles["train_op"], {handles["images"]: images[rows], handles["labels"]: labels[rows]})
                losses.append(float(result.loss))
                writer.add_summary(result.summaries, result.global_step)
                bar.set_postfix(loss=f"{result.loss:.3f}", refresh=False)
                bar.update()
    return losses


def main():
    """Train, print the held-out accuracy, and explain the training op."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--logdir", default=None, help="where summaries are written (a temporary folder by default)")
    parser.add_argument("--no-explain", action="store_true", help="don't print what the training op does")
    arguments = parser.parse_args()
    logdir = arguments.logdir or tempfile.mkdtemp(prefix="digits-")
    handles = build()
    _, (test_images, test_labels) = load_digits()
    with tf.Session() as session, tf.summary.FileWriter(logdir, session.graph) as writer:
        session.run(tf.global_variables_initializer())
        losses = train(handles, session, writer, arguments.epochs)
        accuracy = session.run(handles["accuracy"], {handles["images"]: test_images, handles["labels"]: test_labels})
        if not arguments.no_explain:
            print(tf.explain(handles["train_op"], session=session))
    print(f"summaries written to {logdir}", file=sys.stderr)
    print(f"training loss {np.mean(losses):.6f}, held-out accuracy {100 * accuracy:.2f} % of {TEST_SIZE} images")


if __name__ == "__main__":
    main()
