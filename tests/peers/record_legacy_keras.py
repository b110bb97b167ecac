"""Record what tf_keras's older optimizers do in a graph, for `test_legacy_keras_agree.py`.

Needs an environment of its own (graphopt is not imported); it writes `legacy_keras.json.gz` beside this file:

    python -m pip install tensorflow-cpu==2.21.0 tf_keras==2.21.0
    TF_USE_LEGACY_KERAS=1 python tests/peers/record_legacy_keras.py
"""

from __future__ import annotations

import gzip
import importlib
import json
from pathlib import Path
from typing import Any

from legacy_keras_programs import programs, run_program

PATH = Path(__file__).parent / "legacy_keras.json.gz"


def plain(value: Any) -> Any:
    """A configuration with Python's numbers in place of NumPy's."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value.item() if hasattr(value, "item") else value


def main() -> None:
    tensorflow = importlib.import_module("tensorflow")
    optimizers = tensorflow.keras.optimizers
    recorded = {}
    for name, program in programs().items():
        result = run_program(tensorflow.compat.v1, optimizers.legacy, optimizers.schedules, program)
        arguments = {k: v for k, v in program["arguments"].items() if not program["schedule"]}
        made = getattr(optimizers.legacy, program["optimizer"])(**arguments)
        recorded[name] = {**result, "config": plain(made.get_config())}
    text = json.dumps({"peer": f"tf_keras of tensorflow {tensorflow.__version__}", "programs": recorded}, separators=(",", ":"))
    PATH.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{len(recorded)} programs, {PATH.stat().st_size} bytes")


if __name__ == "__main__":
    main()
