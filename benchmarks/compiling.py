"""How long recording and compiling take, per operation and as the graph grows: an LSTM unrolled over 10 to 800 steps.

Bounds: at most 25 µs an operation to record, at most 60 µs an operation for discharge and passes; 5,000 operations and more (200 steps)
with gradients and the first step in under 3 s; cost linear from 500 to 20,000 operations.

    python benchmarks/compiling.py [--json FILE] [--repeats 3]
"""

from __future__ import annotations

import argparse
import gc
import json
import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

import graphopt as tf
from graphopt.compiler.discharge import discharge
from graphopt.compiler.pipeline import optimize

MAX_RECORD_MICROSECONDS = 25.0
MAX_COMPILE_MICROSECONDS = 60.0
MAX_SECONDS_200_STEPS = 3.0
BATCH, INPUTS, UNITS = 16, 32, 64


def record(steps: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Record an unrolled LSTM with its training op; return the input and the op."""
    x = tf.placeholder(tf.float32, [BATCH, steps, INPUTS])
    kernel = tf.get_variable("kernel", [INPUTS + UNITS, 4 * UNITS], initializer=tf.random_normal_initializer(0.0, 0.1, seed=1))
    bias = tf.get_variable("bias", [4 * UNITS], initializer=tf.zeros_initializer())
    hidden = cell = tf.zeros([BATCH, UNITS])
    for t in range(steps):
        candidate, new, forget, output = tf.split(tf.matmul(tf.concat([x[:, t, :], hidden], 1), kernel) + bias, 4, 1)
        cell = cell * tf.sigmoid(forget + 1.0) + tf.sigmoid(candidate) * tf.tanh(new)
        hidden = tf.tanh(cell) * tf.sigmoid(output)
    loss = tf.reduce_mean(tf.square(hidden))
    return x, tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 0.01, "Adam", clip_gradients=1.0)


def once(steps: int) -> dict[str, float]:
    """Return the seconds that recording, compiling and the first step take, and the number of operations."""
    with tf.Graph().as_default() as graph:
        gc.collect()
        start = perf_counter()
        x, train_op = record(steps)
        recorded = perf_counter()
        operations = len(graph.get_operations())
        with tf.Session(backend="numpy") as session:
            session.run(tf.global_variables_initializer())
            feeds = {x: np.zeros((BATCH, steps, INPUTS), np.float32)}
            begin = perf_counter()
            session.run(train_op, feeds)
            first = perf_counter()
        compiled = seconds(lambda: optimize(discharge([train_op], {x: x.tensor_type}, lambda name: 1).program, {}))
    return {"steps": steps, "operations": operations, "record_s": recorded - start, "compile_s": compiled, "first_run_s": first - begin}


def seconds(call: Callable[[], object]) -> float:
    """Return how long one call takes, with Python's cycle collector off as it is when a session compiles."""
    gc.collect()
    gc.disable()
    start = perf_counter()
    call()
    taken = perf_counter() - start
    gc.enable()
    return taken


def main() -> None:
    """Measure graphs of growing size and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json")
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    once(5)
    rows = []
    for steps in (10, 50, 200, 400):
        runs = [once(steps) for _ in range(arguments.repeats)]
        rows.append({key: statistics.median(run[key] for run in runs) for key in runs[0]})
    print(f"{'steps':>6} {'operations':>10} {'record':>10} {'discharge+passes':>17} {'build+first step':>17}")
    for row in rows:
        count = row["operations"]
        total = row["record_s"] + row["first_run_s"]
        record, compiled = row["record_s"] / count * 1e6, row["compile_s"] / count * 1e6
        print(f"{row['steps']:6.0f} {count:10.0f} {record:7.1f} µs {compiled:14.1f} µs {total:15.2f} s")
    growth = (
        (rows[-1]["record_s"] + rows[-1]["compile_s"])
        / rows[-1]["operations"]
        / ((rows[0]["record_s"] + rows[0]["compile_s"]) / rows[0]["operations"])
    )
    print(
        f"recording at most {MAX_RECORD_MICROSECONDS:.0f} µs, discharge and passes at most {MAX_COMPILE_MICROSECONDS:.0f} µs an operation, "
        f"200 steps under {MAX_SECONDS_200_STEPS:.0f} s; per-operation cost of the largest graph is {growth:.2f} times that of the smallest"
    )
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"rows": rows, "growth": growth}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
