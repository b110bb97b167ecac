"""What an event file holds, listed by TensorBoard's own loader and by our reader, in one form.

The recording holds an event file that our writer wrote for a few steps of the digits example, and TensorBoard's listing of it. To record
it anew, with a Python that has TensorBoard and graphopt's dependencies:

    PYTHONPATH=. python tests/viewers/listing.py
"""

from __future__ import annotations

import base64
import gzip
import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

import graphopt as tf

RECORDED = Path(__file__).with_name("digits.json.gz")
STEPS = 6
_HISTOGRAM = ("min", "max", "num", "sum", "sum_squares", "bucket_limit", "bucket")


def load() -> tuple[bytes, dict[str, Any]]:
    """Return the recorded event file and TensorBoard's listing of it."""
    found = json.loads(gzip.decompress(RECORDED.read_bytes()))
    return base64.b64decode(found["events"]), found["listing"]


def by_graphopt(path: Path) -> dict[str, Any]:
    """Return what our reader finds in an event file."""
    log = tf.summary.read(path)
    tags = log.tags()
    listed: dict[str, Any] = {
        "scalars": {tag: _numbers(log.scalars(tag)) for tag in tags["scalars"]},
        "histograms": {tag: _items(log.histograms(tag), _histogram) for tag in tags["histograms"]},
        "images": {tag: _items(log.images(tag), _image) for tag in tags["images"]},
        "texts": {tag: _items(log.tensors(tag), _texts) for tag in tags["tensors"]},
    }
    listed["graph"] = _graph(log.graph())
    return listed


def _numbers(series: Any) -> list[list[float]]:
    columns = (series.steps.tolist(), series.wall_times.tolist(), series.values.tolist())
    return [list(row) for row in zip(*columns, strict=True)]


def _items(series: Any, plain: Any) -> list[list[Any]]:
    rows = zip(series.steps.tolist(), series.wall_times.tolist(), series.values, strict=True)
    return [[step, time, plain(value)] for step, time, value in rows]


def _histogram(value: Any) -> list[Any]:
    return [list(found) if name.startswith("bucket") else found for name in _HISTOGRAM if (found := getattr(value, name)) is not None]


def _image(value: Any) -> list[Any]:
    return [value.width, value.height, base64.b64encode(value.encoded_image_string).decode()]


def _texts(value: Any) -> list[str]:
    return [item.decode() for item in value.reshape(-1).tolist()]


def _graph(graph_def: Any) -> list[list[Any]]:
    return [[node.name, node.op, list(node.input)] for node in graph_def.node]


def by_tensorboard(path: Path) -> dict[str, Any]:
    """Return what TensorBoard's loader finds in an event file.

    Raises:
      ImportError: where TensorBoard is not installed.
    """
    accumulator = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    tensors = importlib.import_module("tensorboard.util.tensor_util")
    everything = dict.fromkeys(("scalars", "histograms", "images", "tensors", "graph"), 0)
    found = accumulator.EventAccumulator(str(path), size_guidance=everything)
    found.Reload()
    tags = found.Tags()
    texts = [tag for tag in tags["tensors"] if found.SummaryMetadata(tag).plugin_data.plugin_name == "text"]
    listed: dict[str, Any] = {
        "scalars": {tag: [[e.step, e.wall_time, e.value] for e in found.Scalars(tag)] for tag in tags["scalars"]},
        "histograms": {
            tag: [[e.step, e.wall_time, _histogram(e.histogram_value)] for e in found.Histograms(tag)] for tag in tags["histograms"]
        },
        "images": {tag: [[e.step, e.wall_time, _image(e)] for e in found.Images(tag)] for tag in tags["images"]},
        "texts": {tag: [[e.step, e.wall_time, _texts(tensors.make_ndarray(e.tensor_proto))] for e in found.Tensors(tag)] for tag in texts},
    }
    listed["graph"] = _graph(found.Graph())
    return json.loads(json.dumps(listed))


def event_file(folder: Path) -> Path:
    """Return the event file of a folder that has one."""
    (path,) = folder.glob("*tfevents*")
    return path


def main() -> None:
    """Write the run, list it with TensorBoard, and keep both."""
    digits_run = importlib.import_module("digits_run")
    with tempfile.TemporaryDirectory() as folder:
        digits_run.write_run(Path(folder), 0, STEPS)
        path = event_file(Path(folder))
        recorded = {"events": base64.b64encode(path.read_bytes()).decode(), "listing": by_tensorboard(path)}
    RECORDED.write_bytes(gzip.compress(json.dumps(recorded).encode(), mtime=0))
    print(f"{RECORDED}: {RECORDED.stat().st_size:,} bytes", file=sys.stderr)


if __name__ == "__main__":
    main()
