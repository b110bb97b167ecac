"""TensorFlow's graph files, which graphopt neither writes nor reads."""

from __future__ import annotations

from typing import Any

from graphopt.errors import UnsupportedError


def export_meta_graph(*arguments: Any, **more: Any) -> Any:
    """Raise a NotImplementedError: graphopt writes no MetaGraphDef."""
    raise UnsupportedError("graphopt writes no MetaGraphDef: keep the code that builds the graph, and save variables with tf.train.Saver.")


def import_meta_graph(*arguments: Any, **more: Any) -> Any:
    """Raise a NotImplementedError: graphopt reads no MetaGraphDef."""
    raise UnsupportedError("graphopt reads no MetaGraphDef: build the graph with its code, and restore variables with tf.train.Saver.")
