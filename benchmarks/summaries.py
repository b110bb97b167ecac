"""What summaries cost: writing numbers, one number every step, reading a million back; beside TensorBoard's writer where it is installed.

python benchmarks/summaries.py [--json FILE] [--repeats 20] [--backend native]
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import itertools
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from time import perf_counter, process_time
from typing import Any

import numpy as np
from common import compare, measure, print_table, ratio, write_json

import graphopt as tf
from graphopt.train.hooks.summary import SummarySources

EVENTS = 50_000
MILLION = 1_000_000
MIN_RATE = 50_000
MAX_READING = 2.0
MAX_SHARE = 0.05
TAGS = ("OptimizeLoss/loss", "OptimizeLoss/learning_rate", "OptimizeLoss/global_norm/gradient_norm", "accuracy")
SIZES = (784, 64, 10)
BATCH = 256


def number(tag: str, value: float) -> Any:
    """Return a summary of one number."""
    return tf.Summary(value=[tf.Summary.Value(tag=tag, simple_value=value)])


def rates(folder: Path) -> dict[str, float]:
    """Return how many events a second are written, until they are in the file, and how many seconds of the processor each takes."""
    found = {}
    for max_queue in (10, 100, 1000):
        best = 0.0
        for repeat in range(3):
            with tf.summary.FileWriter(folder / f"{max_queue}_{repeat}", max_queue=max_queue) as writer:
                started, worked = perf_counter(), process_time()
                for step in range(EVENTS):
                    writer.add_summary(number("train/loss", step * 0.5), step)
                writer.flush()
                rate = EVENTS / (perf_counter() - started)
                best = max(best, rate)
                found[f"processor, max_queue={max_queue}"] = (process_time() - worked) / EVENTS
        found[f"events a second, max_queue={max_queue}"] = best
    return found


def rate_of_tensorboard(folder: Path) -> float | None:
    """Return how many events a second TensorBoard's own writer writes; None where it isn't installed."""
    if importlib.util.find_spec("tensorboard") is None:
        return None
    protos = {name: importlib.import_module(f"tensorboard.compat.proto.{name}_pb2") for name in ("event", "summary")}
    summaries, events = protos["summary"], protos["event"]
    writing = importlib.import_module("tensorboard.summary.writer.event_file_writer")
    writer = writing.EventFileWriter(str(folder / "tensorboard"))
    started = perf_counter()
    for step in range(EVENTS):
        value = summaries.Summary.Value(tag="train/loss", simple_value=step * 0.5)
        writer.add_event(events.Event(wall_time=1.0, step=step, summary=summaries.Summary(value=[value])))
    writer.flush()
    rate = EVENTS / (perf_counter() - started)
    writer.close()
    return rate


def write_a_million(folder: Path) -> None:
    """Write a million numbers of several tags."""
    with tf.summary.FileWriter(folder, max_queue=5000) as writer:
        for step in range(MILLION // len(TAGS)):
            for tag in TAGS:
                writer.add_summary(number(tag, step * 0.5), step)


def step_of_a_network(session: Any) -> Callable[[Any], Callable[[], Any]]:
    """Record a network; return what makes a call that runs its training op together with other fetches."""
    images = tf.placeholder(tf.float32, [BATCH, SIZES[0]])
    labels = tf.placeholder(tf.int64, [BATCH])
    layer: Any = images
    for i, (inputs, outputs) in enumerate(itertools.pairwise(SIZES)):
        start = np.random.RandomState(i).normal(size=(inputs, outputs)).astype(np.float32) * np.float32(np.sqrt(2.0 / inputs))
        layer = tf.matmul(layer, tf.get_variable(f"W{i}", initializer=start)) + tf.get_variable(
            f"b{i}", initializer=np.zeros(outputs, np.float32)
        )
        layer = tf.nn.relu(layer) if i < len(SIZES) - 2 else layer
    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=layer), name="loss")
    train_op = tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 1e-4, "Adam", summaries=[])
    random = np.random.RandomState(0)
    values = random.normal(size=(BATCH, SIZES[0])).astype(np.float32), random.randint(0, SIZES[-1], BATCH)

    def make(more: Any) -> Callable[[], Any]:
        run = session.make_callable([train_op, *more], [images, labels])
        return lambda: run(*values)

    session.run(tf.global_variables_initializer())
    return make


def cost_of_a_number(folder: Path, backend: str, repeats: int) -> list[Any]:
    """Return the time of a step alone, with a summary of its loss fetched, and with one made of the loss and written, as hooks do."""
    with ExitStack() as stack:
        stack.enter_context(tf.Graph().as_default())
        session = stack.enter_context(tf.Session(backend=backend))
        make = step_of_a_network(session)
        loss = tf.get_default_graph().get_tensor_by_name("loss:0")
        summary = tf.summary.scalar("train/loss", loss)
        sources = SummarySources([summary])
        writer = stack.enter_context(tf.summary.FileWriter(folder))
        plain, fetched, with_loss = make([]), make([summary]), make([loss])
        count = iter(range(1 << 60))

        def written() -> None:
            sources.write(writer, [(time.time(), (next(count), *with_loss()[1:]))])

        names = ("step", "step and loss", "step, loss written", "step, summary fetched")
        calls: dict[str, Callable[[], Any]] = dict(zip(names, (plain, with_loss, written, fetched), strict=True))
        for _ in range(50):
            for call in calls.values():
                call()
        return compare(calls, repeats=repeats)


def main() -> None:
    """Measure, and print tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--backend", default="native")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = rates(folder)
        for what, value in found.items():
            print(f"{what}: {value:,.0f}" if value > 1 else f"{what}: {value * 1e6:.1f} µs an event")
        theirs = rate_of_tensorboard(folder)
        print(f"bound: {MIN_RATE:,} events a second; TensorBoard's writer: {'not installed' if theirs is None else f'{theirs:,.0f}'}\n")
        steps = cost_of_a_number(folder / "steps", arguments.backend, arguments.repeats)
        print_table(steps, base=steps[0])
        cost = steps[2].p10 - steps[1].p10
        print(f"\nwriting a number every step: {cost * 1e6:.1f} µs, {cost / 300e-6:.1%} of 300 µs (bound {MAX_SHARE:.0%} with all hooks);")
        print(f"with fetching it {ratio(steps[2], steps[0]) - 1:.1%} of this step\n")
        write_a_million(folder / "million")
        reading = measure("reading a million numbers", lambda: tf.summary.read(folder / "million"), repeats=5)
        print_table([reading])
        print(f"bound: {MAX_READING} s")
    if arguments.json:
        write_json(arguments.json, [*steps, reading], rates=found, tensorboard=theirs, bounds=[MIN_RATE, MAX_SHARE, MAX_READING])


if __name__ == "__main__":
    main()
