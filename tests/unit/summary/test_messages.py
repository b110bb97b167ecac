"""Protocol buffers, graphs as messages, pictures and sounds."""

from typing import Any

import numpy as np
import pytest

import graphopt as tf
from graphopt.dtypes import DType
from graphopt.errors import ArgumentError, DTypeError
from graphopt.graph.graph_def import AttrValue, GraphDef, NodeDef, to_attribute, to_graph_def
from graphopt.ops.summary_media import encode_wav, to_pixels
from graphopt.ops.summary_message import Field, Message
from graphopt.ops.summary_proto import SessionLog
from graphopt.ops.summary_tensor import TensorProto, TensorShapeProto
from graphopt.ops.summary_wire import fields, read_varint, signed, varint
from graphopt.shapes import TensorShape
from graphopt.summary.protos import Event


class Inner(Message):
    text = Field(1, "string")
    number = Field(2, "int")


class Outer(Message):
    one = Field(1, Inner)
    many = Field(2, Inner, repeated=True)
    flags = Field(3, "bool", repeated=True)
    rates = Field(4, "float", repeated=True)
    counts = Field(5, "int", repeated=True)
    words = Field(6, "string", repeated=True)
    named = Field(7, Inner, keyed=True)
    left = Field(8, "double", group="side")
    right = Field(9, Inner, group="side")


def filled() -> Outer:
    made = Outer(one=Inner(text="a"), flags=[True, False], rates=[0.5], counts=[1, -1, 300], words=["x", ""])
    made.many.add(text='q"\n\\')
    made.named["k"].number = 3
    made.right.number = 4
    return made


@pytest.mark.parametrize("value", [0, 1, 127, 128, 300, (1 << 63) - 1, -1, -(1 << 63)])
def test_varints(value: int) -> None:
    data = varint(value)
    found, end = read_varint(data, 0)
    assert (signed(found), end) == (value, len(data))


def test_round_trip() -> None:
    made = filled()
    again = Outer.FromString(made.SerializeToString())
    assert again == made
    assert repr(again) == repr(made)
    assert made.ByteSize() == len(made.SerializeToString())
    assert again.counts == [1, -1, 300]
    assert again.WhichOneof("side") == "right"
    assert repr(Inner(text='q"\n\\')) == 'text: "q\\"\\n\\\\"'
    assert 'key: "k"' in repr(made)
    assert made != Inner()


def test_presence() -> None:
    made = Outer()
    assert made.one.number == 0  # looking is not setting
    assert not made.HasField("one")
    assert made.SerializeToString() == b""
    made.one.number = 5
    assert made.HasField("one")
    made.left = 0.0
    assert (made.WhichOneof("side"), made.HasField("left")) == ("left", True)
    made.right = Inner()
    assert (made.WhichOneof("side"), made.left) == ("right", 0.0)
    made.ClearField("right")
    assert made.WhichOneof("side") is None
    made.Clear()
    assert made == Outer()
    for use in (lambda: made.HasField("no"), lambda: made.ClearField("no"), lambda: Outer(no=1)):
        with pytest.raises(ValueError, match="Protocol message Outer has no field no"):
            use()


def test_copying() -> None:
    made, copied = filled(), Outer()
    copied.CopyFrom(made)
    copied.one.text = "changed"
    assert made.one.text == "a"
    copied.MergeFrom(made)
    assert (copied.one.text, copied.counts) == ("a", [1, -1, 300] * 2)
    assert copied.ParseFromString(made.SerializeToString()) == made.ByteSize()
    assert copied.ParseFromString(made) == 0
    assert copied == made


def test_numbers_that_are_not_packed() -> None:
    data = b"\x28\x01\x28\x02" + b"\x25" + np.float32(0.5).tobytes()
    made = Outer.FromString(data)
    assert (made.counts, made.rates) == ([1, 2], [0.5])


@pytest.mark.parametrize(
    "data", [b"\x0a\x05a", b"\x0f", b"\x80", b"\x32\x01\xff", b"\x41\x00", b"\x22\x03abc", b"\x3a\x02\x12\x05", b"\x0a\x03\x0a\x01"]
)
def test_bytes_that_are_no_message(data: bytes) -> None:
    with pytest.raises(ValueError, match="Error parsing message"):
        Outer.FromString(data)


def test_another_wire_type_is_skipped() -> None:
    assert Inner.FromString(b"\x15\x00\x00\x00\x00") == Inner()
    assert list(fields(b"\x11" + bytes(8))) == [(2, 1, bytes(8))]


def test_events() -> None:
    event = Event(step=3)
    event.session_log.CopyFrom(SessionLog(status=SessionLog.STOP))
    assert event.WhichOneof("what") == "session_log"
    event.summary.value.add(tag="a", simple_value=1.0)
    assert Event.FromString(event.SerializeToString()).step == 3


# --- tensors ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i4", "i8", "u1", "?", "i2"])
def test_tensors(dtype: str) -> None:
    array = np.array([[0, 1, 2], [3, 4, 5]], dtype)
    found = TensorProto.FromString(TensorProto.of(array).SerializeToString()).to_array()
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype


def test_tensors_of_single_values() -> None:
    shape = TensorShapeProto.of((3,))
    assert TensorProto(dtype=1, tensor_shape=shape, float_val=[0.5, 2.0]).to_array().tolist() == [0.5, 2.0, 2.0]
    assert TensorProto(dtype=3, tensor_shape=shape).to_array().tolist() == [0, 0, 0]
    half = TensorProto(dtype=19, tensor_shape=shape, half_val=[0x3C00]).to_array()
    assert half.tolist() == [1.0, 1.0, 1.0]
    assert TensorProto(dtype=7, string_val=[b"a"]).to_array()[()] == b"a"
    assert TensorShapeProto.of(None).unknown_rank
    with pytest.raises(ValueError, match="A tensor has the element type 99, which is not known"):
        TensorProto(dtype=99).to_array()


# --- graphs ----------------------------------------------------------------------------------------------------------


def test_a_graph_of_a_training_op() -> None:
    x = tf.placeholder(tf.float32, [None, 3], name="x")
    loss = tf.reduce_sum(tf.matmul(x, tf.get_variable("w", [3, 2])))
    tf.contrib.layers.optimize_loss(loss, tf.train.get_or_create_global_step(), 0.1, "Adam")
    made = to_graph_def(tf.get_default_graph())
    nodes = {node.name: node for node in made.node}
    assert list(nodes) == [op.name for op in tf.get_default_graph().get_operations()]
    for node in made.node:
        assert all(name.lstrip("^").split(":")[0] in nodes for name in node.input)
    assert GraphDef.FromString(made.SerializeToString()) == made
    assert nodes["x"].attr["dtype"].type == tf.float32.as_datatype_enum
    matmul = next(node for node in made.node if node.op == "MatMul")
    assert matmul.attr["T"].type == 1
    assert [d.size for d in matmul.attr["_output_shapes"].list.shape[0].dim] == [-1, 2]


def test_constants() -> None:
    tf.constant([1.0, 2.0], name="small")
    tf.constant(np.zeros([100, 100]), name="large")
    small, large = to_graph_def(tf.get_default_graph()).node
    assert small.attr["value"].tensor.to_array().tolist() == [1.0, 2.0]
    assert large.attr["value"].tensor.tensor_content == b""
    assert [d.size for d in large.attr["value"].tensor.tensor_shape.dim] == [100, 100]
    assert "shape" not in small.attr


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, AttrValue(b=True)),
        (3, AttrValue(i=3)),
        (np.int64(3), AttrValue(i=3)),
        (0.5, AttrValue(f=0.5)),
        ("text", AttrValue(s=b"text")),
        (b"text", AttrValue(s=b"text")),
        (tf.float64, AttrValue(type=2)),
        (TensorShape([2, None]), AttrValue(shape=TensorShapeProto.of((2, None)))),
        ((1, 2), AttrValue(list=AttrValue.ListValue(i=[1, 2]))),
        ([tf.float32], AttrValue(list=AttrValue.ListValue(type=[1]))),
        ([], AttrValue(list=AttrValue.ListValue())),
        ([1, "a"], None),
        ([None], None),
        (None, None),
        (1 << 70, None),
        (DType, None),
    ],
)
def test_attributes(value: Any, expected: Any) -> None:
    assert to_attribute(value) == expected


# --- pictures and sounds ---------------------------------------------------------------------------------------------


def test_pixels() -> None:
    assert to_pixels(np.array([[[-1.0], [0.0], [1.0]]])).reshape(-1).tolist() == [1, 128, 255]
    assert to_pixels(np.array([[[np.nan, 0.0, 0.0], [0.0, 0.0, 2.0]]])).tolist() == [[[255, 0, 0], [0, 0, 255]]]
    given = np.array([[[7]]], np.uint8)
    assert to_pixels(given) is given
    summary = tf.Session().run(tf.summary.image("i", tf.zeros([5, 1, 1, 1]), 2, family="f"))
    assert [value.tag for value in summary.value] == ["f/f/i/image/0", "f/f/i/image/1"]


def test_sounds() -> None:
    sound = encode_wav(np.array([[1.0], [-1.0], [2.0], [np.nan], [0.5 / 32768]], np.float32), 8000.0)
    assert np.frombuffer(sound[44:], "<i2").tolist() == [32767, -32768, 32767, 0, 1]


@pytest.mark.parametrize(
    ("make", "kind", "text"),
    [
        (
            lambda: tf.summary.image("i", tf.zeros([1, 1, 1, 1]), 0),
            ArgumentError,
            "Attr 'max_images' of 'ImageSummary' Op passed 0 less than",
        ),
        (lambda: tf.summary.audio("s", tf.zeros([1, 1]), 1.0, 0), ArgumentError, "Attr 'max_outputs' of 'AudioSummaryV2' Op passed 0 less"),
        (
            lambda: tf.summary.image("i", tf.constant([1])),
            DTypeError,
            "Value passed to parameter 'tensor' has DataType int32 not in list of",
        ),
        (lambda: tf.summary.text("t", 1.0), ArgumentError, "Expected tensor .* to have dtype string, got <dtype: 'float32'>"),
    ],
)
def test_refused(make: Any, kind: type[Exception], text: str) -> None:
    with pytest.raises(kind, match=text):
        make()


def test_descriptions() -> None:
    node = NodeDef(name="n", op="TensorSummary")
    node.attr["description"].s = b'{"type_hint": "image"}'
    assert tf.summary.get_summary_description(node).type_hint == "image"
    with pytest.raises(ArgumentError, match="Can't get_summary_description on TensorSummaryV2"):
        tf.summary.get_summary_description(tf.summary.tensor_summary("t", 1.0).op)
    metadata = tf.summary.SummaryMetadata(display_name="a")
    value = tf.Session().run(tf.summary.tensor_summary("t", 1.0, "what", summary_metadata=metadata)).value[0]
    assert (value.metadata.display_name, value.metadata.summary_description) == ("a", "what")
    assert metadata.summary_description == ""
