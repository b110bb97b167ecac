"""What goes into event files: messages and summary operations, written once for graphopt and for the peers that `record_events.py` runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

LARGEST = float(np.finfo(np.float64).max)


def histogram(p: Any) -> Any:
    return p.HistogramProto(min=-1.0, max=2.0, num=3.0, sum=1.5, sum_squares=5.25, bucket_limit=[0.0, 2.5, LARGEST], bucket=[1.0, 2.0, 0.0])


def tensor(p: Any, **more: Any) -> Any:
    shape = p.TensorShapeProto(dim=[p.TensorShapeProto.Dim(size=2), p.TensorShapeProto.Dim(size=-1, name="rest")])
    return p.TensorProto(dtype=1, tensor_shape=shape, **more)


def node(p: Any) -> Any:
    made = p.NodeDef(name="scope/y", op="MatMul", input=["x", "x:1", "^control"], device="/cpu:0")
    made.attr["T"].type = 1
    made.attr["transpose_a"].b = True
    made.attr["count"].i = -3
    made.attr["rate"].f = 0.1
    made.attr["label"].s = b"text"
    made.attr["shape"].shape.dim.add(size=4)
    made.attr["value"].tensor.CopyFrom(tensor(p, tensor_content=b"1234"))
    made.attr["_output_shapes"].list.shape.add().dim.add(size=-1)
    made.attr["list"].list.i.extend([1, -2, 300])
    return made


def values(p: Any) -> list[Any]:
    image = p.Summary.Image(height=2, width=3, colorspace=4, encoded_image_string=b"png")
    audio = p.Summary.Audio(sample_rate=0.1, num_channels=2, length_frames=7, encoded_audio_string=b"wav", content_type="audio/wav")
    plugin = p.SummaryMetadata.PluginData(plugin_name="text", content=b"\x00\xff")
    metadata = p.SummaryMetadata(plugin_data=plugin, display_name="näme", summary_description="what")
    return [
        p.Summary.Value(tag="loss", simple_value=0.1),
        p.Summary.Value(tag="zero", simple_value=0.0, node_name="n"),
        p.Summary.Value(tag="größe" * 40, histo=histogram(p)),
        p.Summary.Value(tag="image", image=image),
        p.Summary.Value(tag="audio", audio=audio),
        p.Summary.Value(tag="tensor", tensor=tensor(p, float_val=[0.1, 2.0], int_val=[3, -4], string_val=[b"a", b""]), metadata=metadata),
        p.Summary.Value(tag="empty", histo=p.HistogramProto()),
    ]


# Messages by name; each takes a namespace with the classes.
MESSAGES: dict[str, Callable[[Any], Any]] = {
    "nothing": lambda p: p.Summary(),
    "values": lambda p: p.Summary(value=values(p)),
    "node": node,
    "graph": lambda p: p.GraphDef(node=[node(p)], versions=p.VersionDef(producer=27)),
    "meta graph": lambda p: p.MetaGraphDef(meta_info_def=p.MetaGraphDef.MetaInfoDef(tags=["train"]), graph_def=p.GraphDef(node=[node(p)])),
    "version": lambda p: p.Event(wall_time=1.5, file_version="brain.Event:2"),
    "summary event": lambda p: p.Event(wall_time=1.5, step=1 << 40, summary=p.Summary(value=values(p))),
    "negative step": lambda p: p.Event(step=-1, summary=p.Summary()),
    "start": lambda p: p.Event(step=7, session_log=p.SessionLog(status=p.SessionLog.START)),
    "checkpoint": lambda p: p.Event(session_log=p.SessionLog(status=p.SessionLog.CHECKPOINT, checkpoint_path="a/b", msg="m")),
    "log": lambda p: p.Event(log_message=p.LogMessage(level=p.LogMessage.WARN, message="careful")),
    "run metadata": lambda p: p.Event(tagged_run_metadata=p.TaggedRunMetadata(tag="t", run_metadata=b"\x01")),
    "graph event": lambda p: p.Event(graph_def=b"\x0a\x00", wall_time=2.0),
    "description": lambda p: p.SummaryDescription(type_hint="image"),
}

RANDOM = np.random.default_rng(7)
ZEROS = np.zeros([2, 3, 4, 3], np.float32)
SPECIAL = np.array([[0.0, 1.0, -0.5], [np.nan, 2.0, 0.25], [np.inf, 0.0, 1.5], [3.0, -np.inf, 0.0]], np.float32)
IMAGES = {
    "bytes": RANDOM.integers(0, 256, [2, 4, 5, 3]).astype(np.uint8),
    "grey": RANDOM.random([1, 3, 3, 1]).astype(np.float32),
    "negative": RANDOM.normal(size=[2, 4, 4, 3]).astype(np.float32),
    "wide": (RANDOM.normal(size=[1, 4, 4, 4]) * 1e20).astype(np.float32),
    "double": RANDOM.normal(size=[1, 5, 4, 3]),
    "half": RANDOM.random([1, 5, 4, 3]).astype(np.float16),
    "negative half": RANDOM.normal(size=[1, 6, 4, 1]).astype(np.float16),
    "black": np.full([1, 2, 2, 1], 1e-7, np.float32),
    "nearly nothing": np.full([1, 2, 2, 1], -1e-7, np.float32),
    "special": SPECIAL.reshape(1, 2, 2, 3),
    "special, not negative": np.abs(SPECIAL).reshape(1, 2, 2, 3),
    "nothing finite": np.full([1, 2, 2, 4], np.nan, np.float32),
    "no image": np.zeros([0, 2, 2, 3], np.float32),
}
SOUNDS = {
    "mono": RANDOM.uniform(-1, 1, [2, 50]).astype(np.float32),
    "stereo": RANDOM.uniform(-1.2, 1.2, [1, 40, 2]).astype(np.float32),
    "halves": (np.arange(-9, 10) / np.float32(1 << 16)).astype(np.float32)[None],
    "silence": np.zeros([1, 0, 1], np.float32),
}

# Operations by name; each takes the module and records one summary.
OPERATIONS: dict[str, Callable[[Any], Any]] = {
    "scalar": lambda tf: tf.summary.scalar("loss", tf.constant(0.1)),
    "scalar of double": lambda tf: tf.summary.scalar("a/loss (1)", tf.constant(0.1, tf.float64), family="fam"),
    "scalar of integer": lambda tf: tf.summary.scalar("n", tf.constant(3)),
    "histogram": lambda tf: tf.summary.histogram("w", tf.constant(RANDOM_NORMAL)),
    "histogram of integers": lambda tf: tf.summary.histogram("w", tf.constant([1, 5, 5, -3, 0])),
    "histogram of truth values": lambda tf: tf.summary.histogram("w", [True, False, True]),
    "empty histogram": lambda tf: tf.summary.histogram("w", tf.zeros([0])),
    "text": lambda tf: tf.summary.text("note", tf.constant(["a", "**b**"])),
    "texts": lambda tf: tf.summary.text("table", tf.constant([["a", "b"], ["c", ""]])),
    "tensor": lambda tf: tf.summary.tensor_summary("t", tf.constant([[1.5, 2.0]]), summary_description="d", display_name="n", family="f"),
    "truth": lambda tf: tf.summary.tensor_summary("t", tf.constant(True)),
    "half": lambda tf: tf.summary.tensor_summary("t", tf.constant([1.0, 2.0], tf.float16)),
    "no tensor": lambda tf: tf.summary.tensor_summary("t", tf.zeros([0, 2], tf.int64)),
    "merged": lambda tf: tf.summary.merge([tf.summary.scalar("a", tf.constant(1.0)), tf.summary.text("b", tf.constant("c"))]),
    **{f"sound: {name}": lambda tf, x=x: tf.summary.audio("s", x, 8000.0) for name, x in SOUNDS.items()},
    "one sound": lambda tf: tf.summary.audio("s", SOUNDS["mono"], 22050.4, max_outputs=1, family="f"),
}
RANDOM_NORMAL = RANDOM.normal(size=[500]).astype(np.float32)

# Pictures by name: PNG files of one picture differ between compressors, so that the pixels are compared.
PICTURES: dict[str, Callable[[Any], Any]] = {
    **{name: lambda tf, x=x: tf.summary.image("i", x, max_outputs=2) for name, x in IMAGES.items()},
    "one image": lambda tf: tf.summary.image("i", IMAGES["bytes"], max_outputs=1, family="f"),
}

# What is refused: what the message says, and the case.
REFUSED: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "channels": ("Tensor must be 4-D with last dim 1, 3, or 4, not [2,3,4,2]", lambda tf: tf.summary.image("i", ZEROS[..., :2])),
    "rank": ("Tensor must be 4-D with last dim 1, 3, or 4, not [2,3,4]", lambda tf: tf.summary.image("i", ZEROS[..., 0])),
    "image without rows": (
        "input tensor must have non-zero dims. Found: [1, 0, 2, 1].",
        lambda tf: tf.summary.image("i", np.zeros([1, 0, 2, 1], np.float32)),
    ),
    "histogram of texts": ("has DataType string not in list of allowed values", lambda tf: tf.summary.histogram("h", tf.constant(["a"]))),
    "nothing merged": (
        "List argument 'inputs' to 'MergeSummary' Op with length 0 shorter than minimum length 1.",
        lambda tf: tf.summary.merge([]),
    ),
    "no list merged": ("Expected list for 'inputs' argument to 'merge_summary' Op, not None", lambda tf: tf.summary.merge(None)),
    "image of integers": (
        "has DataType int32 not in list of allowed values",
        lambda tf: tf.summary.image("i", tf.constant(ZEROS.astype(np.int32))),
    ),
    "no images": ("passed 0 less than minimum 1", lambda tf: tf.summary.image("i", ZEROS, max_outputs=0)),
    "sound's rank": ("Tensor must be 3-D or 2-D, got: [3]", lambda tf: tf.summary.audio("s", ZEROS[0, :, 0, 0], 8000.0)),
    "rate": ("sample_rate must be > 0", lambda tf: tf.summary.audio("s", ZEROS[0, 0], 0.0)),
    "rates": ("sample_rate must be rank-0 or contain a single value", lambda tf: tf.summary.audio("s", ZEROS[0, 0], [1.0, 2.0])),
    "no sounds": ("passed 0 less than minimum 1", lambda tf: tf.summary.audio("s", ZEROS[0, 0], 1.0, max_outputs=0)),
    "text of numbers": ("to have dtype string, got <dtype: 'int32'>", lambda tf: tf.summary.text("t", tf.constant([1]))),
    "merged twice": (
        "Duplicate tag a found in summary inputs",
        lambda tf: tf.summary.merge([tf.summary.scalar("a", tf.constant(1.0))] * 2),
    ),
}
# What the records of a file hold.
RECORDS = [b"", b"a", bytes(range(256)), b"x" * 70_000]
HPARAMS = {"rate": 0.5, "units": 3, "name": "Adam", "nesterov": True}
