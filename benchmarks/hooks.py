"""What hooks cost: a step of about 300 µs in a monitored session with its hooks, against the same session's runs without hooks.

Bound: hooks, logging and scalar summaries at every step make the step at most 1.05 times as long. The hooks: StopAtStep, LoggingTensor
every 100 runs, the counter of steps, the saver of checkpoints (none is due meanwhile) and the saver of summaries. The step: a network of
64-128-128-10 units with Adam and clipping, on batches of 640. What hooks cost hardly depends on the step; it is shown for a step of almost
nothing as well, where the step's own noise does not hide it. Both of a pair run in one session and in turn, because where a session's
arrays happen to lie changes a step by more than hooks do; the ratio is the median of the pairs' ratios.

    python benchmarks/hooks.py [--json FILE] [--repeats 60] [--backend native]
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median
from typing import Any

import numpy as np
from common import Measurement, compare, print_table, write_json

import graphopt as tf

MAX_RATIO = 1.05
WARM_UP = 250
Step = tuple[Any, dict[Any, Any], Any]
Pair = tuple[Callable[[], Any], Callable[[], Any]]


def network() -> Step:
    """Record the step of about 300 µs; return training op, feeds and loss."""
    sizes, batch = (64, 128, 128, 10), 640
    images, labels = tf.placeholder(tf.float32, [None, sizes[0]]), tf.placeholder(tf.int64, [None])
    layer: Any = images
    random = np.random.RandomState(0)
    for i, (inputs, outputs) in enumerate(itertools.pairwise(sizes)):
        start = (random.normal(size=(inputs, outputs)) * np.sqrt(2.0 / inputs)).astype(np.float32)
        layer = tf.matmul(layer, tf.get_variable(f"W{i}", initializer=start)) + tf.get_variable(
            f"b{i}", initializer=np.zeros(outputs, np.float32)
        )
        layer = tf.nn.relu(layer) if i < len(sizes) - 2 else layer
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=layer))
    feeds = {images: random.normal(size=(batch, sizes[0])).astype(np.float32), labels: random.randint(0, sizes[-1], batch)}
    return _training_op(loss, "Adam"), feeds, loss


def almost_nothing() -> Step:
    """Record a step that takes no time worth mentioning; return training op, feeds and loss."""
    x = tf.placeholder(tf.float32, [None, 8])
    loss = tf.reduce_mean(tf.square(tf.matmul(x, tf.get_variable("w", initializer=np.ones((8, 1), np.float32)))))
    return _training_op(loss, "SGD"), {x: np.ones((8, 8), np.float32)}, loss


def _training_op(loss: Any, optimizer: str) -> Any:
    step = tf.train.get_or_create_global_step()
    summaries = ["loss", "global_gradient_norm"]
    return tf.contrib.layers.optimize_loss(loss, step, 1e-3, optimizer, clip_gradients=1.0, summaries=summaries)


def pairs(build: Callable[[], Step], stack: ExitStack) -> dict[str, Pair]:
    """Return for each set of hooks a function that makes a step without them, and one with them."""
    return {
        "hooks, summaries every 100": _pair(build, stack, save_summaries_steps=100),
        "hooks, summaries every step": _pair(build, stack, save_summaries_steps=1),
        "the same and NonFiniteHook": _pair(build, stack, save_summaries_steps=1, more=lambda op: [tf.train.NonFiniteHook(op)]),
    }


def _pair(build: Callable[[], Step], stack: ExitStack, *, more: Callable[[Any], list[Any]] = lambda op: [], **arguments: Any) -> Pair:
    folder = stack.enter_context(tempfile.TemporaryDirectory())
    stack.callback(lambda: tf.summary.FileWriterCache.get(folder).close())
    with tf.Graph().as_default():
        train_op, feeds, loss = build()
        hooks = [tf.train.StopAtStepHook(last_step=10**9), tf.train.LoggingTensorHook({"loss": loss}, every_n_iter=100), *more(train_op)]
        session = stack.enter_context(tf.train.MonitoredTrainingSession(checkpoint_dir=folder, hooks=hooks, **arguments))
    return _warmed(lambda: session.run_without_hooks(train_op, feeds)), _warmed(lambda: session.run(train_op, feeds))


def _warmed(call: Callable[[], Any]) -> Callable[[], Any]:
    for _ in range(WARM_UP):
        call()
    return call


def measured(build: Callable[[], Step], repeats: int) -> tuple[list[Measurement], dict[str, float]]:
    """Time the pairs in turn, and print a table; return the measurements and the ratio of each pair."""
    with ExitStack() as stack:
        found = pairs(build, stack)
        both = {f"{name}{part}": call for name, pair in found.items() for part, call in zip((": without", ""), pair, strict=True)}
        results = compare(both, repeats=repeats)
    print_table(results, base=results[0])
    ratios = {}
    for without, with_hooks in zip(results[::2], results[1::2], strict=True):
        each = list(zip(without.samples, with_hooks.samples, strict=True))
        ratios[with_hooks.name] = median([b / a for a, b in each])
        print(f"{with_hooks.name}: {median([b - a for a, b in each]) * 1e6:.1f} µs more, {ratios[with_hooks.name]:.3f} times as long")
    return results, ratios


def main() -> None:
    """Measure both steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json")
    parser.add_argument("--repeats", type=int, default=60)
    parser.add_argument("--backend", default="native")
    arguments = parser.parse_args()
    os.environ["GRAPHOPT_BACKEND"] = arguments.backend
    small, _ = measured(almost_nothing, arguments.repeats)
    print()
    results, ratios = measured(network, arguments.repeats)
    found = ratios["hooks, summaries every step"]
    print(f"ratio {found:.3f}, bound {MAX_RATIO}: {'reached' if found <= MAX_RATIO else 'missed'}")
    if arguments.json:
        more = {"ratios": ratios, "max_ratio": MAX_RATIO, "almost_nothing": [result.to_dict() for result in small]}
        write_json(arguments.json, results, **more)


if __name__ == "__main__":
    main()
