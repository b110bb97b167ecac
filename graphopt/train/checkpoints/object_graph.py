"""Checkpoints that TensorFlow 2 wrote by objects: under which key the variable of a name stands.

Source: tensorflow/core/protobuf/trackable_object_graph.proto.
"""

from __future__ import annotations

from graphopt.train.checkpoints.sorted_table import fields

OBJECT_GRAPH = "_CHECKPOINTABLE_OBJECT_GRAPH"
_NODES, _ATTRIBUTES, _FULL_NAME, _KEY = 1, 2, 2, 3


def keys_of_variables(message: bytes) -> dict[str, str]:
    """Return the keys in a checkpoint by the names of the variables, from a serialized `TrackableObjectGraph`.

    Raises:
      IndexError, struct.error, UnicodeDecodeError: when the bytes are none.
    """
    found: dict[str, str] = {}
    for node in _messages(message, _NODES):
        for attribute in _messages(node, _ATTRIBUTES):
            named = {number: value.decode() for number, value in fields(attribute) if isinstance(value, bytes)}
            if named.get(_FULL_NAME) and named.get(_KEY):
                found[named[_FULL_NAME]] = named[_KEY]
    return found


def _messages(message: bytes, wanted: int) -> list[bytes]:
    return [value for number, value in fields(message) if number == wanted and isinstance(value, bytes)]
