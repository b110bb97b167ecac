"""A step of the 64-32-10 network on the numpy backend, beside the same step written by hand in NumPy.

Bounds: `Session.run` at most 1.5 times the hand-written step; at most 10 µs over the plan itself on the second call of a signature.

    python benchmarks/numpy_step.py [--json FILE] [--repeats 40]
"""

from __future__ import annotations

import argparse

import numpy as np
from common import compare, print_table, ratio, write_json
from handwritten import BATCH, SIZES, HandwrittenStep, Settings, initial_params, random_batch

import graphopt as tf

MAX_RATIO = 1.5
MAX_OVERHEAD_MICROSECONDS = 10.0
CHECKED_STEPS = 20
WARM_UP = 5_000  # Python's interpreter specialises generated code over its first thousands of calls


def build(settings: Settings) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Record the training op; return placeholders and op."""
    inputs, _, _ = SIZES
    params = initial_params()
    images = tf.placeholder(tf.float32, [BATCH, inputs])
    labels = tf.placeholder(tf.int64, [BATCH])
    layer = tf.nn.relu(tf.matmul(images, tf.get_variable("W1", initializer=params["W1"])) + tf.get_variable("b1", initializer=params["b1"]))
    logits = tf.matmul(layer, tf.get_variable("W2", initializer=params["W2"])) + tf.get_variable("b2", initializer=params["b2"])
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits))
    step = tf.train.get_or_create_global_step()
    train_op = tf.contrib.layers.optimize_loss(
        loss,
        step,
        settings.learning_rate,
        lambda rate: tf.train.AdamOptimizer(rate, settings.beta1, settings.beta2, settings.epsilon),
        clip_gradients=settings.clip_norm,
        learning_rate_decay_fn=lambda rate, s: tf.train.exponential_decay(rate, s, settings.decay_steps, settings.decay_rate),
    )
    return images, labels, train_op


def main() -> None:
    """Check that both steps train alike, then time them in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json")
    parser.add_argument("--repeats", type=int, default=40)
    arguments = parser.parse_args()
    settings = Settings()
    batch_images, batch_labels = random_batch()
    images, labels, train_op = build(settings)
    by_hand = HandwrittenStep(initial_params(), settings)
    with tf.Session(backend="numpy") as session:
        session.run(tf.global_variables_initializer())
        feeds = {images: batch_images, labels: batch_labels}
        for _ in range(CHECKED_STEPS):
            np.testing.assert_allclose(session.run(train_op, feeds), by_hand(batch_images, batch_labels), rtol=2e-4)
        plan = session.plan_call(train_op, feeds)
        call = session.make_callable(train_op, [images, labels])
        contenders = {
            "hand-written NumPy": lambda: by_hand(batch_images, batch_labels),
            "graphopt, Session.run": lambda: session.run(train_op, feeds),
            "graphopt, make_callable": lambda: call(batch_images, batch_labels),
            "graphopt, the plan alone": plan,
        }
        for contender in contenders.values():
            for _ in range(WARM_UP):
                contender()
        results = compare(contenders, repeats=arguments.repeats)
    hand, run, _, plan_alone = results
    overhead = (run.median - plan_alone.median) * 1e6
    print_table(results, base=hand)
    print(f"step: {ratio(run, hand):.2f} times the hand-written one (at most {MAX_RATIO})")
    print(f"Session.run: {overhead:.1f} µs over the plan itself (at most {MAX_OVERHEAD_MICROSECONDS:.0f})")
    if arguments.json:
        write_json(
            arguments.json,
            results,
            ratio=ratio(run, hand),
            max_ratio=MAX_RATIO,
            overhead_us=overhead,
            max_overhead_us=MAX_OVERHEAD_MICROSECONDS,
        )


if __name__ == "__main__":
    main()
