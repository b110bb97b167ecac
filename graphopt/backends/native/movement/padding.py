"""Lowerings of borders, mirrored or constant, and of the gradients that put a part into zeros."""

from __future__ import annotations

import math

import numpy as np

from graphopt.backends.native.host import Host
from graphopt.backends.native.kernel import Call, Pointer
from graphopt.backends.native.lowering import NotLowered, lowers
from graphopt.backends.native.movement.filling import constant_fill_call, pad_call
from graphopt.backends.native.movement.located import located_calls, part_at_zero, part_starts, slice_at_zero
from graphopt.backends.native.movement.views import constant_of, copy_calls, element_bytes, layout_array, region_of, sliced, whole_region
from graphopt.ir.node import Node
from graphopt.ops.elementwise import ones_as, zeros_as
from graphopt.ops.indexing import strided_slice_gradient
from graphopt.ops.padding import mirror_pad_op, pad_op, pad_value_op, place_op


@lowers(zeros_as, ones_as)
def lower_fill_like(node: Node, host: Host) -> list[Call]:
    """Return the call that writes zeros or ones."""
    size = element_bytes(node)
    bits = np.ones(1, node.dtype.np).view(f"u{size}") if node.op is ones_as else [0]
    return zero_calls(node, int(bits[0]))


def zero_calls(node: Node, bits: int = 0) -> list[Call]:
    """Return the calls that write zeros, or an element given by its bits, over a result."""
    count = math.prod(node.shape)
    return [constant_fill_call(Pointer(node), count, element_bytes(node), bits)] if count else []


def _pad_calls(node: Node, source: Node, borders: list[tuple[int, int]], value: Node | None = None) -> list[Call]:
    if 0 in node.shape:
        return []
    address = None if value is None else Pointer(value)
    return [pad_call(Pointer(source), source.shape, Pointer(node), borders, element_bytes(node), address)]


@lowers(pad_op, pad_value_op)
def lower_pad(node: Node, host: Host) -> list[Call]:
    """Return the call that copies the operand into a border."""
    borders = [(before, after) for before, after in constant_of(node.inputs[1]).tolist()]
    return _pad_calls(node, node.inputs[0], borders, node.inputs[2] if node.op is pad_value_op else None)


@lowers(place_op)
def lower_place(node: Node, host: Host) -> list[Call]:
    """Return the call that copies the operand into zeros of another operand's shape."""
    h, _, begin = node.inputs
    if not begin.is_constant:
        starts = part_starts(node.shape, h.shape)
        part = part_at_zero(node, h.shape)
        return [*zero_calls(node), *located_calls(part, whole_region(h), begin, starts, "target", checks=False)]
    first = begin.value.tolist()
    borders = [(before, whole - before - size) for before, whole, size in zip(first, node.shape, h.shape, strict=True)]
    if any(after < 0 for border in borders for after in border):
        raise NotLowered("the part does not lie inside of the whole")
    return _pad_calls(node, h, borders)


@lowers(strided_slice_gradient)
def lower_slice_gradient(node: Node, host: Host) -> list[Call]:
    """Return the calls that write zeros and copy the gradient to where the slice was taken."""
    constant_of(node.inputs[0])
    whole, g = layout_array(node.shape), node.inputs[4]
    if not (node.inputs[1].is_constant and node.inputs[2].is_constant):
        region, starts = slice_at_zero(node, node.inputs[1:4], node.attributes)
        return [*zero_calls(node), *located_calls(region, whole_region(g), node.inputs[1], starts, "target", checks=False)]
    view = sliced(whole, node.inputs[1:4], node.attributes)
    if view.shape != g.shape:
        raise NotLowered("the gradient is broadcast over the slice")
    region = region_of(node, view, whole)
    if region.offset == 0 and view.size == whole.size and view.strides == layout_array(g.shape).strides:
        return copy_calls(whole_region(g), region)
    return [*zero_calls(node), *copy_calls(whole_region(g), region)]


@lowers(mirror_pad_op)
def lower_mirror_pad(node: Node, host: Host) -> list[Call]:
    """Return the copy of the operand, then for each axis the copies of its mirror images out of the result itself."""
    x, borders = node.inputs[0], constant_of(node.inputs[1]).tolist()
    edge = node.attributes["mode"] == "reflect"
    for size, border in zip(x.shape, borders, strict=True):
        if 0 < max(border) > size - edge:
            raise NotLowered("the border is larger than the image")
    whole = layout_array(node.shape)
    inner = [slice(before, before + size) for size, (before, _) in zip(x.shape, borders, strict=True)]
    calls = copy_calls(whole_region(x), region_of(node, whole[tuple(inner)], whole))
    for axis, (size, (before, after)) in enumerate(zip(x.shape, borders, strict=True)):
        done = [slice(None)] * axis
        for image, border in _mirrored(before, size, after, edge):
            source, target = (whole[(*done, part, *inner[axis + 1 :])] for part in (image, border))
            calls += copy_calls(region_of(node, np.flip(source, axis), whole), region_of(node, target, whole))
    return calls


def _mirrored(before: int, size: int, after: int, edge: bool) -> list[tuple[slice, slice]]:
    """Return for both borders of an axis the image and the border, as slices of the result."""
    end = before + size
    return [
        (slice(before + edge, 2 * before + edge), slice(0, before)),
        (slice(end - edge - after, end - edge), slice(end, end + after)),
    ]
