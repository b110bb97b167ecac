"""A training op with ten stages on, beside the plain one, on the 784-1024-1024-10 network with Adam and batches of 256.

Bound: at most 1.3 times the time of the plain one. The stages: loss scaling (dynamic, so with the check for overflow and the skipping),
aggregation, multipliers, centralising, clipping by value, clipping by global norm, skipping of non-finite steps, weight decay, lookahead,
moving averages. With ``--each`` every stage is also measured by itself.

    python benchmarks/stages.py [--json FILE] [--repeats 20] [--backend native] [--each]
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import numpy as np
from common import compare, print_table, ratio, write_json

import graphopt as tf

MAX_RATIO = 1.3
SIZES = (784, 1024, 1024, 10)
BATCH = 256
WARM_UP = 20


def ten_stages() -> dict[str, Callable[[], Any]]:
    """Return functions that make the stages, by name."""
    stages = tf.train.stages
    return {
        "loss scaling": lambda: stages.scale_loss("dynamic"),
        "aggregation": lambda: stages.aggregate(),
        "multipliers": lambda: stages.multiply_gradients({"b0": 2.0, "W2": 0.5}),
        "centralising": lambda: stages.centralize(),
        "clip by value": lambda: stages.clip_by_value(1.0),
        "clip by global norm": lambda: stages.clip_by_global_norm(1.0),
        "skip if not finite": lambda: stages.skip_non_finite(10),
        "weight decay": lambda: stages.decay_weights(1e-3),
        "lookahead": lambda: stages.look_ahead(5),
        "moving averages": lambda: stages.MovingAverages(0.999),
    }


def build(made: list[Any]) -> tuple[Any, Any, Any]:
    """Record the network with a training op of the given stages; return placeholders and op."""
    images = tf.placeholder(tf.float32, [None, SIZES[0]])
    labels = tf.placeholder(tf.int64, [None])
    layer: Any = images
    for i, (inputs, outputs) in enumerate(pairwise(SIZES)):
        start = np.random.RandomState(i).normal(size=(inputs, outputs)).astype(np.float32) * np.float32(np.sqrt(2.0 / inputs))
        bias = tf.get_variable(f"b{i}", initializer=np.zeros(outputs, np.float32))
        layer = tf.matmul(layer, tf.get_variable(f"W{i}", initializer=start)) + bias
        layer = tf.nn.relu(layer) if i < len(SIZES) - 2 else layer
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=layer))
    tf.train.get_or_create_global_step()
    return images, labels, tf.train.training_op(loss, learning_rate=1e-4, optimizer="Adam", stages=made)


def main() -> None:
    """Time the training ops in turn, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--backend", default="native")
    parser.add_argument("--each", action="store_true")
    arguments = parser.parse_args()
    known = ten_stages()
    chosen = {"plain": [], "ten stages": list(known)} | ({name: [name] for name in known} if arguments.each else {})
    random = np.random.RandomState(0)
    values = random.normal(size=(BATCH, SIZES[0])).astype(np.float32), random.randint(0, SIZES[-1], BATCH)
    with ExitStack() as stack:
        calls = {}
        for name, wanted in chosen.items():
            with tf.Graph().as_default():
                images, labels, train_op = build([known[stage]() for stage in wanted])
                session = stack.enter_context(tf.Session(backend=arguments.backend))
                session.run(tf.global_variables_initializer())
                run = session.make_callable(train_op, [images, labels])
                calls[name] = lambda run=run: run(*values)
                for _ in range(WARM_UP):
                    calls[name]()
        measured = compare(calls, repeats=arguments.repeats)
    plain = measured[0]
    print_table(measured, base=plain)
    print(f"\nten stages: {ratio(measured[1], plain):.2f} times the plain step (bound {MAX_RATIO})")
    if arguments.json:
        write_json(arguments.json, measured, ratio=ratio(measured[1], plain), bound=MAX_RATIO)


if __name__ == "__main__":
    main()
