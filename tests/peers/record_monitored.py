"""Records the programs of `cases_monitored.py` and `cases_monitored_hooks.py` on TensorFlow and tf_slim, or replays them.

Needs an environment of its own (graphopt is not imported); it writes `monitored.json.gz` beside this file:

    python -m pip install tensorflow-cpu==2.21.0 tf-keras==2.21.0 tf-slim==1.1.0
    python tests/peers/record_monitored.py            # --check compares with what is recorded instead of writing it
"""

from __future__ import annotations

import os
import pprint
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", TF_USE_LEGACY_KERAS="1", CUDA_VISIBLE_DEVICES="")

import tensorflow
from tensorflow.python.framework import indexed_slices, ops, tensor

ops.Tensor, ops.IndexedSlices = tensor.Tensor, indexed_slices.IndexedSlices  # where tf_slim 1.1.0 looks for them
import cases_monitored  # noqa: E402, F401 (enters its programs)
import cases_monitored_hooks  # noqa: E402, F401 (enters its programs)
from monitored_programs import PROGRAMS, run_program  # noqa: E402
from peer_compare import tree_differences  # noqa: E402
from peer_store import decode, encode, load, save  # noqa: E402
from tensorflow.core.util.event_pb2 import Event  # noqa: E402
from tf_slim import evaluation, learning  # noqa: E402
from tf_slim.training import evaluation as training_evaluation  # noqa: E402
from tf_slim.training import training  # noqa: E402

FILE = "monitored.json.gz"


def module() -> Any:
    """TensorFlow 1's module with tf_slim and the class of events."""
    tf = tensorflow.compat.v1
    tf.disable_v2_behavior()
    tf.slim = SimpleNamespace(learning=learning, training=training, evaluation=training_evaluation, own=evaluation)
    return tf


def record(tf: Any) -> dict[str, Any]:
    """What each program gives, with a folder of its own."""
    tf.Event = Event
    seen = {}
    for name in PROGRAMS:
        with tempfile.TemporaryDirectory() as folder:
            seen[name] = run_program(tf, name, Path(folder), "tensorflow")
    return seen


def main(arguments: list[str]) -> int:
    seen = record(module())
    if "--show" in arguments:
        pprint.pprint(seen, width=140)
    stored = load(FILE) if "--check" in arguments else {k: decode(encode(v)) for k, v in seen.items()}
    problems = [f"{name}: {d}" for name, got in seen.items() for d in tree_differences(got, stored[name], None, None)]
    print(*problems, f"{len(seen)} programs, {len(problems)} differences", sep="\n")
    if "--check" not in arguments and not problems:
        print(f"written: {save(FILE, f'tensorflow {tensorflow.__version__}, tf_slim 1.1.0', seen).stat().st_size} bytes")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
