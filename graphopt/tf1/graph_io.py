"""Writing graphs to files: `tf.train.write_graph`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from graphopt.errors import ArgumentTypeError
from graphopt.graph.graph import Graph
from graphopt.graph.graph_def import GraphDef
from graphopt.system_errors import failing_as


def write_graph(graph_or_graph_def: Any, logdir: Any, name: str, as_text: bool = True) -> str:
    """Write a graph to a file, as TensorFlow's viewers read it; return the path.

    Args:
      graph_or_graph_def: a `Graph` or a `GraphDef`. logdir: the folder, made when it is missing. name: of the file.
      as_text: readable text, else the binary form.

    Raises:
      TypeError: for anything else than a graph. tf.errors.OpError: when the file can't be written.

    Example:
      >>> x = tf.constant(1.0, name="x")
      >>> path = tf.train.write_graph(tf.get_default_graph(), "graphs", "graph.pbtxt")
      >>> with open(path) as file:
      ...     file.readline(), file.readline()
      ('node {\\n', '  name: "x"\\n')

    Source: tensorflow/python/framework/graph_io.py.
    """
    definition = graph_or_graph_def.as_graph_def() if isinstance(graph_or_graph_def, Graph) else graph_or_graph_def
    if not isinstance(definition, GraphDef):
        raise ArgumentTypeError(f"write_graph takes a tf.Graph or a tf.GraphDef, got {type(graph_or_graph_def).__name__}")
    path = Path(os.fspath(logdir), name)
    content = str(definition).encode() if as_text else definition.SerializeToString()
    with failing_as(f"'{path}' can't be written"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return str(path)
