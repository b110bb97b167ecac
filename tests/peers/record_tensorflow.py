"""Records the peer cases on real TensorFlow, or replays the recorded ones on it.

Needs an environment of its own (graphopt is not imported):

    python -m pip install tensorflow-cpu==2.21.0 tf-keras==2.21.0 tf-slim==1.1.0
    python tests/peers/record_tensorflow.py                    # writes ops.json.gz and train.json.gz beside this file
    python tests/peers/record_tensorflow.py --check            # runs TensorFlow against the recorded numbers with the tests' own comparison
    python tests/peers/record_tensorflow.py --show nn/softmax  # prints what TensorFlow does in the cases whose name starts so

TensorFlow 1 is `tf.compat.v1` with the second version's behaviour switched off; `tf.layers` and the recurrent cells are tf_keras's;
`tf.contrib.layers` is tf_slim's, whose `optimize_loss` needs two names that TensorFlow has moved.
"""

from __future__ import annotations

import argparse
import os
import pprint
import sys
import warnings
from collections.abc import Iterable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", TF_USE_LEGACY_KERAS="1", CUDA_VISIBLE_DEVICES="")

import numpy as np
import tensorflow
from tensorflow.python.framework import indexed_slices, ops, tensor
from tensorflow.python.training import moving_averages

ops.Tensor, ops.IndexedSlices = tensor.Tensor, indexed_slices.IndexedSlices  # where tf_slim 1.1.0 looks for them
from cases_ops import ERRORS, OPS  # noqa: E402
from cases_train import SCENARIOS  # noqa: E402
from peer_case import ErrorCase, OpCase, Raised, Reworded, Scenario  # noqa: E402
from peer_compare import error_differences, gradient_differences, tree_differences, value_differences  # noqa: E402
from peer_observe import observe_error, observe_gradients, observe_scenario, observe_values  # noqa: E402
from peer_store import decode, encode, load, save  # noqa: E402
from tf_slim.layers import optimizers, regularizers  # noqa: E402

MAX_BYTES = 400_000
Case = OpCase | ErrorCase | Scenario


class TensorFlow1:
    """The names of TensorFlow 1: those of `tf.compat.v1`, and the parts of `contrib` and `python` that the cases use."""

    def __init__(self) -> None:
        self.compat_v1 = tensorflow.compat.v1
        self.compat_v1.disable_v2_behavior()
        self.compat_v1.logging.set_verbosity(self.compat_v1.logging.FATAL)
        layers = {**vars(regularizers), **vars(optimizers)}
        self.contrib = SimpleNamespace(layers=SimpleNamespace(**layers))
        self.python = SimpleNamespace(training=SimpleNamespace(moving_averages=moving_averages))
        self.peer = f"tensorflow {tensorflow.__version__}, tf_slim 1.1.0"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.compat_v1, name)


def record(tf: Any, case: Case) -> Any:
    """What is kept of a case. The run with hidden dimensions leaves its static shapes only: the rest must be as without."""
    if isinstance(case, ErrorCase):
        if case.reference is not None:
            return {"kind": case.kind, "error": Raised((case.reference,), "as in TensorFlow 1.15", case.says)}
        return observe_error(tf, case)
    if isinstance(case, Scenario):
        return observe_scenario(tf, case)
    seen = observe_values(tf, case, hidden=False)
    shapes = [None if v is None else np.shape(v) for v in seen["values"]]
    seen["gradients"] = observe_gradients(tf, case, shapes, hidden=False) if case.gradient else {}
    seen["hidden_shapes"] = observe_values(tf, case, hidden=True)["shapes"] if case.hidden else []
    return seen


def in_own_words(want: Any) -> Any:
    """The record with the peer's own words where those of 1.15 are asked of graphopt."""
    if isinstance(want, Raised):
        return replace(want, says=None) if isinstance(want.says, Reworded) else want
    if isinstance(want, dict):
        return {k: in_own_words(v) for k, v in want.items()}
    return [in_own_words(v) for v in want] if isinstance(want, list) else want


def check(tf: Any, case: Case, want: Any) -> list[str]:
    """The comparison that the tests make, with TensorFlow in graphopt's place."""
    want = in_own_words(want)
    if isinstance(case, ErrorCase):
        return [] if case.reference is not None else error_differences(observe_error(tf, case), want)
    if isinstance(case, Scenario):
        return tree_differences(observe_scenario(tf, case), want, case.rtol, case.atol)
    shapes = [None if v is None else np.shape(v) for v in want["values"]]
    out = value_differences(case, observe_values(tf, case, hidden=False), want)
    if case.gradient:
        out += gradient_differences(case, observe_gradients(tf, case, shapes, hidden=False), want["gradients"])
    if case.hidden:
        hidden = value_differences(case, observe_values(tf, case, hidden=True), want, "hidden_shapes")
        if case.gradient:
            hidden += gradient_differences(case, observe_gradients(tf, case, shapes, hidden=True), want["gradients"])
        out += [f"hidden dimensions: {d}" for d in hidden]
    return out


def suspicious(case: Case, seen: Any) -> str | None:
    """What must not be recorded: a refusal where none was meant, or none where one was."""
    if not isinstance(case, ErrorCase):
        return None
    if seen["kind"] != case.kind:
        return f"refused at {seen['kind']} time, the case says {case.kind}: {seen['error']}"
    return None


def run_all(tf: Any, cases: Iterable[Case], stored: dict[str, Any] | None) -> tuple[dict[str, Any], int]:
    """Records the cases (or compares them with the `stored` records), and prints what goes wrong."""
    records: dict[str, Any] = {}
    failures = 0
    for case in cases:
        try:
            if stored is not None:
                problems = check(tf, case, stored[case.name])
            else:
                seen = record(tf, case)
                records[case.name] = seen
                problem = suspicious(case, seen)
                problems = [problem] if problem else check(tf, case, decode(encode(seen)))
        except Exception as error:
            problems = [f"{type(error).__name__}: {error}"[:600]]
        failures += bool(problems)
        for problem in problems:
            print(f"{case.name}: {problem}")
    return records, failures


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the recorded files instead of writing them")
    parser.add_argument("--show", metavar="PREFIX", help="print what the cases whose name starts with PREFIX do")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    tf = TensorFlow1()
    files: dict[str, list[Case]] = {"ops.json.gz": [*OPS.values(), *ERRORS.values()], "train.json.gz": list(SCENARIOS.values())}
    failures = 0
    for name, cases in files.items():
        if options.show is not None:
            for case in cases:
                if case.name.startswith(options.show):
                    print(case.name)
                    pprint.pprint(record(tf, case), width=140, sort_dicts=False)
            continue
        records, bad = run_all(tf, cases, load(name) if options.check else None)
        failures += bad
        print(f"{name}: {len(cases)} cases, {bad} with problems")
        if not options.check and not bad:
            path = save(name, tf.peer, records)
            print(f"written: {path.stat().st_size} bytes")
            failures += path.stat().st_size > MAX_BYTES
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
