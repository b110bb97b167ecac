"""Tensors and the metadata of a summary, as TensorFlow's protocol buffers ``TensorProto`` and ``SummaryMetadata``."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphopt import dtypes
from graphopt.ops.summary_message import Field, Message

_STRING = dtypes.string.as_datatype_enum
_BY_ENUM = {dtype.as_datatype_enum: dtype for dtype in dtypes.ALL}
_LITERALS = ("half_val", "float_val", "double_val", "int_val", "int64_val", "bool_val", "uint32_val", "uint64_val")


class TensorDimension(Message):
    """One size of a shape: -1 when it isn't known."""

    NAME = "Dim"
    size = Field(1, "int")
    name = Field(2, "string")


class TensorShapeProto(Message):
    """A shape.

    >>> TensorShapeProto.of((2, None)).dim[1].size
    -1
    """

    Dim = TensorDimension
    dim = Field(2, TensorDimension, repeated=True)
    unknown_rank = Field(3, "bool")

    @classmethod
    def of(cls, shape: Any) -> TensorShapeProto:
        """Return the message of a shape: sizes, None for unknown ones; or None when nothing is known."""
        if shape is None:
            return cls(unknown_rank=True)
        return cls(dim=[TensorDimension(size=-1 if size is None else size) for size in shape])


class TensorProto(Message):
    """An array.

    >>> TensorProto.of(np.array([1.5, 2.0])).to_array().tolist()
    [1.5, 2.0]
    """

    dtype = Field(1, "int")
    tensor_shape = Field(2, TensorShapeProto)
    version_number = Field(3, "int")
    tensor_content = Field(4, "bytes")
    float_val = Field(5, "float", repeated=True)
    double_val = Field(6, "double", repeated=True)
    int_val = Field(7, "int", repeated=True)
    string_val = Field(8, "bytes", repeated=True)
    int64_val = Field(10, "int", repeated=True)
    bool_val = Field(11, "bool", repeated=True)
    half_val = Field(13, "int", repeated=True)
    uint32_val = Field(16, "int", repeated=True)
    uint64_val = Field(17, "int", repeated=True)

    @classmethod
    def of(cls, value: Any) -> TensorProto:
        """Return the message of an array: its bytes, or its strings one by one."""
        array = np.asarray(value)
        made = cls(tensor_shape=TensorShapeProto.of(array.shape))
        if array.dtype.kind in "OSU":
            made.dtype = _STRING
            made.string_val = array.reshape(-1).tolist()
        else:
            made.dtype = dtypes.as_dtype(array.dtype).as_datatype_enum
            made.tensor_content = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).tobytes()
        return made

    def to_array(self) -> np.ndarray[Any, Any]:
        """Return the array; strings as an array of `bytes` objects.

        Raises:
          ValueError: when the element type is none of graphopt's, or the content does not fit the shape.
        """
        shape = tuple([dimension.size for dimension in self.tensor_shape.dim])
        if self.dtype == _STRING:
            found = np.empty(len(self.string_val), object)
            found[:] = self.string_val
            return found.reshape(shape)
        if self.dtype not in _BY_ENUM:
            raise ValueError(f"A tensor has the element type {self.dtype}, which is not known.")
        dtype = _BY_ENUM[self.dtype].np
        if self.tensor_content:
            return np.frombuffer(self.tensor_content, dtype.newbyteorder("<")).astype(dtype).reshape(shape)
        return self._filled(shape, dtype)

    def _filled(self, shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
        """Return the array of single values, of which the last is repeated."""
        values: Any = next((self._set[name] for name in _LITERALS if self._set.get(name)), [0])
        given = np.asarray(values, np.uint16).view(np.float16) if self._set.get("half_val") and dtype.kind == "f" else np.asarray(values)
        whole = np.full(int(np.prod(shape)), given[-1], dtype)
        whole[: given.size] = given[: whole.size]
        return whole.reshape(shape)


class PluginData(Message):
    """Which of TensorBoard's pages shows a summary, and what that page keeps with it."""

    plugin_name = Field(1, "string")
    content = Field(2, "bytes")


class SummaryMetadata(Message):
    """What is said of a tag once: its page, name and description.

    >>> SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text")).plugin_data.plugin_name
    'text'
    """

    PluginData = PluginData
    plugin_data = Field(1, PluginData)
    display_name = Field(2, "string")
    summary_description = Field(3, "string")
    data_class = Field(4, "int")


class SummaryDescription(Message):
    """A hint on how to show a tensor."""

    type_hint = Field(1, "string")
