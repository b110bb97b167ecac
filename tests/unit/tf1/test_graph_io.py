"""Graphs in files, events read back, node definitions, and small modules that scripts import."""

import importlib
import json
import sys
from pathlib import Path

import pytest

import graphopt as tf
from graphopt.graph import nest
from graphopt.tf1 import stand_in


def test_write_graph(tmp_path: Path) -> None:
    tf.nn.relu(tf.constant([1.0], name="x"), name="y")
    graph = tf.get_default_graph()
    text = tf.train.write_graph(graph, tmp_path / "new" / "folder", "graph.pbtxt")
    assert Path(text) == tmp_path / "new" / "folder" / "graph.pbtxt"
    assert Path(text).read_text() == str(graph.as_graph_def())
    binary = tf.train.write_graph(graph.as_graph_def(), str(tmp_path), "graph.pb", as_text=False)
    assert [node.name for node in tf.GraphDef.FromString(Path(binary).read_bytes()).node] == ["x", "y"]


def test_write_graph_refuses(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"write_graph takes a tf.Graph or a tf.GraphDef, got str"):
        tf.train.write_graph("graph", tmp_path, "graph.pb")
    (tmp_path / "file").write_text("")
    with pytest.raises(tf.errors.OpError, match=r"graph\.pb' can't be written"):
        tf.train.write_graph(tf.get_default_graph(), tmp_path / "file", "graph.pb")


def test_node_def() -> None:
    x = tf.placeholder(tf.float32, [None, 2], name="x")
    with tf.control_dependencies([tf.no_op(name="first")]), tf.device("/cpu:0"):
        y = tf.matmul(x, x, transpose_b=True, name="y")
    node = y.op.node_def
    assert (node.name, node.op, list(node.input), node.device) == ("y", "MatMul", ["x", "x", "^first"], y.op.device)
    assert node.attr["transpose_b"].b is True
    assert node.attr["T"].type == tf.float32.as_datatype_enum
    assert str(node) == str(tf.get_default_graph().as_graph_def().node[-1])


def test_summary_iterator(tmp_path: Path) -> None:
    with tf.summary.FileWriter(str(tmp_path)) as writer:
        writer.add_summary(tf.Summary(value=[tf.Summary.Value(tag="loss", simple_value=0.5)]), 3)
        path = writer.get_filename()
    events = list(tf.train.summary_iterator(path))
    assert events[0].file_version == "brain.Event:2"
    assert [(e.step, v.tag, v.simple_value) for e in events for v in e.summary.value] == [(3, "loss", 0.5)]
    assert events[-1].wall_time > 1e9


def test_no_gpu() -> None:
    assert tf.test.is_gpu_available() is tf.test.is_built_with_cuda() is False
    assert tf.test.gpu_device_name() == ""


def test_modules_of_tensorflow() -> None:
    with stand_in.standing_in(force=True):
        timeline = importlib.import_module("tensorflow.python.client.timeline")
        assert json.loads(timeline.Timeline(tf.RunMetadata().step_stats).generate_chrome_trace_format()) == {"traceEvents": []}
        inspect = importlib.import_module("tensorflow.python.util.tf_inspect")
        spec = inspect.getargspec(lambda a, b=2, *rest, **more: None)
        assert tuple(spec) == (["a", "b"], "rest", "more", (2,))
        assert inspect.isfunction(test_no_gpu)
        assert importlib.import_module("tensorflow.python.util.nest").flatten is nest.flatten
        assert importlib.import_module("tensorflow.contrib.framework").nest.flatten is nest.flatten
        assert importlib.import_module("tensorflow.python.framework.graph_io").write_graph is tf.train.write_graph
        for module in ("python.ops.metrics", "metrics", "compat.v1.metrics"):
            assert importlib.import_module(f"tensorflow.{module}").accuracy is tf.metrics.accuracy
        assert importlib.import_module("tensorflow.contrib.metrics").streaming_mean is tf.metrics.mean
        assert importlib.import_module("tf_slim.metrics").aggregate_metrics is tf.contrib.metrics.aggregate_metrics
        assert importlib.import_module("tensorflow.python.ops.confusion_matrix").confusion_matrix is tf.confusion_matrix
        summary_iterator = importlib.import_module("tensorflow.python.summary.summary_iterator").summary_iterator
        assert summary_iterator is tf.train.summary_iterator
        slim = importlib.import_module("tensorflow.contrib.slim")
        assert slim.assign_from_checkpoint_fn is tf.contrib.framework.assign_from_checkpoint_fn
    assert "tensorflow.metrics" not in sys.modules
