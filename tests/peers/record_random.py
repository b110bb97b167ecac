"""Record what TensorFlow's random kernels give, for `test_random_streams.py`.

Needs an environment of its own (graphopt is not imported); it writes `random.json.gz` beside this file:

    python -m pip install tensorflow-cpu==2.21.0
    python tests/peers/record_random.py

A case is one random op that is run several times in one session, often with another shape each time, so that what the op adds to its
counter shows in the numbers. Of a large output a few windows are kept, and a digest of all of it.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

PATH = Path(__file__).parent / "random.json.gz"
Case = dict[str, Any]

# 32768 and 16384 numbers are one chunk of the module under test.
WINDOWS_AT = (1024, 4096, 16384, 32768, 65536)
KEPT_WHOLE = 400
MIXED_SHAPES = [[5], [0], [3, 2], [1025], [], [1], [2, 0, 3], [6]]
LARGE_SHAPES = [[70001], [4]]
SEEDS = [(1234, 7), (0, 5), (5, 0), (0, 0), (None, 11), (2**31 - 2, 2**31 - 1), (-3, 2**33 + 1)]
WIDE_SEEDS = [(-5, 2**40 + 3), (2**62 + 12345, -(2**50))]  # as an op's attributes may have them, never `get_seed`


def kept_positions(size: int) -> np.ndarray:
    """Return which numbers of an output of `size` are recorded."""
    if size <= KEPT_WHOLE:
        return np.arange(size)
    windows = [np.arange(48)] + [np.arange(at - 6, at + 6) for at in WINDOWS_AT] + [np.arange(size - 9, size)]
    positions = np.unique(np.concatenate(windows))
    return positions[positions < size]


def digest(values: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(values).tobytes()).hexdigest()


def encode(values: np.ndarray) -> dict[str, Any]:
    flat = values.reshape(-1)
    kept = np.ascontiguousarray(flat[kept_positions(flat.size)])
    data = base64.b64encode(kept.tobytes()).decode()
    return {"shape": list(values.shape), "dtype": values.dtype.name, "kept": data, "digest": digest(values)}


def decode(record: dict[str, Any]) -> np.ndarray:
    """Return the recorded numbers: those at `kept_positions` of the output."""
    return np.frombuffer(base64.b64decode(record["kept"]), record["dtype"])


def cases() -> Iterator[Case]:
    """Yield what to record. `runs` has what is fed: a shape, or the size of the thing shuffled, or a number of samples."""
    for kind in ("uniform", "normal", "truncated_normal"):
        for dtype in ("float32", "float64", "float16"):
            yield {"kind": kind, "dtype": dtype, "graph_seed": 1234, "op_seed": 7, "runs": MIXED_SHAPES}
            yield {"kind": kind, "dtype": dtype, "graph_seed": 99, "op_seed": 1, "runs": LARGE_SHAPES}
        for graph_seed, op_seed in SEEDS:
            yield {"kind": kind, "dtype": "float32", "graph_seed": graph_seed, "op_seed": op_seed, "runs": [[9], [9]]}
        for pair in WIDE_SEEDS:
            yield {"kind": kind, "dtype": "float32", "attributes": pair, "runs": [[9], [9]]}
    bounds32 = [(0, 10), (-7, 5), (-(2**31), 2**31 - 1), (3, 4)]
    bounds64 = [(0, 10), (-7, 5), (-(2**63), 2**63 - 1), (0, 3 * 2**61)]
    for dtype, bounds in (("int32", bounds32), ("int64", bounds64)):
        for low, high in bounds:
            yield {"kind": "uniform_int", "dtype": dtype, "low": low, "high": high, "graph_seed": 3, "op_seed": 4, "runs": [[11], [3, 3]]}
        yield {"kind": "uniform_int", "dtype": dtype, "low": -9, "high": 90, "graph_seed": 1, "op_seed": 2, "runs": MIXED_SHAPES}
        yield {"kind": "uniform_int", "dtype": dtype, "low": 0, "high": 1000, "graph_seed": 1, "op_seed": 2, "runs": LARGE_SHAPES}
    yield {"kind": "shuffle", "dtype": "int64", "columns": None, "graph_seed": 8, "op_seed": 9, "runs": [6, 1, 0, 5, 2, 9, 17, 3, 1000, 4]}
    yield {"kind": "shuffle", "dtype": "int64", "columns": 2, "graph_seed": 8, "op_seed": 9, "runs": [6, 1, 0, 5, 2, 9, 17, 3, 4097, 4]}
    yield {"kind": "shuffle", "dtype": "int64", "columns": 1, "graph_seed": 8, "op_seed": 9, "runs": [1, 7, 2, 7]}
    yield from multinomial_cases()
    yield from gamma_cases()


def multinomial_cases() -> Iterator[Case]:
    wide = np.linspace(-1, 1, 35).reshape(5, 7)
    tall = np.sin(np.arange(120.0)).reshape(40, 3)
    odd = np.array([[0, -np.inf, 1], [np.nan, 0, 0], [np.inf, 0, 1], [-np.inf, -np.inf, -np.inf], [-800, -801, -np.inf], [60000, 1, 60000]])
    common = {"kind": "multinomial", "graph_seed": 21, "op_seed": 22}
    for logits_dtype in ("float32", "float64", "float16"):
        for dtype in ("int64", "int32"):
            yield {**common, "dtype": dtype, "logits": wide.tolist(), "logits_dtype": logits_dtype, "runs": [13, 1, 0, 4, 2]}
        yield {**common, "dtype": "int64", "logits": tall.tolist(), "logits_dtype": logits_dtype, "runs": [1, 3, 50, 1]}
        yield {**common, "dtype": "int64", "logits": odd.tolist(), "logits_dtype": logits_dtype, "runs": [9, 9]}


def gamma_cases() -> Iterator[Case]:
    common = {"kind": "gamma", "graph_seed": 31, "op_seed": 32}
    for dtype in ("float32", "float64", "float16"):
        yield {**common, "dtype": dtype, "alpha": [0.3, 1.0, 2.5, 0.9], "runs": [[40], [0], [], [2, 5], [3]]}
        yield {**common, "dtype": dtype, "alpha": [[0.001, 1.0001], [100.0, 0.9999]], "runs": [[5], [6]]}
    yield {**common, "dtype": "float64", "alpha": 1.0, "runs": [[20], [1]]}
    yield {**common, "dtype": "float64", "alpha": 1.01, "runs": [[20000], [1]]}  # where most draws are rejected
    yield {**common, "dtype": "float64", "alpha": 0.02, "runs": [[20000], [1]]}


KERNELS = {
    "uniform": "RandomUniform",
    "uniform_int": "RandomUniformInt",
    "normal": "RandomStandardNormal",
    "truncated_normal": "TruncatedNormal",
    "shuffle": "RandomShuffle",
    "multinomial": "Multinomial",
    "gamma": "RandomGamma",
}


def build(tf: Any, case: Case) -> tuple[Any, Any]:
    """Build the op of a case in the current graph; return what is fed and the operation that draws."""
    kind, dtype = case["kind"], case["dtype"]
    seed = case.get("op_seed")
    fed = tf.placeholder(tf.int32, name="fed")
    if "attributes" in case:
        one, two = case["attributes"]
        getattr(tf.raw_ops, KERNELS[kind])(shape=fed, dtype=dtype, seed=one, seed2=two)
    elif kind == "uniform":
        tf.random_uniform(fed, dtype=dtype, seed=seed)
    elif kind == "uniform_int":
        tf.random_uniform(fed, case["low"], case["high"], dtype=dtype, seed=seed)
    elif kind == "normal":
        tf.random_normal(fed, dtype=dtype, seed=seed)
    elif kind == "truncated_normal":
        tf.truncated_normal(fed, dtype=dtype, seed=seed)
    elif kind == "shuffle":
        rows = tf.range(tf.cast(fed, tf.int64))
        columns = case["columns"]
        tf.random_shuffle(rows if columns is None else tf.stack([rows] * columns, axis=1), seed=seed)
    elif kind == "multinomial":
        tf.multinomial(tf.constant(case["logits"], case["logits_dtype"]), fed, seed=seed, output_dtype=dtype)
    elif kind == "gamma":
        tf.random_gamma(fed, tf.constant(case["alpha"], dtype), dtype=dtype, seed=seed)
    (operation,) = [op for op in tf.get_default_graph().get_operations() if op.type == KERNELS[kind]]
    return fed, operation


def record(tf: Any, case: Case) -> Case:
    """Run the op of a case as often as it says; return the case with the op's seeds and what it gave."""
    # One thread: Multinomial's numbers depend on how many there are.
    config = tf.ConfigProto(intra_op_parallelism_threads=1, inter_op_parallelism_threads=1)
    with tf.Graph().as_default():
        if "attributes" not in case:
            tf.set_random_seed(case["graph_seed"])
        fed, operation = build(tf, case)
        with tf.Session(config=config) as session:
            outputs = [session.run(operation.outputs[0], {fed: np.array(run, np.int32)}) for run in case["runs"]]
    seeds = [operation.get_attr("seed"), operation.get_attr("seed2")]
    return {**case, "seeds": seeds, "outputs": [encode(np.asarray(output)) for output in outputs]}


def main() -> None:
    tensorflow = importlib.import_module("tensorflow")
    tf = tensorflow.compat.v1
    tf.disable_v2_behavior()
    recorded = {"tensorflow": tensorflow.__version__, "cases": [record(tf, case) for case in cases()]}
    text = json.dumps(recorded, separators=(",", ":"))
    PATH.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    print(f"{len(recorded['cases'])} cases, {PATH.stat().st_size} bytes")


if __name__ == "__main__":
    main()
