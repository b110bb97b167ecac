"""Recording summaries: their names and tags, and the collection they enter."""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from graphopt.graph.collections import GraphKeys
from graphopt.graph.graph import convert_to_tensor, get_default_graph
from graphopt.graph.operation import Tensor
from graphopt.graph.scopes import name_scope
from graphopt.ops.summary import histogram_summary, merge_summary, scalar_summary

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
      A scalar tensor whose value is a `Summary`.

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
      A scalar tensor whose value is a `Summary`.

    Raises:
      InvalidArgumentError: while running, when an element is NaN or infinite.

    Example:
      >>> tf.Session().run(tf.summary.histogram("w", tf.constant([1.0, 3.0]))).value[0].histo.sum
      4.0
    """
    with _tagged(name, family, values) as (tag, scope):
        tensor = convert_to_tensor(values, name="values")
        summary: Tensor = histogram_summary(tensor, tag=tag, op_name=scope.rstrip("/"), name=scope)
        return _collect(summary, collections, [GraphKeys.SUMMARIES])


def merge(inputs: Sequence[Any], collections: Iterable[Any] | None = None, name: str | None = None) -> Tensor:
    """Record a summary with the values of several.

    Args:
      inputs: results of summary functions. collections: names of the collections it enters (none by default).
      name: name of the operation.

    Raises:
      InvalidArgumentError: while running, when two have the same tag.

    Example:
      >>> parts = [tf.summary.scalar("a", 1.0), tf.summary.scalar("b", 2.0)]
      >>> [value.tag for value in tf.Session().run(tf.summary.merge(parts)).value]
      ['a', 'b']
    """
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
