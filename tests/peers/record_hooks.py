"""Records the programs of `cases_hooks.py` and `cases_hooks_writing.py` on TensorFlow, or compares with what is recorded.

Needs an environment of its own (graphopt is not imported); it writes `hooks.json.gz` beside this file:

    python -m pip install tensorflow-cpu==2.21.0 tf-keras==2.21.0
    python tests/peers/record_hooks.py            # --check compares with what is recorded instead of writing it, --show prints it
"""

from __future__ import annotations

import os
import pprint
import sys
import tempfile
from pathlib import Path

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", TF_USE_LEGACY_KERAS="1", CUDA_VISIBLE_DEVICES="")

import cases_hooks  # noqa: F401 (enters its programs)
import cases_hooks_writing  # noqa: F401 (enters its programs)
import tensorflow
from hook_programs import HOOK_PROGRAMS, run_hook_program
from peer_compare import tree_differences
from peer_store import decode, encode, load, save
from tensorflow.core.util.event_pb2 import Event
from tensorflow.python.training import training_util

FILE = "hooks.json.gz"


def main(arguments: list[str]) -> int:
    tf = tensorflow.compat.v1
    tf.disable_v2_behavior()
    tf.Event = Event
    tf.reads_of_step = lambda: [training_util._get_or_create_global_step_read()]
    seen = {}
    for name in HOOK_PROGRAMS:
        with tempfile.TemporaryDirectory() as folder:
            seen[name] = run_hook_program(tf, name, Path(folder), "tensorflow")
    if "--show" in arguments:
        pprint.pprint(seen, width=160)
    stored = load(FILE) if "--check" in arguments else {k: decode(encode(v)) for k, v in seen.items()}
    problems = [f"{name}: {d}" for name, got in seen.items() for d in tree_differences(got, stored[name], None, None)]
    print(*problems, f"{len(seen)} programs, {len(problems)} differences", sep="\n")
    if "--check" not in arguments and not problems:
        print(f"written: {save(FILE, f'tensorflow {tensorflow.__version__}', seen).stat().st_size} bytes")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
