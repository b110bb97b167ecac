"""A recorded graph as TensorFlow's ``GraphDef``: what TensorBoard's graph page and other viewers read."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from graphopt.dtypes import DType
from graphopt.graph.operation import Operation, Tensor
from graphopt.ops.summary_message import Field, Message
from graphopt.ops.summary_tensor import TensorProto, TensorShapeProto
from graphopt.shapes import TensorShape

if TYPE_CHECKING:
    from graphopt.graph.lookup import ElementLookup

# The first version of TensorFlow's graphs in which all that is written here has its present meaning.
_PRODUCER = 27
# A constant with more bytes than this is written as its type and shape alone.
_LARGEST_CONSTANT = 1024


class AttrList(Message):
    """A list of values of one kind."""

    NAME = "ListValue"
    s = Field(2, "bytes", repeated=True)
    i = Field(3, "int", repeated=True)
    f = Field(4, "float", repeated=True)
    b = Field(5, "bool", repeated=True)
    type = Field(6, "int", repeated=True)
    shape = Field(7, TensorShapeProto, repeated=True)
    tensor = Field(8, TensorProto, repeated=True)


class AttrValue(Message):
    """The value of an attribute."""

    ListValue = AttrList
    list = Field(1, AttrList, group="value")
    s = Field(2, "bytes", group="value")
    i = Field(3, "int", group="value")
    f = Field(4, "float", group="value")
    b = Field(5, "bool", group="value")
    type = Field(6, "int", group="value")
    shape = Field(7, TensorShapeProto, group="value")
    tensor = Field(8, TensorProto, group="value")
    placeholder = Field(9, "string", group="value")


class NodeDef(Message):
    """One operation: its name, op, inputs (``"name"``, ``"name:1"``, ``"^control"``), device and attributes."""

    name = Field(1, "string")
    op = Field(2, "string")
    input = Field(3, "string", repeated=True)
    device = Field(4, "string")
    attr = Field(5, AttrValue, keyed=True)


class VersionDef(Message):
    """The version of the graph's format."""

    producer = Field(1, "int")
    min_consumer = Field(2, "int")


class GraphDef(Message):
    """A graph: its operations in the order of creation."""

    node = Field(1, NodeDef, repeated=True)
    version = Field(3, "int")
    versions = Field(4, VersionDef)


class MetaInfoDef(Message):
    """What is said of a graph."""

    meta_graph_version = Field(1, "string")
    tags = Field(4, "string", repeated=True)
    tensorflow_version = Field(5, "string")


class MetaGraphDef(Message):
    """A graph with what is said of it."""

    MetaInfoDef = MetaInfoDef
    meta_info_def = Field(1, MetaInfoDef)
    graph_def = Field(2, GraphDef)


def to_graph_def(graph: ElementLookup, *, begin: int = 0, add_shapes: bool = True) -> GraphDef:
    """Return a recorded graph as a `GraphDef`; what branches and loops record inside stands in their own graphs and is not shown.

    Args:
      graph: the graph. begin: how many of the first operations to leave out.
      add_shapes: note what is known of the results' shapes, in the attribute ``_output_shapes`` of each node.

    Example:
      >>> x = tf.placeholder(tf.float32, [None, 2], name="x")
      >>> y = tf.nn.relu(x, name="y")
      >>> node = to_graph_def(tf.get_default_graph()).node[1]
      >>> node.name, node.op, node.input, node.attr["T"].type
      ('y', 'Relu', ['x'], 1)
    """
    nodes = [to_node_def(operation, add_shapes=add_shapes) for operation in graph.get_operations()[begin:]]
    return GraphDef(node=nodes, versions=VersionDef(producer=_PRODUCER))


def to_node_def(operation: Operation, *, add_shapes: bool = True) -> NodeDef:
    """Return an operation as a `NodeDef`."""
    inputs = [_input_name(tensor) for tensor in operation.inputs]
    inputs += [f"^{control.name}" for control in operation.control_inputs]
    attributes = dict(_attributes(operation, add_shapes))
    return NodeDef(name=operation.name, op=operation.type, input=inputs, device=operation.device, attr=attributes)


def _input_name(tensor: Tensor) -> str:
    return tensor.op.name if tensor.value_index == 0 else f"{tensor.op.name}:{tensor.value_index}"


def _attributes(operation: Operation, add_shapes: bool) -> Iterator[tuple[str, AttrValue]]:
    outputs = operation.outputs
    if outputs and add_shapes:
        shapes = [TensorShapeProto.of(tensor.tensor_type.shape) for tensor in outputs]
        yield "_output_shapes", AttrValue(list=AttrList(shape=shapes))
    if operation.inputs:
        yield "T", AttrValue(type=operation.inputs[0].dtype.as_datatype_enum)
    elif outputs:
        yield "dtype", AttrValue(type=outputs[0].dtype.as_datatype_enum)
        if "value" not in operation.attributes:
            yield "shape", AttrValue(shape=TensorShapeProto.of(outputs[0].tensor_type.shape))
    for name, value in operation.attributes.items():
        made = to_attribute(value)
        if made is not None and name not in ("dtype", "shape"):
            yield name, made


def to_attribute(value: Any) -> AttrValue | None:
    """Return the value of an attribute; None for what a `GraphDef` has no place for, such as a function or a graph."""
    array = getattr(value, "array", None)
    if isinstance(array, np.ndarray):
        return _constant(array)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool):
        return AttrValue(b=value)
    if isinstance(value, int) and -(1 << 63) <= value < 1 << 63:
        return AttrValue(i=value)
    if isinstance(value, float):
        return AttrValue(f=value)
    if isinstance(value, (str, bytes)):
        return AttrValue(s=value)
    if isinstance(value, DType):
        return AttrValue(type=value.as_datatype_enum)
    if isinstance(value, TensorShape):
        return AttrValue(shape=TensorShapeProto.of(value.raw))
    return _list(value) if isinstance(value, (list, tuple)) else None


def _constant(array: np.ndarray[Any, Any]) -> AttrValue:
    if array.nbytes <= _LARGEST_CONSTANT:
        return AttrValue(tensor=TensorProto.of(array))
    without = TensorProto.of(np.empty((0,), array.dtype))
    without.tensor_shape = TensorShapeProto.of(array.shape)
    return AttrValue(tensor=without)


def _list(items: Any) -> AttrValue | None:
    kinds: dict[type, str] = {bool: "b", int: "i", float: "f", str: "s", bytes: "s", DType: "type"}
    found = {kinds.get(type(item), "") for item in items}
    if "" in found or len(found) > 1:
        return None
    kind = found.pop() if found else "i"
    return AttrValue(list=AttrList(**{kind: [getattr(item, "as_datatype_enum", item) for item in items]}))
