"""Record checkpoints that TensorFlow writes, with what it makes of them when training goes on, for `test_checkpoints_agree.py`.

Needs an environment of its own (graphopt is not imported); it writes the files of ``checkpoints/`` beside this file:

    python -m pip install tensorflow-cpu==2.21.0
    python tests/peers/record_checkpoints.py

Of them ``types`` has every element type, ``adam`` is a model in training, ``parts`` holds partitioned variables and types that graphopt
has not, in several files, ``objects`` was written by objects (``expected_objects.json`` has its values), ``first_format`` is a checkpoint
V1; ``state`` is a state file with names that need escapes. ``expected.json`` has the weights after TensorFlow went on from ``adam``.
"""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent / "checkpoints"
STEPS = 4
# Name, shape, axis and number of parts; numbers from 64 on are encoded in another way than those below.
PARTITIONED = [("table", [10, 3], 0, 3), ("scope/columns", [2, 300], 1, 2), ("cube", [1, 2, 5], 0, 1)]
AWKWARD_PATHS = ["runs/höhe 1-3", "a\"b\\c\td'e-4"]


def typed_values() -> dict[str, Any]:
    """Return a value of each kind by the name of its variable."""
    values: dict[str, Any] = {
        f"types/{name}": np.array([[0, 1, 2], [3, 4, 100]]).astype(name)
        for name in ("float16", "float32", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")
    }
    values["types/bool"] = np.array([True, False])
    values["types/string"] = np.array([[b"", b"a longer text, of 31 bytes, here"], [b"\x00\xff", b"x"]], object)
    values["types/scalar"] = np.float32(2.5)
    values["types/scalar_string"] = b"one"
    values["types/empty"] = np.zeros((0, 3), np.float32)
    values["types/long"] = np.arange(1200, dtype=np.float32) / 7
    return values


def batch(step: int) -> np.ndarray:
    """Return what a step of training is fed."""
    return np.random.RandomState(step).normal(size=(8, 3)).astype(np.float32)


def build(tf: Any) -> tuple[Any, Any]:
    """Record a model and its training op; return the placeholder and the op."""
    random = np.random.RandomState(42)
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    w = tf.get_variable("layer/w", initializer=random.normal(size=(3, 4)).astype(np.float32))
    b = tf.get_variable("layer/b", initializer=np.zeros(4, np.float32))
    step = tf.train.get_or_create_global_step()
    loss = tf.reduce_mean(tf.square(tf.tanh(tf.matmul(x, w) + b) - 0.5))
    return x, tf.train.AdamOptimizer(0.05).minimize(loss, global_step=step)


def _record_types(tf: Any) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        for name, value in typed_values().items():
            tf.get_variable(name, initializer=tf.constant(value), use_resource=False)
        session.run(tf.global_variables_initializer())
        tf.train.Saver().save(session, str(HERE / "types"), write_meta_graph=False, write_state=False)


def _record_adam(tf: Any) -> dict[str, Any]:
    with tf.Graph().as_default(), tf.Session() as session:
        x, train = build(tf)
        session.run(tf.global_variables_initializer())
        for step in range(STEPS):
            session.run(train, {x: batch(step)})
        tf.train.Saver().save(session, str(HERE / "adam"), global_step=STEPS, write_meta_graph=False, write_state=False)
        for step in range(STEPS, 2 * STEPS):
            session.run(train, {x: batch(step)})
        return {v.op.name: session.run(v).tolist() for v in tf.global_variables()}


def counted(shape: Sequence[int]) -> np.ndarray:
    """Return numbers that tell each place of a tensor from the others."""
    return np.arange(np.prod(shape)).reshape(shape) / 4


def _record_parts(tf: Any) -> None:
    def initializer(shape: Any, dtype: Any, partition_info: Any) -> Any:
        begin = partition_info.var_offset
        whole = counted(partition_info.full_shape)
        return tf.constant(whole[tuple(slice(a, a + size) for a, size in zip(begin, shape, strict=True))], dtype)

    with tf.Graph().as_default(), tf.Session(config=tf.ConfigProto(device_count={"CPU": 2})) as session:
        tf.get_variable("whole", initializer=np.float32([1.0, 2.0]))
        tf.get_variable("brain", initializer=tf.constant([1.5, -2.0], tf.bfloat16))
        tf.get_variable("complex", initializer=tf.constant([1.0 + 2.0j], tf.complex64))
        tf.get_variable("quantized", initializer=tf.cast(tf.constant([3, -4]), tf.qint8))
        for name, shape, axis, count in PARTITIONED:
            partitioner = tf.fixed_size_partitioner(count, axis=axis)
            with tf.device(f"/cpu:{axis}"):
                tf.get_variable(name, shape, initializer=initializer, partitioner=partitioner)
        session.run(tf.global_variables_initializer())
        tf.train.Saver(sharded=True).save(session, str(HERE / "parts"), write_meta_graph=False, write_state=False)


def _record_objects(tf: Any) -> None:
    two = importlib.import_module("tensorflow")
    with tf.Graph().as_default(), tf.Session() as session:
        w = tf.get_variable("w", initializer=np.float32([1.0, 2.0]), use_resource=True)
        b = tf.get_variable("layer/b", initializer=np.float32(3.0), use_resource=True)
        optimizer = tf.train.AdamOptimizer(0.1)
        train = optimizer.minimize(tf.reduce_sum(tf.square(w)) * b)
        session.run(tf.global_variables_initializer())
        session.run(train)
        saver = importlib.import_module("tensorflow.python.checkpoint.checkpoint").TrackableSaver
        graph_view = importlib.import_module("tensorflow.python.checkpoint.graph_view").ObjectGraphView
        root = two.train.Checkpoint(first=w, second=b, optimizer=optimizer)
        saver(graph_view(root)).save(str(HERE / "objects"), session=session)
        values = {v.op.name: session.run(v).tolist() for v in tf.global_variables()}
    (HERE / "expected_objects.json").write_text(json.dumps(values, indent=1) + "\n")


def _record_first_format(tf: Any) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        tf.get_variable("w", initializer=np.float32([1.0, 2.0]))
        session.run(tf.global_variables_initializer())
        saver = tf.train.Saver(write_version=tf.train.SaverDef.V1)
        saver.save(session, str(HERE / "first_format"), write_meta_graph=False, write_state=False)


def main() -> None:
    """Write all files."""
    tf = importlib.import_module("tensorflow").compat.v1
    tf.disable_eager_execution()
    tf.disable_resource_variables()
    HERE.mkdir(exist_ok=True)
    _record_types(tf)
    expected = _record_adam(tf)
    _record_parts(tf)
    _record_objects(tf)
    _record_first_format(tf)
    tf.train.update_checkpoint_state(str(HERE), AWKWARD_PATHS[1], AWKWARD_PATHS, "state", [1.5, 1700000000.25], 3.0)
    (HERE / "expected.json").write_text(json.dumps({"tensorflow": tf.__version__, "weights": expected}, indent=1) + "\n")
    for path in sorted(HERE.iterdir()):
        print(path.name, os.path.getsize(path))


if __name__ == "__main__":
    main()
