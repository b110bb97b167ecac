"""Recording summaries: their names and tags, and the collection they enter."""

from __future__ import annotations

import contextlib
import json
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from graphopt import dtypes
from graphopt.errors import ArgumentError, ArgumentTypeError
from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.operation import Operation, Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ops.summary import audio_summary, histogram_summary, image_summary, merge_summary, scalar_summary
from graphopt.ops.summary import tensor_summary as tensor_summary_op
from graphopt.ops.summary_tensor import SummaryDescription, SummaryMetadata

_LOG = logging.getLogger("graphopt")
_ILLEGAL = re.compile(r"[^-/\w.]")


def clean_tag(name: str | None) -> str | None:
    """Return a name with the characters that none may have replaced by ``_``, and without slashes at its beginning.

    >>> clean_tag("/loss (train)")
    'loss__train_'
    """
    if name is None:
        return None
    cleaned = _ILLEGAL.sub("_", name).lstrip("/")
    if cleaned != name:
        _LOG.info("Summary name %s is illegal; using %s instead.", name, cleaned)
    return cleaned


@contextlib.contextmanager
def _tagged(name: str, family: str | None, values: Any) -> Iterator[tuple[str, str]]:
    """Enter the scope of a summary; yields its tag and its name."""
    base, group = clean_tag(name), clean_tag(family)
    with name_scope(base if group is None else f"{group}/{base}", values=[values]) as scope:
        own = scope.rstrip("/")
        yield (own if group is None else f"{group}/{own}"), scope


def _collect(summary: Tensor, collections: Iterable[Any] | None, default: Sequence[str]) -> Tensor:
    for key in default if collections is None else collections:
        get_default_graph().root.add_to_collection(key, summary)
    return summary


def scalar(name: str, tensor: Any, collections: Iterable[Any] | None = None, family: str | None = None) -> Tensor:
    """Record a summary of one number.

    Args:
      name: its name in the current name scope; with the scope it becomes the tag. tensor: a scalar.
      collections: names of the collections it enters (SUMMARIES by default). family: a first part of the tag.

    Returns:
      A scalar tensor whose value is the bytes of a `Summary`.

    Raises:
      InvalidArgumentError: while running, when the tensor is no scalar.

    Example:
      >>> tf.Session().run(tf.summary.scalar("loss", tf.constant(0.5))).value[0].simple_value
      0.5
    """
    with _tagged(name, family, tensor) as (tag, scope):
        summary: Tensor = scalar_summary(convert_to_tensor(tensor, name="values"), tag=tag, name=scope)
        return _collect(summary, collections, [GraphKeys.SUMMARIES])


def histogram(name: str, values: Any, collections: Iterable[Any] | None = None, family: str | None = None) -> Tensor:
    """Record a summary of how the elements of a tensor are distributed.

    Args:
      name: its name in the current name scope; with the scope it becomes the tag. values: numbers of any shape.
      collections: names of the collections it enters (SUMMARIES by default). family: a first part of the tag.

    Returns:
      A scalar tensor whose value is the bytes of a `Summary`.

    Elements that are NaN or infinite are left out; if there are any, their number is a second value of the summary, with the tag
    ``<tag>/non_finite``. (TensorFlow stops the run with an error instead.)

    Example:
      >>> tf.Session().run(tf.summary.histogram("w", tf.constant([1.0, 3.0]))).value[0].histo.sum
      4.0
      >>> [value.tag for value in tf.Session().run(tf.summary.histogram("g", [1.0, np.nan])).value]
      ['g', 'g/non_finite']
    """
    with _tagged(name, family, values) as (tag, scope):
        summary: Tensor = histogram_summary(convert_to_tensor(values, name="values"), tag=tag, name=scope)
        return _collect(summary, collections, [GraphKeys.SUMMARIES])


def _check_count(count: Any, attribute: str, op: str) -> None:
    if count < 1:
        raise ArgumentError(f"Attr '{attribute}' of '{op}' Op passed {count} less than minimum 1.")


def image(name: str, tensor: Any, max_outputs: int = 3, collections: Iterable[Any] | None = None, family: str | None = None) -> Tensor:
    """Record a summary of pictures.

    Floats are scaled picture by picture: without negative values the largest becomes 255; otherwise 0 becomes 128, and the value farthest
    from it 1 or 255. A pixel with NaN or an infinity is red.

    Args:
      name: its name in the current name scope; with the scope, and ``/image`` or ``/image/i`` after it, it becomes the tag.
      tensor: ``[batch, height, width, channels]`` of uint8 or floats; channels are 1 (grey), 3 (RGB) or 4 (RGBA).
      max_outputs: how many pictures of the batch at most.
      collections: names of the collections it enters (SUMMARIES by default). family: a first part of the tag.

    Returns:
      A scalar tensor whose value is the bytes of a `Summary`.

    Raises:
      TypeError: for another element type. ValueError: when `max_outputs` is less than 1.
      InvalidArgumentError: while running, for another shape.

    Example:
      >>> summary = tf.Session().run(tf.summary.image("input", tf.zeros([2, 4, 5, 3])))
      >>> [(value.tag, value.image.width) for value in summary.value]
      [('input/image/0', 5), ('input/image/1', 5)]
    """
    _check_count(max_outputs, "max_images", "ImageSummary")
    with _tagged(name, family, tensor) as (tag, scope):
        summary: Tensor = image_summary(convert_to_tensor(tensor, name="tensor"), tag=tag, max_images=max_outputs, name=scope)
        return _collect(summary, collections, [GraphKeys.SUMMARIES])


def audio(
    name: str,
    tensor: Any,
    sample_rate: Any,
    max_outputs: int = 3,
    collections: Iterable[Any] | None = None,
    family: str | None = None,
) -> Tensor:
    """Record a summary of sounds, as WAV files with 16 bits a sample.

    Args:
      name: its name in the current name scope; with the scope, and ``/audio`` or ``/audio/i`` after it, it becomes the tag.
      tensor: float32 ``[batch, frames, channels]`` or ``[batch, frames]`` between -1 and 1.
      sample_rate: in hertz, a number or a scalar tensor.
      max_outputs: how many sounds of the batch at most.
      collections: names of the collections it enters (SUMMARIES by default). family: a first part of the tag.

    Returns:
      A scalar tensor whose value is the bytes of a `Summary`.

    Raises:
      ValueError: when `max_outputs` is less than 1. InvalidArgumentError: while running, for another shape or a rate that isn't positive.

    Example:
      >>> tf.Session().run(tf.summary.audio("voice", tf.zeros([1, 80]), 8000, max_outputs=1)).value[0].audio.length_frames
      80
    """
    _check_count(max_outputs, "max_outputs", "AudioSummaryV2")
    with _tagged(name, family, tensor) as (tag, scope):
        rate = convert_to_tensor(sample_rate, dtype=dtypes.float32, name="sample_rate")
        summary: Tensor = audio_summary(convert_to_tensor(tensor, name="tensor"), rate, tag=tag, max_outputs=max_outputs, name=scope)
        return _collect(summary, collections, [GraphKeys.SUMMARIES])


def tensor_summary(
    name: str,
    tensor: Any,
    summary_description: str | None = None,
    collections: Iterable[Any] | None = None,
    summary_metadata: Any = None,
    family: str | None = None,
    display_name: str | None = None,
) -> Tensor:
    """Record a summary of a whole tensor.

    Args:
      name: its name in the current name scope; with the scope it becomes the tag. tensor: any tensor.
      summary_description: what it is, in Markdown. display_name: the name that TensorBoard shows.
      collections: names of the collections it enters (SUMMARIES by default).
      summary_metadata: a `SummaryMetadata` that says which of TensorBoard's pages shows it. family: a first part of the tag.

    Returns:
      A scalar tensor whose value is the bytes of a `Summary`.

    Example:
      >>> summary = tf.Session().run(tf.summary.tensor_summary("confusion", tf.eye(2)))
      >>> summary.value[0].tensor.to_array().tolist()
      [[1.0, 0.0], [0.0, 1.0]]
    """
    metadata = SummaryMetadata()
    if summary_metadata is not None:
        metadata.CopyFrom(summary_metadata)
    if summary_description is not None:
        metadata.summary_description = summary_description
    if display_name is not None:
        metadata.display_name = display_name
    with _tagged(name, family, tensor) as (tag, scope):
        kept = metadata.SerializeToString()
        summary: Tensor = tensor_summary_op(convert_to_tensor(tensor, name="tensor"), tag=tag, metadata=kept, name=scope)
        return _collect(summary, collections, [GraphKeys.SUMMARIES])


def text(name: str, tensor: Any, collections: Iterable[Any] | None = None) -> Tensor:
    """Record a summary of texts, which TensorBoard shows as Markdown; a matrix of texts is a table.

    Args:
      name: its name in the current name scope; with the scope it becomes the tag. tensor: strings.
      collections: names of the collections it enters (SUMMARIES by default).

    Returns:
      A scalar tensor whose value is the bytes of a `Summary`.

    Raises:
      ValueError: when the tensor does not hold strings.

    Example:
      >>> tf.Session().run(tf.summary.text("note", tf.constant("**hello**"))).value[0].tensor.string_val
      [b'**hello**']
    """
    made = convert_to_tensor(tensor)
    if made.dtype is not dtypes.string:
        raise ArgumentError(f"Expected tensor {made.name} to have dtype string, got {made.dtype}")
    metadata = SummaryMetadata(plugin_data=SummaryMetadata.PluginData(plugin_name="text"))
    return tensor_summary(name, made, collections=collections, summary_metadata=metadata)


def get_summary_description(node_def: Any) -> SummaryDescription:
    """Return the hint that an old ``TensorSummary`` node carries in its attribute ``description``, as JSON.

    Args:
      node_def: a node of a `GraphDef`, or an operation.

    Raises:
      ValueError: for any other node; what `tensor_summary` records is a ``TensorSummaryV2``, which has none.

    Example:
      >>> node = tf.summary.NodeDef(name="n", op="TensorSummary")
      >>> node.attr["description"].s = '{"typeHint": "image"}'
      >>> tf.summary.get_summary_description(node).type_hint
      'image'
    """
    kind = node_def.type if isinstance(node_def, Operation) else node_def.op
    if kind != "TensorSummary":
        raise ArgumentError(f"Can't get_summary_description on {kind}")
    fields = json.loads(node_def.attr["description"].s)
    return SummaryDescription(type_hint=fields.get("typeHint", fields.get("type_hint", "")))


def merge(inputs: Sequence[Any], collections: Iterable[Any] | None = None, name: str | None = None) -> Tensor:
    """Record a summary with the values of several.

    Args:
      inputs: results of summary functions. collections: names of the collections it enters (none by default).
      name: name of the operation.

    Raises:
      TypeError: when they are no list. ValueError: when the list is empty.
      InvalidArgumentError: while running, when two have the same tag.

    Example:
      >>> parts = [tf.summary.scalar("a", 1.0), tf.summary.scalar("b", 2.0)]
      >>> [value.tag for value in tf.Session().run(tf.summary.merge(parts)).value]
      ['a', 'b']
    """
    if not isinstance(inputs, (list, tuple)):
        raise ArgumentTypeError(f"Expected list for 'inputs' argument to 'merge_summary' Op, not {inputs!r}.")
    if not inputs:
        raise ArgumentError("List argument 'inputs' to 'MergeSummary' Op with length 0 shorter than minimum length 1.")
    cleaned = clean_tag(name)
    with name_scope(cleaned, "Merge", list(inputs)):
        summary: Tensor = merge_summary(*inputs, name=cleaned)
        return _collect(summary, collections, [])


def merge_all(key: str = GraphKeys.SUMMARIES, scope: str | None = None, name: str | None = None) -> Tensor | None:
    """Record a summary with the values of all summaries of a collection; None when there are none.

    Args:
      key: name of the collection. scope: only those whose name begins with this (a regular expression). name: name of the operation.

    >>> tf.summary.merge_all() is None
    True
    """
    found = get_default_graph().root.get_collection(key, scope)
    return merge(found, name=name) if found else None
