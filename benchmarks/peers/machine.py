"""What the machine does beside the steps: peak memory, copy bandwidth, and how much of it others used meanwhile."""

from __future__ import annotations

import os
import resource
import statistics
import sys
from pathlib import Path
from time import perf_counter

import numpy as np

COPY_BYTES = 40_000_000
COPY_REPEATS = 30
IDLE_FIELDS = (3, 4)  # of the first line of /proc/stat, after its name: idle, and waiting for a disk
GUEST_FIELDS = 8  # those from here on are counted in the earlier ones already


def peak_bytes() -> int:
    """Return the largest resident size this process has had."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def copy_bandwidth() -> float:
    """Return what one thread copies, in bytes read plus bytes written, a second."""
    source, target = np.ones(COPY_BYTES // 4, np.float32), np.zeros(COPY_BYTES // 4, np.float32)
    seconds = []
    for _ in range(COPY_REPEATS):
        start = perf_counter()
        np.copyto(target, source)
        seconds.append(perf_counter() - start)
    return 2 * COPY_BYTES / statistics.median(seconds)


class OtherLoad:
    """How many cores other processes keep busy from now on.

    It matters more than one would think: threads that wait for each other in a loop take a hundred times as long when one of them has to
    wait for a core.
    """

    def __init__(self) -> None:
        self._start = perf_counter()
        self._others = others_seconds()

    def cores(self) -> float | None:
        """Return the mean number of cores that others used, None where the system doesn't tell."""
        now = others_seconds()
        if self._others is None or now is None:
            return None
        return max(0.0, (now - self._others) / (perf_counter() - self._start))


def others_seconds() -> float | None:
    """Return how long all cores together have worked for other processes since the machine started; Linux only."""
    source = Path("/proc/stat")
    if not source.exists():
        return None
    ticks = [int(field) for field in source.read_text(encoding="ascii").splitlines()[0].split()[1:]]
    busy = sum(ticks[:GUEST_FIELDS]) - sum(ticks[field] for field in IDLE_FIELDS)
    own = os.times()
    return busy / os.sysconf("SC_CLK_TCK") - own.user - own.system
