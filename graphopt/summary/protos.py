"""The messages of event files besides the summary itself: events, lines of logs, run metadata."""

from __future__ import annotations

from typing import Any

from graphopt.ops.summary_message import Field, Message
from graphopt.ops.summary_proto import SessionLog, Summary
from graphopt.runtime.profile import RunMetadata

# TensorBoard drops what a crashed run left behind only in files of this version.
FILE_VERSION = "brain.Event:2"


class LogMessage(Message):
    """A line of a log."""

    UNKNOWN = 0
    DEBUGGING = 10
    INFO = 20
    WARN = 30
    ERROR = 40
    FATAL = 50
    level = Field(1, "int")
    message = Field(2, "string")


class TaggedRunMetadata(Message):
    """The metadata of one run, as bytes, under a tag."""

    tag = Field(1, "string")
    run_metadata = Field(2, "bytes")


class Event(Message):
    """One record of an event file.

    >>> event = Event(wall_time=1.5, step=7, summary=Summary(value=[Summary.Value(tag="loss", simple_value=0.5)]))
    >>> Event.FromString(event.SerializeToString()).summary.value[0].tag
    'loss'
    >>> event.WhichOneof("what")
    'summary'
    """

    wall_time = Field(1, "double")
    step = Field(2, "int")
    file_version = Field(3, "string", group="what")
    graph_def = Field(4, "bytes", group="what")
    summary = Field(5, Summary, group="what")
    log_message = Field(6, LogMessage, group="what")
    session_log = Field(7, SessionLog, group="what")
    tagged_run_metadata = Field(8, TaggedRunMetadata, group="what")
    meta_graph_def = Field(9, "bytes", group="what")


class NodeExecStatsProto(Message):
    """When one step of a plan ran."""

    NAME = "NodeExecStats"
    node_name = Field(1, "string")
    all_start_micros = Field(2, "int")
    op_start_rel_micros = Field(3, "int")
    op_end_rel_micros = Field(4, "int")
    all_end_rel_micros = Field(5, "int")
    timeline_label = Field(8, "string")


class DeviceStepStatsProto(Message):
    """The steps of one device."""

    NAME = "DeviceStepStats"
    device = Field(1, "string")
    node_stats = Field(2, NodeExecStatsProto, repeated=True)


class StepStatsProto(Message):
    """The steps of a run, by device."""

    NAME = "StepStats"
    dev_stats = Field(1, DeviceStepStatsProto, repeated=True)


class RunMetadataProto(Message):
    """What a traced run reports."""

    NAME = "RunMetadata"
    step_stats = Field(1, StepStatsProto)


def to_run_metadata(metadata: RunMetadata) -> RunMetadataProto:
    """Return what a traced run reports as TensorFlow's message."""
    names = [name for name in NodeExecStatsProto.FIELDS if name != "node_name"]
    devices = []
    for device in metadata.step_stats.dev_stats:
        nodes = [
            NodeExecStatsProto(node_name=stats.node_name, **{name: getattr(stats, name) for name in names}) for stats in device.node_stats
        ]
        devices.append(DeviceStepStatsProto(device=device.device, node_stats=nodes))
    return RunMetadataProto(step_stats=StepStatsProto(dev_stats=devices))


def serialized(message: Any) -> bytes:
    """Return the bytes of a message, which may be bytes already."""
    return bytes(message) if isinstance(message, (bytes, bytearray)) else bytes(message.SerializeToString())
