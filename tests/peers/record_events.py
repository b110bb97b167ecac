"""Records what TensorFlow and TensorBoard make of `cases_events.py`, and files that they wrote.

Needs an environment of its own (graphopt is not imported); it writes `events.json.gz` beside this file:

    python -m pip install tensorflow-cpu==2.21.0 tensorboard==2.21.0
    python tests/peers/record_events.py            # --check compares with what is recorded instead of writing it
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

os.environ.update(TF_CPP_MIN_LOG_LEVEL="3", TF_ENABLE_ONEDNN_OPTS="0", CUDA_VISIBLE_DEVICES="")

import numpy as np
import tensorflow
from cases_events import HPARAMS, MESSAGES, OPERATIONS, PICTURES, RECORDS, REFUSED
from peer_case import Raised, raised
from peer_compare import tree_differences
from peer_store import decode, encode, load, save
from tensorboard.compat.proto import event_pb2 as board_pb2
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.plugins.hparams import summary_v2 as hparams
from tensorboard.summary.writer.event_file_writer import EventFileWriter
from tensorflow.core.framework import attr_value_pb2, graph_pb2, node_def_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, versions_pb2
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow.core.util import event_pb2

FILE = "events.json.gz"
tf = tensorflow.compat.v1
MODULES = (attr_value_pb2, graph_pb2, node_def_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, versions_pb2, meta_graph_pb2, event_pb2)
CLASSES = SimpleNamespace(**{name: value for module in MODULES for name, value in vars(module).items()})


def in_session(make: Any) -> tuple[str, bytes]:
    """The name of a summary operation and what it gives."""
    with tf.Graph().as_default(), tf.Session() as session:
        made = make(tf)
        return made.op.name, session.run(made)


def picture(make: Any) -> dict[str, Any]:
    """The name of an operation, and the tags, sizes and pixels of its pictures."""
    name, data = in_session(make)
    found = tf.Summary.FromString(data).value
    with tf.Graph().as_default(), tf.Session() as session:
        pixels = [session.run(tf.image.decode_png(value.image.encoded_image_string)) for value in found]
    return {"name": name, "tags": [value.tag for value in found], "pixels": pixels, "channels": [v.image.colorspace for v in found]}


def refused(says: str, make: Any) -> Raised:
    """The error of an operation, built or run."""
    found = raised(lambda: in_session(make), says)
    if found is None or says not in found.message:
        raise RuntimeError(f"TensorFlow does not say {says!r}: {found}")
    return found


def file_of(write: Any) -> bytes:
    """The bytes of the one file that a function writes into a folder."""
    with tempfile.TemporaryDirectory() as folder:
        write(folder)
        (path,) = Path(folder).rglob("*tfevents*")
        return path.read_bytes()


def by_tensorflow_1(folder: str) -> None:
    with tf.Graph().as_default(), tf.Session() as session:
        parts = [tf.summary.scalar("loss", tf.constant(0.5)), tf.summary.histogram("w", tf.constant([1.0, 2.0]))]
        writer = tf.summary.FileWriter(folder, session.graph)
        merged = session.run(tf.summary.merge(parts))
        for step in (1, 2, 300):
            writer.add_summary(merged, step)
        writer.add_session_log(tf.SessionLog(status=tf.SessionLog.START), 2)
        writer.add_summary(merged, 2)
        writer.close()


def by_tensorflow_2(folder: str) -> None:
    code = f"""
import sys
sys.path[:] = {sys.path!r}
import tensorflow as tf
with tf.summary.create_file_writer({folder!r}).as_default():
    for step in range(3):
        tf.summary.scalar("loss", 0.5 * step, step=step)
        tf.summary.histogram("w", tf.constant([1.0, 2.0, 2.0]), step=step)
    tf.summary.text("note", "hello", step=1)
"""
    if os.spawnl(os.P_WAIT, sys.executable, sys.executable, "-c", code):
        raise RuntimeError("TensorFlow 2 did not write its file")


def by_tensorboard(folder: str) -> None:
    writer = EventFileWriter(folder)
    for step in range(200):
        value = summary_pb2.Summary.Value(tag="loss", simple_value=step / 4)
        event = event_pb2.Event(wall_time=100.0 + step, step=step, summary=summary_pb2.Summary(value=[value]))
        writer.add_event(board_pb2.Event.FromString(event.SerializeToString()))
    writer.close()


def hyper_parameters() -> bytes:
    """The summary that begins a run, with the keys of its map sorted."""
    made = hparams.hparams_pb(HPARAMS, trial_id="t", start_time_secs=12.5)
    kept = made.value[0].metadata.plugin_data
    kept.content = plugin_data_pb2.HParamsPluginData.FromString(kept.content).SerializeToString(deterministic=True)
    return made.SerializeToString(deterministic=True)


def records(folder: str) -> None:
    with tensorflow.io.TFRecordWriter(os.path.join(folder, "tfevents")) as writer:
        for record in RECORDS:
            writer.write(record)


def record() -> dict[str, Any]:
    """What each case gives."""
    seen: dict[str, Any] = {}
    for name, make in MESSAGES.items():
        seen[f"message: {name}"] = make(CLASSES).SerializeToString(deterministic=True)
    seen |= {f"operation: {name}": in_session(make) for name, make in OPERATIONS.items()}
    seen |= {f"picture: {name}": picture(make) for name, make in PICTURES.items()}
    seen |= {f"refused: {name}": refused(*case) for name, case in REFUSED.items()}
    seen["hparams"] = hyper_parameters()
    seen["records"] = file_of(records)
    for write in (by_tensorflow_1, by_tensorflow_2, by_tensorboard):
        seen[f"file: {write.__name__}"] = file_of(write)
    return seen


def main(arguments: list[str]) -> int:
    seen = record()
    if "--check" in arguments:
        fixed = {name: value for name, value in seen.items() if not name.startswith("file")}
        known = {name: value for name, value in load(FILE).items() if not name.startswith("file")}
        differences = tree_differences(decode(encode(fixed)), known, 0.0, 0.0)
        print("\n".join(differences) or "as recorded")
        return int(bool(differences))
    path = save(FILE, f"tensorflow {tensorflow.__version__}, numpy {np.__version__}", seen)
    print(f"{len(seen)} cases in {path}, {path.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    tf.disable_eager_execution()
    sys.exit(main(sys.argv[1:]))
