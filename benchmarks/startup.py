"""How long it takes to start: the import, and the digits training op from nothing to its first step.

Bounds: `import graphopt` under 0.25 s and at most 1.5 times `import numpy, networkx`; the digits graph built, compiled and its first step
run in under 0.3 s after the import. Each measurement is a fresh process.

    python benchmarks/startup.py [--json FILE] [--repeats 11]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
MAX_IMPORT_SECONDS = 0.25
MAX_IMPORT_RATIO = 1.5
MAX_FIRST_STEP_SECONDS = 0.3

IMPORT = "import time; start = time.perf_counter(); import {modules}; print(time.perf_counter() - start)"
FIRST_STEP = f"""
import sys, time
sys.path.insert(0, {str(ROOT / "examples")!r})
import graphopt as tf
import train_digits
images, labels = train_digits.load_digits()[0]
start = time.perf_counter()
handles = train_digits.build()
session = tf.Session()
session.run(tf.global_variables_initializer())
session.step(handles["train_op"], {{handles["images"]: images[:64], handles["labels"]: labels[:64]}})
print(time.perf_counter() - start)
"""


def fresh(program: str) -> float:
    """Return the number that a program prints when it runs in a new process."""
    # As it is installed: with the bytecode that the first run (or pip) left behind.
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"} | {"GRAPHOPT_BACKEND": "numpy"}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
    return float(done.stdout)


def main() -> None:
    """Measure in turn, and print medians beside their bounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json")
    parser.add_argument("--repeats", type=int, default=11)
    arguments = parser.parse_args()
    programs = {
        "import graphopt": IMPORT.format(modules="graphopt"),
        "import numpy, networkx": IMPORT.format(modules="numpy, networkx"),
        "first step": FIRST_STEP,
    }
    samples: dict[str, list[float]] = {name: [] for name in programs}
    for program in programs.values():
        fresh(program)
    for _ in range(arguments.repeats):
        for name, program in programs.items():
            samples[name].append(fresh(program))
    medians = {name: statistics.median(taken) for name, taken in samples.items()}
    ratio = medians["import graphopt"] / medians["import numpy, networkx"]
    print(
        f"import graphopt: {medians['import graphopt']:.3f} s (under {MAX_IMPORT_SECONDS}), "
        f"{ratio:.2f} times import numpy, networkx (at most {MAX_IMPORT_RATIO})"
    )
    print(f"digits graph built, compiled, first step run: {medians['first step']:.3f} s (under {MAX_FIRST_STEP_SECONDS})")
    if arguments.json:
        Path(arguments.json).write_text(json.dumps({"medians_s": medians, "import_ratio": ratio}, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
