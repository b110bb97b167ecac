"""Training that is killed at random moments and resumed each time.

    python kill_training.py train FOLDER UNTIL    # restores the newest checkpoint and trains until that step, saving at every step
    python kill_training.py prove KILLS           # kills `train` so many times, and checks what every next process finds

The ordinary test does a few kills; ``prove 200`` is for when the code that writes checkpoints changes.
"""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

import graphopt as tf

ROOT = Path(__file__).parents[3]
STEPS_AT_THE_END = 3
FOREVER = 10**9


def build() -> tuple[Any, Any]:
    """Record a model whose checkpoint is large enough that many kills meet it half written."""
    tf.set_random_seed(7)
    step = tf.train.get_or_create_global_step()
    x = tf.random_normal([2, 256])
    w = tf.get_variable("w", [256, 512])
    loss = tf.reduce_mean(tf.square(tf.matmul(tf.nn.dropout(x, keep_prob=0.9), w) - 1.0))
    return tf.contrib.layers.optimize_loss(loss, step, 0.01, "Adam"), step


def train(folder: str, until: int, *, save: bool = True) -> bytes:
    """Train from the newest checkpoint on, and tell of everything that is safe on the disk; return the weights."""
    with tf.Graph().as_default(), tf.Session(backend="numpy") as session:
        train_op, step = build()
        saver = tf.train.Saver(max_to_keep=3)
        if saver.restore_latest(session, folder) is None:
            session.run(tf.global_variables_initializer())
        done = int(session.run(step))
        print("restored", done, flush=True)
        while done < until:
            session.run(train_op)
            done += 1
            if save:
                saver.save(session, f"{folder}/model.ckpt", global_step=done, wait=done % 2 == 0)
                # What is written behind the training's back is safe when the next save begins.
                print("saved", done - done % 2, flush=True)
        saver.close()
        return b"".join(session.run(variable).tobytes() for variable in tf.global_variables())


def _killed(folder: str, seed: int) -> tuple[int | None, int | None]:
    """Start a process and kill it at a random moment; return the step it began with and the last one it had saved, if it said so."""
    chance = random.Random(seed)
    command = [sys.executable, "-W", "error", __file__, "train", folder, str(FOREVER)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    first = ""
    if chance.random() < 0.1:
        time.sleep(chance.uniform(0.0, 0.5))
    else:
        first = process.stdout.readline()
        time.sleep(chance.uniform(0.0, 0.2))
    process.kill()
    told = [line.split() for line in (first + process.stdout.read()).splitlines(keepends=True) if line.endswith("\n")]
    assert process.wait() == -9, "the training ended by itself"
    process.stdout.close()
    begun = [int(number) for word, number in told if word == "restored"]
    saved = [int(number) for word, number in told if word == "saved"]
    return begun[0] if begun else None, saved[-1] if saved else None


def prove(folder: str, kills: int) -> int:
    """Kill training so many times; raise unless nothing that was saved is ever lost; return the step that was reached."""
    safe = 0
    for seed in range(kills):
        begun, saved = _killed(folder, seed)
        if begun is not None:
            assert begun >= safe, f"kill {seed}: step {safe} was saved, and the next process began with {begun}"
            safe = max(safe, begun, saved or 0)
    reached = safe + STEPS_AT_THE_END
    with tempfile.TemporaryDirectory() as other:
        assert train(folder, reached) == train(other, reached, save=False), "the weights are not those of training without a kill"
    left = sorted(path.name for path in Path(folder).iterdir())
    assert left == ["checkpoint", *sorted(f"model.ckpt-{reached - i}.npz" for i in range(3))], f"files were left behind: {left}"
    return reached


if __name__ == "__main__":
    if sys.argv[1] == "train":
        train(sys.argv[2], int(sys.argv[3]))
    else:
        with tempfile.TemporaryDirectory() as place:
            start = time.perf_counter()
            print(f"{sys.argv[2]} kills, step {prove(place, int(sys.argv[2]))} reached, {time.perf_counter() - start:.0f} s")
            print(sorted(os.listdir(place)), np.__version__)
