"""Two short runs of the digits example, written to event files with our writer: what the viewers are shown.

python tests/viewers/digits_run.py FOLDER
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np

import graphopt as tf
from graphopt.inspection import save_report_data

EXAMPLE = Path(__file__).parents[2] / "examples" / "train_digits.py"
RUNS = {"first": 0, "second": 1}
STEPS = 60
BATCH = 64
NOTE = "Digits, <b>two layers</b> & a note"


def example() -> ModuleType:
    """Return the digits example as a module."""
    spec = importlib.util.spec_from_file_location("train_digits", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def write_runs(folder: Path) -> None:
    """Train the example twice, with batches in another order, each run into a subfolder of its own."""
    for name, seed in RUNS.items():
        write_run(folder / name, seed, STEPS)


def write_run(folder: Path, seed: int, steps: int) -> None:
    """Train the example for some steps: what it summarises, and every tenth step and after the last its weights, two images and a note.

    Args:
      folder: where it is written. seed: of the order of the batches. steps: how many.
    """
    with tf.Graph().as_default():
        _write(folder, seed, steps)


def _write(folder: Path, seed: int, steps: int) -> None:
    digits = example()
    handles = digits.build()
    (images, labels), _ = digits.load_digits()
    sample = tf.placeholder(tf.float32, [None, 8, 8, 1], name="sample")
    # In a collection of their own: the others are taken in every step.
    weights = [tf.summary.histogram(f"weights/{v.op.name}", v, collections=["seldom"]) for v in tf.trainable_variables()]
    pictures = tf.summary.image("digits", sample, max_outputs=2, collections=["seldom"])
    note = tf.summary.text("note", tf.constant(NOTE), collections=["seldom"])
    others = tf.summary.merge([pictures, note, *weights])
    shuffle = np.random.RandomState(seed)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        with tf.summary.FileWriter(str(folder), session.graph) as writer:
            writer.add_hparams({"learning_rate": 0.01, "optimizer": "Adam", "seed": seed})
            for step in range(1, steps + 1):
                rows = shuffle.permutation(len(images))[:BATCH]
                result = session.step(handles["train_op"], {handles["images"]: images[rows], handles["labels"]: labels[rows]})
                writer.add_summary(result.summaries, result.global_step)
                if step % 10 == 0 or step == steps:
                    seen = session.run(others, {sample: images[rows[:2]].reshape(-1, 8, 8, 1)})
                    writer.add_summary(seen, result.global_step)
        save_report_data(folder, handles["train_op"], session)


if __name__ == "__main__":
    write_runs(Path(sys.argv[1]))
