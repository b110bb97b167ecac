"""Timing shared by all benchmarks: repeats of a call, interleaved comparison of several, a small table, JSON.

Comparisons are ratios within one run: `compare` takes its repeats in turn (A, B, C, A, B, C, ...), so that a machine which slows down
or is shared slows all of them alike. The median is the number to quote; the 10th percentile (`p10`) is what the machine does when nothing
disturbs it.
"""

from __future__ import annotations

import gc
import json
import math
import platform
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np

MIN_SECONDS = 0.002  # a repeat calls often enough to last this long, so that the clock's own cost does not count


@dataclass(frozen=True)
class Measurement:
    """Seconds per call of one thing: a sample for each repeat."""

    name: str
    samples: tuple[float, ...]
    calls_per_sample: int

    @property
    def median(self) -> float:
        """The middle sample, in seconds."""
        return statistics.median(self.samples)

    @property
    def p10(self) -> float:
        """The 10th percentile by nearest rank, in seconds."""
        return sorted(self.samples)[max(0, math.ceil(0.1 * len(self.samples)) - 1)]

    def to_dict(self) -> dict[str, object]:
        """Return what goes into the JSON output."""
        return {
            "name": self.name,
            "median_s": self.median,
            "p10_s": self.p10,
            "repeats": len(self.samples),
            "calls_per_repeat": self.calls_per_sample,
        }


def measure(name: str, call: Callable[[], object], *, repeats: int = 30) -> Measurement:
    """Return the time of `call()` over `repeats` repeats, each of as many calls as last 2 ms."""
    return compare({name: call}, repeats=repeats)[0]


def compare(calls: Mapping[str, Callable[[], object]], *, repeats: int = 30) -> list[Measurement]:
    """Return the time of each of `calls`, with the repeats taken in turn."""
    counts = {name: calls_for(call) for name, call in calls.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    with collector_off():
        for _ in range(repeats):
            for name, call in calls.items():
                samples[name].append(seconds_per_call(call, counts[name]))
    return [Measurement(name, tuple(samples[name]), counts[name]) for name in calls]


def calls_for(call: Callable[[], object]) -> int:
    """Return how many calls last `MIN_SECONDS`; calls it a few times, which is the warm-up as well."""
    count = 1
    while True:
        seconds = seconds_per_call(call, count) * count
        if seconds >= MIN_SECONDS:
            return count
        count = max(count * 2, math.ceil(count * MIN_SECONDS / max(seconds, 1e-9)))


def seconds_per_call(call: Callable[[], object], count: int) -> float:
    """Return the mean of `count` calls in a row, in seconds."""
    start = perf_counter()
    for _ in range(count):
        call()
    return (perf_counter() - start) / count


@contextmanager
def collector_off() -> Iterator[None]:
    """Keep Python's cycle collector from running inside a measurement."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def ratio(measured: Measurement, to: Measurement) -> float:
    """Return how many times the median of `to` the median of `measured` is."""
    return measured.median / to.median


def in_units(seconds: float) -> str:
    """Return a time with the unit that suits it.

    >>> in_units(8.5e-6), in_units(0.25)
    ('8.50 µs', '250 ms')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= size:
            return f"{seconds / size:#.3g} {unit}".replace(". ", " ")
    return f"{seconds / 1e-9:#.3g} ns".replace(". ", " ")


def print_table(results: Sequence[Measurement], *, base: Measurement | None = None) -> None:
    """Print one line a measurement; with `base`, the ratio of the medians to it too."""
    width = max(len(result.name) for result in results)
    head = f"{'':{width}}  {'median':>9}  {'p10':>9}"
    print(head + (f"  {'ratio':>6}" if base else ""))
    for result in results:
        line = f"{result.name:{width}}  {in_units(result.median):>9}  {in_units(result.p10):>9}"
        print(line + (f"  {ratio(result, base):>6.2f}" if base else ""))


def write_json(path: str | Path, results: Sequence[Measurement], **more: object) -> None:
    """Write the measurements, the versions that ran and whatever else is given, such as ratios and limits, to `path`."""
    content = {"versions": versions(), "results": [result.to_dict() for result in results], **more}
    Path(path).write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def versions() -> dict[str, str]:
    """Return what the numbers depend on, as far as software goes."""
    return {"python": platform.python_version(), "numpy": np.__version__, "platform": f"{sys.platform} {platform.machine()}"}
