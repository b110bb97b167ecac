"""Records the programs of `cases_metrics.py` and `cases_layer_objects.py` on TensorFlow, tf_keras and tf_slim, or replays them there.

Needs an environment of its own (graphopt is not imported); it writes `metrics.json.gz` and `layer_objects.json.gz` beside this file:

    python -m pip install tensorflow-cpu==2.21.0 tf-keras==2.21.0 tf-slim==1.1.0
    python tests/peers/record_metrics_and_layers.py            # --check compares with what is recorded instead of writing it
"""

from __future__ import annotations

import os
import pprint
import sys
import warnings
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", TF_USE_LEGACY_KERAS="1", CUDA_VISIBLE_DEVICES="")

import tensorflow
from tensorflow.python.framework import indexed_slices, ops, tensor

ops.Tensor, ops.IndexedSlices = tensor.Tensor, indexed_slices.IndexedSlices  # where tf_slim 1.1.0 looks for them
import cases_layer_objects  # noqa: E402
import cases_metrics  # noqa: E402
import tf_slim.metrics  # noqa: E402
from cases_ops import by_name  # noqa: E402
from peer_case import ScenarioTable  # noqa: E402
from peer_compare import tree_differences  # noqa: E402
from peer_observe import observe_scenario  # noqa: E402
from peer_store import decode, encode, load, save  # noqa: E402
from tf_slim.layers import layers, normalization  # noqa: E402

FILES = {"metrics.json.gz": cases_metrics.TABLES, "layer_objects.json.gz": cases_layer_objects.TABLES}


class TensorFlow1:
    """The names of `tf.compat.v1`, and tf_slim's as those of `contrib`."""

    contrib = SimpleNamespace(metrics=tf_slim.metrics, layers=SimpleNamespace(**{**vars(normalization), **vars(layers)}))

    def __getattr__(self, name: str) -> Any:
        return getattr(tensorflow.compat.v1, name)


def differences_in(name: str, tables: Iterable[ScenarioTable], arguments: list[str]) -> list[str]:
    """Record the programs of one file, or compare them with it; return the differences."""
    cases = by_name(tables)
    seen = {case: observe_scenario(TensorFlow1(), program) for case, program in cases.items()}
    if "--show" in arguments:
        pprint.pprint(seen, width=140)
    stored = load(name) if "--check" in arguments else {k: decode(encode(v)) for k, v in seen.items()}
    problems = [f"{case}: {d}" for case, got in seen.items() for d in tree_differences(got, stored[case], None, None)]
    print(*problems, f"{name}: {len(seen)} programs, {len(problems)} differences", sep="\n")
    if "--check" not in arguments and not problems:
        print(f"written: {save(name, f'tensorflow {tensorflow.__version__}, tf_slim 1.1.0', seen).stat().st_size} bytes")
    return problems


def main(arguments: list[str]) -> int:
    warnings.simplefilter("ignore")
    tensorflow.compat.v1.disable_v2_behavior()
    tensorflow.compat.v1.logging.set_verbosity(tensorflow.compat.v1.logging.FATAL)
    return 1 if any([differences_in(name, tables, arguments) for name, tables in FILES.items()]) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
