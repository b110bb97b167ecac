"""Runs `measure.py` for one peer and one workload in a process of its own, in the peer's environment, one process after another."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from peers import CACHE, Peer
from workloads import Workload

HERE = Path(__file__).parent
CHECKOUT_ROOT = HERE.parents[1]
ERROR_LENGTH = 200
LEFT_OUT = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")

Result = dict[str, Any]


@dataclass(frozen=True)
class Runner:
    """How processes are run.

    Attributes:
      environments: the folder with a virtual environment for each peer.
      steps: how many samples of a step are taken.
      timeout: seconds after which a process is ended.
      quick: try only the first variant of a peer, and measure no second start but graphopt's.
      progress: is told what goes on.
    """

    environments: Path
    steps: int
    timeout: float
    quick: bool
    progress: Callable[[str], None]

    def measured(self, peer: Peer, workload: Workload) -> Result:
        """Return what the fastest variant of the peer measured, with all variants in `variants`, or an `error`."""
        variants = peer.variants(workload)[: 1 if self.quick else None]
        if not variants:
            return {"skipped": f"{peer.title} has no entry for this workload"}
        with tempfile.TemporaryDirectory(prefix="graphopt-peers-") as caches:
            results = {variant: self._cold(peer, workload, variant, Path(caches, str(n))) for n, variant in enumerate(variants)}
            best = min(results, key=lambda variant: step_seconds(results[variant]))
            chosen = {**results[best], "variant": best, "variants": {name: summary(result) for name, result in results.items()}}
            is_warm_wanted = peer.keeps_code and (peer.is_graphopt or not self.quick)
            if is_warm_wanted and "error" not in chosen:
                cache = Path(caches, str(variants.index(best)))
                chosen["warm_first_step_s"] = self._process(peer, workload, best, cache, 0, "second start").get("first_step_s")
        return chosen

    def _cold(self, peer: Peer, workload: Workload, variant: str, cache: Path) -> Result:
        cache.mkdir()
        return self._process(peer, workload, variant, cache, self.steps, "first start")

    def _process(self, peer: Peer, workload: Workload, variant: str, cache: Path, steps: int, which: str) -> Result:
        """Run one process; return its line of JSON or an `error`."""
        python = self.environments.absolute() / peer.environment / "bin" / "python"
        arguments = [str(python), "-W", "ignore", "measure.py", peer.module, "--workload", str(workload.number)]
        arguments += ["--variant", variant, "--steps", str(steps)]
        self.progress(f"workload {workload.number}, {peer.title}, {variant}, {which} ...")
        start = perf_counter()
        try:
            done = subprocess.run(
                arguments, cwd=HERE, env=process_environment(peer, cache), capture_output=True, text=True, timeout=self.timeout, check=False
            )
            result = parsed(done)
        except subprocess.TimeoutExpired:
            result = {"error": f"over {self.timeout:.0f} s"}
        except OSError as error:
            result = {"error": f"{error} (make_environments.py makes the environments)"}
        self.progress(f"    {perf_counter() - start:.0f} s: {result.get('error') or 'done'}")
        return result


def process_environment(peer: Peer, cache: Path) -> dict[str, str]:
    """Return the variables of the process: the caller's, less those that would lead to other packages or slow imports, and the peer's."""
    inherited = {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    return {**inherited, **{name: value.replace(CACHE, str(cache)) for name, value in peer.variables.items()}}


def parsed(done: subprocess.CompletedProcess[str]) -> Result:
    """Return the last line of the output as JSON, or an `error` with the last line that says something."""
    if done.returncode == 0:
        return json.loads(done.stdout.strip().splitlines()[-1])
    lines = [line.strip() for line in done.stderr.splitlines() if line.strip()]
    errors = [line for line in lines if "Error" in line.split(":")[0]]
    said = (errors or lines or ["it said nothing"])[-1]
    return {"error": f"exit status {done.returncode}: {said[:ERROR_LENGTH]}"}


def step_seconds(result: Result) -> float:
    """Return the median of a step, infinite where there is none."""
    return result["ways"][""]["median_s"] if "ways" in result else float("inf")


def summary(result: Result) -> Result:
    """Return what is kept of a variant that was not chosen."""
    if "error" in result:
        return {"error": result["error"]}
    return {"median_s": step_seconds(result), "first_step_s": result["first_step_s"], "others_cores": result["others_cores"]}
