"""Training that is killed at random moments and resumed each time.

    python kill_training.py prove KILLS    # kills training so many times, checks what every next process finds, and prints what was met

This process imports graphopt once and forks a process for each kill, so that 200 kills are no long test. It never trains itself before
the last kill, and has one thread: what is forked is what a fresh interpreter would be.
"""

from __future__ import annotations

import collections
import json
import os
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import graphopt as tf

STEPS_AT_THE_END = 3
FOREVER = 10**9
KEPT = 3
# How many steps one may live.
STEPS = 6
BUILDING, HALF_WRITTEN, DELETING = "building or restoring", "a checkpoint half written", "deleting old ones"


def build() -> tuple[Any, Any]:
    """Record a model whose checkpoint is large enough that many kills meet it half written."""
    tf.set_random_seed(7)
    step = tf.train.get_or_create_global_step()
    x = tf.random_normal([2, 256])
    w = tf.get_variable("w", [256, 512])
    loss = tf.reduce_mean(tf.square(tf.matmul(tf.nn.dropout(x, keep_prob=0.9), w) - 1.0))
    return tf.contrib.layers.optimize_loss(loss, step, 0.01, "Adam"), step


def train(folder: str, until: int, tell: Callable[[str, int], object], *, save: bool = True) -> bytes:
    """Train from the newest checkpoint on, and tell of everything that is safe on the disk; return the weights."""
    with tf.Graph().as_default(), tf.Session(backend="numpy") as session:
        train_op, step = build()
        saver = tf.train.Saver(max_to_keep=KEPT)
        if saver.restore_latest(session, folder) is None:
            session.run(tf.global_variables_initializer())
        done = int(session.run(step))
        tell("restored", done)
        while done < until:
            session.run(train_op)
            done += 1
            if save:
                saver.save(session, f"{folder}/model.ckpt", global_step=done, wait=done % 2 == 0)
                # What is written behind the training's back is safe when the next save begins.
                tell("saved", done - done % 2)
        saver.close()
        return b"".join(session.run(variable).tobytes() for variable in tf.global_variables())


def _forked(folder: str) -> tuple[int, BinaryIO]:
    """Start a process that trains for ever; return its number and what it tells."""
    assert threading.active_count() == 1, "what is forked would lack the other threads"
    reads, writes = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.close(reads)
            train(folder, FOREVER, lambda word, number: os.write(writes, f"{word} {number}\n".encode()))
        finally:
            # Not the way of an interpreter that ends: the files of the process it was forked from are none of its own.
            sys.excepthook(*sys.exc_info())
            os._exit(1)
    os.close(writes)
    return process, os.fdopen(reads, "rb")


def _durations(folder: str) -> tuple[float, float]:
    """Return how long building and restoring take here, and a step with its checkpoint, in seconds."""
    process, told = _forked(folder)
    times = [time.perf_counter()]
    with told:
        for _ in range(1 + STEPS):
            told.readline()
            times.append(time.perf_counter())
        os.kill(process, signal.SIGKILL)
        os.waitpid(process, 0)
    return times[1] - times[0], (times[-1] - times[1]) / STEPS


def _killed(folder: str, chance: random.Random, building: float, step: float) -> tuple[int | None, int | None, int]:
    """Start a process and kill it at a random moment; return the step it began with, the last one it had saved, and its number."""
    process, told = _forked(folder)
    with told:
        first = b""
        if chance.random() < 0.2:
            time.sleep(chance.uniform(0.0, building))
        else:
            first = told.readline()
            time.sleep(chance.uniform(0.0, STEPS * step))
        os.kill(process, signal.SIGKILL)
        lines = [line.split() for line in (first + told.read()).splitlines(keepends=True) if line.endswith(b"\n")]
    _, status = os.waitpid(process, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL, "the training ended by itself"
    begun = [int(number) for word, number in lines if word == b"restored"]
    saved = [int(number) for word, number in lines if word == b"saved"]
    return begun[0] if begun else None, saved[-1] if saved else None, process


def _met(folder: str, begun: int | None, process: int) -> list[str]:
    """Return what a kill has met, by what it left behind."""
    names = [path.name for path in Path(folder).iterdir()]
    parts = [name for name in names if name.endswith(".part") and f"-{process}-" in name]
    state = tf.train.get_checkpoint_state(folder)
    listed = set() if state is None else {f"{os.path.basename(path)}.npz" for path in state.all_model_checkpoint_paths}
    files = {name for name in names if name.endswith(".npz")}
    met = {
        BUILDING: begun is None,
        HALF_WRITTEN: any(name.startswith("model.ckpt") for name in parts),
        "the list half written": any(name.startswith("checkpoint") for name in parts),
        "a checkpoint not yet listed": bool(files - listed),
        DELETING: len(listed) > KEPT,
        "an old one deleted and still listed": bool(listed - files),
    }
    return [what for what, is_so in met.items() if is_so] or ["none of it"]


def prove(folder: str, kills: int) -> dict[str, int]:
    """Kill training so many times; raise unless nothing that was saved is ever lost; return how often a kill met what."""
    safe = 0
    met: collections.Counter[str] = collections.Counter()
    building, step = _durations(folder)
    for seed in range(kills):
        begun, saved, process = _killed(folder, random.Random(seed), building, step)
        if begun is not None:
            assert begun >= safe, f"kill {seed}: step {safe} was saved, and the next process began with {begun}"
            safe = max(safe, begun, saved or 0)
        met.update(_met(folder, begun, process))
    _check_end(folder, safe + STEPS_AT_THE_END)
    return {"kills": kills, "steps": safe, **dict(met.most_common())}


def _check_end(folder: str, reached: int) -> None:
    """Train for the last steps; raise unless that gives what training without a kill gives, and leaves nothing behind."""

    def nobody(word: str, number: int) -> None:
        """Tell nobody."""

    with tempfile.TemporaryDirectory() as other:
        is_same = train(folder, reached, nobody) == train(other, reached, nobody, save=False)
        assert is_same, "the weights are not those of training without a kill"
    left = sorted(path.name for path in Path(folder).iterdir())
    assert left == ["checkpoint", *sorted(f"model.ckpt-{reached - i}.npz" for i in range(KEPT))], f"files were left behind: {left}"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        print(json.dumps(prove(place, int(sys.argv[2])), indent=1))
