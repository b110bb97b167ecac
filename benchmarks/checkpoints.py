"""Writing a checkpoint of 10 million parameters (40 MB), beside copying a file of that size.

Bounds: the checkpoint is written, synced and listed at half of the copy's speed at least; training waits for `save(..., wait=False)` at
most four times as long as for a copy of the values in memory. The copy is `shutil.copyfile` and a sync of file and folder.

    python benchmarks/checkpoints.py [--json FILE] [--repeats 10] [--parameters 10000000] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
from common import Measurement, compare, measure, print_table, ratio, write_json

import graphopt as tf

MAX_TIME_RATIO = 2.0
MAX_WAIT_RATIO = 4.0
WEIGHTS = 10


def copy_to_disk(source: str, target: str) -> None:
    """Copy a file so that it is on the disk when this returns."""
    shutil.copyfile(source, target)
    for path in (target, os.path.dirname(target)):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def initialized_session(parameters: int) -> tf.Session:
    """Return a session with the parameters in ten variables."""
    for i in range(WEIGHTS):
        tf.get_variable(f"w{i}", initializer=np.random.RandomState(i).normal(size=parameters // WEIGHTS).astype(np.float32))
    session = tf.Session(backend="numpy")
    session.run(tf.global_variables_initializer())
    return session


def disk_calls(folder: str, session: Any, saver: tf.train.Saver) -> dict[str, Callable[[], object]]:
    """Return what is compared: the copy, and writing and reading a checkpoint."""
    source = f"{saver.save(session, f'{folder}/source', write_state=False)}.npz"
    reader = tf.train.load_checkpoint(f"{folder}/source")
    return {
        "copy": lambda: copy_to_disk(source, f"{folder}/copy"),
        "save": lambda: saver.save(session, f"{folder}/saved"),
        "read": lambda: [reader.get_tensor(name) for name in reader.variables],
    }


def waiting(saver: tf.train.Saver, session: Any, path: str, repeats: int) -> Measurement:
    """Return how long training waits for a checkpoint that is written behind its back, each after the one before is done."""
    samples = []
    for _ in range(repeats):
        start = perf_counter()
        saver.save(session, path, wait=False)
        samples.append(perf_counter() - start)
        saver.wait()
    return Measurement("save(wait=False)", tuple(samples), 1)


def main() -> None:
    """Time all in turn, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--parameters", type=int, default=10_000_000)
    parser.add_argument("--folder", help="where to write (a temporary folder by default)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder, initialized_session(arguments.parameters) as session:
        saver = tf.train.Saver(max_to_keep=1)
        copy, save, read = compare(disk_calls(folder, session, saver), repeats=arguments.repeats)
        values = session.run(tf.global_variables())
        memory = measure("copy in memory", lambda: [np.array(value) for value in values], repeats=arguments.repeats)
        wait = waiting(saver, session, f"{folder}/behind", arguments.repeats)
    measured = [copy, save, read, memory, wait]
    print_table(measured, base=copy)
    print(f"\na save takes {ratio(save, copy):.2f} times a copy (bound {MAX_TIME_RATIO});", end=" ")
    print(f"training waits {ratio(wait, memory):.2f} copies in memory (bound {MAX_WAIT_RATIO})")
    if arguments.json:
        bounds = {"save": MAX_TIME_RATIO, "wait": MAX_WAIT_RATIO}
        write_json(arguments.json, measured, save=ratio(save, copy), wait=ratio(wait, memory), bounds=bounds)


if __name__ == "__main__":
    main()
