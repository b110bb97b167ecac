"""Event files have the bytes that TensorFlow's and TensorBoard's own classes were recorded making, and theirs are read.

The cases: `cases_events.py`; how they were recorded: `record_events.py`. Where TensorBoard is installed it also reads what is written here.
"""

from __future__ import annotations

import importlib
import importlib.util
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from cases_events import HPARAMS, MESSAGES, OPERATIONS, PICTURES, RECORDS, REFUSED
from peer_store import load

import graphopt as tf
from graphopt.graph import graph_def
from graphopt.ops import summary_proto, summary_tensor
from graphopt.summary import protos
from graphopt.summary.event_file import frame
from graphopt.summary.hparams import start_summary

RECORDED = load("events.json.gz")
MODULES = (graph_def, summary_proto, summary_tensor, protos)
CLASSES = SimpleNamespace(**{name: value for module in MODULES for name, value in vars(module).items()})


def test_every_case_is_recorded() -> None:
    tables = {"message": MESSAGES, "operation": OPERATIONS, "picture": PICTURES, "refused": REFUSED}
    assert {f"{kind}: {name}" for kind, table in tables.items() for name in table} <= RECORDED.keys(), "run record_events.py"


@pytest.mark.parametrize("name", MESSAGES)
def test_messages(name: str) -> None:
    made = MESSAGES[name](CLASSES)
    assert made.SerializeToString() == RECORDED[f"message: {name}"]
    assert type(made).FromString(RECORDED[f"message: {name}"]).SerializeToString() == RECORDED[f"message: {name}"]


def result_of(make: Callable[[Any], Any]) -> tuple[str, Any]:
    with tf.Graph().as_default(), tf.Session() as session:
        made = make(tf)
        return made.op.name, session.run(made)


@pytest.mark.parametrize("name", OPERATIONS)
def test_operations(name: str) -> None:
    operation, data = RECORDED[f"operation: {name}"]
    got, summary = result_of(OPERATIONS[name])
    assert got == operation
    if "histogram" not in name:
        assert (type(summary).__mro__[1], summary) == (bytes, data)
        return
    made = tf.Summary.FromString(summary)
    (ours,), (theirs,) = made.value, tf.Summary.FromString(data).value
    np.testing.assert_allclose([ours.histo.sum, ours.histo.sum_squares], [theirs.histo.sum, theirs.histo.sum_squares], rtol=1e-13)
    ours.histo.sum, ours.histo.sum_squares = theirs.histo.sum, theirs.histo.sum_squares  # taken in another order
    assert made.SerializeToString() == data


def decoded(png: bytes) -> np.ndarray:
    """The pixels of a PNG file with rows that are not filtered."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    at, chunks = 8, {}
    while at < len(png):
        (size,) = struct.unpack(">I", png[at : at + 4])
        kind, data = png[at + 4 : at + 8], png[at + 8 : at + 8 + size]
        assert struct.unpack(">I", png[at + 8 + size : at + 12 + size]) == (zlib.crc32(kind + data),)
        chunks[kind] = data
        at += size + 12
    width, height, depth, color, *rest = struct.unpack(">IIBBBBB", chunks[b"IHDR"])
    assert (depth, rest, list(chunks)) == (8, [0, 0, 0], [b"IHDR", b"IDAT", b"IEND"])
    channels = {0: 1, 2: 3, 6: 4}[color]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(height, 1 + width * channels)
    assert not rows[:, 0].any()
    return rows[:, 1:].reshape(height, width, channels)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures(name: str) -> None:
    recorded = RECORDED[f"picture: {name}"]
    operation, summary = result_of(PICTURES[name])
    assert operation == recorded["name"]
    assert [value.tag for value in summary.value] == recorded["tags"]
    assert [value.image.colorspace for value in summary.value] == recorded["channels"]
    for value, pixels in zip(summary.value, recorded["pixels"], strict=True):
        assert (value.image.height, value.image.width) == pixels.shape[:2]
        np.testing.assert_array_equal(decoded(value.image.encoded_image_string), pixels)


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name: str) -> None:
    says, make = REFUSED[name]
    expected = RECORDED[f"refused: {name}"].classes[0]
    with pytest.raises(Exception) as caught:
        result_of(make)
    assert says in str(caught.value)
    assert expected in [kind.__name__ for kind in type(caught.value).__mro__]


def test_hyper_parameters() -> None:
    assert start_summary(HPARAMS, 12.5, "t").SerializeToString() == RECORDED["hparams"]


def test_records() -> None:
    assert b"".join(frame(record) for record in RECORDS) == RECORDED["records"]


# --- files of others -------------------------------------------------------------------------------------------------


def file_of(name: str, folder: Path) -> Any:
    (folder / "events.out.tfevents.1.peer").write_bytes(RECORDED[f"file: {name}"])
    return tf.summary.read(folder)


def test_a_file_of_tensorflow_1(tmp_path: Path) -> None:
    log = file_of("by_tensorflow_1", tmp_path)
    assert log.tags()["scalars"] == ["loss"]
    # It was resumed at step 2.
    assert log.scalars("loss").steps.tolist() == [1, 2]
    assert log.scalars("loss").values.tolist() == [0.5, 0.5]
    assert [(h.num, h.sum) for h in log.histograms("w").values] == [(2.0, 3.0)] * 2
    assert {"loss", "w"} <= {node.name for node in log.graph().node}
    assert log.session_logs()[0][0] == 2


def test_a_file_of_tensorflow_2(tmp_path: Path) -> None:
    log = file_of("by_tensorflow_2", tmp_path)
    assert log.scalars("loss").steps.tolist() == [0, 1, 2]
    assert log.scalars("loss").values.tolist() == [0.0, 0.5, 1.0]
    assert [(h.num, h.min, h.max) for h in log.histograms("w").values] == [(3.0, 1.0, 2.0)] * 3
    assert log.tensors("note").values[0].tolist() == b"hello"


def test_a_file_of_tensorboard(tmp_path: Path) -> None:
    log = file_of("by_tensorboard", tmp_path)
    assert log.scalars("loss").values.tolist() == [step / 4 for step in range(200)]
    assert log.scalars("loss").wall_times.tolist() == [100.0 + step for step in range(200)]


# --- read by others --------------------------------------------------------------------------------------------------


def everything(folder: Path) -> None:
    """Write a file with something of every kind, as a resumed run."""
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    tf.nn.relu(x, name="y")
    summaries = [
        tf.summary.scalar("loss", 0.5),
        tf.summary.histogram("w", [1.0, 2.0, 2.0]),
        tf.summary.image("picture", np.zeros([1, 3, 4, 3], np.uint8), max_outputs=1),
        tf.summary.audio("sound", np.zeros([1, 80], np.float32), 8000.0, max_outputs=1),
        tf.summary.text("note", tf.constant("hello")),
    ]
    with tf.Session() as session, tf.summary.FileWriter(folder, session.graph) as writer:
        writer.add_hparams(HPARAMS)
        for step in (0, 1, 2):
            writer.add_summary(session.run(tf.summary.merge(summaries)), step)
        writer.add_session_log(protos.SessionLog(status=protos.SessionLog.START), 2)
        writer.add_summary(session.run(summaries[0]), 2)


def seen_by_graphopt(folder: Path) -> dict[str, Any]:
    log = tf.summary.read(folder)
    return {
        "steps": log.scalars("loss").steps.tolist(),
        "values": log.scalars("loss").values.tolist(),
        "histogram": [(h.num, h.sum) for h in log.histograms("w").values],
        "width": [image.width for image in log.images("picture/image").values],
        "frames": [sound.length_frames for sound in log.audio("sound/audio").values],
        "note": [text.tolist() for text in log.tensors("note").values][:2],
        "nodes": [node.name for node in log.graph().node][:2],
        "hparams": log.hparams(),
    }


def seen_by_tensorboard(folder: Path) -> dict[str, Any]:
    accumulators = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    graphs = importlib.import_module("tensorboard.compat.proto.graph_pb2")
    data = importlib.import_module("tensorboard.plugins.hparams.plugin_data_pb2")
    log = accumulators.EventAccumulator(str(folder), size_guidance=dict.fromkeys(accumulators.DEFAULT_SIZE_GUIDANCE, 0)).Reload()
    start = log.SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    hparams = data.HParamsPluginData.FromString(start).session_start_info.hparams
    scalars = [(event.step, event.value) for event in log.Scalars("loss")]
    return {
        "steps": [step for step, _ in scalars],
        "values": [value for _, value in scalars],
        "histogram": [(event.histogram_value.num, event.histogram_value.sum) for event in log.Histograms("w")],
        "width": [event.width for event in log.Images("picture/image")],
        "frames": [event.length_frames for event in log.Audio("sound/audio")],
        "note": [event.tensor_proto.string_val[0] for event in log.Tensors("note")][:2],  # it keeps tensors of before the restart
        "nodes": [node.name for node in graphs.GraphDef.FromString(log.Graph().SerializeToString()).node][:2],
        "hparams": {name: getattr(value, value.WhichOneof("kind")) for name, value in hparams.items()},
    }


READERS = [seen_by_graphopt, *([seen_by_tensorboard] if importlib.util.find_spec("tensorboard") else [])]


@pytest.mark.parametrize("seen_by", READERS)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_what_is_written_is_read(tmp_path: Path, seen_by: Callable[[Path], dict[str, Any]]) -> None:
    with tf.Graph().as_default():
        everything(tmp_path)
    assert seen_by(tmp_path) == {
        "steps": [0, 1, 2],
        "values": [0.5] * 3,
        "histogram": [(3.0, 5.0)] * 2,
        "width": [4, 4],
        "frames": [80, 80],
        "note": [b"hello"] * 2,
        "nodes": ["x", "y"],
        "hparams": HPARAMS,
    }
