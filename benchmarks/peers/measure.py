"""Runs one peer on one workload in this process, times it, and prints what was measured as one line of JSON.

    python measure.py peer_jax --workload 3 --variant jit --steps 300

`compare.py` starts it, in the environment of the peer. With `--steps 0` only the start is measured.

A step takes NumPy arrays, as a training loop would have them, and gives the loss as a number on the host; so a peer that runs ahead of
Python is waited for. Short steps are timed several at a time, so that the clock does not count.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import math
import statistics
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
from machine import OtherLoad, copy_bandwidth, peak_bytes
from workloads import Arrays, workload

CHECKED_STEPS = 20  # after so many steps the loss is compared among the peers
SAMPLE_SECONDS = 2e-4
WARM_UP_SECONDS = 0.5
WARM_UP_STEPS = 3000
LARGE_WORKLOAD = "large"


@dataclass(frozen=True)
class Way:
    """One way to run steps: `run()` makes `steps_per_call` of them and returns the last loss."""

    run: Callable[[], Any]
    steps_per_call: int = 1


@dataclass(frozen=True)
class Training:
    """What a peer module's `build` returns.

    Attributes:
      step: makes one step and returns the loss from before its update.
      settings: what was chosen for speed, in words.
      other_ways: what makes each further way to run the same op, by name; called with the seconds of a step the main way, after its
        time and memory are measured.
    """

    step: Callable[[], Any]
    settings: str
    other_ways: dict[str, Callable[[float], Way]] = field(default_factory=dict)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("module", help="the peer's module in this folder, such as peer_jax")
    parser.add_argument("--workload", type=int, required=True)
    parser.add_argument("--variant", default="")
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    print(json.dumps(measured(arguments.module, arguments.workload, arguments.variant, arguments.steps)), flush=True)


def measured(module: str, number: int, variant: str, steps: int) -> dict[str, Any]:
    """Return the start, the losses, the time of a step each way, and the peak of memory."""
    chosen = workload(number)
    initial, batch = chosen.values()
    started = perf_counter()
    peer = importlib.import_module(module)
    imported = perf_counter()
    training = peer.build(chosen, initial, batch, variant)
    built = perf_counter()
    losses = [float(training.step())]
    stepped = perf_counter()
    result: dict[str, Any] = {
        "versions": peer.versions(),
        "settings": training.settings,
        "import_s": imported - started,
        "build_s": built - imported,
        "first_step_s": stepped - imported,
    }
    if steps:
        losses += [float(training.step()) for _ in range(CHECKED_STEPS - 1)]
        result["losses"] = losses
        load = OtherLoad()
        result["ways"] = {"": timed(Way(training.step), steps)}
        result["others_cores"] = load.cores()
        result["peak_bytes"] = peak_bytes()
        seconds = result["ways"][""]["median_s"]
        result["ways"] |= {name: timed_or_error(partial(make, seconds), steps) for name, make in training.other_ways.items()}
        if chosen.key == LARGE_WORKLOAD:
            result["copy_bytes_per_s"] = copy_bandwidth()
    return result


def timed_or_error(make_way: Callable[[], Way], samples: int) -> dict[str, Any]:
    """Return the time of a step, or why there is none: the main way's numbers should not be lost with it."""
    try:
        return timed(make_way(), samples)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}".splitlines()[0]}


def timed(way: Way, samples: int) -> dict[str, float]:
    """Return median and 10th percentile of a step over at least `samples` samples of one or more steps each, in seconds."""
    warm_up(way)
    calls = calls_per_sample(way)
    taken = []
    gc.collect()
    gc.disable()
    for _ in range(samples):
        start = perf_counter()
        for _ in range(calls):
            way.run()
        taken.append((perf_counter() - start) / (calls * way.steps_per_call))
    gc.enable()
    p10 = sorted(taken)[max(0, math.ceil(0.1 * len(taken)) - 1)]
    return {"median_s": statistics.median(taken), "p10_s": p10, "samples": samples, "steps_per_sample": calls * way.steps_per_call}


def warm_up(way: Way) -> None:
    """Run until caches, thread pools and Python's specialised bytecode have settled."""
    end = perf_counter() + WARM_UP_SECONDS
    for count in range(WARM_UP_STEPS):
        way.run()
        if count >= 2 and perf_counter() > end:
            return


def calls_per_sample(way: Way) -> int:
    """Return how many calls last `SAMPLE_SECONDS`."""
    start = perf_counter()
    for _ in range(5):
        way.run()
    return max(1, math.ceil(SAMPLE_SECONDS * 5 / (perf_counter() - start)))


def stacked(batch: Arrays, steps: int) -> Arrays:
    """Return the batch repeated along a new leading axis, one for each step."""
    return {name: np.ascontiguousarray(np.broadcast_to(value, (steps, *value.shape))) for name, value in batch.items()}


if __name__ == "__main__":
    # Peer modules import `measure`; without this they would get a second copy of it.
    sys.modules["measure"] = sys.modules["__main__"]
    main()
