"""Hyper-parameters of a run, as TensorBoard's HParams page reads them."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np

from graphopt.errors import ArgumentTypeError
from graphopt.ops.summary_message import Field, Message
from graphopt.ops.summary_proto import Summary
from graphopt.ops.summary_tensor import PluginData, SummaryMetadata, TensorProto, TensorShapeProto

START_TAG = "_hparams_/session_start_info"
END_TAG = "_hparams_/session_end_info"
# How a run ended.
SUCCESS, FAILURE = 1, 2


class HParamValue(Message):
    """A number, text or truth value."""

    NAME = "Value"
    number_value = Field(2, "double", group="kind")
    string_value = Field(3, "string", group="kind")
    bool_value = Field(4, "bool", group="kind")


class SessionStartInfo(Message):
    """The hyper-parameters of a run, and when it began."""

    hparams = Field(1, HParamValue, keyed=True)
    model_uri = Field(2, "string")
    monitor_url = Field(3, "string")
    group_name = Field(4, "string")
    start_time_secs = Field(5, "double")


class SessionEndInfo(Message):
    """How and when a run ended."""

    status = Field(1, "int")
    end_time_secs = Field(2, "double")


class HParamsPluginData(Message):
    """What the HParams page keeps with a summary."""

    version = Field(1, "int")
    session_start_info = Field(3, SessionStartInfo, group="data")
    session_end_info = Field(4, SessionEndInfo, group="data")


def to_value(name: str, value: Any) -> HParamValue:
    """Return a hyper-parameter's value.

    Raises:
      TypeError: for None, arrays and other values that are not single.
    """
    if isinstance(value, (np.ndarray, np.generic)) and np.ndim(value) == 0:
        value = value.item()
    if isinstance(value, bool):
        return HParamValue(bool_value=value)
    if isinstance(value, numbers.Real):
        return HParamValue(number_value=float(value))
    if isinstance(value, (str, bytes)):
        return HParamValue(string_value=value)
    raise ArgumentTypeError(f"The hyper-parameter {name!r} must be a number, a text or a truth value, got {value!r} of {type(value)}.")


def start_summary(hparams: Mapping[str, Any], start_time: float, group_name: str = "") -> Summary:
    """Return the summary that says which hyper-parameters a run has.

    >>> summary = start_summary({"learning_rate": 0.1, "optimizer": "Adam"}, 0.0)
    >>> data = HParamsPluginData.FromString(summary.value[0].metadata.plugin_data.content)
    >>> data.session_start_info.hparams["learning_rate"].number_value
    0.1
    """
    values = {str(name): to_value(str(name), value) for name, value in hparams.items()}
    info = SessionStartInfo(hparams=values, group_name=group_name, start_time_secs=start_time)
    return _summary(START_TAG, HParamsPluginData(session_start_info=info))


def end_summary(status: int, end_time: float) -> Summary:
    """Return the summary that says how a run ended."""
    return _summary(END_TAG, HParamsPluginData(session_end_info=SessionEndInfo(status=status, end_time_secs=end_time)))


def _summary(tag: str, data: HParamsPluginData) -> Summary:
    metadata = SummaryMetadata(plugin_data=PluginData(plugin_name="hparams", content=data.SerializeToString()))
    nothing = TensorProto(dtype=1, tensor_shape=TensorShapeProto.of((0,)))
    return Summary([Summary.Value(tag=tag, tensor=nothing, metadata=metadata)])


def read_hparams(metadata: SummaryMetadata) -> dict[str, Any]:
    """Return the hyper-parameters of the summary that begins a run; none of any other."""
    data = HParamsPluginData.FromString(metadata.plugin_data.content)
    found = data.session_start_info.hparams.items()
    return {name: getattr(value, value.WhichOneof("kind") or "string_value") for name, value in found}
