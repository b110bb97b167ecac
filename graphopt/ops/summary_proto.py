"""What summary ops and hooks write: `Summary` and `SessionLog`, with the fields and the wire format of TensorFlow's protocol buffers."""

from __future__ import annotations

import struct
from typing import Any, Self

from graphopt.ops.summary_message import Field, Message, Repeated
from graphopt.ops.summary_tensor import SummaryMetadata, TensorProto
from graphopt.ops.summary_wire import to_float32, varint

_FLOAT = struct.Struct("<f")
_HEADS: dict[str, bytes] = {}


class HistogramProto(Message):
    """A histogram: how many values fell into each bucket.

    Attributes:
      min, max, num, sum, sum_squares: of the values.
      bucket_limit: the upper limit of each bucket. bucket: how many values it holds.

    >>> HistogramProto(min=1.0, max=2.0, num=2.0, bucket_limit=[1.1, 2.2], bucket=[1.0, 1.0]).num
    2.0
    """

    min = Field(1, "double")
    max = Field(2, "double")
    num = Field(3, "double")
    sum = Field(4, "double")
    sum_squares = Field(5, "double")
    bucket_limit = Field(6, "double", repeated=True)
    bucket = Field(7, "double", repeated=True)


class SummaryImage(Message):
    """A picture, encoded as PNG."""

    NAME = "Image"
    height = Field(1, "int")
    width = Field(2, "int")
    colorspace = Field(3, "int")
    encoded_image_string = Field(4, "bytes")


class SummaryAudio(Message):
    """A sound, encoded as WAV."""

    NAME = "Audio"
    sample_rate = Field(1, "float")
    num_channels = Field(2, "int")
    length_frames = Field(3, "int")
    encoded_audio_string = Field(4, "bytes")
    content_type = Field(5, "string")


class SummaryValue(Message):
    """One tag with a number, histogram, picture, sound or tensor; `HasField` says which.

    >>> value = SummaryValue(tag="loss", simple_value=0.5)
    >>> value.HasField("simple_value"), value.HasField("histo")
    (True, False)
    """

    NAME = "Value"
    tag = Field(1, "string")
    simple_value = Field(2, "float", group="value")
    obsolete_old_style_histogram = Field(3, "bytes", group="value")
    image = Field(4, SummaryImage, group="value")
    histo = Field(5, HistogramProto, group="value")
    audio = Field(6, SummaryAudio, group="value")
    node_name = Field(7, "string")
    tensor = Field(8, TensorProto, group="value")
    metadata = Field(9, SummaryMetadata)

    def __init__(self, tag: str = "", simple_value: float | None = None, **given: Any) -> None:
        if given or type(tag) is not str:
            super().__init__(tag=tag, simple_value=simple_value, **given)
            return
        # A number is what there is most of.
        self._is_given = True
        self._set = {"tag": tag} if simple_value is None else {"tag": tag, "simple_value": to_float32(simple_value)}

    def SerializeToString(self) -> bytes:
        """Return the wire format."""
        if len(self._set) == 2 and "simple_value" in self._set and self._set.get("tag"):
            return _head(self._set["tag"]) + _FLOAT.pack(self._set["simple_value"])
        return super().SerializeToString()


def _head(tag: str) -> bytes:
    """Return what stands before a number: the tag and the number's key."""
    found = _HEADS.get(tag)
    if found is None:
        if len(_HEADS) > 10_000:
            _HEADS.clear()
        name = tag.encode()
        found = _HEADS[tag] = b"\x0a" + varint(len(name)) + name + b"\x15"
    return found


class Summary(Message):
    """Tags with their values, as summary ops give them.

    Args:
      value: the values.

    >>> made = Summary(value=[Summary.Value(tag="loss", simple_value=0.5)])
    >>> made
    value {
      tag: "loss"
      simple_value: 0.5
    }
    >>> Summary.FromString(made.SerializeToString()).value[0].tag
    'loss'
    """

    Value = SummaryValue
    Image = SummaryImage
    Audio = SummaryAudio
    value = Field(1, SummaryValue, repeated=True)

    def __init__(self, value: Any = ()) -> None:
        self._is_given = False
        self._set = {"value": Repeated(SummaryValue, value)} if value else {}

    def SerializeToString(self) -> bytes:
        """Return the wire format."""
        parts = []
        for value in self._set.get("value", ()):
            data = value.SerializeToString()
            parts.append(b"\x0a" + varint(len(data)) + data)
        return b"".join(parts)

    def MergeFrom(self, other: Any) -> None:
        """Append the values of another summary."""
        self.value.extend(other.value)

    @classmethod
    def FromString(cls, serialized: Any) -> Self:
        """Return the summary of a wire format; ValueError when the bytes are none."""
        if type(serialized) is SerializedSummary and cls is Summary:
            return serialized.take()  # type: ignore[return-value]
        return super().FromString(serialized)


class SerializedSummary(bytes):
    """What a session gives for a summary: its bytes, as TensorFlow does, and what is in them without parsing.

    Example:
      >>> with tf.Session() as session:
      ...     fetched = session.run(tf.summary.scalar("loss", 0.5))
      >>> bytes(fetched), fetched.value[0].simple_value
      (b'\\n\\x0b\\n\\x04loss\\x15\\x00\\x00\\x00?', 0.5)
    """

    _made: Summary | None = None

    @classmethod
    def of(cls, summary: Summary) -> SerializedSummary:
        """Return a summary's bytes."""
        serialized = cls(summary.SerializeToString())
        serialized._made = summary
        return serialized

    @property
    def value(self) -> Any:
        """The values of the summary."""
        if self._made is None:
            self._made = Summary.FromString(bytes(self))
        return self._made.value

    def take(self) -> Summary:
        """Return the summary: the one that the bytes were made of, which is given away once."""
        made, self._made = self._made, None
        return made if made is not None else Summary.FromString(bytes(self))


class SessionLog(Message):
    """What happened to a session: it began, ended, or was saved.

    Attributes:
      status: one of the constants. checkpoint_path: the checkpoint that was saved. msg: a remark.

    >>> SessionLog(status=SessionLog.CHECKPOINT, checkpoint_path="model-7").checkpoint_path
    'model-7'
    """

    STATUS_UNSPECIFIED = 0
    START = 1
    STOP = 2
    CHECKPOINT = 3
    status = Field(1, "int")
    checkpoint_path = Field(2, "string")
    msg = Field(3, "string")
