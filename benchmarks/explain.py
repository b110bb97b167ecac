"""How long `explain` and the pictures take: for a graph of 5,000 operations, and for a training op that alone needs 5,000.

    python benchmarks/explain.py [--limit 1.0]

Ends with 1 when `explain` of the graph of 5,000 operations takes longer than the limit, in seconds.
"""

import argparse
import sys
import time

import graphopt as tf
from graphopt.inspection import draw


def network(layers):
    """Record a network of so many layers, about 52 operations each, and return its training op."""
    value = tf.placeholder(tf.float32, [32, 64], name="x")
    for i in range(layers):
        with tf.variable_scope(f"layer{i}"):
            value = tf.tanh(tf.matmul(value, tf.get_variable("w", [64, 64])) + tf.get_variable("b", [64]))
    loss = tf.reduce_mean(tf.square(value))
    return tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 0.1, "Adam", clip_gradients=1.0)


def seconds(function, repetitions=3):
    """Return the shortest time of several calls."""
    times = []
    for _ in range(repetitions):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def main():
    """Measure, print a table, and return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=float, default=1.0, help="seconds that explain may take (default: 1)")
    limit = parser.parse_args().limit
    found = []
    for layers in (94, 190):
        with tf.Graph().as_default() as graph:
            train_op = network(layers)
            recorded = len(graph.get_operations())
            needed = tf.explain(train_op).to_dict()["cost"]["recorded_operations"]
            found.append(seconds(lambda train_op=train_op: str(tf.explain(train_op))))
            picture = seconds(lambda train_op=train_op: draw(train_op), 1)
            print(f"{recorded:6,} operations, {needed:6,} needed: explain {found[-1]:.2f} s, picture {picture:.2f} s")
    return 0 if found[0] <= limit else 1


if __name__ == "__main__":
    sys.exit(main())
