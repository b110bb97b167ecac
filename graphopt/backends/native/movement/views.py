"""Where a view of a value stands in its memory, found by taking the view of an array of which only the layout matters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from graphopt.backends.native.emitter import bytes_of
from graphopt.backends.native.kernel import Call, Pointer
from graphopt.backends.native.lowering import NotLowered, element_type
from graphopt.backends.native.movement.strided_copy import strided_copy_call
from graphopt.ir.node import Node
from graphopt.ops.indexing import to_index

Array = np.ndarray[Any, Any]


class Region(NamedTuple):
    """Elements of a value.

    Attributes:
      node: the value. shape: sizes of the region. strides: elements between neighbours along each dimension.
      offset: elements before the region's first one.
    """

    node: Node
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    offset: int

    @property
    def pointer(self) -> Pointer:
        """The address of the first element."""
        return Pointer(self.node, self.offset * element_bytes(self.node))


def element_bytes(node: Node) -> int:
    """Return the size of an element of the node's (first) result; NotLowered for strings."""
    return bytes_of(element_type(node))


def layout_array(shape: Sequence[int]) -> Array:
    """Return an array of this shape with elements of one byte: views of it show strides and offsets in elements. It is never read."""
    return np.empty(tuple(shape), np.int8)


def region_of(node: Node, view: Array, whole: Array) -> Region:
    """Return the elements of a value that a view shows.

    Args:
      node: the value. view: a view of `whole`. whole: a `layout_array` of the value's shape.

    Raises:
      NotLowered: when it is no view.
    """
    if view.size and not np.may_share_memory(view, whole):
        raise NotLowered("the result is no view of the operand")
    offset = view.__array_interface__["data"][0] - whole.__array_interface__["data"][0]
    return Region(node, view.shape, view.strides, offset if view.size else 0)


def whole_region(node: Node) -> Region:
    """Return all elements of a value."""
    array = layout_array(node.shape)
    return region_of(node, array, array)


def sliced(whole: Array, bounds: Sequence[Node], masks: Mapping[str, int]) -> Array:
    """Return the view that a strided slice shows.

    Args:
      whole: the array. bounds: begin, end and strides, which have to be constants. masks: the op's attributes.
    """
    index = to_index(*[constant_of(operand).tolist() for operand in bounds], **masks)
    view: Array = whole[index if Ellipsis in index else (*index, Ellipsis)]
    return view


def copy_calls(source: Region, target: Region) -> list[Call]:
    """Return the calls that copy a region to one of the same shape; none for an empty one."""
    if source.shape != target.shape:
        raise AssertionError(f"a region of shape {source.shape} does not fit one of shape {target.shape}")
    if 0 in source.shape:
        return []
    return [strided_copy_call(source.pointer, source.strides, target.pointer, target.strides, source.shape, element_bytes(target.node))]


def constant_of(node: Node) -> Array:
    """Return the value of an operand that must be known when code is made.

    Raises:
      NotLowered: when it is computed by the program.
    """
    if not node.is_constant:
        raise NotLowered("where elements go is known only when the program runs")
    return node.value
